// Codes and quantised rows: every constraint is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{codes have 2 to 6 or 8 bits, found 7}}
func.func private @bits(!kernel.codes<7, group = 32, zero = 0, f16>)

// -----

// expected-error @+1 {{codes of 5 bits stand in units of 32, which do not divide 48}}
func.func private @unit(!kernel.codes<5, group = 48, zero = 0, f16>)

// -----

// expected-error @+1 {{'group' is a multiple of 16, found 24}}
func.func private @group(!kernel.codes<4, group = 24, zero = 0, f16>)

// -----

// expected-error @+1 {{'super' is 0 or a multiple of the group 32, found 48}}
func.func private @super(!kernel.codes<4, group = 32, zero = 0, f16 super = 48>)

// -----

// expected-error @+1 {{'minimum' is 0 or 1, found 2}}
func.func private @minimum(!kernel.codes<4, group = 32, zero = 0, f16 minimum = 2>)

// -----

// expected-error @+1 {{found 129}}
func.func private @zero(!kernel.codes<8, group = 32, zero = 129, f16>)

// -----

// expected-error @+1 {{'zero' is from 0 to 128, and 0 with a table or a minimum, found 8}}
func.func private @zero_with_minimum(!kernel.codes<8, group = 32, zero = 8, f16 minimum = 1>)

// -----

// expected-error @+1 {{'zeros' is 0 or 1, and 0 with a zero, a minimum, levels or a table, found 1}}
func.func private @zeros_with_minimum(!kernel.codes<4, group = 32, zero = 0, f16 minimum = 1 zeros = 1>)

// -----

// expected-error @+1 {{'zeros' is 0 or 1, and 0 with a zero, a minimum, levels or a table, found 2}}
func.func private @zeros(!kernel.codes<4, group = 32, zero = 0, f16 zeros = 2>)

// -----

// expected-error @+1 {{a scale is f16, bf16 or, without levels, f32, found 'f64'}}
func.func private @scale(!kernel.codes<8, group = 32, zero = 0, f64>)

// -----

// expected-error @+1 {{found 'f32'}}
func.func private @scale_of_levels(!kernel.codes<8, group = 32, zero = 0, f32 super = 64>)

// -----

// expected-error @+1 {{a table has 16 numbers from -127 to 127 for codes of 4 bits}}
func.func private @table(!kernel.codes<4, group = 32, zero = 0, f16 table = [1, 2]>)

// -----

// expected-error @+1 {{a table has 16 numbers}}
func.func private @large_number(!kernel.codes<4, group = 32, zero = 0, f16 table = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -128]>)

// -----

// expected-error @+1 {{groups of 32 do not divide k = 48}}
func.func private @k(!kernel.packed<codes, 7, 48, 1, !kernel.codes<4, group = 32, zero = 8, f16>>)

// -----

// expected-error @+1 {{codes, and nothing else, stand in the layout 'codes'}}
func.func private @layout(!kernel.packed<panels, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>)

// -----

// expected-error @+1 {{codes, and nothing else, stand in the layout 'codes', found 'f32'}}
func.func private @element(!kernel.packed<codes, 7, 64, 1, f32>)

// -----

func.func @segment(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{segments of 16 or 32 divide the columns, found 64 and 64}}
  %q = kernel.quantize %x {segment = 64 : i64} : (tensor<?x64xf32>) -> tensor<?x128xi8>
  return
}

// -----

func.func @columns(%x: tensor<?x40xf32>) {
  // expected-error @+1 {{segments of 16 or 32 divide the columns, found 16 and 40}}
  %q = kernel.quantize %x {segment = 16 : i64} : (tensor<?x40xf32>) -> tensor<?x128xi8>
  return
}

// -----

func.func @row_bytes(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{output has 128 columns, expected 192}}
  %q = kernel.quantize %x {segment = 32 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x64xf32>) -> tensor<?x128xi8>
  return
}

// -----

func.func @row_zero(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{zero is from 1 to 128 with sums 'offset', else 0, found 300}}
  %q = kernel.quantize %x {segment = 32 : i64, sums = 1 : i32, zero = 300 : i64} : (tensor<?x64xf32>) -> tensor<?x192xi8>
  return
}

// -----

func.func @zero_and_minimum(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{else 0, found 8}}
  %q = kernel.quantize %x {segment = 32 : i64, sums = 2 : i32, zero = 8 : i64} : (tensor<?x64xf32>) -> tensor<?x192xi8>
  return
}

// -----

func.func @floats(%q: tensor<?x64xi8>, %w: !kernel.packed<panels, 7, 64, 1, f32>) {
  // expected-error @+1 {{multiplies quantised rows with a weight of codes}}
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x64xi8>, <panels, 7, 64, 1, f32>) -> (tensor<?x7xf32>)
  return
}

// -----

func.func @bytes(%q: tensor<?x64xi8>, %w: !kernel.packed<codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) {
  // expected-error @+1 {{x has 64 columns, expected 192}}
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x64xi8>, <codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) -> (tensor<?x7xf32>)
  return
}

// -----

func.func @other_zero(%x: tensor<?x64xf32>, %w: !kernel.packed<codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) {
  %q = kernel.quantize %x {segment = 32 : i64, sums = 1 : i32, zero = 16 : i64} : (tensor<?x64xf32>) -> tensor<?x192xi8>
  // expected-error @+1 {{needs rows quantised with segment 32, sums offset and zero 8, found 32, offset and 16}}
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x192xi8>, <codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) -> (tensor<?x7xf32>)
  return
}

// -----

func.func @other_segment(%x: tensor<?x64xf32>, %w: !kernel.packed<codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) {
  %q = kernel.quantize %x {segment = 16 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x64xf32>) -> tensor<?x192xi8>
  // expected-error @+1 {{needs rows quantised with segment 32, sums offset and zero 8, found 16, offset and 8}}
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x192xi8>, <codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>) -> (tensor<?x7xf32>)
  return
}

// -----

func.func @packs_another_format() {
  %w = transformer.weight ["w"] : tensor<7x64x!transformer.block<q8_0, group = 32>>
  // expected-error @+1 {{packs 'tensor<7x64x!transformer.block<q8_0, group = 32>>' into}}
  %p = kernel.pack %w : (tensor<7x64x!transformer.block<q8_0, group = 32>>) -> !kernel.packed<codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
  return
}

// -----

func.func @packs_floats_as_codes() {
  %w = transformer.weight ["w"] : tensor<7x64xf32>
  // expected-error @+1 {{packs 'tensor<7x64xf32>' into}}
  %p = kernel.pack %w : (tensor<7x64xf32>) -> !kernel.packed<codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 8, f16>>
  return
}

// -----

func.func @longer_segment(%q: tensor<?x192xi8>, %w: !kernel.packed<codes, 7, 48, 1, !kernel.codes<4, group = 48, zero = 8, f16>>) {
  // expected-error @+1 {{segments of 16 or 32 divide 16, found 32}}
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } {segment = 32 : i64} : (tensor<?x192xi8>, <codes, 7, 48, 1, !kernel.codes<4, group = 48, zero = 8, f16>>) -> (tensor<?x7xf32>)
  return
}

// -----

func.func @other_sums(%x: tensor<?x64xf32>, %w: !kernel.packed<codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 0, f32 zeros = 1>>) {
  %q = kernel.quantize %x {segment = 32 : i64, sums = 2 : i32} : (tensor<?x64xf32>) -> tensor<?x192xi8>
  // expected-error @+1 {{needs rows quantised with segment 32, sums taken and zero 0, found 32, scaled and 0}}
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x192xi8>, <codes, 7, 64, 1, !kernel.codes<4, group = 32, zero = 0, f32 zeros = 1>>) -> (tensor<?x7xf32>)
  return
}
