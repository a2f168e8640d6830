// RUN: llmc-opt %s --llmc-graph-contractions | FileCheck %s

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
#turn = affine_map<(m, n) -> (n, m)>

// A product, and the elementwise op that alone reads it.
// CHECK-LABEL: func.func @product_with_epilogue
// CHECK-NOT: linalg
// CHECK: kernel.contract %arg0, %arg1 with(%arg2) to %arg3 {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK: %[[ADDED:.*]] = arith.addf %[[SUM]], %[[BIAS]]
// CHECK: %[[R:.*]] = math.tanh %[[ADDED]]
// CHECK: kernel.yield %[[R]]
// CHECK-NOT: linalg
func.func @product_with_epilogue(%x: memref<7x11xf32>, %w: memref<11x13xf32>, %bias: memref<13xf32>, %y: memref<7x13xf32>)
    attributes {llmc.constants = [], llmc.inputs = 3 : i64} {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<7x13xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<7x13xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<7x11xf32>, memref<11x13xf32>) outs(%s : memref<7x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = math.fma %l, %r, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %bias : memref<7x13xf32>, memref<13xf32>) outs(%y : memref<7x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.addf %l, %r : f32
    %1 = math.tanh %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// Somebody else reads the sums, too: they are kept.
// CHECK-LABEL: func.func @read_twice
// CHECK: kernel.contract %{{.*}}, %{{.*}} to %[[S:.*]] {
// CHECK: linalg.generic
// CHECK: linalg.generic
func.func @read_twice(%x: memref<7x11xf32>, %w: memref<11x13xf32>, %y: memref<7x13xf32>, %z: memref<7x13xf32>)
    attributes {llmc.constants = [], llmc.inputs = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<7x13xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<7x13xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<7x11xf32>, memref<11x13xf32>) outs(%s : memref<7x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = math.fma %l, %r, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<7x13xf32>) outs(%y : memref<7x13xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = arith.negf %l : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<7x13xf32>) outs(%z : memref<7x13xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = math.exp %l : f32
    linalg.yield %0 : f32
  }
  return
}

// Columns of what is made are the other factor's, which lie side by side.
// CHECK-LABEL: func.func @turned_along_a_factor
// CHECK: kernel.contract %arg0, %arg1 with(%arg0) to %arg2
// CHECK-NOT: linalg.generic
func.func @turned_along_a_factor(%x: memref<7x11xf32>, %w: memref<7x13xf32>, %y: memref<7x13x11xf32>)
    attributes {llmc.constants = [], llmc.inputs = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<7x11x13xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<7x11x13xf32>)
  linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (k, m)>, affine_map<(b, m, n, k) -> (b, n)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                  iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<7x11xf32>, memref<7x13xf32>) outs(%s : memref<7x11x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = math.fma %l, %r, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, n, m)>, affine_map<(b, m, n) -> (b, n)>, affine_map<(b, m, n) -> (b, m, n)>],
                  iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %x : memref<7x11x13xf32>, memref<7x11xf32>) outs(%y : memref<7x13x11xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.mulf %l, %r : f32
    linalg.yield %0 : f32
  }
  return
}

// Here they do not: the sums are made first, then turned.
// CHECK-LABEL: func.func @turned_is_apart
// CHECK: kernel.contract
// CHECK: linalg.generic
func.func @turned_is_apart(%x: memref<11x7xf32>, %w: memref<7x13xf32>, %y: memref<13x11xf32>)
    attributes {llmc.constants = [], llmc.inputs = 2 : i64} {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<11x13xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<11x13xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<11x7xf32>, memref<7x13xf32>) outs(%s : memref<11x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = math.fma %l, %r, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#turn, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : memref<11x13xf32>) outs(%y : memref<13x11xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = arith.negf %l : f32
    linalg.yield %0 : f32
  }
  return
}

// Sums that begin at something else, or of another type, stay loops.
// CHECK-LABEL: func.func @other_sums
// CHECK-NOT: kernel.contract
func.func @other_sums(%x: memref<7x11xf32>, %w: memref<11x13xf32>, %y: memref<7x13xf32>, %p: memref<7x11xf64>, %q: memref<11x13xf64>, %z: memref<7x13xf64>)
    attributes {llmc.constants = [], llmc.inputs = 2 : i64} {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%y : memref<7x13xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<7x11xf32>, memref<11x13xf32>) outs(%y : memref<7x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = math.fma %l, %r, %o : f32
    linalg.yield %0 : f32
  }
  %zero = arith.constant 0.0 : f64
  linalg.fill ins(%zero : f64) outs(%z : memref<7x13xf64>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %q : memref<7x11xf64>, memref<11x13xf64>) outs(%z : memref<7x13xf64>) {
  ^bb0(%l: f64, %r: f64, %o: f64):
    %0 = math.fma %l, %r, %o : f64
    linalg.yield %0 : f64
  }
  return
}
