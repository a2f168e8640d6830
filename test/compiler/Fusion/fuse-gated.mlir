// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-fuse-gated))' %s | FileCheck %s
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-fuse-gated))' --remarks-filter-missed=llmc-fuse-gated %s 2>&1 >/dev/null | FileCheck %s --check-prefix=MISSED

// CHECK-LABEL: func.func @fused
// CHECK-SAME: (%[[X:.*]]: tensor<?x7xf32>)
// CHECK-DAG: %[[G:.*]] = transformer.weight ["gate"]
// CHECK-DAG: %[[U:.*]] = transformer.weight ["up"]
// CHECK: %[[Y:.*]] = transformer.gated_linear silu %[[X]], %[[G]], %[[U]] : (tensor<?x7xf32>, tensor<11x7xbf16>, tensor<11x7xbf16>) -> tensor<?x11xf32>
// CHECK-NOT: transformer.linear
// CHECK: return %[[Y]]
func.func @fused(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x7xbf16>
  %g = transformer.linear %x, %wg : (tensor<?x7xf32>, tensor<11x7xbf16>) -> tensor<?x11xf32>
  %wu = transformer.weight ["up"] : tensor<11x7xbf16>
  %u = transformer.linear %x, %wu : (tensor<?x7xf32>, tensor<11x7xbf16>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %u : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @fused_with_biases_limit_and_offset
// CHECK: transformer.gated_linear gelu %{{.*}}, %{{.*}}, %{{.*}} gate_bias %{{.*}} up_bias %{{.*}} limit 7.0{{.*}} up_offset 1.0
func.func @fused_with_biases_limit_and_offset(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x7xf32>
  %bg = transformer.weight ["gate_bias"] : tensor<11xf32>
  %wu = transformer.weight ["up"] : tensor<11x7xf32>
  %bu = transformer.weight ["up_bias"] : tensor<11xf32>
  %g = transformer.linear %x, %wg bias %bg : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<11xf32>) -> tensor<?x11xf32>
  %u = transformer.linear %x, %wu bias %bu : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<11xf32>) -> tensor<?x11xf32>
  %y = transformer.gated gelu %g, %u limit 7.0 up_offset 1.0 : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @not_fused_when_inputs_differ
// CHECK-COUNT-2: transformer.linear
// CHECK: transformer.gated silu
// MISSED: gate and up not fused: they read different inputs
func.func @not_fused_when_inputs_differ(%x: tensor<?x7xf32>, %z: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x7xf32>
  %wu = transformer.weight ["up"] : tensor<11x7xf32>
  %g = transformer.linear %x, %wg : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %u = transformer.linear %z, %wu : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %u : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @not_fused_when_types_differ
// CHECK-COUNT-2: transformer.linear
// MISSED: gate and up not fused: their weights have different types
func.func @not_fused_when_types_differ(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x7xf32>
  %wu = transformer.weight ["up"] : tensor<11x7xf16>
  %g = transformer.linear %x, %wg : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %u = transformer.linear %x, %wu : (tensor<?x7xf32>, tensor<11x7xf16>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %u : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @not_fused_when_only_one_has_a_bias
// CHECK-COUNT-2: transformer.linear
// MISSED: gate and up not fused: only one of them has a bias
func.func @not_fused_when_only_one_has_a_bias(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x7xf32>
  %bg = transformer.weight ["gate_bias"] : tensor<11xf32>
  %wu = transformer.weight ["up"] : tensor<11x7xf32>
  %g = transformer.linear %x, %wg bias %bg : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<11xf32>) -> tensor<?x11xf32>
  %u = transformer.linear %x, %wu : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %u : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @not_fused_when_a_result_is_used_elsewhere
// CHECK-COUNT-2: transformer.linear
// MISSED: gate and up not fused: their results are used elsewhere
func.func @not_fused_when_a_result_is_used_elsewhere(%x: tensor<?x7xf32>) -> (tensor<?x11xf32>, tensor<?x11xf32>) {
  %wg = transformer.weight ["gate"] : tensor<11x7xf32>
  %wu = transformer.weight ["up"] : tensor<11x7xf32>
  %g = transformer.linear %x, %wg : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %u = transformer.linear %x, %wu : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %u : tensor<?x11xf32>
  return %y, %u : tensor<?x11xf32>, tensor<?x11xf32>
}

// CHECK-LABEL: func.func @not_fused_when_both_are_one
// CHECK: %[[G:.*]] = transformer.linear
// CHECK: transformer.gated silu %[[G]], %[[G]]
func.func @not_fused_when_both_are_one(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x7xf32>
  %g = transformer.linear %x, %wg : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %g : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// Their codes are used as they are, side by side in one layout.
// CHECK-LABEL: func.func @not_fused_when_stored_in_different_blocks
// CHECK-COUNT-2: transformer.linear
// CHECK: transformer.gated
func.func @not_fused_when_stored_in_different_blocks(%x: tensor<?x32xf32>) -> tensor<?x11xf32> {
  %wg = transformer.weight ["gate"] : tensor<11x32x!transformer.block<q4_0, group = 32>>
  %wu = transformer.weight ["up"] : tensor<11x32x!transformer.block<q8_0, group = 32>>
  %vg = transformer.weight.decode %wg : (tensor<11x32x!transformer.block<q4_0, group = 32>>) -> tensor<11x32xf32>
  %vu = transformer.weight.decode %wu : (tensor<11x32x!transformer.block<q8_0, group = 32>>) -> tensor<11x32xf32>
  %g = transformer.linear %x, %vg : (tensor<?x32xf32>, tensor<11x32xf32>) -> tensor<?x11xf32>
  %u = transformer.linear %x, %vu : (tensor<?x32xf32>, tensor<11x32xf32>) -> tensor<?x11xf32>
  %y = transformer.gated silu %g, %u : tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}
