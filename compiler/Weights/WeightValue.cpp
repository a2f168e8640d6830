// WeightValue.cpp - the operations of weight recipes on ranges of elements.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/WeightValue.h"

#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <algorithm>
#include <cassert>
#include <cstring>

// Products and sums are rounded one by one: an artifact's bytes must not depend on whether the host has fused
// multiply-add.
#pragma STDC FP_CONTRACT OFF

namespace llmc::weights {

static uint16_t load16(const uint8_t *from) {
  uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void decode(Element element, const uint8_t *from, int64_t count, float *to) {
  switch (element) {
  case Element::F32:
    std::memcpy(to, from, static_cast<size_t>(count) * 4);
    return;
  case Element::F16:
    for (int64_t i = 0; i < count; ++i)
      to[i] = halfToFloat(load16(from + 2 * i));
    return;
  case Element::BF16:
    for (int64_t i = 0; i < count; ++i)
      to[i] = bfloatToFloat(load16(from + 2 * i));
    return;
  }
}

template <typename Convert> static void store16(const float *from, int64_t count, uint8_t *to, Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    uint16_t value = convert(from[i]);
    std::memcpy(to + 2 * i, &value, sizeof value);
  }
}

void encode(Element element, const float *from, int64_t count, uint8_t *to) {
  switch (element) {
  case Element::F32:
    std::memcpy(to, from, static_cast<size_t>(count) * 4);
    return;
  case Element::F16:
    store16(from, count, to, floatToHalf);
    return;
  case Element::BF16:
    store16(from, count, to, floatToBfloat);
    return;
  }
}

static void roundTo(Element element, float *values, int64_t count) {
  if (element == Element::F16)
    for (int64_t i = 0; i < count; ++i)
      values[i] = halfToFloat(floatToHalf(values[i]));
  else if (element == Element::BF16)
    for (int64_t i = 0; i < count; ++i)
      values[i] = bfloatToFloat(floatToBfloat(values[i]));
}

static int64_t product(llvm::ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

int64_t WeightValue::numElements() const { return product(shape); }

void WeightValue::readStrided(int64_t begin, int64_t stride, int64_t count, float *out) const {
  if (stride == 1)
    return read(begin, count, out);
  for (int64_t i = 0; i < count; ++i)
    read(begin + i * stride, 1, out + i);
}

uint32_t Words::at(int64_t index) const {
  const uint8_t *from = data + index * bytes;
  uint32_t word = 0;
  if (bytes == 4) // The usual case, in one instruction.
    std::memcpy(&word, from, 4);
  else
    std::memcpy(&word, from, static_cast<size_t>(bytes));
  return word;
}

namespace {

class Stored final : public WeightValue {
public:
  Stored(Sizes shape, Element element, const uint8_t *data) : WeightValue(std::move(shape), element), data(data) {}
  void read(int64_t begin, int64_t count, float *out) const override {
    decode(element, data + begin * bytesOf(element), count, out);
  }
  void readStrided(int64_t begin, int64_t stride, int64_t count, float *out) const override {
    int64_t bytes = bytesOf(element);
    for (int64_t i = 0; i < count; ++i)
      decode(element, data + (begin + i * stride) * bytes, 1, out + i);
  }
  const uint8_t *stored(int64_t begin, int64_t) const override { return data + begin * bytesOf(element); }

private:
  const uint8_t *data;
};

/// Smaller scales of one block of any format.
constexpr int64_t kMostSubBlocks = 16;

/// A value in blocks, of which some hold whole ones at hand.
class Blocks : public WeightValue {
public:
  Blocks(Sizes shape, BlockFormatId format, int64_t group)
      : WeightValue(std::move(shape), Element::F32), format(format), group(group), bytes(blockBytes(format, group)) {}

  bool readBlocks(int64_t begin, int64_t count, uint8_t *out) const override {
    if (begin % group != 0 || count % group != 0)
      return false;
    if (out)
      copyWhole(begin / group, count / group, out);
    return true;
  }
  bool readParts(int64_t begin, int64_t count, UseParts use) const override {
    if (begin % group != 0 || count % group != 0)
      return false;
    takeApart(begin / group, count / group, use);
    return true;
  }
  void read(int64_t begin, int64_t count, float *out) const override {
    // Whole blocks go where they belong; of the first and the last a part may be wanted.
    std::vector<float> part;
    while (count > 0) {
      const int64_t first = begin % group;
      int64_t taken = std::min(group - first, count);
      if (taken == group) {
        taken = count / group * group;
        decodeWhole(begin / group, taken / group, out);
      } else {
        part.resize(static_cast<size_t>(group));
        decodeWhole(begin / group, 1, part.data());
        std::copy_n(part.begin() + first, taken, out);
      }
      begin += taken, count -= taken, out += taken;
    }
  }

protected:
  /// The values of blocks [first, first + count).
  virtual void decodeWhole(int64_t first, int64_t count, float *out) const = 0;
  /// The same blocks as bytes, and taken apart.
  virtual void copyWhole(int64_t first, int64_t count, uint8_t *out) const = 0;
  virtual void takeApart(int64_t first, int64_t count, UseParts use) const {
    std::vector<uint8_t> blocks(static_cast<size_t>(count * bytes));
    copyWhole(first, count, blocks.data());
    takeApart(blocks.data(), count, use);
  }
  /// Blocks that are there as the format stores them.
  void takeApart(const uint8_t *blocks, int64_t count, UseParts use) const {
    uint8_t subScales[kMostSubBlocks], subMinima[kMostSubBlocks];
    std::vector<uint8_t> codes(static_cast<size_t>(group));
    for (int64_t i = 0; i < count; ++i) {
      BlockParts parts = {0, 0, subScales, subMinima, codes.data()};
      unpackBlock(format, group, blocks + i * bytes, parts);
      use(i, parts);
    }
  }

  const BlockFormatId format;
  const int64_t group, bytes; // of one block
};

class StoredBlocks final : public Blocks {
public:
  StoredBlocks(Sizes shape, BlockFormatId format, int64_t group, const uint8_t *data)
      : Blocks(std::move(shape), format, group), data(data) {}

private:
  void copyWhole(int64_t first, int64_t count, uint8_t *out) const override {
    std::memcpy(out, data + first * bytes, static_cast<size_t>(count * bytes));
  }
  void takeApart(int64_t first, int64_t count, UseParts use) const override {
    Blocks::takeApart(data + first * bytes, count, use);
  }
  void decodeWhole(int64_t first, int64_t count, float *out) const override {
    for (int64_t i = 0; i < count; ++i)
      decodeBlock(format, group, data + (first + i) * bytes, out + i * group);
  }
  const uint8_t *data;
};

class Quantized final : public Blocks {
public:
  Quantized(WeightRef from, BlockFormatId format, int64_t group)
      : Blocks(from->shape, format, group), source(std::move(from)) {}

private:
  void copyWhole(int64_t first, int64_t count, uint8_t *out) const override {
    std::vector<float> values(static_cast<size_t>(count * group));
    source->read(first * group, count * group, values.data());
    quantizeBlocks(format, group, count, values.data(), out);
  }
  void takeApart(int64_t first, int64_t count, UseParts use) const override {
    std::vector<float> values(static_cast<size_t>(count * group));
    source->read(first * group, count * group, values.data());
    searchBlocks(format, group, count, values.data(), use);
  }
  void decodeWhole(int64_t first, int64_t count, float *out) const override {
    source->read(first * group, count * group, out);
    roundToBlocks(format, group, count, out, out);
  }
  WeightRef source;
};

/// Rows of a matrix are made whole: what an error in a column costs the others share.
class Calibrated final : public Blocks {
public:
  Calibrated(WeightRef from, std::shared_ptr<const InputStatistics> known, BlockFormatId format, int64_t group)
      : Blocks(from->shape, format, group), source(std::move(from)), statistics(std::move(known)) {
    statistics->announce(shape[0]);
  }
  int64_t rowsTogether() const override { return 16; }
  std::optional<double> roundingError() const override {
    const int64_t columns = shape[1], run = std::min<int64_t>(16, shape[0]), runs = shape[0] < 64 ? 1 : 4;
    std::vector<float> values(static_cast<size_t>(run * columns)), rounded(values.size());
    double error = 0, whole = 0;
    const std::shared_ptr<const ErrorShape> errors = statistics->shapeFor(0);
    for (int64_t i = 0; i < runs; ++i) {
      const int64_t begin = (shape[0] - run) / std::max<int64_t>(runs - 1, 1) * i * columns;
      source->read(begin, run * columns, values.data());
      read(begin, run * columns, rounded.data());
      whole += errors->costOf(run, values.data());
      for (size_t k = 0; k < values.size(); ++k)
        values[k] -= rounded[k];
      error += errors->costOf(run, values.data());
    }
    return whole > 0 ? error / whole : 0;
  }

private:
  void copyWhole(int64_t first, int64_t count, uint8_t *out) const override {
    const int64_t columns = shape[1], each = columns / group;
    const int64_t begin = first / each, end = (first + count + each - 1) / each;
    std::vector<float> values(static_cast<size_t>((end - begin) * columns));
    source->read(begin * columns, (end - begin) * columns, values.data());
    const std::shared_ptr<const ErrorShape> errors = statistics->shapeFor(end - begin);
    if (first % each == 0 && count % each == 0)
      return calibrateBlocks(format, group, end - begin, values.data(), *errors, out);
    std::vector<uint8_t> rows(static_cast<size_t>((end - begin) * each * bytes));
    calibrateBlocks(format, group, end - begin, values.data(), *errors, rows.data());
    std::memcpy(out, rows.data() + (first - begin * each) * bytes, static_cast<size_t>(count * bytes));
  }
  void decodeWhole(int64_t first, int64_t count, float *out) const override {
    std::vector<uint8_t> blocks(static_cast<size_t>(count * bytes));
    copyWhole(first, count, blocks.data());
    for (int64_t i = 0; i < count; ++i)
      decodeBlock(format, group, blocks.data() + i * bytes, out + i * group);
  }
  WeightRef source;
  std::shared_ptr<const InputStatistics> statistics;
};

/// Blocks whose parts are tensors of their own.
class Assembled final : public Blocks {
public:
  Assembled(WeightRef from, WeightRef scales, int64_t tileRows, int64_t tileColumns, WeightRef zeros, int64_t zero,
            BlockFormatId format, int64_t group)
      : Blocks(from->shape, format, group), codes(std::move(from)), scales(std::move(scales)), zeros(std::move(zeros)),
        tileRows(tileRows), tileColumns(tileColumns), zero(zero) {}

private:
  void copyWhole(int64_t first, int64_t count, uint8_t *out) const override {
    forEach(first, count,
            [&](int64_t i, const BlockParts &parts) { packBlock(format, group, parts, out + i * bytes); });
  }

  void decodeWhole(int64_t first, int64_t count, float *out) const override {
    forEach(first, count,
            [&](int64_t i, const BlockParts &parts) { decodeBlockParts(format, group, parts, out + i * group); });
  }
  void takeApart(int64_t first, int64_t count, UseParts use) const override { forEach(first, count, use); }
  template <typename Use> void forEach(int64_t first, int64_t count, Use use) const {
    const int64_t columns = shape.back();
    std::vector<float> numbers(static_cast<size_t>(count * group));
    std::vector<uint8_t> block(static_cast<size_t>(group));
    codes->read(first * group, count * group, numbers.data());
    const bool isHalf = llmc::blockFormat(format).scale == BlockNumber::F16;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t begin = (first + i) * group, row = begin / columns, column = begin % columns;
      const int64_t at = row / tileRows * scales->shape.back() + column / tileColumns;
      float scale, point = static_cast<float>(zero);
      scales->read(at, 1, &scale);
      if (zeros)
        zeros->read(at, 1, &point);
      for (int64_t k = 0; k < group; ++k)
        block[k] = static_cast<uint8_t>(numbers[i * group + k]);
      BlockParts parts;
      parts.scale = isHalf ? floatToHalf(scale) : floatBits(scale);
      parts.zero = static_cast<uint8_t>(point);
      parts.codes = block.data();
      use(i, parts);
    }
  }
  WeightRef codes, scales, zeros;
  int64_t tileRows, tileColumns, zero;
};

class Unpacked final : public WeightValue {
public:
  Unpacked(Words words, int64_t bits, int64_t axis, const Sizes &order, uint32_t plus, uint32_t flip, Sizes shape)
      : WeightValue(std::move(shape), Element::F32), words(std::move(words)), plus(plus), flip(flip),
        mask((1u << bits) - 1) {
    // Widths are powers of two, and so is their quotient.
    const int64_t fields = this->words.bytes * 8 / bits;
    while ((int64_t(1) << fieldShift) < fields)
      ++fieldShift;
    for (int64_t field = 0; field < fields; ++field)
      shiftOf.push_back(bits * field);
    for (size_t field = 0; field < order.size(); ++field)
      shiftOf[static_cast<size_t>(order[field])] = bits * static_cast<int64_t>(field);
    inner = product(llvm::ArrayRef<int64_t>(this->shape).drop_front(axis + 1));
    extent = this->shape[axis];
    packed = this->words.shape[axis];
  }
  void read(int64_t begin, int64_t count, float *out) const override { readStrided(begin, 1, count, out); }
  void readStrided(int64_t begin, int64_t stride, int64_t count, float *out) const override {
    // Counts in the three digits (outer, along, within) instead of dividing for each element.
    int64_t within = begin % inner, along = begin / inner % extent, outer = begin / inner / extent;
    const int64_t stepWithin = stride % inner, stepAlong = stride / inner % extent, stepOuter = stride / inner / extent;
    const int64_t last = (int64_t(1) << fieldShift) - 1;
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t word = words.at((outer * packed + (along >> fieldShift)) * inner + within) + plus;
      out[i] = static_cast<float>((word >> shiftOf[static_cast<size_t>(along & last)] & mask) ^ flip);
      within += stepWithin;
      along += stepAlong;
      outer += stepOuter;
      if (within >= inner)
        within -= inner, ++along;
      if (along >= extent)
        along -= extent, ++outer;
    }
  }

private:
  Words words;
  int64_t fieldShift = 0;
  uint32_t plus, flip, mask;
  Sizes shiftOf;                 // by number of the element among those of a word
  int64_t inner, extent, packed; // elements behind the axis; elements and words along it
};

class Gathered final : public WeightValue {
public:
  Gathered(WeightRef source, std::vector<int64_t> from)
      : WeightValue(source->shape, source->element), source(std::move(source)), from(std::move(from)) {}
  void read(int64_t begin, int64_t count, float *out) const override {
    const int64_t width = shape.back();
    std::vector<float> row(static_cast<size_t>(width));
    while (count > 0) {
      const int64_t first = begin % width, taken = std::min(width - first, count);
      source->read(begin - first, width, row.data());
      for (int64_t i = 0; i < taken; ++i)
        out[i] = row[static_cast<size_t>(from[static_cast<size_t>(first + i)])];
      begin += taken, count -= taken, out += taken;
    }
  }

private:
  WeightRef source;
  std::vector<int64_t> from;
};

class Computed final : public WeightValue {
public:
  Computed(Sizes shape, std::function<void(int64_t, float *)> row)
      : WeightValue(std::move(shape), Element::F32), row(std::move(row)) {}
  void read(int64_t begin, int64_t count, float *out) const override {
    int64_t width = shape.back();
    std::vector<float> values(static_cast<size_t>(width));
    while (count > 0) {
      int64_t first = begin % width, taken = std::min(width - first, count);
      row(begin / width, values.data());
      std::copy_n(values.begin() + first, taken, out);
      begin += taken, count -= taken, out += taken;
    }
  }

private:
  std::function<void(int64_t, float *)> row;
};

/// An operation that only moves elements: a range of its result is a sequence of runs of its sources, evenly strided.
class Moved : public WeightValue {
public:
  using WeightValue::WeightValue;

  void read(int64_t begin, int64_t count, float *out) const override {
    while (count > 0) {
      Run run = runAt(begin);
      int64_t taken = std::min(run.count, count);
      run.source->readStrided(run.begin, run.stride, taken, out);
      begin += taken, count -= taken, out += taken;
    }
  }
  const uint8_t *stored(int64_t begin, int64_t count) const override {
    Run run = runAt(begin);
    return run.stride == 1 && run.count >= count ? run.source->stored(run.begin, count) : nullptr;
  }

  bool readBlocks(int64_t begin, int64_t count, uint8_t *out) const override {
    Run run = runAt(begin);
    return run.stride == 1 && run.count >= count && run.source->readBlocks(run.begin, count, out);
  }
  bool readParts(int64_t begin, int64_t count, UseParts use) const override {
    Run run = runAt(begin);
    return run.stride == 1 && run.count >= count && run.source->readParts(run.begin, count, use);
  }

protected:
  struct Run {
    const WeightValue *source;
    int64_t begin, stride, count; // in elements of the source
  };
  /// The run that begins at an element of the result.
  virtual Run runAt(int64_t begin) const = 0;
};

class Slice final : public Moved {
public:
  Slice(WeightRef from, Sizes offsets, Sizes sizes)
      : Moved(std::move(sizes), from->element), source(std::move(from)), offsets(std::move(offsets)) {
    // Trailing dimensions taken whole make one run with the dimension before them.
    whole = shape.size();
    while (whole > 0 && shape[whole - 1] == source->shape[whole - 1])
      --whole;
  }

private:
  Run runAt(int64_t begin) const override {
    int64_t rest = begin, place = 0, stride = 1, inner = 1;
    Sizes strides(shape.size());
    for (size_t d = shape.size(); d-- > 0;) {
      strides[d] = stride;
      stride *= source->shape[d];
    }
    for (size_t d = shape.size(); d-- > 0;) {
      place += (rest % shape[d] + offsets[d]) * strides[d];
      rest /= shape[d];
    }
    // Elements up to the end of the innermost dimension that is not taken whole.
    for (size_t d = whole > 0 ? whole - 1 : 0; d < shape.size(); ++d)
      inner *= shape[d];
    return {source.get(), place, 1, inner - begin % inner};
  }
  WeightRef source;
  Sizes offsets;
  size_t whole;
};

class Concat final : public Moved {
public:
  Concat(std::vector<WeightRef> from, int64_t axis, Sizes shape)
      : Moved(std::move(shape), from.front()->element), sources(std::move(from)) {
    for (const WeightRef &source : sources)
      widths.push_back(product(llvm::ArrayRef<int64_t>(source->shape).drop_front(axis)));
    width = product(llvm::ArrayRef<int64_t>(this->shape).drop_front(axis));
  }

private:
  Run runAt(int64_t begin) const override {
    int64_t outer = begin / width, within = begin % width;
    for (size_t i = 0;; ++i) {
      if (within < widths[i])
        return {sources[i].get(), outer * widths[i] + within, 1, widths[i] - within};
      within -= widths[i];
    }
  }
  std::vector<WeightRef> sources;
  Sizes widths; // elements of each source in one step of the dimensions before the axis
  int64_t width;
};

class Permute final : public Moved {
public:
  Permute(WeightRef from, Sizes view, Sizes order, Sizes shape)
      : Moved(std::move(shape), from->element), source(std::move(from)) {
    Sizes viewStrides(view.size());
    int64_t stride = 1;
    for (size_t d = view.size(); d-- > 0;) {
      viewStrides[d] = stride;
      stride *= view[d];
    }
    for (int64_t d : order) {
      // Neighbours that stay neighbours are one dimension.
      if (!sizes.empty() && strides.back() == viewStrides[d] * view[d]) {
        sizes.back() *= view[d];
        strides.back() = viewStrides[d];
      } else {
        sizes.push_back(view[d]);
        strides.push_back(viewStrides[d]);
      }
    }
  }

private:
  Run runAt(int64_t begin) const override {
    int64_t rest = begin, place = 0;
    for (size_t d = sizes.size(); d-- > 0;) {
      place += rest % sizes[d] * strides[d];
      rest /= sizes[d];
    }
    return {source.get(), place, strides.back(), sizes.back() - begin % sizes.back()};
  }
  WeightRef source;
  Sizes sizes, strides; // of the permuted view, strides in elements of the source
};

class Convert final : public WeightValue {
public:
  Convert(WeightRef from, Element element) : WeightValue(from->shape, element), source(std::move(from)) {}
  void read(int64_t begin, int64_t count, float *out) const override {
    source->read(begin, count, out);
    roundTo(element, out, count);
  }
  void readStrided(int64_t begin, int64_t stride, int64_t count, float *out) const override {
    source->readStrided(begin, stride, count, out);
    roundTo(element, out, count);
  }
  const uint8_t *stored(int64_t begin, int64_t count) const override {
    return source->element == element ? source->stored(begin, count) : nullptr;
  }

private:
  WeightRef source;
};

class Affine final : public WeightValue {
public:
  Affine(WeightRef from, float scale, float offset)
      : WeightValue(from->shape, from->element), source(std::move(from)), scale(scale), offset(offset) {}
  void read(int64_t begin, int64_t count, float *out) const override {
    source->read(begin, count, out);
    apply(count, out);
  }
  void readStrided(int64_t begin, int64_t stride, int64_t count, float *out) const override {
    source->readStrided(begin, stride, count, out);
    apply(count, out);
  }

private:
  void apply(int64_t count, float *out) const {
    for (int64_t i = 0; i < count; ++i) {
      float product = out[i] * scale;
      out[i] = product + offset;
    }
    roundTo(element, out, count);
  }
  WeightRef source;
  float scale, offset;
};

} // namespace

WeightRef storedWeight(Sizes shape, Element element, const uint8_t *data) {
  return std::make_shared<Stored>(std::move(shape), element, data);
}
WeightRef blockWeight(Sizes shape, BlockFormatId format, int64_t group, const uint8_t *data) {
  return std::make_shared<StoredBlocks>(std::move(shape), format, group, data);
}
WeightRef quantizeWeight(WeightRef source, BlockFormatId format, int64_t group) {
  return std::make_shared<Quantized>(std::move(source), format, group);
}

void InputStatistics::announce(int64_t rows) const {
  std::lock_guard<std::mutex> lock(mutex);
  left += rows;
}

std::shared_ptr<const ErrorShape> InputStatistics::shapeFor(int64_t rows) const {
  std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<const ErrorShape> known = shape;
  if (!known)
    known = std::make_shared<const ErrorShape>(gram, columns);
  left -= rows;
  // Who makes rows more than once is not to take the statistics apart each time.
  shape = left == 0 ? nullptr : known;
  return known;
}

WeightRef calibrateWeight(WeightRef source, std::shared_ptr<const InputStatistics> statistics, BlockFormatId format,
                          int64_t group) {
  return std::make_shared<Calibrated>(std::move(source), std::move(statistics), format, group);
}
WeightRef unpackWeight(Words words, int64_t bits, int64_t axis, Sizes order, uint32_t plus, uint32_t flip,
                       Sizes shape) {
  return std::make_shared<Unpacked>(std::move(words), bits, axis, order, plus, flip, std::move(shape));
}
WeightRef gatherColumns(WeightRef source, std::vector<int64_t> from) {
  return std::make_shared<Gathered>(std::move(source), std::move(from));
}
WeightRef assembleWeight(WeightRef codes, WeightRef scales, int64_t tileRows, int64_t tileColumns, WeightRef zeros,
                         int64_t zero, BlockFormatId format, int64_t group) {
  return std::make_shared<Assembled>(std::move(codes), std::move(scales), tileRows, tileColumns, std::move(zeros), zero,
                                     format, group);
}
WeightRef computedWeight(Sizes shape, std::function<void(int64_t row, float *out)> row) {
  return std::make_shared<Computed>(std::move(shape), std::move(row));
}
WeightRef sliceWeight(WeightRef source, Sizes offsets, Sizes sizes) {
  return std::make_shared<Slice>(std::move(source), std::move(offsets), std::move(sizes));
}
WeightRef concatWeights(std::vector<WeightRef> sources, int64_t axis, Sizes shape) {
  return std::make_shared<Concat>(std::move(sources), axis, std::move(shape));
}
WeightRef permuteWeight(WeightRef source, Sizes view, Sizes order, Sizes shape) {
  return std::make_shared<Permute>(std::move(source), std::move(view), std::move(order), std::move(shape));
}
WeightRef convertWeight(WeightRef source, Element element) {
  return std::make_shared<Convert>(std::move(source), element);
}
WeightRef affineWeight(WeightRef source, float scale, float offset) {
  return std::make_shared<Affine>(std::move(source), scale, offset);
}

} // namespace llmc::weights
