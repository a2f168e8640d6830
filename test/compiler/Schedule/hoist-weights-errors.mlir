// RUN: llmc-opt %s -verify-diagnostics --llmc-hoist-weights

// Layers that were not lowered have no member numbers.
func.func @layers_of_another_dialect(%x: tensor<?x13xf32>) -> tensor<?x13xf32> {
  %y = transformer.layers classes [0, 0] slots [-1, -1] iter (%x) : tensor<?x13xf32> {
  ^bb0(%slot: index, %h: tensor<?x13xf32>):
    %w = transformer.weight ["l0", "l1"] : tensor<13xf32>
    // expected-error @+1 {{stands for 2 layers outside of layers}}
    %p = kernel.pack %w : (tensor<13xf32>) -> !kernel.packed<table, 1, 13, 1, f32>
    %n = kernel.rms_norm %h, %p {epsilon = 0.0 : f32}
      : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x13xf32>
    transformer.yield %n : tensor<?x13xf32>
  }
  return %y : tensor<?x13xf32>
}
