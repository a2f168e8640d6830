// softmax(q k^T * scale + mask) v becomes one op; what would come out differently does not.
// RUN: llmc-opt %s --pass-pipeline='builtin.module(func.func(llmc-raise-attention))' | FileCheck %s
// RUN: llmc-opt %s --pass-pipeline='builtin.module(func.func(llmc-raise-attention))' --remarks-filter-missed=llmc-raise-attention 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: @masked
// CHECK: onnx.Attention since 23(%arg0, %arg1, %arg2, %arg3) {scale = 3.000000e-01 : f32}
// CHECK-NOT: onnx.Softmax
func.func @masked(%q: tensor<2x3x5x7xf32>, %k: tensor<2x3x11x7xf32>, %v: tensor<2x3x11x13xf32>, %mask: tensor<2x1x1x11xf32>)
    -> tensor<2x3x5x13xf32> {
  %c = onnx.Constant since 13 () {value = dense<0.3> : tensor<f32>} : () -> tensor<f32>
  %kt = onnx.Transpose since 13 (%k) {perm = array<i64: 0, 1, 3, 2>} : (tensor<2x3x11x7xf32>) -> tensor<2x3x7x11xf32>
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<2x3x5x7xf32>, tensor<2x3x7x11xf32>) -> tensor<2x3x5x11xf32>
  %t = onnx.Mul since 14 (%s, %c) {} : (tensor<2x3x5x11xf32>, tensor<f32>) -> tensor<2x3x5x11xf32>
  %m = onnx.Add since 14 (%t, %mask) {} : (tensor<2x3x5x11xf32>, tensor<2x1x1x11xf32>) -> tensor<2x3x5x11xf32>
  %p = onnx.Softmax since 13 (%m) {axis = -1 : i64} : (tensor<2x3x5x11xf32>) -> tensor<2x3x5x11xf32>
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<2x3x5x11xf32>, tensor<2x3x11x13xf32>) -> tensor<2x3x5x13xf32>
  return %y : tensor<2x3x5x13xf32>
}

// Scores are chosen or made minus infinity; the key comes as [batch, sequence, heads, width], and a guard gives rows that
// see nothing zeros.
// CHECK-LABEL: @chosen_and_guarded
// CHECK: %[[BIAS:.*]] = onnx.Where since 16(%arg3,
// CHECK: %[[K:.*]] = onnx.Transpose since 13(%arg1) {perm = array<i64: 0, 2, 1, 3>}
// CHECK: onnx.Attention since 23(%arg0, %[[K]], %arg2, %[[BIAS]]) {scale = 1.000000e+00 : f32}
func.func @chosen_and_guarded(%q: tensor<2x3x5x7xf32>, %k: tensor<2x11x3x7xf32>, %v: tensor<2x3x11x13xf32>, %seen: tensor<1x1x5x11xi1>)
    -> tensor<2x3x5x13xf32> {
  %none = onnx.Constant since 13 () {value = dense<0xFF800000> : tensor<f32>} : () -> tensor<f32>
  %zero = onnx.Constant since 13 () {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %kt = onnx.Transpose since 13 (%k) {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x11x3x7xf32>) -> tensor<2x3x7x11xf32>
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<2x3x5x7xf32>, tensor<2x3x7x11xf32>) -> tensor<2x3x5x11xf32>
  %m = onnx.Where since 16 (%seen, %s, %none) {} : (tensor<1x1x5x11xi1>, tensor<2x3x5x11xf32>, tensor<f32>) -> tensor<2x3x5x11xf32>
  %p = onnx.Softmax since 13 (%m) {axis = -1 : i64} : (tensor<2x3x5x11xf32>) -> tensor<2x3x5x11xf32>
  %n = onnx.IsNaN since 13 (%p) {} : (tensor<2x3x5x11xf32>) -> tensor<2x3x5x11xi1>
  %g = onnx.Where since 16 (%n, %zero, %p) {} : (tensor<2x3x5x11xi1>, tensor<f32>, tensor<2x3x5x11xf32>) -> tensor<2x3x5x11xf32>
  %y = onnx.MatMul since 13 (%g, %v) {} : (tensor<2x3x5x11xf32>, tensor<2x3x11x13xf32>) -> tensor<2x3x5x13xf32>
  return %y : tensor<2x3x5x13xf32>
}

// Heads rolled into the batch.
// CHECK-LABEL: @three_dimensions
// CHECK: onnx.Attention since 23({{.*}}) {scale = 5.000000e-01 : f32} : (tensor<1x6x5x7xf32>, tensor<1x6x11x7xf32>, tensor<1x6x11x13xf32>) -> tensor<1x6x5x13xf32>
// CHECK: onnx.Squeeze
func.func @three_dimensions(%q: tensor<6x5x7xf32>, %kt: tensor<6x7x11xf32>, %v: tensor<6x11x13xf32>) -> tensor<6x5x13xf32> {
  %c = onnx.Constant since 13 () {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<6x5x7xf32>, tensor<6x7x11xf32>) -> tensor<6x5x11xf32>
  %t = onnx.Div since 14 (%s, %c) {} : (tensor<6x5x11xf32>, tensor<f32>) -> tensor<6x5x11xf32>
  %p = onnx.Softmax since 13 (%t) {axis = 2 : i64} : (tensor<6x5x11xf32>) -> tensor<6x5x11xf32>
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<6x5x11xf32>, tensor<6x11x13xf32>) -> tensor<6x5x13xf32>
  return %y : tensor<6x5x13xf32>
}

// A row that is masked as a whole sees all keys alike here, and its own scores where the number is added.
// CHECK-LABEL: @replaced
// CHECK: %[[SEEN:.*]] = onnx.Not since 1(%arg3)
// CHECK: %[[NONE:.*]] = onnx.absent
// CHECK: onnx.llmc.Attention since 1(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[SEEN]], %arg4) {fill = -1.000000e+04 : f32, scale = 2.500000e-01 : f32}
// CHECK-NOT: onnx.Softmax
func.func @replaced(%q: tensor<6x5x7xf32>, %kt: tensor<6x7x11xf32>, %v: tensor<6x11x13xf32>,
    %hidden: tensor<5x11xi1>, %late: tensor<6x1x11xf32>) -> tensor<6x5x13xf32> {
  %none = onnx.Constant since 13 () {value = dense<-10000.0> : tensor<f32>} : () -> tensor<f32>
  %four = onnx.Constant since 13 () {value = dense<4.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<6x5x7xf32>, tensor<6x7x11xf32>) -> tensor<6x5x11xf32>
  %d = onnx.Div since 14 (%s, %four) {} : (tensor<6x5x11xf32>, tensor<f32>) -> tensor<6x5x11xf32>
  %m = onnx.Where since 16 (%hidden, %none, %d) {} : (tensor<5x11xi1>, tensor<f32>, tensor<6x5x11xf32>) -> tensor<6x5x11xf32>
  %a = onnx.Add since 14 (%m, %late) {} : (tensor<6x5x11xf32>, tensor<6x1x11xf32>) -> tensor<6x5x11xf32>
  %p = onnx.Softmax since 13 (%a) {axis = 2 : i64} : (tensor<6x5x11xf32>) -> tensor<6x5x11xf32>
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<6x5x11xf32>, tensor<6x11x13xf32>) -> tensor<6x5x13xf32>
  return %y : tensor<6x5x13xf32>
}

// Scores times the mask, less a large number where it is 0; of open sizes.
// CHECK-LABEL: @multiplied
// CHECK: %[[BIAS:.*]] = onnx.Neg since 13(%arg4)
// CHECK: onnx.llmc.Attention since 1(%arg0, %{{[^,]*}}, %arg2, %[[BIAS]], %arg3) {scale = 2.000000e+00 : f32}
// CHECK-SAME: -> tensor<?x3x?x13xf32, #[[MAP:.*]]>
func.func @multiplied(%q: tensor<?x3x?x7xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 7)>>,
    %kt: tensor<?x3x7x?xf32, affine_map<()[s0, s1] -> (s0, 3, 7, s1)>>, %v: tensor<?x3x?x13xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 13)>>,
    %mask: tensor<1x1x?x?xf32, affine_map<()[s0, s1] -> (1, 1, s1, s1)>>, %less: tensor<1x1x?x?xf32, affine_map<()[s0, s1] -> (1, 1, s1, s1)>>)
    -> tensor<?x3x?x13xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 13)>> {
  %two = onnx.Constant since 13 () {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<?x3x?x7xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 7)>>, tensor<?x3x7x?xf32, affine_map<()[s0, s1] -> (s0, 3, 7, s1)>>) -> tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>
  %d = onnx.Mul since 14 (%s, %two) {} : (tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>, tensor<f32>) -> tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>
  %m = onnx.Mul since 14 (%d, %mask) {} : (tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>, tensor<1x1x?x?xf32, affine_map<()[s0, s1] -> (1, 1, s1, s1)>>) -> tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>
  %a = onnx.Sub since 14 (%m, %less) {} : (tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>, tensor<1x1x?x?xf32, affine_map<()[s0, s1] -> (1, 1, s1, s1)>>) -> tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>
  %p = onnx.Softmax since 13 (%a) {axis = 3 : i64} : (tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>) -> tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<?x3x?x?xf32, affine_map<()[s0, s1] -> (s0, 3, s1, s1)>>, tensor<?x3x?x13xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 13)>>) -> tensor<?x3x?x13xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 13)>>
  return %y : tensor<?x3x?x13xf32, affine_map<()[s0, s1] -> (s0, 3, s1, 13)>>
}

// REMARK: node 'soft' is no attention: something is added to its scores before they are multiplied
// CHECK-LABEL: @not_raised_when_a_sum_is_multiplied
// CHECK: onnx.Softmax
func.func @not_raised_when_a_sum_is_multiplied(%q: tensor<6x5x7xf32>, %kt: tensor<6x7x11xf32>, %v: tensor<6x11x13xf32>,
    %b: tensor<5x11xf32>, %f: tensor<5x11xf32>) -> tensor<6x5x13xf32> {
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<6x5x7xf32>, tensor<6x7x11xf32>) -> tensor<6x5x11xf32>
  %a = onnx.Add since 14 (%s, %b) {} : (tensor<6x5x11xf32>, tensor<5x11xf32>) -> tensor<6x5x11xf32>
  %m = onnx.Mul since 14 (%a, %f) {} : (tensor<6x5x11xf32>, tensor<5x11xf32>) -> tensor<6x5x11xf32>
  %p = onnx.Softmax since 13 (%m) {axis = 2 : i64} : (tensor<6x5x11xf32>) -> tensor<6x5x11xf32> loc("soft")
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<6x5x11xf32>, tensor<6x11x13xf32>) -> tensor<6x5x13xf32>
  return %y : tensor<6x5x13xf32>
}

// REMARK: is no attention: its scores are no product of two values
// CHECK-LABEL: @not_raised_without_product
func.func @not_raised_without_product(%s: tensor<6x5x11xf32>, %v: tensor<6x11x13xf32>) -> tensor<6x5x13xf32> {
  %p = onnx.Softmax since 13 (%s) {axis = 2 : i64} : (tensor<6x5x11xf32>) -> tensor<6x5x11xf32>
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<6x5x11xf32>, tensor<6x11x13xf32>) -> tensor<6x5x13xf32>
  return %y : tensor<6x5x13xf32>
}

// Heads rolled into a batch whose size is open stand as a batch; so does the mask.
// CHECK-LABEL: @open_batch_of_heads
// CHECK-COUNT-4: onnx.Unsqueeze since 13
// CHECK: onnx.Attention since 23({{.*}}) {scale = 1.000000e+00 : f32} : (tensor<?x1x5x7xf32, #{{.*}}>, tensor<?x1x11x7xf32, #{{.*}}>, tensor<?x1x11x13xf32, #{{.*}}>, tensor<?x1x1x11xf32, #{{.*}}>) -> tensor<?x1x5x13xf32, #{{.*}}>
// CHECK-NOT: onnx.Softmax
func.func @open_batch_of_heads(%q: tensor<?x5x7xf32, affine_map<()[s0] -> (s0, 5, 7)>>, %kt: tensor<?x7x11xf32, affine_map<()[s0] -> (s0, 7, 11)>>,
    %v: tensor<?x11x13xf32, affine_map<()[s0] -> (s0, 11, 13)>>, %mask: tensor<?x1x11xf32, affine_map<()[s0] -> (s0, 1, 11)>>)
    -> tensor<?x5x13xf32, affine_map<()[s0] -> (s0, 5, 13)>> {
  %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<?x5x7xf32, affine_map<()[s0] -> (s0, 5, 7)>>, tensor<?x7x11xf32, affine_map<()[s0] -> (s0, 7, 11)>>) -> tensor<?x5x11xf32, affine_map<()[s0] -> (s0, 5, 11)>>
  %a = onnx.Add since 14 (%s, %mask) {} : (tensor<?x5x11xf32, affine_map<()[s0] -> (s0, 5, 11)>>, tensor<?x1x11xf32, affine_map<()[s0] -> (s0, 1, 11)>>) -> tensor<?x5x11xf32, affine_map<()[s0] -> (s0, 5, 11)>>
  %p = onnx.Softmax since 13 (%a) {axis = 2 : i64} : (tensor<?x5x11xf32, affine_map<()[s0] -> (s0, 5, 11)>>) -> tensor<?x5x11xf32, affine_map<()[s0] -> (s0, 5, 11)>>
  %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<?x5x11xf32, affine_map<()[s0] -> (s0, 5, 11)>>, tensor<?x11x13xf32, affine_map<()[s0] -> (s0, 11, 13)>>) -> tensor<?x5x13xf32, affine_map<()[s0] -> (s0, 5, 13)>>
  return %y : tensor<?x5x13xf32, affine_map<()[s0] -> (s0, 5, 13)>>
}
