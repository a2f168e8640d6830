// Passes.td - passes of the stop `schedule`: weights get places, values get memory, the step program is fixed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_SCHEDULE_PASSES_TD
#define LLMC_COMPILER_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def HoistWeightsPass : Pass<"llmc-hoist-weights", "::mlir::ModuleOp"> {
  let summary = "turn packed weight expressions into named weights with recipes";
  let description = [{
    Each `kernel.pack` and the ops on weight values that it depends on move into a `kernel.weight` of the module; equal expressions become one.

    Before: `%w = transformer.weight ["k"] ...`, `%p = kernel.pack %w ...` in an entry
    After: `kernel.weight @w0 copies 1 ... { ... }` in the module, `%p = kernel.get_weight @w0` in the entry

    Guarantees: no op on weight values is left in an entry. Never evaluates anything.
  }];
  let statistics = [Statistic<"numWeights", "weights", "packed weights named">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def PlaceWeightsPass : Pass<"llmc-place-weights", "::mlir::ModuleOp"> {
  let summary = "give every packed weight its place in the weights section";
  let description = [{
    Sets `offset` and `stride` of each `kernel.weight`: in the order in which a step first reads them, 64-byte aligned. The weights of a layer
    class make up one record a layer, and records follow each other, so that a step reads memory forward.

    Before: `kernel.weight @w0 copies 30 at -1 stride 0 ...`
    After: `kernel.weight @w0 copies 30 at 56623104 stride 7077888 ...`
  }];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def TrimLastLayerPass : Pass<"llmc-trim-last-layer", "::mlir::ModuleOp"> {
  let summary = "let the last layer compute only the rows whose logits are wanted";
  let description = [{
    Where all that is read of a loop's carried rows is picked by `kernel.gather_rows`, the tail of the last layer's body - what follows the last
    op that changes a state - needs those rows alone: of a prompt usually one. A `kernel.wanted_rows` marks where it begins.

    Before: `kernel.layers ... { kernel.cache_update, kernel.attention, kernel.matmul, ... }`, `kernel.gather_rows %layers, %rows`
    After: the same with `kernel.wanted_rows %rows` before the attention

    Never: where somebody else reads the rows, or two picks differ.
  }];
  let statistics = [Statistic<"numTrimmed", "trimmed", "loops over layers whose last is trimmed">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def PlanMemoryPass : Pass<"llmc-plan-memory", "::mlir::ModuleOp"> {
  let summary = "turn entries into step programs on buffers";
  let description = [{
    Replaces each entry by a `kernel.program`: every tensor value gets a buffer in an arena slot, or the memory of an operand that dies
    there where an op can work in place; slots are shared by buffers that are never live together; loops over layers carry nothing but work in
    place; state updates are in place.

    Before: `func.func @step(...) { %y = kernel.rms_norm %x, %w ... }`
    After: `kernel.program @step ... { %b = kernel.buffer 0 tokens ..., kernel.rms_norm %x, %w outs(%b) ... }`

    Needs entries of kernel ops in tensor form only. The program has no barriers yet.
  }];
  let statistics = [Statistic<"numBuffers", "buffers", "buffers made">, Statistic<"numSlots", "slots", "arena slots">,
                    Statistic<"numInPlace", "in-place", "ops that work in place">];
  let dependentDialects = ["::llmc::kernel::KernelDialect", "::mlir::memref::MemRefDialect"];
}

def InsertBarriersPass : Pass<"llmc-insert-barriers", "::mlir::ModuleOp"> {
  let summary = "let the team meet where one thread reads what another wrote";
  let description = [{
    Inserts a `kernel.barrier` before a launch that touches memory which an earlier launch, since the last barrier, touched in conflict (one of
    them writing), unless both split that memory among threads in the same way, by rows or by panels of columns. A loop's
    last launches count as earlier than its first.

    Before: `kernel.rms_norm %x, %w outs(%h)`, `kernel.matmul %h, %p outs(%y)`
    After: the same with a `kernel.barrier` between
  }];
  let statistics = [Statistic<"numBarriers", "barriers", "barriers inserted">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def SetTilingsPass : Pass<"llmc-set-tilings", "::mlir::ModuleOp"> {
  let summary = "let products be worked through as a schedule file says";
  let description = [{
    Reads the file (docs/schedule-format.md), and gives each `kernel.matmul` that it tells of a `kernel.tilings`. Others stay as the
    target has them.

    Before: `kernel.matmul %x, %w outs(%y) { ... }`
    After: the same with `{kernel.tilings = {"x86-64-v4" = #kernel.tiling<panels = 8, ...>}}`

    Changes no result. Refuses a file that is not well-formed, and tiles that the processor variant has not.
  }];
  let options = [Option<"file", "file", "std::string", "", "the schedule file; none: nothing is changed">];
  let statistics = [Statistic<"numSet", "set", "products that the file tells of">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def GraphConstantsPass : Pass<"llmc-graph-constants", "::mlir::ModuleOp"> {
  let summary = "let the weights of a tensor graph be arguments of its entry";
  let description = [{
    Each `transformer.weight` of an entry becomes a last argument of it, named by `llmc.constants`, so that bufferization sees memory that
    is only read. `llmc-graph-program` makes `kernel.constant` of them. A result that is given twice is copied, so that each has memory.

    Before: `%w = transformer.weight ["w"] : tensor<3xf32>`
    After: `func.func @main(..., %w: tensor<3xf32>) attributes {llmc.constants = ["w"]}`
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::tensor::TensorDialect"];
}

def PartEmptyTensorsPass : Pass<"llmc-part-empty-tensors", "::mlir::ModuleOp"> {
  let summary = "give each use of an empty tensor one of its own";
  let description = [{
    Equal `tensor.empty` become one by other passes, though each stands for memory of its own. Bufferization would then see one buffer that
    is written twice, and copy, or find no place for what a loop carries. Each use gets an op of its own, right before it.

    Before: `%e = tensor.empty()`, `linalg.fill ... outs(%e)`, `scf.for ... { linalg.fill ... outs(%e) }`
    After: two of them, the second in the loop

    Never: changes values, which an empty tensor has none of.
  }];
  let statistics = [Statistic<"numParted", "parted", "empty tensors made">];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def FuseElementwisePass : Pass<"llmc-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "make one op of chains of elementwise ops";
  let description = [{
    Upstream's fusion of linalg ops, with a rule of ours: an op is computed where it is read if nobody else reads it, and if it is read once an
    element, or only moves, or costs less than memory. So nothing is computed for each product that it is part of. Transpositions are
    moves, reshapes go out of the way.

    Before: `%a = linalg.generic ... { exp }`, `%b = linalg.generic ... ins(%a) { add }`
    After: `%b = linalg.generic ... { exp, add }`
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect"];
}

def GraphContractionsPass : Pass<"llmc-graph-contractions", "::mlir::ModuleOp"> {
  let summary = "turn sums of products on buffers into contractions";
  let description = [{
    A linalg op that adds products of two f32 buffers to what a fill has set to 0 becomes a `kernel.contract`; where all that reads the sums is one
    elementwise op, it becomes the epilogue, and the sums have no memory.

    Before: `linalg.fill ins(%zero) outs(%s)`, `linalg.generic ... ins(%x, %w) outs(%s) { fma }`, `linalg.generic ... ins(%s, %bias) outs(%y)`
    After: `kernel.contract %x, %w with (%bias) to %y { ... }`

    Never: changes the order of a sum. Other types and other bodies are left as they are.
  }];
  let statistics = [Statistic<"numContractions", "contractions", "contractions made">,
                    Statistic<"numEpilogues", "epilogues", "elementwise ops that became an epilogue">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def GraphPanelsPass : Pass<"llmc-graph-panels", "::mlir::ModuleOp"> {
  let summary = "order constants the way that contractions read them";
  let description = [{
    A constant that only contractions read, each as the factor that has the columns and in the same way, becomes panels of 16 columns: what the
    code would make of it at each step, the compiler makes once.

    Before: `kernel.contract %x, %w to %y`, %w: memref<768x3072xf32>
    After: `kernel.contract %x, %w to %y {panels}`, %w: memref<2359296xf32>, with the constant's `columns` and `steps` on the argument

    Never: a constant of fewer than 16 columns, one that is read in two orders, or one of another type than f32.
  }];
  let statistics = [Statistic<"numConstants", "constants", "constants in panels">];
  let dependentDialects = ["::llmc::kernel::KernelDialect"];
}

def GraphRowsPass : Pass<"llmc-graph-rows", "::mlir::ModuleOp"> {
  let summary = "make one loop of ops that work on the same rows";
  let description = [{
    Neighbouring linalg ops whose first loops are equal and of which no row needs what another row has written become one `scf.for` over rows,
    marked `llmc.rows`, with the ops on parts of their buffers. A buffer that only they touch is one row on the stack.

    Before: `linalg.generic` (maxima of rows), `linalg.generic` (exponentials), `linalg.generic` (sums), `linalg.generic` (quotients)
    After: `scf.for %r = 0 to rows { the four on %x[%r], %y[%r] } {llmc.rows}`

    Never: changes what is computed or in which order a sum is made. Rows are counted by known sizes.
  }];
  let statistics = [Statistic<"numJoined", "joined", "ops that became part of a loop over rows">,
                    Statistic<"numScratch", "scratch", "buffers that became a row on the stack">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def GraphProgramPass : Pass<"llmc-graph-program", "::mlir::ModuleOp"> {
  let summary = "turn a bufferized entry into a step program of generic launches";
  let description = [{
    Each op of the entry that writes memory becomes one `kernel.generic`, with the views, constants and scalars that it reads in its body.
    A linalg op becomes loops, of which one over a dimension that its output has is split among the threads; other ops run on one thread.
    Allocations become `kernel.memory`: each gets the lowest place where nothing lies that is needed at the same time. A barrier
    stands before a launch that touches what an earlier one since the last barrier wrote, or writes what one read.

    Before: `%a = memref.alloc() : memref<7xf32>`, `linalg.generic ... ins(%x) outs(%a)`
    After: `%a = kernel.memory 0 at 0 : memref<7xf32>`, `kernel.generic 7 writes [false, true] (%x, %a) ...`

    Needs static shapes and outputs as arguments. Never: splits the loop of a sum.
  }];
  let statistics = [Statistic<"numLaunches", "launches", "launches made">,
                    Statistic<"numSplit", "split", "launches that threads share">,
                    Statistic<"numBarriers", "barriers", "barriers">];
  let dependentDialects = ["::llmc::kernel::KernelDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect"];
}

#endif
