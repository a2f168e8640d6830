// PositionOps.td - rotary positions. Learned ones belong to transformer.embedding, biases to transformer.attention.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_POSITIONOPS_TD
#define LLMC_TRANSFORMER_POSITIONOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Transformer_RopeOp : Transformer_Op<"rope", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    Turns pairs of features of each head by an angle that grows with the token's position. With D = `head_dim`, d =
    `rotary_dim`, p = `positions[t]`, `c = min(max(0, p + 1 - original_context), R - 1)` the row of the table `[R,
    d/2]`, and for pair i in `[0, d/2)`:

        angle = f32(p) * frequencies[c, i]
        (x, y) = features (i, i + d/2) of the head     for `half`
                 features (2i, 2i + 1)                 for `interleaved`
        cs = cos(angle) * attention_factor, sn = sin(angle) * attention_factor
        x' = x * cs - y * sn
        y' = y * cs + x * sn

    Features from d to D pass unchanged. The angle is rounded to f32 before cos and sin are taken, each product and
    difference is rounded once. Shapes: input `[T, H * D]`, positions `[T]`, frequencies `[R, d/2]`, result as the
    input.

    (C1) `head_dim` divides the input's columns, which are static. (C2) `rotary_dim` is even and at most `head_dim`.
    (C3) The table has `rotary_dim / 2` columns. (C4) A table of more than one row needs `original_context`. (C5) There
    are as many positions as rows of the input. (C6) `attention_factor` is finite and greater than 0.

    Edge cases: no tokens give no rows; position 0 gives the input times `attention_factor`. Source: Su et al., arXiv
    2104.09864.

    ```mlir
    %q1 = transformer.rope half %q at %positions by %f head_dim 64 rotary_dim 64
      : (tensor<?x576xf32>, tensor<?xi32>, tensor<1x32xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Transformer_RopeStyleAttr:$style, Transformer_Activations:$input,
                       Transformer_Integers:$positions,
                       Transformer_FrequencyTable:$frequencies, Transformer_Positive:$head_dim,
                       Transformer_Positive:$rotary_dim, OptionalAttr<Transformer_Positive>:$original_context,
                       OptionalAttr<F64Attr>:$attention_factor);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::llmc::transformer::RopeStyle":$style, "::mlir::Value":$input,
                                 "::mlir::Value":$positions, "::mlir::Value":$frequencies, "int64_t":$headDim,
                                 "int64_t":$rotaryDim, CArg<"double", "1.0">:$attentionFactor,
                                 CArg<"int64_t", "0">:$originalContext)>];
  let assemblyFormat = [{
    `` $style $input `at` $positions `by` $frequencies `head_dim` $head_dim `rotary_dim` $rotary_dim
    (`original_context` $original_context^)? (`attention_factor` $attention_factor^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_POSITIONOPS_TD
