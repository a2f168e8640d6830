// main.cpp - the program `llmc`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/CommandLine.h"

int main(int argc, char **argv) { return llmc::driver::runCommandLine(argc, argv); }
