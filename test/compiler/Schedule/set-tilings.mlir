// RUN: split-file %s %t
// RUN: llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/good.json" | FileCheck %s
// RUN: llmc-opt %t/products.mlir --llmc-set-tilings | FileCheck %s --check-prefix=NONE
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/tile.json" 2>&1 | FileCheck %s --check-prefix=TILE
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/row.json" 2>&1 | FileCheck %s --check-prefix=ROW
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/range.json" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/key.json" 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/value.json" 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/nameless.json" 2>&1 | FileCheck %s --check-prefix=NAMELESS
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/variant.json" 2>&1 | FileCheck %s --check-prefix=VARIANT
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/version.json" 2>&1 | FileCheck %s --check-prefix=VERSION
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/products.mlir" 2>&1 | FileCheck %s --check-prefix=JSON
// RUN: not llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/absent.json" 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: llmc-opt %t/products.mlir --llmc-set-tilings="file=%t/other.json" 2>&1 | FileCheck %s --check-prefix=OTHER

// CHECK: kernel.matmul
// CHECK-SAME: %arg1
// CHECK: {kernel.tilings = {"x86-64-v4" = #kernel.tiling<panels = 4, group = 16, ahead = 2048, many = 12 by 2>}}
// CHECK: kernel.matmul
// CHECK-NOT: kernel.tilings
// NONE-NOT: kernel.tilings
// TILE: tile.json{{.*}}: error: entry 1 of 'products' has 'many' [7, 9], a tile that x86-64-v4 has not for this product (expected [6, 4], [8, 3], [7, 3], [6, 3], [12, 2], [11, 2])
// ROW: row.json{{.*}}: error: entry 1 of 'products' has 'panels' 3, for which x86-64-v4 has no tile of one row (expected 2, 1, 8, 4)
// RANGE: range.json{{.*}}: error: entry 1 of 'products' is out of range: 'ahead' is -1 or a multiple of 64 up to 65536, found 100
// KEY: key.json{{.*}}: error: entry 1 of 'products' has the unknown key 'tile' (expected rows, weight, panels, group, ahead, many, microseconds)
// VALUE: value.json{{.*}}: error: entry 1 of 'products' has another value than a whole number in 'panels', 'group' or 'ahead', or than two of them in 'many'
// NAMELESS: nameless.json{{.*}}: error: entry 2 of 'products' names no product in 'rows' and 'weight'
// VARIANT: variant.json{{.*}}: error: names no processor variant in 'variant' (expected x86-64-v4-amx, x86-64-v4-fp16, x86-64-v4-vnni, x86-64-v4, x86-64-v3-vnni, x86-64-v3)
// VERSION: version.json{{.*}}: error: is no schedule that this llmc knows (expected an object with "llmc_schedule": 1, as llmc compile --tune writes it)
// JSON: products.mlir{{.*}}: error: is not JSON:
// ABSENT: absent.json{{.*}}: error: cannot be read: No such file or directory
// OTHER: other.json{{.*}}: warning: tells of no product of this model: it was measured with another model, or other --weights

//--- products.mlir
!b = !kernel.packed<panels, 32, 48, 1, bf16>
!f = !kernel.packed<panels, 32, 48, 1, f16>
func.func @step(%x: tensor<?x48xf32>, %v: !b, %w: !f) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %y = kernel.matmul %x, %v {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x48xf32>, !b) -> (tensor<?x32xf32>)
  %z = kernel.matmul %x, %w {
  ^bb0(%s: f32):
    kernel.yield %s : f32
  } : (tensor<?x48xf32>, !f) -> (tensor<?x32xf32>)
  return %y, %z : tensor<?x32xf32>, tensor<?x32xf32>
}
//--- good.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [
  {"rows": "f32", "weight": "panels, 32, 48, 1, bf16", "panels": 4, "group": 16, "ahead": 2048, "many": [12, 2], "microseconds": {}},
  {"rows": "i8", "weight": "of another model", "panels": 4}]}
//--- tile.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "panels, 32, 48, 1, f16", "many": [7, 9]}]}
//--- row.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "panels, 32, 48, 1, f16", "panels": 3}]}
//--- range.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "panels, 32, 48, 1, f16", "ahead": 100}]}
//--- key.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "panels, 32, 48, 1, f16", "tile": 4}]}
//--- value.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "panels, 32, 48, 1, f16", "many": [4]}]}
//--- nameless.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "x"}, {"rows": "f32"}]}
//--- variant.json
{"llmc_schedule": 1, "variant": "z80", "products": []}
//--- version.json
{"llmc_schedule": 2, "variant": "x86-64-v4", "products": []}
//--- other.json
{"llmc_schedule": 1, "variant": "x86-64-v4", "products": [{"rows": "f32", "weight": "of another model", "panels": 4}]}
