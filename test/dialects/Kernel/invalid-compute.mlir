// Compute ops: every constraint is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

func.func @two_outputs(%ids: tensor<?xi32>, %w: !kernel.packed<table, 53, 13, 1, f32>) {
  // expected-error @+1 {{has one result (tensor form) or one out (buffer form), found 2 and 0}}
  %y:2 = kernel.embed %ids, %w
    : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> (tensor<?x13xf32>, tensor<?x13xf32>)
  return
}

// -----

func.func @result_and_out(%ids: tensor<?xi32>, %w: !kernel.packed<table, 53, 13, 1, f32>, %y: memref<?x13xf32>) {
  // expected-error @+1 {{found 1 and 1}}
  %z = kernel.embed %ids, %w outs(%y)
    : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>, memref<?x13xf32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @out_is_a_tensor(%ids: tensor<?xi32>, %w: !kernel.packed<table, 53, 13, 1, f32>, %y: tensor<?x13xf32>) {
  // expected-error @+1 {{results are tensors and outs are buffers, found 'tensor<?x13xf32>'}}
  kernel.embed %ids, %w outs(%y) : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>, tensor<?x13xf32>) -> ()
  return
}

// -----

func.func @unknown_columns(%ids: tensor<?xi32>, %w: !kernel.packed<table, 53, 13, 1, f32>) {
  // expected-error @+1 {{writes rows [T, C] with C known, found 'tensor<?x?xf32>'}}
  %y = kernel.embed %ids, %w : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @rows_have_rank_two(%x: tensor<13xf32>, %w: !kernel.packed<table, 1, 13, 1, f32>) {
  // expected-error @+1 {{must be f32 rows [T, C], tensor or buffer, but got 'tensor<13xf32>'}}
  %y = kernel.rms_norm %x, %w {epsilon = 0.0 : f32}
    : (tensor<13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @ids_have_rank_one(%ids: tensor<?x3xi32>, %w: !kernel.packed<table, 53, 13, 1, f32>) {
  // expected-error @+1 {{must be i32 [T], tensor or buffer, but got 'tensor<?x3xi32>'}}
  %y = kernel.embed %ids, %w : (tensor<?x3xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @embed_width(%ids: tensor<?xi32>, %w: !kernel.packed<table, 53, 13, 1, f32>) {
  // expected-error @+1 {{output has 17 columns, expected 13}}
  %y = kernel.embed %ids, %w : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x17xf32>
  return
}

// -----

func.func @norm_width(%x: tensor<?x13xf32>, %w: !kernel.packed<table, 1, 13, 1, f32>) {
  // expected-error @+1 {{output has 26 columns, expected 13}}
  %y = kernel.rms_norm %x, %w {epsilon = 0.0 : f32}
    : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x26xf32>
  return
}

// -----

func.func @norm_weight_of_two_rows(%x: tensor<?x13xf32>, %w: !kernel.packed<table, 2, 13, 1, f32>) {
  // expected-error @+1 {{needs a table of one row as weight, found '!kernel.packed<table, 2, 13, 1, f32>'}}
  %y = kernel.rms_norm %x, %w {epsilon = 0.0 : f32}
    : (tensor<?x13xf32>, !kernel.packed<table, 2, 13, 1, f32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @norm_bias_of_another_width(%x: tensor<?x13xf32>, %w: !kernel.packed<table, 1, 13, 1, f32>, %b: !kernel.packed<table, 1, 11, 1, f32>) {
  // expected-error @+1 {{needs a bias like the weight, found '!kernel.packed<table, 1, 11, 1, f32>' and '!kernel.packed<table, 1, 13, 1, f32>'}}
  %y = kernel.layer_norm %x, %w bias %b {epsilon = 0.0 : f32}
    : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>, !kernel.packed<table, 1, 11, 1, f32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @norm_groups(%x: tensor<?x13xf32>, %w: !kernel.packed<table, 1, 5, 1, f32>) {
  // expected-error @+1 {{groups of 5 columns do not divide 13}}
  %y = kernel.rms_norm %x, %w {epsilon = 0.0 : f32}
    : (tensor<?x13xf32>, !kernel.packed<table, 1, 5, 1, f32>) -> tensor<?x13xf32>
  return
}

// -----

func.func @matmul_of_a_table(%x: tensor<?x13xf32>, %w: !kernel.packed<table, 17, 13, 1, f32>) {
  // expected-error @+1 {{needs a weight in panels, found '!kernel.packed<table, 17, 13, 1, f32>'}}
  %y = kernel.matmul %x, %w {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <table, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @matmul_k(%x: tensor<?x11xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>) {
  // expected-error @+1 {{x has 11 columns, expected 13}}
  %y = kernel.matmul %x, %w {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } : (tensor<?x11xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @matmul_n(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>) {
  // expected-error @+1 {{output has 19 columns, expected 17}}
  %y = kernel.matmul %x, %w {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x19xf32>)
  return
}

// -----

func.func @extra_in_panels(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                           %e: !kernel.packed<panels, 1, 17, 1, f32>) {
  // expected-error @+1 {{a weight read elementwise is a table of one row, found '!kernel.packed<panels, 1, 17, 1, f32>'}}
  %y = kernel.matmul %x, %w extras(%e : !kernel.packed<panels, 1, 17, 1, f32>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @extra_table_width(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                             %e: !kernel.packed<table, 1, 19, 1, f32>) {
  // expected-error @+1 {{table has 19 columns, expected 17}}
  %y = kernel.matmul %x, %w extras(%e : !kernel.packed<table, 1, 19, 1, f32>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @extra_of_another_type(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                                 %e: tensor<?x17xf16>) {
  // expected-error @+1 {{reads f32 rows or tables elementwise, found 'tensor<?x17xf16>'}}
  %y = kernel.matmul %x, %w extras(%e : tensor<?x17xf16>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @extra_width(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>, %e: tensor<?x19xf32>) {
  // expected-error @+1 {{elementwise input has 19 columns, expected 17}}
  %y = kernel.matmul %x, %w extras(%e : tensor<?x19xf32>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @epilogue_takes_a_sum_for_each_stream(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 2, f32>) {
  // expected-error @+1 {{body takes 1 values, expected 2}}
  %y = kernel.matmul %x, %w {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 2, f32>) -> (tensor<?x17xf32>)
  return
}

// -----

func.func @body_of_another_type(%x: tensor<?x13xf32>) {
  // expected-error @+1 {{body takes f32 values, found 'f64'}}
  %y = kernel.elementwise ins(%x : tensor<?x13xf32>) {
  ^bb0(%a: f64):
    %0 = arith.constant 1.0 : f32
    kernel.yield %0 : f32
  } -> (tensor<?x13xf32>)
  return
}

// -----

func.func @body_yields_nothing(%x: tensor<?x13xf32>) {
  // expected-error @+1 {{body yields one f32}}
  %y = kernel.elementwise ins(%x : tensor<?x13xf32>) {
  ^bb0(%a: f32):
    kernel.yield
  } -> (tensor<?x13xf32>)
  return
}

// -----

func.func @body_with_an_op_that_no_target_knows(%x: tensor<?x13xf32>) {
  // expected-error @+1 {{body computes with 'math.log', which no target knows}}
  %y = kernel.elementwise ins(%x : tensor<?x13xf32>) {
  ^bb0(%a: f32):
    %0 = math.log %a : f32
    kernel.yield %0 : f32
  } -> (tensor<?x13xf32>)
  return
}

// -----

func.func @body_with_a_constant_of_another_type(%x: tensor<?x13xf32>) {
  // expected-error @+1 {{body computes with 'arith.constant', which no target knows}}
  %y = kernel.elementwise ins(%x : tensor<?x13xf32>) {
  ^bb0(%a: f32):
    %c = arith.constant true
    %0 = arith.select %c, %a, %a : f32
    kernel.yield %0 : f32
  } -> (tensor<?x13xf32>)
  return
}

// -----

func.func @body_with_a_value_from_outside(%x: tensor<?x13xf32>, %f: f32) {
  // expected-error @+1 {{body reads a value from outside}}
  %y = kernel.elementwise ins(%x : tensor<?x13xf32>) {
  ^bb0(%a: f32):
    %0 = arith.mulf %a, %f : f32
    kernel.yield %0 : f32
  } -> (tensor<?x13xf32>)
  return
}

// -----

func.func @elementwise_width(%x: tensor<?x13xf32>) {
  // expected-error @+1 {{elementwise input has 13 columns, expected 17}}
  %y = kernel.elementwise ins(%x : tensor<?x13xf32>) {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  } -> (tensor<?x17xf32>)
  return
}

// -----

func.func @frequencies_in_panels(%p: tensor<?xi32>, %f: !kernel.packed<panels, 1, 5, 1, f32>) {
  // expected-error @+1 {{needs a frequency table, found '!kernel.packed<panels, 1, 5, 1, f32>'}}
  %t = kernel.rope_table %p, %f : (tensor<?xi32>, !kernel.packed<panels, 1, 5, 1, f32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @rope_table_width(%p: tensor<?xi32>, %f: !kernel.packed<table, 1, 5, 1, f32>) {
  // expected-error @+1 {{output has 5 columns, expected 10}}
  %t = kernel.rope_table %p, %f : (tensor<?xi32>, !kernel.packed<table, 1, 5, 1, f32>) -> tensor<?x5xf32>
  return
}

// -----

func.func @rope_width(%x: tensor<?x33xf32>, %t: tensor<?x10xf32>) {
  // expected-error @+1 {{output has 22 columns, expected 33}}
  %y = kernel.rope %x, %t {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 0 : i32}
    : (tensor<?x33xf32>, tensor<?x10xf32>) -> tensor<?x22xf32>
  return
}

// -----

func.func @rope_heads(%x: tensor<?x33xf32>, %t: tensor<?x10xf32>) {
  // expected-error @+1 {{head_dim 13 does not divide 33 columns}}
  %y = kernel.rope %x, %t {head_dim = 13 : i64, rotary_dim = 10 : i64, style = 0 : i32}
    : (tensor<?x33xf32>, tensor<?x10xf32>) -> tensor<?x33xf32>
  return
}

// -----

func.func @rope_odd_rotary_dim(%x: tensor<?x33xf32>, %t: tensor<?x9xf32>) {
  // expected-error @+1 {{rotary_dim is even and at most head_dim = 11, found 9}}
  %y = kernel.rope %x, %t {head_dim = 11 : i64, rotary_dim = 9 : i64, style = 0 : i32}
    : (tensor<?x33xf32>, tensor<?x9xf32>) -> tensor<?x33xf32>
  return
}

// -----

func.func @rope_table_of_another_width(%x: tensor<?x33xf32>, %t: tensor<?x8xf32>) {
  // expected-error @+1 {{table has 8 columns, expected 10}}
  %y = kernel.rope %x, %t {head_dim = 11 : i64, rotary_dim = 10 : i64, style = 0 : i32}
    : (tensor<?x33xf32>, tensor<?x8xf32>) -> tensor<?x33xf32>
  return
}

// -----

func.func @gather_width(%x: tensor<?x23xf32>, %rows: tensor<?xi32>) {
  // expected-error @+1 {{output has 19 columns, expected 23}}
  %y = kernel.gather_rows %x, %rows : (tensor<?x23xf32>, tensor<?xi32>) -> tensor<?x19xf32>
  return
}

// -----

func.func @columns_past_the_end(%x: tensor<?x23xf32>) {
  // expected-error @+1 {{takes 7 columns from 17 of 23}}
  %y = kernel.columns %x from 17 : (tensor<?x23xf32>) -> tensor<?x7xf32>
  return
}

// -----

func.func @columns_before_the_start(%x: tensor<?x23xf32>) {
  // expected-error @+1 {{takes 7 columns from -1 of 23}}
  %y = kernel.columns %x from -1 : (tensor<?x23xf32>) -> tensor<?x7xf32>
  return
}

// -----

func.func @columns_unknown(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{needs known columns, found 'tensor<?x?xf32>' and 'tensor<?x7xf32>'}}
  %y = kernel.columns %x from 0 : (tensor<?x?xf32>) -> tensor<?x7xf32>
  return
}

// -----

func.func @columns_of_a_tensor_as_a_buffer(%x: tensor<?x23xf32>) {
  // expected-error @+1 {{makes a tensor of a tensor or a view of a buffer, found 'tensor<?x23xf32>' and 'memref<?x7xf32>'}}
  %y = kernel.columns %x from 0 : (tensor<?x23xf32>) -> memref<?x7xf32>
  return
}

// -----

func.func @view_elsewhere(%x: memref<?x23xf32, strided<[32, 1], offset: 3>>) {
  // expected-error @+1 {{view lies at column 10 of rows of 32, found 'memref<?x7xf32, strided<[32, 1], offset: 7>>'}}
  %y = kernel.columns %x from 7
    : (memref<?x23xf32, strided<[32, 1], offset: 3>>) -> memref<?x7xf32, strided<[32, 1], offset: 7>>
  return
}
