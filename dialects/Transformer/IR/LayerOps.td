// LayerOps.td - a model's layers, one body for each class of equal layers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_LAYEROPS_TD
#define LLMC_TRANSFORMER_LAYEROPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Transformer_LayersOp : Transformer_Op<"layers", [
    InferTypeOpAdaptor, RecursiveMemoryEffects,
    SingleBlock]> {
  let summary = "layers of a model, one after the other";
  let description = [{
    Runs layer i = 0, 1, … : body number `classes[i]` on (`slots[i]`, `tables[0][i]`, …, the iteration values), whose
    yield is the next layer's iteration values. The results are the values after the last layer. There is one body for
    each class; code grows with classes, not with depth.

    A body's arguments: the state slot of the layer (`index`; -1 for a layer without state), one `index` for each table
    (a fact that differs from layer to layer within a class, such as the window), then the iteration values.
    `transformer.weight` in a body of n layers names n keys. Bodies may use values from above.

    (C1) There is a layer, and `slots` and every table have one number for each. (C2) Every class has a body and every
    body a layer. (C3) Classes are numbered by first appearance. (C4) Slots are at least -1, and less than the slots of
    some iteration value's state. (C5) A body's arguments are an index, an index for each table, and the iteration
    values' types. (C6) The yield has the iteration values' types. (C7) States are linear: each is consumed at most
    once, after every read of it, and the same slot of a state is not given to two layers.

    ```mlir
    %y, %kv1 = transformer.layers classes [0, 0, 1] slots [0, 1, 2] iter (%x, %kv) : tensor<?x64xf32>, !kv {
    ^bb0(%slot: index, %h: tensor<?x64xf32>, %c: !kv):
      %w = transformer.weight ["l.0.norm", "l.1.norm"] : tensor<64xf32>
      %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
      transformer.yield %n, %c : tensor<?x64xf32>, !kv
    }, {
    ^bb0(%slot: index, %h: tensor<?x64xf32>, %c: !kv):
      transformer.yield %h, %c : tensor<?x64xf32>, !kv
    }
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$classes, DenseI64ArrayAttr:$slots,
                       OptionalAttr<TypedArrayAttrBase<DenseI64ArrayAttr, "array of tables">>:$tables,
                       Variadic<AnyTypeOf<[Transformer_Activations, Transformer_StateType]>>:$inits);
  let results = (outs Variadic<AnyTypeOf<[Transformer_Activations, Transformer_StateType]>>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$bodies);
  let skipDefaultBuilders = 1;
  let builders = [
    // One layer of one class with an empty body block whose arguments are (slot, inits...); the caller fills it.
    OpBuilder<(ins "int64_t":$slot, "::mlir::ValueRange":$inits)>,
    // Bodies with their argument blocks, empty.
    OpBuilder<(ins "::llvm::ArrayRef<int64_t>":$classes, "::llvm::ArrayRef<int64_t>":$slots,
                   "::llvm::ArrayRef<::llvm::SmallVector<int64_t>>":$tables, "::mlir::ValueRange":$inits)>];
  let assemblyFormat = [{
    `classes` $classes `slots` $slots (`tables` $tables^)? `iter` `(` $inits `)` `:` type($inits)
    attr-dict-with-keyword $bodies
  }];
  let extraClassDeclaration = [{
    int64_t getNumLayers() { return getClasses().size(); }
    int64_t getNumClasses() { return getBodies().size(); }
    int64_t getNumTables() { return getTables() ? getTables()->size() : 0; }
    /// Numbers of the layers of one class, ascending.
    ::llvm::SmallVector<int64_t> getLayersOfClass(int64_t layerClass);
    ::mlir::Block &getBody(int64_t layerClass) { return getBodies()[layerClass].front(); }
    ::mlir::Value getSlotArgument(int64_t layerClass) { return getBody(layerClass).getArgument(0); }
    ::mlir::Block::BlockArgListType getIterArguments(int64_t layerClass) {
      return getBody(layerClass).getArguments().drop_front(1 + getNumTables());
    }
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Transformer_YieldOp : Transformer_Op<"yield", [
    Pure, Terminator, ReturnLike, HasParent<"::llmc::transformer::LayersOp">]> {
  let summary = "values that a layer hands to the next";
  let description = [{
    Ends a body of `transformer.layers`.

    ```mlir
    transformer.yield %h, %c : tensor<?x64xf32>, !kv
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // LLMC_TRANSFORMER_LAYEROPS_TD
