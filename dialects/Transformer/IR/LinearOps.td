// LinearOps.td - products of activations with weights, the embedding, and columns or rows taken from activations.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_LINEAROPS_TD
#define LLMC_TRANSFORMER_LINEAROPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Transformer_EmbeddingOp : Transformer_Op<"embedding", [Pure, AttrSizedOperandSegments, InferTypeOpAdaptor]> {
  let summary = "rows of a table chosen by token";
  let description = [{
    `y[t, h] = table[tokens[t], h] * scale`, and `+ position_table[positions[t] + position_offset, h]` when there is a
    position table. Shapes: tokens `[T]`, table `[V, H]`, positions `[T]`, position table `[P, H]`, result `[T, H]` in
    f32. `scale` is rounded to f32; each operation is rounded once.

    (C1) The position table has as many columns as the table. (C2) Positions and position table come together. (C3)
    `position_offset` needs them and is at least 0. (C4) Positions are as many as tokens. (C5) `scale` is finite.

    Edge cases: no tokens give no rows. Token ids in `[0, V)` and positions inside their table are promised by the
    caller.

    ```mlir
    %x = transformer.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Transformer_Integers:$tokens, Transformer_Matrix:$table,
                       Optional<Transformer_Integers>:$positions,
                       Optional<Transformer_Matrix>:$position_table, OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<Transformer_NonNegative>:$position_offset);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$tokens, "::mlir::Value":$table)>];
  let assemblyFormat = [{
    $tokens `,` $table (`scale` $scale^)? (`positions` $positions^)? (`position_table` $position_table^)?
    (`position_offset` $position_offset^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_LinearOp : Transformer_Op<"linear", [Pure, InferTypeOpAdaptor]> {
  let summary = "product with a weight matrix";
  let description = [{
    `y[t, n] = sum over k of input[t, k] * weight[n, k], + bias[n]`. Shapes: input `[T, K]`, weight `[N, K]`, bias
    `[N]`, result `[T, N]` in the input's element type. The sum is a *chain over k* in f32, from 0; the bias is added at
    the end. The same for one row and for many. Blocks of a block format are decoded to f32 first.

    (C1) Weight and input agree in K. (C2) The bias has N elements. (C3) K is static.

    Edge cases: no tokens give no rows; NaN and infinities follow IEEE 754 arithmetic.

    ```mlir
    %y = transformer.linear %x, %w bias %b
      : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172xbf16>) -> tensor<?x172xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, Transformer_Matrix:$weight, Optional<Transformer_Vector>:$bias);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$weight)>];
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Transformer_GatedLinearOp : Transformer_Op<"gated_linear", [Pure, AttrSizedOperandSegments, InferTypeOpAdaptor]> {
  let summary = "two products joined by a gate";
  let description = [{
    `transformer.gated` of two `transformer.linear`s of one input, as one op: with `g = linear(input, gate_weight,
    gate_bias)` and `u = linear(input, up_weight, up_bias)`, `y = gated(g, u)` with the same activation, limit and
    offset. Shapes: input `[T, K]`, both weights `[N, K]`, biases `[N]`, result `[T, N]`. Sums as in
    `transformer.linear`. Lowerings interleave the rows of the two matrices in blocks of 16.

    (C1) Both weights are `[N, K]` of one element type and agree with the input in K. (C2) Biases come both or not at
    all and have N elements. (C3) `limit` is finite and greater than 0. (C4) K is static.

    ```mlir
    %y = transformer.gated_linear silu %x, %g, %u
      : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172x64xbf16>) -> tensor<?x172xf32>
    ```
  }];
  let arguments = (ins Transformer_ActivationAttr:$activation, Transformer_Activations:$input,
                       Transformer_Matrix:$gate_weight, Transformer_Matrix:$up_weight,
                       Optional<Transformer_Vector>:$gate_bias, Optional<Transformer_Vector>:$up_bias,
                       OptionalAttr<F64Attr>:$limit, OptionalAttr<F64Attr>:$up_offset);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::llmc::transformer::Activation":$activation, "::mlir::Value":$input,
                                 "::mlir::Value":$gateWeight, "::mlir::Value":$upWeight)>];
  let assemblyFormat = [{
    `` $activation $input `,` $gate_weight `,` $up_weight (`gate_bias` $gate_bias^)? (`up_bias` $up_bias^)?
    (`limit` $limit^)? (`up_offset` $up_offset^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Transformer_SplitOp : Transformer_Op<"split", [Pure, InferTypeOpAdaptor]> {
  let summary = "columns of an activation in runs";
  let description = [{
    Result j holds the `sizes[j]` columns after those of the results before it: the inverse of joining the rows of
    weights.

    (C1) Sizes are at least 1, one for each result. (C2) They add up to the input's columns, which are static.

    ```mlir
    %q, %k, %v = transformer.split %qkv sizes [64, 32, 32]
      : (tensor<?x128xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, DenseI64ArrayAttr:$sizes);
  let results = (outs Variadic<Transformer_Activations>:$results);
  let assemblyFormat = "$input `sizes` $sizes attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_ConcatOp : Transformer_Op<"concat", [Pure, InferTypeOpAdaptor]> {
  let summary = "columns of activations side by side";
  let description = [{
    The columns of the inputs one after the other: the inverse of `transformer.split`.

    (C1) There is at least one input; all have one element type and static columns. (C2) All have the same rows.

    ```mlir
    %y = transformer.concat %a, %b : (tensor<?x5xf32>, tensor<?x7xf32>) -> tensor<?x12xf32>
    ```
  }];
  let arguments = (ins Variadic<Transformer_Activations>:$inputs);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_GatherRowsOp : Transformer_Op<"gather_rows", [Pure, InferTypeOpAdaptor]> {
  let summary = "chosen rows of an activation";
  let description = [{
    `y[r, h] = input[rows[r], h]`. Shapes: input `[T, H]`, rows `[R]`, result `[R, H]`. In a text decoder these are the
    tokens whose logits are wanted. Each row number is in `[0, T)`, promised by the caller; no rows give no rows.

    ```mlir
    %y = transformer.gather_rows %x, %rows : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, Transformer_Integers:$rows);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "$input `,` $rows attr-dict `:` functional-type(operands, results)";
}

#endif // LLMC_TRANSFORMER_LINEAROPS_TD
