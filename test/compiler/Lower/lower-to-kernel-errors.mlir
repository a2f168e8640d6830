// Every feature that no kernel has is an error at the op that asks for it.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics --llmc-lower-to-kernel

func.func @norm_without_weight(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.rms_norm' op has no lowering for a norm without weight}}
  %y = transformer.rms_norm %x epsilon 0.0 : (tensor<?x13xf32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @layer_norm_without_weight(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.layer_norm' op has no lowering for a norm without weight}}
  %y = transformer.layer_norm %x epsilon 0.0 : (tensor<?x13xf32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @concat(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.concat' op has no lowering}}
  %y = transformer.concat %x, %x : (tensor<?x13xf32>, tensor<?x13xf32>) -> tensor<?x26xf32>
  return
}

// -----

func.func @gated_linear_with_limit(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  %w = transformer.weight ["w"] : tensor<17x13xf32>
  // expected-error @+1 {{'transformer.gated_linear' op has no lowering for a gate with limit or offset}}
  %y = transformer.gated_linear silu %x, %w, %w limit 7.0
    : (tensor<?x13xf32>, tensor<17x13xf32>, tensor<17x13xf32>) -> tensor<?x17xf32>
  return
}

// -----

func.func @gated_with_offset(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.gated' op has no lowering for a gate with limit or offset}}
  %y = transformer.gated silu %x, %x up_offset 1.0 : tensor<?x13xf32>
  return
}

// -----

func.func @factor_for_each_token(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>},
    %c: tensor<?x1xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.mul' op has no lowering for one factor for each token}}
  %y = transformer.mul %x, %c : tensor<?x13xf32>, tensor<?x1xf32>
  return
}

// -----

func.func @frequencies_made_within_a_layer(
    %x: tensor<?x14xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>}) attributes {transformer.entry} {
  %y = transformer.layers classes [0, 0] slots [-1, -1] iter (%x) : tensor<?x14xf32> {
  ^bb0(%slot: index, %h: tensor<?x14xf32>):
    %f = transformer.weight ["f", "g"] : tensor<1x6xf32>
    %g = transformer.weight.slice %f offsets [0, 0] sizes [1, 3] : (tensor<1x6xf32>) -> tensor<1x3xf32>
    // expected-error @+1 {{'transformer.rope' op has no lowering for frequencies made within a layer}}
    %r = transformer.rope half %h at %p by %g head_dim 7 rotary_dim 6
      : (tensor<?x14xf32>, tensor<?xi32>, tensor<1x3xf32>) -> tensor<?x14xf32>
    transformer.yield %r : tensor<?x14xf32>
  }
  return
}

// -----

func.func @tables_of_layers(
    %x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.layers' op has no lowering for tables of facts that differ from layer to layer}}
  %y = transformer.layers classes [0, 0] slots [-1, -1] tables [array<i64: 3, 5>] iter (%x) : tensor<?x13xf32> {
  ^bb0(%slot: index, %fact: index, %h: tensor<?x13xf32>):
    transformer.yield %h : tensor<?x13xf32>
  }
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 24, value_dim = 16, latent, f32>
func.func @latent_cache(
    %k: tensor<?x24xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.cache_update' op has no lowering for a state other than a full key-value cache with values as wide as keys}}
  %kv1 = transformer.cache_update %kv[%slot], %k at %p of %s
    : (!kv, index, tensor<?x24xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return %kv1 : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 32, !transformer.block<q8, group = 16>>
func.func @cache_of_small_groups(
    %k: tensor<?x96xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.cache_update' op has no lowering for a cache of !transformer.block<q8, group = 16>}}
  %kv1 = transformer.cache_update %kv[%slot], %k, %k at %p of %s
    : (!kv, index, tensor<?x96xf32>, tensor<?x96xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return %kv1 : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @given_keys(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %k: tensor<?x21xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  // expected-error @+1 {{'transformer.attention' op has no lowering for given keys and values}}
  %o = transformer.attention %q keys %k values %k at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    
    : (tensor<?x42xf32>, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @lengths(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %lengths: tensor<?xi32> {transformer.role = #transformer.role<lengths>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for attention that is not causal}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s lengths %lengths heads 6 kv_heads 3 head_dim 7 scale 0.375
    
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @lengths_and_causal(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %lengths: tensor<?xi32> {transformer.role = #transformer.role<lengths>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for attention that is not causal}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s lengths %lengths heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @window_after(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for attention that is not causal}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    window_after 3
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @mask(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %mask: tensor<?x?xi1> {transformer.role = #transformer.role<input>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for masks, biases, ALiBi or sinks}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    mask %mask
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi1>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @bias(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %bias: tensor<?x?xf32> {transformer.role = #transformer.role<input>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for masks, biases, ALiBi or sinks}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    bias %bias
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?x?xf32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @alibi(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for masks, biases, ALiBi or sinks}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    alibi [0.5, 0.25, 0.125, 0.5, 0.25, 0.125]
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @relative_bias(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %table: tensor<32x6xf32> {transformer.role = #transformer.role<input>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for masks, biases, ALiBi or sinks}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    relative %table max_distance 128
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<32x6xf32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @sinks(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %sinks: tensor<6xf32> {transformer.role = #transformer.role<input>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for masks, biases, ALiBi or sinks}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    sinks %sinks
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<6xf32>) -> tensor<?x42xf32>
  return %kv : !kv
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
func.func @window_of_the_layer(
    %q: tensor<?x42xf32> {transformer.role = #transformer.role<input>},
    %p: tensor<?xi32> {transformer.role = #transformer.role<positions>},
    %s: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
    %kv: !kv {transformer.role = #transformer.role<state>})
    -> (!kv {transformer.role = #transformer.role<state>})
    attributes {transformer.entry} {
  %slot = arith.constant 1 : index
  %window = arith.constant 19 : index
  // expected-error @+1 {{'transformer.attention' op has no lowering for a window that differs within a layer class}}
  %o = transformer.attention %q cache %kv[%slot] at %p of %s heads 6 kv_heads 3 head_dim 7 scale 0.375 causal
    window_size %window
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, index) -> tensor<?x42xf32>
  return %kv : !kv
}
