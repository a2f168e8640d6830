// Passes.td - from an ONNX file to onnx ops, and from them to linalg.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_PASSES_TD
#define LLMC_FRONTENDS_ONNX_PASSES_TD

include "mlir/Pass/PassBase.td"

def ImportOnnxPass : Pass<"llmc-import-onnx", "::mlir::ModuleOp"> {
  let summary = "Build the entry of an ONNX graph";
  let description = [{
    Reads the file that `transformer.checkpoint onnx` names and builds its entry `main`: an `onnx` op for each node, with types inferred,
    the file's functions inlined, and what depends on constants alone folded where it is small. Large initializers stay in the file and
    become `transformer.weight`. The index is consumed.

    ```mlir
    module {
      transformer.checkpoint onnx in "add.onnx"
      transformer.tensor "w" in "add.onnx" : tensor<3xf32>
    }
    // becomes
    module {
      transformer.checkpoint onnx in "add.onnx"
      func.func @main(%x: tensor<3xf32> {transformer.role = #transformer.role<input>}) -> ... attributes {transformer.entry, ...} {
        %w = onnx.Constant since 13 () {value = dense<...> : tensor<3xf32>} : () -> tensor<3xf32>
        %y = onnx.Add since 14 (%x, %w) {} : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
        return %y : tensor<3xf32>
      }
    }
    ```

    Dimensions that the file leaves open are symbols (`onnx.dims` of the entry): such a size is `?`, and the type's encoding is a map
    from the symbols to all sizes.

    A text decoder - tokens and, as exporters call them, pasts in, logits and presents out - that has its tokenizer beside it becomes the
    entry `step` of a text program instead: its inputs are tokens and pasts of one sequence, masks and positions are made inside of it, its
    outputs are logits and presents, and there is a `transformer.text`. Not with `text=false`, and not where `dims` are given.

    Guarantees: every operator is one of the table; every value has sizes that are known or expressions over the symbols, with bounds.
    Never: reads a large initializer.
  }];
  let options = [Option<"dims", "dims", "std::string", "", "Bounds of dimensions that the file leaves open: NAME=LO..HI,...">,
                 Option<"text", "text", "bool", "true", "Make a text program of a text decoder that has its tokenizer beside it">,
                 Option<"maxContext", "max-context", "int64_t", "0", "Positions of a sequence; 0: what the files beside it say">,
                 Option<"maxStep", "max-step", "int64_t", "512", "Tokens of a step">,
                 Option<"exposeFirst", "expose-first", "int64_t", "0", "The first of the values in between that become outputs as well">,
                 Option<"exposeCount", "expose-count", "int64_t", "0", "How many of them">];
  let statistics = [Statistic<"numNodes", "num-nodes", "Nodes imported">,
                    Statistic<"numFolded", "num-folded", "Nodes computed while compiling">];
  let dependentDialects = ["::llmc::transformer::TransformerDialect", "::llmc::onnx_ir::ONNXDialect",
                           "::mlir::func::FuncDialect"];
}

def LowerOnnxPass : Pass<"llmc-lower-onnx", "::mlir::ModuleOp"> {
  let summary = "Turn onnx ops into linalg on tensors";
  let description = [{
    Each op becomes what its row of the operator table says: `linalg`, `tensor`, `arith` and `math` ops on tensors of storage types, where
    integers have no sign and a bool is an i8 of 0 or 1. Entries keep their arguments' names and ONNX types as attributes.

    ```mlir
    %y = onnx.Relu since 14 (%x) {} : (tensor<3xf32>) -> tensor<3xf32>
    // becomes
    %0 = tensor.empty() : tensor<3xf32>
    %y = linalg.generic ... ins(%x) outs(%0) { ... arith.maximumf ... }
    ```

    Guarantees: no onnx op is left. Never: changes the order of a sum.
  }];
  let dependentDialects = ["::llmc::kernel::KernelDialect", "::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

#endif // LLMC_FRONTENDS_ONNX_PASSES_TD
