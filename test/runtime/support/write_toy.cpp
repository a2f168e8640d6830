// write_toy.cpp - writes the toy model to a file, for tests of the command line: write_toy [--tokenizer] OUT [RUNTIME].
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/support/ToyTokenizer.h"

#include <cstdio>
#include <cstring>
#include <sys/stat.h>

int main(int argc, char **argv) {
  using namespace llmc::test;
  bool tokenizer = argc > 1 && !std::strcmp(argv[1], "--tokenizer");
  char **arguments = argv + 1 + tokenizer;
  int count = argc - 1 - tokenizer;
  if (count < 1 || count > 2)
    return std::fprintf(stderr, "usage: %s [--tokenizer] OUT [RUNTIME]\n", argv[0]), 2;
  Bytes container = writeContainer(toySections(tokenizer ? toyPartsWithTokenizer() : toyParts()));
  if (count == 2)
    container = appendToProgram(readFile(arguments[1]), container);
  writeFile(arguments[0], container);
  return chmod(arguments[0], 0755) ? 1 : 0;
}
