// KernelProgramOps.td - packed weights, layers, and the step program that the runtime executes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_KERNEL_PROGRAM_OPS_TD
#define LLMC_KERNEL_PROGRAM_OPS_TD

include "dialects/Kernel/IR/KernelBase.td"
include "dialects/Kernel/IR/KernelComputeOps.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

def Kernel_YieldOp : Op<Kernel_Dialect, "yield", [Pure, Terminator]> {
  let summary = "the values a region hands back";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let description = [{
    Ends the body of an epilogue, an elementwise op, a weight recipe, a layer class (with the values carried to the next
    layer, in the tensor form) or a program (with nothing).

    ```mlir
    kernel.yield %0 : f32
    ```
  }];
}

def Kernel_PackOp : Op<Kernel_Dialect, "pack", [Pure]> {
  let summary = "weights in the layout that kernels read";
  let description = [{
    Packs one weight `[N, K]`, or S of them as streams side by side, into the layout of the result. A 1-D weight `[N]` becomes a
    `table` of one row. Element types other than the result's are converted (round to nearest even). Weights in blocks become
    the `codes` that their format maps onto (codesOf), without a change of any value. With `order` the weight is the i32 keys of
    `transformer.weight.sort_columns`, and the table holds the order in which they sort columns: p of that op. With `largest` a number of
    greater magnitude, or one that is not finite, is an error when the weight is packed.

    ```mlir
    %p = kernel.pack %w : (tensor<576x576xbf16>) -> !kernel.packed<panels, 576, 576, 1, bf16>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$weights, UnitAttr:$order, OptionalAttr<F32Attr>:$largest);
  let results = (outs Kernel_PackedType:$result);
  let assemblyFormat = "$weights attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Kernel_WeightOp : Op<Kernel_Dialect, "weight", [Symbol, SingleBlock, IsolatedFromAbove]> {
  let summary = "a packed weight of the artifact and the recipe that makes it";
  let description = [{
    Names one packed weight. Its body is the recipe: ops on weight values ending in the packed value. With `copies` = L > 1 it
    stands for L weights of equal shape, one per layer of a class: the `transformer.weight` ops in the recipe list L
    keys, and copy i, made from the i-th keys, lies at `offset + i * stride` in the weights section. Offsets are in bytes,
    multiples of 64; `llmc-place-weights` sets them, before that they are -1.

    ```mlir
    kernel.weight @w0 copies 1 at -1 stride 0 : !kernel.packed<panels, 576, 576, 1, bf16> {
      %w = transformer.weight ["proj.weight"] : tensor<576x576xbf16>
      %p = kernel.pack %w : (tensor<576x576xbf16>) -> !kernel.packed<panels, 576, 576, 1, bf16>
      kernel.yield %p : !kernel.packed<panels, 576, 576, 1, bf16>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$copies, I64Attr:$offset, I64Attr:$stride,
                       TypeAttrOf<Kernel_PackedType>:$type);
  let regions = (region SizedRegion<1>:$recipe);
  let assemblyFormat = "$sym_name `copies` $copies `at` $offset `stride` $stride `:` $type $recipe attr-dict";
  let hasVerifier = 1;
}

def Kernel_GetWeightOp : Op<Kernel_Dialect, "get_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a packed weight, by name";
  let description = [{
    The weight `@name`; inside a layer class with the layer's number within the class, which picks the copy.

    ```mlir
    %w = kernel.get_weight @w0[%member] : !kernel.packed<panels, 576, 576, 1, bf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, Optional<Index>:$member);
  let results = (outs Kernel_PackedType:$result);
  let assemblyFormat = "$weight (`[` $member^ `]`)? attr-dict `:` type($result)";
}

def Kernel_LayersOp : Op<Kernel_Dialect, "layers", [RecursiveMemoryEffects]> {
  let summary = "layers in order, one body per class";
  let description = [{
    Runs layer i = 0, 1, ... with body `classes[i]`. A body's first two block arguments are the layer's state slot
    `slots[i]` and its number among the layers of its class; in the tensor form the carried values follow, and
    `kernel.yield` hands them to the next layer. In the buffer form nothing is carried: layers work in place. Code grows with
    the number of classes, not of layers.

    ```mlir
    %y = kernel.layers classes [0, 0] slots [0, 1] iter(%x : tensor<?x64xf32>) {
    ^bb0(%slot: index, %member: index, %h: tensor<?x64xf32>):
      kernel.yield %h : tensor<?x64xf32>
    } -> (tensor<?x64xf32>)
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inits, DenseI64ArrayAttr:$classes, DenseI64ArrayAttr:$slots);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let assemblyFormat = [{
    `classes` $classes `slots` $slots (`iter` `(` $inits^ `:` type($inits) `)`)? $bodies attr-dict (`->` `(` type($results)^ `)`)?
  }];
  let hasVerifier = 1;
}

def Kernel_WantedRowsOp : Op<Kernel_Dialect, "wanted_rows", [HasParent<"LayersOp">]> {
  let summary = "from here on, the last layer computes only the rows that somebody reads";
  let description = [{
    Stands in the body of a layer class. In the last layer of the loop the launches after it, up to the body's end, compute the rows from
    the first one of `rows` (ascending; the rows that are picked after the loop) on; in all other layers every row. Where no
    rows are picked in a step, every row, too. What stands in the rows before is then of no meaning.

    (C1) what follows in the body works row by row and changes no state.

    ```mlir
    kernel.wanted_rows %rows : tensor<?xi32>
    ```
  }];
  let arguments = (ins Kernel_Indices:$rows);
  let assemblyFormat = "$rows attr-dict `:` type($rows)";
  let hasVerifier = 1;
}

def Kernel_ProgramOp : Op<Kernel_Dialect, "program", [Symbol, SingleBlock, IsolatedFromAbove]> {
  let summary = "the SPMD step of an entry";
  let description = [{
    What every thread of the team runs, in order. Block arguments are the entry's inputs (buffers), its outputs (buffers), then its
    states. Compute ops in it are launches: the team splits each one's output. Between two launches of which one
    touches what the other writes, with a different split, stands a `kernel.barrier`. Nothing else stands in a program or its
    layers: compute ops in buffer form, `kernel.buffer`, `kernel.columns`, `kernel.get_weight`, `kernel.layers`, `kernel.barrier`.

    `roles` says what each block argument is to the caller (#transformer.role).

    `slots` lists, for each arena slot, the sizes that must fit: pairs (bytes per row, kind of rows), flattened;
    `slot_sizes` gives the number of pairs of each slot.

    ```mlir
    kernel.program @step inputs 1 outputs 1 roles [#transformer.role<tokens>, #transformer.role<logits>] slots [256, 0] slot_sizes [1] {
    ^bb0(%ids: memref<?xi32>, %y: memref<?x64xf32, strided<[64, 1]>>):
      %w = kernel.get_weight @table : !kernel.packed<panels, 512, 64, 1, f32>
      %x = kernel.buffer 0 tokens : memref<?x64xf32, strided<[64, 1]>>
      kernel.embed %ids, %w outs(%x) : (memref<?xi32>, !kernel.packed<panels, 512, 64, 1, f32>, memref<?x64xf32, strided<[64, 1]>>) -> ()
      kernel.yield
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$num_inputs, I64Attr:$num_outputs, ArrayAttr:$roles,
                       DenseI64ArrayAttr:$slots, DenseI64ArrayAttr:$slot_sizes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `inputs` $num_inputs `outputs` $num_outputs `roles` $roles `slots` $slots `slot_sizes` $slot_sizes $body attr-dict
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Kernel_BufferOp : Op<Kernel_Dialect, "buffer", []> {
  let summary = "rows in an arena slot";
  let description = [{
    A buffer `[T, C]` at the start of arena slot `slot`; `rows_kind` says what T is. The row stride is a multiple of 64 bytes,
    and not a multiple of 4096 (such rows would share one set of a first-level cache).

    ```mlir
    %x = kernel.buffer 0 tokens : memref<?x576xf32, strided<[576, 1]>>
    ```
  }];
  let arguments = (ins I64Attr:$slot, Kernel_DimKind:$rows_kind);
  let results = (outs MemRefRankOf<[F32, F16, I8], [2]>:$result);
  let assemblyFormat = "$slot $rows_kind attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Kernel_BarrierOp : Op<Kernel_Dialect, "barrier", []> {
  let summary = "the team meets";
  let description = [{
    No thread goes on before all have arrived; what any wrote before is seen by all after.

    ```mlir
    kernel.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

#endif
