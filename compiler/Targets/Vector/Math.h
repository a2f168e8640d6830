// Math.h - elementary functions as straight-line vector code.
//
// Compiled code calls no math library: these are the functions models need, built from exactly rounded operations, so
// that a result depends on nothing but its input. Errors are in units in the last place against the exact value,
// measured over the stated range by test/compiler/Targets.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_MATH_H
#define LLMC_COMPILER_TARGETS_VECTOR_MATH_H

#include "compiler/Targets/Vector/VectorBuilder.h"

namespace llmc {
class TargetBackend;
}

namespace llmc::vector_emit {

/// e^x for f32 (scalar or vector). Zero below -87.3, infinity above 88.7; NaN for NaN. Within 1 ulp between.
Value emitExp(VectorBuilder &b, Value x);
/// The same bits for x <= 0 or NaN, in fewer instructions: what softmax needs.
Value emitExpOfNonPositive(VectorBuilder &b, const TargetBackend &backend, Value x);

/// tanh(x) for f32, odd, within 2 ulp.
Value emitTanh(VectorBuilder &b, Value x);

/// The error function for f32, odd, within 3 ulp.
Value emitErf(VectorBuilder &b, Value x);

/// Sine and cosine of f64 values with |x| < 2^30, absolute error below 1e-15: enough to round to f32 almost always
/// right.
std::pair<Value, Value> emitSinCos(VectorBuilder &b, Value x);

/// Clones the scalar ops of `body` (arith and math on f32) as ops on vectors of `lanes` f32, with the block's arguments
/// bound to `arguments`; returns the values yielded.
llvm::SmallVector<Value> emitScalarBody(VectorBuilder &b, mlir::Block &body, ValueRange arguments, int64_t lanes);

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_MATH_H
