// Passes.td - fusions of transformer ops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_FUSION_PASSES_TD
#define LLMC_COMPILER_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseQKVPass : Pass<"llmc-fuse-qkv", "::mlir::func::FuncOp"> {
  let summary = "compute queries, keys and values with one product";
  let description = [{
    Where the queries of an attention and the keys and values that its cache was updated with are linears of one input, their
    weights are joined row after row and one linear computes all three. Between the linears and the attention there may
    be rope and norms of heads.

    ```mlir
    // before
    %q = transformer.linear %h, %wq : ...
    %k = transformer.linear %h, %wk : ...
    %v = transformer.linear %h, %wv : ...

    // after
    %w = transformer.weight.concat %wq, %wk, %wv axis 0 : ...
    %qkv = transformer.linear %h, %w : ...
    %q, %k, %v = transformer.split %qkv sizes [...] : ...
    ```

    The values are the same bit for bit, since each output element keeps its own sum. Never fires when the inputs
    or the element types of the weights differ, or when only some of the three have a bias. Needs nothing of what ran before.
  }];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numFused", "fused", "Groups of queries, keys and values computed with one product">];
}

def FuseGatedPass : Pass<"llmc-fuse-gated", "::mlir::func::FuncOp"> {
  let summary = "compute gate and up with one product";
  let description = [{
    `transformer.gated` of two linears of one input becomes `transformer.gated_linear`, when nothing else uses the
    linears' results.

    ```mlir
    // before
    %g = transformer.linear %h, %wg : ...
    %u = transformer.linear %h, %wu : ...
    %a = transformer.gated silu %g, %u : tensor<?x172xf32>

    // after
    %a = transformer.gated_linear silu %h, %wg, %wu : ...
    ```

    The values are the same bit for bit. Never fires when the inputs or the types of the weights differ, or when only one has
    a bias. Needs nothing of what ran before.
  }];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numFused", "fused", "Gates computed with one product">];
}

#endif // LLMC_COMPILER_FUSION_PASSES_TD
