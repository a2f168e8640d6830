// VectorBuilder.h - what every kernel emitter writes with: addresses, vector loads and stores, loops, fused arithmetic.
//
// Addresses are plain LLVM pointers plus byte offsets, numbers are i64, vectors are builtin vector types; LLVM splits a
// vector wider than the target's registers. All floating-point ops are emitted without fast-math flags: the order of
// sums is part of what an op means.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_VECTOR_VECTORBUILDER_H
#define LLMC_COMPILER_TARGETS_VECTOR_VECTORBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Value.h"

#include <functional>

namespace llmc::vector_emit {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// Lanes of the f32 vectors all kernels work with: a panel's width.
constexpr int64_t kLanes = 16;

enum class CacheLevel { First, Second };

class VectorBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Type f32() { return getF32Type(); }
  Type pointerType();
  mlir::VectorType vec(int64_t lanes, Type element) { return mlir::VectorType::get({lanes}, element); }
  mlir::VectorType vecF32(int64_t lanes = kLanes) { return vec(lanes, getF32Type()); }

  //===-- numbers (i64) ------------------------------------------------------------------------------------------===//
  Value i64(int64_t value);
  Value i32(int32_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value div(Value a, int64_t b); ///< unsigned
  Value div(Value a, Value b);   ///< unsigned
  Value rem(Value a, int64_t b); ///< unsigned
  Value min(Value a, Value b);   ///< signed
  Value max(Value a, Value b);   ///< signed
  Value less(Value a, Value b);  ///< signed, i1
  Value lessEqual(Value a, Value b);
  Value equal(Value a, Value b);
  Value widen(Value i32Value); ///< sign-extended to i64

  //===-- memory -------------------------------------------------------------------------------------------------===//
  /// base + offset bytes.
  Value at(Value base, Value byteOffset);
  Value at(Value base, int64_t byteOffset);
  /// A scalar or vector; `align` in bytes is what the address is known to be a multiple of.
  Value load(Type type, Value pointer, unsigned align = 4);
  void store(Value value, Value pointer, unsigned align = 4);
  Value loadI32(Value pointer) { return load(getI32Type(), pointer); }
  Value loadI64(Value pointer) { return load(getI64Type(), pointer, 8); }
  Value loadPointer(Value pointer) { return load(pointerType(), pointer, 8); }
  /// Memory of the function's frame, 64-byte aligned. Call only at the start of a function.
  Value frame(int64_t bytes);
  /// Asks for the line at `pointer` to be read into a cache.
  void prefetch(Value pointer, CacheLevel level);

  //===-- floats, scalars or vectors -----------------------------------------------------------------------------===//
  Value constant(Type type, double value); ///< f32/f64 or a vector of them, splat
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fdiv(Value a, Value b);
  Value fma(Value a, Value b, Value c); ///< a * b + c, rounded once
  Value fmax(Value a, Value b);         ///< of two numbers; a NaN in b is dropped
  Value sqrt(Value a);
  Value broadcast(Value scalar, int64_t lanes = kLanes);
  /// Lanes `from`, from+step, ... (`count` of them).
  Value lanes(Value vector, int64_t from, int64_t count, int64_t step = 1);
  /// Sum or maximum of all lanes, added pairwise: halves are combined until one is left. Lanes: a power of two.
  Value pairwiseSum(Value vector);
  Value pairwiseMax(Value vector);
  Value lane(Value vector, int64_t index);

  //===-- control ------------------------------------------------------------------------------------------------===//
  /// for (i = from; i < to; i += step) body(i)
  void forLoop(Value from, Value to, Value step, llvm::function_ref<void(Value)> body);
  void forLoop(Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body);
  /// The same with carried values: body(i, carried) returns the next ones; returns the last.
  llvm::SmallVector<Value> forLoop(Value from, Value to, int64_t step, ValueRange inits,
                                   llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then);
  void ifThenElse(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise);
};

/// Calls body(column, lanes) for static columns 0 .. columns in vectors of 16, then once for what is left; the columns
/// are C++ constants, for short unrolled runs.
void forColumns(int64_t columns, llvm::function_ref<void(int64_t, int64_t)> body);

} // namespace llmc::vector_emit

#endif // LLMC_COMPILER_TARGETS_VECTOR_VECTORBUILDER_H
