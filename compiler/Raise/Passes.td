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

def RaiseNormsPass : Pass<"llmc-raise-norms", "::mlir::func::FuncOp"> {
  let summary = "find layer norms and root mean square norms in tensor graphs";
  let description = [{
    What exporters write where the operator was not there yet: the mean and its difference, squares, their mean, a root, a quotient
    or a product with the inverse, then weight and bias; also with the weight multiplied into the inverse first, as TensorFlow does.
    Becomes `onnx.LayerNormalization`, and `onnx.RMSNormalization` where nothing is subtracted.

    ```mlir
    // before
    %s = onnx.Pow since 13 (%x, %two) {} : (tensor<3x5xf32>, tensor<f32>) -> tensor<3x5xf32>
    %m = onnx.ReduceMean since 13 (%s) {axes = array<i64: -1>} : (tensor<3x5xf32>) -> tensor<3x1xf32>
    %e = onnx.Add since 14 (%m, %eps) {} : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
    %r = onnx.Sqrt since 13 (%e) {} : (tensor<3x1xf32>) -> tensor<3x1xf32>
    %n = onnx.Div since 14 (%x, %r) {} : (tensor<3x5xf32>, tensor<3x1xf32>) -> tensor<3x5xf32>
    %y = onnx.Mul since 14 (%n, %w) {} : (tensor<3x5xf32>, tensor<5xf32>) -> tensor<3x5xf32>
    // after
    %y = onnx.RMSNormalization since 23 (%x, %w) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (...) -> tensor<3x5xf32>
    ```

    Never: norms over other dimensions than the last, and in double. A root that looks like one and is none leaves a remark.
  }];
  let dependentDialects = ["::llmc::onnx_ir::ONNXDialect"];
  let statistics = [Statistic<"numLayerNorms", "layer-norms", "Layer norms found">,
                    Statistic<"numRMSNorms", "rms-norms", "Root mean square norms found">];
}

def RaiseActivationsPass : Pass<"llmc-raise-activations", "::mlir::func::FuncOp"> {
  let summary = "find gelu, its tanh form and x * sigmoid(a x) in tensor graphs";
  let description = [{
    Products of x with a half and `1 + erf(x / sqrt 2)` or `1 + tanh(...)`, however they are nested, become `onnx.Gelu`; of x with a
    sigmoid of a multiple of it, `onnx.Swish`.

    ```mlir
    // before
    %s = onnx.Sigmoid since 13 (%x) {} : (tensor<3x5xf32>) -> tensor<3x5xf32>
    %y = onnx.Mul since 14 (%x, %s) {} : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
    // after
    %y = onnx.Swish since 24 (%x) {alpha = 1.0 : f32} : (tensor<3x5xf32>) -> tensor<3x5xf32>
    ```

    Never: in double, and where the constants are others.
  }];
  let dependentDialects = ["::llmc::onnx_ir::ONNXDialect"];
  let statistics = [Statistic<"numRaised", "raised", "Activations found">];
}

def RaiseAttentionPass : Pass<"llmc-raise-attention", "::mlir::func::FuncOp"> {
  let summary = "find attention in tensor graphs";
  let description = [{
    `softmax(q k^T * scale + mask) v` becomes `onnx.Attention`: scale as factors and quotients of any order before the mask, masks
    added, subtracted or chosen by `Where`, a guard of rows that see nothing, heads as a dimension or rolled into the batch.

    ```mlir
    // before
    %s = onnx.MatMul since 13 (%q, %kt) {} : (tensor<2x3x5x7xf32>, tensor<2x3x7x11xf32>) -> tensor<2x3x5x11xf32>
    %m = onnx.Add since 14 (%s, %mask) {} : (tensor<2x3x5x11xf32>, tensor<2x1x1x11xf32>) -> tensor<2x3x5x11xf32>
    %p = onnx.Softmax since 13 (%m) {} : (tensor<2x3x5x11xf32>) -> tensor<2x3x5x11xf32>
    %y = onnx.MatMul since 13 (%p, %v) {} : (tensor<2x3x5x11xf32>, tensor<2x3x11x13xf32>) -> tensor<2x3x5x13xf32>
    // after
    %y = onnx.Attention since 23 (%q, %k, %v, %mask) {scale = 1.0 : f32} : (...) -> tensor<2x3x5x13xf32>
    ```

    Where a mask multiplies scores, or puts numbers in their place that a softmax can still see (a row that is masked as a whole
    would come out differently otherwise), it becomes `onnx.llmc.Attention`, which does that:
    `softmax((seen ? scale * q k^T * factor + bias : fill) + late) v`.

    Never: in double. What looks like attention and is not raised leaves a remark with the node and the reason.
  }];
  let dependentDialects = ["::llmc::onnx_ir::ONNXDialect"];
  let statistics = [Statistic<"numRaised", "raised", "Attentions found">,
                    Statistic<"numMissed", "missed", "Softmaxes before a product that are none">];
}

#endif // LLMC_COMPILER_RAISE_PASSES_TD
