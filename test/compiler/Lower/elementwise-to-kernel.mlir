// RUN: llmc-opt %s --llmc-elementwise-to-kernel | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>

// CHECK-LABEL: @becomes_a_kernel
// CHECK-SAME: (%[[A:.*]]: tensor<?x23xf32>, %[[B:.*]]: tensor<?x23xf32>)
func.func @becomes_a_kernel(%a: tensor<?x23xf32>, %b: tensor<?x23xf32>) -> tensor<?x23xf32> {
  // What sized the result is gone with it.
  // CHECK-NOT: tensor.dim
  // CHECK-NOT: tensor.empty
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %a, %c0 : tensor<?x23xf32>
  %init = tensor.empty(%rows) : tensor<?x23xf32>
  // CHECK: %[[Y:.*]] = kernel.elementwise ins(%[[B]], %[[A]] : tensor<?x23xf32>, tensor<?x23xf32>) {
  // CHECK-NEXT: ^bb0(%[[P:.*]]: f32, %[[Q:.*]]: f32):
  // CHECK-NEXT: %[[C:.*]] = arith.constant 3.750000e-01 : f32
  // CHECK-NEXT: %[[D:.*]] = arith.subf %[[P]], %[[Q]] : f32
  // CHECK-NEXT: %[[E:.*]] = arith.mulf %[[D]], %[[C]] : f32
  // CHECK-NEXT: kernel.yield %[[E]] : f32
  // CHECK-NEXT: } -> (tensor<?x23xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b, %a : tensor<?x23xf32>, tensor<?x23xf32>) outs(%init : tensor<?x23xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %c = arith.constant 0.375 : f32
    %d = arith.subf %p, %q : f32
    %e = arith.mulf %d, %c : f32
    linalg.yield %e : f32
  } -> tensor<?x23xf32>
  // CHECK: return %[[Y]]
  return %y : tensor<?x23xf32>
}
