// What the other members of the line, and the rope scalings, put in place of the plain parts.
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/qwen3-bias-yarn --llmc-import | FileCheck %s --check-prefix=NORMS
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/qwen2-window --llmc-import | FileCheck %s --check-prefix=WINDOW
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/mistral-window "--llmc-import=kv=bf16 max-context=11" | FileCheck %s --check-prefix=ALL
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-longrope-old --llmc-import | FileCheck %s --check-prefix=LONG
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-dynamic "--llmc-import=max-context=40" | FileCheck %s --check-prefix=DYNAMIC
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-tied-duplicate-head --llmc-import | FileCheck %s --check-prefix=TIED
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-biases --llmc-import | FileCheck %s --check-prefix=BIAS
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-sharded-f32 | FileCheck %s --check-prefix=SHARDS

module {
}

// Queries and keys are normalised per head before they turn; cos and sin are scaled.
// NORMS: transformer.weight.rope_frequencies yarn base {{.*}} dim 8 factor 4.{{.*}} original_context 16
// NORMS: %[[Q:.*]] = transformer.linear {{.*}} bias
// NORMS: %[[NQ:.*]] = transformer.rms_norm %[[Q]], {{.*}} group_size 8
// NORMS: transformer.rms_norm {{.*}} group_size 8
// NORMS: transformer.rope half %[[NQ]] {{.*}} attention_factor 1.138

// The cache keeps everything, since one layer looks at everything.
// WINDOW: kv_cache, slots = 3, heads = 2, head_dim = 6, f32>
// WINDOW: transformer.linear {{.*}} bias
// WINDOW: transformer.attention {{.*}} causal :
// WINDOW: transformer.attention {{.*}} causal window
// WINDOW: transformer.attention {{.*}} causal window

// ALL: kv_cache, slots = 2, heads = 2, head_dim = 8, window = 7, bf16>
// ALL: max_context = 11
// ALL: transformer.attention {{.*}} causal window 7
// ALL: transformer.attention {{.*}} causal window 7

// LONG: transformer.weight.rope_frequencies longrope {{.*}} original_context 16 short_factors [{{.*}}] long_factors [{{.*}}] : tensor<2x3xf32>
// LONG: transformer.rope half {{.*}} original_context 16 attention_factor 1.2

// One row for each length past the limit of 12, up to 40.
// DYNAMIC: transformer.weight.rope_frequencies dynamic {{.*}} original_context 12 max_context 40 : tensor<29x4xf32>
// DYNAMIC: transformer.rope half {{.*}} original_context 12

// TIED-NOT: lm_head
// TIED: transformer.weight ["model.norm.weight"]
// TIED: transformer.weight ["model.embed_tokens.weight"]
// TIED: return

// BIAS: transformer.weight ["model.layers.0.self_attn.o_proj.bias"]
// BIAS: transformer.weight ["model.layers.0.mlp.gate_proj.bias"]

// SHARDS: transformer.tensor {{.*}} in "model-0000{{[123]}}-of-00003.safetensors"
