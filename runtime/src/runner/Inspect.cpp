// Inspect.cpp - what an artifact holds, printed for people.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Inspect.h"

#include "runtime/src/artifact/Verify.h"
#include "runtime/src/memory/SizeExpressions.h"
#include "runtime/src/platform/CpuFeatures.h"
#include "runtime/src/platform/Platform.h"
#include "runtime/src/runner/CutShort.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/session/Model.h"
#include "runtime/src/text/template/Template.h"

#include "llmc/tokenizer_format.h"

#include <map>
#include <math.h>
#include <stdio.h>

namespace llmc::runtime {

using ull = unsigned long long;

namespace {

std::string toString(llmc_text_view text) { return std::string(text.data, text.size); }

const char *elementTypeName(uint32_t type) {
  const char *names[] = {"?", "f32", "f16", "bf16", "i32", "i64", "i8", "u8"};
  return type < 8 ? names[type] : "?";
}

const char *stateKindName(uint32_t kind) {
  const char *names[] = {"?", "kv_cache", "recurrent", "convolution"};
  return kind < 4 ? names[kind] : "?";
}

/// "12.3 MiB", "940 bytes".
std::string byteSize(uint64_t bytes) {
  char text[32];
  if (bytes < 10240)
    snprintf(text, sizeof text, "%llu bytes", ull(bytes));
  else if (bytes < 10u << 20)
    snprintf(text, sizeof text, "%.1f KiB", double(bytes) / 1024);
  else
    snprintf(text, sizeof text, "%.1f MiB", double(bytes) / (1 << 20));
  return text;
}

void printGeneration(const Artifact &artifact) {
  const llmc_generation &generation = artifact.manifest.generation;
  if (!generation.vocab_size)
    return;
  printf("generation  vocabulary %u tokens", generation.vocab_size);
  if (generation.max_position)
    printf(", made for %u positions", generation.max_position);
  if (generation.bos_id >= 0)
    printf(", bos %d", generation.bos_id);
  for (uint32_t i = 0; i < generation.eos_ids.count; ++i)
    printf(i ? " %d" : ", eos %d", artifact.row<int32_t>(generation.eos_ids, i));
  printf("; %s by default", generation.do_sample ? "samples" : "greedy");
  if (!isnan(generation.temperature))
    printf(", temperature %g", double(generation.temperature));
  if (generation.top_k > 0)
    printf(", top-k %d", generation.top_k);
  if (!isnan(generation.top_p))
    printf(", top-p %g", double(generation.top_p));
  if (!isnan(generation.min_p))
    printf(", min-p %g", double(generation.min_p));
  if (!isnan(generation.repetition_penalty))
    printf(", repeat penalty %g", double(generation.repetition_penalty));
  printf("\n");
}

const char *tokenizerName(const llmc_tokenizer_header &header) {
  switch (header.model) {
  case LLMC_TOKENIZER_BPE:
    return header.flags & LLMC_TOKENIZER_BYTE_LEVEL      ? "byte-level BPE"
           : header.flags & LLMC_TOKENIZER_BYTE_FALLBACK ? "BPE with byte fallback"
                                                         : "BPE";
  case LLMC_TOKENIZER_UNIGRAM:
    return header.flags & LLMC_TOKENIZER_BYTE_FALLBACK ? "unigram with byte fallback" : "unigram";
  case LLMC_TOKENIZER_WORDPIECE:
    return "WordPiece";
  case LLMC_TOKENIZER_WORDLEVEL:
    return "whole words";
  default:
    return "of another kind";
  }
}

/// How the model reads text and conversations.
void printText(const Artifact &artifact) {
  const llmc_section *section = artifact.section(LLMC_SECTION_TOKENIZER);
  llmc_tokenizer_header header;
  if (!section || section->size < sizeof header) {
    printf("tokenizer   none: takes token ids\n");
  } else {
    memcpy(&header, artifact.bytes(section), sizeof header);
    printf("tokenizer   %s, %u tokens\n", tokenizerName(header), header.tokens.count);
  }
  section = artifact.section(LLMC_SECTION_TEMPLATES);
  ChatTemplates templates;
  const char *reason = "";
  if (!section) {
    printf("chat        no template: a prompt is continued\n");
  } else if (templates.open(artifact.bytes(section), section->size, &reason) != TextStatus::Ok) {
    printf("chat        its templates cannot be opened: %s\n", reason);
  } else {
    printf("chat        template");
    for (uint32_t i = 0; i < templates.count(); ++i)
      printf("%s %.*s", i ? "," : "", int(templates.name(i).size), templates.name(i).data);
    printf("\n");
  }
}

void printFacts(const Artifact &artifact) {
  for (uint32_t i = 0; i < artifact.manifest.facts.count; ++i) {
    llmc_fact fact = artifact.row<llmc_fact>(artifact.manifest.facts, i);
    printf("%-11s %s\n", toString(artifact.text(fact.key)).c_str(), toString(artifact.text(fact.value)).c_str());
  }
}

void printVariants(const Artifact &artifact) {
  for (uint32_t i = 0; i < artifact.manifest.variants.count; ++i) {
    llmc_variant variant = artifact.variant(i);
    char names[256];
    printf("variant     %s (%s; %s), code %s\n", toString(artifact.text(variant.name)).c_str(),
           platform::architectureName(variant.architecture),
           *platform::featureNames(variant.features, names, sizeof names) ? names : "no features needed",
           byteSize(artifact.section(LLMC_SECTION_CODE, i)->size).c_str());
  }
}

void printTensors(const Artifact &artifact, const char *what, llmc_range range) {
  for (uint32_t i = 0; i < range.count; ++i) {
    llmc_tensor tensor = artifact.row<llmc_tensor>(range, i);
    printf("  %-9s %s [", what, toString(artifact.text(tensor.name)).c_str());
    for (uint32_t k = 0; k < tensor.rank; ++k) {
      uint64_t size = tensor.sizes[k];
      printf("%s", k ? ", " : "");
      if (size & LLMC_SIZE_IS_DIM)
        printf("%s", toString(artifact.text(artifact.dim(uint32_t(size & ~LLMC_SIZE_IS_DIM)).name)).c_str());
      else
        printf("%llu", ull(size));
    }
    printf("] %s\n", elementTypeName(tensor.element_type));
  }
}

void printEntries(const Artifact &artifact) {
  for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i) {
    llmc_dim dim = artifact.dim(i);
    const std::string name = toString(artifact.text(dim.name));
    if (dim.kind == LLMC_DIM_COMPUTED)
      printf("dim         %s: %llu to %llu, computed\n", name.c_str(), ull(dim.minimum), ull(dim.maximum));
    else
      printf("dim         %s: %llu to %llu, default %llu\n", name.c_str(), ull(dim.minimum), ull(dim.maximum),
             ull(dim.default_value));
  }
  for (uint32_t e = 0; e < artifact.manifest.entries.count; ++e) {
    llmc_entry entry = artifact.entry(e);
    printf("entry       %s\n", toString(artifact.text(entry.name)).c_str());
    printTensors(artifact, "input", entry.inputs);
    printTensors(artifact, "output", entry.outputs);
    for (uint32_t i = 0; i < entry.states.count; ++i) {
      llmc_state state = artifact.row<llmc_state>(entry.states, i);
      printf("  state     %s: %s of %s, %u slots, pages of %u positions and %s (%llu bytes a position)\n",
             toString(artifact.text(state.name)).c_str(), stateKindName(state.kind),
             elementTypeName(state.element_type), state.slots, state.page_tokens, byteSize(state.page_bytes).c_str(),
             ull(state.page_bytes / state.page_tokens));
    }
    // The arena at the defaults, one thread.
    std::vector<uint64_t> dims, offsets(entry.slots.count);
    for (uint32_t i = 0; i < artifact.manifest.dims.count; ++i)
      dims.push_back(artifact.dim(i).default_value);
    uint64_t total;
    if (planArena(artifact, entry, dims.data(), offsets.data(), total))
      printf("  arena     %u slots, %s at the default bounds\n", entry.slots.count, byteSize(total).c_str());
  }
}

void printWeights(const Artifact &artifact) {
  std::map<std::string, std::pair<uint32_t, uint64_t>> formats;
  for (uint32_t i = 0; i < artifact.manifest.weights.count; ++i) {
    llmc_weight_info weight = artifact.row<llmc_weight_info>(artifact.manifest.weights, i);
    auto &[count, size] = formats[toString(artifact.text(weight.format))];
    ++count;
    size += weight.size;
  }
  for (const auto &[format, sums] : formats)
    printf("weights     %s: %u tensors, %s\n", format.c_str(), sums.first, byteSize(sums.second).c_str());
}

void printSections(const Artifact &artifact) {
  for (uint32_t i = 0; i < artifact.sectionCount; ++i) {
    const llmc_section &section = artifact.sections[i];
    char name[48];
    printf("section     %-18s %12llu bytes at %-10llu sha256 ", describeSection(section, name), ull(section.size),
           ull(section.offset));
    for (int k = 0; k < 8; ++k)
      printf("%02x", section.sha256[k]);
    printf("…\n");
  }
}

/// Opens a file's container without asking for this processor's code. Prints why not.
Status openAnyArtifact(const char *path, platform::MappedFile &file, Artifact &artifact) {
  Error error;
  uint64_t offset, size;
  if (!platform::mapFile(path, file, error) && !findContainer(file.data, file.size, offset, size, error) &&
      !openArtifact(file.data + offset, size, artifact, error))
    return LLMC_OK;
  printError(path, error);
  platform::unmapFile(file);
  return error.status;
}

} // namespace

bool printAbout(const char *file, const llmc_model *model) {
  const Artifact &artifact = model->artifact;
  printf("file        %s, %s\n", file, byteSize(artifact.size).c_str());
  printFacts(artifact);
  printText(artifact);
  printGeneration(artifact);
  printVariants(artifact);
  printWeights(artifact);
  return flushOutput();
}

int inspectArtifact(const char *path) {
  noticeCutShort(path);
  platform::MappedFile file;
  Artifact artifact;
  if (openAnyArtifact(path, file, artifact))
    return exitFailed;
  printf("file        %s, %s, artifact format %u.%u\n", path, byteSize(file.size).c_str(), LLMC_ARTIFACT_MAJOR,
         artifact.minor);
  printFacts(artifact);
  printText(artifact);
  printGeneration(artifact);
  printVariants(artifact);
  printEntries(artifact);
  printWeights(artifact);
  printSections(artifact);
  platform::unmapFile(file);
  return flushOutput() ? exitDone : exitFailed;
}

int verifyArtifactFile(const char *path) {
  noticeCutShort(path);
  platform::MappedFile file;
  Artifact artifact;
  if (Status status = openAnyArtifact(path, file, artifact))
    return status == LLMC_INVALID_FILE ? exitBelowThreshold : exitFailed;
  Error error;
  Status status = verifyArtifact(artifact, error);
  if (status)
    printError(path, error);
  else
    printf("%s: %u sections, %s: all hashes match\n", path, artifact.sectionCount, byteSize(artifact.size).c_str());
  platform::unmapFile(file);
  return status ? exitBelowThreshold : flushOutput() ? exitDone : exitFailed;
}

} // namespace llmc::runtime
