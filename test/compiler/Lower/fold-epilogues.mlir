// RUN: llmc-opt %s -split-input-file --llmc-fold-epilogues | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>

// Each value of the generic takes the place it had: the sum stays the left operand.
// CHECK-LABEL: @bias_and_residual
// CHECK-SAME: (%[[X:.*]]: tensor<?x13xf32>, %[[W:.*]]: !kernel.packed<panels, 17, 13, 1, f32>, %[[B:.*]]: !kernel.packed<table, 1, 17, 1, f32>, %[[R:.*]]: tensor<?x17xf32>, %[[I:.*]]: tensor<?x17xf32>)
func.func @bias_and_residual(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
    %b: !kernel.packed<table, 1, 17, 1, f32>, %r: tensor<?x17xf32>, %init: tensor<?x17xf32>) -> tensor<?x17xf32> {
  // CHECK: %[[Y:.*]] = kernel.matmul %[[X]], %[[W]] extras(%[[B]], %[[R]] : !kernel.packed<table, 1, 17, 1, f32>, tensor<?x17xf32>) {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[E:.*]]: f32, %[[F:.*]]: f32):
  // CHECK-NEXT: %[[A:.*]] = arith.addf %[[S]], %[[E]] : f32
  // CHECK-NEXT: %[[D:.*]] = arith.subf %[[F]], %[[A]] : f32
  // CHECK-NEXT: kernel.yield %[[D]] : f32
  // CHECK-NEXT: } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  // CHECK-NOT: linalg
  %m = kernel.matmul %x, %w extras(%b : !kernel.packed<table, 1, 17, 1, f32>) {
  ^bb0(%s: f32, %e: f32):
    %0 = arith.addf %s, %e : f32
    kernel.yield %0 : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%r, %m : tensor<?x17xf32>, tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %1 = arith.subf %a, %c : f32
    linalg.yield %1 : f32
  } -> tensor<?x17xf32>
  // CHECK: return %[[Y]]
  return %y : tensor<?x17xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// A chain folds from the front; of two matmuls the first takes the other as an extra.
// CHECK-LABEL: @chain
// CHECK-SAME: (%[[X:.*]]: tensor<?x13xf32>, %[[V:.*]]: !kernel.packed<panels, 17, 13, 1, f32>, %[[W:.*]]: !kernel.packed
func.func @chain(%x: tensor<?x13xf32>, %v: !kernel.packed<panels, 17, 13, 1, f32>,
    %w: !kernel.packed<panels, 17, 13, 1, bf16>, %init: tensor<?x17xf32>) -> tensor<?x17xf32> {
  // CHECK: %[[U:.*]] = kernel.matmul %[[X]], %[[W]] {
  // CHECK: %[[Y:.*]] = kernel.matmul %[[X]], %[[V]] extras(%[[U]] : tensor<?x17xf32>) {
  // CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[E:.*]]: f32):
  // CHECK-NEXT: %[[T:.*]] = math.tanh %[[G]] : f32
  // CHECK-NEXT: %[[P:.*]] = arith.mulf %[[T]], %[[E]] : f32
  // CHECK-NEXT: kernel.yield %[[P]] : f32
  // CHECK-NOT: linalg
  %g = kernel.matmul %x, %v {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%g : tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = math.tanh %i : f32
    linalg.yield %0 : f32
  } -> tensor<?x17xf32>
  %u = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, bf16>) -> (tensor<?x17xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %u : tensor<?x17xf32>, tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    linalg.yield %0 : f32
  } -> tensor<?x17xf32>
  // CHECK: return %[[Y]]
  return %y : tensor<?x17xf32>
}

// -----

// What sizes the generic's result reads the product's rows; that is no use of its values.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: @sized_by_the_product
// CHECK: kernel.matmul
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[E:.*]]: f32):
// CHECK-NEXT: arith.addf %[[S]], %[[E]] : f32
// CHECK-NOT: linalg.generic
func.func @sized_by_the_product(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                                %r: tensor<?x17xf32>) -> tensor<?x17xf32> {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %m, %c0 : tensor<?x17xf32>
  %init = tensor.empty(%rows) : tensor<?x17xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m, %r : tensor<?x17xf32>, tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.addf %i, %j : f32
    linalg.yield %0 : f32
  } -> tensor<?x17xf32>
  return %y : tensor<?x17xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: @not_folded_when_another_op_reads_the_product
// CHECK: %[[M:.*]] = kernel.matmul
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[M]] :
// CHECK: return %[[M]], %[[Y]]
func.func @not_folded_when_another_op_reads_the_product(%x: tensor<?x13xf32>,
    %w: !kernel.packed<panels, 17, 13, 1, f32>, %init: tensor<?x17xf32>) -> (tensor<?x17xf32>, tensor<?x17xf32>) {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.negf %i : f32
    linalg.yield %0 : f32
  } -> tensor<?x17xf32>
  return %m, %y : tensor<?x17xf32>, tensor<?x17xf32>
}

// -----

// Folding into the loop would compute the product again in each layer.
#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: @not_folded_into_another_block
// CHECK: kernel.matmul
// CHECK: kernel.layers
// CHECK: linalg.generic
func.func @not_folded_into_another_block(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                                         %init: tensor<?x17xf32>) -> tensor<?x17xf32> {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %y = kernel.layers classes [0, 0] slots [-1, -1] iter(%init : tensor<?x17xf32>) {
  ^bb0(%slot: index, %member: index, %h: tensor<?x17xf32>):
    %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%m, %h : tensor<?x17xf32>, tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %1 = arith.addf %i, %j : f32
      linalg.yield %1 : f32
    } -> tensor<?x17xf32>
    kernel.yield %0 : tensor<?x17xf32>
  } -> (tensor<?x17xf32>)
  return %y : tensor<?x17xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#flip = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: @not_folded_when_transposed
// CHECK: kernel.matmul
// CHECK: linalg.generic
func.func @not_folded_when_transposed(%x: tensor<17x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                                      %init: tensor<17x17xf32>) -> tensor<17x17xf32> {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<17x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<17x17xf32>)
  %y = linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<17x17xf32>) outs(%init : tensor<17x17xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.negf %i : f32
    linalg.yield %0 : f32
  } -> tensor<17x17xf32>
  return %y : tensor<17x17xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: @not_folded_into_a_reduction
// CHECK: kernel.matmul
// CHECK: linalg.generic
func.func @not_folded_into_a_reduction(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                                       %init: tensor<?xf32>) -> tensor<?xf32> {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %y = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%m : tensor<?x17xf32>) outs(%init : tensor<?xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.addf %i, %o : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: @not_folded_when_the_initial_value_counts
// CHECK: kernel.matmul
// CHECK: linalg.generic
func.func @not_folded_when_the_initial_value_counts(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
                                                    %init: tensor<?x17xf32>) -> tensor<?x17xf32> {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<?x17xf32>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.addf %i, %o : f32
    linalg.yield %0 : f32
  } -> tensor<?x17xf32>
  return %y : tensor<?x17xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: @not_folded_when_an_input_is_no_f32
// CHECK: kernel.matmul
// CHECK: linalg.generic
func.func @not_folded_when_an_input_is_no_f32(%x: tensor<?x13xf32>, %w: !kernel.packed<panels, 17, 13, 1, f32>,
    %r: tensor<?x17xf64>, %init: tensor<?x17xf32>) -> tensor<?x17xf32> {
  %m = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 17, 13, 1, f32>) -> (tensor<?x17xf32>)
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m, %r : tensor<?x17xf32>, tensor<?x17xf64>) outs(%init : tensor<?x17xf32>) {
  ^bb0(%i: f32, %j: f64, %o: f32):
    %0 = arith.truncf %j : f64 to f32
    %1 = arith.addf %i, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x17xf32>
  return %y : tensor<?x17xf32>
}
