// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-keep-blocks))' %s | FileCheck %s
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-keep-blocks,llmc-decode-blocks))' %s | FileCheck %s --check-prefix=DECODED

!q4 = !transformer.block<q4_0, group = 32>
!q8 = !transformer.block<q8_0, group = 32>

// CHECK-LABEL: func.func @decoded_values_become_their_blocks
// CHECK: %[[W:.*]] = transformer.weight ["w"]
// CHECK: transformer.linear %{{.*}}, %[[W]]
// DECODED-LABEL: func.func @decoded_values_become_their_blocks
// DECODED: %[[V:.*]] = transformer.weight.decode %{{.*}} -> tensor<7x64xf32>
// DECODED: transformer.linear %{{.*}}, %[[V]]
func.func @decoded_values_become_their_blocks(%x: tensor<?x64xf32>) -> tensor<?x7xf32> {
  %w = transformer.weight ["w"] : tensor<7x64x!q4>
  %v = transformer.weight.decode %w : (tensor<7x64x!q4>) -> tensor<7x64xf32>
  %y = transformer.linear %x, %v : (tensor<?x64xf32>, tensor<7x64xf32>) -> tensor<?x7xf32>
  return %y : tensor<?x7xf32>
}

// CHECK-LABEL: func.func @joined_blocks_of_one_type_stay_joined
// CHECK: %[[C:.*]] = transformer.weight.concat %{{.*}}, %{{.*}} axis 0 : (tensor<7x64x!transformer.block<q4_0, group = 32>>, tensor<5x64x!transformer.block<q4_0, group = 32>>)
// CHECK: transformer.linear %{{.*}}, %[[C]]
func.func @joined_blocks_of_one_type_stay_joined(%x: tensor<?x64xf32>) -> tensor<?x12xf32> {
  %a = transformer.weight ["a"] : tensor<7x64x!q4>
  %b = transformer.weight ["b"] : tensor<5x64x!q4>
  %va = transformer.weight.decode %a : (tensor<7x64x!q4>) -> tensor<7x64xf32>
  %vb = transformer.weight.decode %b : (tensor<5x64x!q4>) -> tensor<5x64xf32>
  %v = transformer.weight.concat %va, %vb axis 0 : (tensor<7x64xf32>, tensor<5x64xf32>) -> tensor<12x64xf32>
  %y = transformer.linear %x, %v : (tensor<?x64xf32>, tensor<12x64xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @rounded_values_are_not_the_blocks
// CHECK: %[[V:.*]] = transformer.weight.decode
// CHECK: transformer.linear %{{.*}}, %[[V]]
func.func @rounded_values_are_not_the_blocks(%x: tensor<?x64xf32>) -> tensor<?x7xf32> {
  %w = transformer.weight ["w"] : tensor<7x64x!q4>
  %v = transformer.weight.decode %w : (tensor<7x64x!q4>) -> tensor<7x64xbf16>
  %y = transformer.linear %x, %v : (tensor<?x64xf32>, tensor<7x64xbf16>) -> tensor<?x7xf32>
  return %y : tensor<?x7xf32>
}

// CHECK-LABEL: func.func @matrices_of_a_gate_keep_one_type
// CHECK-COUNT-2: transformer.weight.decode {{.*}} -> tensor<7x64xf32>
// CHECK: transformer.gated_linear silu %{{.*}} : (tensor<?x64xf32>, tensor<7x64xf32>, tensor<7x64xf32>)
func.func @matrices_of_a_gate_keep_one_type(%x: tensor<?x64xf32>) -> tensor<?x7xf32> {
  %g = transformer.weight ["g"] : tensor<7x64x!q4>
  %u = transformer.weight ["u"] : tensor<7x64x!q8>
  %vg = transformer.weight.decode %g : (tensor<7x64x!q4>) -> tensor<7x64xf32>
  %vu = transformer.weight.decode %u : (tensor<7x64x!q8>) -> tensor<7x64xf32>
  %y = transformer.gated_linear silu %x, %vg, %vu : (tensor<?x64xf32>, tensor<7x64xf32>, tensor<7x64xf32>) -> tensor<?x7xf32>
  return %y : tensor<?x7xf32>
}
