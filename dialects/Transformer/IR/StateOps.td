// StateOps.td - ops that update a state. Attention, which only reads one, is in AttentionOps.td.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_STATEOPS_TD
#define LLMC_TRANSFORMER_STATEOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Transformer_CacheUpdateOp : Transformer_Op<"cache_update", [Pure, AllTypesMatch<["state", "result"]>]> {
  let summary = "keys and values stored in a cache";
  let description = [{
    Yields the state in which, for every token t, slot `slot` of sequence `sequences[t]` holds at `positions[t]` row t
    of keys and of values, rounded to the state's element type; everything else is as before. Shapes: keys `[T, heads *
    head_dim]`, values `[T, heads * value_dim]`, positions and sequences `[T]`. A cache that keeps a window may forget
    positions that its window no longer reaches from the sequence's last position.

    The state is linear: it is consumed here, and reads of the old value stand before. (C1) It is a kv_cache. (C2) Keys
    have `heads * head_dim` columns. (C3) Values have `heads * value_dim` columns, and are absent exactly for a latent
    cache. (C4) Rows of keys, values, positions and sequences are as many. (C5) A state is consumed at most once, after
    every read of it.

    Edge cases: no tokens change nothing. Tokens with the same sequence and position in one step are not allowed,
    promised by the caller, as is that positions and sequences are within the entry's bounds.

    ```mlir
    %kv1 = transformer.cache_update %kv[%slot], %k, %v at %positions of %sequences
      : (!transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>, index, tensor<?x192xf32>,
         tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>)
      -> !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
    ```
  }];
  let arguments = (ins Transformer_StateType:$state, Index:$slot, Transformer_Activations:$keys,
                       Optional<Transformer_Activations>:$values, Transformer_Integers:$positions,
                       Transformer_Integers:$sequences);
  let results = (outs Transformer_StateType:$result);
  let assemblyFormat = [{
    $state `[` $slot `]` `,` $keys (`,` $values^)? `at` $positions `of` $sequences attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_ConvolutionOp : Transformer_Op<"convolution",
    [Pure, InferTypeOpAdaptor]> {
  let summary = "causal depthwise convolution along a sequence";
  let description = [{
    With W = taps + 1 and x(p) the input of the token at position p of the same sequence (from this step, or rounded to
    the state's element type from an earlier one or this one alike; 0 before position 0):

        y[t, c] = sum over j in 0 … W-1 of weight[c, j] * x(positions[t] - (W - 1) + j)[c], + bias[c]

    a *chain over j*. The new state holds the last `taps` inputs of each sequence in the step. Shapes: input `[T, C]`,
    weight `[C, W]`, bias `[C]`, result `[T, C]`. All inputs are rounded to the state's element type before use.

    (C1) The state is a convolution of C channels. (C2) The weight is `[C, taps + 1]`. (C3) The bias is `[C]`. (C4)
    Positions and sequences are one for each row. (C5) The state is consumed at most once, after every read of it.

    Edge cases: no tokens give no rows and change nothing. Source: Gu and Dao, arXiv 2312.00752.

    ```mlir
    %y, %s1 = transformer.convolution %x, %w state %s[%slot] at %positions of %sequences
      : (tensor<?x48xf32>, tensor<48x4xf32>, !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>,
         index, tensor<?xi32>, tensor<?xi32>)
      -> (tensor<?x48xf32>, !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>)
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, Transformer_Matrix:$weight, Optional<Transformer_Vector>:$bias,
                       Transformer_StateType:$state, Index:$slot, Transformer_Integers:$positions,
                       Transformer_Integers:$sequences);
  let results = (outs Transformer_Activations:$result, Transformer_StateType:$new_state);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? `state` $state `[` $slot `]` `at` $positions `of` $sequences attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_RecurrenceOp : Transformer_Op<"recurrence",
    [Pure, AttrSizedOperandSegments, InferTypeOpAdaptor]> {
  let summary = "linear recurrence along a sequence";
  let description = [{
    For every sequence and head h of H a matrix S `[D, V]`, zero before position 0. Tokens of a sequence in ascending
    position, with `g = h / (H / key_heads)` the head of query and key:

        S[d, v] = decay * S[d, v]                                decay[t, h] or decay[t, h*D + d]; 1 when absent
        u[v] = value[t, h*V + v]
        u[v] = u[v] - sum over d of key[t, g*D + d] * S[d, v]     with `delta`
        S[d, v] = S[d, v] + key[t, g*D + d] * (beta[t, h] * u[v])  beta 1 when absent
        y[t, h*V + v] = scale * sum over d of query[t, g*D + d] * S[d, v]

    Sums are a *chain over d*; S is kept in f32 within a step and rounded to the state's element type after **each
    token**, so that the cut into steps cannot show. This is linear attention, RetNet, Mamba and Mamba-2, gated
    DeltaNet, by choice of operands. Shapes: query and key `[T, key_heads * D]`, value `[T, H * V]`, decay `[T, H]` or
    `[T, H * D]`, beta `[T, H]`, result `[T, H * V]`.

    (C1) The state is recurrent. (C2) `key_heads` divides H. (C3) Query and key have `key_heads * D` columns. (C4) Value
    has `H * V` columns. (C5) Decay has H or `H * D` columns, beta H. (C6) All have as many rows. (C7) `scale` is
    finite. (C8) The state is consumed at most once, after every read of it.

    Edge cases: no tokens give no rows and change nothing; the token at position 0 starts from zeros whatever the state
    held. Sources: arXiv 2006.16236, 2307.08621, 2405.21060, 2412.06464.

    ```mlir
    %y, %s1 = transformer.recurrence %q, %k, %v decay %a state %s[%slot] at %positions of %sequences key_heads 2
      scale 1.0
      : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, tensor<?x4xf32>,
         !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>, index, tensor<?xi32>,
         tensor<?xi32>)
      -> (tensor<?x20xf32>, !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>)
    ```
  }];
  let arguments = (ins Transformer_Activations:$query, Transformer_Activations:$key, Transformer_Activations:$value,
                       Optional<Transformer_Activations>:$decay, Optional<Transformer_Activations>:$beta,
                       Transformer_StateType:$state, Index:$slot, Transformer_Integers:$positions,
                       Transformer_Integers:$sequences, Transformer_Positive:$key_heads, F64Attr:$scale,
                       UnitAttr:$delta);
  let results = (outs Transformer_Activations:$result, Transformer_StateType:$new_state);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`decay` $decay^)? (`beta` $beta^)? `state` $state `[` $slot `]`
    `at` $positions `of` $sequences `key_heads` $key_heads `scale` $scale (`delta` $delta^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_STATEOPS_TD
