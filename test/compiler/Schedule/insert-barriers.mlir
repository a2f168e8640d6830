// RUN: llmc-opt %s -split-input-file --llmc-insert-barriers | FileCheck %s

!r = memref<?x13xf32, strided<[16, 1]>>
!w = !kernel.packed<panels, 13, 13, 1, f32>
!n = !kernel.packed<table, 1, 13, 1, f32>
kernel.weight @w copies 1 at 0 stride 0 : !w {
  %w = transformer.weight ["w"] : tensor<13x13xf32>
  %p = kernel.pack %w : (tensor<13x13xf32>) -> !w
  kernel.yield %p : !w
}
kernel.weight @n copies 1 at 896 stride 0 : !n {
  %w = transformer.weight ["n"] : tensor<13xf32>
  %p = kernel.pack %w : (tensor<13xf32>) -> !n
  kernel.yield %p : !n
}
// CHECK-LABEL: kernel.program @needed_between_rows_and_columns
kernel.program @needed_between_rows_and_columns inputs 1 outputs 1
    roles [#transformer.role<tokens>, #transformer.role<output>] slots [64, 0, 64, 0] slot_sizes [1, 1] {
^bb0(%ids: memref<?xi32>, %out: !r):
  %x = kernel.buffer 0 tokens : !r
  %y = kernel.buffer 1 tokens : !r
  %w = kernel.get_weight @w : <panels, 13, 13, 1, f32>
  %n = kernel.get_weight @n : <table, 1, 13, 1, f32>
  // Rows that the same thread made need no meeting.
  // CHECK: kernel.embed
  // CHECK-NOT: kernel.barrier
  // CHECK: kernel.rms_norm
  kernel.embed %ids, %w outs(%x) : (memref<?xi32>, !w, !r) -> ()
  kernel.rms_norm %x, %n outs(%x) {epsilon = 0.0 : f32} : (!r, !n, !r) -> ()
  // The product reads all rows of x.
  // CHECK-NEXT: kernel.barrier
  // CHECK-NEXT: kernel.matmul
  kernel.matmul %x, %w outs(%y : !r) {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (!r, <panels, 13, 13, 1, f32>)
  // Columns that the same thread made need none either, nor does reading x once more.
  // CHECK-NOT: kernel.barrier
  // CHECK: kernel.matmul
  kernel.matmul %x, %w extras(%y : !r) outs(%y : !r) {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    kernel.yield %0 : f32
  } : (!r, <panels, 13, 13, 1, f32>)
  // CHECK: kernel.barrier
  // CHECK-NEXT: kernel.rms_norm
  kernel.rms_norm %y, %n outs(%out) {epsilon = 0.0 : f32} : (!r, !n, !r) -> ()
  // CHECK-NOT: kernel.barrier
  kernel.yield
}

// -----

!a = memref<?x32xf32, strided<[32, 1]>>
!b = memref<?x16xf32, strided<[16, 1]>>
!c = memref<?x16xf32, strided<[32, 1]>>
!d = memref<?x16xf32, strided<[32, 1], offset: 16>>
!w = !kernel.packed<table, 53, 32, 1, f32>
!v = !kernel.packed<panels, 32, 16, 1, f32>
!u = !kernel.packed<panels, 16, 16, 1, f32>
!t = !kernel.packed<panels, 17, 16, 1, f32>
!e = memref<?x17xf32, strided<[32, 1], offset: 5>>
!f = memref<?x17xf32, strided<[32, 1]>>
kernel.weight @w copies 1 at 0 stride 0 : !w {
  %w = transformer.weight ["w"] : tensor<53x32xf32>
  %p = kernel.pack %w : (tensor<53x32xf32>) -> !w
  kernel.yield %p : !w
}
kernel.weight @v copies 1 at 6784 stride 0 : !v {
  %w = transformer.weight ["v"] : tensor<32x16xf32>
  %p = kernel.pack %w : (tensor<32x16xf32>) -> !v
  kernel.yield %p : !v
}
kernel.weight @t copies 1 at 9856 stride 0 : !t {
  %w = transformer.weight ["t"] : tensor<17x16xf32>
  %p = kernel.pack %w : (tensor<17x16xf32>) -> !t
  kernel.yield %p : !t
}
kernel.weight @u copies 1 at 8832 stride 0 : !u {
  %w = transformer.weight ["u"] : tensor<16x16xf32>
  %p = kernel.pack %w : (tensor<16x16xf32>) -> !u
  kernel.yield %p : !u
}
// CHECK-LABEL: kernel.program @slots_and_views
kernel.program @slots_and_views inputs 1 outputs 2
    roles [#transformer.role<tokens>, #transformer.role<output>, #transformer.role<output>] slots [128, 0, 64, 0] slot_sizes [1, 1] {
^bb0(%ids: memref<?xi32>, %out: !a, %last: !f):
  %x = kernel.buffer 0 tokens : !a
  %y = kernel.buffer 1 tokens : !b
  %z = kernel.buffer 0 tokens : !b
  %w = kernel.get_weight @w : <table, 53, 32, 1, f32>
  %v = kernel.get_weight @v : <panels, 32, 16, 1, f32>
  %u = kernel.get_weight @u : <panels, 16, 16, 1, f32>
  %left = kernel.columns %x from 0 : (!a) -> !c
  %t = kernel.get_weight @t : <panels, 17, 16, 1, f32>
  %part = kernel.columns %out from 5 : (!a) -> !e
  %right = kernel.columns %x from 16 : (!a) -> !d
  // CHECK: kernel.embed
  // CHECK-NEXT: kernel.barrier
  // CHECK-NEXT: kernel.matmul %{{.*}} outs(%[[Y:.*]] :
  kernel.embed %ids, %w outs(%x) : (memref<?xi32>, !w, !a) -> ()
  kernel.matmul %left, %u outs(%y : !b) {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (!c, <panels, 16, 16, 1, f32>)
  // Other columns of the buffer that is being read.
  // CHECK-NOT: kernel.barrier
  // CHECK: kernel.elementwise
  kernel.elementwise ins(%right : !d) outs(%right : !d) {
  ^bb0(%s: f32):
    %0 = arith.negf %s : f32
    kernel.yield %0 : f32
  }
  // The same columns.
  // CHECK: kernel.barrier
  // CHECK-NEXT: kernel.elementwise
  kernel.elementwise ins(%left : !c) outs(%left : !c) {
  ^bb0(%s: f32):
    %0 = arith.negf %s : f32
    kernel.yield %0 : f32
  }
  // Another buffer in a slot that a launch still works in: rows of both are split alike, but lie elsewhere.
  // CHECK: kernel.barrier
  // CHECK-NEXT: kernel.elementwise
  kernel.elementwise ins(%y : !b) outs(%z : !b) {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  }
  // CHECK: kernel.barrier
  // CHECK-NEXT: kernel.matmul
  kernel.matmul %z, %v outs(%out : !a) {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (!b, <panels, 32, 16, 1, f32>)
  // Panels of a view that begins elsewhere are not the panels that were written, though they are as many.
  // CHECK: kernel.barrier
  // CHECK-NEXT: kernel.matmul
  kernel.matmul %z, %t extras(%part : !e) outs(%last : !f) {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    kernel.yield %0 : f32
  } : (!b, <panels, 17, 16, 1, f32>)
  kernel.yield
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 1, head_dim = 13, f32>
!r = memref<?x13xf32, strided<[16, 1]>>
!i = memref<?xi32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 1, head_dim = 13, f32>
// Each layer's attention reads what the layer's update wrote; the next layer's update waits for it, since it writes the same
// state, by the barrier at the start of the loop.
// CHECK-LABEL: kernel.program @loop
kernel.program @loop inputs 2 outputs 2
    roles [#transformer.role<positions>, #transformer.role<sequences>, #transformer.role<output>,
           #transformer.role<output>, #transformer.role<state>] slots [] slot_sizes [] {
^bb0(%p: !i, %s: !i, %q: !r, %y: !r, %kv: !kv):
  // CHECK: kernel.layers
  kernel.layers classes [0, 0] slots [0, 1] {
  ^bb0(%slot: index, %member: index):
    // CHECK: kernel.barrier
    // CHECK-NEXT: kernel.cache_update
    kernel.cache_update %kv[%slot], %q, %q, %p, %s {page = #page} : (!kv, index, !r, !r, !i, !i) -> ()
    // CHECK-NEXT: kernel.barrier
    // CHECK-NEXT: kernel.attention
    kernel.attention %q, %kv[%slot], %p, %s outs(%y) {num_heads = 1 : i64, scale = 1.0 : f32, page = #page}
      : (!r, !kv, index, !i, !i, !r) -> ()
    kernel.yield
  }
  kernel.yield
}

// -----

!r = memref<?x13xf32, strided<[16, 1]>>
!w = !kernel.packed<panels, 13, 13, 1, f32>
kernel.weight @w copies 1 at 0 stride 0 : !w {
  %w = transformer.weight ["w"] : tensor<13x13xf32>
  %p = kernel.pack %w : (tensor<13x13xf32>) -> !w
  kernel.yield %p : !w
}
// Neither body needs a barrier of its own; the one that follows the other does.
// CHECK-LABEL: kernel.program @classes
kernel.program @classes inputs 0 outputs 2 roles [#transformer.role<output>, #transformer.role<output>]
    slots [] slot_sizes [] {
^bb0(%x: !r, %y: !r):
  %w = kernel.get_weight @w : <panels, 13, 13, 1, f32>
  kernel.layers classes [0, 1] slots [-1, -1] {
  ^bb0(%slot: index, %member: index):
    // CHECK: kernel.barrier
    // CHECK-NEXT: kernel.matmul
    kernel.matmul %x, %w outs(%y : !r) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (!r, <panels, 13, 13, 1, f32>)
    kernel.yield
  }, {
  ^bb0(%slot: index, %member: index):
    // CHECK: kernel.barrier
    // CHECK-NEXT: kernel.matmul
    kernel.matmul %y, %w outs(%x : !r) {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    } : (!r, <panels, 13, 13, 1, f32>)
    kernel.yield
  }
  kernel.yield
}
