// Passes.td - passes that find a model's structure in what was imported.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_RAISE_PASSES_TD
#define LLMC_COMPILER_RAISE_PASSES_TD

include "mlir/Pass/PassBase.td"

def RollLayersPass : Pass<"llmc-roll-layers", "::mlir::func::FuncOp"> {
  let summary = "join layers that follow each other, one body for each class of equal ones";
  let description = [{
    A run of `transformer.layers`, each starting from the results of the one before, becomes one op. Bodies that are equal but
    for the keys of their weights become one class; a class's keys are listed in layer order. Layers that alternate give several
    classes.

    ```mlir
    // before
    %x1 = transformer.layers classes [0] slots [0] iter (%x0) : tensor<?x5xf32> {
    ^bb0(%slot: index, %x: tensor<?x5xf32>):
      %w = transformer.weight ["l.0.norm"] : tensor<5xf32>
      ...
    }
    %x2 = transformer.layers classes [0] slots [1] iter (%x1) : tensor<?x5xf32> {
      // the same with "l.1.norm"
    }

    // after
    %x2 = transformer.layers classes [0, 0] slots [0, 1] iter (%x0) : tensor<?x5xf32> {
    ^bb0(%slot: index, %x: tensor<?x5xf32>):
      %w = transformer.weight ["l.0.norm", "l.1.norm"] : tensor<5xf32>
      ...
    }
    ```

    Never joins layers whose results in between are used elsewhere (a model that hands out hidden states), nor layers that share a
    state slot. Needs nothing. Guarantees that no two bodies of a joined op are equal. Runs again without effect.
  }];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [
    Statistic<"numRuns", "runs", "Runs of layers joined into one op">,
    Statistic<"numLayers", "layers", "Layers in them">,
    Statistic<"numClasses", "classes", "Classes of equal layers in them">
  ];
}

#endif // LLMC_COMPILER_RAISE_PASSES_TD
