// PackedLayoutTest.cpp - panels and tables against the index formulas of the kernel dialect.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/PackedLayout.h"
#include "dialects/Transformer/Formats/HalfFloats.h"

#include <gtest/gtest.h>

using namespace llmc;
using namespace llmc::weights;

namespace {

/// A value that says where it comes from and is exact in every element type: stream, row and column, below 2^8.
float valueAt(int64_t stream, int64_t n, int64_t k) {
  return static_cast<float>((stream * 97 + n * 13 + k * 3) % 251 + 1);
}

/// A weight [n, k] stored as `element`, with the bytes that it lies in.
struct Source {
  Source(Element element, int64_t stream, int64_t n, int64_t k) : bytes(n * k * bytesOf(element)) {
    std::vector<float> values;
    for (int64_t row = 0; row < n; ++row)
      for (int64_t column = 0; column < k; ++column)
        values.push_back(valueAt(stream, row, column));
    encode(element, values.data(), n * k, bytes.data());
    weight = storedWeight({n, k}, element, bytes.data());
  }
  std::vector<uint8_t> bytes;
  WeightRef weight;
};

float elementAt(const std::vector<uint8_t> &bytes, Element element, int64_t index) {
  float value;
  decode(element, bytes.data() + index * bytesOf(element), 1, &value);
  return value;
}

/// The offset, in elements, of stream s, row n, column k in panels [N/16][S][K/g][16][g], or with bundles of B panels
/// [N/16B][K/g][B][S][16][g].
int64_t panelIndex(int64_t streams, int64_t bundle, int64_t storedK, int64_t group, int64_t s, int64_t n, int64_t k) {
  int64_t panel = n / 16, steps = storedK / group, step = k / group;
  int64_t vector = bundle ? ((panel / bundle * steps + step) * bundle + panel % bundle) * streams + s
                          : (panel * streams + s) * steps + step;
  return (vector * 16 + n % 16) * group + k % group;
}

/// Packs all of it in one go, checks every element and that the padding is zero, then that pieces give the same bytes.
void checkPanels(Element from, Element to, int64_t streams, int64_t n, int64_t k, int64_t bundle = 0) {
  std::vector<Source> sources;
  PackedWeight weight = {true, n, k, to, {}};
  weight.bundle = bundle;
  for (int64_t s = 0; s < streams; ++s) {
    sources.emplace_back(from, s, n, k);
    weight.streams.push_back(sources.back().weight);
  }
  int64_t group = to == Element::BF16 ? 2 : 1, storedK = (k + group - 1) / group * group, paddedN = (n + 15) / 16 * 16;
  ASSERT_EQ(weight.sizeInBytes(), streams * paddedN * storedK * bytesOf(to));
  std::vector<uint8_t> bytes(weight.sizeInBytes(), 0xee);
  PackScratch scratch;
  packPieces(weight, 0, weight.numPieces(), bytes.data(), scratch);
  for (int64_t s = 0; s < streams; ++s)
    for (int64_t row = 0; row < paddedN; ++row)
      for (int64_t column = 0; column < storedK; ++column) {
        float expected = row < n && column < k ? valueAt(s, row, column) : 0.0f;
        ASSERT_EQ(elementAt(bytes, to, panelIndex(streams, bundle, storedK, group, s, row, column)), expected)
            << "stream " << s << ", row " << row << ", column " << column;
      }
  std::vector<uint8_t> pieces(bytes.size(), 0xdd);
  for (int64_t piece = weight.numPieces(); piece-- > 0;)
    packPieces(weight, piece, piece + 1, pieces.data() + piece * weight.pieceBytes(), scratch);
  EXPECT_EQ(pieces, bytes);
}

TEST(PackedLayout, PanelsOfTheStoredType) {
  for (Element element : {Element::F32, Element::F16, Element::BF16})
    checkPanels(element, element, 1, 32, 34);
}

TEST(PackedLayout, PanelsConvert) {
  for (Element from : {Element::F32, Element::F16, Element::BF16})
    for (Element to : {Element::F32, Element::F16, Element::BF16})
      checkPanels(from, to, 1, 19, 23);
}

TEST(PackedLayout, OddSizesArePaddedWithZeros) {
  for (Element element : {Element::F32, Element::F16, Element::BF16}) {
    checkPanels(element, element, 1, 1, 1);
    checkPanels(element, element, 1, 17, 7);
    checkPanels(element, element, 1, 15, 16);
  }
}

TEST(PackedLayout, StreamsStandSideBySide) {
  for (Element element : {Element::F32, Element::F16, Element::BF16}) {
    checkPanels(element, element, 2, 33, 13);
    checkPanels(element, element, 3, 16, 10);
  }
}

TEST(PackedLayout, BundledPanelsStandSideBySide) {
  for (Element element : {Element::F16, Element::BF16}) {
    checkPanels(element, element, 1, 121, 34, 4);
    checkPanels(Element::F32, element, 1, 30, 17, 2);
    checkPanels(element, element, 2, 64, 5, 2);
    checkPanels(element, element, 3, 33, 13, 1);
  }
}

TEST(PackedLayout, TablesAreRowMajorF32) {
  Source source(Element::BF16, 0, 5, 7);
  PackedWeight weight = {false, 5, 7, Element::F32, {source.weight}};
  ASSERT_EQ(weight.sizeInBytes(), 5 * 7 * 4);
  std::vector<uint8_t> bytes(weight.sizeInBytes());
  PackScratch scratch;
  packPieces(weight, 3, 5, bytes.data() + 3 * weight.pieceBytes(), scratch);
  packPieces(weight, 0, 3, bytes.data(), scratch);
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t column = 0; column < 7; ++column)
      ASSERT_EQ(elementAt(bytes, Element::F32, row * 7 + column), valueAt(0, row, column));
}

TEST(PackedLayout, RoundsWhileItPacks) {
  float value = 1.0f + 3 * 0x1p-8f; // half way between two bf16: to the even one
  PackedWeight weight = {
      true, 1, 1, Element::BF16, {storedWeight({1, 1}, Element::F32, reinterpret_cast<const uint8_t *>(&value))}};
  std::vector<uint8_t> bytes(weight.sizeInBytes());
  PackScratch scratch;
  packPieces(weight, 0, 1, bytes.data(), scratch);
  EXPECT_EQ(elementAt(bytes, Element::BF16, 0), 1.0f + 0x1p-6f);
}

} // namespace
