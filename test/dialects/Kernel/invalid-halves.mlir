// RUN: llmc-opt %s -split-input-file -verify-diagnostics

func.func @columns(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{output has 192 columns, expected 224}}
  %h = kernel.halve %x : (tensor<?x96xf32>) -> tensor<?x192xf16>
  return
}

// -----

func.func @norm(%x: tensor<?x96xf32>, %w: !kernel.packed<table, 1, 48, 1, f32>) {
  // expected-error @+1 {{takes a table of one row of 96 columns, found '!kernel.packed<table, 1, 48, 1, f32>'}}
  %h = kernel.halve %x norm(%w) : (tensor<?x96xf32>, !kernel.packed<table, 1, 48, 1, f32>) -> tensor<?x224xf16>
  return
}

// -----

func.func @weight(%h: tensor<?x160xf16>, %w: !kernel.packed<panels, 7, 64, 1, bf16>) {
  // expected-error @+1 {{multiplies halved rows with a weight of f16, found '!kernel.packed<panels, 7, 64, 1, bf16>'}}
  %y = kernel.matmul %h, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x160xf16>, <panels, 7, 64, 1, bf16>) -> (tensor<?x7xf32>)
  return
}

// -----

func.func @rows(%h: tensor<?x96xf16>, %w: !kernel.packed<panels, 7, 64, 1, f16>) {
  // expected-error @+1 {{x has 96 columns, expected 160}}
  %y = kernel.matmul %h, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x96xf16>, <panels, 7, 64, 1, f16>) -> (tensor<?x7xf32>)
  return
}
