// Products that are gelu, its tanh form, or x * sigmoid(a x) become one op.
// RUN: llmc-opt %s --pass-pipeline='builtin.module(func.func(llmc-raise-activations))' | FileCheck %s

// CHECK-LABEL: @gelu
// CHECK-NOT: onnx.Erf
// CHECK: %[[Y:.*]] = onnx.Gelu since 20(%arg0) {} : (tensor<3x5xf32>) -> tensor<3x5xf32>
// CHECK: return %[[Y]]
func.func @gelu(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %root = onnx.Constant since 13 () {value = dense<1.41421354> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant since 13 () {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant since 13 () {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %d = onnx.Div since 14 (%x, %root) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %e = onnx.Erf since 13 (%d) {} : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %a = onnx.Add since 14 (%e, %one) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %m = onnx.Mul since 14 (%x, %a) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %y = onnx.Mul since 14 (%m, %half) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// CHECK-LABEL: @gelu_tanh
// CHECK-NOT: onnx.Tanh
// CHECK: onnx.Gelu since 20(%arg0) {approximate = "tanh"}
func.func @gelu_tanh(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %three = onnx.Constant since 13 () {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %c = onnx.Constant since 13 () {value = dense<0.044715> : tensor<f32>} : () -> tensor<f32>
  %k = onnx.Constant since 13 () {value = dense<0.797884583> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant since 13 () {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant since 13 () {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %h = onnx.Mul since 14 (%x, %half) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %p = onnx.Pow since 13 (%x, %three) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %q = onnx.Mul since 14 (%p, %c) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %s = onnx.Add since 14 (%x, %q) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %z = onnx.Mul since 14 (%s, %k) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %t = onnx.Tanh since 13 (%z) {} : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %a = onnx.Add since 14 (%t, %one) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %y = onnx.Mul since 14 (%h, %a) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// A gated feed-forward's gate: the product with the other half stays.
// CHECK-LABEL: @silu_of_a_gate
// CHECK: %[[S:.*]] = onnx.Swish since 24(%arg0) {alpha = 1.000000e+00 : f32}
// CHECK: onnx.Mul since 14(%[[S]], %arg1)
func.func @silu_of_a_gate(%x: tensor<3x5xf32>, %u: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %g = onnx.Sigmoid since 13 (%x) {} : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %s = onnx.Mul since 14 (%x, %g) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %y = onnx.Mul since 14 (%s, %u) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// CHECK-LABEL: @not_raised_with_other_constants
// CHECK: onnx.Erf
func.func @not_raised_with_other_constants(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %root = onnx.Constant since 13 () {value = dense<1.5> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant since 13 () {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant since 13 () {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %d = onnx.Div since 14 (%x, %root) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %e = onnx.Erf since 13 (%d) {} : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %a = onnx.Add since 14 (%e, %one) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %m = onnx.Mul since 14 (%x, %a) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %y = onnx.Mul since 14 (%m, %half) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}
