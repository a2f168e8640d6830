// Passes.td - passes of code generation.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_PASSES_TD
#define LLMC_COMPILER_TARGETS_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitProgramsPass : Pass<"llmc-emit-programs", "::mlir::ModuleOp"> {
  let summary = "turn step programs into functions for one processor variant";
  let description = [{
    Replaces each `kernel.program` by an `llvm.func` of the signature in step_abi.h and one internal function per compute op, with
    register tiles as the variant's TargetBackend answers. Weights become addresses, and `kernel.weight` ops are removed. The
    functions mix `llvm`, `arith`, `vector` and `scf` ops; the conversion passes of MLIR take them to the `llvm` dialect.

    Before: `kernel.program @step ... { ... kernel.embed %ids, %w outs(%x) ... }`
    After: `llvm.func @step(%context: !llvm.ptr, %thread: i32, %threads: i32) { ... llvm.call @step_0_embed(...) ... }`

    Needs the buffer form with barriers in place and weights placed.
  }];
  let options = [Option<"variant", "variant", "std::string", "\"x86-64-v3\"", "name of the processor variant">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def VectorizeLoopsPass : Pass<"llmc-vectorize-loops", "::mlir::ModuleOp"> {
  let summary = "run marked innermost loops 16 turns at a time";
  let description = [{
    An innermost loop that is marked `llmc.parallel` - no turn needs another - or `llmc.sum` - all turns add to one place - becomes a loop over
    vectors of 16, and what is left of it. A sum is made of 64 partial ones, which are put together pairwise: its order depends on the number of
    turns alone.

    Before: `scf.for %i = ... { memref.load %x[%i], arith.mulf, memref.store %y[%i] } {llmc.parallel}`
    After: `scf.for %i = ... step 16 { vector.load, arith.mulf : vector<16xf32>, vector.store }`, then the loop from there on

    Never: touches loops with control flow in them, or with places that are neither the same nor next to each other. Needs scf.for, memref.load
    and memref.store.
  }];
  let statistics = [Statistic<"numLoops", "loops", "loops on vectors">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ExpandMathPass : Pass<"llmc-expand-math", "::mlir::ModuleOp"> {
  let summary = "write elementary functions as arithmetic";
  let description = [{
    Replaces `math` ops that a library would be called for by straight-line f32 arithmetic: exp, tanh and erf by ours
    (compiler/Targets/Vector/Math.h), others by MLIR's approximations and identities. What a processor has an instruction for stays. A `math.exp`
    marked `llmc.nonpositive` has an argument of 0, less, or NaN; an `arith.maximumf` with `nnan` may lose a NaN.

    Before: `%y = math.exp %x : f32`
    After: `arith` and `math.fma` ops
  }];
  let options = [Option<"variant", "variant", "std::string", "\"x86-64-v3\"", "name of the processor variant">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif
