// ContainerWriter.h - builds containers in memory for the runtime's tests, sound or damaged on purpose.
//
// Written from artifact_format.h alone, independent of the compiler's writer.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_RUNTIME_SUPPORT_CONTAINERWRITER_H
#define LLMC_TEST_RUNTIME_SUPPORT_CONTAINERWRITER_H

#include "llmc/artifact_format.h"

#include <cstdint>
#include <string>
#include <vector>

namespace llmc::test {

using Bytes = std::vector<uint8_t>;

/// Builds the manifest section: rows are appended, their ranges written into the head.
class ManifestWriter {
public:
  ManifestWriter() : bytes(sizeof(llmc_manifest)) {}
  llmc_text text(const std::string &value);
  template <typename Row> llmc_range table(const std::vector<Row> &rows) {
    return range(rows.data(), sizeof(Row), rows.size());
  }
  llmc_manifest head{};
  /// The section's bytes, with `head` in front and its size set.
  Bytes finish();

private:
  llmc_range range(const void *rows, size_t rowSize, size_t count);
  Bytes bytes;
};

struct SectionBytes {
  uint32_t kind;
  uint32_t index;
  Bytes bytes;
};

/// Lays sections out, hashes them and puts header and table in front.
Bytes writeContainer(const std::vector<SectionBytes> &sections);
/// Writes table hash and sections' hashes again after bytes were changed, so that a test meets the check behind them.
/// Does nothing where the header does not say where the table ends.
void rehash(Bytes &container);
void rehash(uint8_t *container, size_t size);
/// A program's bytes, a container and its trailer.
Bytes appendToProgram(const Bytes &program, const Bytes &container);

/// Everything of the toy model that a test may change before it is written.
struct ToyParts {
  std::vector<llmc_dim> dims;
  std::vector<llmc_tensor> inputs;
  std::vector<llmc_tensor> outputs;
  std::vector<llmc_state> states;
  std::vector<llmc_size_term> terms; ///< Of slot 1: its one size.
  std::vector<llmc_variant> variants;
  std::vector<std::vector<uint64_t>> entryOffsets; ///< One list a variant.
  std::vector<llmc_weight_info> weightInfos;
  std::vector<int32_t> eosIds;
  std::vector<llmc_launch> launches;
  std::vector<llmc_symbol> symbols;
  ManifestWriter manifest;
  Bytes code;
  Bytes weights;
  Bytes tokenizer;
  Bytes chatTemplates;
};

/// The toy model (toy_code.c): a step over bytes and seven more tokens, for this machine's architecture.
ToyParts toyParts();
/// The sections of the parts, in order: manifest, code of each variant, weights, tokenizer, chat templates,
/// licences.
std::vector<SectionBytes> toySections(ToyParts parts);
/// The sound container of the toy model.
Bytes toyContainer();

/// What the toy model's code computes, told again: logits of the last of `tokens`.
std::vector<float> toyLogits(const std::vector<int32_t> &tokens);

/// A whole file; aborts the test program when it cannot be read.
Bytes readFile(const std::string &path);
/// Writes a file; aborts the test program when it cannot.
void writeFile(const std::string &path, const Bytes &bytes);

} // namespace llmc::test

#endif // LLMC_TEST_RUNTIME_SUPPORT_CONTAINERWRITER_H
