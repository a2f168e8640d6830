// EntryBuilder.h - what every model builder has at hand: the insertion point, the weights, the arguments of the step
// entry.
//
// The blocks themselves are in DecoderParts.h.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_ENTRYBUILDER_H
#define LLMC_FRONTENDS_MODELS_ENTRYBUILDER_H

#include "frontends/models/WeightTable.h"

namespace llmc::models {

/// What the user declared for the compiled program.
struct EntryBounds {
  int64_t tokens = 512;  ///< In one step; longer prompts are cut.
  int64_t sequences = 4; ///< Alive at once.
  int64_t context = 0;   ///< Positions of each.
  mlir::Type cacheType;  ///< Element type of the cache.
};

/// The arguments of a text decoder's `step` entry, T tokens.
struct StepArguments {
  mlir::Value tokens, positions, sequences; ///< tensor<?xi32>, [T].
  mlir::Value rows;                         ///< tensor<?xi32>: the rows whose logits are wanted.
  mlir::Value state;
};

/// Emits entries into a module. Mistakes are kept; builders stop when there is one.
class EntryBuilder {
public:
  EntryBuilder(mlir::ModuleOp module, WeightTable &weights, EntryBounds bounds);

  mlir::OpBuilder &getBuilder() { return builder; }
  WeightTable &getWeights() { return weights; }
  const EntryBounds &getBounds() const { return bounds; }
  bool failed() const { return weights.mistake().has_value(); }

  /// Opens `func.func @step` with the arguments of a text decoder and a state of that type; the builder then stands in
  /// its body.
  StepArguments beginStep(transformer::StateType state);
  /// Returns the logits [R, V] and the last state.
  void endStep(mlir::Value logits, mlir::Value state);

  /// A location named after a layer or a part: "model.layers.3.self_attn".
  mlir::Location named(const llvm::Twine &name) { return mlir::NameLoc::get(builder.getStringAttr(name)); }

private:
  mlir::OpBuilder builder;
  WeightTable &weights;
  EntryBounds bounds;
  mlir::func::FuncOp entry;
};

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_ENTRYBUILDER_H
