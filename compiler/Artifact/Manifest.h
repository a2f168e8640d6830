// Manifest.h - what a manifest says, as plain structs, and its bytes.
//
// Not here: reading the facts out of a module (ManifestBuilder.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_ARTIFACT_MANIFEST_H
#define LLMC_COMPILER_ARTIFACT_MANIFEST_H

#include "llmc/artifact_format.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace llmc::artifact {

struct Dim {
  std::string name;
  llmc_dim_kind kind = LLMC_DIM_NAMED;
  uint64_t minimum = 1, maximum = 1, defaultValue = 1;
};

/// Size of a dimension of an input or output: a constant, or one of the manifest's dims.
struct Extent {
  uint64_t value;
  bool isDim = false; ///< then `value` is an index into Manifest::dims
};

struct Tensor {
  std::string name;
  llmc_element_type elementType = LLMC_F32;
  llmc_role role = LLMC_ROLE_NONE;
  std::vector<Extent> sizes;
  uint64_t rowStride = 0; ///< elements
};

struct State {
  std::string name;
  llmc_state_kind kind = LLMC_STATE_KV_CACHE;
  llmc_element_type elementType = LLMC_F32;
  uint32_t slots = 0, pageTokens = 0;
  uint64_t pageBytes = 0;
};

/// `coefficient` bytes times the product of at most 4 dims.
struct SizeTerm {
  uint64_t coefficient;
  std::vector<uint32_t> dims;
};
using SizeExpression = std::vector<SizeTerm>; ///< the sum of its terms
using Slot = std::vector<SizeExpression>;     ///< the largest of its expressions

struct Entry {
  std::string name;
  std::vector<Tensor> inputs, outputs;
  std::vector<State> states;
  std::vector<Slot> slots;
};

struct Variant {
  std::string name;
  llmc_architecture architecture = LLMC_ARCH_X86_64;
  uint64_t features = 0;
  std::vector<uint64_t> entryOffsets; ///< one per entry
};

struct Fact {
  std::string key, value;
};

struct WeightInfo {
  std::string name, format;
  uint64_t offset = 0, size = 0; ///< bytes, in the weights section
};

/// Defaults of generation; ids of -1 and floats of NaN mean "not given".
struct Generation {
  int32_t bosId = -1, padId = -1;
  std::vector<int32_t> eosIds;
  uint32_t vocabSize = 0;
  bool doSample = false;
  float temperature = NAN, topP = NAN, minP = NAN, repetitionPenalty = NAN;
  int32_t topK = 0;
  uint32_t maxPosition = 0;
};

/// What a launch of an entry is and costs (llmc_launch).
struct Launch {
  std::string kernel, subject;
  uint32_t entry = 0, times = 1, layerClass = LLMC_NO_CLASS, rows = LLMC_DIM_NAMED;
  bool wantedRows = false;
  llmc_arithmetic arithmetic = LLMC_ARITHMETIC_NONE;
  uint64_t weightBytes = 0, rowBytes = 0, rowOperations = 0, keyBytes = 0, keyOperations = 0, window = 0;
};

/// A function of a variant's code.
struct Symbol {
  std::string name;
  uint32_t variant = 0, launch = LLMC_NO_LAUNCH;
  uint64_t offset = 0, size = 0;
};

struct Manifest {
  std::vector<Dim> dims;
  std::vector<Entry> entries;
  std::vector<Variant> variants;
  std::vector<Fact> facts;
  std::vector<WeightInfo> weights;
  Generation generation;
  std::vector<Launch> launches;
  std::vector<Symbol> symbols;

  /// The bytes of the manifest section. Equal manifests have equal bytes.
  std::string bytes() const;
};

} // namespace llmc::artifact

#endif // LLMC_COMPILER_ARTIFACT_MANIFEST_H
