// TransformerEnums.td - the closed choices that attributes of transformer ops make.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TRANSFORMER_ENUMS_TD
#define LLMC_TRANSFORMER_ENUMS_TD

include "dialects/Transformer/IR/TransformerDialect.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/AttrTypeBase.td"

class Transformer_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::llmc::transformer";
  let genSpecializedAttr = 0;
}
class Transformer_EnumAttr<EnumAttrInfo info, string mnemonic> : EnumAttr<Transformer_Dialect, info, mnemonic>;

def Transformer_CheckpointFormat : Transformer_Enum<"CheckpointFormat", "container of a model's weights", [
  I32EnumAttrCase<"Safetensors", 0, "safetensors">, I32EnumAttrCase<"Gguf", 1, "gguf">,
  I32EnumAttrCase<"Onnx", 2, "onnx">]>;
def Transformer_CheckpointFormatAttr : Transformer_EnumAttr<Transformer_CheckpointFormat, "checkpoint_format">;

def Transformer_Role : Transformer_Enum<"Role", "what the runtime hands over in an argument or result of an entry", [
  I32EnumAttrCase<"Tokens", 0, "tokens">,       // token ids of the step [T]
  I32EnumAttrCase<"Positions", 1, "positions">, // position of each token in its sequence [T]
  I32EnumAttrCase<"Sequences", 2, "sequences">, // sequence number of each token [T]
  I32EnumAttrCase<"Rows", 3, "rows">,           // tokens of the step whose logits are wanted [R]
  I32EnumAttrCase<"State", 4, "state">,         // a linear state
  I32EnumAttrCase<"Lengths", 5, "lengths">,     // keys that each sequence holds, for cross attention [S]
  I32EnumAttrCase<"Input", 6, "input">,         // any other tensor that goes in
  I32EnumAttrCase<"Logits", 7, "logits">,       // scores of the vocabulary [R, V]
  I32EnumAttrCase<"Output", 8, "output">]>;     // any other tensor that comes out
def Transformer_RoleAttr : Transformer_EnumAttr<Transformer_Role, "role"> {
  let assemblyFormat = "`<` $value `>`";
}

def Transformer_StateKind : Transformer_Enum<"StateKind", "kind of state", [
  I32EnumAttrCase<"KVCache", 0, "kv_cache">, I32EnumAttrCase<"Recurrent", 1, "recurrent">,
  I32EnumAttrCase<"Convolution", 2, "convolution">]>;

def Transformer_Activation : Transformer_Enum<"Activation", "activation function", [
  I32EnumAttrCase<"Silu", 0, "silu">,             // x * sigmoid(x)
  I32EnumAttrCase<"Gelu", 1, "gelu">,             // x/2 * (1 + erf(x / sqrt 2))
  I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,    // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
  I32EnumAttrCase<"QuickGelu", 3, "quick_gelu">,  // x * sigmoid(1.702 x)
  I32EnumAttrCase<"Relu", 4, "relu">,             // max(x, 0)
  I32EnumAttrCase<"ReluSquared", 5, "relu_squared">, // max(x, 0)^2
  I32EnumAttrCase<"Sigmoid", 6, "sigmoid">,       // 1 / (1 + exp(-x))
  I32EnumAttrCase<"Tanh", 7, "tanh">]>;
def Transformer_ActivationAttr : Transformer_EnumAttr<Transformer_Activation, "activation">;

def Transformer_NormRounding : Transformer_Enum<"NormRounding",
    "whether a norm rounds to the result's element type before it multiplies by the weight, or only after", [
  I32EnumAttrCase<"AfterWeight", 0, "after_weight">, I32EnumAttrCase<"BeforeWeight", 1, "before_weight">]>;
def Transformer_NormRoundingAttr : Transformer_EnumAttr<Transformer_NormRounding, "norm_rounding">;

def Transformer_RopeScaling : Transformer_Enum<"RopeScaling",
    "how rotary frequencies are stretched to a longer context", [
  I32EnumAttrCase<"Default", 0, "default">, I32EnumAttrCase<"Linear", 1, "linear">,
  I32EnumAttrCase<"Dynamic", 2, "dynamic">, I32EnumAttrCase<"Yarn", 3, "yarn">,
  I32EnumAttrCase<"LongRope", 4, "longrope">, I32EnumAttrCase<"Llama3", 5, "llama3">]>;
def Transformer_RopeScalingAttr : Transformer_EnumAttr<Transformer_RopeScaling, "rope_scaling">;

def Transformer_RopeStyle : Transformer_Enum<"RopeStyle", "which two features of a head turn together", [
  I32EnumAttrCase<"Half", 0, "half">,               // i and i + rotary_dim/2
  I32EnumAttrCase<"Interleaved", 1, "interleaved">]>; // 2i and 2i + 1
def Transformer_RopeStyleAttr : Transformer_EnumAttr<Transformer_RopeStyle, "rope_style">;

def Transformer_Scoring : Transformer_Enum<"Scoring", "how router logits become scores", [
  I32EnumAttrCase<"Softmax", 0, "softmax">,             // softmax over all experts, then top-k
  I32EnumAttrCase<"TopKSoftmax", 1, "topk_softmax">,    // top-k of the logits, then softmax over those k
  I32EnumAttrCase<"Sigmoid", 2, "sigmoid">]>;           // sigmoid of each logit, then top-k
def Transformer_ScoringAttr : Transformer_EnumAttr<Transformer_Scoring, "scoring">;

def Transformer_GroupScore : Transformer_Enum<"GroupScore", "what ranks a group of experts", [
  I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Top2Sum", 1, "top2_sum">]>;
def Transformer_GroupScoreAttr : Transformer_EnumAttr<Transformer_GroupScore, "group_score">;

#endif // LLMC_TRANSFORMER_ENUMS_TD
