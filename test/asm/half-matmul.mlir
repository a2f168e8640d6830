// The inner loops of sums in f16: 32 numbers an instruction where there are many rows, 16 where panels are read as they lie, no spills.
// RUN: llmc compile - --emit asm --cpu x86-64-v4-fp16 -o %t.s < %s && %python %S/Inputs/inner_loops.py < %t.s > %t.txt
// RUN: FileCheck %s < %t.txt && not grep -E "halves .*stack [1-9]" %t.txt

// 6 rows by 4 vectors of 32 columns, 4 k a turn; then one row by 8 panels.
// CHECK: step_1_matmul: {{.*}}halves zmm 96 ymm 0
// CHECK: step_1_matmul: {{.*}}halves zmm 0 ymm 32
module {
  transformer.checkpoint safetensors in "models/tiny"
  kernel.weight @w copies 1 at 0 stride 0 : !kernel.packed<panels, 208, 192, 1, f16> {
    %w = transformer.weight ["w"] : tensor<208x192xf16>
    %p = kernel.pack %w : (tensor<208x192xf16>) -> !kernel.packed<panels, 208, 192, 1, f16>
    kernel.yield %p : !kernel.packed<panels, 208, 192, 1, f16>
  }
  kernel.program @step inputs 0 outputs 2 roles [#transformer.role<output>, #transformer.role<output>] slots [832, 0] slot_sizes [1] {
  ^bb0(%x: memref<?x192xf32, strided<[208, 1]>>, %y: memref<?x208xf32, strided<[208, 1]>>):
    %w = kernel.get_weight @w : <panels, 208, 192, 1, f16>
    %h = kernel.buffer 0 tokens : memref<?x416xf16, strided<[416, 1]>>
    kernel.halve %x outs(%h) : (memref<?x192xf32, strided<[208, 1]>>, memref<?x416xf16, strided<[416, 1]>>) -> ()
    kernel.barrier
    kernel.matmul %h, %w outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x416xf16, strided<[416, 1]>>, <panels, 208, 192, 1, f16>)
    kernel.yield
  }
}
