// CheckpointOps.td - module-level ops: where a model's files are, what they hold, and the facts of text generation.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_CHECKPOINTOPS_TD
#define LLMC_TRANSFORMER_CHECKPOINTOPS_TD

include "dialects/Transformer/IR/TransformerTypes.td"
include "mlir/IR/OpAsmInterface.td"

def Transformer_CheckpointOp : Transformer_Op<"checkpoint", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "place of a model's files";
  let description = [{
    Names the container format and the directory (or file) that holds the weights, as the user gave it. Keys of
    `transformer.weight` are looked up there. No bytes of it are in the IR. `statistics` is a file of what `llmc observe` saw of
    the model: keys that begin with `inputs:` are looked up in it.

    (C1) The directory is not empty, nor is the name of a statistics file. (C2) A module has at most one.

    ```mlir
    transformer.checkpoint safetensors in "models/stories260K" statistics "stories.stats"
    ```
  }];
  let arguments = (ins Transformer_CheckpointFormatAttr:$format, StrAttr:$directory,
                       OptionalAttr<StrAttr>:$statistics);
  let assemblyFormat = "`` $format `in` $directory (`statistics` $statistics^)? attr-dict";
  let hasVerifier = 1;
}

def Transformer_TensorOp : Transformer_Op<"tensor", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "entry of a checkpoint's index";
  let description = [{
    One tensor of the checkpoint: its key, the file (relative to the checkpoint's directory) and its type. Written by
    `parse`, removed by `import`.

    (C1) Key and file are not empty. (C2) The tensor has a static shape. Keys are unique: the parser that writes the
    index guarantees it.

    ```mlir
    transformer.tensor "model.norm.weight" in "model.safetensors" : tensor<64xf32>
    ```
  }];
  let arguments = (ins StrAttr:$key, StrAttr:$file, TypeAttrOf<Transformer_Weight>:$type);
  let assemblyFormat = "$key `in` $file `:` $type attr-dict";
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
  let hasVerifier = 1;
}

def Transformer_TextOp : Transformer_Op<"text", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "facts of text generation";
  let description = [{
    What the runtime must know to turn text into tokens and logits into text, and the model's own sampling defaults.
    `tokenizer` and `chat_template` are files inside the checkpoint's directory. `context_length` is the number of
    positions the model was made for, `vocab_size` the number of logits. `bos` is the token that `add_bos` puts first;
    generation stops at any token of `eos`. Without `do_sample` generation is greedy. `top_k` = 0 keeps every token.

    (C1) `context_length` and `vocab_size` are at least 1. (C2) Every token id is in `[0, vocab_size)`. (C3) `add_bos`
    needs `bos`. (C4) `temperature` is in [0, 1000], `top_p` in (0, 1], `min_p` in [0, 1], `repetition_penalty` in [0.001, 1000], `top_k`
    at least 0. (C5) A module has at most one.

    ```mlir
    transformer.text tokenizer "tokenizer.json" vocab_size 512 context_length 128 bos 1 eos [2]
      {add_bos, temperature = 0.8 : f64}
    ```
  }];
  let arguments = (ins StrAttr:$tokenizer, OptionalAttr<StrAttr>:$chat_template, I64Attr:$vocab_size,
                       I64Attr:$context_length,
                       OptionalAttr<I64Attr>:$bos, DefaultValuedOptionalAttr<DenseI64ArrayAttr, "{}">:$eos,
                       OptionalAttr<I64Attr>:$pad, UnitAttr:$add_bos, UnitAttr:$do_sample,
                       OptionalAttr<F64Attr>:$temperature, OptionalAttr<I64Attr>:$top_k, OptionalAttr<F64Attr>:$top_p,
                       OptionalAttr<F64Attr>:$min_p, OptionalAttr<F64Attr>:$repetition_penalty);
  let assemblyFormat = [{
    `tokenizer` $tokenizer (`chat_template` $chat_template^)? `vocab_size` $vocab_size `context_length` $context_length
    (`bos` $bos^)? (`eos` $eos^)? (`pad` $pad^)? attr-dict
  }];
  let hasVerifier = 1;
}

#endif // LLMC_TRANSFORMER_CHECKPOINTOPS_TD
