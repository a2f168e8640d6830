// KernelGraphOps.td - what programs of tensor graphs are made of: memory at fixed places, constants, generic launches.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_KERNEL_GRAPH_OPS_TD
#define LLMC_KERNEL_GRAPH_OPS_TD

include "dialects/Kernel/IR/KernelBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_Plain : StaticShapeMemRefOf<[AnyType]>;

def Kernel_ConstantOp : Op<Kernel_Dialect, "constant", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "a tensor of the checkpoint, as it is stored";
  let description = [{
    The bytes of the checkpoint's tensor `key` at byte `offset` of the weights section, row-major, of the type they have in the file.
    `offset` is a multiple of 64.

    ```mlir
    kernel.constant @c0 "fc.weight" at 0 : memref<7x5xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$key, I64Attr:$offset, TypeAttrOf<Kernel_Plain>:$type);
  let assemblyFormat = "$sym_name $key `at` $offset `:` $type attr-dict";
  let extraClassDeclaration = [{
    ::mlir::MemRefType getMemRefType() { return ::llvm::cast<::mlir::MemRefType>(getType()); }
    int64_t getSizeInBytes() {
      return getMemRefType().getNumElements() * (getMemRefType().getElementTypeBitWidth() / 8);
    }
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

def Kernel_GenericOp : Op<Kernel_Dialect, "generic", [SingleBlock, NoTerminator, IsolatedFromAbove,
                                                      DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "a launch that is written out";
  let description = [{
    Runs its body once on each thread of the team, with that thread's part [first, last) of `units`; a part may be empty. The body's block
    arguments are first, last and then the operands. What parts of different threads write is distinct, and none reads what another
    writes; which operands are written says `writes`. Operands never overlap. The body works on buffers with ops of the upstream dialects,
    keeps nothing and calls nothing. Of this dialect it holds `kernel.dim`, `kernel.share` and `kernel.set_dim`: a buffer of a size known
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
