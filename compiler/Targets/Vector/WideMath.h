// WideMath.h - elementary functions of f64 as straight-line code.
//
// What Math.h says holds here: no math library is called, and a result depends on nothing but its input. Errors are
// relative to the exact value, measured by test/compiler/Targets.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_WIDEMATH_H
#define LLMC_COMPILER_TARGETS_VECTOR_WIDEMATH_H

#include "compiler/Targets/Vector/VectorBuilder.h"

namespace llmc::vector_emit {

/// e^x and e^x - 1, within 1e-15 where the result is a normal number.
Value emitWideExp(VectorBuilder &b, Value x);
Value emitWideExpM1(VectorBuilder &b, Value x);

/// ln x and ln (1 + x), within 1e-15; minus infinity at their pole, NaN below.
Value emitWideLog(VectorBuilder &b, Value x);
Value emitWideLog1p(VectorBuilder &b, Value x);

/// Odd functions, within 2e-15.
Value emitWideTanh(VectorBuilder &b, Value x);
Value emitWideErf(VectorBuilder &b, Value x);
Value emitWideAtan(VectorBuilder &b, Value x);
Value emitWideAsin(VectorBuilder &b, Value x); ///< NaN outside of [-1, 1]
Value emitWideAcos(VectorBuilder &b, Value x); ///< NaN outside of [-1, 1]

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_WIDEMATH_H
