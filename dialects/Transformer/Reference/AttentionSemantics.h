// AttentionSemantics.h - what attention and the update of a cache mean. The formulas stand in IR/AttentionOps.td and
// IR/StateOps.td.
//
// Arguments satisfy the ops' rules and the callers' promises, except where an error is named.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_REFERENCE_ATTENTIONSEMANTICS_H
#define LLMC_DIALECTS_TRANSFORMER_REFERENCE_ATTENTIONSEMANTICS_H

#include "dialects/Transformer/Reference/Values.h"

#include <optional>

namespace llmc::reference {

/// `values` is null for a latent cache.
void cacheUpdate(State &state, int64_t slot, const Floats &keys, const Floats *values, const Integers &positions,
                 const Integers &sequences);

struct AttentionFacts {
  int64_t numHeads = 0, numKvHeads = 0, headDim = 0, valueDim = 0;
  double scale = 1;
  bool causal = false;
  int64_t window = 0;      ///< 0: none
  int64_t windowAfter = 0; ///< 0: none
  std::optional<double> softCap;
  std::vector<double> alibiSlopes; ///< empty: none
  int64_t relativeMaxDistance = 0;

  const State *state = nullptr; ///< with slot; else keys and values
  int64_t slot = 0;
  const Floats *keys = nullptr, *values = nullptr;
  const Integers *keyPositions = nullptr, *keySequences = nullptr; ///< null: those of the queries
  const Integers *lengths = nullptr;
  const Integers *mask = nullptr;
  const Floats *bias = nullptr;
  const Floats *relativeBias = nullptr;
  const Floats *sinks = nullptr;
};
/// A position that is visible but was never stored in the cache is an error of the caller: it counts as zeros.
Floats attention(const AttentionFacts &facts, const Floats &query, const Integers &positions,
                 const Integers &sequences);

/// The bucket of a key at `difference` = its position less the query's.
int64_t relativeBucket(int64_t difference, int64_t buckets, int64_t maxDistance, bool causal);

} // namespace llmc::reference

#endif // LLMC_DIALECTS_TRANSFORMER_REFERENCE_ATTENTIONSEMANTICS_H
