// What a contraction must be.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{has 2 maps for 3 buffers}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{sums over 1 to 3 loops, found 0}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], sums = 0 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{map 1 is affine_map<(d0, d1) -> (d0, d1)> (expected 3 loops to 2 places)}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(k, n) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{map 0 is affine_map<(d0, d1, d2) -> (d0, d2 floordiv 2)> (expected sums of loops times whole numbers)}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k floordiv 2)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{map 2 names a reduction}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, k)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{out's map is affine_map<(d0, d1, d2) -> (d0, d0)> (expected each of 2 loops once)}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, m)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{no buffer says how large loop 2 is}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k + k)>, affine_map<(m, n, k) -> (k + m, n)>, affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{one of its two factors depends on out's columns, and the other does not}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}

// -----

func.func @f(%a: memref<7x11xf32>, %b: memref<11x13xf32>, %y: memref<7x13xf32>) {
  // expected-error@+1 {{its epilogue takes the sum and an f32 from each extra, and gives an f32}}
  kernel.contract %a, %b to %y {
  ^bb0(%sum: f32, %e: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64} : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>
  return
}
