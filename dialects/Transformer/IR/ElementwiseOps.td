// ElementwiseOps.td - ops on each element by itself.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_ELEMENTWISEOPS_TD
#define LLMC_TRANSFORMER_ELEMENTWISEOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

class Transformer_ElementwiseOp<string name, list<Trait> traits = []>
  : Transformer_Op<name, !listconcat([Pure], traits)>;

def Transformer_AddOp : Transformer_ElementwiseOp<"add", [SameOperandsAndResultType, Commutative]> {
  let summary = "sum of two activations";
  let description = [{
    `y = lhs + rhs`, element by element. Operands and result have one type.

    ```mlir
    %y = transformer.add %a, %b : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$lhs, Transformer_Activations:$rhs);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Transformer_MulOp : Transformer_ElementwiseOp<"mul", [AllTypesMatch<["lhs", "result"]>]> {
  let summary = "product of two activations";
  let description = [{
    `y[t, n] = lhs[t, n] * rhs[t, n]`, or `lhs[t, n] * rhs[t, 0]` when rhs has one column (a gate for each token).

    (C1) rhs has the element type and rows of lhs. (C2) It has as many columns, or one.

    ```mlir
    %y = transformer.mul %a, %b : tensor<?x64xf32>, tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$lhs, Transformer_Activations:$rhs);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
  let hasVerifier = 1;
}

def Transformer_ScaleOp : Transformer_ElementwiseOp<"scale", [SameOperandsAndResultType]> {
  let summary = "activation times a number";
  let description = [{
    `y = input * value`, value rounded to f32. (C1) `value` is finite.

    ```mlir
    %y = transformer.scale %x by 0.125 : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, F64Attr:$value);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "$input `by` $value attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_SoftCapOp : Transformer_ElementwiseOp<"soft_cap", [SameOperandsAndResultType]> {
  let summary = "activation bounded by a tanh";
  let description = [{
    `y = cap * tanh(input / cap)`, cap rounded to f32. (C1) `cap` is finite and greater than 0.

    ```mlir
    %y = transformer.soft_cap %logits at 30.0 : tensor<?x512xf32>
    ```
  }];
  let arguments = (ins Transformer_Activations:$input, F64Attr:$cap);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "$input `at` $cap attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Transformer_ActivationOp : Transformer_ElementwiseOp<"activation", [SameOperandsAndResultType]> {
  let summary = "activation function of each element";
  let description = [{
    `y = act(x)`:

    | name | act(x) |
    |---|---|
    | `silu` | `x * sigmoid(x)` |
    | `gelu` | `x / 2 * (1 + erf(x / sqrt(2)))` |
    | `gelu_tanh` | `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))` |
    | `quick_gelu` | `x * sigmoid(1.702 x)` |
    | `relu` | `x > 0 ? x : 0` (NaN stays) |
    | `relu_squared` | `relu(x)^2` |
    | `sigmoid` | `1 / (1 + exp(-x))` |
    | `tanh` | `tanh(x)` |

    Lowerings may approximate exp, tanh and erf within 4 units in the last place of f32; one variant always computes the
    same bits for the same x, wherever it stands.

    ```mlir
    %y = transformer.activation gelu_tanh %x : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Transformer_ActivationAttr:$activation, Transformer_Activations:$input);
  let results = (outs Transformer_Activations:$result);
  let assemblyFormat = "`` $activation $input attr-dict `:` type($result)";
}

def Transformer_GatedOp : Transformer_ElementwiseOp<"gated", [SameOperandsAndResultType]> {
  let summary = "activation opened by a gate";
  let description = [{
    `y = act(gate) * (up + up_offset)`; with `limit` L, gate is first `min(gate, L)` and up `clamp(up, -L, L)`.
    Activations as in `transformer.activation`. (C1) `limit` is finite and greater than 0.

    Source: Shazeer, "GLU Variants Improve Transformer", arXiv 2002.05202.

    ```mlir
    %y = transformer.gated silu %gate, %up : tensor<?x172xf32>
    ```
  }];
  let arguments = (ins Transformer_ActivationAttr:$activation, Transformer_Activations:$gate,
                       Transformer_Activations:$up,
                       OptionalAttr<F64Attr>:$limit, OptionalAttr<F64Attr>:$up_offset);
  let results = (outs Transformer_Activations:$result);
  let builders = [OpBuilder<(ins "::llmc::transformer::Activation":$activation, "::mlir::Value":$gate,
                                 "::mlir::Value":$up)>];
  let assemblyFormat = [{
    `` $activation $gate `,` $up (`limit` $limit^)? (`up_offset` $up_offset^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_ELEMENTWISEOPS_TD
