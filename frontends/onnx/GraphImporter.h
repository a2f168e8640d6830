// GraphImporter.h - from a parsed graph to ops of the onnx dialect.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_GRAPHIMPORTER_H
#define LLMC_FRONTENDS_ONNX_GRAPHIMPORTER_H

#include "frontends/formats/onnx/Onnx.h"
#include "frontends/onnx/Node.h"
#include "frontends/onnx/TextGraph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <unordered_map>
#include <unordered_set>

namespace llmc::onnx_import {

/// What a text program may hold; see --max-context and --max-step.
struct TextBounds {
  int64_t context = 0; ///< positions; 0: as many as the files beside the graph say
  int64_t step = 512;  ///< tokens
};

/// Builds the entry of one model.
class GraphImporter {
public:
  GraphImporter(mlir::ModuleOp module, const onnx::OpenedModel &opened, llvm::StringRef file,
                const std::map<std::string, std::pair<int64_t, int64_t>> &dims)
      : module(module), opened(opened), model(opened.model), file(file), builder(module.getContext()),
        facts(module.getContext()) {
    facts.given = dims;
  }

  /// Makes a text program of the graph. All that is handed in outlives the importer.
  void setText(const TextGraph &described, const FilesBesideGraph &files, TextBounds most) {
    text = &described;
    beside = &files;
    bounds = most;
  }

  /// Hands out values in between as outputs behind the graph's own: those of a run of nodes, counted in outputs.
  void expose(int64_t first, int64_t count) { exposed = {first, count}; }

  /// Emits a message on failure.
  mlir::LogicalResult run();

  uint64_t numNodes = 0, numFolded = 0;

private:
  friend class Search;
  /// Values by name; a graph in a node sees those around it.
  using Scope = std::unordered_map<std::string_view, mlir::Value>;
  /// What a function is called with.
  struct Call {
    const onnx::Function *function;
    const onnx::Node *node;
    const Call *outer;
  };

  mlir::InFlightDiagnostic error() const;
  mlir::Location nodeLocation(const onnx::Node &node) const;
  mlir::LogicalResult checkOperators(const std::vector<onnx::Node> &nodes, const std::vector<onnx::OpsetImport> &opsets,
                                     std::vector<std::string> &unknown, std::vector<std::string> &reasons) const;
  const onnx::Function *findFunction(const onnx::Node &node) const;
  void implyShapes();
  mlir::FailureOr<mlir::RankedTensorType> typeOf(const onnx::ValueInfo &value, bool required, int64_t input = -1);
  int64_t openSize(const std::string &key, const std::string &input, int64_t number, int64_t dim);
  std::optional<int64_t> openSum(llvm::StringRef key);
  mlir::LogicalResult checkDims() const;
  bool isSane(llvm::ArrayRef<int64_t> shape) const;
  mlir::Value constant(mlir::Location loc, mlir::DenseElementsAttr value);
  mlir::FailureOr<mlir::Value> initializer(const onnx::Tensor &tensor);
  mlir::FailureOr<mlir::DenseElementsAttr> elementsOf(const onnx::Tensor &tensor) const;
  mlir::FailureOr<mlir::DictionaryAttr> settingsOf(const onnx::Node &node, const Call *call, mlir::Location loc) const;
  mlir::LogicalResult nodes(const std::vector<onnx::Node> &list, Scope &scope, int64_t opset, const Call *call);
  mlir::LogicalResult node(const onnx::Node &node, Scope &scope, int64_t opset, const Call *call);
  /// Makes the op of one node, with inferred types, or the constant that it comes to.
  mlir::LogicalResult emit(const Node &facts, llvm::SmallVectorImpl<mlir::Value> &results);
  /// A value that a graph gives; fails with a message where it is what a call of a function leaves out.
  mlir::FailureOr<mlir::Value> given(const Scope &scope, std::string_view name) const;
  mlir::LogicalResult inlineCall(const onnx::Node &node, const onnx::Function &function, Scope &scope,
                                 const Call *call);
  /// Writes what a region holds on its arguments; gives what it yields.
  using WriteBody = llvm::function_ref<mlir::LogicalResult(mlir::ValueRange, llvm::SmallVectorImpl<mlir::Value> &)>;
  mlir::LogicalResult body(llvm::ArrayRef<mlir::Type> inputs, mlir::Region &region, WriteBody write,
                           llvm::SmallVectorImpl<mlir::Value> &outputs);
  /// The nodes of a graph inside of a node, on values for its inputs.
  mlir::LogicalResult writeGraph(const onnx::Graph &graph, const Scope &around, mlir::ValueRange inputs, int64_t opset,
                                 const Call *call, llvm::SmallVectorImpl<mlir::Value> &outputs);
  /// A Loop whose body `write` makes: the condition, what is handed on, rows. Sizes that turns change are up to
  /// `largest`; below 0 a default is taken. `turns`: the size that is their number, where nothing ends them before.
  mlir::LogicalResult loop(Node &facts, WriteBody write, int64_t largest, std::optional<int64_t> turns,
                           llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult branchNode(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset, const Call *call);
  mlir::LogicalResult loopNode(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset, const Call *call);
  mlir::LogicalResult inlineBranch(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                   const Call *call);

  //===-- Unrolling.cpp: bodies with a number of turns that is known
  //-----------------------------------------------===//
  /// The opset of the nodes that unrolling makes.
  static constexpr int64_t kInnerOpset = 21;
  mlir::FailureOr<mlir::Value> emitOne(mlir::Location loc, llvm::StringRef type, int64_t opset, mlir::ValueRange inputs,
                                       llvm::ArrayRef<mlir::NamedAttribute> settings);
  mlir::Value integers(mlir::Location loc, llvm::ArrayRef<int64_t> values);
  /// One place of a dimension, which goes away.
  mlir::FailureOr<mlir::Value> placeOf(mlir::Location loc, mlir::Value tensor, int64_t axis, int64_t place);
  mlir::FailureOr<mlir::Value> stacked(mlir::Location loc, llvm::ArrayRef<mlir::Value> parts, int64_t axis);
  mlir::FailureOr<mlir::Value> noTurns(const Node &facts, size_t output, const onnx::ValueInfo &inner, int64_t axis);
  mlir::FailureOr<const onnx::Graph *> bodyOf(const Node &facts, const onnx::Node &node,
                                              llvm::StringRef attribute) const;
  /// Constants of a body, made once for all its turns.
  mlir::LogicalResult openBody(const onnx::Graph &graph, mlir::Location loc, Scope &scope);
  /// A turn's number and condition as a Loop's body declares them: a number, or a list of one.
  mlir::LogicalResult shapeNumbers(const onnx::Graph &graph, mlir::Location loc,
                                   llvm::SmallVectorImpl<mlir::Value> &arguments);
  /// The body once, on values for its inputs.
  mlir::LogicalResult turn(const onnx::Graph &graph, const Scope &around, mlir::ValueRange arguments, int64_t opset,
                           const Call *call, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult unrollLoop(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                 const Call *call);

  //===-- Scan.cpp
  //------------------------------------------------------------------------------------------------===//
  struct ScanTurns;
  mlir::LogicalResult readScan(const Node &facts, ScanTurns &scan);
  mlir::LogicalResult unrollScan(const Node &facts, const ScanTurns &scan, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult loopOfScan(const Node &facts, const ScanTurns &scan, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult scanOnce(const Node &facts, ScanTurns &scan, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult scanTurns(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                const Call *call);

  //===-- Turns.cpp: how much may become of a file
  //----------------------------------------------------------------===//
  struct Counts {
    uint64_t nodes, variantOps;
    size_t variants;
  };
  Counts counts() const { return {numNodes, numVariantOps, newVariants.size()}; }
  /// What was counted since is gone.
  void goBackTo(Counts before);
  using Import = llvm::function_ref<mlir::LogicalResult(llvm::SmallVectorImpl<mlir::Value> &)>;
  /// Imports something; where that fails, what was made is gone again, and `said` holds the messages.
  mlir::LogicalResult attempt(Import import, llvm::SmallVectorImpl<mlir::Value> &results,
                              std::vector<mlir::Diagnostic> &said);
  /// The first, unless it becomes long and the second can be done; `body` says of what.
  mlir::LogicalResult unrollOrLoop(const void *body, Import unroll, Import loop,
                                   llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult loopTurns(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset, const Call *call);
  /// Whether nothing ends a Loop before its number of turns.
  static bool alwaysGoesOn(const Node &facts, const onnx::Graph &body);
  /// Counts a node or a turn; fails with a message where there are too many.
  mlir::LogicalResult countNode();
  /// Counts an op of a node that was there before with other sizes or numbers; likewise.
  mlir::LogicalResult countOp(llvm::StringRef type);
  /// Whether a node was there before, but never with such sizes and numbers.
  bool isVariant(const onnx::Node &node, mlir::ValueRange inputs);

  //===-- ImportText.cpp
  //-------------------------------------------------------------------------------------------===//
  const onnx::ValueInfo *findInput(std::string_view name) const;
  bool isInitializer(std::string_view name) const;
  /// Whether an input of the graph is one of the entry.
  bool isArgument(std::string_view name) const;
  mlir::LogicalResult openText();
  void nameTextSizes();
  /// The inputs that the entry makes itself.
  mlir::LogicalResult makeTextInputs(Scope &scope);
  /// Checks logits, notes the vocabulary's size; they are f32 afterwards.
  mlir::FailureOr<mlir::Value> textLogits(mlir::Value logits);
  mlir::LogicalResult checkPresent(const TextGraph::Pair &pair, mlir::Value past, mlir::Value present);
  mlir::LogicalResult writeTextFacts();

  //===-- OldVersions.cpp
  //------------------------------------------------------------------------------------------===//
  /// A node of an opset before 7 in the version that holds since then.
  mlir::LogicalResult upgrade(Node &facts, int64_t opset);
  mlir::LogicalResult expandSearch(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset, const Call *call);
  mlir::LogicalResult expandFlexAttention(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                          const Call *call);

  mlir::ModuleOp module;
  const onnx::OpenedModel &opened;
  const onnx::Model &model;
  llvm::StringRef file;
  uint64_t mostNodes = 0;                                     ///< imported, all calls inlined
  uint64_t numWritten = 0;                                    ///< nodes in the file
  uint64_t numVariantOps = 0, mostVariantOps = 0;             ///< see countOp
  llvm::DenseSet<const void *> longBodies;                    ///< that became loops at run time
  bool isOver = false;                                        ///< whether one of these numbers became too large
  bool inVariant = false;                                     ///< while a node is imported that isVariant
  llvm::DenseSet<std::pair<const void *, uint64_t>> variants; ///< nodes that were imported, with what they took
  std::vector<std::pair<const void *, uint64_t>> newVariants; ///< the same, in order
  uint64_t numTried = 0, mostTried = 0;                       ///< nodes imported, also those that are gone again
  mlir::OpBuilder builder;
  GraphFacts facts;
  std::unordered_map<std::string_view, mlir::RankedTensorType> declared; ///< of the main graph, where all is known
  std::pair<int64_t, int64_t> exposed = {0, 0};
  std::vector<std::pair<std::string_view, mlir::Value>> made; ///< by nodes of the main graph, in their order
  std::unordered_set<std::string_view> initializers;
  const TextGraph *text = nullptr; ///< null: an entry on tensors
  const FilesBesideGraph *beside = nullptr;
  TextBounds bounds;
  int64_t stepSize = 1, pastSize = 0, vocabulary = 0; ///< of a text program; the first two may be open
  /// Shapes of the main graph's values that follow from what is declared of values made of them.
  std::unordered_map<std::string_view, llvm::ArrayRef<int64_t>> implied;
};

/// The version of ai.onnx among what a model or a function imports; 0 for none.
int64_t opsetOf(const std::vector<onnx::OpsetImport> &opsets);

/// What is known of a node's value while compiling: all, or integers up to open sizes, or neither.
struct Folded {
  mlir::DenseElementsAttr constant;
  llvm::SmallVector<int64_t> integers;
};
/// Computes nodes that make up shapes, where the inputs are known and the result is small; `type` has numbered sizes.
Folded foldNode(const Node &node, mlir::RankedTensorType type);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_GRAPHIMPORTER_H
