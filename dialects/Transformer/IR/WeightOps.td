// WeightOps.td - weights named by key, and the closed set of operations that recipes are made of.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_WEIGHTOPS_TD
#define LLMC_TRANSFORMER_WEIGHTOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

class Transformer_OnWeights<string name, list<Trait> traits = []>
  : Transformer_Op<!if(!empty(name), "weight", "weight." # name), !listconcat([Pure], traits)>;

def Transformer_WeightOp : Transformer_OnWeights<""> {
  let summary = "tensor of the checkpoint";
  let description = [{
    The tensor stored under a key, exactly as stored. Inside a body of `transformer.layers` the list has one key for
    each layer of that body's class, in layer order, and the value is the current layer's tensor; the tensors have one
    shape and element type.

    (C1) Keys are not empty. (C2) Directly in a function there is one key. (C3) Inside a body there are as many keys as
    the class has layers.

    ```mlir
    %w = transformer.weight ["model.norm.weight"] : tensor<64xf32>
    ```
  }];
  let arguments = (ins StrArrayAttr:$keys);
  let results = (outs Transformer_Weight:$result);
  let builders = [OpBuilder<(ins "::mlir::RankedTensorType":$type, "::llvm::StringRef":$key)>];
  let assemblyFormat = "$keys attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Number of layers that the keys stand for: 1 outside `transformer.layers`.
    int64_t getNumLayers() { return getKeys().size(); }
    ::llvm::StringRef getKey(int64_t layer) { return ::llvm::cast<::mlir::StringAttr>(getKeys()[layer]).getValue(); }
  }];
}

def Transformer_WeightSliceOp : Transformer_OnWeights<"slice", [InferTypeOpAdaptor]> {
  let summary = "box of a weight";
  let description = [{
    `result[i0, i1, …] = source[offsets[0] + i0, offsets[1] + i1, …]`, of shape `sizes`.

    (C1) `offsets` and `sizes` have one number for each dimension. (C2) The box is not empty and lies inside the source.
    (C3) A box of a block format keeps the last dimension whole blocks: offset and size are multiples of the group.

    ```mlir
    %k = transformer.weight.slice %qkv offsets [576, 0] sizes [192, 576]
      : (tensor<960x576xbf16>) -> tensor<192x576xbf16>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source, DenseI64ArrayAttr:$offsets, DenseI64ArrayAttr:$sizes);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$source `offsets` $offsets `sizes` $sizes attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_WeightConcatOp : Transformer_OnWeights<"concat", [InferTypeOpAdaptor]> {
  let summary = "weights joined along one dimension";
  let description = [{
    The sources one after the other along dimension `axis`.

    (C1) There is at least one source. (C2) `axis` is a dimension of the sources. (C3) Sources have one element type and
    agree in every dimension but `axis`.

    ```mlir
    %qkv = transformer.weight.concat %q, %k, %v axis 0
      : (tensor<576x576xbf16>, tensor<192x576xbf16>, tensor<192x576xbf16>) -> tensor<960x576xbf16>
    ```
  }];
  let arguments = (ins Variadic<Transformer_Weight>:$sources, I64Attr:$axis);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$sources `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_WeightPermuteOp : Transformer_OnWeights<"permute"> {
  let summary = "weight with its elements in another order";
  let description = [{
    Reads the source, row-major, as a tensor of shape `view`, permutes its dimensions (dimension d of the permuted
    tensor is dimension `order[d]` of the view) and reads the outcome, row-major, as the result's shape. One op is a
    transpose, a reshape, the change between the two rope layouts, or the unravelling of a fused `[heads][q, k,
    v][head_dim]` matrix.

    (C1) `view` has positive sizes and as many elements as the source. (C2) `order` is a permutation of the view's
    dimensions. (C3) The result has the source's element type and number of elements. (C4) A block format keeps its
    last dimension: `order` leaves the last dimension of the view in place, and source, view and result agree in it.

    ```mlir
    // Rotary pairs (2i, 2i+1) of 3 heads of 64 rows become pairs (i, i+32).
    %w1 = transformer.weight.permute %w view [3, 32, 2, 576] order [0, 2, 1, 3]
      : (tensor<192x576xf32>) -> tensor<192x576xf32>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source, DenseI64ArrayAttr:$view, DenseI64ArrayAttr:$order);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$source `view` $view `order` $order attr-dict `:` functional-type(operands, results)";
  let builders = [
    OpBuilder<(ins "::mlir::Value":$source, "::llvm::ArrayRef<int64_t>":$order)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_WeightConvertOp : Transformer_OnWeights<"convert", [AllShapesMatch<["source", "result"]>]> {
  let summary = "weight in another element type";
  let description = [{
    Each element rounded to the result's element type, to nearest even; widening is exact; a value too large becomes an
    infinity, a NaN stays one.

    (C1) Both element types are floats.

    ```mlir
    %w1 = transformer.weight.convert %w : (tensor<64xbf16>) -> tensor<64xf32>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source);
  let results = (outs Transformer_Weight:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::Type":$elementType)>];
  let assemblyFormat = "$source attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_WeightAffineOp : Transformer_OnWeights<"affine", [AllTypesMatch<["source", "result"]>]> {
  let summary = "weight scaled and shifted";
  let description = [{
    `result = source * scale + offset`, with scale and offset rounded to f32, product and sum each rounded to f32, the
    outcome rounded to the element type. With scale 1 and offset 1 it makes the `1 + w` of some norms.

    (C1) The element type is f32, f16 or bf16. (C2) Scale and offset are finite.

    ```mlir
    %w1 = transformer.weight.affine %w scale 1.0 offset 1.0 : tensor<64xf32>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source, F64Attr:$scale, F64Attr:$offset);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$source `scale` $scale `offset` $offset attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_WeightDecodeOp : Transformer_OnWeights<"decode", [AllShapesMatch<["source", "result"]>]> {
  let summary = "values of a block format";
  let description = [{
    The values that the blocks stand for, by the format's descriptor, computed in f32 and rounded to the result's
    element type.

    (C1) The source's element type is a block format and the result's is f32, f16 or bf16. (C2) The group divides the
    last dimension.

    ```mlir
    %v = transformer.weight.decode %w : (tensor<576x64x!transformer.block<q8, group = 32>>) -> tensor<576x64xf32>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$source attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Transformer_WeightQuantizeOp : Transformer_OnWeights<"quantize", [AllShapesMatch<["source", "result"]>]> {
  let summary = "weight rounded to a block format";
  let description = [{
    Blocks whose values are near the source: of a fixed list of scales (and minima) for each block the one with the
    smallest squared error, found as `dialects/Transformer/Formats/BlockSearch.h` lays down to the bit. Values are
    finite and not beyond what the format's scales reach.

    With `statistics` of the rows x that the matrix `[N, K]` is multiplied with, the lower triangle of the mean of `x^T x` row
    by row, the products change least instead of the matrix: `dialects/Transformer/Formats/BlockCalibration.h`.

    (C1) The source's element type is f32, f16 or bf16 and the result's is a block format. (C2) The group divides the
    last dimension. (C3) The format's descriptor has a rounding; the formats of files are only read. (C4) Statistics are f32
    `[K * (K + 1) / 2]`, of a matrix.

    ```mlir
    %w1 = transformer.weight.quantize %w : (tensor<576x64xbf16>) -> tensor<576x64x!transformer.block<q8, group = 32>>
    %w2 = transformer.weight.quantize %w by %s : (tensor<576x64xbf16>, tensor<2080xf32>) -> tensor<576x64x!transformer.block<q4, group = 32>>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source, Optional<Transformer_Weight>:$statistics);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$source (`by` $statistics^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Transformer_WeightUnpackOp : Transformer_OnWeights<"unpack"> {
  let summary = "small codes out of words";
  let description = [{
    Each element of the source is a word of W bits, whatever its type: first `plus` is added to it modulo 2^W, then it is
    cut into `F = W / bits` fields, field i being bits `[bits * i, bits * (i + 1))`. Along `axis` element e of the source
    becomes the elements `[F * e, F * (e + 1))` of the result, field i being number `order[i]` of them (i without
    `order`), each with its bits exclusive-or `flip`. What is past the result's extent is dropped.

    (C1) The source's element type is an integer or float of 8, 16 or 32 bits; `bits` divides that and is at most 8.
    (C2) `axis` is a dimension. (C3) The result is ui8 and agrees with the source but along `axis`, where its last word
    is at least begun. (C4) `order` is a permutation of 0 to F - 1. (C5) `flip` has no more than `bits` bits.

    ```mlir
    %c = transformer.weight.unpack %w bits 4 axis 0 : (tensor<8x24xi32>) -> tensor<64x24xui8>
    ```
  }];
  let arguments = (ins Transformer_Weight:$source, Transformer_Positive:$bits, I64Attr:$axis,
                       OptionalAttr<DenseI64ArrayAttr>:$order, OptionalAttr<I64Attr>:$plus,
                       OptionalAttr<I64Attr>:$flip);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = [{
    $source `bits` $bits `axis` $axis (`order` $order^)? (`plus` $plus^)? (`flip` $flip^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_WeightSortColumnsOp
  : Transformer_OnWeights<"sort_columns", [AllTypesMatch<["source", "result"]>]> {
  let summary = "columns in the order of their keys";
  let description = [{
    With p the columns in ascending order of their keys, those of one key in ascending order, `result[n, j] =
    source[n, p[j]]`; with `inverse` `result[n, p[j]] = source[n, j]`, which undoes it. So columns that share a scale
    but lie apart (the act-order of GPTQ) come to lie beside each other.

    (C1) There is one i32 key for each column. (C2) The source is not of a block format.

    ```mlir
    %s = transformer.weight.sort_columns %c by %g : tensor<24x64xui8>, tensor<64xi32>
    ```
  }];
  let arguments = (ins Transformer_AnyMatrix:$source, Transformer_Weight:$keys, UnitAttr:$inverse);
  let results = (outs Transformer_AnyMatrix:$result);
  let assemblyFormat = [{
    $source `by` $keys (`inverse` $inverse^)? attr-dict `:` type($source) `,` type($keys)
  }];
  let hasVerifier = 1;
}

def Transformer_WeightBlocksOp : Transformer_OnWeights<"blocks"> {
  let summary = "blocks put together from tensors of their parts";
  let description = [{
    Blocks of the codes, with the scale and the zero point that their tile has: those of code `[n, k]` are
    `scales[n / tile[0], k / tile[1]]` and `zeros[n / tile[0], k / tile[1]]`, or `zero` everywhere. Nothing is rounded:
    scales are widened.

    (C1) Codes are a ui8 matrix of the result's shape, below 2^bits of the format. (C2) The result's format has one
    scale a block and no minimum. (C3) Scales are a matrix of f16 where the format's are f16, of f16, bf16 or f32 where
    they are f32. (C4) `tile` has two positive sizes, and scales one element for each tile, the last ones perhaps begun.
    (C5) The group divides the columns, and either the tile's width or no tile ends within a row. (C6) Zero points come
    as `zeros`, ui8 of the scales' shape, or as `zero`, where the format has them, and only there.

    ```mlir
    %b = transformer.weight.blocks %s scales %d tile [1, 32] zeros %z
      : (tensor<24x64xui8>, tensor<24x2xf16>, tensor<24x2xui8>)
      -> tensor<24x64x!transformer.block<q4_zero, group = 32>>
    ```
  }];
  let arguments = (ins Transformer_AnyMatrix:$codes, Transformer_AnyMatrix:$scales, DenseI64ArrayAttr:$tile,
                       Optional<Transformer_AnyMatrix>:$zeros, OptionalAttr<I64Attr>:$zero);
  let results = (outs Transformer_AnyMatrix:$result);
  let assemblyFormat = [{
    $codes `scales` $scales `tile` $tile (`zeros` $zeros^)? (`zero` $zero^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_WeightPackOp : Transformer_OnWeights<"pack", [InferTypeOpAdaptor]> {
  let summary = "matrix in panels of rows";
  let description = [{
    `result[p, b, r, j] = source[p * rows + r, b * group + j]`, zero where the source ends, of shape
    `[ceil(N / rows), ceil(K / group), rows, group]` for a source `[N, K]`. `rows` output features stand side by side
    in a vector; `group` neighbours of k feed one dot instruction (1 for f32 and f16, 2 for bf16 pairs, 4 for int8).

    (C1) `rows` and `group` are at least 1. (C2) The element type is not a block format.

    ```mlir
    %p = transformer.weight.pack %w rows 16 group 2 : (tensor<100x7xbf16>) -> tensor<7x4x16x2xbf16>
    ```
  }];
  let arguments = (ins Transformer_AnyMatrix:$source,
                       Transformer_Positive:$rows, Transformer_Positive:$group);
  let results = (outs Transformer_Weight:$result);
  let assemblyFormat = "$source `rows` $rows `group` $group attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Transformer_RopeFrequenciesOp : Transformer_OnWeights<"rope_frequencies"> {
  let summary = "table of rotary frequencies";
  let description = [{
    `[R, dim/2]`: row r holds the angle per position of each rotary pair, in radians. Computed while compiling by own
    deterministic functions (`dialects/Transformer/Formats/RopeFrequencies.h`), each step rounded to f32 where the
    published code rounds. With `e[i] = f32(2i / dim)` and `f[i] = 1 / f32(base ^ e[i])`:

    - `default`: `f[i]`.
    - `linear`: `f[i] / factor`.
    - `llama3`: with wavelength `l = 2 pi / f[i]` and L = `original_context`: `f[i] / factor` when `l > L /
      low_freq_factor`, `f[i]` when `l < L / high_freq_factor`, else `(1 - s) f[i] / factor + s f[i]` with `s = (L / l -
      low_freq_factor) / (high_freq_factor - low_freq_factor)`.
    - `yarn`: `f[i] / factor * ramp(i) + f[i] * (1 - ramp(i))`, `ramp(i) = clamp((i - low) / (high - low), 0, 1)`, low
      and high being `dim * ln(L / (2 pi beta)) / (2 ln base)` for `beta_fast` and `beta_slow`, floored and ceiled
      unless `keep_fraction`, clamped to `[0, dim - 1]`, 0.001 apart when equal.
    - `dynamic`: row r is for a sequence of `n = original_context + r` positions: `base` is multiplied by
      `(factor * n / L - (factor - 1)) ^ (dim / (dim - 2))`. `R = max(1, max_context - original_context + 1)`.
    - `longrope`: `1 / f32(ext[i] * f32(base ^ e[i]))`; row 0 has ext = `short_factors`, row 1 `long_factors`. R = 2.

    R is 1 for the others. `transformer.rope` chooses a token's row by its position alone (`max(0, p + 1 -
    original_context)`, at most R - 1), so that the angle of a position never depends on how the prompt was cut. The
    factor that yarn and longrope put on cos and sin is an attribute of `transformer.rope`.

    (C1) `dim` is even and at least 2; for `dynamic` at least 4. (C2) `base` is finite and greater than 1. (C3) Every
    kind but `default` and `longrope` has a finite `factor` greater than 0. (C4) `llama3` has `low_freq_factor` and
    `high_freq_factor`, finite, with 0 < low < high. (C5) `llama3`, `yarn`, `dynamic` and `longrope` have
    `original_context` of at least 1. (C6) `dynamic` has `max_context`, at most 2^24. (C7) `yarn` has `beta_fast` and
    `beta_slow`, finite and greater than 0. (C8) `longrope` has `short_factors` and `long_factors` of dim/2 finite
    numbers greater than 0. (C9) No attribute is given that the kind does not use. (C10) The result is `[R, dim/2]`.

    Sources: RoFormer (arXiv 2104.09864), YaRN (2309.00071), LongRoPE (2402.13753), Hugging Face transformers
    `modeling_rope_utils.py`.

    ```mlir
    %f = transformer.weight.rope_frequencies llama3 base 5.0e5 dim 64 factor 8.0 low_freq_factor 1.0
      high_freq_factor 4.0 original_context 8192 : tensor<1x32xf32>
    ```
  }];
  let arguments = (ins Transformer_RopeScalingAttr:$scaling, F64Attr:$base, I64Attr:$dim, OptionalAttr<F64Attr>:$factor,
                       OptionalAttr<F64Attr>:$low_freq_factor, OptionalAttr<F64Attr>:$high_freq_factor,
                       OptionalAttr<F64Attr>:$beta_fast, OptionalAttr<F64Attr>:$beta_slow, UnitAttr:$keep_fraction,
                       OptionalAttr<I64Attr>:$original_context, OptionalAttr<I64Attr>:$max_context,
                       OptionalAttr<DenseF64ArrayAttr>:$short_factors, OptionalAttr<DenseF64ArrayAttr>:$long_factors);
  let results = (outs Transformer_FrequencyTable:$result);
  let builders = [OpBuilder<(ins "const ::llmc::RopeFrequencySpec &":$spec)>];
  let assemblyFormat = [{
    `` $scaling `base` $base `dim` $dim (`factor` $factor^)? (`low_freq_factor` $low_freq_factor^)?
    (`high_freq_factor` $high_freq_factor^)? (`beta_fast` $beta_fast^)? (`beta_slow` $beta_slow^)?
    (`keep_fraction` $keep_fraction^)? (`original_context` $original_context^)? (`max_context` $max_context^)?
    (`short_factors` $short_factors^)? (`long_factors` $long_factors^)? attr-dict `:` type($result)
  }];
  let extraClassDeclaration = [{
    /// The same facts without MLIR, for whoever computes the table.
    ::llmc::RopeFrequencySpec getSpec();
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_WEIGHTOPS_TD
