// KernelComputeOps.td - the hot computations, in tensor and in buffer form.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_KERNEL_COMPUTE_OPS_TD
#define LLMC_KERNEL_COMPUTE_OPS_TD

include "dialects/Kernel/IR/KernelBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

def Kernel_Rows : AnyTypeOf<[TensorRankOf<[F32], [2]>, MemRefRankOf<[F32], [2]>], "f32 rows [T, C], tensor or buffer">;
def Kernel_Bytes : AnyTypeOf<[TensorRankOf<[I8], [2]>, MemRefRankOf<[I8], [2]>], "rows of bytes [T, B], tensor or buffer">;
def Kernel_Halves : AnyTypeOf<[TensorRankOf<[F16], [2]>, MemRefRankOf<[F16], [2]>], "rows of f16 [T, H], tensor or buffer">;
def Kernel_AnyRows : AnyTypeOf<[Kernel_Rows, Kernel_Bytes, Kernel_Halves], "rows of f32, bytes or f16, tensor or buffer">;
def Kernel_Indices : AnyTypeOf<[TensorRankOf<[I32], [1]>, MemRefRankOf<[I32], [1]>], "i32 [T], tensor or buffer">;
def Kernel_State : Type<CPred<"::llvm::isa<::llmc::transformer::StateType>($_self)">, "a state">;

// Every compute op: tensor form with results, or buffer form with outs.
class Kernel_ComputeOp<string mnemonic, list<Trait> traits = []>
    : Op<Kernel_Dialect, mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>])> {
  let hasVerifier = 1;
  code formsDeclaration = [{
    /// True in a kernel.program, where the op writes `outs` and has no results.
    bool isBufferForm() { return getOperation()->getNumResults() == 0; }
  }];
  let extraClassDeclaration = formsDeclaration;
}

def Kernel_EmbedOp : Kernel_ComputeOp<"embed"> {
  let summary = "rows of a packed table, picked by token ids";
  let description = [{
    `y[t, c] = scale * table[ids[t], c]`, converted to f32. The table may be in `panels` layout, so that tied embeddings
    are stored once. Rows are split over threads.

    ```mlir
    %y = kernel.embed %ids, %table : (tensor<?xi32>, !kernel.packed<panels, 49152, 576, 1, bf16>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Kernel_Indices:$ids, Kernel_PackedType:$table, Variadic<Kernel_Rows>:$outs,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = "$ids `,` $table (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)";
}

def Kernel_RMSNormOp : Kernel_ComputeOp<"rms_norm"> {
  let summary = "root-mean-square norm of each row or of each group of columns";
  let description = [{
    For each row and each group g of G columns: `y[c] = x[c] * r * (offset + w[c mod G])` with
    `r = 1 / sqrt(sum(x[c]^2 over the group) / G + epsilon)`. The sum runs in 16 interleaved chains (chain i takes columns
    i, i+16, ...; the remainder of a group goes to the first chains), which are then added pairwise: the same order for
    every row count, thread count and step. Rows are split over threads.
    `outs` may be x itself.

    ```mlir
    %y = kernel.rms_norm %x, %w {epsilon = 1.0e-05 : f32} : (tensor<?x576xf32>, !kernel.packed<table, 1, 576, 1, f32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, Kernel_PackedType:$weight, Variadic<Kernel_Rows>:$outs, F32Attr:$epsilon,
                       DefaultValuedAttr<F32Attr, "0.0f">:$weight_offset);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = "$x `,` $weight (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)";
}

def Kernel_LayerNormOp : Kernel_ComputeOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "layer norm of each row or of each group of columns";
  let description = [{
    For each row and each group of G columns, with `mean = sum(x[c]) / G`, `d[c] = x[c] - mean` rounded to f32 and
    `r = 1 / sqrt(sum(d[c]^2) / G + epsilon)`: `y[c] = d[c] * r * (offset + w[c mod G]) + b[c mod G]`, without `+ b` where there is no
    bias. Both sums run as in `kernel.rms_norm`. Rows are split over threads. `outs` may be x itself.

    ```mlir
    %y = kernel.layer_norm %x, %w bias %b {epsilon = 1.0e-05 : f32}
      : (tensor<?x768xf32>, !kernel.packed<table, 1, 768, 1, f32>, !kernel.packed<table, 1, 768, 1, f32>) -> tensor<?x768xf32>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, Kernel_PackedType:$weight, Optional<Kernel_PackedType>:$bias, Variadic<Kernel_Rows>:$outs,
                       F32Attr:$epsilon, DefaultValuedAttr<F32Attr, "0.0f">:$weight_offset);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = [{
    $x `,` $weight (`bias` $bias^)? (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Kernel_MatmulOp : Kernel_ComputeOp<"matmul", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "rows times a packed weight, with an elementwise epilogue";
  let description = [{
    `s_i[t, n] = sum over k ascending of x[t, k] * w_i[n, k]` for each stream i of the weight, each product fused into one
    f32 chain per element (`fma`), then `y[t, n] = epilogue(s_0, ..., s_S-1, e_0[t, n], ...)`. The epilogue's block takes the
    S sums and one f32 for each of `extras`; an extra is a buffer `[T, N]`, read at the same place before y is written
    (so y may be that buffer), or a `table` weight `[1, N]` (a bias), read at column n. It yields one f32.

    Columns are split over threads. Padding columns of y hold what the epilogue makes of zero sums and of the
    extras' padding.

    A weight of codes (`!kernel.codes`) gives `w_i[n, k]` = the element, decoded in f32. With quantised rows (`kernel.quantize`) as x
    its sums are made of segments of `S` consecutive k instead, in ascending order, S = 32, or 16 where 32 do not divide K
    and the group, or `segment` where it is given: with the whole number `i = sum over the segment of code of x * number of w`, exact,
    and d the scale of x there, `s = fma(f32(i), w's scale * d, s)` and, where w has minima m, then `s = fma(m, f32(sum of codes of x) * d, s)`. Each
    product is rounded to f32. So a result does not depend on the instructions that made i.

    With halved rows (`kernel.halve`) as x and a weight of f16 panels a sum is made of chunks of 64 consecutive k, in ascending order: in f16
    `c = fma(x's number, w, c)` from 0 over the chunk, then `s = s + f32(c)`; the sum is `s * d` with d the row's scale.
    Where no |w| is above `largestHalf`, no c is infinite.

    (C1) x is f32 rows with the weight's K, or quantised rows made for the weight's zero, minima, zero points and segments, and then
    the weight is one of codes, or halved rows of its K, and then it is panels of f16. (C2) `segment` is 0, or 16 or 32 and divides the
    segment above.

    ```mlir
    %y = kernel.matmul %x, %w extras(%residual : tensor<?x576xf32>) {
    ^bb0(%s: f32, %r: f32):
      %0 = arith.addf %s, %r : f32
      kernel.yield %0 : f32
    } : (tensor<?x1536xf32>, <panels, 576, 1536, 1, bf16>) -> (tensor<?x576xf32>)
    ```
  }];
  let arguments = (ins Kernel_AnyRows:$x, Kernel_PackedType:$weight, Variadic<AnyType>:$extras, Variadic<Kernel_Rows>:$outs,
                       DefaultValuedAttr<I64Attr, "0">:$segment);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let regions = (region SizedRegion<1>:$epilogue);
  let extraClassDeclaration = formsDeclaration # [{
    /// Consecutive k whose products are added in f16.
    static constexpr int64_t halfChunk = 64;
    /// Magnitude of a weight up to which that is safe: numbers of halved rows are at most 2, and rounding adds little.
    static constexpr float largestHalf = 480.0f;
    /// True where x is quantised rows.
    bool isQuantized() { return ::mlir::cast<::mlir::ShapedType>(getX().getType()).getElementType().isInteger(8); }
    /// True where x is halved rows.
    bool isHalved() { return ::mlir::cast<::mlir::ShapedType>(getX().getType()).getElementType().isF16(); }
    /// Columns of quantised x with one scale.
    int64_t segmentSize() {
      return getSegment() ? getSegment() : getWeight().getType().getCodes().segmentOf(getWeight().getType().getK());
    }
  }];
  let assemblyFormat = [{
    $x `,` $weight (`extras` `(` $extras^ `:` type($extras) `)`)? (`outs` `(` $outs^ `:` type($outs) `)`)? $epilogue attr-dict
    `:` `(` type($x) `,` type($weight) `)` (`->` `(` type($result)^ `)`)?
  }];
}

def Kernel_QuantizeOp : Kernel_ComputeOp<"quantize", [AttrSizedOperandSegments]> {
  let summary = "rows as 8-bit codes with a scale for each segment of columns";
  let description = [{
    For each row and each segment of 16 or 32 consecutive columns: with a = the largest magnitude of the segment, the scale is
    `d = a / 127` and a code is `rint(x * (127 / a))`, halves to even, every operation rounded to f32; where a < 2^-100 all
    codes are zero. A segment that holds a number that is not finite has a scale that is not finite, so that what is computed of
    it is not a number. Codes are from -127 to 127.

    A row of the result is bytes: codes i8 `[K]`, scales f32 `[K / segment]`, and, for each segment, what `sums` says: with `offset` the i32
    `-zero * sum of its codes`, with `scaled` the f32 `f32(sum of its codes) * d`, with `taken` the f32 `-f32(sum of its codes)`. Each part begins at a
    multiple of 64 bytes. Rows are split over threads.

    With `norm` the row is first normed: x stands for `kernel.rms_norm` of x with that weight, `epsilon` and `norm_offset`, bit for bit, without a
    pass through memory. With `order` column j of what is quantised is column `order[j]` of the row: a weight whose columns were sorted (the
    act-order of GPTQ) is multiplied as it lies.

    (C1) K is a multiple of the segment. (C2) B is the number of bytes that this makes (QuantizedRow). (C3) `zero` is from 1 to
    128 with `offset`, else 0. (C4) `norm` and `order` are tables of one row of K numbers; those of `order` are the columns, each once.

    ```mlir
    %q = kernel.quantize %x norm(%w) {epsilon = 1.0e-05 : f32, segment = 32 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x576xf32>, !kernel.packed<table, 1, 576, 1, f32>) -> tensor<?x832xi8>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, Optional<Kernel_PackedType>:$norm, Optional<Kernel_PackedType>:$order,
                       Variadic<Kernel_Bytes>:$outs, I64Attr:$segment,
                       DefaultValuedAttr<Kernel_RowSums, "RowSums::none">:$sums, DefaultValuedAttr<I64Attr, "0">:$zero,
                       DefaultValuedAttr<F32Attr, "0.0f">:$epsilon, DefaultValuedAttr<F32Attr, "0.0f">:$norm_offset);
  let results = (outs Variadic<Kernel_Bytes>:$result);
  let assemblyFormat = [{
    $x (`norm` `(` $norm^ `)`)? (`order` `(` $order^ `)`)? (`outs` `(` $outs^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def Kernel_HalveOp : Kernel_ComputeOp<"halve", [AttrSizedOperandSegments]> {
  let summary = "rows as f16 with a power of two for each row";
  let description = [{
    For each row, with a = its largest magnitude: `d = 2^e` where e is the exponent of a, `2^e <= a < 2^(e+1)`, at least -100; a
    number is `f16(x * 2^-e)`, to nearest, halves to even: at most 2. A row that holds what is not finite, or 2^127 and more, has a scale that
    is not a number.

    A row of the result is the numbers, each of them twice, so that 32 bits bring it to every lane `[2 K]`, and from the next multiple of
    64 bytes on the scale as f32. Rows are split over threads.

    With `norm` x stands for `kernel.rms_norm` of x with that weight, `epsilon` and `norm_offset`, bit for bit, without a pass
    through memory.

    (C1) H is the number of f16 that this makes (HalvedRow). (C2) `norm` is a table of one row of K numbers.

    ```mlir
    %h = kernel.halve %x norm(%w) {epsilon = 1.0e-05 : f32} : (tensor<?x576xf32>, !kernel.packed<table, 1, 576, 1, f32>) -> tensor<?x1184xf16>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, Optional<Kernel_PackedType>:$norm, Variadic<Kernel_Halves>:$outs,
                       DefaultValuedAttr<F32Attr, "0.0f">:$epsilon, DefaultValuedAttr<F32Attr, "0.0f">:$norm_offset);
  let results = (outs Variadic<Kernel_Halves>:$result);
  let assemblyFormat = "$x (`norm` `(` $norm^ `)`)? (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)";
}

def Kernel_RopeTableOp : Kernel_ComputeOp<"rope_table"> {
  let summary = "cosines and sines of each token's rotary angles";
  let description = [{
    `y[t, i] = m * cos(a)`, `y[t, D/2 + i] = m * sin(a)` with `a = f32(positions[t] * frequencies[r, i])` and m =
    `attention_factor`; the angle is rounded to f32 before the cosine is taken, as the reference implementations do.
    The row r of the frequency table `[R, D/2]` is `clamp(positions[t] + 1 - row_start, 0, R - 1)`; so with R = 1 there is one
    row, with longrope's two rows `row_start` is the original context length and the second row applies past it, and
    dynamic scaling has one row for each position past the limit.
    Rows are split over threads.

    ```mlir
    %t = kernel.rope_table %positions, %f {row_start = 0 : i64} : (tensor<?xi32>, !kernel.packed<table, 1, 32, 1, f32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Kernel_Indices:$positions, Kernel_PackedType:$frequencies, Variadic<Kernel_Rows>:$outs,
                       DefaultValuedAttr<I64Attr, "0">:$row_start,
                       DefaultValuedAttr<F32Attr, "1.0f">:$attention_factor);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = "$positions `,` $frequencies (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)";
}

def Kernel_RopeOp : Kernel_ComputeOp<"rope"> {
  let summary = "rotary embedding of the heads of each row";
  let description = [{
    Turns the first `rotary_dim` columns of each head of `head_dim` columns by the row's table from `rope_table`:
    `(y[a], y[b]) = (x[a] c_i - x[b] s_i, x[b] c_i + x[a] s_i)` with (a, b) = (i, i + rotary_dim/2) in style `half` and
    (2i, 2i + 1) in style `interleaved`; products and sums are rounded one by one. Other columns are copied. `outs` may be x.
    Rows are split over threads.

    ```mlir
    %y = kernel.rope %x, %t {head_dim = 64 : i64, rotary_dim = 64 : i64, style = 0 : i32} : (tensor<?x576xf32>, tensor<?x64xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, Kernel_Rows:$table, Variadic<Kernel_Rows>:$outs, I64Attr:$head_dim,
                       I64Attr:$rotary_dim, Kernel_RopeStyle:$style);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = "$x `,` $table (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)";
}

def Kernel_CacheUpdateOp : Kernel_ComputeOp<"cache_update", []> {
  let summary = "writes the step's keys and values into their pages";
  let description = [{
    For each token t: K and V rows `[heads * head_dim]` go to position `positions[t]` of sequence `sequences[t]` in the slot's
    part of its page, rounded to the cache's type. In the tensor form the result is the new state. Rows are split over
    threads.

    ```mlir
    %kv1 = kernel.cache_update %kv0[%slot], %k, %v, %positions, %sequences {page = #kernel.page<tokens = 64, slots = 30, heads = 3, head_dim = 64, f32>}
      : (!transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>, index, tensor<?x192xf32>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>)
      -> !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
    ```
  }];
  let arguments = (ins Kernel_State:$state, Index:$slot, Kernel_Rows:$k, Kernel_Rows:$v, Kernel_Indices:$positions,
                       Kernel_Indices:$sequences, Kernel_PageAttr:$page);
  let results = (outs Variadic<Kernel_State>:$result);
  let assemblyFormat = [{
    $state `[` $slot `]` `,` $k `,` $v `,` $positions `,` $sequences attr-dict `:` functional-type(operands, results)
  }];
}

def Kernel_AttentionOp : Kernel_ComputeOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "softmax attention of the step's queries over cached keys and values";
  let description = [{
    For each token t at position p and each query head h (key-value head h / (num_heads / heads)): scores
    `s_j = scale * sum over d ascending of q[d] k_j[d]` for the visible positions j <= p (and j > p - window when `window` > 0),
    `softcap * tanh(s / softcap)` when softcap > 0, softmax over them in f32, and `y = sum of p_j v_j`.

    The order of sums is that of `transformer.attention`: keys in chunks of 64 anchored at position 0, each with its own
    maximum, sum and output, merged in ascending order. Invisible positions of a chunk count as weight zero. The same for one
    query and for many, for every step and thread count.

    `window` = 0 means none; a window of W sees W keys, the token's own included. Units of (key-value head, tile of tokens) are
    split over threads.

    The buffer form of a step has `scratch`, memory of its own of getScratchColumns() numbers: a single token's heads are too
    few to keep threads equally busy, so they share out (chunk, key-value head) pairs, meet, and merge the chunks' results in
    order.

    ```mlir
    %y = kernel.attention %q, %kv[%slot], %positions, %sequences {num_heads = 9 : i64, scale = 0.125 : f32,
           page = #kernel.page<tokens = 64, slots = 30, heads = 3, head_dim = 64, f32>}
      : (tensor<?x576xf32>, !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Kernel_Rows:$q, Kernel_State:$state, Index:$slot, Kernel_Indices:$positions,
                       Kernel_Indices:$sequences, Variadic<Kernel_Rows>:$scratch, Variadic<Kernel_Rows>:$outs,
                       I64Attr:$num_heads, F32Attr:$scale,
                       DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
                       Kernel_PageAttr:$page);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = [{
    $q `,` $state `[` $slot `]` `,` $positions `,` $sequences (`scratch` `(` $scratch^ `)`)? (`outs` `(` $outs^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = formsDeclaration # [{
    /// Chunks that threads share out before they meet.
    static constexpr int64_t sharedChunks = 32;
    /// Query heads whose states lie side by side, at least: no target takes fewer at a time where there are more.
    static constexpr int64_t sharedRows = 4;
    /// Numbers that a chunk's result for the query heads of one key-value head takes: for each run of sharedRows heads
    /// 16 maxima and 16 sums, and an output row a head, padded to 16.
    int64_t getRecordColumns();
    /// Columns of `scratch`: the state of every key-value head, and two rounds of sharedChunks records a head.
    int64_t getScratchColumns() { return getPage().getHeads() * (1 + 2 * sharedChunks) * getRecordColumns(); }
  }];
}

def Kernel_GatherRowsOp : Kernel_ComputeOp<"gather_rows"> {
  let summary = "the rows of a buffer that are wanted";
  let description = [{
    `y[r, c] = x[rows[r], c]`. Rows are split over threads.

    ```mlir
    %y = kernel.gather_rows %x, %rows : (tensor<?x576xf32>, tensor<?xi32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, Kernel_Indices:$rows, Variadic<Kernel_Rows>:$outs);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let assemblyFormat = "$x `,` $rows (`outs` `(` $outs^ `)`)? attr-dict `:` functional-type(operands, results)";
}

def Kernel_ElementwiseOp : Kernel_ComputeOp<"elementwise", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "a scalar function of the elements of its inputs";
  let description = [{
    `y[t, c] = body(x_0[t, c], x_1[t, c], ...)`: what is left of an elementwise computation that no other kernel took into its
    epilogue. Inputs are buffers `[T, C]` or `table` weights `[1, C]`. `outs` may be an input. Rows are split over
    threads.

    ```mlir
    %y = kernel.elementwise ins(%a, %b : tensor<?x64xf32>, tensor<?x64xf32>) {
    ^bb0(%p: f32, %q: f32):
      %0 = arith.addf %p, %q : f32
      kernel.yield %0 : f32
    } -> (tensor<?x64xf32>)
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, Variadic<Kernel_Rows>:$outs);
  let results = (outs Variadic<Kernel_Rows>:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `ins` `(` $inputs `:` type($inputs) `)` (`outs` `(` $outs^ `:` type($outs) `)`)? $body attr-dict (`->` `(` type($result)^ `)`)?
  }];
}

def Kernel_ColumnsOp : Op<Kernel_Dialect, "columns", [Pure]> {
  let summary = "a view of some columns of rows";
  let description = [{
    `y[t, c] = x[t, offset + c]`; in the buffer form y is a view of the same memory.

    ```mlir
    %k = kernel.columns %qkv from 576 : (tensor<?x960xf32>) -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Kernel_Rows:$x, I64Attr:$offset);
  let results = (outs Kernel_Rows:$result);
  let assemblyFormat = "$x `from` $offset attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
