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
  let hasOperationAttrVerify = 1;
  let dependentDialects = ["::llmc::transformer::TransformerDialect"];
}

class Kernel_Type<string cppName, string typeMnemonic> : TypeDef<Kernel_Dialect, cppName> {
  let mnemonic = typeMnemonic;
}

def Kernel_PackedLayout : I32EnumAttr<"PackedLayout", "how a packed weight's bytes are laid out", [
    I32EnumAttrCase<"panels", 0>,  // [N/16][K][16], bf16: [N/16][K/2][16][2]
    I32EnumAttrCase<"table", 1>,   // [N][K], row-major
    I32EnumAttrCase<"codes", 2>    // panels of codes, 16 x 4, and their scales
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

def Kernel_RowSums : I32EnumAttr<"RowSums", "what quantised rows say of the sum of a segment's codes", [
    I32EnumAttrCase<"none", 0>,
    I32EnumAttrCase<"offset", 1>, // i32: times what is taken off each code of the weight, negative
    I32EnumAttrCase<"scaled", 2>, // f32: times the segment's scale, for minima
    I32EnumAttrCase<"taken", 3>   // f32: negative, for zero points
  ]> {
  let cppNamespace = "::llmc::kernel";
}

def Kernel_CodesType : Kernel_Type<"Codes", "codes"> {
  let summary = "elements kept as codes of a few bits with scales";
  let description = [{
    The element type of a weight in the layout `codes`: what a compute layout is (docs/rationale/2026-11-27-compute-layouts.md).
    The number of a code u is `table[u]` where there is a table of 16, else `u - zero`; an element is `s * number`, or
    `s * number + m` with a minimum, rounded after the product and after the sum.

    * `bits`: of a code, 2 to 6 or 8. Six stand as four and two, five as four and one, three as two and one.
    * `group`: consecutive k with one scale s (and one minimum m), a multiple of 16.
    * `scale`: the stored type of a scale and of a minimum, f16, bf16 or f32.
    * `super` = 0: a scale stands as it is. Else s is the product of an 8-bit level (two's complement) of the group and of the
      scale of `super` consecutive k; m likewise. The products are exact: the scale has at most 11 bits, the level 8.
    * `minimum`: 1 where there are minima.
    * `zeros`: 1 where each group has a zero point z of its own, 0 to 255: the number of a code u is `u - z`.

    (C1) `bits` is 2 to 6 or 8, and `group`, or `super`, a multiple of the k that stand together. (C2) `group` is a multiple of 16 from 16 on, `super` 0 or a multiple of `group`. (C3) `zero` is from 0 to
    128, and 0 with a table or a minimum. (C4) the scale is f16, bf16 or f32, with levels not f32. (C5) a table has 16 numbers
    from -127 to 127 and 4 bits. (C6) `zeros` is 0 or 1, and 0 with a zero, a minimum, levels or a table.

    ```mlir
    !q8_0 = !kernel.codes<8, group = 32, zero = 128, f16>
    !q4_k = !kernel.codes<4, group = 32, zero = 0, f16 super = 256 minimum = 1>
    !q6_k = !kernel.codes<6, group = 16, zero = 32, f16 super = 256>
    !gptq = !kernel.codes<4, group = 128, zero = 0, f32 zeros = 1>
    ```
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$group, "int64_t":$zero, "::mlir::Type":$scale,
                        DefaultValuedParameter<"int64_t", "0">:$super, DefaultValuedParameter<"int64_t", "0">:$minimum,
                        DefaultValuedParameter<"int64_t", "0">:$zeros, OptionalArrayRefParameter<"int64_t">:$table);
  let assemblyFormat = [{
    `<` $bits `,` `group` `=` $group `,` `zero` `=` $zero `,` $scale (`super` `=` $super^)? (`minimum` `=` $minimum^)?
    (`zeros` `=` $zeros^)? (`table` `=` `[` $table^ `]`)? `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// What is taken off a code, or off the entry of the table that kernels keep (entries plus 128), so that both are
    /// unsigned bytes.
    int64_t getOffset() const { return getTable().empty() ? getZero() : 128; }
    bool hasMinimum() const { return getMinimum() != 0; }
    bool hasZeros() const { return getZeros() != 0; }
    /// What quantised rows bring along for such a weight.
    RowSums getRowSums() const {
      return hasMinimum() ? RowSums::scaled : hasZeros() ? RowSums::taken : getOffset() ? RowSums::offset : RowSums::none;
    }
    /// Bits `shift` to `shift` + `bits` - 1 of the codes of a unit, from byte `byte` of it on: [unit / 32 * bits][16][4]
    /// bytes, of which each holds 8 / bits codes, those four k further on in the higher bits.
    struct BitPlane {
      int64_t bits, shift, byte;
    };
    ::llvm::SmallVector<BitPlane, 2> getBitPlanes() const { return bitPlanesOf(getBits()); }
    static ::llvm::SmallVector<BitPlane, 2> bitPlanesOf(int64_t bits);
    /// Consecutive k whose codes stand together: as many as give each plane of bits whole vectors of 64 bytes.
    int64_t getUnit() const { return unitOf(getBits()); }
    static int64_t unitOf(int64_t bits) { return 32 / (bits & -bits); }
    /// A panel of `k` columns is one record of a few groups after the other, of each its scales and then its codes, so that who
    /// multiplies a row reads a panel from its first byte to its last. Where the parts of a record begin, each aligned as its
    /// vectors of 16 want it, codes at a multiple of 64, and how long a record is, a multiple of 64 as well.
    struct Record {
      int64_t columns = 0;
      int64_t supers = 0, superMinima = 0; ///< [columns / super][16] scales, where there are levels
      int64_t scales = 0, minima = 0;      ///< [columns / group][16] scales, or levels as i8
      int64_t zeros = 0;                   ///< [columns / group][16] zero points, u8
      int64_t codes = 0;
      int64_t bytes = 0;
    };
    Record recordOf(int64_t k) const;
    /// Consecutive k whose products with quantised activations are added as integers, in a weight of `k` columns: 32, or 16
    /// where 32 do not divide k and the group.
    int64_t segmentOf(int64_t k) const { return k % 32 == 0 && getGroup() % 32 == 0 ? 32 : 16; }
  }];
}

def Kernel_PackedType : Kernel_Type<"Packed", "packed"> {
  let summary = "a weight in the layout that kernels read";
  let description = [{
    `!kernel.packed<layout, n, k, streams, element>` is a weight of N output rows and K input columns (Linear layout
    `[N, K]`), in one of these layouts:

    * `panels`: panels of 16 output rows; f32 as `[N/16][K][16]`. N is padded to 16 with zeros. With `streams` = S > 1,
      panel p of the S weights stand side by side: `[N/16][S][K][16]`; a matmul then makes S sums for each output column,
      which its epilogue combines. Panels of f16 and bf16 are bundled: B of them, with their S streams, stand beside each
      other at each k, so that four chains of one row read one stream of bytes: f16 as `[N/16B][K][B][S][16]`, bf16 as
      `[N/16B][K/2][B][S][16][2]` (pairs of consecutive k beside each other, as a dot-product instruction wants them; an
      odd K is padded to 2). B is the greatest of 4 (2 where there are fewer than 64 panels, of which threads
      share few), 2 and 1 that divides the panels and with S makes at most 4 (or 1).
    * `table`: `[N][K]` row-major as it is (norm weights, biases, rope frequencies).
    * `codes`: panels of 16 output rows as `panels`, each a row of records of codes and their scales (`!kernel.codes`). Codes of 8
      bits stand as `[K/4][16][4]` bytes, four consecutive k of a row beside each other, as dot-product instructions and tiles
      of bytes want them; codes of 4 bits as `[K/8][16][4]` bytes, the first four k in the low halves, the next four in
      the high halves. K is a multiple of 16. Scales of padding rows are zero.
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
      if (CodesType codes = getCodes())
        return getK() / codes.recordOf(getK()).columns * codes.recordOf(getK()).bytes;
      return getStoredK() * panelWidth * (getElement().getIntOrFloatBitWidth() / 8);
    }
    /// Panels in a bundle; 1 where each stands on its own.
    int64_t getBundle() const;
    /// Vectors of 16 columns beside each other at a k: a bundle's panels of all streams; 1 where each stream of a panel
    /// stands on its own.
    int64_t getBundledVectors() const { return isBundled() ? getBundle() * getStreams() : 1; }
    /// Whether the streams of a panel stand beside each other k by k.
    bool isBundled() const { return !getCodes() && getLayout() == PackedLayout::panels && !getElement().isF32(); }
    /// The element type of the layout `codes`; null for floats.
    CodesType getCodes() const { return ::mlir::dyn_cast<CodesType>(getElement()); }
    /// Bytes of the whole weight.
    int64_t getSizeInBytes() const;
  }];
}

def Kernel_TilingAttr : AttrDef<Kernel_Dialect, "Tiling"> {
  let mnemonic = "tiling";
  let summary = "how a target works through a product with a packed weight";
  let description = [{
    Stands in the dictionary `kernel.tilings` of a `kernel.matmul`, under the name of the processor variant it is for. Any
    gives the same bits; 0 leaves a choice to the target, and `ahead` has -1 for that.

    * `panels`: most panels whose sums one row keeps in registers at a time.
    * `group`: panels that a thread walks for all of few rows before it goes on.
    * `ahead`: bytes in a panel, a multiple of 64, from what a row or two multiply to what they ask memory for; 0 asks for nothing.
    * `many`: rows and panels of a register tile where there are many rows.

    ```mlir
    #kernel.tiling<panels = 8, group = 8, ahead = 1024, many = 6 by 4>
    ```
  }];
  let parameters = (ins "int64_t":$panels, "int64_t":$group, "int64_t":$ahead, "int64_t":$manyRows, "int64_t":$manyPanels);
  let assemblyFormat = "`<` `panels` `=` $panels `,` `group` `=` $group `,` `ahead` `=` $ahead `,` `many` `=` $manyRows `by` $manyPanels `>`";
  let genVerifyDecl = 1;
}

def Kernel_PageAttr : AttrDef<Kernel_Dialect, "Page"> {
  let mnemonic = "page";
  let summary = "the inner layout of a kv_cache page";
  let description = [{
    A page holds `tokens` consecutive positions of one sequence, for every layer slot `[slots]`, for every key-value head
    `[heads]`, K and V `[2]`. A head's K block is `[tokens/64][head_dim][64]` (the keys of a chunk side by side, so that a
    vector gives the scores of 16), its V block is `[tokens][head_dim]`. With an element type `!transformer.block<q8, group = head_dim>` numbers are bytes, and the f16 scales of the
    block's positions, `[tokens]`, follow them. `tokens` is a multiple of the 64-key chunk in which
    attention walks the cache.
  }];
  let parameters = (ins "int64_t":$tokens, "int64_t":$slots, "int64_t":$heads, "int64_t":$head_dim, "::mlir::Type":$element);
  let assemblyFormat = "`<` `tokens` `=` $tokens `,` `slots` `=` $slots `,` `heads` `=` $heads `,` `head_dim` `=` $head_dim `,` $element `>`";
  let extraClassDeclaration = [{
    /// Keys of one chunk of attention; chunks are anchored at position 0.
    static constexpr int64_t chunkKeys = 64;
    /// Whether each head's numbers at a position have a scale.
    bool hasScales() const { return ::mlir::isa<::llmc::transformer::BlockType>(getElement()); }
    /// Bytes of a number, scales aside.
    int64_t getElementBytes() const { return hasScales() ? 1 : getElement().getIntOrFloatBitWidth() / 8; }
    /// Bytes of one head's K or V block, a multiple of 64.
    int64_t getBlockBytes() const {
      return getTokens() * (getHeadDim() * getElementBytes() + (hasScales() ? 2 : 0));
    }
    /// Bytes of one slot's part of a page: K and V of each head.
    int64_t getSlotBytes() const { return 2 * getHeads() * getBlockBytes(); }
    int64_t getPageBytes() const { return getSlots() * getSlotBytes(); }
  }];
}

#endif
