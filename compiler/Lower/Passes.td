// Passes.td - passes of the stop `lower`: from the transformer dialect to kernel and linalg ops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_LOWER_PASSES_TD
#define LLMC_COMPILER_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToKernelPass : Pass<"llmc-lower-to-kernel", "::mlir::ModuleOp"> {
  let summary = "turn transformer ops into kernel ops and elementwise linalg ops";
  let description = [{
    Each hot op of the `transformer` dialect becomes the `kernel` op that computes it, in tensor form, with its weights packed;
    elementwise ops become `linalg.generic`. Rotary tables are computed once per step, before the layers. Ops on
    weight values stay as they are.

    Before: `%y = transformer.linear %x, %w : (tensor<?x64xf32>, tensor<172x64xbf16>) -> tensor<?x172xf32>`
    After: `%p = kernel.pack %w ...`, `%y = kernel.matmul %x, %p { ^bb0(%s: f32): kernel.yield %s : f32 } ...`

    A matrix in blocks, or the decoded values of one, is packed as codes where the format has a compute layout, and its product takes
    rows quantised by `kernel.quantize` unless `activations` is f32; other blocks are decoded while they are packed.

    With `sums` = f16 products with matrices of f16 take rows halved by `kernel.halve`, and add chunks in f16; a matrix packed for them
    is refused where it holds numbers too large for that.

    A feature that no kernel has (a mask, a latent cache) is an error at the op that asks for it. Guarantees: no
    `transformer` op is left in an entry but ops on weights.
  }];
  let options = [Option<"pageTokens", "page-tokens", "int64_t", "64", "positions in a page of the key-value cache, a multiple of 64">,
                 Option<"activations", "activations", "std::string", "\"q8\"",
                        "what products with weights of codes read: f32, or q8 for rows quantised at run time">,
                 Option<"sums", "sums", "std::string", "\"f32\"", "what products with matrices of f16 are added in: f32 or f16">];
  let dependentDialects = ["::llmc::kernel::KernelDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def FoldEpiloguesPass : Pass<"llmc-fold-epilogues", "::mlir::ModuleOp"> {
  let summary = "fold elementwise consumers into the matmul that feeds them";
  let description = [{
    An elementwise `linalg.generic` that is the only user of a `kernel.matmul` moves into its epilogue; the generic's other inputs become extras
    (a residual, a gate). Never folds when the matmul's result has another user, or when the generic reads it other than
    element by element.

    Before: `%m = kernel.matmul %x, %w {...}`, `%y = linalg.generic ins(%m, %r) { addf }`
    After: `%y = kernel.matmul %x, %w extras(%r) { ^bb0(%s: f32, %r0: f32): addf }`
  }];
  let statistics = [Statistic<"numFolded", "folded", "elementwise ops folded into an epilogue">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def FuseNormsPass : Pass<"llmc-fuse-norms", "::mlir::ModuleOp"> {
  let summary = "norm rows while they are quantised or halved";
  let description = [{
    A `kernel.rms_norm` of whole rows that only a `kernel.quantize` or `kernel.halve` reads becomes its `norm`: one pass over the row, and no
    meeting of threads between the two. The bits stay the same. Never fuses a norm with another reader, or one of groups of columns.

    Before: `%n = kernel.rms_norm %x, %w`, `%q = kernel.quantize %n`
    After: `%q = kernel.quantize %x norm(%w)`
  }];
  let statistics = [Statistic<"numFused", "fused", "norms done while quantising">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def ElementwiseToKernelPass : Pass<"llmc-elementwise-to-kernel", "::mlir::ModuleOp"> {
  let summary = "turn the elementwise ops that are left into kernels of their own";
  let description = [{
    Each elementwise `linalg.generic` on `[T, C]` tensors becomes a `kernel.elementwise`. Any other linalg op is an error.

    Before: `%y = linalg.generic ins(%a, %b) { addf }`
    After: `%y = kernel.elementwise ins(%a, %b) { addf }`
  }];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

#endif
