// TextPart.h - how a model keeps its tokenizer and its chat templates.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_CAPI_TEXTPART_H
#define LLMC_RUNTIME_CAPI_TEXTPART_H

#include "runtime/src/session/Model.h"

namespace llmc::runtime {

/// Opens the sections of tokenizer and chat templates, where the model has them, and hangs them on the model, which
/// frees them.
/// @retval LLMC_INVALID_FILE   a section is damaged
/// @retval LLMC_OUT_OF_MEMORY
Status openTextPart(llmc_model &model, Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_CAPI_TEXTPART_H
