// Awq.cpp - checkpoints of AWQ in the layout "gemm", as AutoAWQ writes them.
//
// qweight i32 [K, N / 8] and qzeros i32 [groups, N / 8]: eight codes along a row in a word, those of even numbers
// first; scales [groups, N].
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/quantized/QuantizedLayout.h"

namespace llmc::models {

QuantizedLayout readAwqLayout(ConfigReader &config) {
  QuantizedLayout layout;
  const auto refuse = [&](const char *key, const std::string &found, const char *expected) {
    config.fail(key, config.shown(key) + " = " + found + " is not supported (expected " + expected + ")");
  };
  const char *bitsKey = config.isSet("w_bit") && !config.isSet("bits") ? "w_bit" : "bits";
  layout.bits = static_cast<int>(config.integer(bitsKey, {1, 32}, 4));
  if (layout.bits != 4)
    refuse(bitsKey, std::to_string(layout.bits), "4");
  const char *groupKey = config.isSet("q_group_size") && !config.isSet("group_size") ? "q_group_size" : "group_size";
  layout.tileColumns = readGroupSize(config, groupKey, 128);
  if (!config.flag("zero_point", true))
    refuse("zero_point", "false", "true");
  for (const char *key : {"version", "checkpoint_format"})
    if (const std::optional<std::string> version = config.maybeString(key);
        version && *version != "gemm" && *version != "GEMM")
      refuse(key, "\"" + json::printable(*version) + "\"", "gemm");
  if (const std::optional<std::string> backend = config.maybeString("backend"); backend && *backend == "llm-awq")
    refuse("backend", "\"llm-awq\"", "autoawq");
  skipAll(config, {"modules_to_not_convert", "do_fuse", "fuse_max_seq_len", "modules_to_fuse", "exllama_config",
                   "desc_act", "sym", "lm_head", "meta", "pack_dtype", "format", "method"});

  layout.bits = 4;
  layout.codes.suffix = ".qweight";
  layout.codes.axis = 1;
  layout.codes.transposed = true;
  layout.codes.order = {0, 2, 4, 6, 1, 3, 5, 7};
  PackedCodes zeros = layout.codes;
  zeros.suffix = ".qzeros";
  layout.zeros = zeros;
  layout.scales = {".scales"};
  layout.scalesTransposed = true;
  return layout;
}

} // namespace llmc::models
