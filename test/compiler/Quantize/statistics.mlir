// RUN: llmc-opt --split-input-file --pass-pipeline='builtin.module(llmc-quantize-weights{format=q4 group=32})' %s | FileCheck %s

transformer.checkpoint safetensors in "models/tiny" statistics "tiny.stats"
// Both matrices of a gate by what the gate's is multiplied with; a table that is looked up in, too, without.
// CHECK-LABEL: func.func @linears_are_rounded_by_their_inputs
// CHECK-DAG: %[[G:.*]] = transformer.weight ["g"] : tensor<16x32xbf16>
// CHECK-DAG: %[[U:.*]] = transformer.weight ["u"] : tensor<16x32xbf16>
// CHECK-DAG: %[[S:.*]] = transformer.weight ["inputs:g"] : tensor<528xf32>
// CHECK-DAG: transformer.weight.quantize %[[G]] by %[[S]] : (tensor<16x32xbf16>, tensor<528xf32>) -> tensor<16x32x!transformer.block<q4, group = 32>>
// CHECK-DAG: transformer.weight.quantize %[[U]] by %{{.*}} : (tensor<16x32xbf16>, tensor<528xf32>)
// CHECK-DAG: transformer.weight.quantize %{{.*}} : (tensor<11x32xbf16>) -> tensor<11x32x!transformer.block<q8, group = 32>>
// CHECK-DAG: %[[D:.*]] = transformer.weight ["inputs:d"] : tensor<528xf32>
// CHECK-DAG: transformer.weight.quantize %{{.*}} by %[[D]]
// CHECK-NOT: inputs:e
// CHECK: return
func.func @linears_are_rounded_by_their_inputs(%tokens: tensor<?xi32>) -> tensor<?x11xf32> {
  %e = transformer.weight ["e"] : tensor<11x32xbf16>
  %g = transformer.weight ["g"] : tensor<16x32xbf16>
  %u = transformer.weight ["u"] : tensor<16x32xbf16>
  %d = transformer.weight ["d"] : tensor<32x32xbf16>
  %x = transformer.embedding %tokens, %e : (tensor<?xi32>, tensor<11x32xbf16>) -> tensor<?x32xf32>
  %n = transformer.linear %x, %d : (tensor<?x32xf32>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  %y = transformer.gated_linear silu %n, %g, %u : (tensor<?x32xf32>, tensor<16x32xbf16>, tensor<16x32xbf16>) -> tensor<?x16xf32>
  %z = transformer.linear %n, %e : (tensor<?x32xf32>, tensor<11x32xbf16>) -> tensor<?x11xf32>
  return %z : tensor<?x11xf32>
}
