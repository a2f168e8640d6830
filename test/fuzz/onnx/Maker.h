// Maker.h - ONNX files made up at random: of each operator of the table, with inputs and attributes that mostly fit it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FUZZ_ONNX_MAKER_H
#define LLMC_TEST_FUZZ_ONNX_MAKER_H

#include "test/fuzz/onnx/Fields.h"

namespace llmc::test {

/// How many rows the table of operators has.
size_t countOperators();
/// A model with a node of that row of the table; the same for the same random numbers.
std::string makeModel(size_t row, Random &random);

} // namespace llmc::test

#endif // LLMC_TEST_FUZZ_ONNX_MAKER_H
