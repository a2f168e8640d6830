// AttentionOps.td - attention, once, with its whole feature list.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_ATTENTIONOPS_TD
#define LLMC_TRANSFORMER_ATTENTIONOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Transformer_AttentionOp : Transformer_Op<"attention",
    [Pure, Transformer_StateReader, AttrSizedOperandSegments, InferTypeOpAdaptor]> {
  let summary = "scaled dot-product attention over a cache or given keys";
  let description = [{
    For query token t (position p, sequence s) and head h of `num_heads`, with `g = h / (num_heads / num_kv_heads)` the
    head of keys and values, D = `head_dim`, V = `value_dim` (D when not given):

        s[j] = scale * sum over d of query[t, h*D + d] * K[j, g, d]
        s[j] = soft_cap * tanh(s[j] / soft_cap)                              with soft_cap
        s[j] = s[j] + alibi_slopes[h] * (position(j) - p)                     with alibi_slopes
        s[j] = s[j] + relative_bias[bucket(position(j) - p), h]               with relative_bias
        s[j] = s[j] + bias[t, c(j)]   or  bias[h, t, c(j)]                    with bias
        y[t, h*V + v] = (sum over j of exp(s[j] - m) * Val[j, g, v]) / (sum over j of exp(s[j] - m) + exp(sinks[h] - m))

    over the **visible** keys j, m being the largest s[j] (and `sinks[h]`, when there are sinks; else that term is
    absent). Key j is visible iff it belongs to sequence s and
    - `position(j) <= p` with `causal`;
    - `p - position(j) < window` with a window (W tokens, itself included), static or the operand `window_size` (0: no
      window);
    - `position(j) - p < window_after` with that;
    - `position(j) < lengths[s]` with lengths;
    - `mask[t, c(j)]` is true with a mask, which hides keys beyond its columns (a bias adds nothing to them).

    **Where keys come from.** From a cache: `state[slot]` holds position j of sequence s; `c(j)` is the position; K and
    Val have been rounded to the cache's element type, also those of this step, which `transformer.cache_update` must
    have stored before. In a latent cache `Val[j, 0, v] = K[j, 0, v]`. Without `causal` and `lengths` no bound on j
    would be known, so one of them is there. Or given: `keys` `[U, num_kv_heads * D]` and `values` `[U, num_kv_heads *
    V]`, c(j) being the row; their positions and sequences are `key_positions` and `key_sequences`, or those of the
    queries when not given.

    **Buckets** of a difference r = position(j) - p, for B buckets, M = `relative_max_distance`: without `causal`, n =
    B/2, and bucket = (r > 0 ? n : 0) + b(|r|); with `causal`, n = B and bucket = b(max(-r, 0)); with e = n / 2, b(x) =
    x when x < e, else `min(n - 1, e + int(ln(x / e) / ln(M / e) * (n - e)))`, in f32.

    **Order.** s[j] is a *chain over d*, then times `scale`. Keys are walked in chunks of 64 positions anchored at 0
    (rows, for given keys): chunk i holds positions 64 i to 64 i + 63. For each chunk: `m_i` the largest visible s[j];
    `e[j] = exp(s[j] - m_i)`, 0 where not visible; `l_i` the sum of the 64 e[j] in *16 lanes over j*; `o_i[v]` the
    *chain over j* of `e[j] * Val[j, v]`. Chunks without a visible key are skipped. The others are combined in ascending
    order into (m, l, o), which starts as (-inf, 0, 0), or (sinks[h], 1, 0):

        n = max(m, m_i);  a = exp(m - n);  b = exp(m_i - n)
        (m, l, o) = (n, l * a + l_i * b, o * a + o_i * b)      each product and sum rounded once

    and y = o / l. So the result depends neither on the number of threads nor on how the prompt was cut.

    **Shapes.** query `[T, num_heads * D]`, positions and sequences `[T]`, lengths `[S]`, mask `[T, C]` of i1, bias `[T,
    C]` or `[num_heads, T, C]`, relative_bias `[B, num_heads]`, sinks `[num_heads]`, result `[T, num_heads * V]`.

    (C1) Keys come from exactly one place: state and slot, or keys and values. (C2) `num_kv_heads` divides `num_heads`.
    (C3) The query has `num_heads * head_dim` columns. (C4) The state is a kv_cache with `num_kv_heads` heads of
    `head_dim` and `value_dim`. (C5) Given keys have `num_kv_heads * head_dim` columns, values `num_kv_heads *
    value_dim`, and as many rows. (C6) `key_positions` and `key_sequences` come together, with given keys, one for each
    key; without them there are as many keys as queries. (C7) Positions and sequences are one for each query. (C8) A
    cache is read with `causal` or `lengths`. (C9) `window`, `window_after` are at least 1; a static window and
    `window_size` exclude each other. (C10) A cache that keeps a window is read with `causal` and a window at most as
    large. (C11) `scale` is finite; `soft_cap` finite and greater than 0. (C12) `alibi_slopes` are `num_heads` finite
    numbers. (C13) `relative_bias` is `[B, num_heads]` with B at least 2 (even and at least 4 without `causal`), and
    comes together with `relative_max_distance`, which is greater than half of n. (C14) Sinks are `[num_heads]`. (C15)
    Mask and bias have a row for each query and the bias, if of rank 3, `num_heads` planes; with given keys they have a
    column for each key.

    Edge cases: no tokens give no rows; a row without visible keys is zero; a NaN score makes the row of that head NaN.

    Sources: Vaswani et al., arXiv 1706.03762; grouped queries 2305.13245; ALiBi 2108.12409; relative buckets
    1910.10683; sinks: arXiv 2508.10925.

    ```mlir
    %o = transformer.attention %q cache %kv[%slot] at %positions of %sequences heads 9 kv_heads 3 head_dim 64
      scale 0.125 causal
      : (tensor<?x576xf32>, !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>, index,
         tensor<?xi32>, tensor<?xi32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins
    Transformer_Activations:$query,
    Optional<Transformer_StateType>:$state, Optional<Index>:$slot,
    Optional<Transformer_Activations>:$keys, Optional<Transformer_Activations>:$values,
    Transformer_Integers:$positions, Transformer_Integers:$sequences,
    Optional<Transformer_Integers>:$key_positions, Optional<Transformer_Integers>:$key_sequences,
    Optional<Transformer_Integers>:$lengths, Optional<Index>:$window_size,
    Optional<Transformer_Matrix>:$relative_bias, Optional<TensorRankOf<[I1], [2]>>:$mask,
    Optional<TensorRankOf<[F32, F16, BF16], [2, 3]>>:$bias, Optional<Transformer_Vector>:$sinks,
    Transformer_Positive:$num_heads, Transformer_Positive:$num_kv_heads, Transformer_Positive:$head_dim,
    OptionalAttr<Transformer_Positive>:$value_dim, F64Attr:$scale, UnitAttr:$causal, OptionalAttr<I64Attr>:$window,
    OptionalAttr<I64Attr>:$window_after, OptionalAttr<F64Attr>:$soft_cap, OptionalAttr<DenseF64ArrayAttr>:$alibi_slopes,
    OptionalAttr<I64Attr>:$relative_max_distance);
  let results = (outs Transformer_Activations:$result);
  let builders = [
    // Causal attention over a cache; a window of 0 is none. Other features are set on the op afterwards.
    OpBuilder<(ins "::mlir::Value":$query, "::mlir::Value":$state, "::mlir::Value":$slot, "::mlir::Value":$positions,
                   "::mlir::Value":$sequences, "int64_t":$numHeads, "int64_t":$numKvHeads, "int64_t":$headDim,
                   "double":$scale, CArg<"int64_t", "0">:$window)>,
    // Attention among given keys and values of the same tokens.
    OpBuilder<(ins "::mlir::Value":$query, "::mlir::Value":$keys, "::mlir::Value":$values, "::mlir::Value":$positions,
                   "::mlir::Value":$sequences, "int64_t":$numHeads, "int64_t":$numKvHeads, "int64_t":$headDim,
                   "double":$scale, "bool":$causal)>];
  let assemblyFormat = [{
    $query (`cache` $state^ `[` $slot `]`)? (`keys` $keys^)? (`values` $values^)? `at` $positions `of` $sequences
    (`key_at` $key_positions^)? (`key_of` $key_sequences^)? (`lengths` $lengths^)?
    `heads` $num_heads `kv_heads` $num_kv_heads `head_dim` $head_dim (`value_dim` $value_dim^)? `scale` $scale
    (`causal` $causal^)? (`window` $window^)? (`window_size` $window_size^)? (`window_after` $window_after^)?
    (`soft_cap` $soft_cap^)? (`alibi` $alibi_slopes^)?
    (`relative` $relative_bias^)? (`max_distance` $relative_max_distance^)?
    (`mask` $mask^)? (`bias` $bias^)? (`sinks` $sinks^)?
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// Width of a head of values.
    int64_t getValueWidth() { return getValueDim().value_or(getHeadDim()); }
    /// Positions in one chunk of keys; chunks are anchored at position 0. Part of the op's meaning.
    static constexpr int64_t kChunk = 64;
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_ATTENTIONOPS_TD
