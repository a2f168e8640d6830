// The inner loops of a product on AVX2: 256-bit registers only, f32 sums never leave them.
// RUN: llmc compile - --emit asm --cpu x86-64-v3 -o - < %s > %t.s
// RUN: %python %S/Inputs/inner_loops.py < %t.s > %t.txt
// RUN: FileCheck %s < %t.txt
// RUN: not grep -E "%%(zmm|k[0-7])" %t.s

// CHECK: step_0_matmul: fma zmm 0 ymm 48 xmm 0, stack 0, calls 0
// CHECK: step_0_matmul: fma zmm 0 ymm 32 xmm 0, stack 0, calls 0
// CHECK: step_0_matmul: fma zmm 0 ymm 8 xmm 0, stack 0, calls 0
// Twelve sums and two unpacked steps of 16 columns, or the columns of two streams, are more than sixteen registers hold: a few are
// reloaded.
// CHECK: step_1_matmul: fma zmm 0 ymm 48 xmm 0, stack {{[0-8]}}, calls 0, vpslld 4
// CHECK: step_1_matmul: fma zmm 0 ymm 32 xmm 0, stack {{[0-3]}}, calls 0, vpslld 8
// CHECK: step_1_matmul: fma zmm 0 ymm 8 xmm 0, stack 0, calls 0, vpslld 4
// CHECK: step_2_matmul: fma zmm 0 ymm 48 xmm 0, stack {{[0-9]|1[0-6]}}, calls 0
// CHECK: step_2_matmul: fma zmm 0 ymm 32 xmm 0, stack 0, calls 0
// CHECK: all: zmm 0, calls


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
