// Mixtures of experts: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.route (C1)
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error@below {{'top_k' is 9, expected at most 8 experts}}
  %w, %e = transformer.route softmax %l top_k 9 : (tensor<?x8xf32>) -> (tensor<?x9xf32>, tensor<?x9xi32>)
  return
}

// -----

// transformer.route (C1)
func.func @f(%l: tensor<?x?xf32>) {
  // expected-error@below {{logits has a dynamic number of columns, expected a static one}}
  %w, %e = transformer.route softmax %l top_k 2 : (tensor<?x?xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// transformer.route (C2)
func.func @f(%l: tensor<?x8xf32>, %c: tensor<7xf32>) {
  // expected-error@below {{correction has shape [7], expected [8]}}
  %w, %e = transformer.route sigmoid %l correction %c top_k 2 : (tensor<?x8xf32>, tensor<7xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// transformer.route (C3)
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error@below {{expected 'groups', 'top_groups' and 'group_score' together}}
  %w, %e = transformer.route sigmoid %l top_k 2 groups 2 : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// transformer.route (C3)
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error@below {{has 3 groups, of which 1 are chosen, expected a divisor of 8 experts and no more chosen groups than groups}}
  %w, %e = transformer.route sigmoid %l top_k 2 groups 3 top_groups 1 group_score max : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// transformer.route (C4)
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error@below {{'top_k' is 3, expected at most the 2 experts of the chosen groups}}
  %w, %e = transformer.route sigmoid %l top_k 3 groups 4 top_groups 1 group_score max : (tensor<?x8xf32>) -> (tensor<?x3xf32>, tensor<?x3xi32>)
  return
}

// -----

// transformer.route (C4)
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error@below {{has groups of one expert, expected at least 2 for 'top2_sum'}}
  %w, %e = transformer.route sigmoid %l top_k 3 groups 8 top_groups 5 group_score top2_sum : (tensor<?x8xf32>) -> (tensor<?x3xf32>, tensor<?x3xi32>)
  return
}

// -----

// transformer.route (C5)
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error@below {{'scaling_factor' is NaN, expected a finite number}}
  %w, %e = transformer.route softmax %l top_k 2 scaling_factor 0x7ff8000000000000 : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// transformer.experts (C1)
func.func @f(%x: tensor<?x5xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi32>, %g: tensor<3x7x5xf32>) {
  // expected-error@below {{down has shape [3, 7, 5], expected [3, 5, 7]}}
  %y = transformer.experts silu %x, %w, %e, %g, %g, %g
    : (tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>) -> tensor<?x5xf32>
  return
}

// -----

// transformer.experts (C2)
func.func @f(%x: tensor<?x5xf32>, %w: tensor<?x2xf32>, %e: tensor<?x3xi32>, %g: tensor<3x7x5xf32>, %d: tensor<3x5x7xf32>) {
  // expected-error@below {{weights are 'tensor<?x2xf32>' and experts 'tensor<?x3xi32>', expected one shape}}
  %y = transformer.experts silu %x, %w, %e, %g, %g, %d
    : (tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x3xi32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>, tensor<3x5x7xf32>) -> tensor<?x5xf32>
  return
}

// -----

// transformer.experts (C2)
func.func @f(%x: tensor<4x5xf32>, %w: tensor<6x2xf32>, %e: tensor<6x2xi32>, %g: tensor<3x7x5xf32>, %d: tensor<3x5x7xf32>) {
  // expected-error@below {{number of rows of the weights is 6, expected 4 as in the input}}
  %y = transformer.experts silu %x, %w, %e, %g, %g, %d
    : (tensor<4x5xf32>, tensor<6x2xf32>, tensor<6x2xi32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>, tensor<3x5x7xf32>) -> tensor<4x5xf32>
  return
}

// -----

// transformer.experts (C3)
func.func @f(%x: tensor<?x5xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi32>, %g: tensor<3x7x5xf32>, %d: tensor<3x5x7xf32>, %b: tensor<3x7xf32>) {
  // expected-error@below {{has some biases, expected all three or none}}
  %y = transformer.experts silu %x, %w, %e, %g, %g, %d gate_bias %b
    : (tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>, tensor<3x5x7xf32>, tensor<3x7xf32>) -> tensor<?x5xf32>
  return
}

// -----

// transformer.experts (C3)
func.func @f(%x: tensor<?x5xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi32>, %g: tensor<3x7x5xf32>, %d: tensor<3x5x7xf32>, %b: tensor<3x7xf32>) {
  // expected-error@below {{down bias has shape [3, 7], expected [3, 5]}}
  %y = transformer.experts silu %x, %w, %e, %g, %g, %d gate_bias %b up_bias %b down_bias %b
    : (tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>, tensor<3x5x7xf32>,
       tensor<3x7xf32>, tensor<3x7xf32>, tensor<3x7xf32>) -> tensor<?x5xf32>
  return
}

// -----

// transformer.experts (C4)
func.func @f(%x: tensor<?x5xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi32>, %g: tensor<3x7x5xf32>, %d: tensor<3x5x7xf32>) {
  // expected-error@below {{limit is 0, expected a finite number greater than 0}}
  %y = transformer.experts silu %x, %w, %e, %g, %g, %d limit 0.0
    : (tensor<?x5xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<3x7x5xf32>, tensor<3x7x5xf32>, tensor<3x5x7xf32>) -> tensor<?x5xf32>
  return
}
