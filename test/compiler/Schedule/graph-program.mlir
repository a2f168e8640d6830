// RUN: llmc-opt %s --llmc-graph-program | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>

// Three values of a chain lie in two places; a barrier stands where one launch reads what another wrote.
// CHECK-LABEL: kernel.program @chain inputs 1 outputs 1
// CHECK-SAME: slots [2688, 2] slot_sizes [1]
// CHECK-DAG: %[[A:.*]] = kernel.memory 0 at 0 : memref<37x9xf32>
// CHECK-DAG: %[[B:.*]] = kernel.memory 0 at 1344 : memref<37x9xf32>
// CHECK: kernel.generic 37 writes [false, true](%{{.*}}, %{{.*}})
// CHECK: kernel.barrier
// CHECK: kernel.generic 37 writes [false, true]
// CHECK: kernel.barrier
// CHECK: kernel.generic 37 writes [false, true]
// CHECK: kernel.barrier
// CHECK: kernel.generic 37 writes [false, true]
// CHECK-NOT: kernel.barrier
func.func @chain(%x: memref<37x9xf32>, %y: memref<37x9xf32>) attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  %a = memref.alloc() : memref<37x9xf32>
  linalg.exp ins(%x : memref<37x9xf32>) outs(%a : memref<37x9xf32>)
  %b = memref.alloc() : memref<37x9xf32>
  linalg.abs ins(%a : memref<37x9xf32>) outs(%b : memref<37x9xf32>)
  %c = memref.alloc() : memref<37x9xf32>
  linalg.negf ins(%b : memref<37x9xf32>) outs(%c : memref<37x9xf32>)
  linalg.copy ins(%c : memref<37x9xf32>) outs(%y : memref<37x9xf32>)
  return
}

// Launches that touch nothing of each other run side by side.
// CHECK-LABEL: kernel.program @apart
// CHECK-NOT: kernel.barrier
// CHECK: kernel.yield
func.func @apart(%x: memref<37x9xf32>, %y: memref<37x9xf32>, %z: memref<37x9xf32>)
    attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  linalg.exp ins(%x : memref<37x9xf32>) outs(%y : memref<37x9xf32>)
  linalg.abs ins(%x : memref<37x9xf32>) outs(%z : memref<37x9xf32>)
  return
}

// A sum's loop is not split: the rows are, and nothing where there are none.
// CHECK-LABEL: kernel.program @sums
// CHECK: kernel.generic 5 writes
// CHECK: kernel.barrier
// CHECK: kernel.generic 1 writes
func.func @sums(%x: memref<5x41xf32>, %rows: memref<5xf32>, %all: memref<f32>)
    attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<5x41xf32>) outs(%rows : memref<5xf32>) {
  ^bb0(%v: f32, %s: f32):
    %0 = arith.addf %s, %v : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%rows : memref<5xf32>) outs(%all : memref<f32>) {
  ^bb0(%v: f32, %s: f32):
    %0 = arith.addf %s, %v : f32
    linalg.yield %0 : f32
  }
  return
}

// Weights are constants at places that follow each other.
// CHECK-LABEL: kernel.program @constants
// CHECK: kernel.get_constant @c0
// CHECK: kernel.constant @c0 "w" at 0 : memref<7xf32>
// CHECK: kernel.constant @c1 "v" at 64 : memref<7xf32>
func.func @constants(%x: memref<7xf32>, %w: memref<7xf32>, %v: memref<7xf32>, %y: memref<7xf32>)
    attributes {llmc.constants = ["w", "v"], llmc.inputs = 1 : i64} {
  linalg.add ins(%x, %w : memref<7xf32>, memref<7xf32>) outs(%y : memref<7xf32>)
  linalg.add ins(%y, %v : memref<7xf32>, memref<7xf32>) outs(%y : memref<7xf32>)
  return
}

// Sizes that come with the inputs: memory is planned for their bounds, launches make views of bytes and divide what they
// learn; a size that is no input's is set for the caller.
// CHECK-LABEL: kernel.program @open inputs 1 outputs 1
// CHECK-SAME: slots [896, 2] slot_sizes [1]
// CHECK: ^bb0(%[[X:.*]]: memref<840xi8>, %[[Y:.*]]: memref<1680xi8>):
// CHECK: %[[M:.*]] = kernel.memory 0 at 0 : memref<840xi8>
// CHECK: kernel.generic 1 writes [false, true](%[[X]], %[[M]])
// CHECK: %[[N:.*]] = kernel.dim 0
// CHECK: memref.view %{{.*}}[%{{.*}}][%[[N]]] : memref<840xi8> to memref<?x5xf32>
// CHECK: kernel.share
// CHECK: kernel.generic 1 writes []() {
// CHECK: kernel.set_dim 1, %{{.*}}
// CHECK: onnx.dims = [{computed = false, maximum = 42 : i64, minimum = 2 : i64, name = "n"}, {computed = true, maximum = 84 : i64, minimum = 4 : i64, name = "y.0"}]
func.func @open(%x: memref<?x5xf32>, %y: memref<?x5xf32>)
    attributes {llmc.constants = [], llmc.inputs = 1 : i64, onnx.names = ["x", "y"],
                onnx.types = [tensor<?x5xf32, affine_map<()[s0] -> (s0, 5)>>, tensor<?x5xf32, affine_map<()[s0] -> (s0 * 2, 5)>>],
                onnx.dims = [{kind = 0 : i64, name = "n", minimum = 2 : i64, maximum = 42 : i64, place = array<i64: 0, 0>}]} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %n = memref.dim %x, %c0 : memref<?x5xf32>
  %a = memref.alloc(%n) : memref<?x5xf32>
  linalg.exp ins(%x : memref<?x5xf32>) outs(%a : memref<?x5xf32>)
  %m = arith.muli %n, %c2 : index
  %b = memref.alloc(%m) : memref<?x5xf32>
  %low = memref.subview %b[0, 0] [%n, 5] [1, 1] : memref<?x5xf32> to memref<?x5xf32, strided<[5, 1]>>
  linalg.copy ins(%a : memref<?x5xf32>) outs(%low : memref<?x5xf32, strided<[5, 1]>>)
  %high = memref.subview %b[%n, 0] [%n, 5] [1, 1] : memref<?x5xf32> to memref<?x5xf32, strided<[5, 1], offset: ?>>
  linalg.copy ins(%a : memref<?x5xf32>) outs(%high : memref<?x5xf32, strided<[5, 1], offset: ?>>)
  memref.copy %b, %y : memref<?x5xf32> to memref<?x5xf32>
  return
}

// What a loop writes through a view of each turn's own part is written: what reads it waits.
// CHECK-LABEL: kernel.program @turns
// CHECK: kernel.generic 1 writes [{{(true, false|false, true)}}]
// CHECK: kernel.barrier
// CHECK: kernel.generic 5 writes
func.func @turns(%x: memref<3xf32>, %y: memref<5x3xf32>) attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %five = arith.constant 5 : index
  %a = memref.alloc() : memref<5x3xf32>
  scf.for %i = %zero to %five step %one {
    %v = memref.subview %a[%i, 0] [1, 3] [1, 1] : memref<5x3xf32> to memref<3xf32, strided<[1], offset: ?>>
    memref.copy %x, %v : memref<3xf32> to memref<3xf32, strided<[1], offset: ?>>
  }
  linalg.exp ins(%a : memref<5x3xf32>) outs(%y : memref<5x3xf32>)
  return
}
