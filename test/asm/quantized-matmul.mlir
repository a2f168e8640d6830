// The inner loops of products of quantised rows: one instruction for 64 products where there is one; a loop of AVX-512 spills next
// to nothing (one of 32 registers in the loop of six rows by two panels of 4 bits, whose 96 dot products hide it).
// RUN: llmc compile - --emit asm --cpu x86-64-v4-vnni -o %t.s < %s && %python %S/Inputs/inner_loops.py < %t.s > %t.txt
// RUN: FileCheck %s --check-prefix=VNNI < %t.txt && not grep -E "dots .*stack ([3-9]|[1-9][0-9])" %t.txt
// RUN: llmc compile - --emit asm --cpu x86-64-v3-vnni -o %t.avx.s < %s && %python %S/Inputs/inner_loops.py < %t.avx.s > %t.avx.txt
// RUN: FileCheck %s --check-prefix=AVXVNNI < %t.avx.txt && not grep -E "step_1.*dots .*stack [1-9]" %t.avx.txt
// RUN: llmc compile - --emit asm --cpu x86-64-v4 -o - < %s | FileCheck %s --check-prefix=V4 --implicit-check-not=vpdpbusd
// RUN: llmc compile - --emit asm --cpu x86-64-v3 -o %t.v3.s < %s && FileCheck %s --check-prefix=V3 --implicit-check-not=vpdpbusd --implicit-check-not=zmm < %t.v3.s
// Weights are read byte after byte and not asked for ahead (docs/rationale/2026-11-28-panels-of-one-stream.md); where they are, then in the
// second-level cache, not the first (docs/rationale/2026-11-28-memory-ahead.md).
// RUN: not grep prefetch %t.s && not grep prefetch %t.v3.s
// RUN: llmc compile - --emit asm --cpu x86-64-v4-amx -o %t.amx.s < %s && grep prefetcht1 %t.amx.s
// What is spilled lies aligned on the stack, wherever that is: nothing crosses a cache line.
// RUN: grep -E "vmov.*\(%rsp.*ymm|ymm.*\(%rsp" %t.v3.s && not grep -E "vmov(u|dqu).*%rsp" %t.v3.s && not grep -E "vmov(u|dqu).*%rsp" %t.s

// 6 rows by 2 panels, 32 columns of x a turn; then one row, which reads one panel.
// VNNI: step_1_matmul: fma zmm 12 {{.*}}dots zmm 96 ymm 0
// VNNI: step_1_matmul: fma zmm 1 {{.*}}dots zmm 8 ymm 0
// VNNI: step_2_matmul: fma zmm 12 {{.*}}dots zmm 96 ymm 0
// AVXVNNI: step_1_matmul: fma zmm 0 ymm 6 {{.*}}dots zmm 0 ymm 48
// AVXVNNI: step_2_matmul:

// Sums of pairs of products of unsigned bytes of 8 bits may not fit in 16 bits: they are widened, or their sign is moved to the activation,
// for which AVX-512 has no instruction. Those of 4 bits do fit.
// V4-LABEL: step_1_matmul:
// V4-NOT: vpmaddubsw
// V4: vpmaddwd {{.*}}%zmm
// V4-LABEL: step_2_matmul:
// V4: vpmaddubsw {{.*}}%zmm
// V3-LABEL: step_1_matmul:
// V3: andq $-32, %rsp
// V3: vpabsb {{.*}}%ymm
// V3: vpsignb {{.*}}%ymm
// V3: vpmaddubsw {{.*}}%ymm
// V3-LABEL: step_2_matmul:
// V3-NOT: vpsignb
// V3: vpmaddubsw {{.*}}%ymm
module {
  transformer.checkpoint safetensors in "models/tiny"
  kernel.weight @b copies 1 at 0 stride 0 : !kernel.packed<codes, 208, 96, 1, !kernel.codes<8, group = 32, zero = 128, f16>> {
    %w = transformer.weight ["b"] : tensor<208x96x!transformer.block<q8_0, group = 32>>
    %p = kernel.pack %w : (tensor<208x96x!transformer.block<q8_0, group = 32>>) -> !kernel.packed<codes, 208, 96, 1, !kernel.codes<8, group = 32, zero = 128, f16>>
    kernel.yield %p : !kernel.packed<codes, 208, 96, 1, !kernel.codes<8, group = 32, zero = 128, f16>>
  }
  kernel.weight @n copies 1 at 21248 stride 0 : !kernel.packed<codes, 208, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>> {
    %w = transformer.weight ["n"] : tensor<208x96x!transformer.block<q4_0, group = 32>>
    %p = kernel.pack %w : (tensor<208x96x!transformer.block<q4_0, group = 32>>) -> !kernel.packed<codes, 208, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
    kernel.yield %p : !kernel.packed<codes, 208, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
  }
  kernel.program @step inputs 0 outputs 2 roles [#transformer.role<output>, #transformer.role<output>] slots [256, 0] slot_sizes [1] {
  ^bb0(%x: memref<?x96xf32, strided<[96, 1]>>, %y: memref<?x208xf32, strided<[208, 1]>>):
    %b = kernel.get_weight @b : <codes, 208, 96, 1, !kernel.codes<8, group = 32, zero = 128, f16>>
    %n = kernel.get_weight @n : <codes, 208, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
    %q = kernel.buffer 0 tokens : memref<?x256xi8, strided<[256, 1]>>
    kernel.quantize %x outs(%q) {segment = 32 : i64, sums = 1 : i32, zero = 128 : i64} : (memref<?x96xf32, strided<[96, 1]>>, memref<?x256xi8, strided<[256, 1]>>) -> ()
    kernel.matmul %q, %b outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x256xi8, strided<[256, 1]>>, <codes, 208, 96, 1, !kernel.codes<8, group = 32, zero = 128, f16>>)
    kernel.matmul %q, %n outs(%y : memref<?x208xf32, strided<[208, 1]>>) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (memref<?x256xi8, strided<[256, 1]>>, <codes, 208, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>>)
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 11>}
}
