// RUN: llmc-opt %s -split-input-file -verify-diagnostics

func.func @version(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error@+1 {{has no version 9 (C1)}}
  %y = onnx.Relu since 9 (%x) {} : (tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

func.func @operands(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error@+1 {{has 2 operands (expected 1 to 1) (C2)}}
  %y = onnx.Relu since 14 (%x, %x) {} : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

func.func @results(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error@+1 {{has 2 results (expected 1 to 1) (C2)}}
  %y:2 = onnx.Relu since 14 (%x) {} : (tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %y#0 : tensor<3xf32>
}

// -----

func.func @attributes(%x: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error@+1 {{has no attribute 'alpha' (C3)}}
  %y = onnx.Relu since 14 (%x) {alpha = 1.0 : f32} : (tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}
