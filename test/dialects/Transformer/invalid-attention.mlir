// Attention: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.attention (C1)
func.func @f(%q: tensor<?x24xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected keys from a cache with its slot, or given keys and values}}
  %o = transformer.attention %q at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C1)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<?x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected keys from a cache with its slot, or given keys and values}}
  %o = transformer.attention %q keys %k at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C1)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %k: tensor<?x12xf32>, %v: tensor<?x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected keys from a cache with its slot, or given keys and values}}
  %o = transformer.attention %q cache %kv[%s] keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !kv, index, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C2)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{'kv_heads' is 3, expected a divisor of 4 heads}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 3 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C2)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{has a count of 100000000 among its heads and widths, expected at most 2^24}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 100000000 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C3)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{number of columns of the query is 24, expected 30}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 5 kv_heads 5 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x30xf32>
  return
}

// -----

// transformer.attention (C4)
!other = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, value_dim = 4, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !other, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected a kv_cache of 2 heads with keys of 6 and values of 6}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !other, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C4)
!other = !transformer.state<recurrent, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !other, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected a kv_cache of 2 heads with keys of 6 and values of 6}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !other, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C5)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<?x11xf32>, %v: tensor<?x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{number of columns of keys is 11, expected 12}}
  %o = transformer.attention %q keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<?x11xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C5)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<?x12xf32>, %v: tensor<?x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{number of columns of values is 12, expected 10}}
  %o = transformer.attention %q keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 value_dim 5 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x20xf32>
  return
}

// -----

// transformer.attention (C5)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<3x12xf32>, %v: tensor<5x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{number of rows of values is 5, expected 3 as in keys}}
  %o = transformer.attention %q keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<3x12xf32>, tensor<5x12xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C6)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<?x12xf32>, %v: tensor<?x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected 'key_at' and 'key_of' together, with given keys}}
  %o = transformer.attention %q keys %k values %v at %p of %n key_at %p heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C6)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{expected 'key_at' and 'key_of' together, with given keys}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n key_at %p key_of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C6)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<3x12xf32>, %v: tensor<3x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>, %r: tensor<7xi32>) {
  // expected-error@below {{number of key positions is 7, expected 3 as in keys}}
  %o = transformer.attention %q keys %k values %v at %p of %n key_at %r key_of %r heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<?x24xf32>, tensor<3x12xf32>, tensor<3x12xf32>, tensor<?xi32>, tensor<?xi32>, tensor<7xi32>, tensor<7xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C6)
func.func @f(%q: tensor<5x24xf32>, %k: tensor<3x12xf32>, %v: tensor<3x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{number of keys without positions is 3, expected 5 as in the query}}
  %o = transformer.attention %q keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<5x24xf32>, tensor<3x12xf32>, tensor<3x12xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<5x24xf32>
  return
}

// -----

// transformer.attention (C7)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<5x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<7xi32>) {
  // expected-error@below {{number of sequences is 7, expected 5 as in the query}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal
    : (tensor<5x24xf32>, !kv, index, tensor<?xi32>, tensor<7xi32>) -> tensor<5x24xf32>
  return
}

// -----

// transformer.attention (C8)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{reads a cache without 'causal' and without lengths, expected one of them}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C9)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{'window' is 0, expected at least 1}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal window 0
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C9)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{'window_after' is -1, expected at least 1}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal window_after -1
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C9)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{has both 'window' and 'window_size', expected one of them}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal window 5 window_size %s
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, index) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C10)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, window = 7, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{reads a cache of a window of 7, expected 'causal' and a window at most as large}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal window 8
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C10)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, window = 7, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{reads a cache of a window of 7, expected 'causal' and a window at most as large}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n lengths %p heads 4 kv_heads 2 head_dim 6 scale 0.5 window 5
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C11)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{'scale' is NaN, expected a finite number}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0x7ff8000000000000 causal
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C11)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{'soft_cap' is 0, expected a finite number greater than 0}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal soft_cap 0.0
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C12)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>) {
  // expected-error@below {{number of alibi slopes is 3, expected 4}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal alibi [0.5, 0.25, 0.125]
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C13)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<32x4xf32>) {
  // expected-error@below {{expected 'relative' and 'max_distance' together}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal relative %t
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<32x4xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C13)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<1x4xf32>) {
  // expected-error@below {{has 1 relative buckets, expected at least 2}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal relative %t max_distance 128
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<1x4xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C13)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<?x12xf32>, %v: tensor<?x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<7x4xf32>) {
  // expected-error@below {{has 7 relative buckets, expected an even number of at least 4}}
  %o = transformer.attention %q keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 relative %t max_distance 128
    : (tensor<?x24xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<?xi32>, tensor<?xi32>, tensor<7x4xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C13)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<32x5xf32>) {
  // expected-error@below {{number of heads of the relative bias is 5, expected 4}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal relative %t max_distance 128
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<32x5xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C13)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<32x4xf32>) {
  // expected-error@below {{'max_distance' is 16, expected more than 16}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal relative %t max_distance 16
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<32x4xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C14)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<3xf32>) {
  // expected-error@below {{sinks has shape [3], expected [4]}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal sinks %t
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<3xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C15)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<5x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<7x?xi1>) {
  // expected-error@below {{mask is 'tensor<7x?xi1>', expected a row for each query and a column for each key}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal mask %t
    : (tensor<5x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<7x?xi1>) -> tensor<5x24xf32>
  return
}

// -----

// transformer.attention (C15)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%q: tensor<?x24xf32>, %kv: !kv, %s: index, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<3x?x?xf32>) {
  // expected-error@below {{bias is 'tensor<3x?x?xf32>', expected a row for each query and a column for each key}}
  %o = transformer.attention %q cache %kv[%s] at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 causal bias %t
    : (tensor<?x24xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<3x?x?xf32>) -> tensor<?x24xf32>
  return
}

// -----

// transformer.attention (C15)
func.func @f(%q: tensor<?x24xf32>, %k: tensor<5x12xf32>, %v: tensor<5x12xf32>, %p: tensor<?xi32>, %n: tensor<?xi32>, %t: tensor<?x7xi1>) {
  // expected-error@below {{mask is 'tensor<?x7xi1>', expected a row for each query and a column for each key}}
  %o = transformer.attention %q keys %k values %v at %p of %n heads 4 kv_heads 2 head_dim 6 scale 0.5 mask %t
    : (tensor<?x24xf32>, tensor<5x12xf32>, tensor<5x12xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?x7xi1>) -> tensor<?x24xf32>
  return
}
