// cache_update and attention: every constraint is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @keys_width(%kv: !kv, %slot: index, %k: tensor<?x22xf32>, %v: tensor<?x21xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{k has 22 columns, expected 21}}
  %0 = kernel.cache_update %kv[%slot], %k, %v, %p, %p {page = #page}
    : (!kv, index, tensor<?x22xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @values_width(%kv: !kv, %slot: index, %k: tensor<?x21xf32>, %v: tensor<?x22xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{v has 22 columns, expected 21}}
  %0 = kernel.cache_update %kv[%slot], %k, %v, %p, %p {page = #page}
    : (!kv, index, tensor<?x21xf32>, tensor<?x22xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 96, slots = 5, heads = 3, head_dim = 7, f32>
func.func @page_of_half_a_chunk(%kv: !kv, %slot: index, %k: tensor<?x21xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{a page holds a multiple of 64 tokens, found 96}}
  %0 = kernel.cache_update %kv[%slot], %k, %k, %p, %p {page = #page}
    : (!kv, index, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 32, !transformer.block<q8, group = 16>>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 32, !transformer.block<q8, group = 16>>
func.func @page_of_small_groups(%kv: !kv, %slot: index, %k: tensor<?x96xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{a page holds f32, f16, bf16 or q8 in groups of a head, found '!transformer.block<q8, group = 16>'}}
  %0 = kernel.cache_update %kv[%slot], %k, %k, %p, %p {page = #page}
    : (!kv, index, tensor<?x96xf32>, tensor<?x96xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 4, heads = 3, head_dim = 7, f32>
func.func @page_of_another_state(%kv: !kv, %slot: index, %k: tensor<?x21xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{page #kernel.page<tokens = 64, slots = 4, heads = 3, head_dim = 7, f32> is not one of '!transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>'}}
  %0 = kernel.cache_update %kv[%slot], %k, %k, %p, %p {page = #page}
    : (!kv, index, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @two_states(%kv: !kv, %slot: index, %k: tensor<?x21xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{has one result (tensor form) or none (buffer form), found 2}}
  %0:2 = kernel.cache_update %kv[%slot], %k, %k, %p, %p {page = #page}
    : (!kv, index, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> (!kv, !kv)
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_output_width(%kv: !kv, %slot: index, %q: tensor<?x42xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{output has 21 columns, expected 42}}
  %0 = kernel.attention %q, %kv[%slot], %p, %p {num_heads = 6 : i64, scale = 1.0 : f32, page = #page}
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x21xf32>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_heads(%kv: !kv, %slot: index, %q: tensor<?x35xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{num_heads = 5 is not a multiple of the cache's 3 heads}}
  %0 = kernel.attention %q, %kv[%slot], %p, %p {num_heads = 5 : i64, scale = 1.0 : f32, page = #page}
    : (tensor<?x35xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x35xf32>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 0, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_page(%kv: !kv, %slot: index, %q: tensor<?x42xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{a page holds a multiple of 64 tokens, found 0}}
  %0 = kernel.attention %q, %kv[%slot], %p, %p {num_heads = 6 : i64, scale = 1.0 : f32, page = #page}
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_window(%kv: !kv, %slot: index, %q: tensor<?x42xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{window is not negative, found -1}}
  %0 = kernel.attention %q, %kv[%slot], %p, %p {num_heads = 6 : i64, scale = 1.0 : f32, window = -1 : i64, page = #page}
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x42xf32>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_query_width(%kv: !kv, %slot: index, %q: tensor<?x21xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{q has 21 columns, expected 42}}
  %0 = kernel.attention %q, %kv[%slot], %p, %p {num_heads = 6 : i64, scale = 1.0 : f32, page = #page}
    : (tensor<?x21xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x21xf32>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_scratch_width(%kv: !kv, %slot: index, %q: memref<?x42xf32>, %own: memref<?x12481xf32>, %p: memref<?xi32>) {
  // expected-error @+1 {{scratch has 12481 columns, expected 12480}}
  kernel.attention %q, %kv[%slot], %p, %p scratch(%own) outs(%q) {num_heads = 6 : i64, scale = 1.0 : f32, page = #page}
    : (memref<?x42xf32>, !kv, index, memref<?xi32>, memref<?xi32>, memref<?x12481xf32>, memref<?x42xf32>) -> ()
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 5, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 5, heads = 3, head_dim = 7, f32>
func.func @attention_scratch_form(%kv: !kv, %slot: index, %q: tensor<?x42xf32>, %own: memref<?x12480xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{scratch is one buffer, in the buffer form}}
  %0 = kernel.attention %q, %kv[%slot], %p, %p scratch(%own) {num_heads = 6 : i64, scale = 1.0 : f32, page = #page}
    : (tensor<?x42xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, memref<?x12480xf32>) -> tensor<?x42xf32>
  return
}
