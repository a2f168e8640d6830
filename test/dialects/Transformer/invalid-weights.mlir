// Ops on weight values: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.weight (C1)
func.func @f() {
  // expected-error@below {{has an empty key}}
  %w = transformer.weight [""] : tensor<64xf32>
  return
}

// -----

// transformer.weight (C2)
func.func @f() {
  // expected-error@below {{has 2 keys, expected 1 outside transformer.layers}}
  %w = transformer.weight ["a", "b"] : tensor<64xf32>
  return
}

// -----

// transformer.weight (C3)
func.func @f(%x: tensor<?x64xf32>) {
  // expected-note@below {{the layers are here}}
  %y = transformer.layers classes [0, 0, 1] slots [-1, -1, -1] iter (%x) : tensor<?x64xf32> {
  ^bb0(%slot: index, %h: tensor<?x64xf32>):
    %w = transformer.weight ["a", "b"] : tensor<64xf32>
    transformer.yield %h : tensor<?x64xf32>
  }, {
  ^bb0(%slot: index, %h: tensor<?x64xf32>):
    // expected-error@below {{has 2 keys, expected 1, one for each layer of class 1}}
    %w = transformer.weight ["c", "d"] : tensor<64xf32>
    transformer.yield %h : tensor<?x64xf32>
  }
  return
}

// -----

// transformer.weight.slice (C1)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{has 1 offsets and 2 sizes, expected 2 of each}}
  %0 = transformer.weight.slice %w offsets [0] sizes [3, 2] : (tensor<5x7xf32>) -> tensor<3x2xf32>
  return
}

// -----

// transformer.weight.slice (C2)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{takes 3 from 5 of dimension 1, expected a part of its 7}}
  %0 = transformer.weight.slice %w offsets [0, 5] sizes [3, 3] : (tensor<5x7xf32>) -> tensor<3x3xf32>
  return
}

// -----

// transformer.weight.slice (C3)
func.func @f(%w: tensor<5x64x!transformer.block<q8, group = 32>>) {
  // expected-error@below {{takes 32 from 16 of the last dimension, expected multiples of the group 32}}
  %0 = transformer.weight.slice %w offsets [0, 16] sizes [3, 32]
    : (tensor<5x64x!transformer.block<q8, group = 32>>) -> tensor<3x32x!transformer.block<q8, group = 32>>
  return
}

// -----

func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@below {{op inferred type(s) 'tensor<3x2xf32>' are incompatible with return type(s) of operation 'tensor<2x3xf32>'}}
  %0 = transformer.weight.slice %w offsets [0, 0] sizes [3, 2] : (tensor<5x7xf32>) -> tensor<2x3xf32>
  return
}

// -----

// transformer.weight.concat (C1)
func.func @f() {
  // expected-error@below {{has no source, expected at least one}}
  %0 = "transformer.weight.concat"() <{axis = 0 : i64}> : () -> tensor<3xf32>
  return
}

// -----

// transformer.weight.concat (C2)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{axis is 2, expected 0 to 1}}
  %0 = transformer.weight.concat %w axis 2 : (tensor<5x7xf32>) -> tensor<5x7xf32>
  return
}

// -----

// transformer.weight.concat (C3)
func.func @f(%a: tensor<5x7xf32>, %b: tensor<5x11xf32>) {
  // expected-error@below {{source 1 is 'tensor<5x11xf32>', expected a tensor like 'tensor<5x7xf32>' in all but dimension 0}}
  %0 = transformer.weight.concat %a, %b axis 0 : (tensor<5x7xf32>, tensor<5x11xf32>) -> tensor<10x7xf32>
  return
}

// -----

// transformer.weight.permute (C1)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{view has 10 elements, expected 35}}
  %0 = transformer.weight.permute %w view [5, 2] order [1, 0] : (tensor<5x7xf32>) -> tensor<2x5xf32>
  return
}

// -----

// transformer.weight.permute (C1)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{view has a dimension of -5, expected positive sizes}}
  %0 = transformer.weight.permute %w view [-5, -7] order [1, 0] : (tensor<5x7xf32>) -> tensor<7x5xf32>
  return
}

// -----

// transformer.weight.permute (C2)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{order is [1, 1], expected a permutation of 0 to 1}}
  %0 = transformer.weight.permute %w view [5, 7] order [1, 1] : (tensor<5x7xf32>) -> tensor<7x5xf32>
  return
}

// -----

// transformer.weight.permute (C3)
func.func @f(%w: tensor<5x7xf32>) {
  // expected-error@below {{result is 'tensor<7x6xf32>', expected 35 elements of 'f32'}}
  %0 = transformer.weight.permute %w view [5, 7] order [1, 0] : (tensor<5x7xf32>) -> tensor<7x6xf32>
  return
}

// -----

// transformer.weight.permute (C4)
func.func @f(%w: tensor<32x64x!transformer.block<q8, group = 32>>) {
  // expected-error@below {{moves the last dimension of a block format, expected it to stay}}
  %0 = transformer.weight.permute %w view [32, 64] order [1, 0]
    : (tensor<32x64x!transformer.block<q8, group = 32>>) -> tensor<64x32x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.convert (C1)
func.func @f(%w: tensor<5xi32>) {
  // expected-error@below {{element type is 'i32', expected a float}}
  %0 = transformer.weight.convert %w : (tensor<5xi32>) -> tensor<5xf32>
  return
}

// -----

// transformer.weight.affine (C1)
func.func @f(%w: tensor<5xf64>) {
  // expected-error@below {{element type is 'f64', expected f32, f16 or bf16}}
  %0 = transformer.weight.affine %w scale 1.0 offset 1.0 : tensor<5xf64>
  return
}

// -----

// transformer.weight.affine (C2)
func.func @f(%w: tensor<5xf32>) {
  // expected-error@below {{offset is +Inf, expected a finite number}}
  %0 = transformer.weight.affine %w scale 1.0 offset 0x7ff0000000000000 : tensor<5xf32>
  return
}

// -----

// transformer.weight.decode (C1)
func.func @f(%w: tensor<5x32xf32>) {
  // expected-error@below {{source has element type 'f32', expected a block format}}
  %0 = transformer.weight.decode %w : (tensor<5x32xf32>) -> tensor<5x32xf32>
  return
}

// -----

// transformer.weight.decode (C2)
func.func @f(%w: tensor<5x48x!transformer.block<q8, group = 32>>) {
  // expected-error@below {{group 32 does not divide the last dimension, 48}}
  %0 = transformer.weight.decode %w : (tensor<5x48x!transformer.block<q8, group = 32>>) -> tensor<5x48xf32>
  return
}

// -----

// transformer.weight.quantize (C1)
func.func @f(%w: tensor<5x32xi32>) {
  // expected-error@below {{source has element type 'i32', expected f32, f16 or bf16}}
  %0 = transformer.weight.quantize %w : (tensor<5x32xi32>) -> tensor<5x32x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.quantize (C2)
func.func @f(%w: tensor<5x48xf32>) {
  // expected-error@below {{group 32 does not divide the last dimension, 48}}
  %0 = transformer.weight.quantize %w : (tensor<5x48xf32>) -> tensor<5x48x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.quantize (C3)
func.func @f(%w: tensor<5x64xf32>) {
  // expected-error@below {{result is in q4_0, expected a format that values can be rounded to}}
  %0 = transformer.weight.quantize %w : (tensor<5x64xf32>) -> tensor<5x64x!transformer.block<q4_0, group = 32>>
  return
}

// -----

// transformer.weight.quantize (C4)
func.func @f(%w: tensor<5x32xf32>, %s: tensor<527xf32>) {
  // expected-error@below {{statistics are 'tensor<527xf32>', expected 'tensor<528xf32>'}}
  %0 = transformer.weight.quantize %w by %s : (tensor<5x32xf32>, tensor<527xf32>) -> tensor<5x32x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.quantize (C4)
func.func @f(%w: tensor<5x32xf32>, %s: tensor<528xbf16>) {
  // expected-error@below {{statistics are 'tensor<528xbf16>', expected 'tensor<528xf32>'}}
  %0 = transformer.weight.quantize %w by %s : (tensor<5x32xf32>, tensor<528xbf16>) -> tensor<5x32x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.quantize (C4)
func.func @f(%w: tensor<3x5x32xf32>, %s: tensor<528xf32>) {
  // expected-error@below {{rounds 'tensor<3x5x32xf32>' by statistics, expected a matrix}}
  %0 = transformer.weight.quantize %w by %s : (tensor<3x5x32xf32>, tensor<528xf32>) -> tensor<3x5x32x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.unpack (C1)
func.func @f(%w: tensor<5x8xi32>) {
  // expected-error@below {{cuts words of 'i32' into 3 bits, expected words of 8, 16 or 32 bits and a divisor of that up to 8}}
  %0 = transformer.weight.unpack %w bits 3 axis 0 : (tensor<5x8xi32>) -> tensor<50x8xui8>
  return
}

// -----

// transformer.weight.unpack (C2)
func.func @f(%w: tensor<5x8xi32>) {
  // expected-error@below {{axis is 2, expected 0 to 1}}
  %0 = transformer.weight.unpack %w bits 4 axis 2 : (tensor<5x8xi32>) -> tensor<40x8xui8>
  return
}

// -----

// transformer.weight.unpack (C3)
func.func @f(%w: tensor<5x8xi32>) {
  // expected-error@below {{result is 'tensor<32x8xui8>', expected ui8 and 8 elements for each of 'tensor<5x8xi32>' along dimension 0}}
  %0 = transformer.weight.unpack %w bits 4 axis 0 : (tensor<5x8xi32>) -> tensor<32x8xui8>
  return
}

// -----

// transformer.weight.unpack (C4)
func.func @f(%w: tensor<5x8xi32>) {
  // expected-error@below {{order is not a permutation of 0 to 3}}
  %0 = transformer.weight.unpack %w bits 8 axis 0 order [0, 1, 2, 2] : (tensor<5x8xi32>) -> tensor<20x8xui8>
  return
}

// -----

// transformer.weight.unpack (C5)
func.func @f(%w: tensor<5x8xi32>) {
  // expected-error@below {{flip is 16, expected at most 4 bits}}
  %0 = transformer.weight.unpack %w bits 4 axis 0 flip 16 : (tensor<5x8xi32>) -> tensor<40x8xui8>
  return
}

// -----

// transformer.weight.sort_columns (C1)
func.func @f(%w: tensor<5x32xui8>, %g: tensor<5xi32>) {
  // expected-error@below {{keys are 'tensor<5xi32>', expected one i32 for each of 32 columns}}
  %0 = transformer.weight.sort_columns %w by %g : tensor<5x32xui8>, tensor<5xi32>
  return
}

// -----

// transformer.weight.sort_columns (C2)
func.func @f(%w: tensor<5x32x!transformer.block<q8, group = 32>>, %g: tensor<32xi32>) {
  // expected-error@below {{source has element type '!transformer.block<q8, group = 32>', expected no block format}}
  %0 = transformer.weight.sort_columns %w by %g : tensor<5x32x!transformer.block<q8, group = 32>>, tensor<32xi32>
  return
}

// -----

// transformer.weight.blocks (C1)
func.func @f(%c: tensor<5x32xi32>, %s: tensor<5x1xf16>) {
  // expected-error@below {{codes are 'tensor<5x32xi32>', expected ui8 of the shape of}}
  %0 = transformer.weight.blocks %c scales %s tile [1, 32] : (tensor<5x32xi32>, tensor<5x1xf16>) -> tensor<5x32x!transformer.block<q4, group = 32>>
  return
}

// -----

// transformer.weight.blocks (C2)
func.func @f(%c: tensor<5x32xui8>, %s: tensor<5x1xf16>) {
  // expected-error@below {{expected blocks of one scale and no minimum}}
  %0 = transformer.weight.blocks %c scales %s tile [1, 32] : (tensor<5x32xui8>, tensor<5x1xf16>) -> tensor<5x32x!transformer.block<q4_min, group = 32>>
  return
}

// -----

// transformer.weight.blocks (C3)
func.func @f(%c: tensor<5x32xui8>, %s: tensor<5x1xbf16>) {
  // expected-error@below {{scales are of 'bf16', expected what q4 holds exactly}}
  %0 = transformer.weight.blocks %c scales %s tile [1, 32] : (tensor<5x32xui8>, tensor<5x1xbf16>) -> tensor<5x32x!transformer.block<q4, group = 32>>
  return
}

// -----

// transformer.weight.blocks (C4)
func.func @f(%c: tensor<5x64xui8>, %s: tensor<5x1xf16>) {
  // expected-error@below {{scales are 'tensor<5x1xf16>', expected one for each tile of 'tensor<5x64xui8>'}}
  %0 = transformer.weight.blocks %c scales %s tile [1, 32] : (tensor<5x64xui8>, tensor<5x1xf16>) -> tensor<5x64x!transformer.block<q4, group = 32>>
  return
}

// -----

// transformer.weight.blocks (C5)
func.func @f(%c: tensor<5x64xui8>, %s: tensor<5x2xf16>) {
  // expected-error@below {{group 64 does not divide 64 columns in tiles of 32}}
  %0 = transformer.weight.blocks %c scales %s tile [1, 32] : (tensor<5x64xui8>, tensor<5x2xf16>) -> tensor<5x64x!transformer.block<q4, group = 64>>
  return
}

// -----

// transformer.weight.blocks (C6)
func.func @f(%c: tensor<5x64xui8>, %s: tensor<5x2xf16>) {
  // expected-error@below {{expected zero points, ui8 and one for each scale, or one for all}}
  %0 = transformer.weight.blocks %c scales %s tile [1, 32] : (tensor<5x64xui8>, tensor<5x2xf16>) -> tensor<5x64x!transformer.block<q4_zero, group = 32>>
  return
}

// -----

// transformer.weight.pack (C1)
func.func @f(%w: tensor<5x48xf32>) {
  // expected-error@below {{attribute 'rows' failed to satisfy constraint}}
  %0 = transformer.weight.pack %w rows 0 group 1 : (tensor<5x48xf32>) -> tensor<5x48x1x1xf32>
  return
}

// -----

// transformer.weight.pack (C2)
func.func @f(%w: tensor<5x32x!transformer.block<q8, group = 32>>) {
  // expected-error@below {{source has element type '!transformer.block<q8, group = 32>', expected no block format}}
  %0 = transformer.weight.pack %w rows 5 group 1
    : (tensor<5x32x!transformer.block<q8, group = 32>>) -> tensor<1x32x5x1x!transformer.block<q8, group = 32>>
  return
}

// -----

// transformer.weight.rope_frequencies (C1)
func.func @f() {
  // expected-error@below {{'dim' is 7, expected an even number of at least 2}}
  %0 = transformer.weight.rope_frequencies default base 1.0e4 dim 7 : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C1)
func.func @f() {
  // expected-error@below {{'dim' is 2, expected an even number of at least 4}}
  %0 = transformer.weight.rope_frequencies dynamic base 1.0e4 dim 2 factor 2.0 original_context 5 max_context 7 : tensor<3x1xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C2)
func.func @f() {
  // expected-error@below {{'base' is 1.000000e+00, expected a finite number greater than 1}}
  %0 = transformer.weight.rope_frequencies default base 1.0 dim 6 : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C3)
func.func @f() {
  // expected-error@below {{of kind 'linear' has no 'factor', expected one}}
  %0 = transformer.weight.rope_frequencies linear base 1.0e4 dim 6 : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C3)
func.func @f() {
  // expected-error@below {{'factor' is -2, expected a finite number greater than 0}}
  %0 = transformer.weight.rope_frequencies linear base 1.0e4 dim 6 factor -2.0 : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C4)
func.func @f() {
  // expected-error@below {{'low_freq_factor' is not less than 'high_freq_factor'}}
  %0 = transformer.weight.rope_frequencies llama3 base 1.0e4 dim 6 factor 2.0 low_freq_factor 4.0 high_freq_factor 4.0
    original_context 128 : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C4)
func.func @f() {
  // expected-error@below {{of kind 'llama3' has no 'high_freq_factor', expected one}}
  %0 = transformer.weight.rope_frequencies llama3 base 1.0e4 dim 6 factor 2.0 low_freq_factor 4.0 original_context 128
    : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C5)
func.func @f() {
  // expected-error@below {{'original_context' is 0, expected 1 to 16777216}}
  %0 = transformer.weight.rope_frequencies yarn base 1.0e4 dim 6 factor 2.0 beta_fast 32.0 beta_slow 1.0 original_context 0
    : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C6)
func.func @f() {
  // expected-error@below {{'max_context' is 100000000, expected 1 to 16777216}}
  %0 = transformer.weight.rope_frequencies dynamic base 1.0e4 dim 6 factor 2.0 original_context 5 max_context 100000000
    : tensor<3x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C7)
func.func @f() {
  // expected-error@below {{'beta_slow' is 0, expected a finite number greater than 0}}
  %0 = transformer.weight.rope_frequencies yarn base 1.0e4 dim 6 factor 2.0 beta_fast 32.0 beta_slow 0.0 original_context 7
    : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C8)
func.func @f() {
  // expected-error@below {{'short_factors' has 2 numbers, expected 3}}
  %0 = transformer.weight.rope_frequencies longrope base 1.0e4 dim 6 original_context 7 short_factors [1.0, 2.0]
    long_factors [1.0, 2.0, 3.0] : tensor<2x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C8)
func.func @f() {
  // expected-error@below {{long_factors is 0, expected a finite number greater than 0}}
  %0 = transformer.weight.rope_frequencies longrope base 1.0e4 dim 6 original_context 7 short_factors [1.0, 2.0, 3.0]
    long_factors [1.0, 0.0, 3.0] : tensor<2x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C9)
func.func @f() {
  // expected-error@below {{of kind 'default' has 'factor', expected none}}
  %0 = transformer.weight.rope_frequencies default base 1.0e4 dim 6 factor 2.0 : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C9)
func.func @f() {
  // expected-error@below {{of kind 'default' has 'keep_fraction', expected none}}
  %0 = transformer.weight.rope_frequencies default base 1.0e4 dim 6 keep_fraction : tensor<1x3xf32>
  return
}

// -----

// transformer.weight.rope_frequencies (C10)
func.func @f() {
  // expected-error@below {{result has shape [1, 4], expected [1, 3]}}
  %0 = transformer.weight.rope_frequencies default base 1.0e4 dim 6 : tensor<1x4xf32>
  return
}
