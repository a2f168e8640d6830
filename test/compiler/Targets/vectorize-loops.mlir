// RUN: llmc-opt %s --llmc-vectorize-loops | FileCheck %s

// 16 turns at a time, what is the same in all of them spread, and a loop for what is left.
// CHECK-LABEL: func.func @turns
// CHECK: scf.for
// CHECK: vector.load %arg0[%{{.*}}] : memref<?xf32>, vector<16xf32>
// CHECK: vector.broadcast %{{.*}} : f32 to vector<16xf32>
// CHECK: arith.mulf %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: vector.store
// CHECK: scf.for
// CHECK: memref.load %arg0
// CHECK: memref.store
func.func @turns(%x: memref<?xf32>, %y: memref<?xf32>, %s: memref<f32>, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    %0 = memref.load %x[%i] : memref<?xf32>
    %1 = memref.load %s[] : memref<f32>
    %2 = arith.mulf %0, %1 : f32
    memref.store %2, %y[%i] : memref<?xf32>
  } {llmc.parallel}
  return
}

// Four chains of 16, put together pairwise, then added to the place.
// CHECK-LABEL: func.func @sum
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}})
// CHECK-COUNT-4: arith.maximumf %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: arith.maximumf %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK: arith.maximumf %{{.*}}, %{{.*}} : vector<1xf32>
// CHECK: memref.store
func.func @sum(%x: memref<?xf32>, %s: memref<f32>, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    %0 = memref.load %x[%i] : memref<?xf32>
    %1 = memref.load %s[] : memref<f32>
    %2 = arith.maximumf %1, %0 : f32
    memref.store %2, %s[] : memref<f32>
  } {llmc.sum}
  return
}

// Places that are not next to each other, and turns that read what others write.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: vector
func.func @left_alone(%x: memref<?x?xf32>, %y: memref<?xf32>, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    %0 = memref.load %x[%i, %zero] : memref<?x?xf32>
    memref.store %0, %y[%i] : memref<?xf32>
  } {llmc.parallel}
  scf.for %i = %zero to %n step %one {
    %0 = arith.addi %i, %one : index
    %1 = memref.load %y[%i] : memref<?xf32>
    memref.store %1, %y[%0] : memref<?xf32>
  } {llmc.parallel}
  return
}

// A loop that nobody vouches for.
// CHECK-LABEL: func.func @not_marked
// CHECK-NOT: vector
func.func @not_marked(%x: memref<?xf32>, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    %0 = memref.load %x[%i] : memref<?xf32>
    %1 = arith.negf %0 : f32
    memref.store %1, %x[%i] : memref<?xf32>
  }
  return
}
