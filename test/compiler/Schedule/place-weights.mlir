// RUN: llmc-opt %s -split-input-file --llmc-place-weights | FileCheck %s

// In the order of first use: b (5 numbers, 20 bytes, 64 with padding), the records of layers (c and d: 128 bytes each time),
// a; what nothing reads is gone.
// CHECK-NOT: @unread
// CHECK-DAG: kernel.weight @b copies 1 at 0 stride 0
// CHECK-DAG: kernel.weight @d copies 3 at 64 stride 192
// CHECK-DAG: kernel.weight @c copies 3 at 128 stride 192
// CHECK-DAG: kernel.weight @a copies 1 at 640 stride 0
kernel.weight @a copies 1 at -1 stride 0 : !kernel.packed<panels, 3, 5, 1, bf16> {
  %w = transformer.weight ["a"] : tensor<3x5xbf16>
  %p = kernel.pack %w : (tensor<3x5xbf16>) -> !kernel.packed<panels, 3, 5, 1, bf16>
  kernel.yield %p : !kernel.packed<panels, 3, 5, 1, bf16>
}
kernel.weight @b copies 1 at -1 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
  %w = transformer.weight ["b"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}
kernel.weight @unread copies 1 at -1 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
  %w = transformer.weight ["u"] : tensor<5xf32>
  %p = kernel.pack %w : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 5, 1, f32>
}
kernel.weight @c copies 3 at -1 stride 0 : !kernel.packed<table, 1, 17, 1, f32> {
  %w = transformer.weight ["c0", "c1", "c2"] : tensor<17xf32>
  %p = kernel.pack %w : (tensor<17xf32>) -> !kernel.packed<table, 1, 17, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 17, 1, f32>
}
kernel.weight @d copies 3 at -1 stride 0 : !kernel.packed<table, 1, 16, 1, f32> {
  %w = transformer.weight ["d0", "d1", "d2"] : tensor<16xf32>
  %p = kernel.pack %w : (tensor<16xf32>) -> !kernel.packed<table, 1, 16, 1, f32>
  kernel.yield %p : !kernel.packed<table, 1, 16, 1, f32>
}
func.func @step() {
  %b = kernel.get_weight @b : <table, 1, 5, 1, f32>
  kernel.layers classes [0, 0, 0] slots [-1, -1, -1] {
  ^bb0(%slot: index, %member: index):
    %again = kernel.get_weight @b : <table, 1, 5, 1, f32>
    %d = kernel.get_weight @d[%member] : <table, 1, 16, 1, f32>
    %c = kernel.get_weight @c[%member] : <table, 1, 17, 1, f32>
    %twice = kernel.get_weight @d[%member] : <table, 1, 16, 1, f32>
    kernel.yield
  }
  %a = kernel.get_weight @a : <panels, 3, 5, 1, bf16>
  return
}
