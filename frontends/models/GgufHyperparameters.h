// GgufHyperparameters.h - hyperparameters that all decoders of GGUF files spell the same way.
//
// Free of MLIR: fuzzed. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_GGUFHYPERPARAMETERS_H
#define LLMC_FRONTENDS_MODELS_GGUFHYPERPARAMETERS_H

#include "frontends/models/DecoderConfig.h"
#include "frontends/models/Family.h"

namespace llmc::models {

/// Reads `<architecture>.*` sizes, epsilon and rotary embedding, and the vocabulary's size; refuses what would change
/// the model and is not built (experts, heads of several sizes, partial turning). `layers` all see everything. The
/// result is within its bounds even with a mistake.
DecoderConfig readGgufDecoder(const GgufSource &source, std::string_view architecture);

/// Keys behind "<architecture>." that were not read are a mistake. Call last.
void refuseUnknownGgufKeys(const GgufSource &source, std::string_view architecture);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_GGUFHYPERPARAMETERS_H
