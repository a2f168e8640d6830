// Types of codes, quantised rows and products of them survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-LABEL: @types
// CHECK-SAME: !kernel.codes<8, group = 32, zero = 128, f16>
// CHECK-SAME: !kernel.codes<4, group = 32, zero = 0, f16 super = 256 minimum = 1>
// CHECK-SAME: !kernel.codes<4, group = 16, zero = 0, bf16 table = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]>
// CHECK-SAME: !kernel.codes<8, group = 48, zero = 16, f32>
// CHECK-SAME: !kernel.codes<4, group = 128, zero = 0, f32 zeros = 1>
// CHECK-SAME: !kernel.codes<6, group = 16, zero = 32, f16 super = 256>
// CHECK-SAME: !kernel.codes<5, group = 32, zero = 16, f16>
// CHECK-SAME: !kernel.codes<3, group = 16, zero = 4, f16 super = 256>
// CHECK-SAME: !kernel.codes<2, group = 16, zero = 0, f16 super = 256 minimum = 1>
func.func private @types(
  !kernel.packed<codes, 37, 96, 2, !kernel.codes<8, group = 32, zero = 128, f16>>,
  !kernel.packed<codes, 5, 256, 1, !kernel.codes<4, group = 32, zero = 0, f16 super = 256 minimum = 1>>,
  !kernel.packed<codes, 5, 48, 1, !kernel.codes<4, group = 16, zero = 0, bf16 table = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]>>,
  !kernel.packed<codes, 5, 48, 1, !kernel.codes<8, group = 48, zero = 16, f32>>,
  !kernel.packed<codes, 5, 256, 1, !kernel.codes<4, group = 128, zero = 0, f32 zeros = 1>>,
  !kernel.packed<codes, 5, 512, 1, !kernel.codes<6, group = 16, zero = 32, f16 super = 256>>,
  !kernel.packed<codes, 5, 96, 1, !kernel.codes<5, group = 32, zero = 16, f16>>,
  !kernel.packed<codes, 5, 256, 1, !kernel.codes<3, group = 16, zero = 4, f16 super = 256>>,
  !kernel.packed<codes, 5, 256, 1, !kernel.codes<2, group = 16, zero = 0, f16 super = 256 minimum = 1>>)

// CHECK-LABEL: @product
// CHECK: kernel.quantize %{{.*}} {segment = 16 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x48xf32>) -> tensor<?x192xi8>
// CHECK: kernel.matmul
// CHECK: } : (tensor<?x192xi8>, <codes, 7, 48, 1, !kernel.codes<4, group = 48, zero = 8, f16>>) -> (tensor<?x7xf32>)
// CHECK: kernel.quantize %{{.*}} {segment = 16 : i64, sums = 2 : i32} :
func.func @product(%x: tensor<?x48xf32>, %w: !kernel.packed<codes, 7, 48, 1, !kernel.codes<4, group = 48, zero = 8, f16>>) {
  %q = kernel.quantize %x {segment = 16 : i64, sums = 1 : i32, zero = 8 : i64} : (tensor<?x48xf32>) -> tensor<?x192xi8>
  %y = kernel.matmul %q, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x192xi8>, <codes, 7, 48, 1, !kernel.codes<4, group = 48, zero = 8, f16>>) -> (tensor<?x7xf32>)
  %m = kernel.quantize %x {segment = 16 : i64, sums = 2 : i32} : (tensor<?x48xf32>) -> tensor<?x192xi8>
  return
}
