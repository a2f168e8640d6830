// Contractions survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-LABEL: kernel.program @main
kernel.program @main inputs 3 outputs 1 roles [#transformer.role<input>, #transformer.role<input>, #transformer.role<input>, #transformer.role<output>] slots [] slot_sizes [] {
^bb0(%x: memref<7x11xf32>, %w: memref<11x13xf32>, %bias: memref<13xf32>, %y: memref<7x13xf32>):
  kernel.generic 1 writes [false, false, false, true](%x, %w, %bias, %y) : memref<7x11xf32>, memref<11x13xf32>, memref<13xf32>, memref<7x13xf32> {
  ^bb0(%first: index, %last: index, %a: memref<7x11xf32>, %b: memref<11x13xf32>, %c: memref<13xf32>, %d: memref<7x13xf32>):
    // CHECK: kernel.contract %[[A:.*]], %[[B:.*]] with(%[[C:.*]]) to %[[D:.*]] {
    // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[E:.*]]: f32):
    // CHECK: kernel.yield
    // CHECK: sums = 1 : i64
    kernel.contract %a, %b with(%c) to %d {
    ^bb0(%sum: f32, %e: f32):
      %0 = arith.addf %sum, %e : f32
      kernel.yield %0 : f32
    } {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (n)>,
                        affine_map<(m, n, k) -> (m, n)>], sums = 1 : i64}
      : memref<7x11xf32>, memref<11x13xf32>, memref<7x13xf32>, memref<13xf32>
  }
  kernel.yield
}
