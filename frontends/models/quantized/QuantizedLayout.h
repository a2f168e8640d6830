// QuantizedLayout.h - how a checkpoint with quantization_config stores a matrix: facts, one reader of them for each
// method.
//
// Free of MLIR: fuzzed. A method is one file with `QuantizedLayout read<Name>Layout(ConfigReader &)` and a line in
// Methods.def. What the facts mean as operations on weights is in QuantizedWeights.cpp, for all methods at once.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_QUANTIZED_QUANTIZEDLAYOUT_H
#define LLMC_FRONTENDS_MODELS_QUANTIZED_QUANTIZEDLAYOUT_H

#include "frontends/formats/config/ConfigReader.h"

#include <optional>
#include <string>
#include <vector>

namespace llmc::models {

/// A tensor of small codes in words. The matrix that it holds is [rows, columns], or [columns, rows] where
/// `transposed`; the words run along `axis` of what is stored.
struct PackedCodes {
  std::string suffix; ///< Behind the module's name: ".qweight".
  int wordBits = 32;  ///< 32: i32; 8: bytes of any 8-bit type.
  int axis = 0;
  bool transposed = false;
  std::vector<int64_t> order; ///< As transformer.weight.unpack has it.
  uint32_t plus = 0, flip = 0;
};

/// A matrix [N, K] is `scale * (code - zero)`, with one scale and one zero point for each tile.
struct QuantizedLayout {
  std::string method;    ///< As the config spells it, for messages.
  int bits = 4;          ///< Of a code; 2, 4 or 8.
  bool isFloat8 = false; ///< Codes are E4M3 floats, without zero points.
  PackedCodes codes;
  std::vector<std::string> scales; ///< Suffixes, the first that is there counts.
  bool scalesTransposed = false;
  std::optional<PackedCodes> zeros; ///< Else every zero point is the middle of the codes.
  bool symmetric = false;           ///< All zero points are the middle, though they are stored.
  int64_t lowestZero = 0, highestZero = 255;
  /// Of a tile; 0: all of them. Columns of a group lie beside each other unless `columnGroups` says which is whose.
  int64_t tileRows = 1, tileColumns = 0;
  std::string columnGroups;        ///< Suffix of an i32 for each column; may be absent.
  std::string shape;               ///< Suffix of two i64, N and K; empty: there is none.
  std::vector<std::string> unused; ///< Suffixes of what a module may have beside these: facts on activations.
};

/// Reads `quantization_config`, where it is set. A mistake goes to `config`.
std::optional<QuantizedLayout> readQuantizedLayout(ConfigReader &config);

/// Reads a number of bits that words hold without codes across their ends.
int readBits(ConfigReader &config, std::string_view key, int unset);
/// Reads a group size, a multiple of 16; 0 for a whole row, spelled -1.
int64_t readGroupSize(ConfigReader &config, std::string_view key, int64_t unset);
/// Reads keys that concern how a model was made, or run elsewhere.
void skipAll(ConfigReader &config, std::initializer_list<std::string_view> keys);

#define LLMC_QUANTIZATION_METHOD(id, name) QuantizedLayout read##id##Layout(ConfigReader &config);
#include "frontends/models/quantized/Methods.def"

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_QUANTIZED_QUANTIZEDLAYOUT_H
