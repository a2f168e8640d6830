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

def QuantizeWeightsPass : Pass<"llmc-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "round the matrices to blocks of few bits";
  let description = [{
    The matrices of linears are rounded to `format` in groups of `group` values, the table of embeddings and what makes the entry's
    results to the 8-bit format of the same kind: an error there meets every token, or the logits, at once. Vectors are kept.

    ```mlir
    // before, format = q4, group = 32
    %y = transformer.linear %x, %w : (tensor<?x64xf32>, tensor<7x64xbf16>) -> tensor<?x7xf32>

    // after
    %q = transformer.weight.quantize %w : (tensor<7x64xbf16>) -> tensor<7x64x!transformer.block<q4, group = 32>>
    %y = transformer.linear %x, %q : (tensor<?x64xf32>, tensor<7x64x!transformer.block<q4, group = 32>>) -> tensor<?x7xf32>
    ```

    Never rounds values that come out of blocks, unless `allow-requantize` says so. A weight used twice is rounded once. Rows that
    are not whole groups are the user's mistake.

    Where the checkpoint names a statistics file, matrices of linears are rounded by the statistics of their inputs (`by %s`).
    Linears that `wide` names, by the key of the first tensor of their matrix or of their gate, get the 8-bit format, too; layers
    of a class that it names differently have been parted by `llmc-split-layers`.
  }];
  let options = [
    Option<"format", "format", "std::string", "\"q8\"", "q8, q4, q8_min or q4_min">,
    Option<"group", "group", "int64_t", "32", "Values that share a scale; 0: a row">,
    Option<"allowRequantize", "allow-requantize", "bool", "false", "Round what is stored in blocks already">,
    ListOption<"wide", "wide", "std::string", "Linears that get 8 bits">
  ];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numQuantized", "quantized", "Weights rounded to blocks">];
}

def SplitLayersPass : Pass<"llmc-split-layers", "::mlir::func::FuncOp"> {
  let summary = "part classes of layers whose matrices are to be stored in different ways";
  let description = [{
    Layers of one class share one body, and so the types of their weights. Where `wide` names a linear of some layers of a class but
    not of others (by the key of the first tensor of its matrix, or of its gate), the class is parted into as many as there are
    different choices.

    ```mlir
    // before, wide = l.1.w
    %y = transformer.layers classes [0, 0, 0] slots [0, 1, 2] iter (%x) : tensor<?x64xf32> {
    ^bb0(%slot: index, %h: tensor<?x64xf32>):
      %w = transformer.weight ["l.0.w", "l.1.w", "l.2.w"] : tensor<64x64xf32>
      …
    }

    // after
    %y = transformer.layers classes [0, 1, 0] slots [0, 1, 2] iter (%x) : tensor<?x64xf32> {
    ^bb0(%slot: index, %h: tensor<?x64xf32>):
      %w = transformer.weight ["l.0.w", "l.2.w"] : tensor<64x64xf32>
      …
    }, {
    ^bb0(%slot: index, %h: tensor<?x64xf32>):
      %w = transformer.weight ["l.1.w"] : tensor<64x64xf32>
      …
    }
    ```

    Never changes what a layer computes, nor the order of layers. Needs rolled layers to be of any use.
  }];
  let options = [ListOption<"wide", "wide", "std::string", "Linears that are stored in another way than the others">];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numClasses", "classes", "Classes that were added">];
}

def KeepBlocksPass : Pass<"llmc-keep-blocks", "::mlir::func::FuncOp"> {
  let summary = "hand stored blocks to the ops that use them";
  let description = [{
    A matrix that is the decoded values of blocks becomes the blocks: the op's meaning is the same, and what follows may use the codes.
    Joined matrices become joined blocks where all parts are of one type.

    ```mlir
    // before
    %v = transformer.weight.decode %w : (tensor<7x64x!transformer.block<q4_0, group = 32>>) -> tensor<7x64xf32>
    %y = transformer.linear %x, %v : (tensor<?x64xf32>, tensor<7x64xf32>) -> tensor<?x7xf32>

    // after
    %y = transformer.linear %x, %w : (tensor<?x64xf32>, tensor<7x64x!transformer.block<q4_0, group = 32>>) -> tensor<?x7xf32>
    ```

    Never touches a matrix whose decoded values are rounded to a type that does not hold them.
  }];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numKept", "kept", "Matrices handed over in blocks">];
}

def DecodeBlocksPass : Pass<"llmc-decode-blocks", "::mlir::func::FuncOp"> {
  let summary = "decode the blocks that no kernel takes";
  let description = [{
    The opposite of `llmc-keep-blocks`: each matrix in blocks is decoded, to the narrowest float that holds its values, so that packing
    computes them. Lowering needs it for formats that no compute layout of the target holds.

    ```mlir
    // before
    %y = transformer.linear %x, %w : (tensor<?x64xf32>, tensor<7x64x!transformer.block<q4_0, group = 32>>) -> tensor<?x7xf32>

    // after
    %v = transformer.weight.decode %w : (tensor<7x64x!transformer.block<q4_0, group = 32>>) -> tensor<7x64xf32>
    %y = transformer.linear %x, %v : (tensor<?x64xf32>, tensor<7x64xf32>) -> tensor<?x7xf32>
    ```

    Never changes a value.
  }];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
  let statistics = [Statistic<"numDecoded", "decoded", "Matrices decoded">];
}

#endif // LLMC_COMPILER_QUANTIZE_PASSES_TD
