// Passes.td - the checks between stops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_PIPELINES_PASSES_TD
#define LLMC_COMPILER_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyStopPass : Pass<"llmc-verify-stop", "::mlir::ModuleOp"> {
  let summary = "check what a stop guarantees";
  let description = [{
    Closes a stop: what stands in the module afterwards is what the next stop may assume. Changes nothing.

    | stop | guarantees |
    |---|---|
    | `import`, `raise`, `shard`, `fuse`, `quantize` | one checkpoint and no index of tensors; every function is an entry with bounds and holds `transformer` ops only |
    | `lower` | entries hold `kernel` ops in tensor form and ops on weight values, nothing else |
    | `schedule` | no function is left, and there is a program; every program has bounds; every weight has a place, and no two overlap |

    A violation is a mistake of the compiler, or of whoever edited the text, and is reported at the op.

    ```mlir
    // --llmc-verify-stop=stop=import
    module {
      transformer.checkpoint safetensors in "models/tiny"
      transformer.tensor "a" in "model.safetensors" : tensor<5xf32> // error: is not allowed at the stop 'import'
    }
    ```
  }];
  let options = [Option<"stop", "stop", "std::string", "", "Name of the stop: import, raise, shard, fuse, quantize, lower or schedule">];
}

#endif // LLMC_COMPILER_PIPELINES_PASSES_TD
