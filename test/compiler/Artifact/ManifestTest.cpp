// ManifestTest.cpp - a manifest's bytes, read back through the format's structs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/Manifest.h"
#include "llmc/step_abi.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace llmc::artifact;

namespace {

/// Reads rows and texts of a manifest, as the runtime does.
struct Reader {
  explicit Reader(std::string bytes) : bytes(std::move(bytes)) {
    EXPECT_GE(this->bytes.size(), sizeof manifest);
    std::memcpy(&manifest, this->bytes.data(), sizeof manifest);
  }
  template <typename Row> Row row(llmc_range range, uint32_t index) const {
    EXPECT_LT(index, range.count);
    EXPECT_EQ(range.offset % 8, 0u);
    Row result;
    EXPECT_LE(range.offset + (index + 1) * sizeof result, bytes.size());
    std::memcpy(&result, bytes.data() + range.offset + index * sizeof result, sizeof result);
    return result;
  }
  std::string text(llmc_text text) const { return bytes.substr(text.offset, text.size); }
  std::string bytes;
  llmc_manifest manifest;
};

Manifest example() {
  Manifest manifest;
  manifest.dims = {{"tokens", LLMC_DIM_TOKENS, 1, 512, 512}, {"rows", LLMC_DIM_ROWS, 1, 512, 1}};
  Entry entry;
  entry.name = "step";
  entry.inputs = {{"tokens", LLMC_I32, LLMC_ROLE_TOKENS, {{0, true}}, 512}};
  entry.outputs = {{"logits", LLMC_F32, LLMC_ROLE_LOGITS, {{1, true}, {97}}, 112}};
  entry.states = {{"kv_cache", LLMC_STATE_KV_CACHE, LLMC_F32, 5, 64, 7 * 64}};
  entry.slots = {{{{256, {0}}}, {{128, {}}, {4, {0, 1}}}}, {{{64, {1}}}}};
  manifest.entries = {entry};
  manifest.variants = {{"best", LLMC_ARCH_X86_64, LLMC_X86_AVX2 | LLMC_X86_FMA, {128}}};
  manifest.facts = {{"name", "tiny"}, {"compiler", "llmc"}};
  manifest.weights = {{"l.0.w", "f32 panel16", 64, 1024}};
  manifest.generation.bosId = 1;
  manifest.generation.eosIds = {2, 3};
  manifest.generation.vocabSize = 97;
  manifest.generation.temperature = 0.5f;
  manifest.generation.maxPosition = 2048;
  Launch launch;
  launch.kernel = "matmul";
  launch.subject = "l.*.w";
  launch.times = 5;
  launch.layerClass = 3;
  launch.rows = LLMC_DIM_ROWS;
  launch.wantedRows = true;
  launch.arithmetic = LLMC_ARITHMETIC_I8;
  launch.weightBytes = 11;
  launch.rowBytes = 13;
  launch.rowOperations = 17;
  launch.keyBytes = 19;
  launch.keyOperations = 23;
  launch.window = 29;
  manifest.launches = {launch};
  manifest.symbols = {{"step_0_matmul", 0, 0, 31, 37}, {"step", 0, LLMC_NO_LAUNCH, 128, 41}};
  return manifest;
}

} // namespace

TEST(Manifest, EveryTableReadsBack) {
  Reader reader(example().bytes());
  const llmc_manifest &manifest = reader.manifest;
  EXPECT_EQ(manifest.step_abi_version, LLMC_STEP_ABI_VERSION);
  EXPECT_EQ(manifest.size, reader.bytes.size());
  ASSERT_EQ(manifest.dims.count, 2u);
  auto rows = reader.row<llmc_dim>(manifest.dims, 1);
  EXPECT_EQ(reader.text(rows.name), "rows");
  EXPECT_EQ(rows.kind, LLMC_DIM_ROWS);
  EXPECT_EQ(rows.minimum, 1u);
  EXPECT_EQ(rows.maximum, 512u);
  EXPECT_EQ(rows.default_value, 1u);

  ASSERT_EQ(manifest.entries.count, 1u);
  auto entry = reader.row<llmc_entry>(manifest.entries, 0);
  EXPECT_EQ(reader.text(entry.name), "step");
  auto input = reader.row<llmc_tensor>(entry.inputs, 0);
  EXPECT_EQ(reader.text(input.name), "tokens");
  EXPECT_EQ(input.element_type, LLMC_I32);
  EXPECT_EQ(input.role, LLMC_ROLE_TOKENS);
  EXPECT_EQ(input.rank, 1u);
  EXPECT_EQ(input.sizes[0], LLMC_SIZE_IS_DIM | 0);
  auto output = reader.row<llmc_tensor>(entry.outputs, 0);
  EXPECT_EQ(output.rank, 2u);
  EXPECT_EQ(output.row_stride, 112u);
  EXPECT_EQ(output.sizes[0], LLMC_SIZE_IS_DIM | 1);
  EXPECT_EQ(output.sizes[1], 97u);
  auto state = reader.row<llmc_state>(entry.states, 0);
  EXPECT_EQ(reader.text(state.name), "kv_cache");
  EXPECT_EQ(state.slots, 5u);
  EXPECT_EQ(state.page_tokens, 64u);
  EXPECT_EQ(state.page_bytes, 448u);

  ASSERT_EQ(entry.slots.count, 2u);
  auto slot = reader.row<llmc_slot>(entry.slots, 0);
  ASSERT_EQ(slot.sizes.count, 2u);
  auto size = reader.row<llmc_size>(slot.sizes, 1);
  ASSERT_EQ(size.terms.count, 2u);
  auto constant = reader.row<llmc_size_term>(size.terms, 0), product = reader.row<llmc_size_term>(size.terms, 1);
  EXPECT_EQ(constant.coefficient, 128u);
  EXPECT_EQ(constant.dims[0], LLMC_NO_DIM);
  EXPECT_EQ(product.coefficient, 4u);
  EXPECT_EQ(product.dims[0], 0u);
  EXPECT_EQ(product.dims[1], 1u);
  EXPECT_EQ(product.dims[2], LLMC_NO_DIM);

  auto variant = reader.row<llmc_variant>(manifest.variants, 0);
  EXPECT_EQ(reader.text(variant.name), "best");
  EXPECT_EQ(variant.architecture, LLMC_ARCH_X86_64);
  EXPECT_EQ(variant.features, LLMC_X86_AVX2 | LLMC_X86_FMA);
  EXPECT_EQ(reader.row<uint64_t>(variant.entry_offsets, 0), 128u);
  auto fact = reader.row<llmc_fact>(manifest.facts, 1);
  EXPECT_EQ(reader.text(fact.key), "compiler");
  EXPECT_EQ(reader.text(fact.value), "llmc");
  auto weight = reader.row<llmc_weight_info>(manifest.weights, 0);
  EXPECT_EQ(reader.text(weight.format), "f32 panel16");
  EXPECT_EQ(weight.offset, 64u);
  EXPECT_EQ(weight.size, 1024u);

  ASSERT_EQ(manifest.launches.count, 1u);
  auto launch = reader.row<llmc_launch>(manifest.launches, 0);
  EXPECT_EQ(reader.text(launch.kernel), "matmul");
  EXPECT_EQ(reader.text(launch.subject), "l.*.w");
  EXPECT_EQ(launch.entry, 0u);
  EXPECT_EQ(launch.times, 5u);
  EXPECT_EQ(launch.layer_class, 3u);
  EXPECT_EQ(launch.rows, LLMC_DIM_ROWS);
  EXPECT_EQ(launch.wanted_rows, 1u);
  EXPECT_EQ(launch.arithmetic, LLMC_ARITHMETIC_I8);
  EXPECT_EQ(launch.weight_bytes, 11u);
  EXPECT_EQ(launch.row_bytes, 13u);
  EXPECT_EQ(launch.row_operations, 17u);
  EXPECT_EQ(launch.key_bytes, 19u);
  EXPECT_EQ(launch.key_operations, 23u);
  EXPECT_EQ(launch.window, 29u);
  auto symbol = reader.row<llmc_symbol>(manifest.symbols, 0), entryCode = reader.row<llmc_symbol>(manifest.symbols, 1);
  EXPECT_EQ(reader.text(symbol.name), "step_0_matmul");
  EXPECT_EQ(symbol.launch, 0u);
  EXPECT_EQ(symbol.offset, 31u);
  EXPECT_EQ(symbol.size, 37u);
  EXPECT_EQ(entryCode.launch, LLMC_NO_LAUNCH);

  EXPECT_EQ(manifest.generation.bos_id, 1);
  EXPECT_EQ(manifest.generation.pad_id, -1);
  ASSERT_EQ(manifest.generation.eos_ids.count, 2u);
  EXPECT_EQ(reader.row<int32_t>(manifest.generation.eos_ids, 0), 2);
  EXPECT_EQ(manifest.generation.vocab_size, 97u);
  EXPECT_EQ(manifest.generation.temperature, 0.5f);
  EXPECT_TRUE(std::isnan(manifest.generation.top_p));
}

TEST(Manifest, EqualTextsAreStoredOnce) {
  Manifest manifest = example();
  manifest.facts = {{"same", "same"}};
  Reader reader(manifest.bytes());
  auto fact = reader.row<llmc_fact>(reader.manifest.facts, 0);
  EXPECT_EQ(fact.key.offset, fact.value.offset);
}

TEST(Manifest, SameManifestSameBytes) { EXPECT_EQ(example().bytes(), example().bytes()); }
