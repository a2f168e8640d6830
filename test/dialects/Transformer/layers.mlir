// Layers survive text and two processes: classes, slots, tables, values from above.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

!kv = !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 64, f32>

// CHECK-LABEL: @two_classes
func.func @two_classes(%x: tensor<?x64xf32>, %kv: !kv) -> (tensor<?x64xf32>, !kv) {
  // CHECK: %{{.*}}:2 = transformer.layers classes [0, 0, 1] slots [0, 1, 2] iter(%{{.*}}, %{{.*}}) : tensor<?x64xf32>, !state {
  %y, %kv1 = transformer.layers classes [0, 0, 1] slots [0, 1, 2] iter (%x, %kv) : tensor<?x64xf32>, !kv {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %{{.*}}: tensor<?x64xf32>, %{{.*}}: !state):
    ^bb0(%slot: index, %h: tensor<?x64xf32>, %c: !kv):
      // CHECK-NEXT: transformer.weight ["l.0.norm", "l.1.norm"] : tensor<64xf32>
      %w = transformer.weight ["l.0.norm", "l.1.norm"] : tensor<64xf32>
      %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
      transformer.yield %n, %c : tensor<?x64xf32>, !kv
    // CHECK: }, {
    }, {
    ^bb0(%slot: index, %h: tensor<?x64xf32>, %c: !kv):
      // CHECK: transformer.yield %{{.*}}, %{{.*}} : tensor<?x64xf32>, !state
      transformer.yield %h, %c : tensor<?x64xf32>, !kv
    }
  return %y, %kv1 : tensor<?x64xf32>, !kv
}

// CHECK-LABEL: @window_per_layer
func.func @window_per_layer(%x: tensor<?x64xf32>, %kv: !kv, %positions: tensor<?xi32>, %sequences: tensor<?xi32>)
    -> (tensor<?x64xf32>, !kv) {
  // CHECK: transformer.layers classes [0, 0, 0] slots [0, 1, 2] tables [array<i64: 128, 0, 128>] iter(
  %y, %kv1 = transformer.layers classes [0, 0, 0] slots [0, 1, 2] tables [array<i64: 128, 0, 128>] iter (%x, %kv)
      : tensor<?x64xf32>, !kv {
  ^bb0(%slot: index, %window: index, %h: tensor<?x64xf32>, %c: !kv):
    %c1 = transformer.cache_update %c[%slot], %h, %h at %positions of %sequences
      : (!kv, index, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    // CHECK: window_size %{{.*}} :
    %o = transformer.attention %h cache %c1[%slot] at %positions of %sequences heads 1 kv_heads 1 head_dim 64
      scale 0.125 causal window_size %window
      : (tensor<?x64xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, index) -> tensor<?x64xf32>
    transformer.yield %o, %c1 : tensor<?x64xf32>, !kv
  }
  return %y, %kv1 : tensor<?x64xf32>, !kv
}

// CHECK-LABEL: @layer_without_state
func.func @layer_without_state(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: transformer.layers classes [0] slots [-1] iter(%{{.*}}) : tensor<?x64xf32> {
  %y = transformer.layers classes [0] slots [-1] iter (%x) : tensor<?x64xf32> {
  ^bb0(%slot: index, %h: tensor<?x64xf32>):
    transformer.yield %h : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}
