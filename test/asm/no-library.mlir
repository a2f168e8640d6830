// Whatever a kernel computes, clears or copies, the image calls nothing but its own functions and the team's barrier.
// RUN: llmc compile - --emit asm --cpu x86-64-v4 -o - < %s > %t.v4.s
// RUN: llmc compile - --emit asm --cpu x86-64-v3 -o - < %s > %t.v3.s
// RUN: %python %S/Inputs/inner_loops.py < %t.v4.s | FileCheck %s
// RUN: %python %S/Inputs/inner_loops.py < %t.v3.s | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: not grep -E "mem(set|cpy|move)|[^a-z](exp|tanh|erf|sin|cos|fma)f?@|@PLT|@GOTPCREL" %t.v4.s
// RUN: not grep -E "mem(set|cpy|move)|[^a-z](exp|tanh|erf|sin|cos|fma)f?@|@PLT|@GOTPCREL" %t.v3.s
// RUN: not grep -E "%%(zmm|k[0-7])" %t.v3.s
// RUN: FileCheck %s --check-prefix=BARRIER < %t.v4.s

// CHECK: attention: fma
// AVX2: all: zmm 0, calls
// CHECK-NOT: all: {{.*}} calls {{.*(mem|exp|tanh|erf|sin|cos)}}

// The barrier is called through the context: its function at byte 56, its team at 64.
// BARRIER-LABEL: step:
// BARRIER-DAG: movq 64(%r{{[a-z0-9]+}}), %rdi
// BARRIER-DAG: {{callq +\*56|movq +56\(}}
!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 64, f32>
!r = memref<?x64xf32, strided<[64, 1]>>
!i = memref<?xi32>
#page = #kernel.page<tokens = 64, slots = 2, heads = 1, head_dim = 64, f32>
module {
  transformer.checkpoint safetensors in "models/tiny"
  kernel.weight @t copies 1 at 0 stride 0 : !kernel.packed<table, 53, 64, 1, f32> {
    %w = transformer.weight ["t"] : tensor<53x64xf32>
    %p = kernel.pack %w : (tensor<53x64xf32>) -> !kernel.packed<table, 53, 64, 1, f32>
    kernel.yield %p : !kernel.packed<table, 53, 64, 1, f32>
  }
  kernel.weight @n copies 1 at 13568 stride 0 : !kernel.packed<table, 1, 64, 1, f32> {
    %w = transformer.weight ["n"] : tensor<64xf32>
    %p = kernel.pack %w : (tensor<64xf32>) -> !kernel.packed<table, 1, 64, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 64, 1, f32>
  }
  kernel.weight @f copies 1 at 13824 stride 0 : !kernel.packed<table, 1, 32, 1, f32> {
    %w = transformer.weight ["f"] : tensor<32xf32>
    %p = kernel.pack %w : (tensor<32xf32>) -> !kernel.packed<table, 1, 32, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 32, 1, f32>
  }
  kernel.weight @h copies 1 at 13952 stride 0 : !kernel.packed<panels, 64, 64, 1, f16> {
    %w = transformer.weight ["h"] : tensor<64x64xf16>
    %p = kernel.pack %w : (tensor<64x64xf16>) -> !kernel.packed<panels, 64, 64, 1, f16>
    kernel.yield %p : !kernel.packed<panels, 64, 64, 1, f16>
  }
  kernel.program @step inputs 4 outputs 1
      roles [#transformer.role<tokens>, #transformer.role<positions>, #transformer.role<sequences>, #transformer.role<rows>,
             #transformer.role<logits>, #transformer.role<state>]
      slots [256, 0, 256, 0, 256, 1, 256, 0] slot_sizes [1, 2, 1] {
  ^bb0(%ids: !i, %p: !i, %s: !i, %rows: !i, %y: !r, %kv: !kv):
    %x = kernel.buffer 0 tokens : !r
    %q = kernel.buffer 1 tokens : !r
    %g = kernel.buffer 1 rows : !r
    %a = kernel.buffer 2 tokens : !r
    %t = kernel.get_weight @t : <table, 53, 64, 1, f32>
    %n = kernel.get_weight @n : <table, 1, 64, 1, f32>
    %f = kernel.get_weight @f : <table, 1, 32, 1, f32>
    %h = kernel.get_weight @h : <panels, 64, 64, 1, f16>
    kernel.embed %ids, %t outs(%x) : (!i, !kernel.packed<table, 53, 64, 1, f32>, !r) -> ()
    kernel.rms_norm %x, %n outs(%x) {epsilon = 1.0e-5 : f32} : (!r, !kernel.packed<table, 1, 64, 1, f32>, !r) -> ()
    kernel.rope_table %p, %f outs(%q) : (!i, !kernel.packed<table, 1, 32, 1, f32>, !r) -> ()
    kernel.rope %x, %q outs(%x) {head_dim = 64 : i64, rotary_dim = 64 : i64, style = 0 : i32} : (!r, !r, !r) -> ()
    kernel.layers classes [0, 0] slots [1, 0] {
    ^bb0(%slot: index, %member: index):
      kernel.cache_update %kv[%slot], %x, %x, %p, %s {page = #page} : (!kv, index, !r, !r, !i, !i) -> ()
      kernel.barrier
      kernel.attention %x, %kv[%slot], %p, %s outs(%a) {num_heads = 1 : i64, scale = 0.125 : f32, softcap = 30.0 : f32, page = #page}
        : (!r, !kv, index, !i, !i, !r) -> ()
      kernel.barrier
      kernel.elementwise ins(%a : !r) outs(%q : !r) {
      ^bb0(%e: f32):
        %0 = math.exp %e : f32
        %1 = math.tanh %0 : f32
        %2 = math.erf %1 : f32
        kernel.yield %2 : f32
      }
      kernel.elementwise ins(%q : !r) outs(%x : !r) {
      ^bb0(%e: f32):
        kernel.yield %e : f32
      }
      kernel.elementwise ins(%q : !r) outs(%a : !r) {
      ^bb0(%e: f32):
        %0 = arith.constant 0.0 : f32
        kernel.yield %0 : f32
      }
      kernel.barrier
      kernel.yield
    }
    kernel.gather_rows %x, %rows outs(%g) : (!r, !i, !r) -> ()
    kernel.barrier
    kernel.matmul %g, %h outs(%y : !r) {
    ^bb0(%e: f32):
      kernel.yield %e : f32
    } : (!r, <panels, 64, 64, 1, f16>)
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 64>}
}
