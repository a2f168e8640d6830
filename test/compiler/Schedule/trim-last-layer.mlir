// RUN: llmc-opt %s -split-input-file --llmc-trim-last-layer | FileCheck %s

!n = !kernel.packed<table, 1, 13, 1, f32>
!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 13, f32>
#page = #kernel.page<tokens = 64, slots = 2, heads = 1, head_dim = 13, f32>
kernel.weight @n copies 2 at -1 stride 0 : !n {
  %w = transformer.weight ["n0", "n1"] : tensor<13xf32>
  %p = kernel.pack %w : (tensor<13xf32>) -> !n
  kernel.yield %p : !n
}
// What follows the last change of a state needs the picked rows alone.
// CHECK-LABEL: @marked_after_the_state
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x13xf32>, %[[P:[^:]*]]: tensor<?xi32>, %[[ROWS:[^:]*]]: tensor<?xi32>
// CHECK: kernel.rms_norm
// CHECK: kernel.cache_update
// CHECK-NEXT: kernel.wanted_rows %[[ROWS]] : tensor<?xi32>
// CHECK-NEXT: kernel.attention
// CHECK-NOT: kernel.wanted_rows
func.func @marked_after_the_state(%x: tensor<?x13xf32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %kv: !kv) -> tensor<?x13xf32> {
  %y:2 = kernel.layers classes [0, 0] slots [0, 1] iter(%x, %kv : tensor<?x13xf32>, !kv) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>, %s: !kv):
    %w = kernel.get_weight @n[%member] : <table, 1, 13, 1, f32>
    %q = kernel.rms_norm %h, %w {epsilon = 0.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
    %t = kernel.cache_update %s[%slot], %q, %q, %p, %p {page = #page}
      : (!kv, index, tensor<?x13xf32>, tensor<?x13xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    %a = kernel.attention %q, %t[%slot], %p, %p {num_heads = 1 : i64, scale = 1.0 : f32, page = #page}
      : (tensor<?x13xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x13xf32>
    %v = kernel.get_weight @n[%member] : <table, 1, 13, 1, f32>
    %z = kernel.rms_norm %a, %v {epsilon = 0.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
    kernel.yield %z, %t : tensor<?x13xf32>, !kv
  } -> (tensor<?x13xf32>, !kv)
  %g = kernel.gather_rows %y#0, %rows : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
  return %g : tensor<?x13xf32>
}

// -----

!n = !kernel.packed<table, 1, 13, 1, f32>
kernel.weight @n copies 1 at -1 stride 0 : !n {
  %w = transformer.weight ["n"] : tensor<13xf32>
  %p = kernel.pack %w : (tensor<13xf32>) -> !n
  kernel.yield %p : !n
}
// Only the class of the last layer is marked, from its first op on where no state changes.
// CHECK-LABEL: @the_last_layers_class
// CHECK: ^bb0
// CHECK-NOT: kernel.wanted_rows
// CHECK: ^bb0
// CHECK-NEXT: kernel.get_weight
// CHECK-NEXT: kernel.wanted_rows
func.func @the_last_layers_class(%x: tensor<?x13xf32>, %rows: tensor<?xi32>) -> tensor<?x13xf32> {
  %y = kernel.layers classes [0, 0, 1] slots [0, 1, 2] iter(%x : tensor<?x13xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    %w = kernel.get_weight @n : <table, 1, 13, 1, f32>
    %z = kernel.rms_norm %h, %w {epsilon = 0.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
    kernel.yield %z : tensor<?x13xf32>
  }, {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    %w = kernel.get_weight @n : <table, 1, 13, 1, f32>
    %z = kernel.rms_norm %h, %w {epsilon = 1.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
    kernel.yield %z : tensor<?x13xf32>
  } -> (tensor<?x13xf32>)
  %g = kernel.gather_rows %y, %rows : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
  return %g : tensor<?x13xf32>
}

// -----

!n = !kernel.packed<table, 1, 13, 1, f32>
kernel.weight @n copies 1 at -1 stride 0 : !n {
  %w = transformer.weight ["n"] : tensor<13xf32>
  %p = kernel.pack %w : (tensor<13xf32>) -> !n
  kernel.yield %p : !n
}
// CHECK-LABEL: @not_when_all_rows_are_read
// CHECK-NOT: kernel.wanted_rows
func.func @not_when_all_rows_are_read(%x: tensor<?x13xf32>, %rows: tensor<?xi32>) -> (tensor<?x13xf32>, tensor<?x13xf32>) {
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x13xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    %w = kernel.get_weight @n : <table, 1, 13, 1, f32>
    %z = kernel.rms_norm %h, %w {epsilon = 0.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
    kernel.yield %z : tensor<?x13xf32>
  } -> (tensor<?x13xf32>)
  %w = kernel.get_weight @n : <table, 1, 13, 1, f32>
  %g = kernel.gather_rows %y, %rows : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
  %all = kernel.rms_norm %y, %w {epsilon = 0.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
  return %g, %all : tensor<?x13xf32>, tensor<?x13xf32>
}

// CHECK-LABEL: @not_when_two_picks_differ
// CHECK-NOT: kernel.wanted_rows
func.func @not_when_two_picks_differ(%x: tensor<?x13xf32>, %rows: tensor<?xi32>, %others: tensor<?xi32>) -> (tensor<?x13xf32>, tensor<?x13xf32>) {
  %y = kernel.layers classes [0] slots [0] iter(%x : tensor<?x13xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    %w = kernel.get_weight @n : <table, 1, 13, 1, f32>
    %z = kernel.rms_norm %h, %w {epsilon = 0.0 : f32} : (tensor<?x13xf32>, !n) -> tensor<?x13xf32>
    kernel.yield %z : tensor<?x13xf32>
  } -> (tensor<?x13xf32>)
  %g = kernel.gather_rows %y, %rows : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
  %o = kernel.gather_rows %y, %others : (tensor<?x13xf32>, tensor<?xi32>) -> tensor<?x13xf32>
  return %g, %o : tensor<?x13xf32>, tensor<?x13xf32>
}
