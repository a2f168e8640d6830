// TextStatus.h - how a call of the text code ended.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TEXTSTATUS_H
#define LLMC_RUNTIME_SRC_TEXT_TEXTSTATUS_H

#include <cstdint>

namespace llmc::runtime {

enum class TextStatus : uint32_t {
  Ok = 0,
  BadSection = 1,  ///< The tokenizer section is damaged or of another version.
  OutOfMemory = 2, ///< Nothing was lost but the call's own result.
  TooLong = 3,     ///< More than 1 GiB of text in one call.
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_TEXTSTATUS_H
