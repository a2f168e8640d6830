// RUN: llmc-opt %s --llmc-graph-rows | FileCheck %s

#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>

// Sums of rows and what is made of them: one loop, and the sum is a number on the stack.
// CHECK-LABEL: func.func @rows
// CHECK: %[[SUM:.*]] = memref.alloca() {{.*}} : memref<f32>
// CHECK: scf.for %[[R:.*]] = %{{.*}} to %{{.*}} step
// CHECK: linalg.generic {{.*}} outs(%[[SUM]] : memref<f32>)
// CHECK: memref.subview %arg0[%[[R]], 0] [1, 13] [1, 1]
// CHECK: linalg.generic {{.*}} outs(%[[SUM]] : memref<f32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[SUM]] :
// CHECK: } {llmc.rows}
func.func @rows(%x: memref<37x13xf32>, %y: memref<37x13xf32>) attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<37xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<37xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<37x13xf32>) outs(%s : memref<37xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = arith.addf %l, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %s : memref<37x13xf32>, memref<37xf32>) outs(%y : memref<37x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.divf %l, %r : f32
    linalg.yield %0 : f32
  }
  return
}

// A row that needs all rows before it is in no loop with them.
// CHECK-LABEL: func.func @columns_are_apart
// CHECK-NOT: llmc.rows
func.func @columns_are_apart(%x: memref<37x13xf32>, %y: memref<37x13xf32>) attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  %s = memref.alloc() : memref<13xf32>
  linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]} ins(%x : memref<37x13xf32>) outs(%s : memref<13xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = arith.maximumf %l, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %s : memref<37x13xf32>, memref<13xf32>) outs(%y : memref<37x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.subf %l, %r : f32
    linalg.yield %0 : f32
  }
  return
}

// Few rows would leave threads without work.
// CHECK-LABEL: func.func @few_rows
// CHECK-NOT: llmc.rows
func.func @few_rows(%x: memref<3x13xf32>, %y: memref<3x13xf32>) attributes {llmc.constants = [], llmc.inputs = 1 : i64} {
  %s = memref.alloc() : memref<3xf32>
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x13xf32>) outs(%s : memref<3xf32>) {
  ^bb0(%l: f32, %o: f32):
    %0 = arith.maximumf %l, %o : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %s : memref<3x13xf32>, memref<3xf32>) outs(%y : memref<3x13xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %0 = arith.subf %l, %r : f32
    linalg.yield %0 : f32
  }
  return
}
