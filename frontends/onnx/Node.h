// Node.h - a node as inference and lowering see it: its attributes, its inputs, what is known of them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_NODE_H
#define LLMC_FRONTENDS_ONNX_NODE_H

#include "dialects/ONNX/IR/ONNX.h"
#include "frontends/onnx/Extents.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"

#include <optional>

namespace llmc::onnx_import {

/// The element type of a number in ONNX's table of types, or null where it is not supported.
mlir::Type elementFromNumber(mlir::MLIRContext *context, int64_t number);
/// ONNX's name of an element type.
const char *elementName(mlir::Type element);
/// The elements of a tensor that is known while compiling, or null.
mlir::DenseElementsAttr constantOf(mlir::Value value);

/// What is known of a graph's values beyond their types.
struct GraphFacts {
  Extents extents;
  /// Integers that are known up to sizes which come at run time: numbers of `extents` among them.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> contents;

  /// Bounds by name that the user gives; which of the names sizes had.
  std::map<std::string, std::pair<int64_t, int64_t>> given;
  std::map<std::string, int64_t> named;

  explicit GraphFacts(mlir::MLIRContext *context) : extents(context) {}
};

/// What a node is. Inputs are values of onnx types; one that is left out is null.
class Node {
public:
  llvm::StringRef type;
  int64_t since = 0;
  mlir::DictionaryAttr settings;
  llvm::SmallVector<mlir::Value> inputs;
  mlir::Location loc;
  unsigned numOutputs = 0;
  /// What the file says of the outputs; null where it says nothing, or a shape that is not all known.
  llvm::SmallVector<mlir::RankedTensorType> declared;

  /// What the file's declarations imply of output 0, with the element type of input 0; null where they imply nothing.
  mlir::RankedTensorType implied;
  llvm::SmallVector<std::string> outputNames; ///< while importing
  std::string sizeName;                       ///< of a size that the node computes; empty: by output and place

  GraphFacts *graph;
  bool takesOpen = false; ///< the operator is written for sizes that are numbers of `graph`'s extents

  Node(mlir::Location loc, GraphFacts *graph) : loc(loc), graph(graph) {}
  Node(mlir::Operation *op, GraphFacts *graph);

  Extents &extents() const { return graph->extents; }

  bool has(unsigned input) const { return input < inputs.size() && inputs[input]; }
  mlir::RankedTensorType typeOf(unsigned input) const {
    return graph->extents.fromIR(mlir::cast<mlir::RankedTensorType>(inputs[input].getType()));
  }
  mlir::Type elementOf(unsigned input) const { return typeOf(input).getElementType(); }
  llvm::ArrayRef<int64_t> shapeOf(unsigned input) const { return typeOf(input).getShape(); }
  int64_t rankOf(unsigned input) const { return typeOf(input).getRank(); }

  //===-- attributes ---------------------------------------------------------------------------------------------===//
  bool hasAttribute(llvm::StringRef name) const { return settings && settings.get(name); }
  int64_t integer(llvm::StringRef name, int64_t otherwise) const;
  double real(llvm::StringRef name, double otherwise) const;
  llvm::StringRef text(llvm::StringRef name, llvm::StringRef otherwise) const;
  std::optional<llvm::SmallVector<int64_t>> integers(llvm::StringRef name) const;

  //===-- inputs that are known ----------------------------------------------------------------------------------===//
  /// The integers of an input, or nothing when they are not known while compiling. For an operator that takes open
  /// sizes: numbers of extents among them.
  std::optional<llvm::SmallVector<int64_t>> knownIntegers(unsigned input) const;
  /// The numbers of an input as f64, or nothing.
  std::optional<llvm::SmallVector<double>> knownReals(unsigned input) const;
  /// Integers that stood in an attribute up to some version and are an input since; absent in both ways: an empty list
  /// in `given`, with false. Fails with a message when the input is there but not known.
  mlir::LogicalResult movedIntegers(llvm::StringRef attribute, unsigned input,
                                    std::optional<llvm::SmallVector<int64_t>> &given) const;

  /// The size of an output's dimension that the op computes while running, within natural bounds, 0 if none is above; a
  /// `most` below 0 stands for none: then a default is taken, with a remark, the less the more such dimensions are
  /// `beside` each other. The user can give others, by the name 'OUTPUT.PLACE'.
  int64_t computedSize(unsigned output, int64_t dim, int64_t least, int64_t most, int64_t beside = 1) const;

  /// "node 'a/b' (Gemm, version 13): ", then what is streamed.
  mlir::InFlightDiagnostic error() const;
  /// An axis counted from the end where it is negative. Fails, with a message, outside of [-rank, rank).
  mlir::FailureOr<int64_t> axis(int64_t value, int64_t rank) const;
};

/// The name of a node in an op's location, or empty.
llvm::StringRef nodeName(mlir::Location loc);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_NODE_H
