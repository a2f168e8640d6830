// RUN: llmc-opt %s -split-input-file --llmc-lower-to-kernel=page-tokens=128 | FileCheck %s

// CHECK-LABEL: @embedding
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>
func.func @embedding(
    %ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>})
    -> (tensor<?x13xf32> {transformer.role = #transformer.role<output>},
        tensor<?x13xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK: %[[W:.*]] = transformer.weight ["w"] : tensor<53x13xbf16>
  %w = transformer.weight ["w"] : tensor<53x13xbf16>
  // CHECK: %[[P:.*]] = kernel.pack %[[W]] : (tensor<53x13xbf16>) -> !kernel.packed<panels, 53, 13, 1, bf16>
  // CHECK: %[[X:.*]] = kernel.embed %[[IDS]], %[[P]] : (tensor<?xi32>, !kernel.packed<panels, 53, 13, 1, bf16>) -> tensor<?x13xf32>
  %x = transformer.embedding %ids, %w : (tensor<?xi32>, tensor<53x13xbf16>) -> tensor<?x13xf32>
  // CHECK: %[[S:.*]] = kernel.embed %[[IDS]], %{{.*}} {scale = 3.500000e+00 : f32} :
  %s = transformer.embedding %ids, %w scale 3.5 : (tensor<?xi32>, tensor<53x13xbf16>) -> tensor<?x13xf32>
  // CHECK: return %[[X]], %[[S]]
  return %x, %s : tensor<?x13xf32>, tensor<?x13xf32>
}

// -----

// Words and places are looked up apart and added; rows before the offset are not packed.
// CHECK-LABEL: @embedding_with_positions
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32> {{.*}}, %[[AT:.*]]: tensor<?xi32>
func.func @embedding_with_positions(
    %ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>})
    -> (tensor<?x13xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %w = transformer.weight ["w"] : tensor<53x13xf32>
  %t = transformer.weight ["t"] : tensor<61x13xf32>
  // CHECK: %[[X:.*]] = kernel.embed %[[IDS]]
  // CHECK: %[[S:.*]] = transformer.weight.slice %{{.*}} offsets [2, 0] sizes [59, 13]
  // CHECK: %[[P:.*]] = kernel.pack %[[S]] : (tensor<59x13xf32>)
  // CHECK: %[[Y:.*]] = kernel.embed %[[AT]], %[[P]]
  // CHECK: linalg.generic {{.*}} ins(%[[X]], %[[Y]]
  %x = transformer.embedding %ids, %w positions %p position_table %t position_offset 2
    : (tensor<?xi32>, tensor<53x13xf32>, tensor<?xi32>, tensor<61x13xf32>) -> tensor<?x13xf32>
  return %x : tensor<?x13xf32>
}

// -----

// CHECK-LABEL: @layer_norm
// CHECK-SAME: (%[[X:.*]]: tensor<?x33xf32>
func.func @layer_norm(
    %x: tensor<?x33xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x33xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %w = transformer.weight ["w"] : tensor<33xf32>
  %b = transformer.weight ["b"] : tensor<33xf32>
  // CHECK: kernel.layer_norm %[[X]], %{{.*}} bias %{{.*}} {epsilon = 9.99999974E-6 : f32} :
  %h = transformer.layer_norm %x, %w bias %b epsilon 1.0e-5 : (tensor<?x33xf32>, tensor<33xf32>, tensor<33xf32>) -> tensor<?x33xf32>
  return %h : tensor<?x33xf32>
}

// -----

// CHECK-LABEL: @rms_norm
// CHECK-SAME: (%[[X:.*]]: tensor<?x33xf32>
func.func @rms_norm(
    %x: tensor<?x33xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x33xf32> {transformer.role = #transformer.role<output>},
        tensor<?x33xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  %w = transformer.weight ["w"] : tensor<33xf32>
  %g = transformer.weight ["g"] : tensor<11xbf16>
  // CHECK: %[[W:.*]] = kernel.pack %{{.*}} : (tensor<33xf32>) -> !kernel.packed<table, 1, 33, 1, f32>
  // CHECK: %[[H:.*]] = kernel.rms_norm %[[X]], %[[W]] {epsilon = 9.99999974E-6 : f32} :
  %h = transformer.rms_norm %x, %w epsilon 1.0e-5 : (tensor<?x33xf32>, tensor<33xf32>) -> tensor<?x33xf32>
  // Groups are as wide as their weight, which becomes f32.
  // CHECK: %[[G:.*]] = kernel.pack %{{.*}} : (tensor<11xbf16>) -> !kernel.packed<table, 1, 11, 1, f32>
  // CHECK: %[[N:.*]] = kernel.rms_norm %[[H]], %[[G]] {epsilon = 1.250000e-01 : f32, weight_offset = 1.000000e+00 : f32} :
  %n = transformer.rms_norm %h, %g epsilon 0.125 group_size 11 weight_offset 1.0
    : (tensor<?x33xf32>, tensor<11xbf16>) -> tensor<?x33xf32>
  // CHECK: return %[[H]], %[[N]]
  return %h, %n : tensor<?x33xf32>, tensor<?x33xf32>
}

// -----

// CHECK-LABEL: @linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x13xf32>
func.func @linear(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x17xf32> {transformer.role = #transformer.role<output>},
        tensor<?x17xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  %w = transformer.weight ["w"] : tensor<17x13xf16>
  %b = transformer.weight ["b"] : tensor<17xf16>
  // CHECK: %[[P:.*]] = kernel.pack %{{.*}} : (tensor<17x13xf16>) -> !kernel.packed<panels, 17, 13, 1, f16>
  // CHECK: %[[Y:.*]] = kernel.matmul %[[X]], %[[P]] {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32):
  // CHECK-NEXT: kernel.yield %[[S]] : f32
  // CHECK-NEXT: } : (tensor<?x13xf32>, <panels, 17, 13, 1, f16>) -> (tensor<?x17xf32>)
  %y = transformer.linear %x, %w : (tensor<?x13xf32>, tensor<17x13xf16>) -> tensor<?x17xf32>
  // CHECK: %[[P1:.*]] = kernel.pack {{.*}} -> !kernel.packed<panels, 17, 13, 1, f16>
  // CHECK: %[[B:.*]] = kernel.pack %{{.*}} : (tensor<17xf16>) -> !kernel.packed<table, 1, 17, 1, f32>
  // CHECK: %[[Z:.*]] = kernel.matmul %[[X]], %[[P1]] extras(%[[B]] : !kernel.packed<table, 1, 17, 1, f32>) {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[E:.*]]: f32):
  // CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[S]], %[[E]] : f32
  // CHECK-NEXT: kernel.yield %[[SUM]] : f32
  %z = transformer.linear %x, %w bias %b : (tensor<?x13xf32>, tensor<17x13xf16>, tensor<17xf16>) -> tensor<?x17xf32>
  // CHECK: return %[[Y]], %[[Z]]
  return %y, %z : tensor<?x17xf32>, tensor<?x17xf32>
}

// -----

// CHECK-LABEL: @gated_linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x13xf32>
func.func @gated_linear(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x17xf32> {transformer.role = #transformer.role<output>},
        tensor<?x17xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK-DAG: %[[G:.*]] = transformer.weight ["g"]
  // CHECK-DAG: %[[U:.*]] = transformer.weight ["u"]
  %g = transformer.weight ["g"] : tensor<17x13xf32>
  %u = transformer.weight ["u"] : tensor<17x13xf32>
  // CHECK-DAG: %[[GB:.*]] = transformer.weight ["gb"]
  // CHECK-DAG: %[[UB:.*]] = transformer.weight ["ub"]
  %gb = transformer.weight ["gb"] : tensor<17xf32>
  %ub = transformer.weight ["ub"] : tensor<17xf32>
  // CHECK: %[[P:.*]] = kernel.pack %[[G]], %[[U]] : (tensor<17x13xf32>, tensor<17x13xf32>) -> !kernel.packed<panels, 17, 13, 2, f32>
  // CHECK: %[[Y:.*]] = kernel.matmul %[[X]], %[[P]] {
  // CHECK-NEXT: ^bb0(%[[S0:.*]]: f32, %[[S1:.*]]: f32):
  // CHECK: %[[R:.*]] = arith.select %{{.*}}, %{{.*}}, %[[S0]] : f32
  // CHECK: %[[M:.*]] = arith.mulf %[[R]], %[[S1]] : f32
  // CHECK: kernel.yield %[[M]] : f32
  %y = transformer.gated_linear relu %x, %g, %u
    : (tensor<?x13xf32>, tensor<17x13xf32>, tensor<17x13xf32>) -> tensor<?x17xf32>
  // CHECK: %[[PG:.*]] = kernel.pack %[[GB]]
  // CHECK: %[[PU:.*]] = kernel.pack %[[UB]]
  // CHECK: %[[Z:.*]] = kernel.matmul %[[X]], %{{.*}} extras(%[[PG]], %[[PU]] : {{.*}}) {
  // CHECK-NEXT: ^bb0(%[[S0:.*]]: f32, %[[S1:.*]]: f32, %[[E0:.*]]: f32, %[[E1:.*]]: f32):
  // CHECK-NEXT: %[[GATE:.*]] = arith.addf %[[S0]], %[[E0]] : f32
  // CHECK-NEXT: %[[UP:.*]] = arith.addf %[[S1]], %[[E1]] : f32
  // CHECK: math.tanh
  // CHECK: arith.mulf %{{.*}}, %[[UP]] : f32
  %z = transformer.gated_linear tanh %x, %g, %u gate_bias %gb up_bias %ub
    : (tensor<?x13xf32>, tensor<17x13xf32>, tensor<17x13xf32>, tensor<17xf32>, tensor<17xf32>) -> tensor<?x17xf32>
  // CHECK: return %[[Y]], %[[Z]]
  return %y, %z : tensor<?x17xf32>, tensor<?x17xf32>
}

// -----

// CHECK-LABEL: @split
// CHECK-SAME: (%[[X:.*]]: tensor<?x23xf32>
func.func @split(
    %x: tensor<?x23xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x5xf32> {transformer.role = #transformer.role<output>},
        tensor<?x11xf32> {transformer.role = #transformer.role<output>},
        tensor<?x7xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK: %[[A:.*]] = kernel.columns %[[X]] from 0 : (tensor<?x23xf32>) -> tensor<?x5xf32>
  // CHECK: %[[B:.*]] = kernel.columns %[[X]] from 5 : (tensor<?x23xf32>) -> tensor<?x11xf32>
  // CHECK: %[[C:.*]] = kernel.columns %[[X]] from 16 : (tensor<?x23xf32>) -> tensor<?x7xf32>
  %a, %b, %c = transformer.split %x sizes [5, 11, 7]
    : (tensor<?x23xf32>) -> (tensor<?x5xf32>, tensor<?x11xf32>, tensor<?x7xf32>)
  // CHECK: return %[[A]], %[[B]], %[[C]]
  return %a, %b, %c : tensor<?x5xf32>, tensor<?x11xf32>, tensor<?x7xf32>
}

// -----

// The table is made once, before the layers, from frequencies that move there with it.
// CHECK-LABEL: @rope_table_before_layers
// CHECK-SAME: (%[[X:.*]]: tensor<?x33xf32> {{.*}}, %[[POS:.*]]: tensor<?xi32>
func.func @rope_table_before_layers(
    %x: tensor<?x33xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>})
    -> (tensor<?x33xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK: %[[F:.*]] = transformer.weight.rope_frequencies longrope
  // CHECK: %[[PF:.*]] = kernel.pack %[[F]] : (tensor<2x5xf32>) -> !kernel.packed<table, 2, 5, 1, f32>
  // CHECK: %[[T:.*]] = kernel.rope_table %[[POS]], %[[PF]] {attention_factor = 1.250000e+00 : f32, row_start = 4099 : i64} : {{.*}} -> tensor<?x10xf32>
  // CHECK: kernel.layers classes [0, 0] slots [-1, -1] iter(%[[X]] : tensor<?x33xf32>) {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[H:.*]]: tensor<?x33xf32>):
  %y = transformer.layers classes [0, 0] slots [-1, -1] iter (%x) : tensor<?x33xf32> {
  ^bb0(%slot: index, %h: tensor<?x33xf32>):
    %f = transformer.weight.rope_frequencies longrope base 1.0e4 dim 10 original_context 4099
      short_factors [1.0, 1.0, 1.0, 1.0, 1.0] long_factors [2.0, 2.0, 2.0, 2.0, 2.0] : tensor<2x5xf32>
    // CHECK-NOT: rope_table
    // CHECK: %[[R:.*]] = kernel.rope %[[H]], %[[T]] {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 1 : i32} :
    %r = transformer.rope interleaved %h at %p by %f head_dim 11 rotary_dim 10 original_context 4099
      attention_factor 1.25 : (tensor<?x33xf32>, tensor<?xi32>, tensor<2x5xf32>) -> tensor<?x33xf32>
    // CHECK-NEXT: kernel.yield %[[R]] : tensor<?x33xf32>
    transformer.yield %r : tensor<?x33xf32>
  }
  return %y : tensor<?x33xf32>
}

// -----

// CHECK-LABEL: @rope_half
func.func @rope_half(
    %x: tensor<?x33xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>})
    -> (tensor<?x33xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  %f = transformer.weight.rope_frequencies default base 1.0e4 dim 6 : tensor<1x3xf32>
  // CHECK: kernel.rope_table %{{.*}}, %{{.*}} : (tensor<?xi32>, !kernel.packed<table, 1, 3, 1, f32>) -> tensor<?x6xf32>
  // CHECK: kernel.rope %{{.*}}, %{{.*}} {head_dim = 11 : i64, rotary_dim = 6 : i64, style = 0 : i32} :
  %r = transformer.rope half %x at %p by %f head_dim 11 rotary_dim 6
    : (tensor<?x33xf32>, tensor<?xi32>, tensor<1x3xf32>) -> tensor<?x33xf32>
  return %r : tensor<?x33xf32>
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
// CHECK-LABEL: @attention
// CHECK-SAME: (%[[Q:.*]]: tensor<?x42xf32> {{.*}}, %[[K:.*]]: tensor<?x21xf32> {{.*}}, %[[V:.*]]: tensor<?x21xf32> {{.*}}, %[[P:.*]]: tensor<?xi32> {{.*}}, %[[S:.*]]: tensor<?xi32> {{.*}}, %[[KV:.*]]: !state
func.func @attention(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %k: tensor<?x21xf32> {transformer.role = #transformer.role<input>},
    %v: tensor<?x21xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (tensor<?x42xf32> {transformer.role = #transformer.role<output>},
        tensor<?x42xf32> {transformer.role = #transformer.role<output>},
        !kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  // CHECK: %[[SLOT:.*]] = arith.constant 4 : index
  %slot = arith.constant 4 : index
  // CHECK: %[[KV1:.*]] = kernel.cache_update %[[KV]][%[[SLOT]]], %[[K]], %[[V]], %[[P]], %[[S]] {page = #kernel.page<tokens = 128, slots = 5, heads = 3, head_dim = 7, f32>} :
  %kv1 = transformer.cache_update %kv[%slot], %k, %v at %p of %s
    : (!kv, index, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  // CHECK: %[[A:.*]] = kernel.attention %[[Q]], %[[KV1]][%[[SLOT]]], %[[P]], %[[S]] {num_heads = 6 : i64, page = #kernel.page<tokens = 128, slots = 5, heads = 3, head_dim = 7, f32>, scale = 3.750000e-01 : f32} :
  %a = transformer.attention %q cache %kv1[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  // CHECK: %[[B:.*]] = kernel.attention %[[Q]], %[[KV1]][%[[SLOT]]], %[[P]], %[[S]] {{{.*}}softcap = 5.000000e+01 : f32, window = 19 : i64} :
  %b = transformer.attention %q cache %kv1[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    window 19 soft_cap 50.0 : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  // CHECK: return %[[A]], %[[B]], %[[KV1]]
  return %a, %b, %kv1 : tensor<?x42xf32>, tensor<?x42xf32>, !kv
}

// -----

// CHECK-LABEL: @gather_rows
// CHECK-SAME: (%[[X:.*]]: tensor<?x23xf32> {{.*}}, %[[ROWS:.*]]: tensor<?xi32>
func.func @gather_rows(
    %x: tensor<?x23xf32> {transformer.role = #transformer.role<input>},
    %rows: tensor<?xi32> {transformer.role = #transformer.role<rows>})
    -> (tensor<?x23xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK: %[[Y:.*]] = kernel.gather_rows %[[X]], %[[ROWS]] : (tensor<?x23xf32>, tensor<?xi32>) -> tensor<?x23xf32>
  %y = transformer.gather_rows %x, %rows : (tensor<?x23xf32>, tensor<?xi32>) -> tensor<?x23xf32>
  // CHECK: return %[[Y]]
  return %y : tensor<?x23xf32>
}

// -----

// CHECK-LABEL: @elementwise
// CHECK-SAME: (%[[A:.*]]: tensor<?x23xf32> {{.*}}, %[[B:.*]]: tensor<?x23xf32>
func.func @elementwise(
    %a: tensor<?x23xf32> {transformer.role = #transformer.role<input>},
    %b: tensor<?x23xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x23xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[B]] : tensor<?x23xf32>, tensor<?x23xf32>)
  // CHECK: arith.addf
  %0 = transformer.add %a, %b : tensor<?x23xf32>
  // CHECK: %[[PRODUCT:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %[[B]] :
  // CHECK: arith.mulf
  %1 = transformer.mul %0, %b : tensor<?x23xf32>, tensor<?x23xf32>
  // CHECK: %[[SCALED:.*]] = linalg.generic {{.*}} ins(%[[PRODUCT]] :
  // CHECK: ^bb0(%[[X:.*]]: f32, %{{.*}}: f32):
  // CHECK: %[[C:.*]] = arith.constant 3.750000e-01 : f32
  // CHECK: arith.mulf %[[X]], %[[C]] : f32
  %2 = transformer.scale %1 by 0.375 : tensor<?x23xf32>
  // CHECK: %[[CAPPED:.*]] = linalg.generic {{.*}} ins(%[[SCALED]] :
  // CHECK: %[[CAP:.*]] = arith.constant 3.000000e+01 : f32
  // CHECK: %[[D:.*]] = arith.divf %{{.*}}, %[[CAP]] : f32
  // CHECK: %[[TANH:.*]] = math.tanh %[[D]] : f32
  // CHECK: arith.mulf %[[CAP]], %[[TANH]] : f32
  %3 = transformer.soft_cap %2 at 30.0 : tensor<?x23xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[CAPPED]], %[[A]] :
  // CHECK: ^bb0(%[[GATE:.*]]: f32, %[[UP:.*]]: f32, %{{.*}}: f32):
  // CHECK: %[[NEGATED:.*]] = arith.negf %[[GATE]] : f32
  // CHECK: %[[E:.*]] = math.exp %[[NEGATED]] : f32
  // CHECK: %[[DENOMINATOR:.*]] = arith.addf %{{.*}}, %[[E]] : f32
  // CHECK: %[[SILU:.*]] = arith.divf %[[GATE]], %[[DENOMINATOR]] : f32
  // CHECK: arith.mulf %[[SILU]], %[[UP]] : f32
  %4 = transformer.gated silu %3, %a : tensor<?x23xf32>
  return %4 : tensor<?x23xf32>
}

// -----

// CHECK-LABEL: @activations
func.func @activations(
    %x: tensor<?x23xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x23xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry} {
  // CHECK: linalg.generic
  // CHECK: math.erf
  %0 = transformer.activation gelu %x : tensor<?x23xf32>
  // CHECK: linalg.generic
  // CHECK: arith.constant 0.797884583 : f32
  // CHECK: math.tanh
  %1 = transformer.activation gelu_tanh %0 : tensor<?x23xf32>
  // CHECK: linalg.generic
  // CHECK: arith.constant 1.702000e+00 : f32
  // CHECK: math.exp
  // CHECK: arith.divf
  %2 = transformer.activation quick_gelu %1 : tensor<?x23xf32>
  // CHECK: linalg.generic
  // CHECK: arith.cmpf ole
  // CHECK: %[[R:.*]] = arith.select
  // CHECK-NEXT: linalg.yield %[[R]]
  %3 = transformer.activation relu %2 : tensor<?x23xf32>
  // CHECK: linalg.generic
  // CHECK: %[[R:.*]] = arith.select
  // CHECK: arith.mulf %[[R]], %[[R]] : f32
  %4 = transformer.activation relu_squared %3 : tensor<?x23xf32>
  // CHECK: linalg.generic
  // CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
  // CHECK: math.exp
  // CHECK: arith.divf %[[ONE]], %{{.*}} : f32
  %5 = transformer.activation sigmoid %4 : tensor<?x23xf32>
  // CHECK: linalg.generic
  // CHECK: math.tanh
  // CHECK: linalg.generic
  // CHECK: math.exp
  %6 = transformer.activation tanh %5 : tensor<?x23xf32>
  %7 = transformer.activation silu %6 : tensor<?x23xf32>
  return %7 : tensor<?x23xf32>
}

// -----

// What is no entry is left alone.
// CHECK-LABEL: @not_an_entry
func.func @not_an_entry(%x: tensor<?x23xf32>, %rows: tensor<?xi32>) -> tensor<?x23xf32> {
  // CHECK: transformer.gather_rows
  %y = transformer.gather_rows %x, %rows : (tensor<?x23xf32>, tensor<?xi32>) -> tensor<?x23xf32>
  return %y : tensor<?x23xf32>
}
