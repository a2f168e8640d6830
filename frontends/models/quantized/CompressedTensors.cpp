// CompressedTensors.cpp - checkpoints of compressed-tensors: whole numbers in words or bytes, and 8-bit floats.
//
// pack-quantized: weight_packed i32 [N, ceil(K / F)], codes plus the half of their range; weight_zero_point i32
// [ceil(N / F), groups] the same way; weight_shape. int-quantized: weight i8 [N, K], zero points i8. float-quantized:
// weight E4M3 [N, K]. weight_scale has a number for each group, row or block, or one.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/quantized/QuantizedLayout.h"

namespace llmc::models {

namespace {

/// The weights' part of a scheme.
void readWeights(ConfigReader &config, QuantizedLayout &layout, bool packed) {
  const std::string type = config.maybeString("type").value_or("int");
  const int64_t bits = config.integer("num_bits", {1, 16}, 8);
  layout.isFloat8 = type == "float";
  if ((type != "int" && type != "float") || (layout.isFloat8 && bits != 8) || (packed && layout.isFloat8))
    config.fail("type", config.shown("type") + " = \"" + json::printable(type) + "\" of " + std::to_string(bits) +
                            " bits is not supported (expected int, or float of 8 bits in a float format)");
  if (packed || !layout.isFloat8)
    layout.bits = readBits(config, "num_bits", 8);
  layout.symmetric = config.flag("symmetric", true);
  const std::optional<int64_t> group = config.maybeInteger("group_size", {-1, 1 << 20});
  const std::string strategy = config.maybeString("strategy")
                                   .value_or(!group       ? "tensor"
                                             : *group > 0 ? "group"
                                                          : "channel");
  if (strategy == "group") {
    layout.tileColumns = readGroupSize(config, "group_size", 128);
  } else if (strategy == "tensor") {
    layout.tileRows = 0;
  } else if (strategy == "block") {
    const std::optional<std::vector<double>> sizes = config.maybeNumbers("block_structure", {1, 1 << 20}, 2, 2);
    if (sizes && sizes->size() == 2) {
      layout.tileRows = static_cast<int64_t>((*sizes)[0]);
      layout.tileColumns = static_cast<int64_t>((*sizes)[1]);
    } else {
      config.fail("strategy", config.shown("strategy") + " = \"block\" needs 'block_structure'");
    }
  } else if (strategy != "channel") {
    config.fail("strategy", config.shown("strategy") + " = \"" + json::printable(strategy) +
                                "\" is not supported (expected tensor, channel, group or block)");
  }
  config.expectFlag("dynamic", false);
  skipAll(config,
          {"actorder", "observer", "observer_kwargs", "scale_dtype", "zp_dtype", "block_structure", "scale_precision"});
  config.refuseUnknown({}, "a model quantised by 'compressed-tensors'");
}

void readScheme(ConfigReader &config, QuantizedLayout &layout, bool packed, const std::string &place) {
  // Which modules, is seen by their tensors. Activations are computed as floats: finer than what the scheme allows.
  skipAll(config, {"targets", "input_activations", "format"});
  if (config.maybeAny("output_activations"))
    config.fail("output_activations", config.shown("output_activations") + " is not supported");
  const std::optional<json::Value> weights = config.maybeObject("weights");
  if (!weights)
    return config.fail("weights", config.shown("weights") + " is missing");
  ConfigReader own(*weights, place + "weights.");
  readWeights(own, layout, packed);
  config.take(own.mistake());
  config.refuseUnknown({}, "a model quantised by 'compressed-tensors'");
}

} // namespace

QuantizedLayout readCompressedTensorsLayout(ConfigReader &config) {
  QuantizedLayout layout;
  const std::string form = config.maybeString("format").value_or("dense");
  const bool packed = form == "pack-quantized";
  if (!packed && form != "int-quantized" && form != "float-quantized" && form != "naive-quantized")
    config.fail("format", config.shown("format") + " = \"" + json::printable(form) +
                              "\" is not supported (expected pack-quantized, int-quantized, float-quantized or "
                              "naive-quantized)");
  for (const char *key : {"kv_cache_scheme", "moe_sparsity_config"})
    if (config.maybeAny(key))
      config.fail(key, config.shown(key) + " is not supported");
  for (const char *key : {"transform_config", "sparsity_config"})
    if (const std::optional<json::Value> value = config.maybeObject(key); value && value->size() != 0) {
      const std::optional<json::Value> kind = value->find("format");
      if (!kind || !kind->isString() || kind->asString() != "dense")
        config.fail(key, config.shown(key) + " is not supported");
    }
  skipAll(config, {"ignore", "global_compression_ratio", "quantization_status", "version"});
  const std::optional<json::Value> groups = config.maybeObject("config_groups");
  if (!groups || groups->size() != 1) {
    config.fail("config_groups", config.shown("config_groups") + " holds " +
                                     std::to_string(groups ? groups->size() : 0) +
                                     " schemes, expected one for all modules");
    return layout;
  }
  const std::string place = "quantization_config.config_groups." + json::printable(groups->key(0).asString()) + ".";
  ConfigReader scheme(groups->member(0), place);
  readScheme(scheme, layout, packed, place);
  config.take(scheme.mistake());

  layout.codes.axis = 1;
  layout.scales = {".weight_scale"};
  layout.unused = {".input_scale", ".input_zero_point"};
  const int half = 1 << (layout.bits - 1);
  if (packed) {
    layout.codes.suffix = ".weight_packed";
    layout.shape = ".weight_shape";
    layout.columnGroups = ".weight_g_idx";
  } else {
    // Bytes in two's complement, whatever the range they use.
    layout.codes.suffix = ".weight";
    layout.codes.wordBits = 8;
    layout.bits = 8;
    layout.codes.flip = layout.isFloat8 ? 0 : 128;
    layout.lowestZero = 128 - half;
    layout.highestZero = 128 + half - 1;
  }
  if (!layout.isFloat8 && !layout.symmetric) {
    PackedCodes zeros = layout.codes;
    zeros.suffix = ".weight_zero_point";
    zeros.axis = packed ? 0 : 1;
    layout.zeros = zeros;
  }
  layout.symmetric = false; // Then there are no zero points, or nothing is known of them.
  return layout;
}

} // namespace llmc::models
