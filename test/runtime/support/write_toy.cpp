// write_toy.cpp - writes the toy model to a file, for tests of the command line: write_toy [--tokenizer|--chat] OUT
// [RUNTIME].
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/support/ToyTokenizer.h"

#include <cstdio>
#include <cstring>
#include <sys/stat.h>

int main(int argc, char **argv) {
  using namespace llmc::test;
  bool chat = argc > 1 && !std::strcmp(argv[1], "--chat");
  bool tokenizer = chat || (argc > 1 && !std::strcmp(argv[1], "--tokenizer"));
  char **arguments = argv + 1 + tokenizer;
  int count = argc - 1 - tokenizer;
  if (count < 1 || count > 2)
    return std::fprintf(stderr, "usage: %s [--tokenizer|--chat] OUT [RUNTIME]\n", argv[0]), 2;
  ToyParts parts = tokenizer ? toyPartsWithTokenizer() : toyParts();
  if (chat)
    parts.chatTemplates = toyChatTemplates();
  Bytes container = writeContainer(toySections(parts));
  if (count == 2)
    container = appendToProgram(readFile(arguments[1]), container);
  writeFile(arguments[0], container);
  return chmod(arguments[0], 0755) ? 1 : 0;
}
