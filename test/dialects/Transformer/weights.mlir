// Ops on weight values survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-LABEL: @weight
func.func @weight() -> tensor<64xf32> {
  // CHECK: transformer.weight ["model.norm.weight"] : tensor<64xf32>
  %w = transformer.weight ["model.norm.weight"] : tensor<64xf32>
  return %w : tensor<64xf32>
}

// CHECK-LABEL: @slice
func.func @slice(%qkv: tensor<960x576xbf16>) -> tensor<192x576xbf16> {
  // CHECK: transformer.weight.slice %{{.*}} offsets [576, 0] sizes [192, 576] : (tensor<960x576xbf16>) -> tensor<192x576xbf16>
  %k = transformer.weight.slice %qkv offsets [576, 0] sizes [192, 576]
      : (tensor<960x576xbf16>) -> tensor<192x576xbf16>
  return %k : tensor<192x576xbf16>
}

// CHECK-LABEL: @concat
func.func @concat(%q: tensor<576x576xbf16>, %k: tensor<192x576xbf16>, %v: tensor<192x576xbf16>) {
  // CHECK: transformer.weight.concat %{{.*}}, %{{.*}}, %{{.*}} axis 0 :
  %qkv = transformer.weight.concat %q, %k, %v axis 0
      : (tensor<576x576xbf16>, tensor<192x576xbf16>, tensor<192x576xbf16>) -> tensor<960x576xbf16>
  return
}

// CHECK-LABEL: @permute
func.func @permute(%w: tensor<192x576xf32>) {
  // CHECK: transformer.weight.permute %{{.*}} view [3, 32, 2, 576] order [0, 2, 1, 3] :
  %w1 = transformer.weight.permute %w view [3, 32, 2, 576] order [0, 2, 1, 3]
      : (tensor<192x576xf32>) -> tensor<192x576xf32>
  return
}

// CHECK-LABEL: @permute_blocks
func.func @permute_blocks(%w: tensor<6x64x!transformer.block<q4, group = 32>>) {
  // CHECK: transformer.weight.permute %{{.*}} view [3, 2, 64] order [1, 0, 2] :
  %w1 = transformer.weight.permute %w view [3, 2, 64] order [1, 0, 2]
    : (tensor<6x64x!transformer.block<q4, group = 32>>) -> tensor<6x64x!transformer.block<q4, group = 32>>
  return
}

// CHECK-LABEL: @convert
func.func @convert(%w: tensor<64xbf16>) {
  // CHECK: transformer.weight.convert %{{.*}} : (tensor<64xbf16>) -> tensor<64xf32>
  %w1 = transformer.weight.convert %w : (tensor<64xbf16>) -> tensor<64xf32>
  return
}

// CHECK-LABEL: @affine
func.func @affine(%w: tensor<64xf32>) {
  // CHECK: transformer.weight.affine %{{.*}} scale {{.*}} offset {{.*}} : tensor<64xf32>
  %w1 = transformer.weight.affine %w scale 1.0 offset 1.0 : tensor<64xf32>
  return
}

// CHECK-LABEL: @code
func.func @code(%w: tensor<576x64xbf16>, %s: tensor<2080xf32>) {
  // CHECK: transformer.weight.quantize %{{.*}} : (tensor<576x64xbf16>) -> tensor<576x64x!transformer.block<q8, group = 32>>
  %w1 = transformer.weight.quantize %w : (tensor<576x64xbf16>) -> tensor<576x64x!transformer.block<q8, group = 32>>
  // CHECK: transformer.weight.quantize %{{.*}} by %{{.*}} : (tensor<576x64xbf16>, tensor<2080xf32>) -> tensor<576x64x!transformer.block<q4, group = 32>>
  %w2 = transformer.weight.quantize %w by %s : (tensor<576x64xbf16>, tensor<2080xf32>) -> tensor<576x64x!transformer.block<q4, group = 32>>
  return
}

// CHECK-LABEL: @decode
func.func @decode(%w: tensor<576x64x!transformer.block<q8, group = 32>>) {
  // CHECK: transformer.weight.decode %{{.*}} : (tensor<576x64x!transformer.block<q8, group = 32>>) -> tensor<576x64xf32>
  %v = transformer.weight.decode %w : (tensor<576x64x!transformer.block<q8, group = 32>>) -> tensor<576x64xf32>
  return
}

// CHECK-LABEL: @unpack
func.func @unpack(%w: tensor<8x24xi32>, %v: tensor<5x2xi32>, %u: tensor<5x16xf8E4M3FN>) {
  // CHECK: transformer.weight.unpack %{{.*}} bits 4 axis 0 : (tensor<8x24xi32>) -> tensor<64x24xui8>
  %c = transformer.weight.unpack %w bits 4 axis 0 : (tensor<8x24xi32>) -> tensor<64x24xui8>
  // CHECK: transformer.weight.unpack %{{.*}} bits 4 axis 1 order [0, 2, 4, 6, 1, 3, 5, 7] plus 286331153 flip 8 : (tensor<5x2xi32>) -> tensor<5x11xui8>
  %d = transformer.weight.unpack %v bits 4 axis 1 order [0, 2, 4, 6, 1, 3, 5, 7] plus 286331153 flip 8 : (tensor<5x2xi32>) -> tensor<5x11xui8>
  // CHECK: transformer.weight.unpack %{{.*}} bits 8 axis 1 : (tensor<5x16xf8E4M3FN>) -> tensor<5x16xui8>
  %e = transformer.weight.unpack %u bits 8 axis 1 : (tensor<5x16xf8E4M3FN>) -> tensor<5x16xui8>
  return
}

// CHECK-LABEL: @sort_columns
func.func @sort_columns(%c: tensor<24x64xui8>, %g: tensor<64xi32>) {
  // CHECK: transformer.weight.sort_columns %{{.*}} by %{{.*}} : tensor<24x64xui8>, tensor<64xi32>
  %s = transformer.weight.sort_columns %c by %g : tensor<24x64xui8>, tensor<64xi32>
  // CHECK: transformer.weight.sort_columns %{{.*}} by %{{.*}} inverse : tensor<24x64xui8>, tensor<64xi32>
  %t = transformer.weight.sort_columns %s by %g inverse : tensor<24x64xui8>, tensor<64xi32>
  return
}

// CHECK-LABEL: @blocks
func.func @blocks(%s: tensor<24x64xui8>, %d: tensor<24x2xf16>, %z: tensor<24x2xui8>, %e: tensor<1x1xf32>) {
  // CHECK: transformer.weight.blocks %{{.*}} scales %{{.*}} tile [1, 32] zeros %{{.*}} :
  %b = transformer.weight.blocks %s scales %d tile [1, 32] zeros %z
    : (tensor<24x64xui8>, tensor<24x2xf16>, tensor<24x2xui8>)
    -> tensor<24x64x!transformer.block<q4_zero, group = 32>>
  // CHECK: transformer.weight.blocks %{{.*}} scales %{{.*}} tile [24, 64] zero 128 :
  %c = transformer.weight.blocks %s scales %e tile [24, 64] zero 128
    : (tensor<24x64xui8>, tensor<1x1xf32>) -> tensor<24x64x!transformer.block<q8_zero, group = 64>>
  return
}

// CHECK-LABEL: @pack
func.func @pack(%w: tensor<100x7xbf16>) {
  // CHECK: transformer.weight.pack %{{.*}} rows 16 group 2 : (tensor<100x7xbf16>) -> tensor<7x4x16x2xbf16>
  %p = transformer.weight.pack %w rows 16 group 2 : (tensor<100x7xbf16>) -> tensor<7x4x16x2xbf16>
  return
}

// CHECK-LABEL: @rope_frequencies
func.func @rope_frequencies() {
  // CHECK: transformer.weight.rope_frequencies default base {{.*}} dim 22 : tensor<1x11xf32>
  %0 = transformer.weight.rope_frequencies default base 1.0e4 dim 22 : tensor<1x11xf32>
  // CHECK: transformer.weight.rope_frequencies linear base {{.*}} dim 14 factor {{.*}} : tensor<1x7xf32>
  %1 = transformer.weight.rope_frequencies linear base 1.0e4 dim 14 factor 4.0 : tensor<1x7xf32>
  // CHECK: transformer.weight.rope_frequencies llama3 base {{.*}} low_freq_factor {{.*}} high_freq_factor {{.*}} original_context 8192
  %f = transformer.weight.rope_frequencies llama3 base 5.0e5 dim 64 factor 8.0 low_freq_factor 1.0
      high_freq_factor 4.0 original_context 8192 : tensor<1x32xf32>
  // CHECK: transformer.weight.rope_frequencies dynamic {{.*}} original_context 2048 max_context 2055 : tensor<8x11xf32>
  %3 = transformer.weight.rope_frequencies dynamic base 1.0e4 dim 22 factor 2.0 original_context 2048 max_context 2055
    : tensor<8x11xf32>
  // CHECK: transformer.weight.rope_frequencies yarn {{.*}} beta_fast {{.*}} beta_slow {{.*}} keep_fraction original_context 4096
  %4 = transformer.weight.rope_frequencies yarn base 1.5e5 dim 64 factor 32.0 beta_fast 32.0 beta_slow 1.0 keep_fraction
    original_context 4096 : tensor<1x32xf32>
  // CHECK: transformer.weight.rope_frequencies longrope {{.*}} original_context 4096 short_factors [{{.*}}] long_factors [{{.*}}] : tensor<2x3xf32>
  %5 = transformer.weight.rope_frequencies longrope base 1.0e4 dim 6 original_context 4096
    short_factors [1.0, 1.1, 1.2] long_factors [2.0, 3.0, 4.0] : tensor<2x3xf32>
  return
}
