// AttentionExpansions.h - what the kinds of attention of ONNX Runtime share: biases made of masks, and the product of
// all.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_ATTENTIONEXPANSIONS_H
#define LLMC_FRONTENDS_ONNX_ATTENTIONEXPANSIONS_H

#include "frontends/onnx/Expansion.h"

namespace llmc::onnx_import {

constexpr int64_t kMostHeads = int64_t(1) << 20; ///< Products with it do not overflow.

/// One attention in the terms of ai.onnx: query, key and value [batch, sequence, heads * width].
struct AttentionParts {
  Value query, key, value;
  Value pastKey, pastValue; ///< [batch, heads, past, width], or null
  Value bias;               ///< added to the scores, float or bool; or null
  int64_t heads = 1, keyHeads = 1;
  bool causal = false;
  double scale = 0, softcap = 0; ///< 0: 1 / sqrt(width); 0: none
  int64_t scoresMode = 0;        ///< which scores the fourth output has
};

/// The outputs of it: result, present key, present value, scores.
llvm::SmallVector<Value> attend(Expander &x, const AttentionParts &parts, unsigned outputs);

/// What a mask of ONNX Runtime adds to scores [batch, heads, queries, keys], as f32: `filter` where a key is not seen.
/// Its shape says what it means: the count of keys, or their end and begin, [batch] and [2 * batch]; keys that are
/// seen, [batch, keys]; or by query, [batch, queries, keys] and [batch, 1, most, most]. Null, after a message, where it
/// is none.
Value biasOfMask(Expander &x, unsigned input, int64_t batch, int64_t queries, int64_t keys, double filter);

/// The sum of two such biases, either of which may be null.
Value sumOfBiases(Expander &x, Value a, Value b);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_ATTENTIONEXPANSIONS_H
