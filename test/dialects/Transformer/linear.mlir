// Products, the embedding, split, concat and gather_rows survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-LABEL: @embedding
func.func @embedding(%tokens: tensor<?xi32>, %table: tensor<512x64xbf16>, %positions: tensor<?xi32>,
                     %places: tensor<130x64xf32>) {
  // CHECK: transformer.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  %x = transformer.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  // CHECK: transformer.embedding %{{.*}}, %{{.*}} scale {{.*}} positions %{{.*}} position_table %{{.*}} position_offset 2 :
  %y = transformer.embedding %tokens, %table scale 8.0 positions %positions position_table %places position_offset 2
    : (tensor<?xi32>, tensor<512x64xbf16>, tensor<?xi32>, tensor<130x64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @linear
func.func @linear(%x: tensor<?x64xf32>, %w: tensor<172x64xbf16>, %b: tensor<172xbf16>,
                  %q: tensor<172x64x!transformer.block<q8, group = 32>>) {
  // CHECK: transformer.linear %{{.*}}, %{{.*}} bias %{{.*}} :
  %y = transformer.linear %x, %w bias %b
      : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172xbf16>) -> tensor<?x172xf32>
  // CHECK: transformer.linear %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<172x64x!transformer.block<q8, group = 32>>) -> tensor<?x172xf32>
  %z = transformer.linear %x, %q : (tensor<?x64xf32>, tensor<172x64x!transformer.block<q8, group = 32>>) -> tensor<?x172xf32>
  return
}

// CHECK-LABEL: @gated_linear
func.func @gated_linear(%x: tensor<?x64xf32>, %g: tensor<172x64xbf16>, %u: tensor<172x64xbf16>, %b: tensor<172xf32>) {
  // CHECK: transformer.gated_linear silu %{{.*}}, %{{.*}}, %{{.*}} :
  %y = transformer.gated_linear silu %x, %g, %u
      : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172x64xbf16>) -> tensor<?x172xf32>
  // CHECK: transformer.gated_linear quick_gelu %{{.*}} gate_bias %{{.*}} up_bias %{{.*}} limit {{.*}} up_offset {{.*}} :
  %z = transformer.gated_linear quick_gelu %x, %g, %u gate_bias %b up_bias %b limit 7.0 up_offset 1.0
    : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172x64xbf16>, tensor<172xf32>, tensor<172xf32>) -> tensor<?x172xf32>
  return
}

// CHECK-LABEL: @split
func.func @split(%qkv: tensor<?x128xf32>) {
  // CHECK: %{{.*}}:3 = transformer.split %{{.*}} sizes [64, 32, 32] : (tensor<?x128xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
  %q, %k, %v = transformer.split %qkv sizes [64, 32, 32]
      : (tensor<?x128xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
  return
}

// CHECK-LABEL: @concat
func.func @concat(%a: tensor<?x5xf32>, %b: tensor<?x7xf32>) {
  // CHECK: transformer.concat %{{.*}}, %{{.*}} : (tensor<?x5xf32>, tensor<?x7xf32>) -> tensor<?x12xf32>
  %y = transformer.concat %a, %b : (tensor<?x5xf32>, tensor<?x7xf32>) -> tensor<?x12xf32>
  return
}

// CHECK-LABEL: @gather_rows
func.func @gather_rows(%x: tensor<?x64xf32>, %rows: tensor<?xi32>) {
  // CHECK: transformer.gather_rows %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x64xf32>
  %y = transformer.gather_rows %x, %rows : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x64xf32>
  return
}
