// run_model.cpp - llmc-run: runs compiled models on machines that have no compiler, as `llmc run` does.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Runner.h"

int main(int argc, char **argv) { return llmc::runtime::runMain({"llmc-run", nullptr, nullptr}, argc, argv); }
