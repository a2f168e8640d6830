// The inner loops of a product on AVX-512: every tile's sums stay in registers, bf16 is unpacked by a shift and a mask.
// RUN: llmc compile - --emit asm --cpu x86-64-v4 -o - < %s > %t.s
// RUN: %python %S/Inputs/inner_loops.py < %t.s > %t.txt
// RUN: FileCheck %s < %t.txt
// RUN: FileCheck %s --check-prefix=ASM < %t.s
// RUN: FileCheck %s --check-prefix=MANY < %t.txt
// No loop touches the stack.
// RUN: not grep -E "stack [1-9]" %t.txt

// Tiles of f32: 12 rows by 2 panels with 4 steps of k in a turn, down to one row by one panel.
// CHECK: step_0_matmul: fma zmm 96 ymm 0 xmm 0, stack 0, calls 0
// CHECK: step_0_matmul: fma zmm 32 ymm 0 xmm 0, stack 0, calls 0
// CHECK: step_0_matmul: fma zmm 4 ymm 0 xmm 0, stack 0, calls 0
// bf16: a shift and a mask for two steps of 16 columns.
// CHECK: step_1_matmul: fma zmm 96 ymm 0 xmm 0, stack 0, calls 0, vpslld 4, vpandd 4
// CHECK: step_1_matmul: fma zmm 32 ymm 0 xmm 0, stack 0, calls 0, vpslld 16, vpandd 16
// CHECK: step_1_matmul: fma zmm 4 ymm 0 xmm 0, stack 0, calls 0, vpslld 2, vpandd 2
// Two streams: half as many panels.
// CHECK: step_2_matmul: fma zmm 96 ymm 0 xmm 0, stack 0, calls 0
// CHECK: step_2_matmul: fma zmm 8 ymm 0 xmm 0, stack 0, calls 0
// CHECK-LABEL: all:

// Many rows: the same register tiles, and nothing is unpacked in them.
// MANY: step_1_matmul: fma zmm 96 ymm 0 xmm 0, stack 0, calls 0, vpslld 0, vpandd 0

// Sums are fused, products of the loop are not split, and activations are broadcast from memory.
// ASM-LABEL: step_0_matmul:
// ASM: vfmadd231ps {{.*}}{1to16}, %zmm{{[0-9]+}}, %zmm{{[0-9]+}}
// ASM-LABEL: step_1_matmul:
// ASM-DAG: vpslld $16, {{.*}}%zmm
// ASM-DAG: vpand{{[dq]}} {{.*}}%zmm
module {
  transformer.checkpoint safetensors in "models/tiny"
  kernel.weight @f copies 1 at 0 stride 0 : !kernel.packed<panels, 208, 96, 1, f32> {
    %w = transformer.weight ["f"] : tensor<208x96xf32>
    %p = kernel.pack %w : (tensor<208x96xf32>) -> !kernel.packed<panels, 208, 96, 1, f32>
    kernel.yield %p : !kernel.packed<panels, 208, 96, 1, f32>
  }
  kernel.weight @b copies 1 at 79872 stride 0 : !kernel.packed<panels, 208, 96, 1, bf16> {
    %w = transformer.weight ["b"] : tensor<208x96xbf16>
    %p = kernel.pack %w : (tensor<208x96xbf16>) -> !kernel.packed<panels, 208, 96, 1, bf16>
    kernel.yield %p : !kernel.packed<panels, 208, 96, 1, bf16>
  }
  kernel.weight @g copies 1 at 119808 stride 0 : !kernel.packed<panels, 208, 96, 2, f32> {
    %w = transformer.weight ["g"] : tensor<208x96xf32>
    %u = transformer.weight ["u"] : tensor<208x96xf32>
    %p = kernel.pack %w, %u : (tensor<208x96xf32>, tensor<208x96xf32>) -> !kernel.packed<panels, 208, 96, 2, f32>
    kernel.yield %p : !kernel.packed<panels, 208, 96, 2, f32>
  }
  kernel.program @step inputs 0 outputs 2 roles [#transformer.role<output>, #transformer.role<output>] slots [] slot_sizes [] {
  ^bb0(%x: memref<?x96xf32, strided<[96, 1]>>, %y: memref<?x208xf32, strided<[208, 1]>>):
    %f = kernel.get_weight @f : <panels, 208, 96, 1, f32>
    %b = kernel.get_weight @b : <panels, 208, 96, 1, bf16>
    %g = kernel.get_weight @g : <panels, 208, 96, 2, f32>
    kernel.matmul %x, %f outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x96xf32, strided<[96, 1]>>, <panels, 208, 96, 1, f32>)
    kernel.matmul %x, %b outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x96xf32, strided<[96, 1]>>, <panels, 208, 96, 1, bf16>)
    kernel.matmul %x, %g outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32, %t: f32):
      %0 = arith.mulf %s, %t : f32
      kernel.yield %0 : f32
    } : (memref<?x96xf32, strided<[96, 1]>>, <panels, 208, 96, 2, f32>)
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 11>}
}
