// ArtifactTest.cpp - sound containers open, damaged ones give their sentence; never a crash.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Artifact.h"
#include "runtime/src/artifact/Verify.h"
#include "test/runtime/support/ContainerWriter.h"
#include "test/runtime/support/toy_model.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

/// Opens bytes as a file's; returns the message, "" when they are sound.
std::string openBytes(const Bytes &file, Status *status = nullptr, std::string *note = nullptr) {
  Artifact artifact;
  Error error{};
  uint64_t offset = 0, size = 0;
  Status found = findContainer(file.data(), file.size(), offset, size, error);
  if (!found)
    found = openArtifact(file.data() + offset, size, artifact, error);
  if (status)
    *status = found;
  if (note)
    *note = error.note;
  return found ? error.message : "";
}

template <typename T> void put(Bytes &bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

/// A message with "@manifest" and "@code" replaced by the bytes of those parts of the toy model.
std::string expected(std::string message) {
  static const std::vector<SectionBytes> sections = toySections(toyParts());
  const std::pair<const char *, size_t> sizes[] = {{"@manifest", sections[0].bytes.size()},
                                                   {"@code", sections[1].bytes.size()}};
  for (const auto &[name, size] : sizes)
    for (size_t at; (at = message.find(name)) != std::string::npos;)
      message.replace(at, std::strlen(name), std::to_string(size));
  return message;
}

/// Byte offset of a field of section `i` in the table.
size_t inSection(size_t i, size_t field) { return sizeof(llmc_artifact_header) + i * sizeof(llmc_section) + field; }

TEST(ArtifactTest, ASoundContainerOpens) { EXPECT_EQ(openBytes(toyContainer()), ""); }

TEST(ArtifactTest, AContainerBehindAProgramOpens) {
  EXPECT_EQ(openBytes(appendToProgram(Bytes(1000, 0x7f), toyContainer())), "");
}

TEST(ArtifactTest, ForeignFilesAreNamed) {
  auto note = [](const std::string &text) {
    std::string note;
    Status status;
    Bytes file(text.begin(), text.end());
    file.resize(4096);
    EXPECT_EQ(openBytes(file, &status, &note), "is not a compiled model (no llmc container at its start or end)");
    EXPECT_EQ(status, LLMC_INVALID_FILE);
    return note;
  };
  EXPECT_EQ(note("GGUF\x03"),
            "it is a GGUF file; compile the checkpoint directory that it was made from: llmc compile DIRECTORY");
  EXPECT_EQ(note(std::string("\x40\0\0\0\0\0\0\0{\"a\"", 13)),
            "it seems to be a safetensors file; compile its directory first: llmc compile DIRECTORY");
  EXPECT_EQ(note("PK\x03\x04"), "it seems to be a PyTorch checkpoint; convert it to safetensors, then compile it");
  EXPECT_EQ(note("\x7f"
                 "ELF"),
            "it is a program without a model; a model's executable is made by: llmc compile MODEL -o OUT");
  EXPECT_EQ(note("hello"), "a model is compiled by: llmc compile MODEL -o OUT");
  EXPECT_EQ(openBytes({}), "is empty, expected a compiled model");
  EXPECT_EQ(openBytes({'x'}), "is not a compiled model (no llmc container at its start or end)");
}

/// Damages the bytes of a sound container; `hashed` writes the hashes again, so that the checks behind them are met.
struct Damage {
  const char *name;
  std::function<void(Bytes &)> apply;
  bool hashed;
  const char *message;
};

void PrintTo(const Damage &damage, std::ostream *out) { *out << damage.name; }

class DamagedContainer : public testing::TestWithParam<Damage> {};

TEST_P(DamagedContainer, GivesItsSentence) {
  Bytes container = toyContainer();
  GetParam().apply(container);
  if (GetParam().hashed)
    rehash(container);
  EXPECT_EQ(openBytes(container), expected(GetParam().message));
}

#define FIELD(type, field) offsetof(type, field)
const Damage containerDamages[] = {
    {"Half", [](Bytes &b) { b.resize(b.size() / 2); }, false, "is cut short: 131087 bytes of 262174"},
    {"HeaderOnly", [](Bytes &b) { b.resize(50); }, false, "is cut short: 50 bytes, the header alone has 96"},
    {"Longer", [](Bytes &b) { b.push_back(0); }, false, "has 1 bytes after the container's end, expected none"},
    {"Major", [](Bytes &b) { put(b, FIELD(llmc_artifact_header, major), 3u); }, true,
     "artifact format version 3.0, this runtime reads 2.x"},
    {"TablePlace", [](Bytes &b) { put(b, FIELD(llmc_artifact_header, section_table_offset), 97ull); }, false,
     "header: section table at 97, expected 96"},
    {"NoSections", [](Bytes &b) { put(b, FIELD(llmc_artifact_header, section_count), 0u); }, false,
     "header: 0 sections, expected 1 to 64"},
    {"ManySections", [](Bytes &b) { put(b, FIELD(llmc_artifact_header, section_count), 65u); }, false,
     "header: 65 sections, expected 1 to 64"},
    {"EntrySize", [](Bytes &b) { put(b, FIELD(llmc_artifact_header, section_entry_size), 63u); }, false,
     "header: section entries of 63 bytes, expected 64"},
    {"HeaderReserved", [](Bytes &b) { b[FIELD(llmc_artifact_header, reserved) + 23] = 1; }, false,
     "header: reserved bytes are not zero"},
    {"TableHash", [](Bytes &b) { b[inSection(0, FIELD(llmc_section, offset))] ^= 1; }, false,
     "section table is damaged (its SHA-256 does not match the header)"},
    {"UnknownKind", [](Bytes &b) { put(b, inSection(3, FIELD(llmc_section, kind)), 9u); }, true,
     "section 3 has unknown kind 9"},
    {"SectionIndex", [](Bytes &b) { put(b, inSection(2, FIELD(llmc_section, index)), 1u); }, true,
     "section 2 (weights) has index 1, expected 0"},
    {"Unaligned", [](Bytes &b) { put(b, inSection(1, FIELD(llmc_section, offset)), 131080ull); }, true,
     "section 1 (code of variant 0) at 131080, expected a multiple of 65536"},
    {"Overlap", [](Bytes &b) { put(b, inSection(1, FIELD(llmc_section, offset)), 65536ull); }, true,
     "section 1 (code of variant 0) at 65536 overlaps what comes before it (ends at 67266)"},
    {"OverlapsHeader", [](Bytes &b) { put(b, inSection(0, FIELD(llmc_section, offset)), 0ull); }, true,
     "section 0 (manifest) at 0 overlaps what comes before it (ends at 352)"},
    {"PastTheEnd", [](Bytes &b) { put(b, inSection(3, FIELD(llmc_section, size)), ~0ull); }, true,
     "section 3 (licences) of 18446744073709551615 bytes at 262144 runs past the container's end (262174 bytes)"},
    {"SectionReserved", [](Bytes &b) { put(b, inSection(2, FIELD(llmc_section, reserved)), 1ull); }, true,
     "section 2 (weights): reserved field is not zero"},
    {"Twice", [](Bytes &b) { put(b, inSection(3, FIELD(llmc_section, kind)), uint32_t(LLMC_SECTION_WEIGHTS)); }, true,
     "section 3 (weights) is there twice (section 2 as well)"},
    {"NoManifest", [](Bytes &b) { put(b, inSection(0, FIELD(llmc_section, kind)), uint32_t(LLMC_SECTION_TOKENIZER)); },
     true, "has no manifest section"},
    {"ManifestByte", [](Bytes &b) { b[65536 + 700] ^= 1; }, false,
     "section 0 (manifest) is damaged (its SHA-256 does not match)"},
    {"CodeByte", [](Bytes &b) { b[131072 + 5] ^= 1; }, false,
     "section 1 (code of variant 0) is damaged (its SHA-256 does not match)"},
    {"TinyManifest", [](Bytes &b) { put(b, inSection(0, FIELD(llmc_section, size)), 8ull); }, true,
     "manifest of 8 bytes, expected at least 112"},
    {"StepAbi", [](Bytes &b) { put(b, 65536 + FIELD(llmc_manifest, step_abi_version), 7u); }, true,
     "its code speaks step ABI 7, this runtime speaks 2"},
    {"ManifestSize", [](Bytes &b) { put(b, 65536 + FIELD(llmc_manifest, size), 5u); }, true,
     "manifest says 5 bytes, its section has @manifest"},
    {"CodeOfNoVariant", [](Bytes &b) { put(b, inSection(1, FIELD(llmc_section, index)), 3u); }, true,
     "manifest: variant 0: the container has no code for it"},
};
INSTANTIATE_TEST_SUITE_P(All, DamagedContainer, testing::ValuesIn(containerDamages),
                         [](const auto &info) { return info.param.name; });

/// Changes the parts of the toy model before they are written: what a wrong writer would produce.
struct WrongPart {
  const char *name;
  std::function<void(ToyParts &)> apply;
  const char *message;
};

void PrintTo(const WrongPart &part, std::ostream *out) { *out << part.name; }

class WrongManifest : public testing::TestWithParam<WrongPart> {};

TEST_P(WrongManifest, GivesItsSentence) {
  ToyParts parts = toyParts();
  GetParam().apply(parts);
  EXPECT_EQ(openBytes(writeContainer(toySections(parts))), expected(GetParam().message));
}

const WrongPart wrongParts[] = {
    {"DimKind", [](ToyParts &p) { p.dims[0].kind = 7; }, "manifest: dim 0: unknown kind 7"},
    {"InputOfComputedDim",
     [](ToyParts &p) {
       p.dims[0].kind = LLMC_DIM_COMPUTED;
       p.inputs[3].sizes[0] = LLMC_SIZE_IS_DIM | 0;
     },
     "manifest: entry 0, input 3: size 0 names dim 0, which the step computes"},
    {"SlotOfComputedDim",
     [](ToyParts &p) {
       p.dims[0].kind = LLMC_DIM_COMPUTED;
       p.terms[0].dims[3] = 0;
     },
     "manifest: entry 0, slot 1: its size names dim 0, which the step computes"},
    {"DimTwice", [](ToyParts &p) { p.dims[0].kind = LLMC_DIM_ROWS; }, "manifest: dim 2: a second dim of kind 2"},
    {"DimOrder", [](ToyParts &p) { p.dims[4].default_value = 1010; },
     "manifest: dim 4: minimum 1, default 1010, maximum 1009 are not in order"},
    {"DimHuge", [](ToyParts &p) { p.dims[4].maximum = 1ull << 31; },
     "manifest: dim 4: minimum 1, default 509, maximum 2147483648 are not in order"},
    {"DimName", [](ToyParts &p) { p.dims[1].name.offset = 1u << 30; },
     "manifest: dim 1: name: 6 bytes of text at 1073741824 run past its end (@manifest bytes)"},
    {"DimNameSize", [](ToyParts &p) { p.dims[1].name.size = ~0u; },
     "manifest: dim 1: name: 4294967295 bytes of text at 117 run past its end (@manifest bytes)"},
    {"ElementType", [](ToyParts &p) { p.inputs[0].element_type = 24; },
     "manifest: entry 0, input 0: unknown element type 24"},
    {"Role", [](ToyParts &p) { p.inputs[0].role = 8; }, "manifest: entry 0, input 0: unknown role 8"},
    {"RoleTwice", [](ToyParts &p) { p.inputs[1].role = LLMC_ROLE_TOKENS; },
     "manifest: entry 0, input 1: a second tensor of role 1"},
    {"RoleOfOutput", [](ToyParts &p) { p.outputs[0].role = LLMC_ROLE_TOKENS; },
     "manifest: entry 0, output 0: role 1 cannot be an output"},
    {"TokensAsFloats", [](ToyParts &p) { p.inputs[0].element_type = LLMC_F32; },
     "manifest: entry 0, input 0: a tensor of role 1 is not i32 [tokens]"},
    {"LogitsOfAnotherSize", [](ToyParts &p) { p.outputs[0].sizes[1] = 262; },
     "manifest: entry 0, output 0: logits are not f32 [rows, vocab_size = 263]"},
    {"Rank", [](ToyParts &p) { p.outputs[0].rank = 17; }, "manifest: entry 0, output 0: rank 17, expected at most 16"},
    {"TensorDim", [](ToyParts &p) { p.inputs[3].sizes[0] = LLMC_SIZE_IS_DIM | 6; },
     "manifest: entry 0, input 3: size 0 names dim 6 of 6"},
    {"RowStride", [](ToyParts &p) { p.outputs[0].row_stride = 262; },
     "manifest: entry 0, output 0: row stride 262, expected 263 to 1099511627776"},
    {"StateKind", [](ToyParts &p) { p.states[0].kind = 0; }, "manifest: entry 0, state 0: unknown kind 0"},
    {"StatePages", [](ToyParts &p) { p.states[0].page_tokens = 0; },
     "manifest: entry 0, state 0: 1 slots and 0 positions a page, expected at least 1"},
    {"StatePageBytes", [](ToyParts &p) { p.states[0].page_bytes = 65; },
     "manifest: entry 0, state 0: pages of 65 bytes, expected a multiple of 64"},
    {"TermDim", [](ToyParts &p) { p.terms[0].dims[3] = 17; }, "manifest: entry 0, slot 1: its size names dim 17 of 6"},
    {"EntryOffset", [](ToyParts &p) { p.entryOffsets[0][0] = p.code.size(); },
     "manifest: variant 0: entry 0 at @code lies past its code's end (@code bytes)"},
    {"EntryOffsets", [](ToyParts &p) { p.entryOffsets[0].push_back(0); },
     "manifest: variant 0: 2 entry offsets for 1 entries"},
    {"NoVariants",
     [](ToyParts &p) {
       p.variants.clear();
       p.entryOffsets.clear();
     },
     "manifest: no variants, expected at least one"},
    {"EmptyCode", [](ToyParts &p) { p.code.clear(); }, "manifest: variant 0: the container has no code for it"},
    {"WeightRange", [](ToyParts &p) { p.weightInfos[0].offset = ~0ull; },
     "manifest: weight 0: 1052 bytes at 18446744073709551615 run past the weights (1052 bytes)"},
    {"EosId", [](ToyParts &p) { p.eosIds[0] = 263; }, "manifest: generation: eos_id 263 is no token of 263"},
    {"BosId", [](ToyParts &p) { p.manifest.head.generation.bos_id = -2; },
     "manifest: generation: bos_id -2 is no token of 263"},
    {"Temperature", [](ToyParts &p) { p.manifest.head.generation.temperature = -1; },
     "manifest: generation: temperature is -1, expected 0 to 1000"},
    {"TopP", [](ToyParts &p) { p.manifest.head.generation.top_p = INFINITY; },
     "manifest: generation: top_p is inf, expected 0 to 1"},
    {"DoSample", [](ToyParts &p) { p.manifest.head.generation.do_sample = 2; },
     "manifest: generation: do_sample is 2, expected 0 or 1"},
    {"ControlCharacter", [](ToyParts &p) { p.variants[0].name = p.manifest.text("v\x1b[2J"); },
     "manifest: variant 0: name has a control character"},
    {"LaunchEntry", [](ToyParts &p) { p.launches[1].entry = 1; }, "manifest: launch 1: of entry 1, expected 0 to 0"},
    {"LaunchRows", [](ToyParts &p) { p.launches[0].rows = 3; },
     "manifest: launch 0: unknown rows 3, wanted rows 0 or arithmetic 0"},
    {"LaunchArithmetic", [](ToyParts &p) { p.launches[1].arithmetic = 4; },
     "manifest: launch 1: unknown rows 2, wanted rows 0 or arithmetic 4"},
    {"LaunchSubject", [](ToyParts &p) { p.launches[1].subject = p.manifest.text("t\n"); },
     "manifest: launch 1: subject has a control character"},
    {"SymbolVariant", [](ToyParts &p) { p.symbols[0].variant = 1; }, "manifest: symbol 0: of variant 1 of 1"},
    {"SymbolLaunch", [](ToyParts &p) { p.symbols[0].launch = 2; }, "manifest: symbol 0: is the code of launch 2 of 2"},
    {"SymbolPlace", [](ToyParts &p) { p.symbols[0].offset = ~0ull; },
     "manifest: symbol 0: 16 bytes at 18446744073709551615 run past its code's end (@code bytes)"},
    {"NotUtf8", [](ToyParts &p) { p.variants[0].name = p.manifest.text("v\xff"); },
     "manifest: variant 0: name is not UTF-8"},
};
INSTANTIATE_TEST_SUITE_P(All, WrongManifest, testing::ValuesIn(wrongParts),
                         [](const auto &info) { return info.param.name; });

TEST(ArtifactTest, TrailersThatLieAreRefused) {
  Bytes file = appendToProgram(Bytes(1000, 0x7f), toyContainer());
  size_t trailer = file.size() - sizeof(llmc_trailer);
  Bytes moved = file;
  put(moved, trailer + offsetof(llmc_trailer, container_offset), uint64_t(4096));
  EXPECT_EQ(openBytes(moved), "trailer: container offset 4096 is not a multiple of 65536");
  Bytes far = file;
  put(far, trailer + offsetof(llmc_trailer, container_offset), uint64_t(1) << 63);
  EXPECT_EQ(openBytes(far), "trailer: container of 262174 bytes at 9223372036854775808 does not end at the trailer "
                            "(file of 327742 bytes)");
  Bytes large = file;
  put(large, trailer + offsetof(llmc_trailer, container_size), ~0ull);
  EXPECT_EQ(openBytes(large), "trailer: container of 18446744073709551615 bytes at 65536 does not end at the trailer "
                              "(file of 327742 bytes)");
  Bytes reserved = file;
  put(reserved, trailer + offsetof(llmc_trailer, reserved), uint64_t(3));
  EXPECT_EQ(openBytes(reserved), "trailer: reserved field is 3, expected 0");
  Bytes overwritten = file;
  overwritten[65536] = 0;
  EXPECT_EQ(openBytes(overwritten), "the container does not begin with the llmc magic bytes");
}

TEST(ArtifactTest, ALaterMinorMayBringUnknownSections) {
  std::vector<SectionBytes> sections = toySections(toyParts());
  sections.push_back({77, 5, {1, 2, 3}});
  Bytes container = writeContainer(sections);
  EXPECT_EQ(openBytes(container), "section 4 has unknown kind 77");
  put(container, offsetof(llmc_artifact_header, minor), LLMC_ARTIFACT_MINOR + 1);
  EXPECT_EQ(openBytes(container), "");
}

TEST(ArtifactTest, TablesThatShareRowsCannotKeepUsBusy) {
  // 60 entries of 60,000 slots of 2 sizes each, all the same rows: small on disk, large to walk.
  std::vector<SectionBytes> sections = toySections(toyParts());
  ManifestWriter manifest = toyParts().manifest;
  llmc_entry entry = {};
  entry.name = manifest.text("step");
  llmc_size empty = {{0, 0}};
  std::vector<llmc_slot> slots(60000, {manifest.table(std::vector<llmc_size>(2, empty))});
  entry.slots = manifest.table(slots);
  manifest.head.entries = manifest.table(std::vector<llmc_entry>(60, entry));
  sections[0].bytes = manifest.finish();
  EXPECT_EQ(openBytes(writeContainer(sections)), "manifest: its tables have more than 4194304 rows");
}

TEST(ArtifactTest, EveryCutGivesASentence) {
  Bytes container = toyContainer();
  for (size_t size = 0; size < container.size(); size += size < 512 ? 1 : 4099) {
    Bytes cut(container.begin(), container.begin() + long(size));
    EXPECT_NE(openBytes(cut), "") << size;
  }
}

TEST(ArtifactTest, EveryFlippedBitOfHeaderTableAndManifestIsSeen) {
  Bytes container = toyContainer();
  size_t minor = offsetof(llmc_artifact_header, minor);
  auto flip = [&](size_t begin, size_t end) {
    for (size_t at = begin; at < end; ++at) {
      if (at >= minor && at < minor + 4)
        continue; // a later minor is allowed
      container[at] ^= 0x10;
      EXPECT_NE(openBytes(container), "") << at;
      container[at] ^= 0x10;
    }
  };
  flip(0, 96 + 4 * 64);
  flip(65536, 65536 + toySections(toyParts())[0].bytes.size());
  EXPECT_EQ(openBytes(container), "");
}

TEST(ArtifactTest, VerifyHashesTheWeightsAndLooksBetweenSections) {
  Bytes container = toyContainer();
  auto verify = [&] {
    Artifact artifact;
    Error error{};
    EXPECT_EQ(openArtifact(container.data(), container.size(), artifact, error), LLMC_OK) << error.message;
    return std::string(verifyArtifact(artifact, error) ? error.message : "");
  };
  EXPECT_EQ(verify(), "");
  Artifact artifact;
  Error error{};
  ASSERT_EQ(openArtifact(container.data(), container.size(), artifact, error), LLMC_OK);
  uint64_t weights = artifact.section(LLMC_SECTION_WEIGHTS)->offset;
  container[weights + 17] ^= 1;
  EXPECT_EQ(verify(), "section 2 (weights) is damaged (its SHA-256 does not match)");
  container[weights + 17] ^= 1;
  container[weights - 1] = 8;
  EXPECT_EQ(verify(), "byte " + std::to_string(weights - 1) + ", between sections, is 8, expected 0");
}

} // namespace
