// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-fuse-qkv))' --split-input-file %s | FileCheck %s
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-fuse-qkv,llmc-fuse-qkv))' --split-input-file %s | FileCheck %s
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-fuse-qkv))' --split-input-file --remarks-filter-missed=llmc-fuse-qkv %s 2>&1 >/dev/null | FileCheck %s --check-prefix=MISSED

!kv = !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 4, f32>

// Rope and norms of heads stand between; the weight of v is made after the first linear.
// CHECK-LABEL: func.func @fused_through_rope_and_head_norms
// CHECK-SAME: (%[[X:.*]]: tensor<?x7xf32>, %[[P:.*]]: tensor<?xi32>
// CHECK-DAG: %[[WQ:.*]] = transformer.weight ["q"] : tensor<12x7xbf16>
// CHECK-DAG: %[[WK:.*]] = transformer.weight ["k"] : tensor<4x7xbf16>
// CHECK-DAG: %[[WV0:.*]] = transformer.weight ["v"] : tensor<4x7xf32>
// CHECK-DAG: %[[WV:.*]] = transformer.weight.convert %[[WV0]]
// CHECK: %[[W:.*]] = transformer.weight.concat %[[WQ]], %[[WK]], %[[WV]] axis 0 : {{.*}} -> tensor<20x7xbf16>
// CHECK-NEXT: %[[QKV:.*]] = transformer.linear %[[X]], %[[W]] : (tensor<?x7xf32>, tensor<20x7xbf16>) -> tensor<?x20xf32>
// CHECK-NEXT: %[[S:.*]]:3 = transformer.split %[[QKV]] sizes [12, 4, 4]
// CHECK-NOT: transformer.linear
// CHECK: %[[QR:.*]] = transformer.rope half %[[S]]#0
// CHECK: %[[KN:.*]] = transformer.rms_norm %[[S]]#1
// CHECK: transformer.cache_update %{{.*}}, %[[KN]], %[[S]]#2
// CHECK: transformer.attention %[[QR]]
func.func @fused_through_rope_and_head_norms(%x: tensor<?x7xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %slot: index)
    -> (tensor<?x12xf32>, !kv) {
  %f = transformer.weight.rope_frequencies default base 1.0e4 dim 4 : tensor<1x2xf32>
  %wq = transformer.weight ["q"] : tensor<12x7xbf16>
  %q = transformer.linear %x, %wq : (tensor<?x7xf32>, tensor<12x7xbf16>) -> tensor<?x12xf32>
  %qr = transformer.rope half %q at %p by %f head_dim 4 rotary_dim 4 : (tensor<?x12xf32>, tensor<?xi32>, tensor<1x2xf32>) -> tensor<?x12xf32>
  %wk = transformer.weight ["k"] : tensor<4x7xbf16>
  %k = transformer.linear %x, %wk : (tensor<?x7xf32>, tensor<4x7xbf16>) -> tensor<?x4xf32>
  %wn = transformer.weight ["n"] : tensor<4xf32>
  %kn = transformer.rms_norm %k, %wn epsilon 1.0e-5 group_size 4 : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %wv0 = transformer.weight ["v"] : tensor<4x7xf32>
  %wv = transformer.weight.convert %wv0 : (tensor<4x7xf32>) -> tensor<4x7xbf16>
  %v = transformer.linear %x, %wv : (tensor<?x7xf32>, tensor<4x7xbf16>) -> tensor<?x4xf32>
  %kv1 = transformer.cache_update %kv[%slot], %kn, %v at %p of %s : (!kv, index, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  %o = transformer.attention %qr cache %kv1[%slot] at %p of %s heads 3 kv_heads 1 head_dim 4 scale 0.5 causal
    : (tensor<?x12xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %o, %kv1 : tensor<?x12xf32>, !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 4, f32>

// CHECK-LABEL: func.func @biases_are_joined_too
// CHECK: %[[B:.*]] = transformer.weight.concat %{{.*}}, %{{.*}}, %{{.*}} axis 0 : (tensor<12xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<20xf32>
// CHECK: transformer.linear %{{.*}}, %{{.*}} bias %[[B]]
// CHECK-NOT: transformer.linear
func.func @biases_are_joined_too(%x: tensor<?x7xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %slot: index) -> (tensor<?x12xf32>, !kv) {
  %wq = transformer.weight ["q"] : tensor<12x7xf32>
  %wk = transformer.weight ["k"] : tensor<4x7xf32>
  %wv = transformer.weight ["v"] : tensor<4x7xf32>
  %bq = transformer.weight ["qb"] : tensor<12xf32>
  %bk = transformer.weight ["kb"] : tensor<4xf32>
  %bv = transformer.weight ["vb"] : tensor<4xf32>
  %q = transformer.linear %x, %wq bias %bq : (tensor<?x7xf32>, tensor<12x7xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  %k = transformer.linear %x, %wk bias %bk : (tensor<?x7xf32>, tensor<4x7xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %v = transformer.linear %x, %wv bias %bv : (tensor<?x7xf32>, tensor<4x7xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %kv1 = transformer.cache_update %kv[%slot], %k, %v at %p of %s : (!kv, index, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  %o = transformer.attention %q cache %kv1[%slot] at %p of %s heads 3 kv_heads 1 head_dim 4 scale 0.5 causal
    : (tensor<?x12xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %o, %kv1 : tensor<?x12xf32>, !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 4, f32>

// CHECK-LABEL: func.func @not_fused_when_inputs_differ
// CHECK-COUNT-3: transformer.linear
// CHECK-NOT: transformer.split
// MISSED: queries, keys and values not fused: they read different inputs
func.func @not_fused_when_inputs_differ(%x: tensor<?x7xf32>, %y: tensor<?x7xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %slot: index)
    -> (tensor<?x12xf32>, !kv) {
  %wq = transformer.weight ["q"] : tensor<12x7xf32>
  %wk = transformer.weight ["k"] : tensor<4x7xf32>
  %wv = transformer.weight ["v"] : tensor<4x7xf32>
  %q = transformer.linear %x, %wq : (tensor<?x7xf32>, tensor<12x7xf32>) -> tensor<?x12xf32>
  %k = transformer.linear %y, %wk : (tensor<?x7xf32>, tensor<4x7xf32>) -> tensor<?x4xf32>
  %v = transformer.linear %y, %wv : (tensor<?x7xf32>, tensor<4x7xf32>) -> tensor<?x4xf32>
  %kv1 = transformer.cache_update %kv[%slot], %k, %v at %p of %s : (!kv, index, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  %o = transformer.attention %q cache %kv1[%slot] at %p of %s heads 3 kv_heads 1 head_dim 4 scale 0.5 causal
    : (tensor<?x12xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %o, %kv1 : tensor<?x12xf32>, !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 4, f32>

// CHECK-LABEL: func.func @not_fused_when_types_differ
// CHECK-COUNT-3: transformer.linear
// MISSED: queries, keys and values not fused: their weights have different element types
func.func @not_fused_when_types_differ(%x: tensor<?x7xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %slot: index) -> (tensor<?x12xf32>, !kv) {
  %wq = transformer.weight ["q"] : tensor<12x7xbf16>
  %wk = transformer.weight ["k"] : tensor<4x7xf32>
  %wv = transformer.weight ["v"] : tensor<4x7xf32>
  %q = transformer.linear %x, %wq : (tensor<?x7xf32>, tensor<12x7xbf16>) -> tensor<?x12xf32>
  %k = transformer.linear %x, %wk : (tensor<?x7xf32>, tensor<4x7xf32>) -> tensor<?x4xf32>
  %v = transformer.linear %x, %wv : (tensor<?x7xf32>, tensor<4x7xf32>) -> tensor<?x4xf32>
  %kv1 = transformer.cache_update %kv[%slot], %k, %v at %p of %s : (!kv, index, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  %o = transformer.attention %q cache %kv1[%slot] at %p of %s heads 3 kv_heads 1 head_dim 4 scale 0.5 causal
    : (tensor<?x12xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %o, %kv1 : tensor<?x12xf32>, !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 4, f32>

// CHECK-LABEL: func.func @not_fused_when_only_one_has_a_bias
// CHECK-COUNT-3: transformer.linear
// MISSED: queries, keys and values not fused: only some of them have a bias
func.func @not_fused_when_only_one_has_a_bias(%x: tensor<?x7xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %slot: index) -> (tensor<?x12xf32>, !kv) {
  %wq = transformer.weight ["q"] : tensor<12x7xf32>
  %bq = transformer.weight ["qb"] : tensor<12xf32>
  %wk = transformer.weight ["k"] : tensor<4x7xf32>
  %wv = transformer.weight ["v"] : tensor<4x7xf32>
  %q = transformer.linear %x, %wq bias %bq : (tensor<?x7xf32>, tensor<12x7xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  %k = transformer.linear %x, %wk : (tensor<?x7xf32>, tensor<4x7xf32>) -> tensor<?x4xf32>
  %v = transformer.linear %x, %wv : (tensor<?x7xf32>, tensor<4x7xf32>) -> tensor<?x4xf32>
  %kv1 = transformer.cache_update %kv[%slot], %k, %v at %p of %s : (!kv, index, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  %o = transformer.attention %q cache %kv1[%slot] at %p of %s heads 3 kv_heads 1 head_dim 4 scale 0.5 causal
    : (tensor<?x12xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %o, %kv1 : tensor<?x12xf32>, !kv
}
