// A norm that quantising alone reads is done on the way.
// RUN: llmc-opt %s --llmc-fuse-norms | FileCheck %s

// CHECK-LABEL: @fused
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>, %[[W:.*]]: !kernel.packed<table, 1, 96, 1, f32>)
// CHECK-NOT: kernel.rms_norm
// CHECK: kernel.quantize %[[X]] norm(%[[W]]) {epsilon = 9.99999974E-6 : f32, norm_offset = 1.000000e+00 : f32, segment = 32 : i64, sums = 1 : i32, zero = 8 : i64}
func.func @fused(%x: tensor<?x96xf32>, %w: !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x256xi8> {
  %n = kernel.rms_norm %x, %w {epsilon = 1.0e-05 : f32, weight_offset = 1.0 : f32} : (tensor<?x96xf32>, !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x96xf32>
  %q = kernel.quantize %n {segment = 32 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x96xf32>) -> tensor<?x256xi8>
  return %q : tensor<?x256xi8>
}

// The order of columns goes along.
// CHECK-LABEL: @in_order
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>, %[[W:.*]]: !kernel.packed<table, 1, 96, 1, f32>, %[[O:.*]]: !kernel.packed<table, 1, 96, 1, f32>)
// CHECK-NOT: kernel.rms_norm
// CHECK: kernel.quantize %[[X]] norm(%[[W]]) order(%[[O]])
func.func @in_order(%x: tensor<?x96xf32>, %w: !kernel.packed<table, 1, 96, 1, f32>, %o: !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x192xi8> {
  %n = kernel.rms_norm %x, %w {epsilon = 1.0e-05 : f32} : (tensor<?x96xf32>, !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x96xf32>
  %q = kernel.quantize %n order(%o) {segment = 32 : i64} : (tensor<?x96xf32>, !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x192xi8>
  return %q : tensor<?x192xi8>
}

// CHECK-LABEL: @not_fused_with_another_reader
// CHECK: kernel.rms_norm
// CHECK: kernel.quantize %{{[^ ]*}} {
func.func @not_fused_with_another_reader(%x: tensor<?x96xf32>, %w: !kernel.packed<table, 1, 96, 1, f32>) -> (tensor<?x192xi8>, tensor<?x96xf32>) {
  %n = kernel.rms_norm %x, %w {epsilon = 1.0e-05 : f32} : (tensor<?x96xf32>, !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x96xf32>
  %q = kernel.quantize %n {segment = 32 : i64} : (tensor<?x96xf32>) -> tensor<?x192xi8>
  return %q, %n : tensor<?x192xi8>, tensor<?x96xf32>
}

// CHECK-LABEL: @not_fused_in_groups
// CHECK: kernel.rms_norm
// CHECK: kernel.quantize %{{[^ ]*}} {
func.func @not_fused_in_groups(%x: tensor<?x96xf32>, %w: !kernel.packed<table, 1, 48, 1, f32>) -> tensor<?x192xi8> {
  %n = kernel.rms_norm %x, %w {epsilon = 1.0e-05 : f32} : (tensor<?x96xf32>, !kernel.packed<table, 1, 48, 1, f32>) -> tensor<?x96xf32>
  %q = kernel.quantize %n {segment = 32 : i64} : (tensor<?x96xf32>) -> tensor<?x192xi8>
  return %q : tensor<?x192xi8>
}

// Rows that are halved are normed on the way, too.
// CHECK-LABEL: @halved
// CHECK-SAME: (%[[X:.*]]: tensor<?x96xf32>, %[[W:.*]]: !kernel.packed<table, 1, 96, 1, f32>)
// CHECK-NOT: kernel.rms_norm
// CHECK: kernel.halve %[[X]] norm(%[[W]]) {epsilon = 9.99999974E-6 : f32, norm_offset = 1.000000e+00 : f32}
func.func @halved(%x: tensor<?x96xf32>, %w: !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x224xf16> {
  %n = kernel.rms_norm %x, %w {epsilon = 1.0e-05 : f32, weight_offset = 1.0 : f32} : (tensor<?x96xf32>, !kernel.packed<table, 1, 96, 1, f32>) -> tensor<?x96xf32>
  %h = kernel.halve %n : (tensor<?x96xf32>) -> tensor<?x224xf16>
  return %h : tensor<?x224xf16>
}
