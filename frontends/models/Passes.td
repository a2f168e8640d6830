// Passes.td - the stops `parse` and `import` as passes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_PASSES_TD
#define LLMC_FRONTENDS_MODELS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ParsePass : Pass<"llmc-parse", "::mlir::ModuleOp"> {
  let summary = "Write the index of a checkpoint into an empty module";
  let description = [{
    Opens the checkpoint in `directory`, or the GGUF file of that name, checks its files, and writes one `transformer.checkpoint` and a `transformer.tensor` for each
    tensor, sorted by key. Reads no weights. The driver calls `parseCheckpoint`, which makes the same module; the pass is for
    `llmc-opt`.

    ```mlir
    module {
    }
    // becomes
    module {
      transformer.checkpoint safetensors in "models/tiny"
      transformer.tensor "lm_head.weight" in "model.safetensors" : tensor<53x24xbf16>
      ...
    }
    ```

    Needs: a module without ops. Guarantees: every tensor lies inside its file, and its size is what its shape and element type say.
    Never: touches the network, follows a link out of the directory.
  }];
  let options = [Option<"directory", "directory", "std::string", "", "Directory of the checkpoint">];
  let statistics = [Statistic<"numTensors", "num-tensors", "Tensors in the index">];
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
}

def ImportPass : Pass<"llmc-import", "::mlir::ModuleOp"> {
  let summary = "Build the model that config.json or GGUF metadata describe over the checkpoint's tensors";
  let description = [{
    Reads `config.json` and `generation_config.json` in the directory of `transformer.checkpoint`, or the metadata of its GGUF file, chooses
    the family by `model_type` or `general.architecture`, and
    builds its entry `step` with one `transformer.layers` for each layer, the weights named by key. The index is consumed; the facts of
    generation are written into `transformer.text`.

    ```mlir
    module {
      transformer.checkpoint safetensors in "models/tiny"
      transformer.tensor "model.norm.weight" in "model.safetensors" : tensor<24xbf16>
      ...
    }
    // becomes
    module {
      transformer.checkpoint safetensors in "models/tiny"
      transformer.text tokenizer "tokenizer.json" vocab_size 53 context_length 64 bos 1 eos [2]
      func.func @step(%tokens: tensor<?xi32>, ...) attributes {transformer.entry, ...} { ... }
    }
    ```

    Needs: the module of `llmc-parse`. Guarantees: every tensor of the checkpoint is used, or known to be without use; every key
    of config.json was understood, or is known to be harmless; shapes agree. Never: reads a weight's bytes, except those of an output head
    that should be a copy of the embedding, and zero points, groups and shapes of matrices stored in codes.
  }];
  let options = [
    Option<"maxContext", "max-context", "int64_t", "0", "Positions of a sequence; 0: what the model was made for">,
    Option<"maxStep", "max-step", "int64_t", "512", "Tokens in one step; longer prompts are cut">,
    Option<"maxSequences", "max-sequences", "int64_t", "4", "Sequences alive at once">,
    Option<"kv", "kv", "std::string", "\"f32\"", "Element type of the cache: f32, f16, bf16 or q8">
  ];
  let statistics = [Statistic<"numWeights", "num-weights", "Weights that the model names">];
  let dependentDialects = ["::llmc::transformer::TransformerDialect", "::mlir::func::FuncDialect"];
}

#endif // LLMC_FRONTENDS_MODELS_PASSES_TD
