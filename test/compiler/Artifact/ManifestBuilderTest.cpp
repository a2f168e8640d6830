// ManifestBuilderTest.cpp - the facts of a scheduled module, as the manifest has them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/ManifestBuilder.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Registration.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace llmc;
using namespace llmc::artifact;

namespace {

/// A program over tokens, positions, sequences and rows with one cache; %PAGE% is what the second reader of the cache
/// says.
const char *const scheduled = R"(
!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 8, f32>
module {
  transformer.text tokenizer "tokenizer.json" vocab_size 97 context_length 2048 bos 1 eos [2, 5] {do_sample, temperature = 0.5 : f64, top_k = 40 : i64}
  kernel.weight @e copies 1 at 0 stride 0 : !kernel.packed<panels, 97, 24, 1, bf16> {
    %w = transformer.weight ["embed"] : tensor<97x24xbf16>
    %p = kernel.pack %w : (tensor<97x24xbf16>) -> !kernel.packed<panels, 97, 24, 1, bf16>
    kernel.yield %p : !kernel.packed<panels, 97, 24, 1, bf16>
  }
  kernel.weight @n copies 2 at 8192 stride 128 : !kernel.packed<table, 1, 24, 1, f32> {
    %w = transformer.weight ["l.0.norm", "l.1.norm"] : tensor<24xf32>
    %p = kernel.pack %w : (tensor<24xf32>) -> !kernel.packed<table, 1, 24, 1, f32>
    kernel.yield %p : !kernel.packed<table, 1, 24, 1, f32>
  }
  kernel.program @step inputs 4 outputs 1 roles [#transformer.role<tokens>, #transformer.role<positions>, #transformer.role<sequences>, #transformer.role<rows>, #transformer.role<logits>, #transformer.role<state>] slots [128, 0, 448, 1, 64, 2] slot_sizes [2, 1] {
  ^bb0(%ids: memref<?xi32>, %p: memref<?xi32>, %s: memref<?xi32>, %r: memref<?xi32>, %y: memref<?x97xf32, strided<[112, 1]>>, %kv: !kv):
    %k = kernel.buffer 0 tokens : memref<?x8xf32, strided<[16, 1]>>
    %q = kernel.buffer 0 tokens : memref<?x24xf32, strided<[32, 1]>>
    kernel.layers classes [0, 0] slots [0, 1] {
    ^bb0(%slot: index, %member: index):
    kernel.cache_update %kv[%slot], %k, %k, %p, %s {page = #kernel.page<tokens = 64, slots = 2, heads = 1, head_dim = 8, f32>}
      : (!kv, index, memref<?x8xf32, strided<[16, 1]>>, memref<?x8xf32, strided<[16, 1]>>, memref<?xi32>, memref<?xi32>) -> ()
    kernel.attention %q, %kv[%slot], %p, %s outs(%q) {num_heads = 3 : i64, scale = 0.5 : f32, page = %PAGE%}
      : (memref<?x24xf32, strided<[32, 1]>>, !kv, index, memref<?xi32>, memref<?xi32>, memref<?x24xf32, strided<[32, 1]>>) -> ()
    kernel.yield
    }
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 31, max_sequences = 3, max_context = 1000>}
})";

class ManifestBuilderTest : public testing::Test {
protected:
  ManifestBuilderTest() {
    mlir::DialectRegistry registry;
    registerLLMCDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }
  mlir::OwningOpRef<mlir::ModuleOp>
  parse(std::string page = "#kernel.page<tokens = 64, slots = 2, heads = 1, head_dim = 8, f32>") {
    std::string text = scheduled;
    text.replace(text.find("%PAGE%"), 6, page);
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }
  std::string mistakeOf(mlir::ModuleOp module) {
    std::string message;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
    return mlir::succeeded(buildManifest(module)) ? "" : message;
  }
  mlir::MLIRContext context;
};

TEST_F(ManifestBuilderTest, DimsComeFromTheBounds) {
  auto module = parse();
  ASSERT_TRUE(module);
  Manifest manifest = *buildManifest(*module);
  ASSERT_EQ(manifest.dims.size(), 4u);
  EXPECT_EQ(manifest.dims[dimTokens].kind, LLMC_DIM_TOKENS);
  EXPECT_EQ(manifest.dims[dimTokens].maximum, 31u);
  EXPECT_EQ(manifest.dims[dimTokens].defaultValue, 31u);
  EXPECT_EQ(manifest.dims[dimRows].maximum, 31u);
  EXPECT_EQ(manifest.dims[dimRows].defaultValue, 1u);
  EXPECT_EQ(manifest.dims[dimSequences].maximum, 3u);
  EXPECT_EQ(manifest.dims[dimContext].maximum, 1000u);
}

TEST_F(ManifestBuilderTest, EntryHasTensorsStatesAndSlots) {
  auto module = parse();
  Manifest manifest = *buildManifest(*module);
  ASSERT_EQ(manifest.entries.size(), 1u);
  const Entry &entry = manifest.entries[0];
  EXPECT_EQ(entry.name, "step");
  ASSERT_EQ(entry.inputs.size(), 4u);
  EXPECT_EQ(entry.inputs[0].role, LLMC_ROLE_TOKENS);
  EXPECT_EQ(entry.inputs[0].elementType, LLMC_I32);
  EXPECT_EQ(entry.inputs[0].sizes[0].value, dimTokens);
  EXPECT_EQ(entry.inputs[3].role, LLMC_ROLE_ROWS);
  EXPECT_EQ(entry.inputs[3].sizes[0].value, dimRows);
  ASSERT_EQ(entry.outputs.size(), 1u);
  EXPECT_EQ(entry.outputs[0].role, LLMC_ROLE_LOGITS);
  EXPECT_EQ(entry.outputs[0].rowStride, 112u);
  EXPECT_TRUE(entry.outputs[0].sizes[0].isDim);
  EXPECT_EQ(entry.outputs[0].sizes[0].value, dimRows);
  EXPECT_EQ(entry.outputs[0].sizes[1].value, 97u);
  ASSERT_EQ(entry.states.size(), 1u);
  EXPECT_EQ(entry.states[0].slots, 2u);
  EXPECT_EQ(entry.states[0].pageTokens, 64u);
  EXPECT_EQ(entry.states[0].pageBytes, 2u * 2 * 64 * 8 * 4);
  ASSERT_EQ(entry.slots.size(), 2u);
  ASSERT_EQ(entry.slots[0].size(), 2u) << "two sizes, of which the larger counts";
  EXPECT_EQ(entry.slots[0][0][0].coefficient, 128u);
  EXPECT_EQ(entry.slots[0][0][0].dims, std::vector<uint32_t>{dimTokens});
  EXPECT_EQ(entry.slots[0][1][0].dims, std::vector<uint32_t>{dimRows});
  EXPECT_EQ(entry.slots[1][0][0].coefficient, 64u);
  EXPECT_TRUE(entry.slots[1][0][0].dims.empty());
}

TEST_F(ManifestBuilderTest, WeightsAreNamedByTheirKeys) {
  auto module = parse();
  Manifest manifest = *buildManifest(*module);
  ASSERT_EQ(manifest.weights.size(), 3u);
  EXPECT_EQ(manifest.weights[0].name, "embed");
  EXPECT_EQ(manifest.weights[0].format, "bf16 panel16x2");
  EXPECT_EQ(manifest.weights[0].size, 7u * 24 * 16 * 2);
  EXPECT_EQ(manifest.weights[2].name, "l.1.norm");
  EXPECT_EQ(manifest.weights[2].format, "f32 table");
  EXPECT_EQ(manifest.weights[2].offset, 8192u + 128);
}

TEST_F(ManifestBuilderTest, LaunchesStandInOrderWithTheirCosts) {
  auto module = parse();
  Manifest manifest = *buildManifest(*module);
  ASSERT_EQ(manifest.launches.size(), 2u);
  const Launch &update = manifest.launches[0], &attention = manifest.launches[1];
  EXPECT_EQ(update.kernel, "cache_update");
  EXPECT_EQ(update.times, 2u) << "once a layer";
  EXPECT_EQ(update.layerClass, 0u);
  EXPECT_EQ(update.rows, LLMC_DIM_TOKENS);
  EXPECT_FALSE(update.wantedRows);
  // k and v of 8 numbers are read and written, position and sequence are read.
  EXPECT_EQ(update.rowBytes, 2u * 2 * 8 * 4 + 2 * 4);
  EXPECT_EQ(update.arithmetic, LLMC_ARITHMETIC_NONE);
  EXPECT_EQ(attention.kernel, "attention");
  EXPECT_EQ(attention.subject, "");
  EXPECT_EQ(attention.rowBytes, 2u * 24 * 4 + 2 * 4);
  EXPECT_EQ(attention.keyBytes, 2u * 8 * 4);
  EXPECT_EQ(attention.keyOperations, 2u * 2 * 3 * 8);
  EXPECT_EQ(attention.arithmetic, LLMC_ARITHMETIC_F32);
}

TEST_F(ManifestBuilderTest, LaunchesNameTheirTensors) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
module {
  transformer.text tokenizer "" vocab_size 97 context_length 2048 eos []
  kernel.weight @w copies 3 at 0 stride 2048 : !kernel.packed<panels, 24, 13, 1, f32> {
    %w = transformer.weight ["l.0.q.w", "l.1.q.w", "l.7.q.w"] : tensor<24x13xf32>
    %p = kernel.pack %w : (tensor<24x13xf32>) -> !kernel.packed<panels, 24, 13, 1, f32>
    kernel.yield %p : !kernel.packed<panels, 24, 13, 1, f32>
  }
  kernel.program @step inputs 1 outputs 1 roles [#transformer.role<rows>, #transformer.role<logits>] slots [64, 0] slot_sizes [1] {
  ^bb0(%r: memref<?xi32>, %y: memref<?x24xf32, strided<[32, 1]>>):
    %x = kernel.buffer 0 tokens : memref<?x13xf32, strided<[16, 1]>>
    kernel.layers classes [0, 1, 0, 0] slots [0, 1, 2, 3] {
    ^bb0(%slot: index, %member: index):
      %w = kernel.get_weight @w[%member] : !kernel.packed<panels, 24, 13, 1, f32>
      kernel.wanted_rows %r : memref<?xi32>
      kernel.matmul %x, %w outs(%y : memref<?x24xf32, strided<[32, 1]>>) {
      ^bb0(%s: f32):
        kernel.yield %s : f32
      } : (memref<?x13xf32, strided<[16, 1]>>, <panels, 24, 13, 1, f32>)
      kernel.yield
    }, {
    ^bb0(%slot: index, %member: index):
      kernel.yield
    }
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 31, max_sequences = 3, max_context = 1000>}
})",
                                                        &context);
  ASSERT_TRUE(module);
  auto manifest = buildManifest(*module);
  ASSERT_TRUE(mlir::succeeded(manifest));
  ASSERT_EQ(manifest->launches.size(), 1u);
  const Launch &matmul = manifest->launches[0];
  EXPECT_EQ(matmul.subject, "l.*.q.w");
  EXPECT_EQ(matmul.times, 3u);
  EXPECT_EQ(matmul.rows, LLMC_DIM_ROWS);
  EXPECT_TRUE(matmul.wantedRows) << "the last layer is of its class";
  EXPECT_EQ(matmul.weightBytes, 2u * 13 * 16 * 4);
  EXPECT_EQ(matmul.rowBytes, (13u + 24) * 4);
  EXPECT_EQ(matmul.rowOperations, 2u * 24 * 13);
}

TEST_F(ManifestBuilderTest, GenerationComesFromTheText) {
  auto module = parse();
  Generation generation = buildManifest(*module)->generation;
  EXPECT_EQ(generation.vocabSize, 97u);
  EXPECT_EQ(generation.maxPosition, 2048u);
  EXPECT_EQ(generation.bosId, 1);
  EXPECT_EQ(generation.padId, -1);
  EXPECT_EQ(generation.eosIds, (std::vector<int32_t>{2, 5}));
  EXPECT_TRUE(generation.doSample);
  EXPECT_EQ(generation.temperature, 0.5f);
  EXPECT_EQ(generation.topK, 40);
  EXPECT_TRUE(std::isnan(generation.topP));
}

TEST_F(ManifestBuilderTest, ReadersOfAStateAgreeAboutItsPages) {
  auto module = parse("#kernel.page<tokens = 128, slots = 2, heads = 1, head_dim = 8, f32>");
  ASSERT_TRUE(module);
  EXPECT_NE(mistakeOf(*module).find("for the same state"), std::string::npos);
}

TEST_F(ManifestBuilderTest, AModuleWithoutProgramIsRefused) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>("module {}", &context);
  EXPECT_EQ(mistakeOf(*module), "the module has no kernel.program: it has not been scheduled");
}

} // namespace
