// WeightPackerTest.cpp - whole recipes: a checkpoint on disk and a module in, the bytes of the weights section out.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/WeightPacker.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Registration.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <mutex>

using namespace llmc;
using namespace llmc::weights;

namespace {

/// Two layers of a matrix [19, 6] of f32 whose elements count up, and a vector shared by both.
class WeightPackerTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("llmc-weight-packer", folder));
    std::string header = R"({"a.0":{"dtype":"F32","shape":[19,6],"data_offsets":[0,456]},)"
                         R"("a.1":{"dtype":"F32","shape":[19,6],"data_offsets":[456,912]},)"
                         R"("norm":{"dtype":"F32","shape":[6],"data_offsets":[912,936]}})";
    std::string file(8, '\0');
    uint64_t length = header.size();
    std::memcpy(file.data(), &length, 8);
    file += header;
    for (int i = 0; i < 234; ++i) {
      float value = static_cast<float>(i);
      file.append(reinterpret_cast<const char *>(&value), 4);
    }
    std::error_code error;
    llvm::raw_fd_ostream(folder.str().str() + "/model.safetensors", error) << file;
    ASSERT_FALSE(error);
    Result<TensorIndex> opened = openCheckpoint(folder.str().str());
    ASSERT_TRUE(static_cast<bool>(opened)) << opened.error().str();
    index.emplace(std::move(*opened));

    mlir::DialectRegistry registry;
    registerLLMCDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const char *text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  std::vector<uint8_t> pack(mlir::ModuleOp module, unsigned threads) {
    std::vector<uint8_t> section(weightsSectionSize(module), 0xee);
    std::mutex mutex;
    llvm::cantFail(packWeights(
        module, *index,
        [&](uint64_t offset, llvm::ArrayRef<uint8_t> bytes) {
          std::lock_guard<std::mutex> lock(mutex);
          EXPECT_LE(offset + bytes.size(), section.size());
          std::memcpy(section.data() + offset, bytes.data(), bytes.size());
          return llvm::Error::success();
        },
        threads));
    return section;
  }

  /// What checkWeights reports; empty when it succeeds.
  std::string mistakeOf(const char *text) {
    auto module = parse(text);
    std::string message;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
    return mlir::succeeded(checkWeights(*module, *index)) ? "" : message;
  }

  llvm::SmallString<128> folder;
  std::optional<TensorIndex> index;
  mlir::MLIRContext context;
};

const char *const twoLayers = R"(
  kernel.weight @m copies 2 at 0 stride 1024 : !kernel.packed<panels, 19, 6, 1, f32> {
    %w = transformer.weight ["a.0", "a.1"] : tensor<19x6xf32>
    %p = kernel.pack %w : (tensor<19x6xf32>) -> !kernel.packed<panels, 19, 6, 1, f32>
    kernel.yield %p : !kernel.packed<panels, 19, 6, 1, f32>
  }
  kernel.weight @n copies 2 at 768 stride 1024 : !kernel.packed<table, 1, 6, 1, f32> {
    %w = transformer.weight ["norm", "norm"] : tensor<6xf32>
    %o = transformer.weight.affine %w scale 1.0 offset 1.0 : tensor<6xf32>
    %p = kernel.pack %o : (tensor<6xf32>) -> !kernel.packed<table, 1, 6, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 6, 1, f32>
  })";

float floatAt(const std::vector<uint8_t> &bytes, size_t offset) {
  float value;
  std::memcpy(&value, bytes.data() + offset, 4);
  return value;
}

// A graph's matrix in panels: [columns / 16][steps][16], zero behind the last column, whatever the order in the tensor.
TEST_F(WeightPackerTest, ConstantsInPanels) {
  auto module = parse(R"(
  kernel.constant @c0 "a.0" at 0 : memref<112xf32> {columns = [array<i64: 16, 1>], steps = [array<i64: 7, 16>]}
  kernel.constant @c1 "a.1" at 512 : memref<192xf32> {columns = [array<i64: 19, 6>], steps = [array<i64: 6, 1>]}
  kernel.constant @c2 "a.1" at 1280 : memref<192xf32> {columns = [array<i64: 6, 1>, array<i64: 3, 6>], steps = [array<i64: 6, 18>]}
  kernel.constant @c3 "norm" at 2048 : memref<6xf32>)");
  ASSERT_TRUE(module);
  for (unsigned threads : {1, 3}) {
    std::vector<uint8_t> bytes = pack(*module, threads);
    ASSERT_EQ(bytes.size(), 2048u + 24);
    for (int k = 0; k < 7; ++k)
      for (int column = 0; column < 16; ++column)
        EXPECT_EQ(floatAt(bytes, (k * 16 + column) * 4), k * 16 + column);
    for (int column = 0; column < 32; ++column)
      for (int k = 0; k < 6; ++k) {
        EXPECT_EQ(floatAt(bytes, 512 + (column / 16 * 96 + k * 16 + column % 16) * 4),
                  column < 19 ? 114 + column * 6 + k : 0);
        EXPECT_EQ(floatAt(bytes, 1280 + (column / 16 * 96 + k * 16 + column % 16) * 4),
                  column < 18 ? 114 + column / 3 + column % 3 * 6 + k * 18 : 0);
      }
    EXPECT_EQ(floatAt(bytes, 2048), 228);
  }
  EXPECT_EQ(
      mistakeOf(
          R"(kernel.constant @c0 "a.0" at 0 : memref<96xf32> {columns = [array<i64: 7, 1>], steps = [array<i64: 6, 16>]})"),
      "tensor 'a.0' is not in the file as it was: import it again");
}

// Every value is looked at, by however many threads; the first bad tensor in the module's order is named.
TEST_F(WeightPackerTest, TheFirstBadValueIsReportedWhateverTheThreads) {
  const char *const text = R"(
  kernel.weight @m copies 1 at 0 stride 0 : !kernel.packed<codes, 19, 16, 1, !kernel.codes<4, group = 16, zero = 8, f16>> {
    %w = transformer.weight ["bad.0"] : tensor<19x16xf32>
    %q = transformer.weight.quantize %w : (tensor<19x16xf32>) -> tensor<19x16x!transformer.block<q4, group = 16>>
    %p = kernel.pack %q : (tensor<19x16x!transformer.block<q4, group = 16>>) -> !kernel.packed<codes, 19, 16, 1, !kernel.codes<4, group = 16, zero = 8, f16>>
    kernel.yield %p : !kernel.packed<codes, 19, 16, 1, !kernel.codes<4, group = 16, zero = 8, f16>>
  }
  kernel.weight @n copies 1 at 4096 stride 0 : !kernel.packed<table, 1, 16, 1, f32> {
    %w = transformer.weight ["bad.1"] : tensor<16xf32>
    %h = transformer.weight.convert %w : (tensor<16xf32>) -> tensor<16xf16>
    %p = kernel.pack %h : (tensor<16xf16>) -> !kernel.packed<table, 1, 16, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 16, 1, f32>
  })";
  std::string header = R"({"bad.0":{"dtype":"F32","shape":[19,16],"data_offsets":[0,1216]},)"
                       R"("bad.1":{"dtype":"F32","shape":[16],"data_offsets":[1216,1280]}})";
  for (bool both : {false, true}) {
    std::string file(8, '\0');
    uint64_t length = header.size();
    std::memcpy(file.data(), &length, 8);
    file += header;
    for (int i = 0; i < 320; ++i) {
      float value = i == 300 && both ? std::numeric_limits<float>::infinity() : i == 319 ? 7e4f : 1.0f;
      file.append(reinterpret_cast<const char *>(&value), 4);
    }
    std::error_code error;
    llvm::raw_fd_ostream(folder.str().str() + "/model.safetensors", error) << file;
    ASSERT_FALSE(error);
    Result<TensorIndex> opened = openCheckpoint(folder.str().str());
    ASSERT_TRUE(static_cast<bool>(opened)) << opened.error().str();
    auto module = parse(text);
    ASSERT_TRUE(module);
    for (unsigned threads : {1u, 2u, 5u}) {
      std::string message;
      mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &found) { message += found.str(); });
      EXPECT_TRUE(mlir::failed(checkWeights(*module, *opened, threads)));
      EXPECT_EQ(message, both ? "tensor 'bad.0' holds inf, more than q4 can hold"
                              : "tensor 'bad.1' holds 70000, more than f16 can hold");
    }
  }
}

TEST_F(WeightPackerTest, CopiesLieAtTheirStrides) {
  auto module = parse(twoLayers);
  ASSERT_TRUE(module);
  EXPECT_EQ(weightsSectionSize(*module), 1024u + 768u + 24u);
  std::vector<uint8_t> section = pack(*module, 1);
  for (size_t layer = 0; layer < 2; ++layer) {
    for (size_t n = 0; n < 32; ++n)
      for (size_t k = 0; k < 6; ++k)
        ASSERT_EQ(floatAt(section, layer * 1024 + ((n / 16 * 6 + k) * 16 + n % 16) * 4),
                  n < 19 ? static_cast<float>(layer * 114 + n * 6 + k) : 0.0f)
            << "layer " << layer << ", row " << n << ", column " << k;
    for (size_t k = 0; k < 6; ++k)
      ASSERT_EQ(floatAt(section, layer * 1024 + 768 + k * 4), static_cast<float>(228 + k + 1));
  }
}

TEST_F(WeightPackerTest, BytesDoNotDependOnThreads) {
  auto module = parse(twoLayers);
  std::vector<uint8_t> one = pack(*module, 1);
  EXPECT_EQ(pack(*module, 2), one);
  EXPECT_EQ(pack(*module, 7), one);
}

TEST_F(WeightPackerTest, EveryOperationOfARecipe) {
  // Rows 2 and 3 of a.0, joined with row 0 of the same, transposed, in bf16, in two streams.
  auto module = parse(R"(
  kernel.weight @m copies 1 at 0 stride 0 : !kernel.packed<panels, 6, 3, 2, bf16> {
    %w = transformer.weight ["a.0"] : tensor<19x6xf32>
    %a = transformer.weight.slice %w offsets [2, 0] sizes [2, 6] : (tensor<19x6xf32>) -> tensor<2x6xf32>
    %b = transformer.weight.slice %w offsets [0, 0] sizes [1, 6] : (tensor<19x6xf32>) -> tensor<1x6xf32>
    %c = transformer.weight.concat %a, %b axis 0 : (tensor<2x6xf32>, tensor<1x6xf32>) -> tensor<3x6xf32>
    %t = transformer.weight.permute %c view [3, 6] order [1, 0] : (tensor<3x6xf32>) -> tensor<6x3xf32>
    %d = transformer.weight.convert %t : (tensor<6x3xf32>) -> tensor<6x3xbf16>
    %e = transformer.weight.affine %d scale 2.0 offset 0.0 : tensor<6x3xbf16>
    %p = kernel.pack %d, %e : (tensor<6x3xbf16>, tensor<6x3xbf16>) -> !kernel.packed<panels, 6, 3, 2, bf16>
    kernel.yield %p : !kernel.packed<panels, 6, 3, 2, bf16>
  })");
  ASSERT_TRUE(module);
  std::vector<uint8_t> section = pack(*module, 1);
  const float rows[3] = {12, 18, 0}; // first elements of rows 2, 3 and 0
  for (size_t stream = 0; stream < 2; ++stream)
    for (size_t n = 0; n < 6; ++n)
      for (size_t k = 0; k < 3; ++k) {
        uint16_t bits;
        std::memcpy(&bits, section.data() + (((k / 2 * 2 + stream) * 16 + n) * 2 + k % 2) * 2, 2);
        uint32_t wide = static_cast<uint32_t>(bits) << 16;
        float value;
        std::memcpy(&value, &wide, 4);
        ASSERT_EQ(value, static_cast<float>(stream + 1) * (rows[k] + static_cast<float>(n)));
      }
}

TEST_F(WeightPackerTest, RopeFrequenciesNeedNoTensor) {
  auto module = parse(R"(
  kernel.weight @f copies 1 at 0 stride 0 : !kernel.packed<table, 1, 2, 1, f32> {
    %w = transformer.weight.rope_frequencies default base 1.0e4 dim 4 : tensor<1x2xf32>
    %p = kernel.pack %w : (tensor<1x2xf32>) -> !kernel.packed<table, 1, 2, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 2, 1, f32>
  })");
  ASSERT_TRUE(module);
  std::vector<uint8_t> section = pack(*module, 1);
  EXPECT_EQ(floatAt(section, 0), 1.0f);
  EXPECT_EQ(floatAt(section, 4), 0.01f);
}

TEST_F(WeightPackerTest, TheSinksErrorComesBack) {
  auto module = parse(twoLayers);
  auto refuse = [](uint64_t, llvm::ArrayRef<uint8_t>) { return llvm::createStringError("no room"); };
  for (unsigned threads : {1, 2})
    EXPECT_EQ(llvm::toString(packWeights(*module, *index, refuse, threads)), "no room");
}

const char *const missing = R"(
  kernel.weight @m copies 1 at 0 stride 0 : !kernel.packed<table, 1, 6, 1, f32> {
    %w = transformer.weight ["nrom"] : tensor<6xf32>
    %p = kernel.pack %w : (tensor<6xf32>) -> !kernel.packed<table, 1, 6, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 6, 1, f32>
  })";
const char *const misshapen = R"(
  kernel.weight @m copies 1 at 0 stride 0 : !kernel.packed<table, 1, 7, 1, f32> {
    %w = transformer.weight ["norm"] : tensor<7xf32>
    %p = kernel.pack %w : (tensor<7xf32>) -> !kernel.packed<table, 1, 7, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 7, 1, f32>
  })";
const char *const unplaced = R"(
  kernel.weight @m copies 1 at -1 stride 0 : !kernel.packed<table, 1, 6, 1, f32> {
    %w = transformer.weight ["norm"] : tensor<6xf32>
    %p = kernel.pack %w : (tensor<6xf32>) -> !kernel.packed<table, 1, 6, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 6, 1, f32>
  })";
const char *const tooFewKeys = R"(
  kernel.weight @m copies 3 at 0 stride 64 : !kernel.packed<table, 1, 6, 1, f32> {
    %w = transformer.weight ["norm", "norm"] : tensor<6xf32>
    %p = kernel.pack %w : (tensor<6xf32>) -> !kernel.packed<table, 1, 6, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 6, 1, f32>
  })";

TEST_F(WeightPackerTest, MistakesAreFoundBeforeAnythingIsWritten) {
  EXPECT_EQ(mistakeOf(twoLayers), "");
  EXPECT_EQ(mistakeOf(missing), "the checkpoint has no tensor 'nrom'");
  EXPECT_EQ(mistakeOf(misshapen), "tensor 'norm' is F32 [6] (expected F32 [7])");
  EXPECT_EQ(mistakeOf(unplaced), "weight 'm' has no place in the weights section");
  EXPECT_EQ(mistakeOf(tooFewKeys), "'transformer.weight' op has 2 keys for 3 copies");
}

} // namespace
