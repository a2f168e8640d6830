// Sweep.h - an ONNX file with one thing changed, in every way in turn.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FUZZ_ONNX_SWEEP_H
#define LLMC_TEST_FUZZ_ONNX_SWEEP_H

#include "test/fuzz/onnx/Fields.h"

#include <functional>

namespace llmc::test {

/// Hands on a file with each input and initializer of each element type, of each rank up to 5 and with each size odd,
/// as an input where it was known and known where it was an input; with each node's inputs left out and exchanged, its
/// outputs more and fewer, its attributes left out, odd and of another kind, and those given that it may have; and in
/// each opset.
void sweep(std::string_view file, const std::function<void(const std::string &)> &handOn);

} // namespace llmc::test

#endif // LLMC_TEST_FUZZ_ONNX_SWEEP_H
