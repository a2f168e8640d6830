// RUN: llmc-opt %s -split-input-file --llmc-plan-memory | FileCheck %s

kernel.weight @e copies 1 at -1 stride 0 : !kernel.packed<panels, 53, 13, 1, f32> {
  %w = transformer.weight ["e"] : tensor<53x13xf32>
  %p = kernel.pack %w : (tensor<53x13xf32>) -> !kernel.packed<panels, 53, 13, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 53, 13, 1, f32>
}
kernel.weight @n copies 1 at -1 stride 0 : !kernel.packed<table, 1, 13, 1, f32> {
  %w = transformer.weight ["n"] : tensor<13xf32>
  %p = kernel.pack %w : (tensor<13xf32>) -> !kernel.packed<table, 1, 13, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 13, 1, f32>
}
kernel.weight @u copies 1 at -1 stride 0 : !kernel.packed<panels, 37, 13, 1, f32> {
  %w = transformer.weight ["u"] : tensor<37x13xf32>
  %p = kernel.pack %w : (tensor<37x13xf32>) -> !kernel.packed<panels, 37, 13, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 37, 13, 1, f32>
}
kernel.weight @d copies 1 at -1 stride 0 : !kernel.packed<panels, 13, 37, 1, f32> {
  %w = transformer.weight ["d"] : tensor<13x37xf32>
  %p = kernel.pack %w : (tensor<13x37xf32>) -> !kernel.packed<panels, 13, 37, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 13, 37, 1, f32>
}
// The embedding x lives on as the residual; the norm and the wide product have slots of their own while they are read; the
// second product works in place on x, and the last norm on it. Two classes of rows: the gathered rows share the slot of what is
// dead by then.
// CHECK-LABEL: kernel.program @step inputs 2 outputs 1
// CHECK-SAME: roles [#transformer.role<tokens>, #transformer.role<rows>, #transformer.role<logits>]
// CHECK-SAME: slots [64, 0, 64, 0, 64, 1, 192, 0] slot_sizes [1, 2, 1]
// CHECK-NEXT: ^bb0(%[[IDS:.*]]: memref<?xi32>, %[[ROWS:.*]]: memref<?xi32>, %[[OUT:.*]]: memref<?x53xf32, strided<[64, 1]>>):
// CHECK-NEXT: %[[X:.*]] = kernel.buffer 0 tokens : memref<?x13xf32, strided<[16, 1]>>
// CHECK-NEXT: %[[H:.*]] = kernel.buffer 1 tokens : memref<?x13xf32, strided<[16, 1]>>
// CHECK-NEXT: %[[U:.*]] = kernel.buffer 2 tokens : memref<?x37xf32, strided<[48, 1]>>
// CHECK-NEXT: %[[G:.*]] = kernel.buffer 1 rows : memref<?x13xf32, strided<[16, 1]>>
// CHECK: kernel.embed %[[IDS]], %{{.*}} outs(%[[X]])
// CHECK: kernel.rms_norm %[[X]], %{{.*}} outs(%[[H]])
// CHECK: kernel.matmul %[[H]], %{{.*}} outs(%[[U]] :
// CHECK: kernel.matmul %[[U]], %{{.*}} extras(%[[X]] : {{.*}}) outs(%[[X]] :
// CHECK: kernel.rms_norm %[[X]], %{{.*}} outs(%[[X]])
// CHECK: kernel.gather_rows %[[X]], %[[ROWS]] outs(%[[G]])
// CHECK: kernel.matmul %[[G]], %{{.*}} outs(%[[OUT]] :
func.func @step(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>},
                %rows: tensor<?xi32> {transformer.role = #transformer.role<rows>})
    -> (tensor<?x53xf32> {transformer.role = #transformer.role<logits>}) attributes {transformer.entry} {
  %e = kernel.get_weight @e : <panels, 53, 13, 1, f32>
  %x = kernel.embed %ids, %e : (tensor<?xi32>, !kernel.packed<panels, 53, 13, 1, f32>) -> tensor<?x13xf32>
  %n = kernel.get_weight @n : <table, 1, 13, 1, f32>
  %h = kernel.rms_norm %x, %n {epsilon = 0.0 : f32}
    : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x13xf32>
  %wu = kernel.get_weight @u : <panels, 37, 13, 1, f32>
  %u = kernel.matmul %h, %wu {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 37, 13, 1, f32>) -> (tensor<?x37xf32>)
  %wd = kernel.get_weight @d : <panels, 13, 37, 1, f32>
  %y = kernel.matmul %u, %wd extras(%x : tensor<?x13xf32>) {
  ^bb0(%s: f32, %r: f32):
    %0 = arith.addf %s, %r : f32
    kernel.yield %0 : f32
  } : (tensor<?x37xf32>, <panels, 13, 37, 1, f32>) -> (tensor<?x13xf32>)
  %z = kernel.rms_norm %y, %n {epsilon = 0.0 : f32}
    : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x13xf32>
  %g = kernel.gather_rows %z, %rows : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
  %l = kernel.matmul %g, %e {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 53, 13, 1, f32>) -> (tensor<?x53xf32>)
  return %l : tensor<?x53xf32>
}

// -----

!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 8, f32>
#page = #kernel.page<tokens = 64, slots = 2, heads = 1, head_dim = 8, f32>
kernel.weight @e copies 1 at -1 stride 0 : !kernel.packed<panels, 53, 40, 1, f32> {
  %w = transformer.weight ["e"] : tensor<53x40xf32>
  %p = kernel.pack %w : (tensor<53x40xf32>) -> !kernel.packed<panels, 53, 40, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 53, 40, 1, f32>
}
kernel.weight @f copies 1 at -1 stride 0 : !kernel.packed<table, 1, 4, 1, f32> {
  %w = transformer.weight ["f"] : tensor<4xf32>
  %p = kernel.pack %w : (tensor<4xf32>) -> !kernel.packed<table, 1, 4, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 4, 1, f32>
}
kernel.weight @o copies 1 at -1 stride 0 : !kernel.packed<panels, 40, 24, 1, f32> {
  %w = transformer.weight ["o"] : tensor<40x24xf32>
  %p = kernel.pack %w : (tensor<40x24xf32>) -> !kernel.packed<panels, 40, 24, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 40, 24, 1, f32>
}
// The loop carries x in its buffer; q, k and v are views, two of them rotated where they lie; the bounds stay with the program.
// CHECK-LABEL: kernel.program @layers
// CHECK: %[[T:.*]] = kernel.buffer {{[0-9]}} tokens : memref<?x8xf32, strided<[16, 1]>>
// CHECK: %[[X:.*]] = kernel.buffer {{[0-9]}} tokens : memref<?x40xf32, strided<[48, 1]>>
// CHECK: %[[QKV:.*]] = kernel.buffer {{[0-9]}} tokens : memref<?x40xf32, strided<[48, 1]>>
// CHECK: %[[A:.*]] = kernel.buffer {{[0-9]}} tokens : memref<?x24xf32, strided<[32, 1]>>
// CHECK: %[[OWN:.*]] = kernel.buffer {{[0-9]}} one : memref<?x5200xf32, strided<[5200, 1]>>
// CHECK: kernel.layers classes [0, 0] slots [0, 1] {
// CHECK-NEXT: ^bb0(%[[SLOT:.*]]: index, %{{.*}}: index):
// CHECK: kernel.elementwise ins(%[[X]] : {{.*}}) outs(%[[QKV]] :
// CHECK: %[[Q:.*]] = kernel.columns %[[QKV]] from 0 : {{.*}} -> memref<?x24xf32, strided<[48, 1]>>
// CHECK-NEXT: %[[K:.*]] = kernel.columns %[[QKV]] from 24 : {{.*}} -> memref<?x8xf32, strided<[48, 1], offset: 24>>
// CHECK-NEXT: %[[V:.*]] = kernel.columns %[[QKV]] from 32 : {{.*}} -> memref<?x8xf32, strided<[48, 1], offset: 32>>
// CHECK-NEXT: kernel.rope %[[Q]], %[[T]] outs(%[[Q]])
// CHECK-NEXT: kernel.rope %[[K]], %[[T]] outs(%[[K]])
// CHECK-NEXT: kernel.cache_update %[[KV:.*]][%[[SLOT]]], %[[K]], %[[V]]
// CHECK-NEXT: kernel.attention %[[Q]], %[[KV]][%[[SLOT]]], {{.*}} scratch(%[[OWN]]) outs(%[[A]])
// CHECK: kernel.matmul %[[A]], %{{.*}} extras(%[[X]] : {{.*}}) outs(%[[X]] :
// CHECK: } {bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 11>}
func.func @layers(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>},
                  %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
                  %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
                  %kv: !kv {transformer.role = #transformer.role<state>})
    -> (tensor<?x40xf32>, !kv)
    attributes {transformer.entry, transformer.bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 11>} {
  %f = kernel.get_weight @f : <table, 1, 4, 1, f32>
  %t = kernel.rope_table %p, %f : (tensor<?xi32>, !kernel.packed<table, 1, 4, 1, f32>) -> tensor<?x8xf32>
  %e = kernel.get_weight @e : <panels, 53, 40, 1, f32>
  %x = kernel.embed %ids, %e : (tensor<?xi32>, !kernel.packed<panels, 53, 40, 1, f32>) -> tensor<?x40xf32>
  %y, %kv1 = kernel.layers classes [0, 0] slots [0, 1] iter(%x, %kv : tensor<?x40xf32>, !kv) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x40xf32>, %c: !kv):
    %qkv = kernel.elementwise ins(%h : tensor<?x40xf32>) {
    ^bb0(%i: f32):
      %0 = arith.negf %i : f32
      kernel.yield %0 : f32
    } -> (tensor<?x40xf32>)
    %q = kernel.columns %qkv from 0 : (tensor<?x40xf32>) -> tensor<?x24xf32>
    %k = kernel.columns %qkv from 24 : (tensor<?x40xf32>) -> tensor<?x8xf32>
    %v = kernel.columns %qkv from 32 : (tensor<?x40xf32>) -> tensor<?x8xf32>
    %qr = kernel.rope %q, %t {head_dim = 8 : i64, rotary_dim = 8 : i64, style = 0 : i32}
      : (tensor<?x24xf32>, tensor<?x8xf32>) -> tensor<?x24xf32>
    %kr = kernel.rope %k, %t {head_dim = 8 : i64, rotary_dim = 8 : i64, style = 0 : i32}
      : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %c1 = kernel.cache_update %c[%slot], %kr, %v, %p, %s {page = #page}
      : (!kv, index, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    %a = kernel.attention %qr, %c1[%slot], %p, %s {num_heads = 3 : i64, scale = 1.0 : f32, page = #page}
      : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
    %o = kernel.get_weight @o : <panels, 40, 24, 1, f32>
    %z = kernel.matmul %a, %o extras(%h : tensor<?x40xf32>) {
    ^bb0(%i: f32, %r: f32):
      %0 = arith.addf %i, %r : f32
      kernel.yield %0 : f32
    } : (tensor<?x24xf32>, <panels, 40, 24, 1, f32>) -> (tensor<?x40xf32>)
    kernel.yield %z, %c1 : tensor<?x40xf32>, !kv
  } -> (tensor<?x40xf32>, !kv)
  %l = kernel.elementwise ins(%y : tensor<?x40xf32>) {
  ^bb0(%i: f32):
    %0 = arith.negf %i : f32
    kernel.yield %0 : f32
  } -> (tensor<?x40xf32>)
  return %l, %kv1 : tensor<?x40xf32>, !kv
}
