// ContainerWriter.cpp - builds containers in memory for the runtime's tests.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/support/ContainerWriter.h"

#include "llmc/step_abi.h"
#include "test/runtime/support/toy_model.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sha2.h>

namespace llmc::test {

namespace {
void digest(const uint8_t *bytes, size_t size, uint8_t *hash) {
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, bytes, size);
  SHA256Final(hash, &context);
}

size_t aligned(size_t size) {
  return (size + LLMC_SECTION_ALIGNMENT - 1) / LLMC_SECTION_ALIGNMENT * LLMC_SECTION_ALIGNMENT;
}

template <typename T> void put(Bytes &bytes, size_t offset, const T &value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}
} // namespace

llmc_text ManifestWriter::text(const std::string &value) {
  llmc_text text = {uint32_t(bytes.size()), uint32_t(value.size())};
  bytes.insert(bytes.end(), value.begin(), value.end());
  return text;
}

llmc_range ManifestWriter::range(const void *rows, size_t rowSize, size_t count) {
  llmc_range range = {uint32_t(bytes.size()), uint32_t(count)};
  const uint8_t *begin = static_cast<const uint8_t *>(rows);
  if (count)
    bytes.insert(bytes.end(), begin, begin + rowSize * count);
  return range;
}

Bytes ManifestWriter::finish() {
  head.size = uint32_t(bytes.size());
  put(bytes, 0, head);
  return bytes;
}

Bytes writeContainer(const std::vector<SectionBytes> &sections) {
  size_t tableSize = sections.size() * sizeof(llmc_section);
  Bytes container(sizeof(llmc_artifact_header) + tableSize);
  std::vector<llmc_section> table;
  for (const SectionBytes &section : sections) {
    container.resize(aligned(container.size()));
    llmc_section row = {};
    row.kind = section.kind;
    row.index = section.index;
    row.offset = container.size();
    row.size = section.bytes.size();
    table.push_back(row);
    container.insert(container.end(), section.bytes.begin(), section.bytes.end());
  }
  if (tableSize)
    std::memcpy(container.data() + sizeof(llmc_artifact_header), table.data(), tableSize);
  llmc_artifact_header header = {};
  std::memcpy(header.magic, LLMC_ARTIFACT_MAGIC, 8);
  header.major = LLMC_ARTIFACT_MAJOR;
  header.minor = LLMC_ARTIFACT_MINOR;
  header.size = container.size();
  header.section_table_offset = sizeof header;
  header.section_count = uint32_t(sections.size());
  header.section_entry_size = sizeof(llmc_section);
  put(container, 0, header);
  rehash(container);
  return container;
}

void rehash(uint8_t *container, size_t size) {
  llmc_artifact_header header;
  std::memcpy(&header, container, sizeof header);
  if (header.section_count > LLMC_MAX_SECTIONS || sizeof header + header.section_count * sizeof(llmc_section) > size)
    return;
  for (uint32_t i = 0; i < header.section_count; ++i) {
    uint8_t *at = container + sizeof header + i * sizeof(llmc_section);
    llmc_section row;
    std::memcpy(&row, at, sizeof row);
    if (row.offset <= size && row.size <= size - row.offset)
      digest(container + row.offset, row.size, row.sha256);
    std::memcpy(at, &row, sizeof row);
  }
  digest(container + sizeof header, header.section_count * sizeof(llmc_section), header.section_table_sha256);
  std::memcpy(container, &header, sizeof header);
}

void rehash(Bytes &container) { rehash(container.data(), container.size()); }

Bytes appendToProgram(const Bytes &program, const Bytes &container) {
  Bytes file = program;
  file.resize(aligned(file.size()));
  llmc_trailer trailer = {};
  trailer.container_offset = file.size();
  trailer.container_size = container.size();
  std::memcpy(trailer.magic, LLMC_TRAILER_MAGIC, 8);
  file.insert(file.end(), container.begin(), container.end());
  const uint8_t *bytes = reinterpret_cast<const uint8_t *>(&trailer);
  file.insert(file.end(), bytes, bytes + sizeof trailer);
  return file;
}

static float toyWeight(int v) { return float((v * 7919) % 101) / 64.0f - 0.5f; }

ToyParts toyParts() {
  ToyParts parts;
  ManifestWriter &manifest = parts.manifest;
  auto dim = [&](const char *name, uint32_t kind, uint64_t minimum, uint64_t maximum, uint64_t usual) {
    parts.dims.push_back({manifest.text(name), kind, 0, minimum, maximum, usual});
  };
  dim("width", LLMC_DIM_NAMED, 1, 13, 5);
  dim("tokens", LLMC_DIM_TOKENS, 1, TOY_MAX_TOKENS, TOY_MAX_TOKENS);
  dim("rows", LLMC_DIM_ROWS, 0, TOY_MAX_ROWS, 1);
  dim("sequences", LLMC_DIM_SEQUENCES, 1, TOY_MAX_SEQUENCES, 1);
  dim("context", LLMC_DIM_CONTEXT, 1, TOY_MAX_CONTEXT, 509);
  dim("threads", LLMC_DIM_THREADS, 1, 64, 1);
  auto input = [&](const char *name, uint32_t role, uint64_t size) {
    llmc_tensor tensor = {};
    tensor.name = manifest.text(name);
    tensor.element_type = LLMC_I32;
    tensor.role = role;
    tensor.rank = 1;
    tensor.row_stride = TOY_MAX_TOKENS;
    tensor.sizes[0] = LLMC_SIZE_IS_DIM | size;
    parts.inputs.push_back(tensor);
  };
  input("tokens", LLMC_ROLE_TOKENS, TOY_DIM_TOKENS);
  input("positions", LLMC_ROLE_POSITIONS, TOY_DIM_TOKENS);
  input("sequences", LLMC_ROLE_SEQUENCES, TOY_DIM_TOKENS);
  input("rows", LLMC_ROLE_ROWS, TOY_DIM_ROWS);
  llmc_tensor logits = {};
  logits.name = manifest.text("logits");
  logits.element_type = LLMC_F32;
  logits.role = LLMC_ROLE_LOGITS;
  logits.rank = 2;
  logits.row_stride = TOY_ROW_STRIDE;
  logits.sizes[0] = LLMC_SIZE_IS_DIM | TOY_DIM_ROWS;
  logits.sizes[1] = TOY_VOCAB;
  parts.outputs.push_back(logits);
  parts.states.push_back({manifest.text("cache"), LLMC_STATE_KV_CACHE, LLMC_F32, 1, TOY_PAGE_TOKENS, TOY_PAGE_BYTES});
  parts.terms.push_back({4, {TOY_DIM_TOKENS, LLMC_NO_DIM, LLMC_NO_DIM, LLMC_NO_DIM}});
  llmc_variant variant = {};
  variant.name = manifest.text("plain");
#if defined(__aarch64__)
  variant.architecture = LLMC_ARCH_AARCH64;
#else
  variant.architecture = LLMC_ARCH_X86_64;
#endif
  parts.variants.push_back(variant);
  parts.entryOffsets.push_back({0});
  parts.weightInfos.push_back({manifest.text("table"), manifest.text("f32 row"), 0, TOY_VOCAB * sizeof(float)});
  parts.eosIds.push_back(TOY_EOS);
  llmc_launch scale = {}, sums = {};
  scale.kernel = manifest.text("scale");
  scale.rows = LLMC_DIM_TOKENS;
  scale.row_bytes = 8;
  sums.kernel = manifest.text("sums");
  sums.subject = manifest.text("table");
  sums.rows = LLMC_DIM_ROWS;
  sums.arithmetic = LLMC_ARITHMETIC_F32;
  sums.weight_bytes = TOY_VOCAB * sizeof(float);
  sums.key_bytes = sizeof(float);
  sums.key_operations = 4 * TOY_VOCAB;
  scale.times = sums.times = 1;
  scale.layer_class = sums.layer_class = LLMC_NO_CLASS;
  parts.launches = {scale, sums};
  parts.symbols.push_back({manifest.text("toyStep"), 0, LLMC_NO_LAUNCH, 0, 16});
  llmc_generation &generation = manifest.head.generation;
  generation.bos_id = -1;
  generation.pad_id = -1;
  generation.vocab_size = TOY_VOCAB;
  generation.temperature = generation.top_p = generation.min_p = generation.repetition_penalty = NAN;
  generation.top_k = -1;
  generation.max_position = TOY_MAX_CONTEXT;
  manifest.head.step_abi_version = LLMC_STEP_ABI_VERSION;
  parts.code = readFile(LLMC_TEST_TOY_CODE);
  parts.weights.resize(TOY_VOCAB * sizeof(float));
  for (int v = 0; v < TOY_VOCAB; ++v)
    put(parts.weights, v * sizeof(float), toyWeight(v));
  return parts;
}

std::vector<SectionBytes> toySections(ToyParts parts) {
  ManifestWriter &manifest = parts.manifest;
  llmc_manifest &head = manifest.head;
  std::vector<llmc_size_term> first = {{192, {LLMC_NO_DIM, LLMC_NO_DIM, LLMC_NO_DIM, LLMC_NO_DIM}}};
  std::vector<llmc_size> firstSize = {{manifest.table(first)}}, secondSize = {{manifest.table(parts.terms)}};
  std::vector<llmc_slot> slots = {{manifest.table(firstSize)}, {manifest.table(secondSize)}};
  llmc_entry entry = {};
  entry.name = manifest.text("step");
  entry.inputs = manifest.table(parts.inputs);
  entry.outputs = manifest.table(parts.outputs);
  entry.states = manifest.table(parts.states);
  entry.slots = manifest.table(slots);
  head.entries = manifest.table(std::vector<llmc_entry>{entry});
  head.dims = manifest.table(parts.dims);
  for (size_t i = 0; i < parts.variants.size(); ++i)
    parts.variants[i].entry_offsets = manifest.table(parts.entryOffsets[i]);
  head.variants = manifest.table(parts.variants);
  head.weights = manifest.table(parts.weightInfos);
  head.facts = manifest.table(std::vector<llmc_fact>{{manifest.text("name"), manifest.text("toy")}});
  head.generation.eos_ids = manifest.table(parts.eosIds);
  head.launches = manifest.table(parts.launches);
  head.symbols = manifest.table(parts.symbols);
  std::vector<SectionBytes> sections = {{LLMC_SECTION_MANIFEST, 0, manifest.finish()}};
  for (uint32_t i = 0; i < parts.variants.size(); ++i)
    sections.push_back({LLMC_SECTION_CODE, i, parts.code});
  sections.push_back({LLMC_SECTION_WEIGHTS, 0, parts.weights});
  if (!parts.tokenizer.empty())
    sections.push_back({LLMC_SECTION_TOKENIZER, 0, parts.tokenizer});
  if (!parts.chatTemplates.empty())
    sections.push_back({LLMC_SECTION_TEMPLATES, 0, parts.chatTemplates});
  const std::string licence = "toy model: no rights reserved\n";
  sections.push_back({LLMC_SECTION_LICENCES, 0, Bytes(licence.begin(), licence.end())});
  return sections;
}

Bytes toyContainer() { return writeContainer(toySections(toyParts())); }

std::vector<float> toyLogits(const std::vector<int32_t> &tokens) {
  std::vector<float> logits(TOY_VOCAB);
  for (int v = 0; v < TOY_VOCAB; ++v)
    for (size_t q = 0; q < tokens.size(); ++q)
      logits[v] += toyWeight(v) * float(tokens[q] + 1) / float(q + v + 1);
  return logits;
}

Bytes readFile(const std::string &path) {
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    std::abort();
  Bytes bytes;
  uint8_t buffer[65536];
  for (size_t size; (size = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    bytes.insert(bytes.end(), buffer, buffer + size);
  std::fclose(file);
  return bytes;
}

void writeFile(const std::string &path, const Bytes &bytes) {
  FILE *file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fclose(file))
    std::abort();
}

} // namespace llmc::test
