// Norms, rope and the ops on each element survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-LABEL: @rms_norm
func.func @rms_norm(%x: tensor<?x576xf32>, %w: tensor<576xf32>, %g: tensor<64xbf16>) {
  // CHECK: transformer.rms_norm %{{.*}}, %{{.*}} epsilon {{.*}} : (tensor<?x576xf32>, tensor<576xf32>) -> tensor<?x576xf32>
  %h = transformer.rms_norm %x, %w epsilon 1.0e-5 : (tensor<?x576xf32>, tensor<576xf32>) -> tensor<?x576xf32>
  // CHECK: transformer.rms_norm %{{.*}}, %{{.*}} epsilon {{.*}} group_size 64 weight_offset {{.*}} rounding before_weight :
  %n = transformer.rms_norm %x, %g epsilon 1.0e-6 group_size 64 weight_offset 1.0 rounding before_weight
    : (tensor<?x576xf32>, tensor<64xbf16>) -> tensor<?x576xf32>
  // CHECK: transformer.rms_norm %{{.*}} epsilon {{.*}} : (tensor<?x576xf32>) -> tensor<?x576xf32>
  %o = transformer.rms_norm %x epsilon 0.0 : (tensor<?x576xf32>) -> tensor<?x576xf32>
  return
}

// CHECK-LABEL: @layer_norm
func.func @layer_norm(%x: tensor<?x768xf32>, %w: tensor<768xf32>, %b: tensor<768xf32>) {
  // CHECK: transformer.layer_norm %{{.*}}, %{{.*}} bias %{{.*}} epsilon
  %h = transformer.layer_norm %x, %w bias %b epsilon 1.0e-5
      : (tensor<?x768xf32>, tensor<768xf32>, tensor<768xf32>) -> tensor<?x768xf32>
  // CHECK: transformer.layer_norm %{{.*}} epsilon {{.*}} group_size 256 :
  %g = transformer.layer_norm %x epsilon 1.0e-5 group_size 256 : (tensor<?x768xf32>) -> tensor<?x768xf32>
  return
}

// CHECK-LABEL: @rope
func.func @rope(%q: tensor<?x576xf32>, %positions: tensor<?xi32>, %f: tensor<1x32xf32>, %g: tensor<2x11xf32>) {
  // CHECK: transformer.rope half %{{.*}} at %{{.*}} by %{{.*}} head_dim 64 rotary_dim 64 :
  %q1 = transformer.rope half %q at %positions by %f head_dim 64 rotary_dim 64
      : (tensor<?x576xf32>, tensor<?xi32>, tensor<1x32xf32>) -> tensor<?x576xf32>
  // CHECK: transformer.rope interleaved %{{.*}} rotary_dim 22 original_context 4096 attention_factor {{.*}} :
  %q2 = transformer.rope interleaved %q at %positions by %g head_dim 64 rotary_dim 22 original_context 4096
    attention_factor 1.19 : (tensor<?x576xf32>, tensor<?xi32>, tensor<2x11xf32>) -> tensor<?x576xf32>
  return
}

// CHECK-LABEL: @elementwise
func.func @elementwise(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>, %x: tensor<?x64xf32>, %logits: tensor<?x512xf32>) {
  // CHECK: transformer.add %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %0 = transformer.add %a, %b : tensor<?x64xf32>
  // CHECK: transformer.mul %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x64xf32>
  %2 = transformer.mul %a, %b : tensor<?x64xf32>, tensor<?x64xf32>
  // CHECK: transformer.scale %{{.*}} by {{.*}} : tensor<?x64xf32>
  %3 = transformer.scale %x by 0.125 : tensor<?x64xf32>
  // CHECK: transformer.soft_cap %{{.*}} at {{.*}} : tensor<?x512xf32>
  %4 = transformer.soft_cap %logits at 30.0 : tensor<?x512xf32>
  return
}

// CHECK-LABEL: @mul_by_a_column
func.func @mul_by_a_column(%a: tensor<?x64xf32>, %b: tensor<?x1xf32>) {
  // CHECK: transformer.mul %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x1xf32>
  %y = transformer.mul %a, %b : tensor<?x64xf32>, tensor<?x1xf32>
  return
}

// CHECK-LABEL: @activations
func.func @activations(%x: tensor<?x64xf32>) {
  // CHECK-COUNT-8: transformer.activation {{silu|gelu|gelu_tanh|quick_gelu|relu|relu_squared|sigmoid|tanh}} %{{.*}} : tensor<?x64xf32>
  %0 = transformer.activation silu %x : tensor<?x64xf32>
  %1 = transformer.activation gelu %x : tensor<?x64xf32>
  %2 = transformer.activation gelu_tanh %x : tensor<?x64xf32>
  %3 = transformer.activation quick_gelu %x : tensor<?x64xf32>
  %4 = transformer.activation relu %x : tensor<?x64xf32>
  %5 = transformer.activation relu_squared %x : tensor<?x64xf32>
  %6 = transformer.activation sigmoid %x : tensor<?x64xf32>
  %7 = transformer.activation tanh %x : tensor<?x64xf32>
  return
}

// CHECK-LABEL: @gated
func.func @gated(%gate: tensor<?x172xf32>, %up: tensor<?x172xf32>) {
  // CHECK: transformer.gated silu %{{.*}}, %{{.*}} : tensor<?x172xf32>
  %a = transformer.gated silu %gate, %up : tensor<?x172xf32>
  // CHECK: transformer.gated quick_gelu %{{.*}}, %{{.*}} limit {{.*}} up_offset {{.*}} : tensor<?x172xf32>
  %b = transformer.gated quick_gelu %gate, %up limit 7.0 up_offset 1.0 : tensor<?x172xf32>
  return
}
