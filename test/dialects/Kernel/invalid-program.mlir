// Packed types, weights, layers and programs: every constraint is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{a packed weight needs n and k of at least 1, found 0 and 13}}
func.func private @no_rows(!kernel.packed<panels, 0, 13, 1, f32>)

// -----

// expected-error @+1 {{a packed weight has 1 to 4 streams, found 5}}
func.func private @streams(!kernel.packed<panels, 17, 13, 5, f32>)

// -----

// expected-error @+1 {{a table holds one stream of f32}}
func.func private @table_of_bf16(!kernel.packed<table, 17, 13, 1, bf16>)

// -----

// expected-error @+1 {{a packed weight's element type is f32, f16 or bf16, found 'i8'}}
func.func private @integers(!kernel.packed<panels, 17, 13, 1, i8>)

// -----

func.func @pack_streams(%w: tensor<17x13xf32>) {
  // expected-error @+1 {{packs 1 weights into 2 streams}}
  %p = kernel.pack %w : (tensor<17x13xf32>) -> !kernel.packed<panels, 17, 13, 2, f32>
  return
}

// -----

func.func @pack_shape(%w: tensor<17x13xf32>) {
  // expected-error @+1 {{packs 'tensor<17x13xf32>' into '!kernel.packed<panels, 13, 17, 1, f32>'}}
  %p = kernel.pack %w : (tensor<17x13xf32>) -> !kernel.packed<panels, 13, 17, 1, f32>
  return
}

// -----

func.func @pack_rank(%w: tensor<1x17x13xf32>) {
  // expected-error @+1 {{packs 'tensor<1x17x13xf32>' into}}
  %p = kernel.pack %w : (tensor<1x17x13xf32>) -> !kernel.packed<panels, 17, 13, 1, f32>
  return
}

// -----

// expected-error @+1 {{has at least one copy, found 0}}
kernel.weight @w copies 0 at -1 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
  %w = transformer.weight ["a"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}

// -----

// expected-error @+1 {{lies at multiples of 64 bytes, found offset 32 and stride 0}}
kernel.weight @w copies 1 at 32 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
  %w = transformer.weight ["a"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}

// -----

// expected-error @+1 {{recipe yields one '!kernel.packed<table, 1, 7, 1, f32>'}}
kernel.weight @w copies 1 at 0 stride 0 : !kernel.packed<table, 1, 7, 1, f32> {
  %w = transformer.weight ["a"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}

// -----

func.func @no_such_weight() {
  // expected-error @+1 {{names no kernel.weight 'w'}}
  %w = kernel.get_weight @w : <table, 1, 5, 1, f32>
  return
}

// -----

kernel.weight @w copies 1 at 0 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
  %w = transformer.weight ["a"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}
func.func @weight_of_another_type() {
  // expected-error @+1 {{has type '!kernel.packed<table, 1, 7, 1, f32>', but the weight has '!kernel.packed<table, 1, 5, 1, f32>'}}
  %w = kernel.get_weight @w : <table, 1, 7, 1, f32>
  return
}

// -----

kernel.weight @w copies 2 at 0 stride 64 : !kernel.packed<table, 1, 5, 1, f32> {
  %w = transformer.weight ["a", "b"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}
func.func @which_copy() {
  // expected-error @+1 {{names a weight of 2 copies and does not say which}}
  %w = kernel.get_weight @w : <table, 1, 5, 1, f32>
  return
}

// -----

func.func @slot_for_each_layer(%x: tensor<?x11xf32>) {
  // expected-error @+1 {{lists one class and one slot per layer, found 2 and 1}}
  %y = kernel.layers classes [0, 0] slots [0] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x11xf32>):
    kernel.yield %h : tensor<?x11xf32>
  } -> (tensor<?x11xf32>)
  return
}

// -----

func.func @class_without_body(%x: tensor<?x11xf32>) {
  // expected-error @+1 {{class 1 has no body; there are 1}}
  %y = kernel.layers classes [0, 1] slots [0, 1] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x11xf32>):
    kernel.yield %h : tensor<?x11xf32>
  } -> (tensor<?x11xf32>)
  return
}

// -----

func.func @body_arguments(%x: tensor<?x11xf32>) {
  // expected-error @+1 {{body takes slot, member and 1 carried values}}
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %h: tensor<?x11xf32>):
    kernel.yield %h : tensor<?x11xf32>
  } -> (tensor<?x11xf32>)
  return
}

// -----

func.func @body_argument_types(%x: tensor<?x11xf32>) {
  // expected-error @+1 {{body takes the carried values' types}}
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    kernel.yield %x : tensor<?x11xf32>
  } -> (tensor<?x11xf32>)
  return
}

// -----

func.func @body_yields(%x: tensor<?x11xf32>) {
  // expected-error @+1 {{body yields the carried values' types}}
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x11xf32>):
    kernel.yield
  } -> (tensor<?x11xf32>)
  return
}

// -----

func.func @results(%x: tensor<?x11xf32>) {
  // expected-error @+1 {{results have the carried values' types}}
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x11xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x11xf32>):
    kernel.yield %h : tensor<?x11xf32>
  } -> (tensor<?x13xf32>)
  return
}

// -----

// expected-error @+1 {{slot_sizes count 1 sizes, slots list 2}}
kernel.program @step inputs 0 outputs 0 roles [] slots [64, 0, 64, 1] slot_sizes [1] {
  kernel.yield
}

// -----

// expected-error @+1 {{a slot has no fewer than 0 sizes, found -1}}
kernel.program @step inputs 0 outputs 0 roles [] slots [] slot_sizes [1, -1] {
  kernel.yield
}

// -----

// expected-error @+1 {{a slot's size is bytes in 64s and a kind of rows, found 96 and 0}}
kernel.program @step inputs 0 outputs 0 roles [] slots [96, 0] slot_sizes [1] {
  kernel.yield
}

// -----

// expected-error @+1 {{a slot's size is bytes in 64s and a kind of rows, found 64 and 3}}
kernel.program @step inputs 0 outputs 0 roles [] slots [64, 3] slot_sizes [1] {
  kernel.yield
}

// -----

// expected-error @+1 {{has 0 roles for 1 arguments}}
kernel.program @step inputs 1 outputs 0 roles [] slots [] slot_sizes [] {
^bb0(%ids: memref<?xi32>):
  kernel.yield
}

// -----

// expected-error @+1 {{has 1 arguments, fewer than inputs and outputs}}
kernel.program @step inputs 1 outputs 1 roles [#transformer.role<tokens>] slots [] slot_sizes [] {
^bb0(%ids: memref<?xi32>):
  kernel.yield
}

// -----

// expected-error @+1 {{role of argument 0 is a #transformer.role, found "tokens"}}
kernel.program @step inputs 1 outputs 0 roles ["tokens"] slots [] slot_sizes [] {
^bb0(%ids: memref<?xi32>):
  kernel.yield
}

// -----

// expected-error @+1 {{argument 0 is an input, a memref<?xi32>, found 'memref<?x16xf32>'}}
kernel.program @step inputs 1 outputs 0 roles [#transformer.role<input>] slots [] slot_sizes [] {
^bb0(%x: memref<?x16xf32>):
  kernel.yield
}

// -----

// expected-error @+1 {{argument 0 is an output, f32 rows of a padded stride, found 'memref<?x13xf32>'}}
kernel.program @step inputs 0 outputs 1 roles [#transformer.role<output>] slots [] slot_sizes [] {
^bb0(%x: memref<?x13xf32>):
  kernel.yield
}

// -----

// expected-error @+1 {{argument 0 is a state, found 'memref<?xi32>'}}
kernel.program @step inputs 0 outputs 0 roles [#transformer.role<state>] slots [] slot_sizes [] {
^bb0(%x: memref<?xi32>):
  kernel.yield
}

// -----

kernel.program @step inputs 0 outputs 1 roles [#transformer.role<output>] slots [] slot_sizes [] {
^bb0(%x: memref<?x13xf32, strided<[16, 1]>>):
  // expected-error @+1 {{hands nothing on in a program, found 1 values}}
  kernel.yield %x : memref<?x13xf32, strided<[16, 1]>>
}

// -----

kernel.program @step inputs 0 outputs 0 roles [] slots [] slot_sizes [] {
  // expected-error @+1 {{'arith.constant' op is nothing that a program runs}}
  %c = arith.constant 1 : index
  kernel.yield
}

// -----

kernel.program @step inputs 0 outputs 0 roles [] slots [] slot_sizes [] {
  kernel.layers classes [0] slots [0] {
  ^bb0(%slot: index, %member: index):
    // expected-error @+1 {{'transformer.weight' op is nothing that a program runs}}
    %w = transformer.weight ["a"] : tensor<5xf32>
    kernel.yield
  }
  kernel.yield
}

// -----

kernel.program @step inputs 1 outputs 0 roles [#transformer.role<tokens>] slots [] slot_sizes [] {
^bb0(%ids: memref<?xi32>):
  %w = kernel.get_weight @w : <panels, 53, 13, 1, f32>
  // expected-error @+1 {{stands in a program in tensor form}}
  %x = kernel.embed %ids, %w : (memref<?xi32>, !kernel.packed<panels, 53, 13, 1, f32>) -> tensor<?x13xf32>
  kernel.yield
}
kernel.weight @w copies 1 at 0 stride 0 : !kernel.packed<panels, 53, 13, 1, f32> {
  %w = transformer.weight ["a"] : tensor<53x13xf32>
  %p = kernel.pack %w : (tensor<53x13xf32>) -> !kernel.packed<panels, 53, 13, 1, f32>
  kernel.yield %p : !kernel.packed<panels, 53, 13, 1, f32>
}

// -----

kernel.program @step inputs 0 outputs 0 roles [] slots [64, 0] slot_sizes [1] {
  // expected-error @+1 {{needs the padded row stride 16, found 24}}
  %x = kernel.buffer 0 tokens : memref<?x13xf32, strided<[24, 1]>>
  kernel.yield
}

// -----

// Rows 4096 bytes apart would share one set of a first-level cache.
kernel.program @step inputs 0 outputs 0 roles [] slots [4160, 0] slot_sizes [1] {
  // expected-error @+1 {{needs the padded row stride 1040, found 1024}}
  %x = kernel.buffer 0 tokens : memref<?x1024xf32, strided<[1024, 1]>>
  kernel.yield
}

// -----

kernel.program @step inputs 0 outputs 0 roles [] slots [64, 0] slot_sizes [1] {
  // expected-error @+1 {{slot 1 is not one of the program's}}
  %x = kernel.buffer 1 tokens : memref<?x13xf32, strided<[16, 1]>>
  kernel.yield
}

// -----

func.func @outside_a_program() {
  // expected-error @+1 {{slot 0 is not one of the program's}}
  %x = kernel.buffer 0 tokens : memref<?x13xf32, strided<[16, 1]>>
  return
}

// -----

!kv = !transformer.state<kv_cache, slots = 2, heads = 3, head_dim = 7, f32>
#page = #kernel.page<tokens = 64, slots = 2, heads = 3, head_dim = 7, f32>
func.func @layer_slot(%kv: !kv, %k: tensor<?x21xf32>, %p: tensor<?xi32>) -> !kv {
  %0 = kernel.layers classes [0, 0] slots [0, 2] iter(%kv : !kv) {
  ^bb0(%slot: index, %member: index, %carried: !kv):
    // expected-error @+1 {{runs for slot 2, its page has 2}}
    %1 = kernel.cache_update %carried[%slot], %k, %k, %p, %p {page = #page}
      : (!kv, index, tensor<?x21xf32>, tensor<?x21xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    kernel.yield %1 : !kv
  } -> (!kv)
  return %0 : !kv
}

// -----

kernel.program @room inputs 0 outputs 0 roles [] slots [256, 1, 192, 0] slot_sizes [1, 1] {
  %fits = kernel.buffer 0 rows : memref<?x60xf32, strided<[64, 1]>>
  // expected-error @+1 {{has rows of 256 bytes, slot 1 has no room for so many}}
  %x = kernel.buffer 1 tokens : memref<?x60xf32, strided<[64, 1]>>
  kernel.yield
}

// -----

kernel.program @other_rows inputs 0 outputs 0 roles [] slots [256, 1] slot_sizes [1] {
  // expected-error @+1 {{has rows of 256 bytes, slot 0 has no room for so many}}
  %x = kernel.buffer 0 tokens : memref<?x60xf32, strided<[64, 1]>>
  kernel.yield
}

// -----

func.func @wanted_rows_outside(%rows: tensor<?xi32>) {
  // expected-error @+1 {{expects parent op 'kernel.layers'}}
  kernel.wanted_rows %rows : tensor<?xi32>
  return
}

// -----

func.func @wanted_rows_before_a_pick(%x: tensor<?x13xf32>, %rows: tensor<?xi32>) -> tensor<?x13xf32> {
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x13xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    // expected-error @+1 {{stands before 'kernel.gather_rows', which does not work row by row (C1)}}
    kernel.wanted_rows %rows : tensor<?xi32>
    %g = kernel.gather_rows %h, %rows : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
    kernel.yield %g : tensor<?x13xf32>
  } -> (tensor<?x13xf32>)
  return %y : tensor<?x13xf32>
}
