// ToyTokenizer.h - a tokenizer for the toy model: bytes, and seven tokens more.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_RUNTIME_SUPPORT_TOYTOKENIZER_H
#define LLMC_TEST_RUNTIME_SUPPORT_TOYTOKENIZER_H

#include "test/runtime/support/ContainerWriter.h"

namespace llmc::test {

/// A byte-level tokenizer section: ids 0 to 255 are bytes, 256 `<bos>` (put before every text), 257 `<eos>`, 258 "th",
/// 259 "he", 260 "the", 261 " the", 262 "é".
Bytes toyTokenizer();

/// The toy model with that tokenizer.
ToyParts toyPartsWithTokenizer();

/// Its chat template, compiled: `<bos>`, then `ROLE:CONTENT<eos>` for each message, then `assistant:`. It refuses a
/// message "refuse", fails on "fail", and has a second template "shout".
Bytes toyChatTemplates();

} // namespace llmc::test

#endif // LLMC_TEST_RUNTIME_SUPPORT_TOYTOKENIZER_H
