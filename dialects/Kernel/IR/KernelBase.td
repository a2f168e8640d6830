// KernelBase.td - the kernel dialect, its enums, attributes and types.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_KERNEL_BASE_TD
#define LLMC_KERNEL_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::llmc::kernel";
  let summary = "tile-level named compute ops and the step program, neutral to the target";
  let description = [{
    The `kernel` dialect says which few hot computations a model consists of once its layers are fused, and in what order a
    team of threads runs them. It knows packed weights, padded activation buffers and barriers; it does not know
    registers, instructions or tile sizes: those are a target's answers (`compiler/Targets`).

    Compute ops exist in two forms. In the *tensor form* (stop `lower`) they have results and no `outs`. In the *buffer
    form* (stop `schedule`) they have `outs` of memref type and no results, and stand in a `kernel.program`, where each of
    them is one launch: all threads of the team enter it together and split its output among them.

    Activations are `[T, C]` with T dynamic. In the buffer form a row's stride is padded to a multiple of 16 elements and
    no op depends on what the padding columns hold.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
}

class Kernel_Type<string cppName, string typeMnemonic> : TypeDef<Kernel_Dialect, cppName> {
  let mnemonic = typeMnemonic;
}

def Kernel_PackedLayout : I32EnumAttr<"PackedLayout", "how a packed weight's bytes are laid out", [
    I32EnumAttrCase<"panels", 0>,  // [N/16][K][16], bf16: [N/16][K/2][16][2]
    I32EnumAttrCase<"table", 1>    // [N][K], row-major
  ]> {
  let cppNamespace = "::llmc::kernel";
}

def Kernel_DimKind : I32EnumAttr<"DimKind", "what sets the number of rows of a buffer", [
    I32EnumAttrCase<"tokens", 0>, I32EnumAttrCase<"rows", 1>, I32EnumAttrCase<"one", 2>
  ]> {
  let cppNamespace = "::llmc::kernel";
}

def Kernel_RopeStyle : I32EnumAttr<"RopeStyle", "which two columns of a head one rotation turns", [
    I32EnumAttrCase<"half", 0>, I32EnumAttrCase<"interleaved", 1>
  ]> {
  let cppNamespace = "::llmc::kernel";
}

def Kernel_PackedType : Kernel_Type<"Packed", "packed"> {
  let summary = "a weight in the layout that kernels read";
  let description = [{
    `!kernel.packed<layout, n, k, streams, element>` is a weight of N output rows and K input columns (Linear layout
    `[N, K]`), in one of these layouts:

    * `panels`: panels of 16 output rows; f32 and f16 as `[N/16][K][16]`, bf16 as `[N/16][K/2][16][2]` (pairs of
      consecutive k beside each other, as a dot-product instruction wants them). N is padded to 16 and an odd K to 2 with
      zeros. With `streams` = S > 1, panel p of the S weights stand side by side: `[N/16][S][K][16]`; a matmul then
      makes S sums for each output column, which its epilogue combines.
    * `table`: `[N][K]` row-major as it is (norm weights, biases, rope frequencies).
  }];
  let parameters = (ins EnumParameter<Kernel_PackedLayout>:$layout, "int64_t":$n, "int64_t":$k, "int64_t":$streams,
                        "::mlir::Type":$element);
  let assemblyFormat = "`<` $layout `,` $n `,` $k `,` $streams `,` $element `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Output rows in one panel; the width of the widest vector of f32 that any target has.
    static constexpr int64_t panelWidth = 16;
    /// Number of panels of one stream.
    int64_t getPanels() const { return (getN() + panelWidth - 1) / panelWidth; }
    /// K as stored: rounded up to 2 where pairs are interleaved.
    int64_t getStoredK() const { return getElement().isBF16() ? (getK() + 1) / 2 * 2 : getK(); }
    /// Bytes of one panel of one stream.
    int64_t getPanelBytes() const {
      return getStoredK() * panelWidth * (getElement().getIntOrFloatBitWidth() / 8);
    }
    /// Bytes of the whole weight.
    int64_t getSizeInBytes() const;
  }];
}

def Kernel_PageAttr : AttrDef<Kernel_Dialect, "Page"> {
  let mnemonic = "page";
  let summary = "the inner layout of a kv_cache page";
  let description = [{
    A page holds `tokens` consecutive positions of one sequence, for every layer slot `[slots]`, for K and V `[2]`, for
    every key-value head `[heads]`. A head's K block is `[tokens/16][head_dim][16]` (16 keys side by side, so that scores of 16
    keys come from one vector), its V block is `[tokens][head_dim]`. `tokens` is a multiple of the 64-key chunk in which
    attention walks the cache.
  }];
  let parameters = (ins "int64_t":$tokens, "int64_t":$slots, "int64_t":$heads, "int64_t":$head_dim, "::mlir::Type":$element);
  let assemblyFormat = "`<` `tokens` `=` $tokens `,` `slots` `=` $slots `,` `heads` `=` $heads `,` `head_dim` `=` $head_dim `,` $element `>`";
  let extraClassDeclaration = [{
    /// Keys of one chunk of attention; chunks are anchored at position 0.
    static constexpr int64_t chunkKeys = 64;
    int64_t getElementBytes() const { return getElement().getIntOrFloatBitWidth() / 8; }
    /// Bytes of one head's K or V block, a multiple of 64.
    int64_t getBlockBytes() const { return getTokens() * getHeadDim() * getElementBytes(); }
    /// Bytes of one slot's part of a page: K of all heads, then V of all heads.
    int64_t getSlotBytes() const { return 2 * getHeads() * getBlockBytes(); }
    int64_t getPageBytes() const { return getSlots() * getSlotBytes(); }
  }];
}

#endif
