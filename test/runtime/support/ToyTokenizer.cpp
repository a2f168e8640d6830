// ToyTokenizer.cpp - a tokenizer for the toy model, compiled from toy_tokenizer.json.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/support/ToyTokenizer.h"

#include "frontends/text/Tokenizer.h"

#include <cstdio>
#include <cstdlib>

namespace llmc::test {

Bytes toyTokenizer() {
  Result<std::string> section = text::compileTokenizer(LLMC_TEST_TOY_TOKENIZER, "toy_tokenizer.json");
  if (!section) {
    std::fputs(section.error().str().c_str(), stderr);
    std::abort();
  }
  return Bytes(section->begin(), section->end());
}

ToyParts toyPartsWithTokenizer() {
  ToyParts parts = toyParts();
  parts.tokenizer = toyTokenizer();
  return parts;
}

} // namespace llmc::test
