// The reducer knows the project's ops and passes: what the test does not ask for goes.
// RUN: llmc-reduce %s --opt-reduction-pass='opt-pass=symbol-dce test=%S/Inputs/has-a-gate.sh' | FileCheck %s

// CHECK-LABEL: func.func @f
// CHECK: transformer.gated silu
// CHECK-NOT: transformer.scale
func.func @f(%x: tensor<?x7xf32>, %y: tensor<?x7xf32>) -> tensor<?x7xf32> {
  %0 = transformer.gated silu %x, %y : tensor<?x7xf32>
  return %0 : tensor<?x7xf32>
}

func.func private @unused(%x: tensor<?x7xf32>) -> tensor<?x7xf32> {
  %0 = transformer.scale %x by 2.0 : tensor<?x7xf32>
  return %0 : tensor<?x7xf32>
}
