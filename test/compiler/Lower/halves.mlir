// With sums in f16 products with matrices of f16 take halved rows; a matrix that is looked up, too, is packed once.
// RUN: llmc-opt %s -split-input-file "--llmc-lower-to-kernel=sums=f16" | FileCheck %s
// RUN: llmc-opt %s -split-input-file --llmc-lower-to-kernel | FileCheck %s --check-prefix=F32

// F32-LABEL: @halves
// F32-NOT: kernel.halve
// F32-NOT: largest
// CHECK-LABEL: @halves
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>
func.func @halves(
    %x: tensor<?x96xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x13xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  // CHECK: %[[P:.*]] = kernel.pack %{{.*}} {largest = 4.800000e+02 : f32} : (tensor<13x96xf16>) -> !kernel.packed<panels, 13, 96, 1, f16>
  // CHECK: %[[H:.*]] = kernel.halve %[[X]] : (tensor<?x96xf32>) -> tensor<?x224xf16>
  // CHECK: kernel.matmul %[[H]], %[[P]]
  %w = transformer.weight ["w"] : tensor<13x96xf16>
  %y = transformer.linear %x, %w : (tensor<?x96xf32>, tensor<13x96xf16>) -> tensor<?x13xf32>
  return %y : tensor<?x13xf32>
}

// -----

// CHECK-LABEL: @looked_up
func.func @looked_up(
    %ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>})
    -> (tensor<?x96xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  // CHECK: kernel.pack %{{.*}} {largest = 4.800000e+02 : f32} : (tensor<13x96xf16>)
  %w = transformer.weight ["w"] : tensor<13x96xf16>
  %y = transformer.embedding %ids, %w : (tensor<?xi32>, tensor<13x96xf16>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// -----

// Other matrices are added in f32.
// CHECK-LABEL: @others
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>
func.func @others(
    %x: tensor<?x96xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x13xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  // CHECK-NOT: kernel.halve
  // CHECK-NOT: largest
  // CHECK: kernel.matmul %[[X]]
  %w = transformer.weight ["w"] : tensor<13x96xbf16>
  %y = transformer.linear %x, %w : (tensor<?x96xf32>, tensor<13x96xbf16>) -> tensor<?x13xf32>
  return %y : tensor<?x13xf32>
}
