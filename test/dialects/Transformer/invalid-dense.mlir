// Ops that look at one token at a time: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.embedding (C1)
func.func @f(%t: tensor<?xi32>, %w: tensor<11x7xf32>, %p: tensor<13x5xf32>) {
  // expected-error@below {{number of columns of the position table is 5, expected 7}}
  %x = transformer.embedding %t, %w positions %t position_table %p
    : (tensor<?xi32>, tensor<11x7xf32>, tensor<?xi32>, tensor<13x5xf32>) -> tensor<?x7xf32>
  return
}

// -----

// transformer.embedding (C2)
func.func @f(%t: tensor<?xi32>, %w: tensor<11x7xf32>) {
  // expected-error@below {{has one of positions and position table, expected both or none}}
  %x = transformer.embedding %t, %w positions %t : (tensor<?xi32>, tensor<11x7xf32>, tensor<?xi32>) -> tensor<?x7xf32>
  return
}

// -----

// transformer.embedding (C3)
func.func @f(%t: tensor<?xi32>, %w: tensor<11x7xf32>) {
  // expected-error@below {{has 'position_offset' without a position table}}
  %x = transformer.embedding %t, %w position_offset 2 : (tensor<?xi32>, tensor<11x7xf32>) -> tensor<?x7xf32>
  return
}

// -----

// transformer.embedding (C4)
func.func @f(%t: tensor<3xi32>, %q: tensor<5xi32>, %w: tensor<11x7xf32>) {
  // expected-error@below {{number of positions is 5, expected 3 as in tokens}}
  %x = transformer.embedding %t, %w positions %q position_table %w
    : (tensor<3xi32>, tensor<11x7xf32>, tensor<5xi32>, tensor<11x7xf32>) -> tensor<3x7xf32>
  return
}

// -----

// transformer.embedding (C5)
func.func @f(%t: tensor<?xi32>, %w: tensor<11x7xf32>) {
  // expected-error@below {{scale is NaN, expected a finite number}}
  %x = transformer.embedding %t, %w scale 0x7ff8000000000000 : (tensor<?xi32>, tensor<11x7xf32>) -> tensor<?x7xf32>
  return
}

// -----

func.func @f(%t: tensor<?xi32>, %w: tensor<11x7xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@below {{inferred type(s) 'tensor<?x7xf32>' are incompatible with return type(s) of operation 'tensor<?x11xf32>'}}
  %x = transformer.embedding %t, %w : (tensor<?xi32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.linear (C1)
func.func @f(%x: tensor<?x7xf32>, %w: tensor<11x5xf32>) {
  // expected-error@below {{number of columns of the weight is 5, expected 7}}
  %y = transformer.linear %x, %w : (tensor<?x7xf32>, tensor<11x5xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.linear (C2)
func.func @f(%x: tensor<?x7xf32>, %w: tensor<11x7xf32>, %b: tensor<7xf32>) {
  // expected-error@below {{bias has shape [7], expected [11]}}
  %y = transformer.linear %x, %w bias %b : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<7xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.linear (C3)
func.func @f(%x: tensor<?x?xf32>, %w: tensor<11x7xf32>) {
  // expected-error@below {{input has a dynamic number of columns, expected a static one}}
  %y = transformer.linear %x, %w : (tensor<?x?xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.gated_linear (C1)
func.func @f(%x: tensor<?x7xf32>, %g: tensor<11x7xf32>, %u: tensor<13x7xf32>) {
  // expected-error@below {{up weight is 'tensor<13x7xf32>', expected 'tensor<11x7xf32>' as the gate weight}}
  %y = transformer.gated_linear silu %x, %g, %u : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<13x7xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.gated_linear (C1)
func.func @f(%x: tensor<?x7xf32>, %g: tensor<11x5xf32>) {
  // expected-error@below {{number of columns of the gate weight is 5, expected 7}}
  %y = transformer.gated_linear silu %x, %g, %g : (tensor<?x7xf32>, tensor<11x5xf32>, tensor<11x5xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.gated_linear (C2)
func.func @f(%x: tensor<?x7xf32>, %g: tensor<11x7xf32>, %b: tensor<11xf32>) {
  // expected-error@below {{has one bias, expected two or none}}
  %y = transformer.gated_linear silu %x, %g, %g gate_bias %b
    : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<11x7xf32>, tensor<11xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.gated_linear (C3)
func.func @f(%x: tensor<?x7xf32>, %g: tensor<11x7xf32>) {
  // expected-error@below {{limit is -7, expected a finite number greater than 0}}
  %y = transformer.gated_linear silu %x, %g, %g limit -7.0
    : (tensor<?x7xf32>, tensor<11x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.gated_linear (C4)
func.func @f(%x: tensor<?x?xf32>, %g: tensor<11x7xf32>) {
  // expected-error@below {{input has a dynamic number of columns, expected a static one}}
  %y = transformer.gated_linear silu %x, %g, %g : (tensor<?x?xf32>, tensor<11x7xf32>, tensor<11x7xf32>) -> tensor<?x11xf32>
  return
}

// -----

// transformer.split (C1)
func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@below {{has 3 sizes and 2 results, expected as many of both and at least one}}
  %y:2 = transformer.split %x sizes [5, 5, 2] : (tensor<?x12xf32>) -> (tensor<?x5xf32>, tensor<?x7xf32>)
  return
}

// -----

// transformer.split (C1)
func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@below {{has a size of 0, expected at least 1}}
  %y:2 = transformer.split %x sizes [12, 0] : (tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x0xf32>)
  return
}

// -----

// transformer.split (C2)
func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@below {{sum of the sizes is 10, expected 12}}
  %y:2 = transformer.split %x sizes [5, 5] : (tensor<?x12xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>)
  return
}

// -----

// transformer.concat (C1)
func.func @f() {
  // expected-error@below {{has no input, expected at least one}}
  %y = "transformer.concat"() : () -> tensor<?x5xf32>
  return
}

// -----

// transformer.concat (C1)
func.func @f(%a: tensor<?x5xf32>, %b: tensor<?x7xbf16>) {
  // expected-error@below {{has inputs of 'f32' and 'bf16', expected one element type}}
  %y = transformer.concat %a, %b : (tensor<?x5xf32>, tensor<?x7xbf16>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.concat (C2)
func.func @f(%a: tensor<2x5xf32>, %b: tensor<3x7xf32>) {
  // expected-error@below {{number of rows of an input is 3, expected 2 as in the first input}}
  %y = transformer.concat %a, %b : (tensor<2x5xf32>, tensor<3x7xf32>) -> tensor<2x12xf32>
  return
}

// -----

// transformer.rms_norm (C1)
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error@below {{input has a dynamic number of columns, expected a static one}}
  %y = transformer.rms_norm %x epsilon 1.0e-5 : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

// transformer.rms_norm (C2)
func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@below {{'group_size' is 5, expected a divisor of 12}}
  %y = transformer.rms_norm %x epsilon 1.0e-5 group_size 5 : (tensor<?x12xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rms_norm (C3)
func.func @f(%x: tensor<?x12xf32>, %w: tensor<12xf32>) {
  // expected-error@below {{weight has shape [12], expected [4]}}
  %y = transformer.rms_norm %x, %w epsilon 1.0e-5 group_size 4 : (tensor<?x12xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rms_norm (C4)
func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@below {{'epsilon' is -1.000000e+00, expected a finite number of at least 0}}
  %y = transformer.rms_norm %x epsilon -1.0 : (tensor<?x12xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rms_norm (C5)
func.func @f(%x: tensor<?x12xf32>) {
  // expected-error@below {{has 'weight_offset' without a weight}}
  %y = transformer.rms_norm %x epsilon 1.0 weight_offset 1.0 : (tensor<?x12xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.layer_norm (C3)
func.func @f(%x: tensor<?x12xf32>, %w: tensor<11xf32>) {
  // expected-error@below {{weight has shape [11], expected [12]}}
  %y = transformer.layer_norm %x, %w epsilon 1.0e-5 : (tensor<?x12xf32>, tensor<11xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.layer_norm (C6)
func.func @f(%x: tensor<?x12xf32>, %w: tensor<12xf32>, %b: tensor<11xf32>) {
  // expected-error@below {{bias has shape [11], expected [12]}}
  %y = transformer.layer_norm %x, %w bias %b epsilon 1.0e-5
    : (tensor<?x12xf32>, tensor<12xf32>, tensor<11xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rope (C1)
func.func @f(%x: tensor<?x15xf32>, %p: tensor<?xi32>, %f: tensor<1x3xf32>) {
  // expected-error@below {{'head_dim' is 6, expected a divisor of 15}}
  %y = transformer.rope half %x at %p by %f head_dim 6 rotary_dim 6
    : (tensor<?x15xf32>, tensor<?xi32>, tensor<1x3xf32>) -> tensor<?x15xf32>
  return
}

// -----

// transformer.rope (C2)
func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>, %f: tensor<1x3xf32>) {
  // expected-error@below {{'rotary_dim' is 8, expected an even number of at most 6}}
  %y = transformer.rope half %x at %p by %f head_dim 6 rotary_dim 8
    : (tensor<?x12xf32>, tensor<?xi32>, tensor<1x3xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rope (C3)
func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>, %f: tensor<1x3xf32>) {
  // expected-error@below {{number of frequencies is 3, expected 2}}
  %y = transformer.rope half %x at %p by %f head_dim 6 rotary_dim 4
    : (tensor<?x12xf32>, tensor<?xi32>, tensor<1x3xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rope (C4)
func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>, %f: tensor<2x3xf32>) {
  // expected-error@below {{has a table of 2 rows and no 'original_context', expected one}}
  %y = transformer.rope half %x at %p by %f head_dim 6 rotary_dim 6
    : (tensor<?x12xf32>, tensor<?xi32>, tensor<2x3xf32>) -> tensor<?x12xf32>
  return
}

// -----

// transformer.rope (C5)
func.func @f(%x: tensor<5x12xf32>, %p: tensor<7xi32>, %f: tensor<1x3xf32>) {
  // expected-error@below {{number of positions is 7, expected 5 as in the input}}
  %y = transformer.rope half %x at %p by %f head_dim 6 rotary_dim 6
    : (tensor<5x12xf32>, tensor<7xi32>, tensor<1x3xf32>) -> tensor<5x12xf32>
  return
}

// -----

// transformer.rope (C6)
func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>, %f: tensor<1x3xf32>) {
  // expected-error@below {{'attention_factor' is 0, expected a finite number greater than 0}}
  %y = transformer.rope half %x at %p by %f head_dim 6 rotary_dim 6 attention_factor 0.0
    : (tensor<?x12xf32>, tensor<?xi32>, tensor<1x3xf32>) -> tensor<?x12xf32>
  return
}

// -----


// transformer.mul (C1)
func.func @f(%a: tensor<?x5xf32>, %b: tensor<?x5xf16>) {
  // expected-error@below {{rhs is 'tensor<?x5xf16>', expected elements of 'f32'}}
  %0 = transformer.mul %a, %b : tensor<?x5xf32>, tensor<?x5xf16>
  return
}

// -----

// transformer.mul (C2)
func.func @f(%a: tensor<?x5xf32>, %b: tensor<?x3xf32>) {
  // expected-error@below {{rhs has 3 columns, expected 5 or 1}}
  %0 = transformer.mul %a, %b : tensor<?x5xf32>, tensor<?x3xf32>
  return
}

// -----

// transformer.scale (C1)
func.func @f(%a: tensor<?x5xf32>) {
  // expected-error@below {{value is +Inf, expected a finite number}}
  %0 = transformer.scale %a by 0x7ff0000000000000 : tensor<?x5xf32>
  return
}

// -----

// transformer.soft_cap (C1)
func.func @f(%a: tensor<?x5xf32>) {
  // expected-error@below {{cap is 0, expected a finite number greater than 0}}
  %0 = transformer.soft_cap %a at 0.0 : tensor<?x5xf32>
  return
}

// -----

// transformer.gated (C1)
func.func @f(%a: tensor<?x5xf32>) {
  // expected-error@below {{limit is 0, expected a finite number greater than 0}}
  %0 = transformer.gated silu %a, %a limit 0.0 : tensor<?x5xf32>
  return
}
