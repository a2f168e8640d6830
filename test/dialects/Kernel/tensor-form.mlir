// Compute ops in tensor form, weights and layers survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 128, slots = 5, heads = 3, head_dim = 7, f32>

// CHECK-LABEL: @embed
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>, %[[PANELS:.*]]: !kernel.packed<panels, 53, 13, 1, bf16>, %[[TABLE:.*]]: !kernel.packed<table, 53, 13, 1, f32>)
func.func @embed(%ids: tensor<?xi32>, %panels: !kernel.packed<panels, 53, 13, 1, bf16>,
                 %table: !kernel.packed<table, 53, 13, 1, f32>) {
  // CHECK: kernel.embed %[[IDS]], %[[PANELS]] : (tensor<?xi32>, !kernel.packed<panels, 53, 13, 1, bf16>) -> tensor<?x13xf32>
  %0 = kernel.embed %ids, %panels : (tensor<?xi32>, !kernel.packed<panels, 53, 13, 1, bf16>) -> tensor<?x13xf32>
  // CHECK: kernel.embed %[[IDS]], %[[TABLE]] {scale = 3.500000e+00 : f32} :
  %1 = kernel.embed %ids, %table {scale = 3.5 : f32}
    : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x13xf32>
  return
}

// CHECK-LABEL: @layer_norm
// CHECK-SAME: %[[X:.*]]: tensor<?x33xf32>, %[[W:.*]]: !kernel.packed<table, 1, 11, 1, f32>, %[[B:.*]]: !kernel.packed<table, 1, 11, 1, f32>
func.func @layer_norm(%x: tensor<?x33xf32>, %w: !kernel.packed<table, 1, 11, 1, f32>, %b: !kernel.packed<table, 1, 11, 1, f32>) {
  // CHECK: kernel.layer_norm %[[X]], %[[W]] bias %[[B]] {epsilon = {{.*}} : f32}
  %0 = kernel.layer_norm %x, %w bias %b {epsilon = 1.0e-5 : f32}
    : (tensor<?x33xf32>, !kernel.packed<table, 1, 11, 1, f32>, !kernel.packed<table, 1, 11, 1, f32>) -> tensor<?x33xf32>
  // CHECK: kernel.layer_norm %[[X]], %[[W]] {epsilon = {{.*}} : f32, weight_offset = 1.000000e+00 : f32}
  %1 = kernel.layer_norm %x, %w {epsilon = 1.0e-5 : f32, weight_offset = 1.0 : f32}
    : (tensor<?x33xf32>, !kernel.packed<table, 1, 11, 1, f32>) -> tensor<?x33xf32>
  return
}

// CHECK-LABEL: @rms_norm
// CHECK-SAME: (%[[X:.*]]: tensor<?x33xf32>, %[[W:.*]]: !kernel.packed
func.func @rms_norm(%x: tensor<?x33xf32>, %w: !kernel.packed<table, 1, 11, 1, f32>) {
  // CHECK: kernel.rms_norm %[[X]], %[[W]] {epsilon = {{.*}} : f32, weight_offset = 1.000000e+00 : f32} : (tensor<?x33xf32>, !kernel.packed<table, 1, 11, 1, f32>) -> tensor<?x33xf32>
  %0 = kernel.rms_norm %x, %w {epsilon = 1.0e-5 : f32, weight_offset = 1.0 : f32}
    : (tensor<?x33xf32>, !kernel.packed<table, 1, 11, 1, f32>) -> tensor<?x33xf32>
  return
}

// CHECK-LABEL: @matmul
// CHECK-SAME: (%[[X:.*]]: tensor<?x13xf32>, %[[W:.*]]: {{.*}}, %[[R:.*]]: tensor<?x17xf32>, %[[B:.*]]: !kernel.packed<table
func.func @matmul(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 2, f16>, %r: tensor<?x17xf32>,
                  %b: !kernel.packed<table, 1, 17, 1, f32>) {
  // CHECK: kernel.matmul %[[X]], %[[W]] extras(%[[R]], %[[B]] : tensor<?x17xf32>, !kernel.packed<table, 1, 17, 1, f32>) {
  // CHECK-NEXT: ^bb0(%[[S0:.*]]: f32, %[[S1:.*]]: f32, %[[E0:.*]]: f32, %[[E1:.*]]: f32):
  // CHECK: arith.mulf %[[S0]], %[[S1]] : f32
  // CHECK: kernel.yield %{{.*}} : f32
  // CHECK-NEXT: } : (tensor<?x13xf32>, <panels, 17, 13, 2, f16>) -> (tensor<?x17xf32>)
  %0 = kernel.matmul %x, %w extras(%r, %b : tensor<?x17xf32>, !kernel.packed<table, 1, 17, 1, f32>) {
  ^bb0(%s0: f32, %s1: f32, %e0: f32, %e1: f32):
    %p = arith.mulf %s0, %s1 : f32
    %q = arith.addf %p, %e0 : f32
    %t = arith.addf %q, %e1 : f32
    kernel.yield %t : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 2, f16>) -> (tensor<?x17xf32>)
  return
}

// CHECK-LABEL: @rope
// CHECK-SAME: (%[[P:.*]]: tensor<?xi32>, %[[F:.*]]: !kernel.packed<{{.*}}>, %[[X:.*]]: tensor<?x33xf32>)
func.func @rope(%p: tensor<?xi32>, %f: !kernel.packed<table, 2, 5, 1, f32>, %x: tensor<?x33xf32>) {
  // CHECK: %[[T:.*]] = kernel.rope_table %[[P]], %[[F]] {attention_factor = 1.250000e+00 : f32, row_start = 4099 : i64} : (tensor<?xi32>, !kernel.packed<table, 2, 5, 1, f32>) -> tensor<?x10xf32>
  %t = kernel.rope_table %p, %f {row_start = 4099 : i64, attention_factor = 1.25 : f32}
    : (tensor<?xi32>, !kernel.packed<table, 2, 5, 1, f32>) -> tensor<?x10xf32>
  // CHECK: kernel.rope %[[X]], %[[T]] {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 0 : i32} :
  %0 = kernel.rope %x, %t {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 0 : i32}
    : (tensor<?x33xf32>, tensor<?x10xf32>) -> tensor<?x33xf32>
  // CHECK: kernel.rope %[[X]], %[[T]] {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 1 : i32} :
  %1 = kernel.rope %x, %t {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 1 : i32}
    : (tensor<?x33xf32>, tensor<?x10xf32>) -> tensor<?x33xf32>
  return
}

// CHECK-LABEL: @attention
// CHECK-SAME: (%[[KV:.*]]: !state, %[[SLOT:.*]]: index, %[[K:.*]]: tensor<?x21xf32>, %[[V:.*]]: tensor<?x21xf32>, %[[Q:.*]]: tensor<?x42xf32>, %[[P:.*]]: tensor<?xi32>, %[[S:.*]]: tensor<?xi32>)
func.func @attention(%kv: !kv, %slot: index, %k: tensor<?x21xf32>, %v: tensor<?x21xf32>, %q: tensor<?x42xf32>,
                     %p: tensor<?xi32>, %s: tensor<?xi32>) {
  // CHECK: %[[KV1:.*]] = kernel.cache_update %[[KV]][%[[SLOT]]], %[[K]], %[[V]], %[[P]], %[[S]] {page = #kernel.page<tokens = 128, slots = 5, heads = 3, head_dim = 7, f32>} :
  %kv1 = kernel.cache_update %kv[%slot], %k, %v, %p, %s {page = #page}
    : (!kv, index, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  // CHECK: kernel.attention %[[Q]], %[[KV1]][%[[SLOT]]], %[[P]], %[[S]] {num_heads = 6 : i64, page = #kernel.page<{{.*}}>, scale = 3.750000e-01 : f32, softcap = 5.000000e+01 : f32, window = 19 : i64} :
  %0 = kernel.attention %q, %kv1[%slot], %p, %s
    {num_heads = 6 : i64, scale = 0.375 : f32, window = 19 : i64, softcap = 50.0 : f32, page = #page}
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return
}

// CHECK-LABEL: @rows_and_columns
// CHECK-SAME: (%[[X:.*]]: tensor<?x23xf32>, %[[ROWS:.*]]: tensor<?xi32>, %[[W:.*]]: !kernel.packed<
func.func @rows_and_columns(%x: tensor<?x23xf32>, %rows: tensor<?xi32>, %w: !kernel.packed<table, 1, 7, 1, f32>) {
  // CHECK: kernel.gather_rows %[[X]], %[[ROWS]] : (tensor<?x23xf32>, tensor<?xi32>) -> tensor<?x23xf32>
  %0 = kernel.gather_rows %x, %rows : (tensor<?x23xf32>, tensor<?xi32>) -> tensor<?x23xf32>
  // CHECK: %[[C:.*]] = kernel.columns %[[X]] from 16 : (tensor<?x23xf32>) -> tensor<?x7xf32>
  %c = kernel.columns %x from 16 : (tensor<?x23xf32>) -> tensor<?x7xf32>
  // CHECK: kernel.elementwise ins(%[[C]], %[[W]] : tensor<?x7xf32>, !kernel.packed<table, 1, 7, 1, f32>) {
  // CHECK: math.exp
  // CHECK: kernel.yield %{{.*}} : f32
  // CHECK-NEXT: } -> (tensor<?x7xf32>)
  %e = kernel.elementwise ins(%c, %w : tensor<?x7xf32>, !kernel.packed<table, 1, 7, 1, f32>) {
  ^bb0(%a: f32, %b: f32):
    %y = math.exp %a : f32
    %z = arith.divf %y, %b : f32
    kernel.yield %z : f32
  } -> (tensor<?x7xf32>)
  return
}

// CHECK: kernel.weight @w0 copies 2 at 128 stride 192 : !kernel.packed<table, 1, 11, 1, f32> {
// CHECK: kernel.pack %{{.*}} : (tensor<11xbf16>) -> !kernel.packed<table, 1, 11, 1, f32>
kernel.weight @w0 copies 2 at 128 stride 192 : !kernel.packed<table, 1, 11, 1, f32> {
  %w = transformer.weight ["a", "b"] : tensor<11xbf16>
  %p = kernel.pack %w : (tensor<11xbf16>) -> !kernel.packed<table, 1, 11, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 11, 1, f32>
}

// CHECK-LABEL: @layers
// CHECK-SAME: (%[[X:.*]]: tensor<?x11xf32>)
func.func @layers(%x: tensor<?x11xf32>) -> tensor<?x11xf32> {
  // CHECK: %[[Y:.*]] = kernel.layers classes [0, 1, 0] slots [0, 1, 2] iter(%[[X]] : tensor<?x11xf32>) {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %[[MEMBER:.*]]: index, %[[H:.*]]: tensor<?x11xf32>):
  // CHECK-NEXT: kernel.get_weight @w0[%[[MEMBER]]] : <table, 1, 11, 1, f32>
  // CHECK: kernel.yield
  // CHECK: }, {
  // CHECK: kernel.yield
  // CHECK: } -> (tensor<?x11xf32>)
  %y = kernel.layers classes [0, 1, 0] slots [0, 1, 2] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x11xf32>):
    %w = kernel.get_weight @w0[%member] : <table, 1, 11, 1, f32>
    %n = kernel.rms_norm %h, %w {epsilon = 0.0 : f32}
      : (tensor<?x11xf32>, !kernel.packed<table, 1, 11, 1, f32>) -> tensor<?x11xf32>
    kernel.yield %n : tensor<?x11xf32>
  }, {
  ^bb0(%slot: index, %member: index, %h: tensor<?x11xf32>):
    kernel.yield %h : tensor<?x11xf32>
  } -> (tensor<?x11xf32>)
  // CHECK: return %[[Y]]
  return %y : tensor<?x11xf32>
}
