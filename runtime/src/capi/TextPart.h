// TextPart.h - how a model keeps its tokenizer.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_CAPI_TEXTPART_H
#define LLMC_RUNTIME_CAPI_TEXTPART_H

#include "runtime/src/session/Model.h"

namespace llmc::runtime {

/// Opens the tokenizer section, if the model has one, and hangs it on the model, which frees it.
/// @retval LLMC_INVALID_FILE   the section is damaged
/// @retval LLMC_OUT_OF_MEMORY
Status openTextPart(llmc_model &model, Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_CAPI_TEXTPART_H
