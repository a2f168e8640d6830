// Variant.h - choosing the code for this processor.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_ARTIFACT_VARIANT_H
#define LLMC_RUNTIME_ARTIFACT_VARIANT_H

#include "runtime/src/artifact/Artifact.h"

namespace llmc::runtime {

/// The first variant of this architecture whose features are all in `features`; bits this runtime does not know are
/// never there.
/// @retval LLMC_UNSUPPORTED  names what the file needs and what the processor lacks
Status chooseVariant(const Artifact &artifact, uint32_t architecture, uint64_t features, uint32_t &variant,
                     Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_ARTIFACT_VARIANT_H
