// KernelGraphOps.td - what programs of tensor graphs are made of: memory at fixed places, constants, generic launches.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_KERNEL_GRAPH_OPS_TD
#define LLMC_KERNEL_GRAPH_OPS_TD

include "dialects/Kernel/IR/KernelBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_Plain : StaticShapeMemRefOf<[AnyType]>;

def Kernel_ConstantOp : Op<Kernel_Dialect, "constant", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "a tensor of the checkpoint, as it is stored or in panels";
  let description = [{
    The bytes of the checkpoint's tensor `key` at byte `offset` of the weights section, row-major, of the type they have in the file.
    `offset` is a multiple of 64.

    With `columns` and `steps`, each a list of sizes and of elements between neighbours in the tensor, outermost first, it is a matrix of f32 in
    panels of 16 columns: `[columns / 16, rounded up][steps][16]`, zero behind the last column.

    ```mlir
    kernel.constant @c0 "fc.weight" at 0 : memref<7x5xf32>
    kernel.constant @c1 "fc2.weight" at 192 : memref<224xf32> {columns = [array<i64: 20, 1>], steps = [array<i64: 7, 20>]}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$key, I64Attr:$offset, TypeAttrOf<Kernel_Plain>:$type,
                       OptionalAttr<TypedArrayAttrBase<DenseI64ArrayAttr, "sizes and strides">>:$columns,
                       OptionalAttr<TypedArrayAttrBase<DenseI64ArrayAttr, "sizes and strides">>:$steps);
  let assemblyFormat = "$sym_name $key `at` $offset `:` $type attr-dict";
  let extraClassDeclaration = [{
    ::mlir::MemRefType getMemRefType() { return ::llvm::cast<::mlir::MemRefType>(getType()); }
    int64_t getSizeInBytes() {
      return getMemRefType().getNumElements() * (getMemRefType().getElementTypeBitWidth() / 8);
    }
    /// Bytes of the checkpoint's tensor.
    int64_t getStoredBytes();
    /// The places of a list of sizes and strides: all of them, multiplied.
    static int64_t getPlaces(::mlir::ArrayAttr loops);
  }];
  let hasVerifier = 1;
}

def Kernel_GetConstantOp : Op<Kernel_Dialect, "get_constant", [Pure]> {
  let summary = "a constant, by name";
  let description = [{
    ```mlir
    %w = kernel.get_constant @c0 : memref<7x5xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$constant);
  let results = (outs Kernel_Plain:$result);
  let assemblyFormat = "$constant attr-dict `:` type($result)";
}

def Kernel_MemoryOp : Op<Kernel_Dialect, "memory", []> {
  let summary = "a buffer at a fixed place of an arena slot";
  let description = [{
    `offset` bytes, a multiple of 64, into arena slot `slot`. Buffers that are not needed at the same time may lie in one place.

    ```mlir
    %h = kernel.memory 0 at 128 : memref<7x5xf32>
    ```
  }];
  let arguments = (ins I64Attr:$slot, I64Attr:$offset);
  let results = (outs Kernel_Plain:$result);
  let assemblyFormat = "$slot `at` $offset attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Kernel_GenericOp : Op<Kernel_Dialect, "generic", [SingleBlock, NoTerminator, IsolatedFromAbove, AutomaticAllocationScope,
                                                      DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "a launch that is written out";
  let description = [{
    Runs its body once on each thread of the team, with that thread's part [first, last) of `units`; a part may be empty. The body's block
    arguments are first, last and then the operands. What parts of different threads write is distinct, and none reads what another
    writes; which operands are written says `writes`. Operands never overlap. The body works on buffers with ops of the upstream dialects,
    keeps nothing and calls nothing. Of this dialect it holds `kernel.contract`, `kernel.dim`, `kernel.share` and `kernel.set_dim`: a buffer of a size known
    only at run time is an operand of bytes, as many as it may need, and the body makes a `memref.view` of it.

    ```mlir
    kernel.generic 7 writes [false, true] (%x, %y) : memref<7xf32>, memref<7xf32> {
    ^bb0(%first: index, %last: index, %a: memref<7xf32>, %b: memref<7xf32>):
      %one = arith.constant 1 : index
      scf.for %i = %first to %last step %one {
        %0 = memref.load %a[%i] : memref<7xf32>
        memref.store %0, %b[%i] : memref<7xf32>
      }
    }
    ```
  }];
  let arguments = (ins I64Attr:$units, DenseBoolArrayAttr:$writes, Variadic<Kernel_Plain>:$buffers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$units `writes` $writes `(` $buffers `)` (`:` type($buffers)^)? $body attr-dict";
  let hasVerifier = 1;
}

def Kernel_ContractOp : Op<Kernel_Dialect, "contract", [SingleBlock, IsolatedFromAbove,
                                                        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "sums of products of two buffers, with an elementwise epilogue";
  let description = [{
    Loops i over parallel places P and reduction places R: `s[P] = sum over R in ascending order of a[A(P, R)] * b[B(P, R)]`, one chain of
    fused multiply-adds that begins at 0, then `out[O(P)] = epilogue(s[P], e_0[E_0(P)], ...)`. Products of matrices, of batches of them, of
    transposed ones and convolutions are all this, by their maps. The whole team runs it: it shares the places out itself.

    `indexing_maps` are those of a, b, the extras and out, over loops of which the last `sums` are reductions. Sizes of loops are those of
    dimensions that a map names alone.

    (C1) a map a buffer, all over the same loops; those of extras and out name no reduction.
    (C2) maps are sums of loops times whole numbers; out's names each parallel loop once and alone.
    (C3) of the loop of out's last dimension - the columns - a and b depend on one, the other does not; out's columns lie side by side, and
    an extra's do or are one.
    (C4) the sizes of all reduction loops but the first are known.

    With `panels` the factor that depends on the columns has 16 of them side by side: its number of column c lies c % 16 behind the place that its
    map names for column c - c % 16.

    ```mlir
    kernel.contract %x, %w with (%bias) to %y {
    ^bb0(%sum: f32, %e: f32):
      %0 = arith.addf %sum, %e : f32
      kernel.yield %0 : f32
    } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (n)>,
                        affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64}
      : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>, memref<13xf32>
    ```
  }];
  let arguments = (ins MemRefOf<[F32]>:$a, MemRefOf<[F32]>:$b, Variadic<MemRefOf<[F32]>>:$extras, MemRefOf<[F32]>:$out,
                       AffineMapArrayAttr:$indexing_maps, I64Attr:$sums, UnitAttr:$panels);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    $a `,` $b (`with` `(` $extras^ `)`)? `to` $out $epilogue attr-dict `:` type($a) `,` type($b) `,` type($out) (`,` type($extras)^)?
  }];
  let extraClassDeclaration = [{
    int64_t getNumLoops() { return getMap(0).getNumDims(); }
    int64_t getNumParallel() { return getNumLoops() - static_cast<int64_t>(getSums()); }
    /// The map of the i-th buffer in the order of operands: a, b, extras, out.
    ::mlir::AffineMap getMap(unsigned i) { return ::llvm::cast<::mlir::AffineMapAttr>(getIndexingMaps()[i]).getValue(); }
    /// An operand and its dimension that is as large as a loop.
    std::pair<::mlir::Value, int64_t> getLoopSource(int64_t loop);
    /// The loop of out's last dimension that has more than one place, or -1.
    int64_t getColumnLoop();
  }];
  let hasVerifier = 1;
}

def Kernel_DimOp : Op<Kernel_Dialect, "dim", [Pure]> {
  let summary = "the value of a dimension in this step";
  let description = [{
    Number `number` of the program's `dims`, which are those of the manifest: what the caller's inputs have, within the dim's bounds.

    ```mlir
    %batch = kernel.dim 0
    ```
  }];
  let arguments = (ins I64Attr:$number);
  let results = (outs Index:$result);
  let assemblyFormat = "$number attr-dict";
}

def Kernel_SetDimOp : Op<Kernel_Dialect, "set_dim", []> {
  let summary = "a dimension of an output gets its value";
  let description = [{
    Stands in a generic launch, where one thread runs it; the dim is one that is computed. The caller reads it after the step.

    ```mlir
    kernel.set_dim 2, %length
    ```
  }];
  let arguments = (ins I64Attr:$number, Index:$value);
  let assemblyFormat = "$number `,` $value attr-dict";
}

def Kernel_RequireOp : Op<Kernel_Dialect, "require", []> {
  let summary = "the step goes on where a dim is 1";
  let description = [{
    Stands in a program, not in a loop. Where the dim, which is computed, is anything but 1 the step ends here, on every thread: the caller
    finds the dim out of its bounds. What follows may rely on what the dim says.

    ```mlir
    kernel.require 3
    ```
  }];
  let arguments = (ins I64Attr:$number);
  let assemblyFormat = "$number attr-dict";
}

def Kernel_IfOp : Op<Kernel_Dialect, "if", [NoTerminator]> {
  let summary = "steps that run where a flag is set";
  let description = [{
    Stands in a program. All threads read the byte `flag`, which no launch writes that may still be under way: where it is not 0 they run the
    first region, else the second. The regions hold what a program holds.

    ```mlir
    kernel.if %flag : memref<i8> {
      kernel.barrier
    } {
    }
    ```
  }];
  let arguments = (ins Kernel_Plain:$flag);
  let regions = (region SizedRegion<1>:$then_steps, SizedRegion<1>:$else_steps);
  let assemblyFormat = "$flag `:` type($flag) $then_steps $else_steps attr-dict";
}

def Kernel_LoopOp : Op<Kernel_Dialect, "loop", [SingleBlock, NoTerminator]> {
  let summary = "steps that run while a flag is set";
  let description = [{
    Stands in a program. As long as the byte `flag` is not 0 all threads run the region, which changes it, and meet.

    ```mlir
    kernel.loop %flag : memref<i8> {
      kernel.barrier
    }
    ```
  }];
  let arguments = (ins Kernel_Plain:$flag);
  let regions = (region SizedRegion<1>:$steps);
  let assemblyFormat = "$flag `:` type($flag) $steps attr-dict";
}

def Kernel_ShareOp : Op<Kernel_Dialect, "share", [Pure]> {
  let summary = "a thread's part of a number of units";
  let description = [{
    In a generic launch: the part [first, last) of `total` units that the thread has which runs the body. Parts are in the order of
    threads, as even as they can be, and cover all units.

    ```mlir
    %first, %last = kernel.share %total
    ```
  }];
  let arguments = (ins Index:$total);
  let results = (outs Index:$first, Index:$last);
  let assemblyFormat = "$total attr-dict";
}

#endif
