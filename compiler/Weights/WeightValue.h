// WeightValue.h - a weight expression as a lazy array, read a range at a time.
//
// Not here: MLIR; the recipes that make these trees are read in Recipe.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_WEIGHTS_WEIGHTVALUE_H
#define LLMC_COMPILER_WEIGHTS_WEIGHTVALUE_H

#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace llmc::weights {

/// Element types that weights are computed in. Each value of each is an f32.
enum class Element : uint8_t { F32, F16, BF16 };

inline int64_t bytesOf(Element element) { return element == Element::F32 ? 4 : 2; }

/// Reads `count` elements of type `element` at `from` (of any alignment) into f32; exact.
void decode(Element element, const uint8_t *from, int64_t count, float *to);
/// Rounds `count` f32 to `element` (nearest even, NaN kept) and writes them at `to`.
void encode(Element element, const float *from, int64_t count, uint8_t *to);

using Sizes = llvm::SmallVector<int64_t, 4>;

/// A node of a weight expression: an array of static shape whose elements are computed when they are read, so that no
/// tensor is ever held whole. Immutable and thread-safe.
class WeightValue {
public:
  WeightValue(Sizes shape, Element element) : shape(std::move(shape)), element(element) {}
  virtual ~WeightValue() = default;

  const Sizes shape;
  const Element element;
  int64_t numElements() const;

  /// Elements [begin, begin + count) in row-major order, as f32.
  virtual void read(int64_t begin, int64_t count, float *out) const = 0;
  /// Elements begin, begin + stride, …; `count` of them.
  virtual void readStrided(int64_t begin, int64_t stride, int64_t count, float *out) const;
  /// Where elements [begin, begin + count) lie beside each other in memory in this value's element type; null when they
  /// have to be computed. Any alignment.
  virtual const uint8_t *stored(int64_t begin, int64_t count) const { return nullptr; }
  /// Copies the blocks of the elements [begin, begin + count), whole blocks of one row, as the format stores them,
  /// unless `out` is null. False where this value is not made of blocks, or these are not ones that lie in it whole.
  virtual bool readBlocks(int64_t begin, int64_t count, uint8_t *out) const { return false; }
  /// Rows that readBlocks makes together about as fast as one; it takes so many whole ones at once.
  virtual int64_t rowsTogether() const { return 1; }
  /// How large the change of the products with what was observed is that rounding makes, as a share of the products:
  /// the quotient of their squares, over up to 64 rows spread evenly. Nothing where no statistics guide the rounding.
  virtual std::optional<double> roundingError() const { return std::nullopt; }
  /// Hands out the same blocks taken apart, number 0 being the first; their parts live during the call. Cheaper where
  /// blocks are made rather than stored. False as above, and then nothing is handed out.
  using UseParts = llvm::function_ref<void(int64_t block, const BlockParts &parts)>;
  virtual bool readParts(int64_t begin, int64_t count, UseParts use) const { return false; }
};

using WeightRef = std::shared_ptr<const WeightValue>;

/// Bytes of the mapped checkpoint, which must outlive the value.
WeightRef storedWeight(Sizes shape, Element element, const uint8_t *data);
/// Blocks of a format in the mapped checkpoint, `group` values each along the last dimension, as the f32 they decode
/// to.
WeightRef blockWeight(Sizes shape, BlockFormatId format, int64_t group, const uint8_t *data);
/// A matrix rounded to blocks as searchBlocks does; `group` divides its columns.
WeightRef quantizeWeight(WeightRef source, BlockFormatId format, int64_t group);
/// What calibration knows of the rows that matrices are multiplied with; taken apart when it is first needed, which
/// many matrices may share, and forgotten when all that were announced have been made.
class InputStatistics {
public:
  /// `gram` as ErrorShape has it, in a mapped file that outlives this.
  InputStatistics(const uint8_t *gram, int64_t columns) : columns(columns), gram(gram) {}
  const int64_t columns;
  /// From the matrices that will ask, before they do: so many rows are going to be made.
  void announce(int64_t rows) const;
  /// For `rows` rows that are going to be made. Thread-safe; the first caller takes the statistics apart, others wait.
  std::shared_ptr<const ErrorShape> shapeFor(int64_t rows) const;

private:
  const uint8_t *gram;
  mutable std::mutex mutex;
  mutable int64_t left = 0; ///< rows that were announced and are not made
  mutable std::shared_ptr<const ErrorShape> shape;
};
/// A matrix rounded to blocks as calibrateBlocks does; `group` divides its columns.
WeightRef calibrateWeight(WeightRef source, std::shared_ptr<const InputStatistics> statistics, BlockFormatId format,
                          int64_t group);
/// Words of 1, 2 or 4 bytes in the mapped checkpoint.
struct Words {
  Sizes shape;
  int64_t bytes; ///< of one
  const uint8_t *data;
  uint32_t at(int64_t index) const;
};
/// As transformer.weight.unpack; the codes are f32 numbers.
WeightRef unpackWeight(Words words, int64_t bits, int64_t axis, Sizes order, uint32_t plus, uint32_t flip, Sizes shape);
/// As transformer.weight.sort_columns, the order of columns being known: element j of a row of the result is element
/// `from[j]` of the source's.
WeightRef gatherColumns(WeightRef source, std::vector<int64_t> from);
/// As transformer.weight.blocks; `zeros` may be null.
WeightRef assembleWeight(WeightRef codes, WeightRef scales, int64_t tileRows, int64_t tileColumns, WeightRef zeros,
                         int64_t zero, BlockFormatId format, int64_t group);
/// A table made while compiling, row by row: `row` fills the last dimension and may be called from any thread.
WeightRef computedWeight(Sizes shape, std::function<void(int64_t row, float *out)> row);
WeightRef sliceWeight(WeightRef source, Sizes offsets, Sizes sizes);
WeightRef concatWeights(std::vector<WeightRef> sources, int64_t axis, Sizes shape);
/// As transformer.weight.permute: the source seen as `view`, its dimensions in `order`, read as `shape`.
WeightRef permuteWeight(WeightRef source, Sizes view, Sizes order, Sizes shape);
WeightRef convertWeight(WeightRef source, Element element);
WeightRef affineWeight(WeightRef source, float scale, float offset);

} // namespace llmc::weights

#endif // LLMC_COMPILER_WEIGHTS_WEIGHTVALUE_H
