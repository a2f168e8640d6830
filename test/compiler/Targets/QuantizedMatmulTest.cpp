// QuantizedMatmulTest.cpp - weights in blocks, packed and multiplied by every variant, against scalar code on the
// blocks.
//
// Products of quantised rows, of float rows, and the embedding: bit by bit, for every format that has a compute layout.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include "compiler/Weights/Recipe.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/Formats/HalfFloats.h"
#include "dialects/Transformer/IR/Transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace llmc;
using namespace llmc::test;

namespace {

/// A weight matrix as blocks, and what they say.
struct BlockMatrix {
  int64_t n, k, group;
  BlockFormatId format;
  std::vector<uint8_t> bytes;
  std::vector<float> values;         ///< decoded
  std::vector<int> numbers;          ///< of the codes
  std::vector<float> scales, minima; ///< per element
};

float levelOf(const BlockField &field, uint8_t code) {
  return field.isSigned ? static_cast<float>(static_cast<int8_t>(code)) : static_cast<float>(code - field.zero);
}

/// Blocks of random bits, with scales that are small numbers.
BlockMatrix randomBlocks(std::mt19937 &random, const char *name, int64_t group, int64_t n, int64_t k) {
  BlockFormatId id = *blockFormatFromName(name);
  const BlockFormatDescriptor &format = blockFormat(id);
  BlockMatrix matrix{n, k, group, id, {}, {}, {}, {}, {}};
  int64_t bytes = blockBytes(id, group);
  auto scaleBits = [&](BlockNumber number) -> uint32_t {
    float value = std::uniform_real_distribution<float>(-0.1f, 0.1f)(random);
    switch (number) {
    case BlockNumber::F16:
      return floatToHalf(value);
    case BlockNumber::F32:
      return floatBits(value);
    case BlockNumber::HalfE8M0:
      return random() % 8 + 117;
    case BlockNumber::None:
      return 0;
    }
    return 0;
  };
  for (int64_t block = 0; block < n * k / group; ++block) {
    std::vector<uint8_t> codes(group), subScales(16), subMinima(16);
    for (auto [field, list] :
         {std::pair(&format.codes, &codes), {&format.subScales, &subScales}, {&format.subMinima, &subMinima}})
      for (uint8_t &code : *list)
        code = static_cast<uint8_t>(random() & ((1u << field->bits) - 1));
    BlockParts parts = {scaleBits(format.scale), scaleBits(format.minimum), subScales.data(), subMinima.data(),
                        codes.data()};
    if (format.zeroByte >= 0) // also beyond the codes, as of checkpoints that store one less
      parts.zero = static_cast<uint8_t>(random() % ((1u << format.codes.bits) + (format.codes.bits < 8)));
    std::vector<uint8_t> stored(bytes);
    packBlock(id, group, parts, stored.data());
    matrix.bytes.insert(matrix.bytes.end(), stored.begin(), stored.end());
    std::vector<float> values(group);
    decodeBlock(id, group, stored.data(), values.data());
    matrix.values.insert(matrix.values.end(), values.begin(), values.end());
    for (int64_t i = 0; i < group; ++i) {
      const BlockField &field = format.codes;
      matrix.numbers.push_back(field.table ? static_cast<int>(field.table[codes[i]])
                                           : static_cast<int>(levelOf(field, codes[i])) - parts.zero);
      float s = format.scale == BlockNumber::F16        ? halfToFloat(static_cast<uint16_t>(parts.scale))
                : format.scale == BlockNumber::F32      ? floatFromBits(parts.scale)
                : format.scale == BlockNumber::HalfE8M0 ? std::ldexp(1.0f, static_cast<int>(parts.scale) - 128)
                                                        : 1.0f;
      float m = format.minimum == BlockNumber::F16 ? halfToFloat(static_cast<uint16_t>(parts.minimum)) : 0.0f;
      if (format.subScales.bits) {
        uint8_t code = subScales[i / format.subScales.each];
        s *= format.subScales.table ? format.subScales.table[code] : levelOf(format.subScales, code);
      }
      if (format.subMinima.bits)
        m *= levelOf(format.subMinima, subMinima[i / format.subMinima.each]);
      matrix.scales.push_back(s);
      matrix.minima.push_back(format.subtractsMinimum ? -m : m);
    }
  }
  return matrix;
}

/// A row as kernel.quantize makes it.
struct QuantizedValues {
  std::vector<int> codes;
  std::vector<float> scales;
};
QuantizedValues quantize(const float *x, int64_t k, int64_t segment) {
  QuantizedValues row;
  for (int64_t begin = 0; begin < k; begin += segment) {
    int64_t end = begin + segment;
    float most = 0;
    for (int64_t i = begin; i < end; ++i)
      most = std::max(most, std::fabs(x[i]));
    float inverse = most < 0x1p-100f ? 0.0f : 127.0f / most;
    row.scales.push_back(most / 127.0f);
    for (int64_t i = begin; i < end; ++i)
      row.codes.push_back(static_cast<int>(std::nearbyint(x[i] * inverse)));
  }
  return row;
}

struct Format {
  const char *name;
  int64_t group, n, k;
};
/// K with an odd number of segments, of 16 and of 32; N that ends within a panel.
const Format formats[] = {
    {"q8_0", 32, 149, 96},     {"q8_0", 32, 16, 32},    {"q4_0", 32, 53, 160},   {"q4_0", 32, 149, 64},
    {"q4_1", 32, 37, 96},      {"q5_0", 32, 19, 96},    {"q5_1", 32, 23, 32},    {"iq4_nl", 32, 37, 96},
    {"mxfp4", 32, 29, 96},     {"nvfp4", 64, 37, 192},  {"q2_k", 256, 37, 256},  {"q3_k", 256, 19, 512},
    {"q4_k", 256, 37, 512},    {"q5_k", 256, 21, 256},  {"q6_k", 256, 37, 768},  {"iq4_xs", 256, 53, 512},
    {"q8", 16, 37, 48},        {"q8", 48, 21, 144},     {"q8", 64, 37, 192},     {"q8", 176, 5, 176},
    {"q4", 128, 37, 384},      {"q8_min", 32, 37, 160}, {"q4_min", 64, 37, 192}, {"q4_min", 16, 5, 16},
    {"q4_zero", 128, 37, 384}, {"q4_zero", 16, 21, 48}, {"q8_zero", 32, 37, 96}, {"q8_zero", 96, 5, 96},
};
const int64_t rowCounts[] = {0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 15, 16, 17, 18, 32, 33, 47};

class QuantizedMatmul : public VariantTest {
protected:
  std::mt19937 random{20261127};
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};

  void SetUp() override {
    VariantTest::SetUp();
    context.loadDialect<kernel::KernelDialect, transformer::TransformerDialect>();
  }

  static std::string print(mlir::Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return text;
  }

  /// Defines %w, one stream for each matrix; returns its type.
  kernel::PackedType addWeight(ProgramBuilder &builder, const std::vector<BlockMatrix> &streams) {
    const BlockMatrix &first = streams[0];
    auto blocks = transformer::BlockType::get(&context, first.format, first.group);
    kernel::CodesType codes = kernel::codesOf(blocks);
    EXPECT_TRUE(codes);
    weights::PackedWeight packed;
    packed.panels = true;
    packed.n = first.n;
    packed.k = first.k;
    packed.codes = weights::codesLayout(codes, first.k, blocks);
    for (const BlockMatrix &stream : streams)
      packed.streams.push_back(
          weights::blockWeight({first.n, first.k}, first.format, first.group, stream.bytes.data()));
    std::vector<uint8_t> bytes(packed.sizeInBytes());
    weights::PackScratch scratch;
    weights::packPieces(packed, 0, packed.numPieces(), bytes.data(), scratch);
    auto type = kernel::PackedType::get(&context, kernel::PackedLayout::codes, first.n, first.k, streams.size(), codes);
    EXPECT_EQ(type.getSizeInBytes(), packed.sizeInBytes());
    builder.packed("w", first.n, first.k, streams.size(), print(codes), print(blocks), bytes);
    return type;
  }

  static float floatChain(const Rows &x, const BlockMatrix &w, int64_t row, int64_t column) {
    float sum = 0;
    for (int64_t k = 0; k < w.k; ++k)
      sum = std::fma(x.at(row, k), w.values[column * w.k + k], sum);
    return sum;
  }

  static float wholeChain(const QuantizedValues &x, const BlockMatrix &w, int64_t segment, int64_t column) {
    float sum = 0;
    for (int64_t begin = 0; begin < w.k; begin += segment) {
      int whole = 0, codes = 0;
      for (int64_t k = begin; k < begin + segment; ++k) {
        whole += x.codes[k] * w.numbers[column * w.k + k];
        codes += x.codes[k];
      }
      float d = x.scales[begin / segment], s = w.scales[column * w.k + begin] * d;
      sum = std::fma(static_cast<float>(whole), s, sum);
      if (float m = w.minima[column * w.k + begin]; m != 0)
        sum = std::fma(m, static_cast<float>(codes) * d, sum);
    }
    return sum;
  }

  static std::string quantizeText(const kernel::PackedType &type, int64_t k, int64_t segment) {
    kernel::CodesType codes = type.getCodes();
    std::string attributes = "{segment = " + std::to_string(segment) +
                             " : i64, sums = " + std::to_string(static_cast<int>(codes.getRowSums())) +
                             " : i32, zero = " + std::to_string(codes.getOffset()) + " : i64}";
    std::string bytes = ProgramBuilder::bytesType(kernel::QuantizedRow(type, segment).bytes);
    return "kernel.quantize %x outs(%q) " + attributes + " : (" + ProgramBuilder::rowsType(k) + ", " + bytes +
           ") -> ()";
  }

  /// y = x w^T with rows quantised, or as they are. With `segment` 16 in segments of that, where they might be longer.
  void check(const Format &shape, bool quantized, int64_t segment = 0) {
    SCOPED_TRACE(std::string(shape.name) + ":" + std::to_string(shape.group) + " n " + std::to_string(shape.n) + " k " +
                 std::to_string(shape.k));
    BlockMatrix w = randomBlocks(random, shape.name, shape.group, shape.n, shape.k);
    ProgramBuilder builder;
    builder.output("x", shape.k);
    builder.output("y", shape.n);
    kernel::PackedType type = addWeight(builder, {w});
    std::string attribute = segment ? " {segment = " + std::to_string(segment) + " : i64}" : "";
    if (!segment)
      segment = type.getCodes().segmentOf(shape.k);
    int64_t rowBytes = kernel::QuantizedRow(type, segment).bytes;
    std::string xType = ProgramBuilder::rowsType(shape.k);
    if (quantized) {
      builder.byteBuffer("q", rowBytes);
      builder.op(quantizeText(type, shape.k, segment));
      builder.op("kernel.barrier");
      xType = ProgramBuilder::bytesType(rowBytes);
    }
    builder.op(std::string("kernel.matmul ") + (quantized ? "%q" : "%x") + ", %w outs(%y : " +
               ProgramBuilder::rowsType(shape.n) + ") {\n  ^bb0(%s: f32):\n    kernel.yield %s : f32\n  }" + attribute +
               " : (" + xType + ", " + builder.weightType("w", true) + ")");
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    for (int64_t rows : rowCounts)
      for (unsigned threads : {1u, 3u}) {
        Rows x(rows, shape.k), y(rows, shape.n), expected(rows, shape.n);
        x.fill(random);
        for (int64_t row = 0; row < rows; ++row) {
          QuantizedValues codes = quantize(&x.at(row, 0), shape.k, segment);
          for (int64_t column = 0; column < shape.n; ++column)
            expected.at(row, column) =
                quantized ? wholeChain(codes, w, segment, column) : floatChain(x, w, row, column);
        }
        GuardedMemory arena(rows * kernel::paddedRowStride(rowBytes, 1));
        Step step;
        step.tokens = rows;
        step.weights = &weights;
        step.outputs = {&x, &y};
        if (quantized)
          step.slots = {&arena};
        step.run(*executable, threads);
        EXPECT_TRUE(y.sameBits(expected)) << rows << " rows, " << threads << " threads";
      }
  }
};

} // namespace

TEST_P(QuantizedMatmul, QuantizedRows) {
  for (const Format &format : formats)
    check(format, /*quantized=*/true);
}

// What a layer wants finer: a scale for 16 columns, though the weight's groups are longer.
TEST_P(QuantizedMatmul, ShortSegments) {
  for (const Format &format : formats)
    check(format, /*quantized=*/true, /*segment=*/16);
}

TEST_P(QuantizedMatmul, FloatRows) {
  for (const Format &format : formats)
    check(format, /*quantized=*/false);
}

// Parts of k that are decoded at a time are multiples of segments; codes that the frame does not hold stay codes.
TEST_P(QuantizedMatmul, LongRows) {
  check({"q4_0", 32, 37, 13312}, true);
  check({"q8", 16, 5, 7024}, false);
}

TEST_P(QuantizedMatmul, Streams) {
  for (const Format &shape : {Format{"q8_0", 32, 53, 96}, {"q4_0", 32, 37, 64}, {"q4_k", 256, 29, 256}}) {
    SCOPED_TRACE(shape.name);
    BlockMatrix gate = randomBlocks(random, shape.name, shape.group, shape.n, shape.k);
    BlockMatrix up = randomBlocks(random, shape.name, shape.group, shape.n, shape.k);
    ProgramBuilder builder;
    builder.output("x", shape.k);
    builder.output("y", shape.n);
    kernel::PackedType type = addWeight(builder, {gate, up});
    int64_t rowBytes = kernel::QuantizedRow(type, 32).bytes;
    builder.byteBuffer("q", rowBytes);
    builder.op(quantizeText(type, shape.k, 32));
    builder.op("kernel.barrier");
    std::string y = ProgramBuilder::rowsType(shape.n);
    builder.op("kernel.matmul %q, %w extras(%y : " + y + ") outs(%y : " + y +
               ") {\n  ^bb0(%g: f32, %u: f32, %r: f32):\n    %0 = arith.mulf %g, %u : f32\n"
               "    %1 = arith.addf %0, %r : f32\n    kernel.yield %1 : f32\n  } : (" +
               ProgramBuilder::bytesType(rowBytes) + ", " + builder.weightType("w", true) + ")");
    auto executable = compile(builder);
    ASSERT_TRUE(executable);
    GuardedMemory weights = builder.weightsSection();
    for (int64_t rows : rowCounts)
      for (unsigned threads : {1u, 2u}) {
        Rows x(rows, shape.k), y(rows, shape.n), expected(rows, shape.n);
        x.fill(random);
        y.fill(random);
        for (int64_t row = 0; row < rows; ++row) {
          QuantizedValues codes = quantize(&x.at(row, 0), shape.k, 32);
          for (int64_t column = 0; column < shape.n; ++column) {
            float product = wholeChain(codes, gate, 32, column) * wholeChain(codes, up, 32, column);
            expected.at(row, column) = product + y.at(row, column);
          }
        }
        GuardedMemory arena(rows * kernel::paddedRowStride(rowBytes, 1));
        Step step;
        step.tokens = rows;
        step.weights = &weights;
        step.outputs = {&x, &y};
        step.slots = {&arena};
        step.run(*executable, threads);
        EXPECT_TRUE(y.sameBits(expected)) << rows << " rows, " << threads << " threads";
      }
  }
}

// Rows of a table in blocks, with and without a factor: the values that the blocks stand for.
TEST_P(QuantizedMatmul, Embedding) {
  for (const Format &shape : formats)
    for (const char *scale : {"", " {scale = 3.0 : f32}"}) {
      SCOPED_TRACE(std::string(shape.name) + scale);
      BlockMatrix table = randomBlocks(random, shape.name, shape.group, shape.n, shape.k);
      ProgramBuilder builder;
      builder.input("ids", "tokens");
      builder.output("y", shape.k);
      addWeight(builder, {table});
      std::string y = ProgramBuilder::rowsType(shape.k);
      builder.op(std::string("kernel.embed %ids, %w outs(%y)") + scale + " : (memref<?xi32>, " +
                 builder.weightType("w") + ", " + y + ") -> ()");
      auto executable = compile(builder);
      ASSERT_TRUE(executable);
      GuardedMemory weights = builder.weightsSection();
      std::vector<int32_t> ids;
      for (int64_t id = 0; id < shape.n; ++id)
        ids.push_back(static_cast<int32_t>(shape.n - 1 - id));
      Rows out(shape.n, shape.k), expected(shape.n, shape.k);
      for (int64_t row = 0; row < shape.n; ++row)
        for (int64_t k = 0; k < shape.k; ++k)
          expected.at(row, k) = table.values[ids[row] * shape.k + k] * (*scale ? 3.0f : 1.0f);
      Step step;
      step.tokens = shape.n;
      step.weights = &weights;
      step.inputs = {ids};
      step.outputs = {&out};
      step.run(*executable, 2);
      EXPECT_TRUE(out.sameBits(expected));
    }
}

// A norm on the way is the norm before, bit for bit; columns come in the order that the table says.
TEST_P(QuantizedMatmul, NormsAndOrdersRows) {
  const int64_t k = 112, segment = 16;
  kernel::QuantizedRow layout(k, segment, kernel::RowSums::taken);
  const int64_t stride = kernel::paddedRowStride(layout.bytes, 1);
  Matrix norm = randomMatrix(random, 1, k, "f32"), order{1, k, std::vector<float>(k)};
  for (int64_t i = 0; i < k; ++i)
    order.values[i] = static_cast<float>(i);
  std::shuffle(order.values.begin(), order.values.end(), random);
  Rows x(7, k), normed(7, k);
  x.fill(random);
  std::string rows = ProgramBuilder::rowsType(k), bytes = ProgramBuilder::bytesType(layout.bytes);
  for (bool norms : {false, true})
    for (bool orders : {false, true}) {
      SCOPED_TRACE((norms ? std::string("normed") : "") + (orders ? " in order" : ""));
      ProgramBuilder builder;
      builder.output("x", k);
      builder.output("n", k);
      builder.table("w", norm);
      builder.table("o", order);
      builder.byteBuffer("q", layout.bytes);
      builder.op("kernel.rms_norm %x, %w outs(%n) {epsilon = 1.0e-05 : f32, weight_offset = 1.0 : f32} : (" + rows +
                 ", " + builder.weightType("w") + ", " + rows + ") -> ()");
      builder.op(std::string("kernel.quantize %x ") + (norms ? "norm(%w) " : "") + (orders ? "order(%o) " : "") +
                 "outs(%q) {epsilon = 1.0e-05 : f32, norm_offset = 1.0 : f32, segment = 16 : i64, sums = 3 : i32} : (" +
                 rows + (norms ? ", " + builder.weightType("w") : "") + (orders ? ", " + builder.weightType("o") : "") +
                 ", " + bytes + ") -> ()");
      auto executable = compile(builder);
      ASSERT_TRUE(executable);
      GuardedMemory weights = builder.weightsSection(), arena(x.rows * stride);
      Step step;
      step.tokens = x.rows;
      step.weights = &weights;
      step.outputs = {&x, &normed};
      step.slots = {&arena};
      step.run(*executable, 2);
      for (int64_t row = 0; row < x.rows; ++row) {
        std::vector<float> values(k);
        for (int64_t i = 0; i < k; ++i)
          values[i] = (norms ? normed : x).at(row, orders ? static_cast<int64_t>(order.values[i]) : i);
        QuantizedValues expected = quantize(values.data(), k, segment);
        const uint8_t *found = arena.data() + row * stride;
        for (int64_t i = 0; i < k; ++i)
          ASSERT_EQ(static_cast<int8_t>(found[i]), expected.codes[i]) << "row " << row << " column " << i;
        EXPECT_EQ(std::memcmp(found + layout.scales, expected.scales.data(), expected.scales.size() * 4), 0)
            << "row " << row;
      }
    }
}

// Codes, scales and sums of rows with zeros, ties, tiny, huge and no numbers.
TEST_P(QuantizedMatmul, QuantizesRows) {
  using kernel::RowSums;
  for (auto [k, segment] : {std::pair<int64_t, int64_t>(112, 16), {128, 16}, {128, 32}})
    for (auto [sums, zero] : {std::pair<RowSums, int64_t>(RowSums::none, 0),
                              {RowSums::offset, 8},
                              {RowSums::offset, 128},
                              {RowSums::scaled, 0},
                              {RowSums::taken, 0}}) {
      SCOPED_TRACE("k " + std::to_string(k) + " segment " + std::to_string(segment) + " sums " +
                   kernel::stringifyRowSums(sums).str() + " zero " + std::to_string(zero));
      kernel::QuantizedRow layout(k, segment, sums);
      ProgramBuilder builder;
      builder.output("x", k);
      builder.byteBuffer("q", layout.bytes);
      builder.op("kernel.quantize %x outs(%q) {segment = " + std::to_string(segment) + " : i64, sums = " +
                 std::to_string(static_cast<int>(sums)) + " : i32, zero = " + std::to_string(zero) + " : i64} : (" +
                 ProgramBuilder::rowsType(k) + ", " + ProgramBuilder::bytesType(layout.bytes) + ") -> ()");
      auto executable = compile(builder);
      ASSERT_TRUE(executable);
      Rows x(9, k);
      x.fill(random);
      for (int64_t i = 0; i < k; ++i) {
        x.at(1, i) = 0;
        x.at(2, i) = static_cast<float>(i % 32 == 0 ? 127 : i % 32) + 0.5f * static_cast<float>(i % 32 != 0); // ties
        x.at(3, i) = std::ldexp(x.at(3, i), -130);
        x.at(4, i) = std::ldexp(x.at(4, i), 127);
        x.at(5, i) = -std::ldexp(1.0f, static_cast<int>(i) - 60);
        x.at(6, i) = i % 2 ? -0.0f : 1e-45f;
      }
      x.at(7, 40) = std::numeric_limits<float>::quiet_NaN();
      x.at(8, k - 1) = -std::numeric_limits<float>::infinity();
      int64_t stride = kernel::paddedRowStride(layout.bytes, 1);
      GuardedMemory arena(x.rows * stride);
      Step step;
      step.tokens = x.rows;
      step.outputs = {&x};
      step.slots = {&arena};
      step.run(*executable, 2);
      for (int64_t row = 0; row < x.rows; ++row) {
        const uint8_t *bytes = arena.data() + row * stride;
        QuantizedValues expected = quantize(&x.at(row, 0), k, segment);
        auto number = [&](int64_t at) {
          float value;
          std::memcpy(&value, bytes + at, 4);
          return value;
        };
        for (int64_t s = 0; s < k / segment; ++s)
          if ((row == 7 && s == 40 / segment) || (row == 8 && s == k / segment - 1)) {
            EXPECT_FALSE(std::isfinite(number(layout.scales + s * 4))) << "row " << row;
            for (int64_t i = s * segment; i < (s + 1) * segment; ++i)
              expected.codes[i] = static_cast<int8_t>(bytes[i]); // anything
          } else {
            EXPECT_EQ(number(layout.scales + s * 4), expected.scales[s]) << "row " << row;
          }
        for (int64_t i = 0; i < k; ++i)
          ASSERT_EQ(static_cast<int8_t>(bytes[i]), expected.codes[i]) << "row " << row << " column " << i;
        for (int64_t s = 0; s < k / segment; ++s) {
          if (row >= 7 || sums == RowSums::none)
            continue;
          int sum = 0;
          for (int64_t i = s * segment; i < (s + 1) * segment; ++i)
            sum += expected.codes[i];
          if (sums == RowSums::scaled) {
            EXPECT_EQ(number(layout.sums + s * 4), static_cast<float>(sum) * expected.scales[s]);
          } else if (sums == RowSums::taken) {
            EXPECT_EQ(number(layout.sums + s * 4), static_cast<float>(-sum));
          } else {
            int32_t moved;
            std::memcpy(&moved, bytes + layout.sums + s * 4, 4);
            EXPECT_EQ(moved, -zero * sum) << "row " << row << " segment " << s;
          }
        }
      }
    }
}

LLMC_FOR_EACH_INTEGER_VARIANT(QuantizedMatmul);
