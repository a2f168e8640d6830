// Expansion.h - operators of ONNX Runtime, which transformer exports hold, as nodes of ai.onnx.
//
// Each is an expansion in a file of its group: it makes nodes with `op`, whose types are inferred and whose constants
// are folded as if they had stood in the file. So whatever is done with ai.onnx - folding, raising, lowering - is done
// with these as well.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_EXPANSION_H
#define LLMC_FRONTENDS_ONNX_EXPANSION_H

#include "frontends/onnx/Node.h"
#include "mlir/IR/Builders.h"

namespace llmc::onnx_import {

using mlir::Value;

/// One attribute of a node being made.
struct Setting {
  llvm::StringRef name;
  mlir::Attribute value;
};

/// A node being expanded. After a node failed, with a message, `op` makes nothing more and gives null, and `run` fails:
/// what an expansion makes it hands on, and asks types of its inputs only.
class Expander : public Node {
public:
  using Emit = llvm::function_ref<mlir::LogicalResult(const Node &, llvm::SmallVectorImpl<Value> &)>;
  Expander(const Node &node, mlir::OpBuilder &builder, Emit emit) : Node(node), builder(builder), emit(emit) {}

  using Function = mlir::LogicalResult (*)(Expander &node, llvm::SmallVectorImpl<Value> &results);
  /// The outputs of the node, as many as it has.
  mlir::LogicalResult run(Function function, llvm::SmallVectorImpl<Value> &results);

  /// A message on the node; none where a part of it has failed, which has its own.
  mlir::InFlightDiagnostic error() const {
    mlir::InFlightDiagnostic diagnostic = Node::error();
    if (stopped)
      diagnostic.abandon();
    return diagnostic;
  }

  /// A node of the version that holds in `opset`.
  llvm::SmallVector<Value> ops(llvm::StringRef type, llvm::ArrayRef<Value> inputs, llvm::ArrayRef<Setting> settings,
                               unsigned outputs, int64_t opset = 24, llvm::StringRef sizeName = "");
  Value op(llvm::StringRef type, llvm::ArrayRef<Value> inputs, llvm::ArrayRef<Setting> settings = {},
           int64_t opset = 24) {
    return ops(type, inputs, settings, 1, opset)[0];
  }
  Value input(unsigned i) const { return has(i) ? inputs[i] : Value(); }
  /// Whether a node could not be made, which has been said.
  bool hasFailed() const { return stopped; }
  /// Whether an output is asked for.
  bool wants(unsigned output) const { return output < numOutputs; }

  Setting set(llvm::StringRef name, int64_t value);
  Setting set(llvm::StringRef name, double value);
  Setting set(llvm::StringRef name, llvm::StringRef value);
  Setting set(llvm::StringRef name, llvm::ArrayRef<int64_t> values);

  /// Constants: int64 with one dimension, one number of a type, numbers of a type and shape. Sizes in a list may be
  /// open: numbers of the extents.
  Value list(llvm::ArrayRef<int64_t> values);
  /// 0, 1, 2, ... up to a size, which may be open, as [size].
  Value line(int64_t size, mlir::Type element);
  /// 0, 1, 2, ... up to a number that comes at run time, [size]. The size has a name, for --dim, and these bounds
  /// unless the user gives others.
  Value counted(Value end, llvm::StringRef name, int64_t least, int64_t most);
  Value number(double value, mlir::Type element);
  Value numbers(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> values, mlir::Type element);

  //===-- nodes that expansions share
  //--------------------------------------------------------------------------------===//
  Value cast(Value x, mlir::Type element);
  Value reshape(Value x, llvm::ArrayRef<int64_t> shape) { return op("Reshape", {x, list(shape)}); }
  Value transpose(Value x, llvm::ArrayRef<int64_t> order) { return op("Transpose", {x}, {set("perm", order)}); }
  Value unsqueeze(Value x, llvm::ArrayRef<int64_t> axes) { return op("Unsqueeze", {x, list(axes)}); }
  Value concat(llvm::ArrayRef<Value> parts, int64_t axis) { return op("Concat", parts, {set("axis", axis)}); }
  Value slice(Value x, int64_t axis, int64_t from, int64_t to) {
    return op("Slice", {x, list({from}), list({to}), list({axis})});
  }
  llvm::SmallVector<Value> split(Value x, int64_t axis, llvm::ArrayRef<int64_t> sizes) {
    return ops("Split", {x, list(sizes)}, {set("axis", axis)}, sizes.size());
  }
  /// a + b, or the one that is there.
  Value sum(Value a, Value b) { return a && b ? op("Add", {a, b}) : a ? a : b; }

  mlir::MLIRContext *context() const { return builder.getContext(); }
  mlir::Type f32() const { return mlir::Float32Type::get(context()); }
  mlir::Type i32() const { return mlir::IntegerType::get(context(), 32); }
  mlir::Type i64() const { return mlir::IntegerType::get(context(), 64); }

private:
  mlir::OpBuilder &builder;
  Emit emit;
  bool stopped = false;
};

struct Expansion {
  llvm::StringRef name; ///< "com.microsoft.BiasGelu"
  Expander::Function function;
  bool open = false; ///< takes sizes that are numbers of extents
};

/// The expansion of an operator, or null.
const Expansion *findExpansion(llvm::StringRef name);
llvm::ArrayRef<Expansion> allExpansions();

// The groups, a file each.
void addFusedExpansions(llvm::SmallVectorImpl<Expansion> &list);
void addAttentionExpansions(llvm::SmallVectorImpl<Expansion> &list);
void addGroupedAttentionExpansions(llvm::SmallVectorImpl<Expansion> &list);
void addQuantizedExpansions(llvm::SmallVectorImpl<Expansion> &list);
void addBlockExpansions(llvm::SmallVectorImpl<Expansion> &list);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_EXPANSION_H
