// write_toy.cpp - writes the toy model to a file, for tests of the command line: write_toy OUT [RUNTIME].
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/support/ContainerWriter.h"

#include <cstdio>
#include <sys/stat.h>

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3)
    return std::fprintf(stderr, "usage: %s OUT [RUNTIME]\n", argv[0]), 2;
  llmc::test::Bytes container = llmc::test::toyContainer();
  if (argc == 3)
    container = llmc::test::appendToProgram(llmc::test::readFile(argv[2]), container);
  llmc::test::writeFile(argv[1], container);
  return chmod(argv[1], 0755) ? 1 : 0;
}
