// TransformerDialect.td - the dialect, its op base class and the type constraints that its ops share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_DIALECT_TD
#define LLMC_TRANSFORMER_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/DialectBase.td"

def Transformer_Dialect : Dialect {
  let name = "transformer";
  let cppNamespace = "::llmc::transformer";
  let summary = "what a trained transformer computes";
  let description = [{
    The `transformer` dialect says completely what a model computes: formulas, types, accumulation, edge cases.
    Everything before it produces it and everything after it preserves it.

    **Activations** are two-dimensional tensors `[T, N]`: T tokens of the step, N features. Heads are not a dimension:
    ops that work per head take `num_heads` and `head_dim` and read `[T, num_heads * head_dim]`, head after head.

    **Weights** are named by key and never stored in the IR: see `transformer.weight`. A linear layer's weight is
    `[N, K]`, N outputs of K inputs.

    **A ragged batch**: row t of every activation belongs to token t of the step, which has a sequence number
    `sequences[t]` and a position in it, `positions[t]`. Tokens of one sequence are adjacent, in ascending positions.

    **Numbers**: every op computes in f32 and rounds once to the element type of its result, to nearest even. Operands
    of a narrower type are widened first, which is exact.

    **Order of sums** is part of each op's meaning, so that results depend neither on the number of threads, nor on what
    else is in the batch, nor on how a prompt is cut into steps:
    - *chain over k*: `acc = 0; for k ascending: acc = fma(a[k], b[k], acc)`, one chain for each output element;
    - *16 lanes over k*: `lane[k mod 16] += a[k]` for k ascending, each lane from 0, then
      `for h in 8, 4, 2, 1: lane[j] += lane[j + h]`, j < h; the sum is `lane[0]`. Products are fused into the additions.

    **State** (`!transformer.state`) is an explicit linear value: an op that updates it consumes it and yields the new
    one. After lowering the update happens in place.

    Attributes of entries: `transformer.entry` marks a `func.func` as an entry of the model, `transformer.role` on an
    argument or result says what the runtime hands over there, `transformer.bounds` declares the largest extents.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Unit attribute on func.func: the function is an entry of the model.
    static constexpr ::llvm::StringLiteral kEntryAttrName = "transformer.entry";
    /// RoleAttr on an argument or result of an entry.
    static constexpr ::llvm::StringLiteral kRoleAttrName = "transformer.role";
    /// BoundsAttr on an entry.
    static constexpr ::llvm::StringLiteral kBoundsAttrName = "transformer.bounds";

    void registerTypes();
    void registerAttributes();
    void registerOps();
  }];
}

class Transformer_Op<string mnemonic, list<Trait> traits = []> : Op<Transformer_Dialect, mnemonic, traits>;

// An op that reads a state without consuming it.
def Transformer_StateReader : NativeOpTrait<"StateReader"> {
  let cppNamespace = "::llmc::transformer";
}

#endif // LLMC_TRANSFORMER_DIALECT_TD
