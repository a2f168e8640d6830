// MoEOps.td - mixtures of experts: the choice of experts and their sum.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_MOEOPS_TD
#define LLMC_TRANSFORMER_MOEOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Transformer_RouteOp : Transformer_Op<"route", [Pure, InferTypeOpAdaptor]> {
  let summary = "experts chosen for each token";
  let description = [{
    From router logits `[T, E]` the `top_k` experts of each token, `experts` `[T, top_k]`, and their weights `[T,
    top_k]`, in descending order of what they were chosen by (ties: the lower number first):

    - `softmax`: `score = softmax(logits)` over all experts; chosen by score; weight = score.
    - `topk_softmax`: chosen by logit; weight = softmax over the chosen logits.
    - `sigmoid`: `score = sigmoid(logits)`; chosen by score; weight = score.

    With `correction` `[E]` the choice (not the weight) is by `score + correction`. With `groups` G, experts stand in G
    groups of E/G; a group ranks by its largest choice value (`max`) or the sum of its two largest (`top2_sum`), and
    only experts of the best `top_groups` groups can be chosen. With `renormalize`, weights are divided by their sum (+
    1e-20 for `sigmoid`). Then they are multiplied by `scaling_factor`. All in f32; the softmax subtracts the largest
    logit, its sum is *16 lanes over e*, sums over the chosen ascend in the chosen order.

    (C1) `top_k` is at most E, which is static. (C2) The correction is `[E]`. (C3) `groups` divides E; `top_groups` is
    at most `groups`; both come together, with `group_score`. (C4) The best groups hold at least `top_k` experts; with
    `top2_sum` a group holds at least 2. (C5) `scaling_factor` is finite.

    Edge cases: no tokens give no rows; a NaN logit ranks below every number. Sources: arXiv 2401.04088, 2412.19437,
    2508.10925.

    ```mlir
    %w, %e = transformer.route softmax %logits top_k 2 renormalize
      : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
    ```
  }];
  let arguments = (ins Transformer_ScoringAttr:$scoring, Transformer_Activations:$logits,
                       Optional<Transformer_Vector>:$correction, Transformer_Positive:$top_k,
                       OptionalAttr<Transformer_Positive>:$groups, OptionalAttr<Transformer_Positive>:$top_groups,
                       OptionalAttr<Transformer_GroupScoreAttr>:$group_score, UnitAttr:$renormalize,
                       OptionalAttr<F64Attr>:$scaling_factor);
  let results = (outs Transformer_Activations:$weights, TensorRankOf<[I32], [2]>:$experts);
  let assemblyFormat = [{
    `` $scoring $logits (`correction` $correction^)? `top_k` $top_k (`groups` $groups^)? (`top_groups` $top_groups^)?
    (`group_score` `` $group_score^)? (`renormalize` $renormalize^)? (`scaling_factor` $scaling_factor^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_ExpertsOp : Transformer_Op<"experts", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>]> {
  let summary = "weighted sum of gated feed-forward experts";
  let description = [{
    `y[t] = sum over j of weights[t, j] * down(e, gated(gate(e, input[t]), up(e, input[t])))`, e = `experts[t, j]`, j
    ascending (a chain over j). Each of gate, up and down is a `transformer.linear` with plane e of its weight (and
    bias); `gated` as `transformer.gated`. Shapes: input `[T, H]`, weights and experts `[T, K]`, gate and up `[E, I,
    H]`, down `[E, H, I]`, gate and up bias `[E, I]`, down bias `[E, H]`, result `[T, H]`. A shared expert is a plain
    feed-forward beside this op; its gate, if any, a `transformer.mul` with a column.

    (C1) Gate and up are `[E, I, H]`, down `[E, H, I]`, with the input's H. (C2) Weights and experts have the same shape
    and the input's rows. (C3) Biases come all or not at all and have the shapes above. (C4) `limit` is finite and
    greater than 0.

    ```mlir
    %y = transformer.experts silu %x, %w, %e, %g, %u, %d
      : (tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<8x96x64xbf16>,
         tensor<8x96x64xbf16>, tensor<8x64x96xbf16>)
      -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Transformer_ActivationAttr:$activation, Transformer_Activations:$input,
                       Transformer_Activations:$weights, TensorRankOf<[I32], [2]>:$experts,
                       Transformer_Stack:$gate, Transformer_Stack:$up, Transformer_Stack:$down,
                       Optional<Transformer_Matrix>:$gate_bias, Optional<Transformer_Matrix>:$up_bias,
                       Optional<Transformer_Matrix>:$down_bias, OptionalAttr<F64Attr>:$limit,
                       OptionalAttr<F64Attr>:$up_offset);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = [{
    `` $activation $input `,` $weights `,` $experts `,` $gate `,` $up `,` $down (`gate_bias` $gate_bias^)?
    (`up_bias` $up_bias^)? (`down_bias` $down_bias^)? (`limit` $limit^)? (`up_offset` $up_offset^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_MOEOPS_TD
