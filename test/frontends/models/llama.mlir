// The line's first member, uneven in every dimension: vocabulary 61, width 39, inner width 53, 3 heads of 10, 1 of keys, f32.
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-uneven-f32 -o %t.parse
// RUN: FileCheck %s --check-prefix=PARSE < %t.parse
// RUN: llmc-opt %s --llmc-parse=directory=%S/../../e2e/reference/tiny/llama-uneven-f32 --llmc-import -o %t.import
// RUN: FileCheck %s < %t.import
// The stop's text enters again, and what comes out is the same.
// RUN: llmc-opt %t.parse | llmc-opt --llmc-import | llmc-opt | diff - %t.import

module {
}

// PARSE: transformer.checkpoint safetensors in "{{.*}}/llama-uneven-f32"
// PARSE-NEXT: transformer.tensor "lm_head.weight" in "model.safetensors" : tensor<61x39xf32>
// PARSE-NEXT: transformer.tensor "model.embed_tokens.weight" in "model.safetensors" : tensor<61x39xf32>
// PARSE: transformer.tensor "model.layers.1.mlp.down_proj.weight" in "model.safetensors" : tensor<39x53xf32>
// PARSE: transformer.tensor "model.norm.weight" in "model.safetensors" : tensor<39xf32>

// CHECK: !state = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 10, f32>
// CHECK-NOT: transformer.tensor
// CHECK: transformer.checkpoint safetensors
// CHECK-NEXT: transformer.text tokenizer "" vocab_size 61 context_length 64 bos 1 eos [2]
// CHECK-LABEL: func.func @step(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<?xi32> {transformer.role = #transformer.role<tokens>}
// CHECK-SAME: %[[AT:[a-z0-9]+]]: tensor<?xi32> {transformer.role = #transformer.role<positions>}
// CHECK-SAME: %[[OF:[a-z0-9]+]]: tensor<?xi32> {transformer.role = #transformer.role<sequences>}
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: tensor<?xi32> {transformer.role = #transformer.role<rows>}
// CHECK-SAME: %[[STATE:[a-z0-9]+]]: !state {transformer.role = #transformer.role<state>}
// CHECK-SAME: -> (tensor<?x61xf32> {transformer.role = #transformer.role<logits>}, !state {transformer.role = #transformer.role<state>})
// CHECK-SAME: max_tokens = 512, max_sequences = 4, max_context = 64
// CHECK-SAME: transformer.entry
// CHECK: %[[F:.*]] = transformer.weight.rope_frequencies default base {{.*}} dim 10 : tensor<1x5xf32>
// CHECK: %[[TABLE:.*]] = transformer.weight ["model.embed_tokens.weight"] : tensor<61x39xf32>
// CHECK: %[[X:.*]] = transformer.embedding %[[TOKENS]], %[[TABLE]]
// CHECK: %[[L0:.*]]:2 = transformer.layers classes [0] slots [0] iter(%[[X]], %[[STATE]])
// CHECK-NEXT: ^bb0(%[[SLOT:.*]]: index, %[[H:.*]]: tensor<?x39xf32>, %[[KV:.*]]: !state):
// CHECK: %[[N:.*]] = transformer.rms_norm %[[H]], %{{.*}} epsilon
// CHECK: %[[WQ:.*]] = transformer.weight ["model.layers.0.self_attn.q_proj.weight"] : tensor<30x39xf32>
// CHECK: %[[Q:.*]] = transformer.linear %[[N]], %[[WQ]] : {{.*}} -> tensor<?x30xf32>
// CHECK: %[[WK:.*]] = transformer.weight ["model.layers.0.self_attn.k_proj.weight"] : tensor<10x39xf32>
// CHECK: %[[K:.*]] = transformer.linear %[[N]], %[[WK]]
// CHECK: %[[WV:.*]] = transformer.weight ["model.layers.0.self_attn.v_proj.weight"] : tensor<10x39xf32>
// CHECK: %[[V:.*]] = transformer.linear %[[N]], %[[WV]]
// CHECK: %[[Q1:.*]] = transformer.rope half %[[Q]] at %[[AT]] by %[[F]] head_dim 10 rotary_dim 10
// CHECK: %[[K1:.*]] = transformer.rope half %[[K]] at %[[AT]] by %[[F]] head_dim 10 rotary_dim 10
// CHECK: %[[KV1:.*]] = transformer.cache_update %[[KV]][%[[SLOT]]], %[[K1]], %[[V]] at %[[AT]] of %[[OF]]
// CHECK: %[[A:.*]] = transformer.attention %[[Q1]] cache %[[KV1]][%[[SLOT]]] at %[[AT]] of %[[OF]] heads 3 kv_heads 1 head_dim 10 scale 0.316{{[0-9]+}} causal :
// CHECK: %[[WO:.*]] = transformer.weight ["model.layers.0.self_attn.o_proj.weight"] : tensor<39x30xf32>
// CHECK: %[[O:.*]] = transformer.linear %[[A]], %[[WO]]
// CHECK: %[[H1:.*]] = transformer.add %[[H]], %[[O]]
// CHECK: transformer.weight ["model.layers.0.post_attention_layernorm.weight"]
// CHECK: %[[N1:.*]] = transformer.rms_norm %[[H1]]
// CHECK: %[[WG:.*]] = transformer.weight ["model.layers.0.mlp.gate_proj.weight"] : tensor<53x39xf32>
// CHECK: %[[G:.*]] = transformer.linear %[[N1]], %[[WG]]
// CHECK: %[[WU:.*]] = transformer.weight ["model.layers.0.mlp.up_proj.weight"]
// CHECK: %[[U:.*]] = transformer.linear %[[N1]], %[[WU]]
// CHECK: %[[M:.*]] = transformer.gated silu %[[G]], %[[U]]
// CHECK: %[[WD:.*]] = transformer.weight ["model.layers.0.mlp.down_proj.weight"] : tensor<39x53xf32>
// CHECK: %[[D:.*]] = transformer.linear %[[M]], %[[WD]]
// CHECK: %[[H2:.*]] = transformer.add %[[H1]], %[[D]]
// CHECK: transformer.yield %[[H2]], %[[KV1]]
// CHECK: %[[L1:.*]]:2 = transformer.layers classes [0] slots [1] iter(%[[L0]]#0, %[[L0]]#1)
// CHECK: transformer.weight ["model.layers.1.input_layernorm.weight"]
// CHECK: %[[R:.*]] = transformer.gather_rows %[[L1]]#0, %[[ROWS]]
// CHECK: transformer.weight ["model.norm.weight"]
// CHECK: %[[Y:.*]] = transformer.rms_norm %[[R]]
// CHECK: %[[HEAD:.*]] = transformer.weight ["lm_head.weight"] : tensor<61x39xf32>
// CHECK: %[[LOGITS:.*]] = transformer.linear %[[Y]], %[[HEAD]]
// CHECK: return %[[LOGITS]], %[[L1]]#1
