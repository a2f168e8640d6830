// NormOps.td - normalisation of activations.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_NORMOPS_TD
#define LLMC_TRANSFORMER_NORMOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

class Transformer_NormOp<string name, list<Trait> traits = []>
  : Transformer_Op<name, !listconcat([Pure, AllTypesMatch<["input", "result"]>], traits)> {
  let hasVerifier = 1;
  code sharedDeclaration = [{
    /// Columns that are normalised together: the group, or the whole row.
    int64_t getNormSize() {
      return getGroupSize().value_or(::llvm::cast<::mlir::RankedTensorType>(getInput().getType()).getDimSize(1));
    }
  }];
}

def Transformer_DefaultRounding
  : DefaultValuedAttr<Transformer_NormRoundingAttr, "::llmc::transformer::NormRounding::AfterWeight">;

def Transformer_RMSNormOp : Transformer_NormOp<"rms_norm"> {
  let summary = "root mean square norm";
  let description = [{
    For each row x of G numbers (G = N, or each run of `group_size` columns of the row, all with the same weight `[G]`:
    the norm of q and k per head):

        r = 1 / sqrt(sum(x[i]^2) / G + epsilon)
        y[i] = (x[i] * r) * (weight[i] + weight_offset)

    Shapes: input `[T, N]`, weight `[G]` or none (all ones), result `[T, N]`. The sum is *16 lanes over i* in f32;
    division, square root and reciprocal are exactly rounded. With `before_weight`, `x[i] * r` is rounded to the
    result's element type before it is multiplied, with `after_weight` (the default) only the product is: models differ
    in this; the same for f32.

    (C1) The row has static length. (C2) `group_size` divides it. (C3) The weight has G elements. (C4) `epsilon` is
    finite and at least 0. (C5) `weight_offset` needs a weight.

    Edge cases: no tokens give no rows; a row of zeros gives zeros when epsilon > 0, NaN when it is 0; NaN and
    infinities spread over their group only. Source: Zhang and Sennrich, arXiv 1910.07467.

    ```mlir
    %h = transformer.rms_norm %x, %w epsilon 1.0e-5 : (tensor<?x576xf32>, tensor<576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, Optional<Transformer_Vector>:$weight, F64Attr:$epsilon,
                       OptionalAttr<Transformer_Positive>:$group_size, OptionalAttr<F64Attr>:$weight_offset,
                       Transformer_DefaultRounding:$rounding);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$weight, "double":$epsilon,
                                 CArg<"int64_t", "0">:$groupSize)>];
  let assemblyFormat = [{
    $input (`,` $weight^)? `epsilon` $epsilon (`group_size` $group_size^)? (`weight_offset` $weight_offset^)?
    (`rounding` `` $rounding^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = sharedDeclaration;
}

def Transformer_LayerNormOp : Transformer_NormOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "layer norm";
  let description = [{
    For each row x of G numbers (G as in `transformer.rms_norm`):

        mean = sum(x[i]) / G
        variance = sum((x[i] - mean)^2) / G
        y[i] = ((x[i] - mean) * (1 / sqrt(variance + epsilon))) * (weight[i] + weight_offset) + bias[i]

    Both sums are *16 lanes over i* in f32, the second over the differences rounded to f32. Weight and bias are `[G]` or
    none (ones, zeros).

    (C1)…(C5) as `transformer.rms_norm`. (C6) The bias has G elements.

    Edge cases: no tokens give no rows; a constant row gives the bias when epsilon > 0. Source: Ba, Kiros and Hinton,
    arXiv 1607.06450; ONNX LayerNormalization-17.

    ```mlir
    %h = transformer.layer_norm %x, %w bias %b epsilon 1.0e-5
      : (tensor<?x768xf32>, tensor<768xf32>, tensor<768xf32>) -> tensor<?x768xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, Optional<Transformer_Vector>:$weight,
                       Optional<Transformer_Vector>:$bias, F64Attr:$epsilon,
                       OptionalAttr<Transformer_Positive>:$group_size, OptionalAttr<F64Attr>:$weight_offset,
                       Transformer_DefaultRounding:$rounding);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$weight, "::mlir::Value":$bias,
                                 "double":$epsilon)>];
  let assemblyFormat = [{
    $input (`,` $weight^)? (`bias` $bias^)? `epsilon` $epsilon (`group_size` $group_size^)?
    (`weight_offset` $weight_offset^)? (`rounding` `` $rounding^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = sharedDeclaration;
}

#endif // LLMC_TRANSFORMER_NORMOPS_TD
