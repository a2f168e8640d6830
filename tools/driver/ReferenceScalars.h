// ReferenceScalars.h - slow scalar meaning of the arith and math ops that lowered graphs are made of.
//
// A scalar is its bits: an integer or an index as many as it has, a float in its own format. Functions are the host's,
// in double, rounded once: not the polynomials that compiled code has.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_REFERENCESCALARS_H
#define LLMC_TOOLS_DRIVER_REFERENCESCALARS_H

#include "mlir/IR/Operation.h"

#include <cstdint>

namespace llmc::driver {

/// The format of a scalar.
struct ScalarType {
  enum Kind : uint8_t { Integer, F16, BF16, F32, F64 } kind = Integer;
  uint8_t bits = 64;

  explicit ScalarType() = default;
  /// An index is an integer of 64 bits.
  explicit ScalarType(mlir::Type type);
  unsigned bytes() const { return (bits + 7) / 8; }
};

double toDouble(uint64_t bits, ScalarType type);
/// Rounds to nearest, ties to even.
uint64_t fromDouble(double value, ScalarType type);
int64_t toSigned(uint64_t bits, ScalarType type);
uint64_t fromInteger(int64_t value, ScalarType type);

/// What an op does, made ready once and run often.
struct ScalarCode {
  /// `in` are the operands' bits.
  uint64_t (*run)(const ScalarCode &code, const uint64_t *in) = nullptr;
  ScalarType from, to; ///< of the first operand and of the result
  int64_t detail = 0;  ///< a predicate, say
};

/// Null `run` for an op that is none of them.
ScalarCode scalarCode(mlir::Operation *op);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_REFERENCESCALARS_H
