// RUN: llmc-opt %s -split-input-file -verify-diagnostics --llmc-elementwise-to-kernel

#id = affine_map<(d0, d1) -> (d0, d1)>
#flip = affine_map<(d0, d1) -> (d1, d0)>
func.func @transposed(%a: tensor<23x23xf32>, %init: tensor<23x23xf32>) -> tensor<23x23xf32> {
  // expected-error @+1 {{'linalg.generic' op has no lowering: only elementwise ops on f32 rows [T, C] have}}
  %y = linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<23x23xf32>) outs(%init : tensor<23x23xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<23x23xf32>
  return %y : tensor<23x23xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @rank_one(%a: tensor<?xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'linalg.generic' op has no lowering: only elementwise ops on f32 rows [T, C] have}}
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%a : tensor<?xf32>) outs(%init : tensor<?xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @another_type_goes_in(%a: tensor<?x23xi32>, %init: tensor<?x23xf32>) -> tensor<?x23xf32> {
  // expected-error @+1 {{'linalg.generic' op has no lowering: only elementwise ops on f32 rows [T, C] have}}
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x23xi32>) outs(%init : tensor<?x23xf32>) {
  ^bb0(%p: i32, %o: f32):
    %0 = arith.sitofp %p : i32 to f32
    linalg.yield %0 : f32
  } -> tensor<?x23xf32>
  return %y : tensor<?x23xf32>
}

// -----

func.func @named(%a: tensor<7x23xf32>, %b: tensor<23x5xf32>, %init: tensor<7x5xf32>) -> tensor<7x5xf32> {
  // expected-error @+1 {{'linalg.matmul' op has no lowering: only elementwise ops on f32 rows [T, C] have}}
  %y = linalg.matmul ins(%a, %b : tensor<7x23xf32>, tensor<23x5xf32>) outs(%init : tensor<7x5xf32>) -> tensor<7x5xf32>
  return %y : tensor<7x5xf32>
}

// -----

func.func @on_buffers(%a: memref<7x23xf32>, %b: memref<23x5xf32>, %y: memref<7x5xf32>) {
  // expected-error @+1 {{'linalg.matmul' op has no lowering: only elementwise ops on f32 rows [T, C] have}}
  linalg.matmul ins(%a, %b : memref<7x23xf32>, memref<23x5xf32>) outs(%y : memref<7x5xf32>)
  return
}
