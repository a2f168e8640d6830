// Module-level ops survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK: transformer.checkpoint safetensors in "models/stories260K" statistics "stories.stats"
transformer.checkpoint safetensors in "models/stories260K" statistics "stories.stats"
// CHECK: transformer.tensor "model.norm.weight" in "model.safetensors" : tensor<64xf32>
transformer.tensor "model.norm.weight" in "model.safetensors" : tensor<64xf32>
// CHECK: transformer.tensor "packed" in "a.safetensors" : tensor<7x11xi32>
transformer.tensor "packed" in "a.safetensors" : tensor<7x11xi32>
// CHECK: transformer.text tokenizer "tokenizer.json" vocab_size 512 context_length 128 bos 1 eos [2] {add_bos, temperature = {{.*}} : f64}
transformer.text tokenizer "tokenizer.json" vocab_size 512 context_length 128 bos 1 eos [2]
  {add_bos, temperature = 0.8 : f64}

// CHECK-LABEL: module @no_tokens_but_a_template
module @no_tokens_but_a_template {
  // CHECK: transformer.text tokenizer "tokenizer.json" chat_template "chat_template.jinja" vocab_size 13 context_length 17 pad 5
  transformer.text tokenizer "tokenizer.json" chat_template "chat_template.jinja" vocab_size 13 context_length 17 pad 5
    {do_sample, top_k = 40 : i64, top_p = 0.9 : f64, min_p = 0.05 : f64, repetition_penalty = 1.1 : f64}
}
