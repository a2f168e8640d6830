// RUN: not llmc-opt --pass-pipeline='builtin.module(llmc-quantize-weights{format=q4 group=32})' %s 2>&1 | FileCheck %s --check-prefix=ERROR
// RUN: llmc-opt --pass-pipeline='builtin.module(llmc-quantize-weights{format=q4 group=32 allow-requantize})' %s | FileCheck %s

// ERROR: model.gguf{{.*}}error: tensor 'w' is stored in q4_1: rounding it to q8 would lose quality a second time
// ERROR: note: compile the unquantised model, or use --weights keep, or --allow-requantize

transformer.checkpoint gguf in "model.gguf"
// CHECK: %[[V:.*]] = transformer.weight.decode
// CHECK: transformer.weight.quantize %[[V]]
func.func @decoded_values_are_not_rounded_again(%x: tensor<?x32xf32>) -> tensor<?x11xf32> {
  %w = transformer.weight ["w"] : tensor<11x32x!transformer.block<q4_1, group = 32>>
  %v = transformer.weight.decode %w : (tensor<11x32x!transformer.block<q4_1, group = 32>>) -> tensor<11x32xf32>
  %y = transformer.linear %x, %v : (tensor<?x32xf32>, tensor<11x32xf32>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}
