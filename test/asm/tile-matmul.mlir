// Products of many quantised rows on AMX: shapes set and registers left clean once a launch; in the loop over segments two products
// between the steps of the chains before, nothing spilled. Few rows have the products of AVX-512.
// RUN: llmc compile - --emit asm --cpu x86-64-v4-amx -o %t.s < %s && FileCheck %s < %t.s
// RUN: %python %S/Inputs/inner_loops.py < %t.s | FileCheck %s --check-prefix=LOOP

// CHECK-LABEL: step_1_matmul:
// CHECK: ldtilecfg
// CHECK-NOT: ldtilecfg
// CHECK: tdpbssd
// CHECK: tilerelease
// CHECK: vpdpbusd {{.*}}%zmm
// CHECK-NOT: tdp
// CHECK-LABEL: step_2_matmul:
// CHECK: tdpbssd
// CHECK: tilerelease
// Bytes that stand for themselves are unsigned.
// CHECK-LABEL: step_4_matmul:
// CHECK-NOT: tdpbssd
// CHECK: tdpbsud
// CHECK: tilerelease

// Sums come from memory of the frame: 32 conversions of two tiles, and at most an address or two beside.
// LOOP: step_1_matmul: fma zmm 32 {{.*}}tiles loaded 4 multiplied 2 stored 2, stack 3{{[2-4]$}}
// LOOP: step_1_matmul: fma zmm 8 {{.*}}dots zmm 64
module {
  transformer.checkpoint safetensors in "models/tiny"
  kernel.weight @b copies 1 at 0 stride 0 : !kernel.packed<codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 128, f16>> {
    %w = transformer.weight ["b"] : tensor<208x224x!transformer.block<q8_0, group = 32>>
    %p = kernel.pack %w : (tensor<208x224x!transformer.block<q8_0, group = 32>>) -> !kernel.packed<codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 128, f16>>
    kernel.yield %p : !kernel.packed<codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 128, f16>>
  }
  kernel.weight @n copies 1 at 49920 stride 0 : !kernel.packed<codes, 208, 224, 1, !kernel.codes<4, group = 32, zero = 8, f16>> {
    %w = transformer.weight ["n"] : tensor<208x224x!transformer.block<q4_0, group = 32>>
    %p = kernel.pack %w : (tensor<208x224x!transformer.block<q4_0, group = 32>>) -> !kernel.packed<codes, 208, 224, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
    kernel.yield %p : !kernel.packed<codes, 208, 224, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
  }
  kernel.weight @m copies 1 at 76544 stride 0 : !kernel.packed<codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 0, f16 minimum = 1>> {
    %w = transformer.weight ["m"] : tensor<208x224x!transformer.block<q8_min, group = 32>>
    %p = kernel.pack %w : (tensor<208x224x!transformer.block<q8_min, group = 32>>) -> !kernel.packed<codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 0, f16 minimum = 1>>
    kernel.yield %p : !kernel.packed<codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 0, f16 minimum = 1>>
  }
  kernel.program @step inputs 0 outputs 2 roles [#transformer.role<output>, #transformer.role<output>] slots [384, 0] slot_sizes [1] {
  ^bb0(%x: memref<?x224xf32, strided<[224, 1]>>, %y: memref<?x208xf32, strided<[208, 1]>>):
    %b = kernel.get_weight @b : <codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 128, f16>>
    %n = kernel.get_weight @n : <codes, 208, 224, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
    %m = kernel.get_weight @m : <codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 0, f16 minimum = 1>>
    %q = kernel.buffer 0 tokens : memref<?x384xi8, strided<[384, 1]>>
    kernel.quantize %x outs(%q) {segment = 32 : i64, sums = 1 : i32, zero = 128 : i64} : (memref<?x224xf32, strided<[224, 1]>>, memref<?x384xi8, strided<[384, 1]>>) -> ()
    kernel.matmul %q, %b outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x384xi8, strided<[384, 1]>>, <codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 128, f16>>)
    kernel.matmul %q, %n outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x384xi8, strided<[384, 1]>>, <codes, 208, 224, 1, !kernel.codes<4, group = 32, zero = 8, f16>>)
    kernel.quantize %x outs(%q) {segment = 32 : i64, sums = 2 : i32, zero = 0 : i64} : (memref<?x224xf32, strided<[224, 1]>>, memref<?x384xi8, strided<[384, 1]>>) -> ()
    kernel.matmul %q, %m outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x384xi8, strided<[384, 1]>>, <codes, 208, 224, 1, !kernel.codes<8, group = 32, zero = 0, f16 minimum = 1>>)
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 37, max_sequences = 3, max_context = 41>}
}
