// RUN: llmc-opt %s --llmc-graph-panels | FileCheck %s

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#t = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

// Two panels of 16 columns, the last of which are zero; turned, the strides of the tensor change places.
// CHECK-DAG: #[[PANELS:.*]] = affine_map<(d0, d1, d2) -> (d1 * 5 + d2 * 16)>
// CHECK-LABEL: func.func @two
// CHECK-SAME: %{{.*}}: memref<160xf32> {llmc.columns = [array<i64: 17, 1>], llmc.steps = [array<i64: 5, 17>]}
// CHECK-SAME: %{{.*}}: memref<160xf32> {llmc.columns = [array<i64: 17, 5>], llmc.steps = [array<i64: 5, 1>]}
// CHECK: kernel.contract %arg0, %arg1 to
// CHECK: indexing_maps = [#{{.*}}, #[[PANELS]], #{{.*}}], panels
// CHECK: kernel.contract %arg0, %arg2 to
// CHECK: indexing_maps = [#{{.*}}, #[[PANELS]], #{{.*}}], panels
func.func @two(%x: memref<3x5xf32>, %w: memref<5x17xf32>, %v: memref<17x5xf32>, %y: memref<3x17xf32>, %z: memref<3x17xf32>)
    attributes {llmc.constants = ["w", "v"], llmc.inputs = 1 : i64} {
  kernel.contract %x, %w to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #b, #c], sums = 1 : i64} : memref<3x5xf32>, memref<5x17xf32>, memref<3x17xf32>
  kernel.contract %x, %v to %z {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #t, #c], sums = 1 : i64} : memref<3x5xf32>, memref<17x5xf32>, memref<3x17xf32>
  return
}

// Heads of whole panels: a panel belongs to one head. Heads of 8 columns would share one.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: %{{.*}}: memref<240xf32> {llmc.columns = [array<i64: 3, 16>, array<i64: 16, 1>], llmc.steps = [array<i64: 5, 48>]}
// CHECK-SAME: %{{.*}}: memref<5x24xf32>
func.func @heads(%x: memref<3x5xf32>, %w: memref<5x48xf32>, %v: memref<5x24xf32>, %y: memref<3x3x16xf32>, %z: memref<3x3x8xf32>)
    attributes {llmc.constants = ["w", "v"], llmc.inputs = 1 : i64} {
  %0 = memref.expand_shape %w [[0], [1, 2]] output_shape [5, 3, 16] : memref<5x48xf32> into memref<5x3x16xf32>
  kernel.contract %x, %0 to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, h, d, k) -> (m, k)>, affine_map<(m, h, d, k) -> (k, h, d)>, affine_map<(m, h, d, k) -> (h, m, d)>], sums = 1 : i64}
    : memref<3x5xf32>, memref<5x3x16xf32>, memref<3x3x16xf32>
  %1 = memref.expand_shape %v [[0], [1, 2]] output_shape [5, 3, 8] : memref<5x24xf32> into memref<5x3x8xf32>
  kernel.contract %x, %1 to %z {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [affine_map<(m, h, d, k) -> (m, k)>, affine_map<(m, h, d, k) -> (k, h, d)>, affine_map<(m, h, d, k) -> (h, m, d)>], sums = 1 : i64}
    : memref<3x5xf32>, memref<5x3x8xf32>, memref<3x3x8xf32>
  return
}

// Left as they are: rows, few columns, what somebody else reads, what is read in two orders.
// CHECK-LABEL: func.func @left
// CHECK-SAME: memref<3x5xf32>, %{{.*}}: memref<5x15xf32>, %{{.*}}: memref<16x16xf32>, %{{.*}}: memref<5x16xf32>
// CHECK-NOT: panels
func.func @left(%x: memref<5x16xf32>, %r: memref<3x5xf32>, %few: memref<5x15xf32>, %both: memref<16x16xf32>, %read: memref<5x16xf32>,
                %y: memref<3x16xf32>, %z: memref<3x15xf32>, %p: memref<5x16xf32>, %q: memref<5x16xf32>, %s: memref<3x16xf32>, %u: memref<5x16xf32>)
    attributes {llmc.constants = ["r", "few", "both", "read"], llmc.inputs = 1 : i64} {
  kernel.contract %r, %x to %y {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #b, #c], sums = 1 : i64} : memref<3x5xf32>, memref<5x16xf32>, memref<3x16xf32>
  kernel.contract %r, %few to %z {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #b, #c], sums = 1 : i64} : memref<3x5xf32>, memref<5x15xf32>, memref<3x15xf32>
  kernel.contract %x, %both to %p {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #b, #c], sums = 1 : i64} : memref<5x16xf32>, memref<16x16xf32>, memref<5x16xf32>
  kernel.contract %x, %both to %q {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #t, #c], sums = 1 : i64} : memref<5x16xf32>, memref<16x16xf32>, memref<5x16xf32>
  kernel.contract %r, %read to %s {
  ^bb0(%sum: f32):
    kernel.yield %sum : f32
  } {indexing_maps = [#a, #b, #c], sums = 1 : i64} : memref<3x5xf32>, memref<5x16xf32>, memref<3x16xf32>
  memref.copy %read, %u : memref<5x16xf32> to memref<5x16xf32>
  return
}
