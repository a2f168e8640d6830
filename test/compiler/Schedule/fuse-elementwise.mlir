// RUN: llmc-opt %s --llmc-fuse-elementwise | FileCheck %s

#id = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: func.func @a_chain_is_one
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NEXT: arith.addf
// CHECK-NOT: linalg.generic
func.func @a_chain_is_one(%x: tensor<7x11xf32>) -> tensor<7x11xf32> {
  %e = tensor.empty() : tensor<7x11xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<7x11xf32>) outs(%e : tensor<7x11xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = math.exp %l : f32
    linalg.yield %0 : f32
  } -> tensor<7x11xf32>
  %b = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %x : tensor<7x11xf32>, tensor<7x11xf32>) outs(%e : tensor<7x11xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.addf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<7x11xf32>
  return %b : tensor<7x11xf32>
}

// A factor of a product is read once a column: its exponentials are computed before.
// CHECK-LABEL: func.func @factors_are_computed_once
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic
// CHECK: math.fma
func.func @factors_are_computed_once(%x: tensor<7x11xf32>, %w: tensor<11x13xf32>, %s: tensor<7x13xf32>) -> tensor<7x13xf32> {
  %e = tensor.empty() : tensor<7x11xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<7x11xf32>) outs(%e : tensor<7x11xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = math.exp %l : f32
    linalg.yield %0 : f32
  } -> tensor<7x11xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %w : tensor<7x11xf32>, tensor<11x13xf32>) outs(%s : tensor<7x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = math.fma %l, %r, %o : f32
    linalg.yield %0 : f32
  } -> tensor<7x13xf32>
  return %b : tensor<7x13xf32>
}

// A transposition only moves: it is read in place. What is spread is computed anew only where that is cheap.
// CHECK-LABEL: func.func @moves_are_read_in_place
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK-NOT: linalg.generic
func.func @moves_are_read_in_place(%x: tensor<11x7xf32>, %y: tensor<7x11xf32>) -> tensor<7x11xf32> {
  %e = tensor.empty() : tensor<7x11xf32>
  %t = linalg.transpose ins(%x : tensor<11x7xf32>) outs(%e : tensor<7x11xf32>) permutation = [1, 0]
  %b = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%t, %y : tensor<7x11xf32>, tensor<7x11xf32>) outs(%e : tensor<7x11xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.addf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<7x11xf32>
  return %b : tensor<7x11xf32>
}
