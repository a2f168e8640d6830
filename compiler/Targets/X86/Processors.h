// Processors.h - tables of x86-64 processors for the cost model.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_X86_PROCESSORS_H
#define LLMC_COMPILER_TARGETS_X86_PROCESSORS_H

#include "compiler/Targets/CostModel.h"

namespace llmc::x86 {

/// Those with AVX2 and without AVX-512 or AVX-VNNI; with AVX-VNNI; with AVX-512 and without VNNI; with both.
llvm::ArrayRef<Processor> processorsWithAVX2();
llvm::ArrayRef<Processor> processorsWithAVXVNNI();
llvm::ArrayRef<Processor> processorsWithAVX512();
llvm::ArrayRef<Processor> processorsWithAVX512VNNI();

} // namespace llmc::x86

#endif // LLMC_COMPILER_TARGETS_X86_PROCESSORS_H
