// What programs of tensor graphs are made of survives text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK: kernel.constant @c0 "fc.weight" at 128 : memref<7x5xf32>
kernel.constant @c0 "fc.weight" at 128 : memref<7x5xf32>

// CHECK-LABEL: kernel.program @main
kernel.program @main inputs 1 outputs 1 roles [#transformer.role<input>, #transformer.role<output>] slots [192, 2] slot_sizes [1] {
^bb0(%x: memref<7x5xf32>, %y: memref<7x5xf32>):
  // CHECK: %[[W:.*]] = kernel.get_constant @c0 : memref<7x5xf32>
  %w = kernel.get_constant @c0 : memref<7x5xf32>
  // CHECK: %[[H:.*]] = kernel.memory 0 at 64 : memref<7x5xf32>
  %h = kernel.memory 0 at 64 : memref<7x5xf32>
  // CHECK: kernel.generic 7 writes [false, false, true](%{{.*}}, %[[W]], %[[H]]) : memref<7x5xf32>, memref<7x5xf32>, memref<7x5xf32> {
  kernel.generic 7 writes [false, false, true](%x, %w, %h) : memref<7x5xf32>, memref<7x5xf32>, memref<7x5xf32> {
  ^bb0(%first: index, %last: index, %a: memref<7x5xf32>, %b: memref<7x5xf32>, %c: memref<7x5xf32>):
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %five = arith.constant 5 : index
    scf.for %i = %first to %last step %one {
      scf.for %k = %zero to %five step %one {
        %0 = memref.load %a[%i, %k] : memref<7x5xf32>
        %1 = memref.load %b[%i, %k] : memref<7x5xf32>
        %2 = arith.addf %0, %1 : f32
        memref.store %2, %c[%i, %k] : memref<7x5xf32>
      }
    }
  }
  kernel.yield
}

// Sizes of the step: read, shared out among threads, set for the caller.
// CHECK-LABEL: kernel.program @open
kernel.program @open inputs 1 outputs 1 roles [#transformer.role<input>, #transformer.role<output>] slots [] slot_sizes [] {
^bb0(%x: memref<140xi8>, %y: memref<140xi8>):
  kernel.generic 1 writes [false, true](%x, %y) : memref<140xi8>, memref<140xi8> {
  ^bb0(%first: index, %last: index, %a: memref<140xi8>, %b: memref<140xi8>):
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    // CHECK: %[[N:.*]] = kernel.dim 0
    %n = kernel.dim 0
    %from = memref.view %a[%zero][%n] : memref<140xi8> to memref<?x5xf32>
    %to = memref.view %b[%zero][%n] : memref<140xi8> to memref<?x5xf32>
    // CHECK: %[[FIRST:.*]], %[[LAST:.*]] = kernel.share %[[N]]
    %mine, %end = kernel.share %n
    scf.for %i = %mine to %end step %one {
      %0 = memref.load %from[%i, %zero] : memref<?x5xf32>
      memref.store %0, %to[%i, %zero] : memref<?x5xf32>
    }
  }
  // CHECK: kernel.generic 1 writes []() {
  kernel.generic 1 writes []() {
  ^bb0(%first: index, %last: index):
    %n = kernel.dim 0
    // CHECK: kernel.set_dim 1, %{{.*}}
    kernel.set_dim 1, %n
  }
  kernel.yield
}
