// BlockCalibrationTest.cpp - rounding by statistics: beside GPTQ as its authors write it, and the error of products.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "dialects/Transformer/Formats/BlockSearch.h"
#include "dialects/Transformer/Formats/HalfFloats.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace llmc;

namespace {

using Matrix = std::vector<std::vector<double>>;

/// Near a normal distribution, exact in f32, so the same on every host.
class Numbers {
public:
  explicit Numbers(uint32_t seed) : seed(seed) {}
  float next() {
    int32_t sum = 0;
    for (int i = 0; i < 12; ++i)
      sum += static_cast<int32_t>((seed = seed * 1664525 + 1013904223) >> 16) - 32768;
    return static_cast<float>(sum) * 0x1p-17f;
  }

private:
  uint32_t seed;
};

/// Second moments of rows whose columns hang together: each is a mixture of a few hidden numbers and its own.
Matrix momentsOf(int64_t columns, uint32_t seed) {
  constexpr int hidden = 7;
  Numbers numbers(seed);
  const auto n = static_cast<size_t>(columns);
  std::vector<std::vector<double>> mixture(n);
  for (auto &row : mixture)
    for (int i = 0; i < hidden; ++i)
      row.push_back(static_cast<double>(numbers.next()));
  Matrix moments(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      moments[i][j] = i == j ? 0.5 : 0;
      for (int k = 0; k < hidden; ++k)
        moments[i][j] += mixture[i][static_cast<size_t>(k)] * mixture[j][static_cast<size_t>(k)];
    }
  return moments;
}

/// As the statistics file has them, at an odd address.
std::vector<uint8_t> packed(const Matrix &moments) {
  std::vector<uint8_t> bytes(1);
  for (size_t i = 0; i < moments.size(); ++i)
    for (size_t j = 0; j <= i; ++j) {
      const auto value = static_cast<float>(moments[i][j]);
      bytes.resize(bytes.size() + 4);
      std::memcpy(bytes.data() + bytes.size() - 4, &value, 4);
    }
  return bytes;
}

ErrorShape shapeOf(const Matrix &moments) {
  return ErrorShape(packed(moments).data() + 1, static_cast<int64_t>(moments.size()));
}

Matrix damped(Matrix moments) {
  double sum = 0;
  for (size_t i = 0; i < moments.size(); ++i)
    sum += moments[i][i];
  for (size_t i = 0; i < moments.size(); ++i)
    moments[i][i] += sum / static_cast<double>(moments.size()) / 100;
  return moments;
}

/// By elimination; the matrix is positive definite.
Matrix inverseOf(Matrix a) {
  const size_t n = a.size();
  Matrix b(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i)
    b[i][i] = 1;
  for (size_t p = 0; p < n; ++p) {
    const double pivot = a[p][p];
    for (size_t j = 0; j < n; ++j)
      a[p][j] /= pivot, b[p][j] /= pivot;
    for (size_t i = 0; i < n; ++i)
      if (i != p) {
        const double factor = a[i][p];
        for (size_t j = 0; j < n; ++j)
          a[i][j] -= factor * a[p][j], b[i][j] -= factor * b[p][j];
      }
  }
  return b;
}

double costOf(const Matrix &moments, const float *weights, const float *rounded) {
  double cost = 0;
  for (size_t i = 0; i < moments.size(); ++i)
    for (size_t j = 0; j < moments.size(); ++j)
      cost += (static_cast<double>(weights[i]) - rounded[i]) * moments[i][j] *
              (static_cast<double>(weights[j]) - rounded[j]);
  return cost;
}

std::vector<float> calibrated(BlockFormatId id, int64_t group, int64_t rows, const std::vector<float> &weights,
                              const ErrorShape &shape) {
  const int64_t size = blockBytes(id, group), blocks = rows * shape.columns / group;
  std::vector<uint8_t> bytes(static_cast<size_t>(blocks * size));
  calibrateBlocks(id, group, rows, weights.data(), shape, bytes.data());
  std::vector<float> values(weights.size());
  for (int64_t i = 0; i < blocks; ++i)
    decodeBlock(id, group, bytes.data() + i * size, values.data() + i * group);
  return values;
}

std::vector<float> someWeights(size_t count, uint32_t seed) {
  Numbers numbers(seed);
  std::vector<float> weights(count);
  for (float &weight : weights)
    weight = numbers.next();
  return weights;
}

TEST(BlockCalibration, AddsMoments) {
  const int64_t n = 43, count = 131, stride = 47;
  const std::vector<float> rows = someWeights(static_cast<size_t>(count * stride), 59);
  std::vector<float> gram(static_cast<size_t>(gramSize(n)), 2.0f);
  for (auto [first, last] : {std::pair<int64_t, int64_t>(0, 13), {13, 14}, {14, n}}) // in three parts
    addMoments(rows.data(), count, stride, n, first, last, gram.data());
  double worst = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double sum = 2;
      for (int64_t t = 0; t < count; ++t)
        sum +=
            static_cast<double>(rows[static_cast<size_t>(t * stride + i)]) * rows[static_cast<size_t>(t * stride + j)];
      worst = std::max(worst, std::fabs(sum - gram[static_cast<size_t>(gramSize(i) + j)]));
    }
  // Sums of 131 products of about 1.
  std::printf("largest difference %.1e\n", worst);
  EXPECT_LT(worst, 131 * 131 * 0x1p-24);
}

TEST(BlockCalibration, TakesMomentsApart) {
  // More columns than two panels, and a last one of 13.
  const int64_t n = 77;
  const Matrix moments = damped(momentsOf(n, 3));
  const ErrorShape shape = shapeOf(momentsOf(n, 3));
  double worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_FLOAT_EQ(shape.row(i)[i], 1.0f);
    for (int64_t j = i; j < n; ++j) { // M diag(d) M^T
      double sum = 0;
      for (int64_t k = j; k < n; ++k)
        sum += static_cast<double>(shape.row(i)[k]) * shape.weights()[k] * shape.row(j)[k];
      worst = std::max(worst, std::fabs(sum - moments[static_cast<size_t>(i)][static_cast<size_t>(j)]));
    }
  }
  // The diagonal is about 8: sums of 77 products in f32, each off by 2^-24 of that.
  std::printf("largest difference %.1e\n", worst);
  EXPECT_LT(worst, 77 * 8 * 0x1p-24);
}

// GPTQ as its authors write it: the upper Cholesky factor U of the inverse, and after each column what is left of the
// row is moved by its error over U's diagonal. The scales are this implementation's; codes must be the same but where a
// value lies between two of them, within what f32 loses.
TEST(BlockCalibration, RoundsAsGPTQDoes) {
  const int64_t n = 96, group = 32, rows = 19;
  const Matrix moments = momentsOf(n, 5);
  const std::vector<float> weights = someWeights(static_cast<size_t>(rows * n), 11);
  Matrix inverse = inverseOf(damped(moments)), upper(n, std::vector<double>(n));
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) { // inverse = U^T U
    for (size_t j = i; j < static_cast<size_t>(n); ++j) {
      double sum = inverse[i][j];
      for (size_t k = 0; k < i; ++k)
        sum -= upper[k][i] * upper[k][j];
      upper[i][j] = j == i ? std::sqrt(sum) : sum / upper[i][i];
    }
  }
  for (BlockFormatId id : {BlockFormatId::Q4, BlockFormatId::Q8, BlockFormatId::Q4Min, BlockFormatId::Q8Min}) {
    const BlockFormatDescriptor &format = blockFormat(id);
    const int64_t size = blockBytes(id, group);
    std::vector<uint8_t> bytes(static_cast<size_t>(rows * n / group * size));
    calibrateBlocks(id, group, rows, weights.data(), shapeOf(moments), bytes.data());
    int64_t different = 0;
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<double> left(weights.begin() + row * n, weights.begin() + (row + 1) * n);
      for (int64_t i = 0; i < n; ++i) {
        std::vector<uint8_t> codes(static_cast<size_t>(group));
        BlockParts parts;
        parts.codes = codes.data();
        unpackBlock(id, group, bytes.data() + (row * n + i) / group * size, parts);
        const double scale = static_cast<double>(halfToFloat(static_cast<uint16_t>(parts.scale)));
        const double minimum = static_cast<double>(halfToFloat(static_cast<uint16_t>(parts.minimum)));
        const int code = format.codes.isSigned ? static_cast<int8_t>(codes[static_cast<size_t>(i % group)])
                                               : codes[static_cast<size_t>(i % group)] - format.codes.zero;
        const double exact = std::min(std::max((left[static_cast<size_t>(i)] - minimum) / scale,
                                               static_cast<double>(format.lowestCode - format.codes.zero)),
                                      static_cast<double>(format.highestCode - format.codes.zero));
        different += std::fabs(exact - code) > 0.5 + 1e-3;
        // On from the code that was chosen, so that one that lay between two changes nothing after it.
        const double error = (left[static_cast<size_t>(i)] - (scale * code + minimum)) /
                             upper[static_cast<size_t>(i)][static_cast<size_t>(i)];
        for (int64_t j = i + 1; j < n; ++j)
          left[static_cast<size_t>(j)] -= error * upper[static_cast<size_t>(i)][static_cast<size_t>(j)];
      }
    }
    EXPECT_EQ(different, 0) << format.name;
  }
}

// Of the cost that plain rounding leaves: measured 0.25 to 0.35.
TEST(BlockCalibration, LeavesLessErrorInProducts) {
  const int64_t n = 256, rows = 16;
  const Matrix moments = momentsOf(n, 17);
  const ErrorShape shape = shapeOf(moments);
  const std::vector<float> weights = someWeights(static_cast<size_t>(rows * n), 23);
  for (BlockFormatId id : {BlockFormatId::Q4, BlockFormatId::Q8, BlockFormatId::Q4Min})
    for (int64_t group : {32, 128, 256}) {
      std::vector<float> plain(weights.size());
      roundToBlocks(id, group, rows * n / group, weights.data(), plain.data());
      const std::vector<float> found = calibrated(id, group, rows, weights, shape);
      double before = 0, after = 0;
      for (int64_t row = 0; row < rows; ++row) {
        before += costOf(moments, weights.data() + row * n, plain.data() + row * n);
        after += costOf(moments, weights.data() + row * n, found.data() + row * n);
      }
      std::printf("%s:%d %.2f of the plain rounding's cost\n", blockFormat(id).name, static_cast<int>(group),
                  after / before);
      EXPECT_LT(after, 0.4 * before);
    }
}

TEST(BlockCalibration, ARowDoesNotDependOnOthers) {
  const int64_t n = 64, rows = 21;
  const ErrorShape shape = shapeOf(momentsOf(n, 29));
  const std::vector<float> weights = someWeights(static_cast<size_t>(rows * n), 31);
  const std::vector<float> all = calibrated(BlockFormatId::Q4, 16, rows, weights, shape);
  for (int64_t row : {0, 15, 16, 20}) {
    const std::vector<float> one(weights.begin() + row * n, weights.begin() + (row + 1) * n);
    const std::vector<float> alone = calibrated(BlockFormatId::Q4, 16, 1, one, shape);
    EXPECT_EQ(alone, std::vector<float>(all.begin() + row * n, all.begin() + (row + 1) * n)) << row;
  }
}

// Statistics that say nothing, or cannot be second moments, leave the rounding without them.
TEST(BlockCalibration, RoundsPlainlyWithoutUsableMoments) {
  const int64_t n = 48, rows = 3;
  const std::vector<float> weights = someWeights(static_cast<size_t>(rows * n), 37);
  std::vector<float> plain(weights.size());
  roundToBlocks(BlockFormatId::Q4, 16, rows * n / 16, weights.data(), plain.data());
  Matrix zero(n, std::vector<double>(n)), negative = zero, none = zero, indefinite = zero;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    negative[i][i] = -1;
    none[i][i] = std::numeric_limits<double>::quiet_NaN();
    for (size_t j = 0; j < static_cast<size_t>(n); ++j)
      indefinite[i][j] = i == j ? 1 : 3e9;
  }
  for (const Matrix &moments : {zero, negative, none, indefinite})
    EXPECT_EQ(calibrated(BlockFormatId::Q4, 16, rows, weights, shapeOf(moments)), plain);
}

// A channel that was never other than zero, and two that were always equal.
TEST(BlockCalibration, TakesSingularMoments) {
  const int64_t n = 32;
  Matrix moments = momentsOf(n, 41);
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    moments[7][i] = moments[i][7] = 0;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    moments[9][i] = moments[8][i];
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    moments[i][9] = moments[i][8];
  const std::vector<float> weights = someWeights(static_cast<size_t>(n), 43);
  std::vector<float> plain(weights.size());
  roundToBlocks(BlockFormatId::Q4, 32, 1, weights.data(), plain.data());
  const std::vector<float> found = calibrated(BlockFormatId::Q4, 32, 1, weights, shapeOf(moments));
  EXPECT_LT(costOf(moments, weights.data(), found.data()), costOf(moments, weights.data(), plain.data()));
}

// The same bytes on every host, whatever its vectors.
TEST(BlockCalibration, GivesTheseBytesEverywhere) {
  const int64_t n = 80, rows = 5;
  const std::vector<float> weights = someWeights(static_cast<size_t>(rows * n), 47);
  uint64_t hash = 0xcbf29ce484222325;
  for (BlockFormatId id : {BlockFormatId::Q4, BlockFormatId::Q8, BlockFormatId::Q4Min, BlockFormatId::Q8Min}) {
    std::vector<uint8_t> bytes(static_cast<size_t>(rows * n / 16 * blockBytes(id, 16)));
    calibrateBlocks(id, 16, rows, weights.data(), shapeOf(momentsOf(n, 53)), bytes.data());
    for (uint8_t byte : bytes)
      hash = (hash ^ byte) * 0x100000001b3;
  }
  EXPECT_EQ(hash, 0x895e383c696ea5f9u);
}

} // namespace
