// Weights in blocks become codes; what they are multiplied with is quantised once, unless f32 is asked for.
// RUN: llmc-opt %s -split-input-file --llmc-lower-to-kernel --cse | FileCheck %s
// RUN: llmc-opt %s -split-input-file --llmc-lower-to-kernel=activations=f32 --cse | FileCheck %s --check-prefix=FLOAT

// Behind decodes, joined rows, and rows turned: two products read one quantised x. Outside of layers its segments are the
// shortest.
// CHECK-LABEL: @joined
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>
// CHECK: %[[B:.*]] = transformer.weight.concat {{.*}} : (tensor<14x96x!transformer.block<q4_0, group = 32>>, tensor<3x96x!transformer.block<q4_0, group = 32>>) -> tensor<17x96x!transformer.block<q4_0, group = 32>>
// CHECK: %[[P:.*]] = kernel.pack %[[B]] : {{.*}} -> !kernel.packed<codes, 17, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
// CHECK: %[[Q:.*]] = kernel.quantize %[[X]] {segment = 16 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x96xf32>) -> tensor<?x256xi8>
// CHECK: kernel.matmul %[[Q]], %[[P]]
// CHECK-NOT: kernel.quantize
// CHECK: kernel.matmul %[[Q]]
// FLOAT-LABEL: @joined
// FLOAT-NOT: kernel.quantize
// FLOAT: kernel.matmul %{{.*}}, %{{.*}} {
// FLOAT: } : (tensor<?x96xf32>, <codes, 17, 96, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) -> (tensor<?x17xf32>)
func.func @joined(%x: tensor<?x96xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x17xf32> {transformer.role = #transformer.role<output>},
        tensor<?x3xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %a = transformer.weight ["a"] : tensor<14x96x!transformer.block<q4_0, group = 32>>
  %t = transformer.weight.permute %a view [1, 7, 2, 96] order [0, 2, 1, 3]
    : (tensor<14x96x!transformer.block<q4_0, group = 32>>) -> tensor<14x96x!transformer.block<q4_0, group = 32>>
  %da = transformer.weight.decode %t : (tensor<14x96x!transformer.block<q4_0, group = 32>>) -> tensor<14x96xf32>
  %b = transformer.weight ["b"] : tensor<3x96x!transformer.block<q4_0, group = 32>>
  %db = transformer.weight.decode %b : (tensor<3x96x!transformer.block<q4_0, group = 32>>) -> tensor<3x96xf32>
  %c = transformer.weight.concat %da, %db axis 0 : (tensor<14x96xf32>, tensor<3x96xf32>) -> tensor<17x96xf32>
  %y = transformer.linear %x, %c : (tensor<?x96xf32>, tensor<17x96xf32>) -> tensor<?x17xf32>
  %z = transformer.linear %x, %b : (tensor<?x96xf32>, tensor<3x96x!transformer.block<q4_0, group = 32>>) -> tensor<?x3xf32>
  return %y, %z : tensor<?x17xf32>, tensor<?x3xf32>
}

// -----

// Two levels of scales and minima; one table for the embedding and the head.
// CHECK-LABEL: @tied
// CHECK: %[[P:.*]] = kernel.pack %{{.*}} -> !kernel.packed<codes, 53, 256, 1, !kernel.codes<4, group = 32, zero = 0, f16 super = 256 minimum = 1>>
// CHECK: kernel.embed %{{.*}}, %[[P]]
// CHECK: kernel.quantize %{{.*}} {segment = 16 : i64, sums = 2 : i32} : (tensor<?x256xf32>) -> tensor<?x384xi8>
// CHECK: kernel.matmul %{{.*}}, %[[P]]
func.func @tied(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>})
    -> (tensor<?x53xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %w = transformer.weight ["w"] : tensor<53x256x!transformer.block<q4_k, group = 256>>
  %d = transformer.weight.decode %w : (tensor<53x256x!transformer.block<q4_k, group = 256>>) -> tensor<53x256xf32>
  %x = transformer.embedding %ids, %d : (tensor<?xi32>, tensor<53x256xf32>) -> tensor<?x256xf32>
  %y = transformer.linear %x, %d : (tensor<?x256xf32>, tensor<53x256xf32>) -> tensor<?x53xf32>
  return %y : tensor<?x53xf32>
}

// -----

// Codes keep their bits.
// CHECK-LABEL: @bits
// CHECK: !kernel.codes<2, group = 16, zero = 0, f16 super = 256 minimum = 1>
// CHECK: !kernel.codes<3, group = 16, zero = 4, f16 super = 256>
// CHECK: !kernel.codes<5, group = 32, zero = 0, f16 super = 256 minimum = 1>
// CHECK: !kernel.codes<5, group = 32, zero = 16, f16>
// CHECK: !kernel.codes<6, group = 16, zero = 32, f16 super = 256>
func.func @bits(%x: tensor<?x256xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x9xf32> {transformer.role = #transformer.role<output>},
        tensor<?x9xf32> {transformer.role = #transformer.role<output>},
        tensor<?x9xf32> {transformer.role = #transformer.role<output>},
        tensor<?x9xf32> {transformer.role = #transformer.role<output>},
        tensor<?x9xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %a = transformer.weight ["a"] : tensor<9x256x!transformer.block<q2_k, group = 256>>
  %b = transformer.weight ["b"] : tensor<9x256x!transformer.block<q3_k, group = 256>>
  %c = transformer.weight ["c"] : tensor<9x256x!transformer.block<q5_k, group = 256>>
  %d = transformer.weight ["d"] : tensor<9x256x!transformer.block<q5_0, group = 32>>
  %e = transformer.weight ["e"] : tensor<9x256x!transformer.block<q6_k, group = 256>>
  %u = transformer.linear %x, %a : (tensor<?x256xf32>, tensor<9x256x!transformer.block<q2_k, group = 256>>) -> tensor<?x9xf32>
  %v = transformer.linear %x, %b : (tensor<?x256xf32>, tensor<9x256x!transformer.block<q3_k, group = 256>>) -> tensor<?x9xf32>
  %w = transformer.linear %x, %c : (tensor<?x256xf32>, tensor<9x256x!transformer.block<q5_k, group = 256>>) -> tensor<?x9xf32>
  %y = transformer.linear %x, %d : (tensor<?x256xf32>, tensor<9x256x!transformer.block<q5_0, group = 32>>) -> tensor<?x9xf32>
  %z = transformer.linear %x, %e : (tensor<?x256xf32>, tensor<9x256x!transformer.block<q6_k, group = 256>>) -> tensor<?x9xf32>
  return %u, %v, %w, %y, %z : tensor<?x9xf32>, tensor<?x9xf32>, tensor<?x9xf32>, tensor<?x9xf32>, tensor<?x9xf32>
}

// -----

// What has no layout of codes, or is of several formats, is decoded; what was converted stays converted.
// CHECK-LABEL: @decoded
// CHECK-NOT: kernel.quantize
// CHECK: !kernel.packed<panels, 7, 64, 1, f32>
// CHECK: !kernel.packed<panels, 12, 64, 1, f32>
// CHECK: !kernel.packed<panels, 7, 64, 1, bf16>
func.func @decoded(%x: tensor<?x64xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x7xf32> {transformer.role = #transformer.role<output>},
        tensor<?x12xf32> {transformer.role = #transformer.role<output>},
        tensor<?x7xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %f = transformer.weight ["f"] : tensor<7x64x!transformer.block<fp8_e4m3, group = 32>>
  %y = transformer.linear %x, %f : (tensor<?x64xf32>, tensor<7x64x!transformer.block<fp8_e4m3, group = 32>>) -> tensor<?x7xf32>
  %a = transformer.weight ["a"] : tensor<7x64x!transformer.block<q8_0, group = 32>>
  %da = transformer.weight.decode %a : (tensor<7x64x!transformer.block<q8_0, group = 32>>) -> tensor<7x64xf32>
  %b = transformer.weight ["b"] : tensor<5x64x!transformer.block<q4_0, group = 32>>
  %db = transformer.weight.decode %b : (tensor<5x64x!transformer.block<q4_0, group = 32>>) -> tensor<5x64xf32>
  %c = transformer.weight.concat %da, %db axis 0 : (tensor<7x64xf32>, tensor<5x64xf32>) -> tensor<12x64xf32>
  %z = transformer.linear %x, %c : (tensor<?x64xf32>, tensor<12x64xf32>) -> tensor<?x12xf32>
  %h = transformer.weight.convert %da : (tensor<7x64xf32>) -> tensor<7x64xbf16>
  %v = transformer.linear %x, %h : (tensor<?x64xf32>, tensor<7x64xbf16>) -> tensor<?x7xf32>
  return %y, %z, %v : tensor<?x7xf32>, tensor<?x12xf32>, tensor<?x7xf32>
}

// -----

// Columns that were sorted are multiplied as they lie, by rows put in the same order; sums of floats keep the order of k.
// CHECK-LABEL: @sorted
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>
// CHECK: %[[G:.*]] = transformer.weight ["g"]
// CHECK: %[[B:.*]] = transformer.weight.blocks
// CHECK: %[[O:.*]] = kernel.pack %[[G]] {order} : (tensor<96xi32>) -> !kernel.packed<table, 1, 96, 1, f32>
// CHECK: %[[P:.*]] = kernel.pack %[[B]] : {{.*}} -> !kernel.packed<codes, 17, 96, 1, !kernel.codes<4, group = 32, zero = 0, f32 zeros = 1>>
// CHECK: %[[Q:.*]] = kernel.quantize %[[X]] order(%[[O]]) {segment = 16 : i64, sums = 3 : i32}
// CHECK: kernel.matmul %[[Q]], %[[P]]
// FLOAT-LABEL: @sorted
// FLOAT: transformer.weight.sort_columns %{{.*}} inverse
// FLOAT: kernel.matmul %{{.*}}, %{{.*}} {
// FLOAT: } : (tensor<?x96xf32>, <panels, 17, 96, 1, f32>) -> (tensor<?x17xf32>)
func.func @sorted(%x: tensor<?x96xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x17xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %g = transformer.weight ["g"] : tensor<96xi32>
  %words = transformer.weight ["c"] : tensor<17x12xi32>
  %codes = transformer.weight.unpack %words bits 4 axis 1 : (tensor<17x12xi32>) -> tensor<17x96xui8>
  %s = transformer.weight.sort_columns %codes by %g : tensor<17x96xui8>, tensor<96xi32>
  %d = transformer.weight ["d"] : tensor<17x3xf32>
  %z = transformer.weight ["z"] : tensor<17x3xui8>
  %zeros = transformer.weight.unpack %z bits 8 axis 1 : (tensor<17x3xui8>) -> tensor<17x3xui8>
  %b = transformer.weight.blocks %s scales %d tile [1, 32] zeros %zeros : (tensor<17x96xui8>, tensor<17x3xf32>, tensor<17x3xui8>) -> tensor<17x96x!transformer.block<q4_zero, group = 32>>
  %v = transformer.weight.decode %b : (tensor<17x96x!transformer.block<q4_zero, group = 32>>) -> tensor<17x96xf32>
  %w = transformer.weight.sort_columns %v by %g inverse : tensor<17x96xf32>, tensor<96xi32>
  %y = transformer.linear %x, %w : (tensor<?x96xf32>, tensor<17x96xf32>) -> tensor<?x17xf32>
  return %y : tensor<?x17xf32>
}

// -----

// Within layers segments are as long as the weight's groups let them be.
// CHECK-LABEL: @in_layers
// CHECK: kernel.layers
// CHECK: kernel.quantize %{{.*}} {segment = 32 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x64xf32>) -> tensor<?x192xi8>
// CHECK: kernel.matmul
// CHECK: kernel.quantize %{{.*}} {segment = 16 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x64xf32>) -> tensor<?x192xi8>
// CHECK: kernel.matmul
func.func @in_layers(%x: tensor<?x64xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x64xf32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry} {
  %y = transformer.layers classes [0, 0] slots [-1, -1] iter (%x) : tensor<?x64xf32> {
  ^bb0(%slot: index, %h: tensor<?x64xf32>):
    %w = transformer.weight ["a", "b"] : tensor<64x64x!transformer.block<q4_0, group = 32>>
    %z = transformer.linear %h, %w : (tensor<?x64xf32>, tensor<64x64x!transformer.block<q4_0, group = 32>>) -> tensor<?x64xf32>
    transformer.yield %z : tensor<?x64xf32>
  }
  %v = transformer.weight ["v"] : tensor<64x64x!transformer.block<q4_0, group = 32>>
  %z = transformer.linear %y, %v : (tensor<?x64xf32>, tensor<64x64x!transformer.block<q4_0, group = 32>>) -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
