// A program with every op in buffer form survives text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>

kernel.weight @table copies 1 at 0 stride 0 : !kernel.packed<panels, 53, 42, 1, f32> {
  %w = transformer.weight ["t"] : tensor<53x42xf32>
  %p = kernel.pack %w : (tensor<53x42xf32>) -> !kernel.packed<panels, 53, 42, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 53, 42, 1, f32>
}
kernel.weight @norm copies 1 at 10752 stride 0 : !kernel.packed<table, 1, 42, 1, f32> {
  %w = transformer.weight ["n"] : tensor<42xf32>
  %p = kernel.pack %w : (tensor<42xf32>) -> !kernel.packed<table, 1, 42, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 42, 1, f32>
}
kernel.weight @frequencies copies 1 at 10944 stride 0 : !kernel.packed<table, 1, 3, 1, f32> {
  %w = transformer.weight.rope_frequencies default base 1.0e4 dim 6 : tensor<1x3xf32>
  %p = kernel.pack %w : (tensor<1x3xf32>) -> !kernel.packed<table, 1, 3, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 3, 1, f32>
}

// CHECK-LABEL: kernel.program @step inputs 4 outputs 1
// CHECK-SAME: roles [#transformer.role<tokens>, #transformer.role<positions>, #transformer.role<sequences>, #transformer.role<rows>, #transformer.role<logits>, #transformer.role<state>]
// CHECK-SAME: slots [192, 0, 64, 0, 192, 1, 49920, 2] slot_sizes [1, 2, 1]
kernel.program @step inputs 4 outputs 1
    roles [#transformer.role<tokens>, #transformer.role<positions>, #transformer.role<sequences>,
           #transformer.role<rows>, #transformer.role<logits>, #transformer.role<state>]
    slots [192, 0, 64, 0, 192, 1, 49920, 2] slot_sizes [1, 2, 1] {
// CHECK: ^bb0(%[[IDS:.*]]: memref<?xi32>, %[[P:.*]]: memref<?xi32>, %[[S:.*]]: memref<?xi32>, %[[ROWS:.*]]: memref<?xi32>, %[[Y:.*]]: memref<?x53xf32, strided<[64, 1]>>, %[[KV:.*]]: !state):
^bb0(%ids: memref<?xi32>, %p: memref<?xi32>, %s: memref<?xi32>, %rows: memref<?xi32>,
     %y: memref<?x53xf32, strided<[64, 1]>>, %kv: !kv):
  // CHECK: %[[X:.*]] = kernel.buffer 0 tokens : memref<?x42xf32, strided<[48, 1]>>
  %x = kernel.buffer 0 tokens : memref<?x42xf32, strided<[48, 1]>>
  // CHECK: %[[T:.*]] = kernel.buffer 1 tokens : memref<?x6xf32, strided<[16, 1]>>
  %t = kernel.buffer 1 tokens : memref<?x6xf32, strided<[16, 1]>>
  // CHECK: %[[G:.*]] = kernel.buffer 1 rows : memref<?x42xf32, strided<[48, 1]>>
  %g = kernel.buffer 1 rows : memref<?x42xf32, strided<[48, 1]>>
  // CHECK: %[[OWN:.*]] = kernel.buffer 2 one : memref<?x12480xf32, strided<[12480, 1]>>
  %own = kernel.buffer 2 one : memref<?x12480xf32, strided<[12480, 1]>>
  // CHECK: %[[TABLE:.*]] = kernel.get_weight @table : <panels, 53, 42, 1, f32>
  %table = kernel.get_weight @table : <panels, 53, 42, 1, f32>
  %norm = kernel.get_weight @norm : <table, 1, 42, 1, f32>
  %frequencies = kernel.get_weight @frequencies : <table, 1, 3, 1, f32>
  // CHECK: kernel.embed %[[IDS]], %[[TABLE]] outs(%[[X]]) : (memref<?xi32>, !kernel.packed<panels, 53, 42, 1, f32>, memref<?x42xf32, strided<[48, 1]>>) -> ()
  kernel.embed %ids, %table outs(%x)
    : (memref<?xi32>, !kernel.packed<panels, 53, 42, 1, f32>, memref<?x42xf32, strided<[48, 1]>>) -> ()
  // CHECK: kernel.rope_table %[[P]], %{{.*}} outs(%[[T]]) :
  kernel.rope_table %p, %frequencies outs(%t)
    : (memref<?xi32>, !kernel.packed<table, 1, 3, 1, f32>, memref<?x6xf32, strided<[16, 1]>>) -> ()
  // CHECK: kernel.barrier
  kernel.barrier
  // CHECK: kernel.layers classes [0, 0, 1] slots [0, 1, 2] {
  kernel.layers classes [0, 0, 1] slots [0, 1, 2] {
  // CHECK-NEXT: ^bb0(%[[SLOT:.*]]: index, %{{.*}}: index):
  ^bb0(%slot: index, %member: index):
    // CHECK: kernel.rms_norm %[[X]], %{{.*}} outs(%[[X]]) {epsilon = {{.*}} : f32} :
    kernel.rms_norm %x, %norm outs(%x) {epsilon = 1.0e-5 : f32}
      : (memref<?x42xf32, strided<[48, 1]>>, !kernel.packed<table, 1, 42, 1, f32>,
         memref<?x42xf32, strided<[48, 1]>>) -> ()
    // CHECK: %[[K:.*]] = kernel.columns %[[X]] from 21 : (memref<?x42xf32, strided<[48, 1]>>) -> memref<?x21xf32, strided<[48, 1], offset: 21>>
    %k = kernel.columns %x from 21
      : (memref<?x42xf32, strided<[48, 1]>>) -> memref<?x21xf32, strided<[48, 1], offset: 21>>
    // CHECK: kernel.rope %[[K]], %[[T]] outs(%[[K]]) {
    kernel.rope %k, %t outs(%k) {head_dim = 7 : i64, rotary_dim = 6 : i64, style = 1 : i32}
      : (memref<?x21xf32, strided<[48, 1], offset: 21>>, memref<?x6xf32, strided<[16, 1]>>,
         memref<?x21xf32, strided<[48, 1], offset: 21>>) -> ()
    // CHECK: kernel.cache_update %[[KV]][%[[SLOT]]], %[[K]], %[[K]], %[[P]], %[[S]] {{.*}} -> ()
    kernel.cache_update %kv[%slot], %k, %k, %p, %s {page = #page}
      : (!kv, index, memref<?x21xf32, strided<[48, 1], offset: 21>>, memref<?x21xf32, strided<[48, 1], offset: 21>>,
         memref<?xi32>, memref<?xi32>) -> ()
    kernel.barrier
    // CHECK: kernel.wanted_rows %[[ROWS]] : memref<?xi32>
    kernel.wanted_rows %rows : memref<?xi32>
    // CHECK: kernel.attention %[[X]], %[[KV]][%[[SLOT]]], %[[P]], %[[S]] outs(%[[X]]) {
    kernel.attention %x, %kv[%slot], %p, %s outs(%x) {num_heads = 6 : i64, scale = 0.375 : f32, page = #page}
      : (memref<?x42xf32, strided<[48, 1]>>, !kv, index, memref<?xi32>, memref<?xi32>,
         memref<?x42xf32, strided<[48, 1]>>) -> ()
    kernel.barrier
    // CHECK: kernel.attention %[[X]], %[[KV]][%[[SLOT]]], %[[P]], %[[S]] scratch(%[[OWN]]) outs(%[[X]]) {
    kernel.attention %x, %kv[%slot], %p, %s scratch(%own) outs(%x) {num_heads = 6 : i64, scale = 0.375 : f32, page = #page}
      : (memref<?x42xf32, strided<[48, 1]>>, !kv, index, memref<?xi32>, memref<?xi32>,
         memref<?x12480xf32, strided<[12480, 1]>>, memref<?x42xf32, strided<[48, 1]>>) -> ()
    kernel.barrier
    // CHECK: kernel.yield
    kernel.yield
  }, {
  ^bb0(%slot: index, %member: index):
    // CHECK: kernel.elementwise ins(%[[X]] : memref<{{.*}}>) outs(%[[X]] : memref<{{.*}}>) {
    kernel.elementwise ins(%x : memref<?x42xf32, strided<[48, 1]>>) outs(%x : memref<?x42xf32, strided<[48, 1]>>) {
    ^bb0(%a: f32):
      %b = arith.negf %a : f32
      kernel.yield %b : f32
    }
    kernel.barrier
    kernel.yield
  }
  // CHECK: kernel.gather_rows %[[X]], %[[ROWS]] outs(%[[G]]) :
  kernel.gather_rows %x, %rows outs(%g)
    : (memref<?x42xf32, strided<[48, 1]>>, memref<?xi32>, memref<?x42xf32, strided<[48, 1]>>) -> ()
  kernel.barrier
  // CHECK: kernel.matmul %[[G]], %[[TABLE]] outs(%[[Y]] : memref<?x53xf32, strided<[64, 1]>>) {
  // CHECK: } : (memref<?x42xf32, strided<[48, 1]>>, <panels, 53, 42, 1, f32>)
  kernel.matmul %g, %table outs(%y : memref<?x53xf32, strided<[64, 1]>>) {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } : (memref<?x42xf32, strided<[48, 1]>>, <panels, 53, 42, 1, f32>)
  kernel.yield
}
