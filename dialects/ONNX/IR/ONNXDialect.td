// ONNXDialect.td - the onnx dialect and the form that its ops share.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_ONNX_DIALECT_TD
#define LLMC_ONNX_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/DialectBase.td"

def ONNX_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::llmc::onnx_ir";
  let summary = "graphs as ONNX files have them, one op a node type";
  let description = [{
    A graph as it is in the file, so that it can be printed, inspected, and raised from. Each op stands for one node of the operator of
    its name; `onnx.Gemm` is a Gemm. Operands and results are the node's inputs and outputs in their order; an input that the node leaves
    out is an `onnx.absent`, and so is none at the end. Attributes have ONNX's names and, as a dictionary, stand in `settings`;
    `since` is the version of the operator that the node is written in, which decides its meaning.

    Element types keep their sign: `tensor<4xui8>` is uint8, `tensor<4xi8>` is int8, `i1` is bool. Graphs inside of nodes (If, Loop,
    Scan) are regions, in the order of their attributes' names; what they read from around them they read as any region does.

    An op's location names the file and, where it has one, the node.

    (C1) `since` is the version of a row of the operator, (C2) which allows as many operands and results as there are, and (C3) has all the
    attributes.
  }];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
}

// What all nodes share is checked once, by the trait.
def ONNX_Node : NativeOpTrait<"Node"> {
  let cppNamespace = "::llmc::onnx_ir";
}

class ONNX_NodeOp<string type, list<Trait> traits = []> : Op<ONNX_Dialect, type, !listconcat([ONNX_Node], traits)> {
  let summary = "node of the operator " # type;
  let description = "What the operator of that name is in the version that `since` says; see the dialect.\n\n```mlir\n"
    # "%y = onnx." # type # " since 13 (%x) {} : (tensor<3xf32>) -> tensor<3xf32>\n```\n";
  let arguments = (ins Variadic<AnyType>:$inputs, I64Attr:$since, DictionaryAttr:$settings);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region VariadicRegion<AnyRegion>:$graphs);
  let assemblyFormat = "`since` $since `(` $inputs `)` $settings ($graphs^)? attr-dict `:` functional-type($inputs, $outputs)";
}

def ONNX_AbsentOp : Op<ONNX_Dialect, "absent"> {
  let summary = "input that a node leaves out";
  let description = [{
    ```mlir
    %0 = onnx.absent
    ```
  }];
  let results = (outs NoneType:$result);
  let assemblyFormat = "attr-dict";
}

def ONNX_YieldOp : Op<ONNX_Dialect, "yield", [Terminator]> {
  let summary = "the outputs of a graph inside of a node";
  let description = [{
    ```mlir
    onnx.yield %y : tensor<3xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // LLMC_ONNX_DIALECT_TD
