// RUN: llmc-opt %s -split-input-file --llmc-hoist-weights | FileCheck %s

// Equal expressions become one weight, also where layers and the rest of the entry read it (tied embeddings).
// CHECK: kernel.weight @w0 copies 1 at -1 stride 0 : !kernel.packed<panels, 53, 13, 1, f32> {
// CHECK-NEXT: %[[W:.*]] = transformer.weight ["table"] : tensor<53x13xf32>
// CHECK-NEXT: %[[P:.*]] = kernel.pack %[[W]]
// CHECK-NEXT: kernel.yield %[[P]]
// CHECK-NOT: kernel.weight
// CHECK-LABEL: func.func @tied
// CHECK-SAME: (%[[IDS:.*]]: tensor<?xi32>)
func.func @tied(%ids: tensor<?xi32>) -> tensor<?x53xf32> {
  // CHECK-NOT: transformer.weight
  // CHECK-NOT: kernel.pack
  // CHECK: %[[E:.*]] = kernel.get_weight @w0 : <panels, 53, 13, 1, f32>
  // CHECK: %[[X:.*]] = kernel.embed %[[IDS]], %[[E]]
  %w = transformer.weight ["table"] : tensor<53x13xf32>
  %p = kernel.pack %w : (tensor<53x13xf32>) -> !kernel.packed<panels, 53, 13, 1, f32>
  %x = kernel.embed %ids, %p : (tensor<?xi32>, !kernel.packed<panels, 53, 13, 1, f32>) -> tensor<?x13xf32>
  // CHECK: %[[H:.*]] = kernel.get_weight @w0
  // CHECK: kernel.matmul %[[X]], %[[H]]
  %v = transformer.weight ["table"] : tensor<53x13xf32>
  %q = kernel.pack %v : (tensor<53x13xf32>) -> !kernel.packed<panels, 53, 13, 1, f32>
  %y = kernel.matmul %x, %q {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x13xf32>, <panels, 53, 13, 1, f32>) -> (tensor<?x53xf32>)
  return %y : tensor<?x53xf32>
}

// -----

// Recipes differ by key, by op, by attribute and by the order of operands.
// CHECK-COUNT-5: kernel.weight @w{{[0-4]}} copies 1
// CHECK-NOT: kernel.weight
// CHECK-LABEL: func.func @not_equal
func.func @not_equal(%x: tensor<?x10xf32>) {
  %a = transformer.weight ["a"] : tensor<5xf32>
  %b = transformer.weight ["b"] : tensor<5xf32>
  %ab = transformer.weight.concat %a, %b axis 0 : (tensor<5xf32>, tensor<5xf32>) -> tensor<10xf32>
  %ba = transformer.weight.concat %b, %a axis 0 : (tensor<5xf32>, tensor<5xf32>) -> tensor<10xf32>
  %one = transformer.weight.affine %ab scale 1.0 offset 1.0 : tensor<10xf32>
  %two = transformer.weight.affine %ab scale 1.0 offset 2.0 : tensor<10xf32>
  %aa = transformer.weight.concat %a, %a axis 0 : (tensor<5xf32>, tensor<5xf32>) -> tensor<10xf32>
  %p0 = kernel.pack %ab : (tensor<10xf32>) -> !kernel.packed<table, 1, 10, 1, f32>
  %p1 = kernel.pack %ba : (tensor<10xf32>) -> !kernel.packed<table, 1, 10, 1, f32>
  %p2 = kernel.pack %one : (tensor<10xf32>) -> !kernel.packed<table, 1, 10, 1, f32>
  %p3 = kernel.pack %two : (tensor<10xf32>) -> !kernel.packed<table, 1, 10, 1, f32>
  %p4 = kernel.pack %aa : (tensor<10xf32>) -> !kernel.packed<table, 1, 10, 1, f32>
  // CHECK: %[[P0:.*]] = kernel.get_weight @w0
  // CHECK: %[[P4:.*]] = kernel.get_weight @w4
  // CHECK: kernel.rms_norm %{{.*}}, %[[P0]]
  // CHECK: kernel.rms_norm %{{.*}}, %[[P4]]
  %y0 = kernel.rms_norm %x, %p0 {epsilon = 0.0 : f32}
    : (tensor<?x10xf32>, !kernel.packed<table, 1, 10, 1, f32>) -> tensor<?x10xf32>
  %y4 = kernel.rms_norm %x, %p4 {epsilon = 0.0 : f32}
    : (tensor<?x10xf32>, !kernel.packed<table, 1, 10, 1, f32>) -> tensor<?x10xf32>
  return
}

// -----

// A weight of two layers has two copies, and the layer's number within its class picks one; a class of one layer has one.
// CHECK: kernel.weight @w0 copies 2 at -1 stride 0
// CHECK-NEXT: transformer.weight ["l0", "l2"]
// CHECK: kernel.weight @w1 copies 1 at -1 stride 0
// CHECK-NEXT: transformer.weight ["l1"]
// CHECK-LABEL: func.func @layers
func.func @layers(%x: tensor<?x13xf32>) -> tensor<?x13xf32> {
  %y = kernel.layers classes [0, 1, 0] slots [-1, -1, -1] iter(%x : tensor<?x13xf32>) {
  // CHECK: ^bb0(%{{.*}}: index, %[[MEMBER:.*]]: index, %[[H:.*]]: tensor<?x13xf32>):
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    // CHECK-NEXT: %[[W:.*]] = kernel.get_weight @w0[%[[MEMBER]]] : <table, 1, 13, 1, f32>
    // CHECK-NEXT: kernel.rms_norm %[[H]], %[[W]]
    %w = transformer.weight ["l0", "l2"] : tensor<13xf32>
    %p = kernel.pack %w : (tensor<13xf32>) -> !kernel.packed<table, 1, 13, 1, f32>
    %n = kernel.rms_norm %h, %p {epsilon = 0.0 : f32}
      : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x13xf32>
    kernel.yield %n : tensor<?x13xf32>
  }, {
  ^bb0(%slot: index, %member: index, %h: tensor<?x13xf32>):
    // CHECK: kernel.get_weight @w1 : <table, 1, 13, 1, f32>
    %w = transformer.weight ["l1"] : tensor<13xf32>
    %p = kernel.pack %w : (tensor<13xf32>) -> !kernel.packed<table, 1, 13, 1, f32>
    %n = kernel.rms_norm %h, %p {epsilon = 0.0 : f32}
      : (tensor<?x13xf32>, !kernel.packed<table, 1, 13, 1, f32>) -> tensor<?x13xf32>
    kernel.yield %n : tensor<?x13xf32>
  } -> (tensor<?x13xf32>)
  return %y : tensor<?x13xf32>
}
