// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-convert-weights{type=bf16}))' %s | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-convert-weights{type=bf16},llmc-convert-weights{type=bf16}))' %s | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-convert-weights{type=keep}))' %s | FileCheck %s --check-prefix=KEEP
// RUN: not llmc-opt --pass-pipeline='builtin.module(func.func(llmc-convert-weights{type=q3}))' %s 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: unknown weight type 'q3' (expected keep, f32, bf16 or f16)
// KEEP-NOT: transformer.weight.convert

// CHECK-LABEL: func.func @matrices_are_converted_vectors_kept
// BF16: %[[W:.*]] = transformer.weight ["w"] : tensor<11x7xf32>
// BF16: %[[C:.*]] = transformer.weight.convert %[[W]] : (tensor<11x7xf32>) -> tensor<11x7xbf16>
// BF16: %[[B:.*]] = transformer.weight ["b"] : tensor<11xf32>
// BF16: transformer.linear %{{.*}}, %[[C]] bias %[[B]]
func.func @matrices_are_converted_vectors_kept(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %w = transformer.weight ["w"] : tensor<11x7xf32>
  %b = transformer.weight ["b"] : tensor<11xf32>
  %y = transformer.linear %x, %w bias %b : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<11xf32>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @tied_embedding_is_converted_once
// BF16: %[[W:.*]] = transformer.weight ["w"]
// BF16: %[[C:.*]] = transformer.weight.convert %[[W]]
// BF16-NOT: transformer.weight.convert
// BF16: transformer.embedding %{{.*}}, %[[C]]
// BF16: transformer.linear %{{.*}}, %[[C]]
func.func @tied_embedding_is_converted_once(%tokens: tensor<?xi32>) -> tensor<?x11xf32> {
  %w = transformer.weight ["w"] : tensor<11x7xf32>
  %x = transformer.embedding %tokens, %w : (tensor<?xi32>, tensor<11x7xf32>) -> tensor<?x7xf32>
  %y = transformer.linear %x, %w : (tensor<?x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @both_matrices_of_a_gate
// BF16-COUNT-2: transformer.weight.convert {{.*}} : (tensor<11x7xf16>) -> tensor<11x7xbf16>
func.func @both_matrices_of_a_gate(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %g = transformer.weight ["g"] : tensor<11x7xf16>
  %u = transformer.weight ["u"] : tensor<11x7xf16>
  %y = transformer.gated_linear silu %x, %g, %u : (tensor<?x7xf32>, tensor<11x7xf16>, tensor<11x7xf16>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}

// CHECK-LABEL: func.func @not_converted_when_it_has_the_type
// CHECK-NOT: transformer.weight.convert
func.func @not_converted_when_it_has_the_type(%x: tensor<?x7xf32>) -> tensor<?x11xf32> {
  %w = transformer.weight ["w"] : tensor<11x7xbf16>
  %y = transformer.linear %x, %w : (tensor<?x7xf32>, tensor<11x7xbf16>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}
