// Ops that update a state, and its linearity: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.cache_update (C1)
!s = !transformer.state<recurrent, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{state is a recurrent, expected a kv_cache}}
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  return
}

// -----

// transformer.cache_update (C2)
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x11xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of columns of keys is 11, expected 12}}
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x11xf32>, tensor<?x11xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  return
}

// -----

// transformer.cache_update (C3)
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{has no values, expected them}}
  %1 = transformer.cache_update %s[%i], %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  return
}

// -----

// transformer.cache_update (C3)
!s = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 6, latent, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x6xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{has values for a latent cache, expected none}}
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x6xf32>, tensor<?x6xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  return
}

// -----

// transformer.cache_update (C3)
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of columns of values is 12, expected 10}}
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  return
}

// -----

// transformer.cache_update (C4)
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s, %i: index, %k: tensor<5x12xf32>, %p: tensor<7xi32>) {
  // expected-error@below {{number of positions is 7, expected 5 as in keys}}
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<5x12xf32>, tensor<5x12xf32>, tensor<7xi32>, tensor<7xi32>) -> !s
  return
}

// -----

// transformer.cache_update (C5): consumed twice.
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x12xf32>, %p: tensor<?xi32>) -> (!s, !s) {
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  // expected-note@below {{another consumer is here}}
  %2 = transformer.cache_update %1[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  // expected-error@below {{consumes a state that is consumed already}}
  %3 = transformer.cache_update %1[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  return %2, %3 : !s, !s
}

// -----

// transformer.cache_update (C5): read after it was consumed.
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s, %i: index, %k: tensor<?x12xf32>, %p: tensor<?xi32>) -> !s {
  %1 = transformer.cache_update %s[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  // expected-note@below {{it is consumed here}}
  %2 = transformer.cache_update %1[%i], %k, %k at %p of %p
    : (!s, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> !s
  // expected-error@below {{reads a state after it was consumed}}
  %o = transformer.attention %k cache %1[%i] at %p of %p heads 2 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x12xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %2 : !s
}

// -----

// The states of an entry are linear too.
!s = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%s: !s {transformer.role = #transformer.role<state>}, %t: !s {transformer.role = #transformer.role<state>})
    -> (!s, !s) attributes {transformer.entry} {
  // expected-error@below {{consumes a state that is consumed already}}
  // expected-note@below {{another consumer is here}}
  return %s, %s : !s, !s
}

// -----

// transformer.convolution (C1)
!s = !transformer.state<convolution, slots = 2, channels = 7, taps = 3, f32>
func.func @f(%s: !s, %i: index, %x: tensor<?x5xf32>, %w: tensor<5x4xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{expected a convolution of 5 channels}}
  %y, %1 = transformer.convolution %x, %w state %s[%i] at %p of %p
    : (tensor<?x5xf32>, tensor<5x4xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x5xf32>, !s)
  return
}

// -----

// transformer.convolution (C2)
!s = !transformer.state<convolution, slots = 2, channels = 5, taps = 3, f32>
func.func @f(%s: !s, %i: index, %x: tensor<?x5xf32>, %w: tensor<5x3xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{weight has shape [5, 3], expected [5, 4]}}
  %y, %1 = transformer.convolution %x, %w state %s[%i] at %p of %p
    : (tensor<?x5xf32>, tensor<5x3xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x5xf32>, !s)
  return
}

// -----

// transformer.convolution (C3)
!s = !transformer.state<convolution, slots = 2, channels = 5, taps = 3, f32>
func.func @f(%s: !s, %i: index, %x: tensor<?x5xf32>, %w: tensor<5x4xf32>, %b: tensor<4xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{bias has shape [4], expected [5]}}
  %y, %1 = transformer.convolution %x, %w bias %b state %s[%i] at %p of %p
    : (tensor<?x5xf32>, tensor<5x4xf32>, tensor<4xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x5xf32>, !s)
  return
}

// -----

// transformer.convolution (C4)
!s = !transformer.state<convolution, slots = 2, channels = 5, taps = 3, f32>
func.func @f(%s: !s, %i: index, %x: tensor<2x5xf32>, %w: tensor<5x4xf32>, %p: tensor<3xi32>) {
  // expected-error@below {{number of positions is 3, expected 2 as in the input}}
  %y, %1 = transformer.convolution %x, %w state %s[%i] at %p of %p
    : (tensor<2x5xf32>, tensor<5x4xf32>, !s, index, tensor<3xi32>, tensor<3xi32>) -> (tensor<2x5xf32>, !s)
  return
}

// -----

// transformer.convolution (C5)
!s = !transformer.state<convolution, slots = 2, channels = 5, taps = 3, f32>
func.func @f(%s: !s, %i: index, %x: tensor<?x5xf32>, %w: tensor<5x4xf32>, %p: tensor<?xi32>) -> (!s, !s) {
  %y, %1 = transformer.convolution %x, %w state %s[%i] at %p of %p
    : (tensor<?x5xf32>, tensor<5x4xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x5xf32>, !s)
  // expected-error@below {{consumes a state that is consumed already}}
  // expected-note@below {{another consumer is here}}
  return %1, %1 : !s, !s
}

// -----

// transformer.recurrence (C1)
!s = !transformer.state<convolution, slots = 2, channels = 5, taps = 3, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{state is a convolution, expected recurrent}}
  %y, %1 = transformer.recurrence %q, %q, %v state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C2)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{'key_heads' is 3, expected a divisor of 4 heads}}
  %y, %1 = transformer.recurrence %q, %q, %v state %s[%i] at %p of %p key_heads 3 scale 1.0
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C3)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %k: tensor<?x7xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of columns of the key is 7, expected 6}}
  %y, %1 = transformer.recurrence %q, %k, %v state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<?x6xf32>, tensor<?x7xf32>, tensor<?x20xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C4)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x21xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of columns of the value is 21, expected 20}}
  %y, %1 = transformer.recurrence %q, %q, %v state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x21xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x21xf32>, !s)
  return
}

// -----

// transformer.recurrence (C5)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of columns of the decay is 6, expected 4 or 12}}
  %y, %1 = transformer.recurrence %q, %q, %v decay %q state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, tensor<?x6xf32>, !s, index, tensor<?xi32>, tensor<?xi32>)
    -> (tensor<?x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C5)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of columns of beta is 6, expected 4}}
  %y, %1 = transformer.recurrence %q, %q, %v beta %q state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, tensor<?x6xf32>, !s, index, tensor<?xi32>, tensor<?xi32>)
    -> (tensor<?x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C6)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<2x6xf32>, %v: tensor<3x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{number of rows of the value is 3, expected 2 as in the query}}
  %y, %1 = transformer.recurrence %q, %q, %v state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<2x6xf32>, tensor<2x6xf32>, tensor<3x20xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<3x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C7)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) {
  // expected-error@below {{'scale' is +Inf, expected a finite number}}
  %y, %1 = transformer.recurrence %q, %q, %v state %s[%i] at %p of %p key_heads 2 scale 0x7ff0000000000000
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x20xf32>, !s)
  return
}

// -----

// transformer.recurrence (C8)
!s = !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>
func.func @f(%s: !s, %i: index, %q: tensor<?x6xf32>, %v: tensor<?x20xf32>, %p: tensor<?xi32>) -> (!s, !s) {
  %y, %1 = transformer.recurrence %q, %q, %v state %s[%i] at %p of %p key_heads 2 scale 1.0
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, !s, index, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x20xf32>, !s)
  // expected-error@below {{consumes a state that is consumed already}}
  // expected-note@below {{another consumer is here}}
  return %1, %1 : !s, !s
}
