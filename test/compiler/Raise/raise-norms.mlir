// Norms as exporters write them become one op.
// RUN: llmc-opt %s --pass-pipeline='builtin.module(func.func(llmc-raise-norms))' | FileCheck %s
// RUN: llmc-opt %s --pass-pipeline='builtin.module(func.func(llmc-raise-norms))' --remarks-filter-missed=llmc-raise-norms 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: @layer_norm_of_pytorch
// CHECK: onnx.LayerNormalization since 17(%arg0, %arg1, %arg2) {axis = 1 : i64, epsilon = {{.*}} : f32}
// CHECK-NOT: onnx.Sqrt
func.func @layer_norm_of_pytorch(%x: tensor<3x5xf32>, %w: tensor<5xf32>, %b: tensor<5xf32>) -> tensor<3x5xf32> {
  %two = onnx.Constant since 13 () {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant since 13 () {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %mean = onnx.ReduceMean since 13 (%x) {axes = array<i64: -1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %d = onnx.Sub since 14 (%x, %mean) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
  %sq = onnx.Pow since 13 (%d, %two) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %var = onnx.ReduceMean since 13 (%sq) {axes = array<i64: -1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %e = onnx.Add since 14 (%var, %eps) {} : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %r = onnx.Sqrt since 13 (%e) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %n = onnx.Div since 14 (%d, %r) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
  %s = onnx.Mul since 14 (%n, %w) {} : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
  %y = onnx.Add since 14 (%s, %b) {} : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// The weight goes into the inverse first, and the mean is taken from the bias.
// CHECK-LABEL: @layer_norm_of_tensorflow
// CHECK: onnx.LayerNormalization since 17(%arg0, %arg1, %arg2) {axis = 1 : i64, epsilon = {{.*}} : f32}
// CHECK-NOT: onnx.Sqrt
func.func @layer_norm_of_tensorflow(%x: tensor<3x5xf32>, %w: tensor<5xf32>, %b: tensor<5xf32>) -> tensor<3x5xf32> {
  %eps = onnx.Constant since 13 () {value = dense<1.0e-12> : tensor<f32>} : () -> tensor<f32>
  %mean = onnx.ReduceMean since 11 (%x) {axes = array<i64: 1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %d = onnx.Sub since 7 (%x, %mean) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
  %sq = onnx.Mul since 7 (%d, %d) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %var = onnx.ReduceMean since 11 (%sq) {axes = array<i64: 1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %e = onnx.Add since 7 (%var, %eps) {} : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %q = onnx.Sqrt since 6 (%e) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %r = onnx.Reciprocal since 6 (%q) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %g = onnx.Mul since 7 (%r, %w) {} : (tensor<3x1xf32>, tensor<5xf32>) -> tensor<3x5xf32>
  %large = onnx.Mul since 7 (%x, %g) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %small = onnx.Mul since 7 (%mean, %g) {} : (tensor<3x1xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %rest = onnx.Sub since 7 (%b, %small) {} : (tensor<5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %y = onnx.Add since 7 (%large, %rest) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// CHECK-LABEL: @rms_norm
// CHECK: onnx.RMSNormalization since 23(%arg0, %arg1) {axis = 1 : i64, epsilon = {{.*}} : f32}
// CHECK-NOT: onnx.Sqrt
func.func @rms_norm(%x: tensor<3x5xf32>, %w: tensor<5xf32>) -> tensor<3x5xf32> {
  %two = onnx.Constant since 13 () {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %one = onnx.Constant since 13 () {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant since 13 () {value = dense<1.0e-6> : tensor<f32>} : () -> tensor<f32>
  %axes = onnx.Constant since 13 () {value = dense<-1> : tensor<1xi64>} : () -> tensor<1xi64>
  %sq = onnx.Pow since 13 (%x, %two) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %m = onnx.ReduceMean since 18 (%sq, %axes) {} : (tensor<3x5xf32>, tensor<1xi64>) -> tensor<3x1xf32>
  %e = onnx.Add since 14 (%m, %eps) {} : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %q = onnx.Sqrt since 13 (%e) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %r = onnx.Div since 14 (%one, %q) {} : (tensor<f32>, tensor<3x1xf32>) -> tensor<3x1xf32>
  %n = onnx.Mul since 14 (%x, %r) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
  %y = onnx.Mul since 14 (%w, %n) {} : (tensor<5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}

// Of columns instead of rows.
// CHECK-LABEL: @not_raised_over_another_axis
// CHECK-NOT: Normalization
// CHECK: onnx.Sqrt
func.func @not_raised_over_another_axis(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %two = onnx.Constant since 13 () {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant since 13 () {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %sq = onnx.Pow since 13 (%x, %two) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %var = onnx.ReduceMean since 13 (%sq) {axes = array<i64: 0>} : (tensor<3x5xf32>) -> tensor<1x5xf32>
  %e = onnx.Add since 14 (%var, %eps) {} : (tensor<1x5xf32>, tensor<f32>) -> tensor<1x5xf32>
  %r = onnx.Sqrt since 13 (%e) {} : (tensor<1x5xf32>) -> tensor<1x5xf32>
  %n = onnx.Div since 14 (%x, %r) {} : (tensor<3x5xf32>, tensor<1x5xf32>) -> tensor<3x5xf32>
  return %n : tensor<3x5xf32>
}

// REMARK: {{.*}}is no norm: the root is not used as one of a row's numbers over it
// CHECK-LABEL: @not_raised_without_quotient
// CHECK: onnx.Sqrt
func.func @not_raised_without_quotient(%x: tensor<3x5xf32>) -> tensor<3x1xf32> {
  %two = onnx.Constant since 13 () {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %eps = onnx.Constant since 13 () {value = dense<1.0e-5> : tensor<f32>} : () -> tensor<f32>
  %sq = onnx.Pow since 13 (%x, %two) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
  %var = onnx.ReduceMean since 13 (%sq) {axes = array<i64: 1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %e = onnx.Add since 14 (%var, %eps) {} : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %r = onnx.Sqrt since 13 (%e) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  return %r : tensor<3x1xf32>
}

// The mean less x has the same squares, and a Cast to the type that is there already changes nothing.
// CHECK-LABEL: @layer_norm_of_mirrored_squares
// CHECK: onnx.LayerNormalization since 17(%arg0, %arg1, %arg2) {axis = 1 : i64, epsilon = {{.*}} : f32}
// CHECK-NOT: onnx.Sqrt
func.func @layer_norm_of_mirrored_squares(%x: tensor<3x5xf32>, %w: tensor<5xf32>, %b: tensor<5xf32>) -> tensor<3x5xf32> {
  %eps = onnx.Constant since 13 () {value = dense<1.0e-12> : tensor<f32>} : () -> tensor<f32>
  %mean = onnx.ReduceMean since 11 (%x) {axes = array<i64: 1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %d = onnx.Sub since 7 (%mean, %x) {} : (tensor<3x1xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %c = onnx.Sub since 7 (%x, %mean) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
  %same = onnx.Cast since 13 (%d) {to = 1 : i64} : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %sq = onnx.Mul since 7 (%same, %same) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %var = onnx.ReduceMean since 11 (%sq) {axes = array<i64: 1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
  %e = onnx.Add since 7 (%var, %eps) {} : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %r = onnx.Sqrt since 6 (%e) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %n = onnx.Div since 7 (%c, %r) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
  %s = onnx.Mul since 7 (%n, %w) {} : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
  %y = onnx.Add since 7 (%s, %b) {} : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}
