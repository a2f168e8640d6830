// RUN: llmc-opt --split-input-file --pass-pipeline='builtin.module(llmc-quantize-weights{format=q4 group=32})' %s | FileCheck %s --check-prefixes=CHECK,Q4
// RUN: llmc-opt --split-input-file --pass-pipeline='builtin.module(llmc-quantize-weights{format=q8_min group=0})' %s | FileCheck %s --check-prefixes=CHECK,ROW
// RUN: not llmc-opt --split-input-file --pass-pipeline='builtin.module(llmc-quantize-weights{format=q4_0})' %s 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not llmc-opt --split-input-file --pass-pipeline='builtin.module(llmc-quantize-weights{format=q4 group=64})' %s 2>&1 | FileCheck %s --check-prefix=GROUP

// FORMAT: 'q4_0' is not a format to round to (expected q8, q4, q8_min or q4_min)
// GROUP: models/tiny{{.*}}error: tensor 'w': rows of 32 values are not whole groups of 64
// GROUP: note: --weights q4:row makes each row a group; so does a group that divides 32

transformer.checkpoint safetensors in "models/tiny"
// CHECK-LABEL: func.func @matrices_are_rounded_vectors_kept
// Q4: %[[Q:.*]] = transformer.weight.quantize %{{.*}} : (tensor<11x32xf32>) -> tensor<11x32x!transformer.block<q4, group = 32>>
// ROW: %[[Q:.*]] = transformer.weight.quantize %{{.*}} : (tensor<11x32xf32>) -> tensor<11x32x!transformer.block<q8_min, group = 32>>
// CHECK: %[[B:.*]] = transformer.weight ["b"] : tensor<11xf32>
// CHECK: transformer.linear %{{.*}}, %[[Q]] bias %[[B]]
func.func @matrices_are_rounded_vectors_kept(%x: tensor<?x32xf32>) -> tensor<?x11xf32> {
  %w = transformer.weight ["w"] : tensor<11x32xf32>
  %b = transformer.weight ["b"] : tensor<11xf32>
  %y = transformer.linear %x, %w bias %b : (tensor<?x32xf32>, tensor<11x32xf32>, tensor<11xf32>) -> tensor<?x11xf32>
  %z = transformer.add %y, %y : tensor<?x11xf32>
  return %z : tensor<?x11xf32>
}

// -----

// CHECK-LABEL: func.func @embedding_and_head_take_eight_bits
// Q4-DAG: transformer.weight.quantize %{{.*}} : (tensor<11x64xbf16>) -> tensor<11x64x!transformer.block<q8, group = 32>>
// Q4-DAG: transformer.weight.quantize %{{.*}} : (tensor<64x64xbf16>) -> tensor<64x64x!transformer.block<q4, group = 32>>
// Q4-NOT: transformer.weight.quantize
// Q4: return
// ROW-COUNT-2: -> tensor<{{.*}}x64x!transformer.block<q8_min, group = 64>>
func.func @embedding_and_head_take_eight_bits(%tokens: tensor<?xi32>) -> tensor<?x11xf32> {
  %w = transformer.weight ["w"] : tensor<11x64xbf16>
  %m = transformer.weight ["m"] : tensor<64x64xbf16>
  %x = transformer.embedding %tokens, %w : (tensor<?xi32>, tensor<11x64xbf16>) -> tensor<?x64xf32>
  %h = transformer.linear %x, %m : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %y = transformer.linear %h, %w : (tensor<?x64xf32>, tensor<11x64xbf16>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}
