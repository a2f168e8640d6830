// Nodes survive text and two processes: attributes, inputs that are left out, types with a sign.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-LABEL: @clip
func.func @clip(%x: tensor<3x5xui8>, %high: tensor<ui8>) -> tensor<3x5xui8> {
  // CHECK: %[[NONE:.*]] = onnx.absent
  %none = onnx.absent
  // CHECK: onnx.Clip since 13(%{{.*}}, %[[NONE]], %{{.*}}) {} : (tensor<3x5xui8>, none, tensor<ui8>) -> tensor<3x5xui8>
  %y = onnx.Clip since 13 (%x, %none, %high) {} : (tensor<3x5xui8>, none, tensor<ui8>) -> tensor<3x5xui8>
  return %y : tensor<3x5xui8>
}

// CHECK-LABEL: @transpose
func.func @transpose(%x: tensor<3x5xf32>) -> tensor<5x3xf32> {
  // CHECK: onnx.Transpose since 13(%{{.*}}) {perm = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  %y = onnx.Transpose since 13 (%x) {perm = array<i64: 1, 0>} : (tensor<3x5xf32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}
