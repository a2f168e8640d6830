// TransformerAttrs.td - attributes that are more than an enum.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_ATTRS_TD
#define LLMC_TRANSFORMER_ATTRS_TD

include "dialects/Transformer/IR/TransformerEnums.td"

def Transformer_BoundsAttr : AttrDef<Transformer_Dialect, "Bounds"> {
  let mnemonic = "bounds";
  let summary = "largest extents of an entry";
  let description = [{
    `max_tokens` tokens in one step (longer prompts are cut), `max_sequences` sequences alive at once, `max_context`
    positions of each. All are at least 1. (C1)

    ```mlir
    func.func private @step() attributes {
      transformer.bounds = #transformer.bounds<max_tokens = 64, max_sequences = 4, max_context = 2048>}
    ```
  }];
  let parameters = (ins "int64_t":$max_tokens, "int64_t":$max_sequences, "int64_t":$max_context);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // LLMC_TRANSFORMER_ATTRS_TD
