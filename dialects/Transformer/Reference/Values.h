// Values.h - what the reference semantics compute on: plain tensors and states. No MLIR.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_REFERENCE_VALUES_H
#define LLMC_DIALECTS_TRANSFORMER_REFERENCE_VALUES_H

#include "dialects/Transformer/Formats/BlockFormats.h"

#include <cassert>
#include <cstdint>
#include <map>
#include <vector>

namespace llmc::reference {

/// Element types that activations and states are rounded to.
enum class Precision { F32, F16, BF16 };

/// The nearest value of that precision, ties to even.
float roundTo(Precision precision, float value);

/// A row-major tensor of floats, each already rounded to `precision`.
struct Floats {
  std::vector<int64_t> shape;
  std::vector<float> values;
  Precision precision = Precision::F32;

  Floats() = default;
  Floats(std::vector<int64_t> shape, Precision precision = Precision::F32);
  Floats(std::vector<int64_t> shape, std::vector<float> values) : shape(std::move(shape)), values(std::move(values)) {}

  int64_t rows() const { return shape[0]; }
  int64_t columns() const { return shape[1]; }
  float at(int64_t row, int64_t column) const { return values[row * shape[1] + column]; }
  /// Stores a value rounded to the precision.
  void set(int64_t row, int64_t column, float value) { values[row * shape[1] + column] = roundTo(precision, value); }
};

/// A row-major tensor of 32-bit integers, or of truth values.
struct Integers {
  std::vector<int64_t> shape;
  std::vector<int32_t> values;
};

/// A weight as it is stored: row-major, little-endian; blocks run along the last dimension.
struct Stored {
  enum class Element { F64, F32, F16, BF16, Block, Opaque };
  Element element = Element::F32;
  BlockFormatId format = BlockFormatId::Q8; ///< Block only
  int64_t group = 1;                        ///< values in a block; 1 for the others
  int64_t unitBytes = 4;                    ///< bytes of a value, or of a block
  std::vector<int64_t> shape;               ///< in values
  std::vector<uint8_t> bytes;

  /// The shape in units: the last dimension counts blocks.
  std::vector<int64_t> unitShape() const;
  int64_t numUnits() const;
};

/// A weight of that element type and shape, its bytes zero. `unitBytes` is given for Opaque.
Stored makeStored(Stored::Element element, std::vector<int64_t> shape, int64_t unitBytes = 0);
/// The same in a block format; `group` divides the last dimension.
Stored makeBlocks(BlockFormatId format, int64_t group, std::vector<int64_t> shape);

/// The values, widened or decoded to f32 (f64 is rounded).
Floats toFloats(const Stored &weight);
/// Values as a weight of element type F32, F16 or BF16 after their precision.
Stored toStored(const Floats &values);

/// A state: for each slot and sequence what it remembers, as values already rounded to its element type.
struct State {
  int64_t slots = 0;
  int64_t heads = 0, headDim = 0, valueDim = 0; ///< a convolution has channels in `heads` and taps in `headDim`
  bool latent = false;
  Precision precision = Precision::F32;
  bool blocks = false; ///< values pass through a block format
  BlockFormatId format = BlockFormatId::Q8;
  int64_t group = 1;

  struct Sequence {
    std::vector<float> keys;    ///< cache: [positions, heads * headDim]; recurrent: [heads, headDim, valueDim];
                                ///< convolution: [taps, channels], the oldest first
    std::vector<float> values;  ///< cache: [positions, heads * valueDim]
    std::vector<bool> occupied; ///< cache: which positions have been stored
  };
  std::map<std::pair<int64_t, int64_t>, Sequence> sequences; ///< by slot and sequence

  /// A run of `count` values of one head after rounding to the state's element type.
  void roundRow(float *values, int64_t count) const;
};

} // namespace llmc::reference

#endif // LLMC_DIALECTS_TRANSFORMER_REFERENCE_VALUES_H
