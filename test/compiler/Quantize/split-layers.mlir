// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-split-layers{wide=l.1.w,l.3.w}))' %s | FileCheck %s --check-prefix=TWO
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-split-layers{wide=l.0.w,l.1.w,l.2.w,l.3.w}),llmc-quantize-weights{format=q4 wide=l.0.w,l.1.w,l.2.w,l.3.w})' %s | FileCheck %s --check-prefix=ALL
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-split-layers{wide=l.0.w,l.2.v}),llmc-quantize-weights{format=q4 wide=l.0.w,l.2.v})' %s | FileCheck %s --check-prefix=THREE

// TWO-LABEL: func.func @layers_named_differently_part
// TWO: transformer.layers classes [0, 1, 0, 1] slots [-1, -1, -1, -1]
// TWO: transformer.weight ["l.0.w", "l.2.w"]
// TWO: transformer.weight ["l.0.v", "l.2.v"]
// TWO: transformer.weight ["l.1.w", "l.3.w"]
// TWO: transformer.weight ["l.1.v", "l.3.v"]

// Named alike: one class, of 8 bits.
// ALL: transformer.layers classes [0, 0, 0, 0]
// ALL: %[[W:.*]] = transformer.weight ["l.0.w", "l.1.w", "l.2.w", "l.3.w"]
// ALL: transformer.weight.quantize %[[W]] : (tensor<32x32xf32>) -> tensor<32x32x!transformer.block<q8, group = 32>>
// ALL: %[[V:.*]] = transformer.weight ["l.0.v"
// ALL: transformer.weight.quantize %[[V]] : (tensor<32x32xf32>) -> tensor<32x32x!transformer.block<q4, group = 32>>

// Another linear of another layer: three choices.
// THREE: transformer.layers classes [0, 1, 2, 1]
// THREE: transformer.weight ["l.0.w"]
// THREE: block<q8
// THREE: transformer.weight ["l.0.v"]
// THREE: block<q4
// THREE: transformer.weight ["l.1.w", "l.3.w"]
// THREE: block<q4
// THREE: transformer.weight ["l.1.v", "l.3.v"]
// THREE: block<q4
// THREE: transformer.weight ["l.2.w"]
// THREE: block<q4
// THREE: transformer.weight ["l.2.v"]
// THREE: block<q8
func.func @layers_named_differently_part(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = transformer.layers classes [0, 0, 0, 0] slots [-1, -1, -1, -1] iter (%x) : tensor<?x32xf32> {
  ^bb0(%slot: index, %h: tensor<?x32xf32>):
    %w = transformer.weight ["l.0.w", "l.1.w", "l.2.w", "l.3.w"] : tensor<32x32xf32>
    %v = transformer.weight ["l.0.v", "l.1.v", "l.2.v", "l.3.v"] : tensor<32x32xf32>
    %a = transformer.linear %h, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
    %b = transformer.linear %a, %v : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
    transformer.yield %b : tensor<?x32xf32>
  }
  %z = transformer.add %y, %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
