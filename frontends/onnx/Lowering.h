// Lowering.h - what operators' lowerings are written with: elementwise bodies, reductions, reshapes on tensors.
//
// After lowering a tensor has a storage type: integers have no sign, a bool is an i8 of 0 or 1, whatever is narrower
// than a byte has one for each element. Bodies compute in compute types: bool as i1, floats narrower than f32 as f32;
// each result is rounded once.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_LOWERING_H
#define LLMC_FRONTENDS_ONNX_LOWERING_H

#include "frontends/onnx/Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace llmc::onnx_import {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// Floats of a byte and less, which are stored as the bytes that they are.
bool isNarrowFloat(Type element);
/// The storage type of an element type of the onnx dialect, or null where compiled code has none.
Type storageElement(Type element);
mlir::RankedTensorType storageType(mlir::RankedTensorType type);
/// The type that bodies compute an element type in: i1 for bool, i8 for integers of 2 and 4 bits, f32 for floats
/// narrower than that, else itself.
Type computeElement(Type element);
/// The type that functions and sums of reals are computed in: f64 for double, f32 for the rest.
Type realElement(Type element);

class Lowering;

/// What the nodes of an entry share while they are lowered.
struct LoweredGraph {
  explicit LoweredGraph(GraphFacts &facts) : facts(facts) {}
  GraphFacts &facts;
  unsigned depth = 0;              ///< of branches and loops around the node
  llvm::SmallVector<Value> inputs; ///< of the entry, in storage types
  /// The sizes, as numbers, of storage tensors that have open ones.
  llvm::DenseMap<Value, llvm::SmallVector<int64_t>> sizes;
  /// The values of symbols, as far as they are made: for extents that are inputs' or computed by ops.
  llvm::DenseMap<unsigned, Value> symbols;
  llvm::DenseSet<unsigned> checked; ///< conditions
  bool isTooLarge = false;          ///< a tensor in between, as outputs may not be
};

/// Scalar code in a body. Signs come from the onnx element type handed in.
class Body : public mlir::ImplicitLocOpBuilder {
public:
  /// `node` is needed where sizes may be open.
  Body(mlir::Location loc, mlir::OpBuilder &builder, Lowering *node = nullptr)
      : ImplicitLocOpBuilder(loc, builder), node(node) {}
  Lowering *node;

  /// From storage to compute and back; `element` is the onnx element type.
  Value load(Value stored, Type element);
  Value store(Value value, Type element);
  /// A number of a compute type.
  Value number(Type type, double value);
  Value integer(Type type, int64_t value);
  /// A value of one onnx element type as one of another, in compute types, as ONNX's Cast says.
  Value convert(Value value, Type from, Type to);

  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  /// Division; of integers toward zero, and by zero gives 0 rather than a trap.
  Value div(Value a, Value b, Type element);
  Value max(Value a, Value b, Type element); ///< NaN stays
  Value min(Value a, Value b, Type element);
  Value less(Value a, Value b, Type element);
  Value equal(Value a, Value b);
  Value select(Value condition, Value yes, Value no);
  Value exp(Value x);
  /// Of a real that is 0, less or NaN.
  Value expOfNonPositive(Value x);
  Value maxOfNumbers(Value a, Value b, Type element); ///< a NaN may be lost
  /// Between bytes and the floats of a byte or less that they stand for.
  Value decodeNarrow(Value stored, Type element);
  Value encodeNarrow(Value value, Type element, bool saturates);
  /// The element of a captured tensor at indices.
  Value extract(Value tensor, ValueRange indices);
  /// A number, or the value of a size that is open.
  Value index(int64_t value);
  /// A count as a number of a compute type.
  Value count(Type type, int64_t value);
  Value asIndex(Value integer, Type element);

  //===-- places -------------------------------------------------------------------------------------------------===//
  Value both(Value a, Value b);             ///< of two i1
  Value either(Value a, Value b);           ///< of two i1
  Value below(Value a, Value b);            ///< a < b, indices
  Value same(Value a, Value b);             ///< a == b, indices
  Value inside(Value place, int64_t size);  ///< 0 <= place < size
  Value clamped(Value place, int64_t size); ///< to [0, size - 1]; 0 where there are none
  Value divided(Value place, int64_t by);   ///< of a place that is not negative
  Value rest(Value place, int64_t by);      ///< of a place that is not negative
  /// The whole number at or below a real one as an index. Kept within +-2^40, and NaN is -2^40: never undefined.
  Value floorIndex(Value real);
  /// An index as a real number.
  Value real(Value index, Type type);
  /// A real number as one of `element`: rounded to even and kept in range where that is an integer.
  Value saturated(Value real, Type element);

  //===-- loops --------------------------------------------------------------------------------------------------===//
  using Turn = llvm::function_ref<llvm::SmallVector<Value>(Body &, Value, ValueRange)>;
  using Turns = llvm::function_ref<llvm::SmallVector<Value>(Body &, ValueRange, ValueRange)>;
  /// for (i = low; i < high; ++i) carried = turn(i, carried).
  llvm::SmallVector<Value> loop(Value low, Value high, ValueRange carried, Turn turn);
  /// All places of a shape in order, the last dimension fastest.
  llvm::SmallVector<Value> loops(llvm::ArrayRef<int64_t> shape, ValueRange carried, Turns turn);
};

/// A node being lowered.
class Lowering : public Node {
public:
  Lowering(mlir::OpBuilder &builder, mlir::Operation *op, ValueRange storage, LoweredGraph &shared);

  mlir::Operation *op;
  LoweredGraph &shared;
  mlir::ImplicitLocOpBuilder b;
  llvm::SmallVector<Value> tensors; ///< the inputs in storage types; null where left out

  /// The type of output i in onnx types.
  mlir::RankedTensorType resultType(unsigned i = 0) const {
    return graph->extents.fromIR(mlir::cast<mlir::RankedTensorType>(op->getResult(i).getType()));
  }
  Type resultElement(unsigned i = 0) const { return resultType(i).getElementType(); }

  /// An operand of an elementwise op: a storage tensor and its onnx element type.
  struct Operand {
    Value tensor;
    Type element;
  };
  Operand input(unsigned i) const { return {tensors[i], elementOf(i)}; }

  //===-- sizes; open ones are numbers of extents -----------------------------------------------------------------===//
  llvm::SmallVector<int64_t> sizesOf(Value tensor) const;
  /// Says which sizes a tensor has that was not made by a function of this class.
  Value sized(Value tensor, llvm::ArrayRef<int64_t> shape);
  /// The value of a size, an index, made at the builder's place.
  Value index(mlir::OpBuilder &builder, int64_t size);
  mlir::OpFoldResult folded(int64_t size);
  llvm::SmallVector<mlir::OpFoldResult> folded(llvm::ArrayRef<int64_t> shape);
  /// The type of a tensor of these sizes: `?` for open ones.
  mlir::RankedTensorType plain(llvm::ArrayRef<int64_t> shape, Type storage) const;
  /// The value of a size that this node's op computes, an index; it is kept within the size's bounds. Where it could be
  /// outside of them the caller learns what it was.
  void define(int64_t size, Value value, bool mayBeOutside = false);
  /// Ends the step where a condition does not hold whose sizes are all there, and was not checked before.
  /// Fails with a message in a branch or loop, which the step cannot end in.
  mlir::LogicalResult checkConditions();

  /// One value a place of `shape`; operands broadcast from the right. `body` gets compute values.
  Value elementwise(llvm::ArrayRef<Operand> operands, llvm::ArrayRef<int64_t> shape, Type element,
                    llvm::function_ref<Value(Body &, ValueRange)> body);
  /// One value a place; `body` gets the place's indices.
  Value generate(llvm::ArrayRef<int64_t> shape, Type element, llvm::function_ref<Value(Body &, ValueRange)> body);
  /// One value a place, `body` gives it as it is stored: for elements that are moved, whatever they are.
  Value moved(llvm::ArrayRef<int64_t> shape, Type storage, llvm::function_ref<Value(Body &, ValueRange)> body);
  /// `old` with each place anew: `body` gets its indices and what it was, as a compute value. What else it reads must
  /// be other tensors; then it happens where `old` is.
  Value update(Value old, Type element, llvm::function_ref<Value(Body &, ValueRange, Value)> body);
  /// The places of a tensor from `first` (empty: 0 everywhere) on, `by` apart (empty: 1), and `whole` with `part` from
  /// `first` on. Slices of no places, which tensor dialect's ops may not begin at the end, are those as well.
  Value slice(Value from, llvm::ArrayRef<int64_t> first, llvm::ArrayRef<int64_t> shape,
              llvm::ArrayRef<int64_t> by = {});
  Value insert(Value part, Value whole, llvm::ArrayRef<int64_t> first);
  /// `part` [...] as place `at` of the first dimension of `whole` [n, ...], and that place.
  Value setPart(Value whole, Value at, Value part);
  Value partOf(Value whole, Value at);

private:
  std::set<unsigned> neededSymbols(int64_t size) const;
  void partBounds(Value whole, Value at, llvm::SmallVector<mlir::OpFoldResult> &offsets,
                  llvm::SmallVector<mlir::OpFoldResult> &sizes, llvm::SmallVector<mlir::OpFoldResult> &strides);

public:
  /// Folds `axes` (ascending, distinct) of an operand, in ascending order of places, from `init` (a compute constant
  /// made by the function). `body` gets the accumulator and the value in the accumulator's compute type. The result has
  /// the remaining dimensions and the storage of `element`; sums of f16 and bf16 are kept in f32 until the end.
  Value reduce(Operand operand, llvm::ArrayRef<int64_t> axes, Type element, llvm::function_ref<Value(Body &)> init,
               llvm::function_ref<Value(Body &, Value, Value)> body);
  /// Turns in order with tensors that each turn changes. `turn` may use all that stands here: its ops go into the loop,
  /// which one thread runs. The last place of a shape comes fastest.
  llvm::SmallVector<Value> inOrder(llvm::ArrayRef<int64_t> shape, ValueRange carried, Body::Turns turn);
  /// The same elements in another shape.
  Value reshape(Value tensor, llvm::ArrayRef<int64_t> shape);
  Value transpose(Value tensor, llvm::ArrayRef<int64_t> order);
  /// A tensor filled with one number.
  Value filled(llvm::ArrayRef<int64_t> shape, Type storage, Value scalar);
  Value filled(llvm::ArrayRef<int64_t> shape, Type element, double number);
  Value empty(llvm::ArrayRef<int64_t> shape, Type storage);
  /// `tensor` with `low` and `high` places of `scalar` (in storage) around it.
  Value pad(Value tensor, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, Value scalar);
  Value storedNumber(Type element, double number);
  /// Elements of a tensor known while compiling.
  Value constant(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> values, unsigned bits = 64);
};

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_LOWERING_H
