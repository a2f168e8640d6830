// Interpreter.h - runs a module with the reference semantics: the numeric oracle of tests and of llmc-opt.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_REFERENCE_INTERPRETER_H
#define LLMC_DIALECTS_TRANSFORMER_REFERENCE_INTERPRETER_H

#include "dialects/Transformer/IR/Transformer.h"
#include "dialects/Transformer/Reference/Values.h"

#include <functional>
#include <memory>
#include <variant>

namespace llmc::reference {

/// A value of the program. A state is shared and updated in place, which its linearity makes invisible.
using RuntimeValue = std::variant<std::monostate, Floats, Integers, Stored, int64_t, std::shared_ptr<State>>;

/// A tensor of the checkpoint, borrowed: `bytes` lives as long as the interpreter.
struct CheckpointTensor {
  llvm::ArrayRef<uint8_t> bytes; ///< row-major, little-endian
  mlir::RankedTensorType type;
};

/// Finds a tensor by key; nothing when there is none.
using WeightSource = std::function<std::optional<CheckpointTensor>(llvm::StringRef key)>;

/// An empty state of that type.
std::shared_ptr<State> makeState(transformer::StateType type);

/// A tensor of that static type over those bytes.
Stored makeWeight(mlir::RankedTensorType type, llvm::ArrayRef<uint8_t> bytes);

/// Runs functions of one module. Weight values are computed once and kept, so that many steps of one model cost one
/// reading. Not thread-safe.
class Interpreter {
public:
  /// The module outlives the interpreter and is not changed meanwhile.
  Interpreter(mlir::ModuleOp module, WeightSource weights) : module(module), weights(std::move(weights)) {}

  /// Is told each value that an op other than a weight's computed, in order: the value in the program, the number of
  /// the layer that ran (counted from 0 over the function; -1 outside of layers), and what it is.
  using Observer = std::function<void(mlir::Value value, int64_t layer, const RuntimeValue &found)>;
  void observe(Observer function) { observer = std::move(function); }

  /// Runs a function on inputs of its argument types; each argument's value is a Floats, Integers, int64_t or state.
  /// Errors, emitted at the op: an op without reference semantics, a key that is absent or of another type, inputs that
  /// break a promise to an op (a token outside its table, a row outside the step).
  llvm::FailureOr<llvm::SmallVector<RuntimeValue>> run(mlir::func::FuncOp function,
                                                       llvm::ArrayRef<RuntimeValue> inputs);

private:
  friend class OpInterpreter;

  mlir::ModuleOp module;
  WeightSource weights;
  Observer observer;
  /// Values of ops on weights by result and, inside layers, the layer's number in its class (else 0).
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, std::shared_ptr<RuntimeValue>> cachedWeights;
};

} // namespace llmc::reference

#endif // LLMC_DIALECTS_TRANSFORMER_REFERENCE_INTERPRETER_H
