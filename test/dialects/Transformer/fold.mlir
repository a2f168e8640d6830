// Ops that change nothing go away; those that do stay.
// RUN: llmc-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @identities
// CHECK-SAME: (%[[W:.*]]: tensor<5x7xf32>)
func.func @identities(%w: tensor<5x7xf32>)
    -> (tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>) {
  %0 = transformer.weight.slice %w offsets [0, 0] sizes [5, 7] : (tensor<5x7xf32>) -> tensor<5x7xf32>
  %1 = transformer.weight.concat %w axis 0 : (tensor<5x7xf32>) -> tensor<5x7xf32>
  %2 = transformer.weight.permute %w view [35] order [0] : (tensor<5x7xf32>) -> tensor<5x7xf32>
  %3 = transformer.weight.convert %w : (tensor<5x7xf32>) -> tensor<5x7xf32>
  %4 = transformer.weight.affine %w scale 1.0 offset -0.0 : tensor<5x7xf32>
  // CHECK-NEXT: return %[[W]], %[[W]], %[[W]], %[[W]], %[[W]]
  return %0, %1, %2, %3, %4 : tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>
}

// Adding +0 turns -0 into +0; a square matrix can be transposed into its own type.
// CHECK-LABEL: @not_identities
func.func @not_identities(%w: tensor<5x5xf32>) -> (tensor<5x5xf32>, tensor<5x5xf32>) {
  // CHECK: transformer.weight.affine
  %0 = transformer.weight.affine %w scale 1.0 offset 0.0 : tensor<5x5xf32>
  // CHECK: transformer.weight.permute
  %1 = transformer.weight.permute %w view [5, 5] order [1, 0] : (tensor<5x5xf32>) -> tensor<5x5xf32>
  return %0, %1 : tensor<5x5xf32>, tensor<5x5xf32>
}

// CHECK-LABEL: @activations
// CHECK-SAME: (%[[X:.*]]: tensor<?x7xf32>)
func.func @activations(%x: tensor<?x7xf32>) -> (tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>) {
  %0 = transformer.split %x sizes [7] : (tensor<?x7xf32>) -> tensor<?x7xf32>
  %1 = transformer.concat %x : (tensor<?x7xf32>) -> tensor<?x7xf32>
  %2 = transformer.scale %x by 1.0 : tensor<?x7xf32>
  // CHECK: %[[S:.*]] = transformer.scale
  %3 = transformer.scale %x by 0.5 : tensor<?x7xf32>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[S]]
  return %0, %1, %2, %3 : tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>
}

// CHECK-LABEL: @unused_update_goes_away
func.func @unused_update_goes_away(%kv: !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 7, f32>,
    %slot: index, %x: tensor<?x7xf32>, %p: tensor<?xi32>) {
  // CHECK-NEXT: return
  %0 = transformer.cache_update %kv[%slot], %x, %x at %p of %p
    : (!transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 7, f32>, index, tensor<?x7xf32>, tensor<?x7xf32>,
       tensor<?xi32>, tensor<?xi32>) -> !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 7, f32>
  return
}
