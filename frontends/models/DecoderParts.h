// DecoderParts.h - the parts that decoders are made of: norm, attention block, gated feed-forward, head.
//
// A family sets parameters; it does not copy a part. T is the number of tokens in the step.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_DECODERPARTS_H
#define LLMC_FRONTENDS_MODELS_DECODERPARTS_H

#include "frontends/models/DecoderConfig.h"
#include "frontends/models/EntryBuilder.h"

namespace llmc::models {

/// How a file keeps the matrix of a linear.
struct StoredMatrix {
  bool transposed = false; ///< As [inputs, outputs].
  int64_t first = 0; ///< Its rows are those from here on of a matrix and a bias of `rows`; 0: the matrix is its own.
  int64_t rows = 0;
};

/// y = x w^T + b, w being `<name>.weight` [outputs, inputs] and b `<name>.bias`. Input [T, inputs], result [T,
/// outputs].
/// `pairedRows` as WeightTable::get has it, of weight and bias.
mlir::Value buildLinear(EntryBuilder &entry, mlir::Value input, const std::string &name, int64_t outputs, bool bias,
                        int64_t pairedRows = 0, StoredMatrix stored = {});

/// Layer norm with weight `<name>.weight` and bias `<name>.bias`, both of the row's width.
mlir::Value buildLayerNorm(EntryBuilder &entry, mlir::Value input, const std::string &name, double epsilon);

/// Root mean square norm with weight `<name>.weight` [groupSize, or the width]. `groupSize` 0: the whole row.
mlir::Value buildRMSNorm(EntryBuilder &entry, mlir::Value input, const std::string &name, double epsilon,
                         int64_t groupSize = 0);

/// A table of rotary frequencies and how to use it.
struct RopeTable {
  mlir::Value frequencies; ///< [R, headDim * partialFactor / 2]
  int64_t rotaryDim = 0;
  int64_t originalContext = 0; ///< 0 when every token uses row 0.
  double attentionFactor = 1;  ///< Of cos and sin.
};

/// Emits the table of a rotary embedding for sequences of up to `context` positions.
RopeTable buildRopeTable(EntryBuilder &entry, const RopeConfig &rope, int64_t headDim, int64_t context);

/// Causal self-attention over a cache, with its projections, in a pre-norm block.
struct AttentionPart {
  std::string query, key, value, output; ///< Names of the projections, without ".weight".
  std::string queryNorm, keyNorm;        ///< Norms per head before the turn; empty when there are none.
  int64_t numHeads = 0, numKvHeads = 0, headDim = 0;
  double scale = 0;   ///< Of the scores.
  int64_t window = 0; ///< 0: none.
  /// The rows of query and key stand in the order of interleaved turning, to be undone.
  bool pairedRows = false;
  bool inputBias = false, outputBias = false;
  bool transposed = false; ///< Matrices are stored as [inputs, outputs].
  bool fused = false;      ///< `query` names one matrix whose thirds are query, key and value.
  double normEpsilon = 0;
  transformer::RopeStyle ropeStyle = transformer::RopeStyle::Half;
  RopeTable rope; ///< Without frequencies nothing turns.
};

/// Attention of `input` [T, hidden], storing keys and values in `slot` of `state`, which becomes the new state. Result
/// [T, hidden].
mlir::Value buildAttention(EntryBuilder &entry, const AttentionPart &part, mlir::Value input, mlir::Value positions,
                           mlir::Value sequences, mlir::Value slot, mlir::Value &state);

/// down(activation(gate(x)) * up(x)). Names without ".weight".
struct GatedPart {
  std::string gate, up, down;
  int64_t intermediateSize = 0;
  ActivationKind activation = ActivationKind::Silu;
  bool bias = false;
};
mlir::Value buildGated(EntryBuilder &entry, const GatedPart &part, mlir::Value input);

/// down(activation(up(x))). Names without ".weight".
struct PlainPart {
  std::string up, down;
  int64_t intermediateSize = 0;
  ActivationKind activation = ActivationKind::GeluTanh;
  bool bias = true, transposed = false;
};
mlir::Value buildPlain(EntryBuilder &entry, const PlainPart &part, mlir::Value input);

/// The rows of `input` [T, hidden] whose logits are wanted: [R, hidden]. What follows works on those alone.
mlir::Value buildSelectRows(EntryBuilder &entry, mlir::Value input, mlir::Value rows);

/// Logits [R, vocab] of `input` [R, hidden] against the matrix `weightKey` [vocab, hidden].
mlir::Value buildHead(EntryBuilder &entry, mlir::Value input, const std::string &weightKey, int64_t vocabSize);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_DECODERPARTS_H
