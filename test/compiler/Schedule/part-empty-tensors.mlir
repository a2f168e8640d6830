// Each use of an empty tensor has one of its own, in its own block.
// RUN: llmc-opt %s -llmc-part-empty-tensors | FileCheck %s

// CHECK-LABEL: func.func @each_use_has_its_own
// CHECK: %[[A:.*]] = tensor.empty() : tensor<3xf32>
// CHECK-NEXT: linalg.fill ins(%{{.*}}) outs(%[[A]]
// CHECK: scf.for
// CHECK: %[[B:.*]] = tensor.empty() : tensor<3xf32>
// CHECK-NEXT: linalg.fill ins(%{{.*}}) outs(%[[B]]
func.func @each_use_has_its_own(%x: f32, %y: f32) -> (tensor<3xf32>, tensor<3xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %five = arith.constant 5 : index
  %e = tensor.empty() : tensor<3xf32>
  %a = linalg.fill ins(%x : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
  %b = scf.for %i = %zero to %five step %one iter_args(%s = %a) -> (tensor<3xf32>) {
    %f = linalg.fill ins(%y : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
    %sum = linalg.add ins(%f, %a : tensor<3xf32>, tensor<3xf32>) outs(%s : tensor<3xf32>) -> tensor<3xf32>
    scf.yield %sum : tensor<3xf32>
  }
  return %a, %b : tensor<3xf32>, tensor<3xf32>
}

// One use: nothing is made.
// CHECK-LABEL: func.func @a_single_use_stays
// CHECK-COUNT-1: tensor.empty
// CHECK-NOT: tensor.empty
func.func @a_single_use_stays(%x: f32) -> tensor<7xf32> {
  %e = tensor.empty() : tensor<7xf32>
  %a = linalg.fill ins(%x : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
  return %a : tensor<7xf32>
}
