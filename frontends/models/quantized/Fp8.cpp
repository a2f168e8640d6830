// Fp8.cpp - checkpoints of 8-bit floats with f32 scales for blocks of rows and columns, or one for a matrix.
//
// weight E4M3 [N, K]; weight_scale_inv, in spite of its name a factor, [ceil(N / 128), ceil(K / 128)], or a number.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/quantized/QuantizedLayout.h"

namespace llmc::models {

QuantizedLayout readFp8Layout(ConfigReader &config) {
  QuantizedLayout layout;
  layout.bits = 8;
  layout.isFloat8 = true;
  for (const auto &[key, expected] :
       {std::pair("fmt", "e4m3"), {"weight_dtype", "float8_e4m3fn"}, {"scale_fmt", "float"}})
    if (const std::optional<std::string> found = config.maybeString(key); found && *found != expected)
      config.fail(key, config.shown(key) + " = \"" + json::printable(*found) + "\" is not supported (expected " +
                           expected + ")");
  layout.tileRows = layout.tileColumns = 0;
  const std::optional<std::vector<double>> sizes = config.maybeNumbers("weight_block_size", {1, 1 << 20}, 2, 2);
  if (sizes && sizes->size() == 2) {
    layout.tileRows = static_cast<int64_t>((*sizes)[0]);
    layout.tileColumns = static_cast<int64_t>((*sizes)[1]);
  }
  // Activations are computed as floats.
  skipAll(config, {"activation_scheme", "modules_to_not_convert", "modules_to_convert", "ignored_layers", "dequantize",
                   "expert_dtype"});
  layout.codes.suffix = ".weight";
  layout.codes.wordBits = 8;
  layout.codes.axis = 1;
  layout.scales = {".weight_scale_inv", ".weight_scale"};
  layout.unused = {".input_scale", ".activation_scale"};
  return layout;
}

} // namespace llmc::models
