// IntegerDot.h - products of bytes on x86-64, and what else is one instruction there.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_X86_INTEGERDOT_H
#define LLMC_COMPILER_TARGETS_X86_INTEGERDOT_H

#include "compiler/Targets/Vector/VectorBuilder.h"

namespace llmc::x86 {

using mlir::Value;
using vector_emit::VectorBuilder;

/// TargetBackend::dot() by one instruction, for registers of 256 or 512 bits.
Value dotVNNI(VectorBuilder &b, Value sum, Value numbers, Value activations, unsigned bits);
/// The same of older instructions.
Value dotPairs(VectorBuilder &b, Value sum, Value numbers, Value activations, bool small, unsigned bits);
/// TargetBackend::dotSigned(), for registers of 256 bits.
Value dotSigns(VectorBuilder &b, Value sum, Value numbers, Value activations);
/// TargetBackend::lookUp().
Value shuffleBytes(VectorBuilder &b, Value table, Value codes, unsigned bits);
/// TargetBackend::scaleByPowerOfTwo() with AVX-512.
Value scaleF32(VectorBuilder &b, Value x, Value n);

} // namespace llmc::x86

#endif // LLMC_COMPILER_TARGETS_X86_INTEGERDOT_H
