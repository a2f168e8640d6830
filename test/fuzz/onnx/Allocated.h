// Allocated.h - how much memory a program has asked for, counted in its allocator.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FUZZ_ONNX_ALLOCATED_H
#define LLMC_TEST_FUZZ_ONNX_ALLOCATED_H

#include <cstddef>

namespace llmc::test {

/// Begins to count anew.
void resetPeak();
/// The most bytes that were in use at once since then, beyond those that were in use at that time. Of one thread only;
/// under AddressSanitizer, which has an allocator of its own, always 0.
size_t peakBytes();

} // namespace llmc::test

#endif // LLMC_TEST_FUZZ_ONNX_ALLOCATED_H
