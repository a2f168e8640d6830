// TransformerTypes.td - states and block formats, and the type constraints built on them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_TYPES_TD
#define LLMC_TRANSFORMER_TYPES_TD

include "dialects/Transformer/IR/TransformerEnums.td"

class Transformer_Type<string name, string typeMnemonic> : TypeDef<Transformer_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Transformer_StateType : Transformer_Type<"State", "state"> {
  let summary = "linear state of a model's sequences";
  let description = [{
    What a model remembers of each sequence between steps, for `slots` layers. It is addressed by sequence, slot and,
    for a cache, position.

    - `kv_cache`: for each position `heads` keys of `head_dim` values and `heads` values of `value_dim`
      (`head_dim` when not given). With `window = W` only the last W positions of a sequence need be kept. With `latent`
      no values are kept: the value of a position is the first `value_dim` numbers of its key.
    - `recurrent`: `heads` matrices `[head_dim, value_dim]` per sequence, zero at position 0.
    - `convolution`: the last `taps` inputs of `channels` channels per sequence, zero before position 0.

    The last parameter is the element type in memory: f32, f16, bf16 or a block format. Everything read from the state
    has been rounded to it, in the step that wrote it too.

    Rules: (C1) `slots`, `heads`, `head_dim`, `value_dim`, `channels` and `taps` are at least 1; (C2) the element type
    is f32, f16, bf16 or a block format that values can be rounded to; (C3) `window` is at least 0, 0 when everything is kept; (C4) only a cache has
    `window` or `latent`; (C5) `value_dim` of a latent cache is at most `head_dim`, and it has one head; (C6) a
    recurrent state or a convolution is f32, f16 or bf16; (C7) a block format's group divides `head_dim` and
    `value_dim`.

    ```mlir
    !cache = !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
    !windowed = !transformer.state<kv_cache, slots = 32, heads = 8, head_dim = 128, window = 4096, bf16>
    !latent = !transformer.state<kv_cache, slots = 61, heads = 1, head_dim = 576, value_dim = 512, latent, bf16>
    !matrix = !transformer.state<recurrent, slots = 24, heads = 8, head_dim = 64, value_dim = 128, f32>
    !recent = !transformer.state<convolution, slots = 24, channels = 1536, taps = 3, f32>
    ```
  }];
  // A convolution keeps its channels in `heads` and its taps in `headDim`; getChannels() and getTaps() name them.
  let parameters = (ins "::llmc::transformer::StateKind":$kind, "int64_t":$slots, "int64_t":$heads, "int64_t":$headDim,
                        "int64_t":$valueDim, "int64_t":$window, "bool":$latent, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let genMnemonicAlias = 1;
  let extraClassDeclaration = [{
    /// A full cache: keys and values of the same width; `window` = 0 keeps every position.
    static StateType getKVCache(::mlir::MLIRContext *context, int64_t slots, int64_t heads, int64_t headDim,
                                ::mlir::Type elementType, int64_t window = 0);
    bool isKVCache() const { return getKind() == ::llmc::transformer::StateKind::KVCache; }
    int64_t getChannels() const { return getHeads(); }
    int64_t getTaps() const { return getHeadDim(); }
  }];
}

def Transformer_BlockType : Transformer_Type<"Block", "block"> {
  let summary = "element stored in a block format";
  let description = [{
    The element type of a tensor whose values are stored in blocks of `group` along the last dimension, described by the
    descriptor of that name in `dialects/Transformer/Formats`. (C1) `group` is a size that the format knows: for `q8`,
    `q4`, `q8_min`, `q4_min`, `q8_zero`, `q4_zero` and `fp8_e4m3` a multiple of 16 up to 2^20, for ggml's formats the
    one size they have.

    ```mlir
    !weight = tensor<576x1536x!transformer.block<q8, group = 32>>
    !stored = tensor<576x1536x!transformer.block<q4_k, group = 256>>
    ```
  }];
  let parameters = (ins "::llmc::BlockFormatId":$format, "int64_t":$group);
  let assemblyFormat = "`<` custom<BlockFormat>($format) `,` `group` `=` $group `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The narrowest float that holds every value of the format; f32 where none does, which is what decoding rounds to.
    ::mlir::FloatType getExactFloat() const;
  }];
}

// Activations [T, N] and vectors of token facts [T].
def Transformer_Activations : TensorRankOf<[F32, F16, BF16], [2]>;
def Transformer_Integers : TensorRankOf<[I32], [1]>;
def Transformer_State : TypeConstraint<Transformer_StateType.predicate, "state">;

// Weight values: static shapes.
def Transformer_WeightElement : AnyTypeOf<[F64, F32, F16, BF16, F8E4M3FN, F8E5M2, AnyInteger, Transformer_BlockType],
                                          "weight element">;
def Transformer_Weight : StaticShapeTensorOf<[Transformer_WeightElement]>;
def Transformer_AnyMatrix : ConfinedType<Transformer_Weight, [HasAnyRankOfPred<[2]>],
                                         "2D static-shape tensor of weights", "::mlir::RankedTensorType">;
class Transformer_WeightOfRank<int rank> :
  ConfinedType<StaticShapeTensorOf<[F32, F16, BF16, Transformer_BlockType]>,
               [HasAnyRankOfPred<[rank]>], rank # "D static-shape tensor of f32, f16, bf16 or block values",
               "::mlir::RankedTensorType">;
def Transformer_Vector : Transformer_WeightOfRank<1>;
def Transformer_Matrix : Transformer_WeightOfRank<2>;
def Transformer_Stack : Transformer_WeightOfRank<3>;
def Transformer_FrequencyTable : ConfinedType<StaticShapeTensorOf<[F32]>, [HasAnyRankOfPred<[2]>],
                                 "2D static-shape tensor of f32 values", "::mlir::RankedTensorType">;

// Attributes with a range.
def Transformer_Positive : ConfinedAttr<I64Attr, [IntPositive]>;
def Transformer_NonNegative : ConfinedAttr<I64Attr, [IntNonNegative]>;

#endif // LLMC_TRANSFORMER_TYPES_TD
