// QuantizedLayout.cpp - chooses the reader of a quantization_config, and reads what several methods spell alike.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/quantized/QuantizedLayout.h"

namespace llmc::models {

std::optional<QuantizedLayout> readQuantizedLayout(ConfigReader &config) {
  for (const char *key : {"quantization_config", "quantization", "compression_config"}) {
    const std::optional<json::Value> value = config.maybeAny(key);
    if (!value)
      continue;
    const bool isMlx = std::string_view(key) == "quantization"; // Of another form.
    std::string method, known;
    if (const std::optional<json::Value> named = value->find("quant_method"); named && named->isString())
      method = named->asString();
#define LLMC_QUANTIZATION_METHOD(id, name) known += std::string(known.empty() ? "" : ", ") + (name);
#include "frontends/models/quantized/Methods.def"
    if (!isMlx) {
      ConfigReader own(*value, std::string(key) + ".");
      own.skip("quant_method");
      std::optional<QuantizedLayout> layout;
#define LLMC_QUANTIZATION_METHOD(id, name)                                                                             \
  if (method == (name))                                                                                                \
    layout = read##id##Layout(own);
#include "frontends/models/quantized/Methods.def"
      if (layout) {
        layout->method = method;
        own.refuseUnknown({}, "a model quantised by '" + method + "'");
        config.take(own.mistake());
        return layout;
      }
    }
    config.fail(key,
                (isMlx            ? "weights quantised by MLX"
                 : method.empty() ? "quantised weights"
                                  : "quantised weights (method '" + json::printable(method) + "')") +
                    std::string(" are not supported"),
                "methods that are: " + known + "; else use the model's f32, bf16 or f16 checkpoint");
  }
  return std::nullopt;
}

int readBits(ConfigReader &config, std::string_view key, int unset) {
  const auto bits = static_cast<int>(config.integer(key, {1, 32}, unset));
  if (bits == 2 || bits == 4 || bits == 8)
    return bits;
  config.fail(key, config.shown(key) + " = " + std::to_string(bits) + " is not supported (expected 2, 4 or 8)");
  return unset;
}

int64_t readGroupSize(ConfigReader &config, std::string_view key, int64_t unset) {
  const int64_t size = config.integer(key, {-1, 1 << 20}, unset);
  if (size == -1)
    return 0;
  if (size >= 16 && size % 16 == 0)
    return size;
  config.fail(key, config.shown(key) + " = " + std::to_string(size) +
                       " is not supported (expected -1 for a whole row, or a multiple of 16)");
  return 16;
}

void skipAll(ConfigReader &config, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    config.skip(key);
}

} // namespace llmc::models
