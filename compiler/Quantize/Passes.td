// Passes.td - passes that choose how weights are stored.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_QUANTIZE_PASSES_TD
#define LLMC_COMPILER_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertWeightsPass : Pass<"llmc-convert-weights", "::mlir::func::FuncOp"> {
  let summary = "store the matrices in one float type";
  let description = [{
    The matrices of linears and embeddings are converted to `type` (round to nearest even) when their type is another. Vectors
    (norms, biases) are kept: they are packed as f32 and cost nothing. With `keep` nothing is done.

    ```mlir
    // before, type = bf16
    %y = transformer.linear %x, %w : (tensor<?x5xf32>, tensor<7x5xf32>) -> tensor<?x7xf32>

    // after
    %c = transformer.weight.convert %w : (tensor<7x5xf32>) -> tensor<7x5xbf16>
    %y = transformer.linear %x, %c : (tensor<?x5xf32>, tensor<7x5xbf16>) -> tensor<?x7xf32>
    ```

    Never touches a block format. A weight used twice is converted once. Needs nothing of what ran before.
  }];
  let options = [Option<"type", "type", "std::string", "\"keep\"", "keep, f32, bf16 or f16">];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numConverted", "converted", "Weights converted">];
}

#endif // LLMC_COMPILER_QUANTIZE_PASSES_TD
