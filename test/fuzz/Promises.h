// Promises.h - what fuzzers of parsers hold them to.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FUZZ_PROMISES_H
#define LLMC_TEST_FUZZ_PROMISES_H

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace llmc::test {

/// A broken promise is a finding.
inline void require(bool promise) {
  if (!promise)
    std::abort();
}

/// Every message is one line without control characters.
inline void requireOneLine(std::string_view message) {
  require(!message.empty());
  for (char c : message)
    require(uint8_t(c) >= 0x20 && c != 0x7f);
}

/// A frontend's Diagnostic, with the file first: the fuzzers' files are called "f".
template <typename Diagnostic> void checkMessage(const Diagnostic &mistake) {
  require(mistake.file == "f");
  requireOneLine(mistake.message);
}

} // namespace llmc::test

#endif // LLMC_TEST_FUZZ_PROMISES_H
