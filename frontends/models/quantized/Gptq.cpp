// Gptq.cpp - checkpoints of GPTQ, as AutoGPTQ and GPTQModel write them.
//
// qweight i32 [K / F, N], F codes down the columns of a word; qzeros i32 [groups, N / F]; scales [groups, N]; g_idx i32
// [K], which group a column of the matrix belongs to. In the form "gptq" zero points are stored less one: one is added
// to each field of the word by one addition, so that a field of 0 that was stored with a borrow comes back.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/quantized/QuantizedLayout.h"

namespace llmc::models {

/// Rules of single modules: one that leaves a module out is seen by its tensors, one that changes it is not built.
static void readDynamic(ConfigReader &config) {
  const std::optional<json::Value> rules = config.maybeObject("dynamic");
  if (!rules)
    return;
  for (size_t i = 0; i < rules->size(); ++i)
    if (std::string_view rule = rules->key(i).asString(); rule.substr(0, 2) != "-:")
      config.fail("dynamic", "'quantization_config.dynamic' has a rule of its own for '" + json::printable(rule) +
                                 "', which is not supported");
}

QuantizedLayout readGptqLayout(ConfigReader &config) {
  QuantizedLayout layout;
  layout.bits = readBits(config, "bits", 4);
  layout.tileColumns = readGroupSize(config, "group_size", 128);
  layout.symmetric = config.flag("sym", true);
  config.flag("desc_act", false); // g_idx says it better.
  std::string form = config.maybeString("checkpoint_format").value_or("gptq");
  if (form != "gptq" && form != "gptq_v2")
    config.fail("checkpoint_format", "'quantization_config.checkpoint_format' = \"" + json::printable(form) +
                                         "\" is not supported (expected gptq or gptq_v2)");
  if (const std::optional<std::string> word = config.maybeString("pack_dtype"); word && *word != "int32")
    config.fail("pack_dtype", "'quantization_config.pack_dtype' = \"" + json::printable(*word) +
                                  "\" is not supported (expected int32)");
  readDynamic(config);
  // How the model was made, and how another program runs it.
  skipAll(config, {"format",
                   "method",
                   "lm_head",
                   "damp_percent",
                   "damp_auto_increment",
                   "static_groups",
                   "true_sequential",
                   "model_name_or_path",
                   "model_file_base_name",
                   "meta",
                   "quantizer",
                   "dataset",
                   "tokenizer",
                   "batch_size",
                   "cache_block_outputs",
                   "block_name_to_quantize",
                   "module_name_preceding_first_block",
                   "modules_in_block_to_quantize",
                   "model_seqlen",
                   "pad_token_id",
                   "use_cuda_fp16",
                   "use_exllama",
                   "disable_exllama",
                   "exllama_config",
                   "max_input_length",
                   "mse",
                   "backend",
                   "is_marlin_format",
                   "act_group_aware",
                   "offload_to_disk",
                   "parallel_packing",
                   "modules_to_not_convert",
                   "hyb_act"});

  uint32_t ones = 0;
  for (int bit = 0; bit < 32; bit += layout.bits)
    ones |= 1u << bit;
  layout.codes.suffix = ".qweight";
  layout.codes.transposed = true;
  PackedCodes zeros;
  zeros.suffix = ".qzeros";
  zeros.axis = 1;
  zeros.transposed = true;
  zeros.plus = form == "gptq" ? ones : 0;
  layout.zeros = zeros;
  layout.scales = {".scales"};
  layout.scalesTransposed = true;
  layout.columnGroups = ".g_idx";
  return layout;
}

} // namespace llmc::models
