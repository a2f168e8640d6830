// X86Backend.cpp - the x86-64 variants and their answers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/TargetBackend.h"
#include "compiler/Targets/X86/IntegerDot.h"
#include "compiler/Targets/X86/MatrixTiles.h"
#include "compiler/Targets/X86/Processors.h"

#include "llmc/artifact_format.h"

using namespace llmc;
using mlir::Value;
using vector_emit::VectorBuilder;

namespace {

constexpr uint64_t featuresV3 = LLMC_X86_AVX2 | LLMC_X86_FMA | LLMC_X86_F16C | LLMC_X86_BMI2;
constexpr uint64_t featuresV4 =
    featuresV3 | LLMC_X86_AVX512F | LLMC_X86_AVX512BW | LLMC_X86_AVX512DQ | LLMC_X86_AVX512VL | LLMC_X86_AVX512CD;

/// AVX2 and FMA: 16 registers of 8 f32, so a panel of 16 columns takes two.
class AVX2Backend : public TargetBackend {
public:
  llvm::StringRef name() const override { return "x86-64-v3"; }
  llvm::StringRef triple() const override { return "x86_64-unknown-linux-gnu"; }
  llvm::StringRef cpu() const override { return "x86-64-v3"; }
  llvm::StringRef features() const override { return ""; }
  uint32_t architecture() const override { return LLMC_ARCH_X86_64; }
  uint64_t requiredFeatures() const override { return featuresV3; }
  unsigned preferredVectorBits() const override { return 256; }

  std::vector<RegisterTile> matmulTiles(int64_t streams, mlir::Type element) const override {
    // Accumulators take rows * panels * streams * 2 of the 16 registers; two hold the weights, one the activation.
    if (streams == 1)
      return {{6, 1}, {2, 2}, {2, 1}, {1, 4}, {1, 2}, {1, 1}};
    return {{6, 1}, {3, 1}, {1, 2}, {1, 1}};
  }
  TileMachine tileMachine(bool quantised) const override {
    // Two kinds of accumulators, two registers each. Four products take vpmaddubsw, vpmaddwd, a sign and a sum; numbers
    // their own sign and magnitude.
    if (quantised)
      return {x86::processorsWithAVX2(), 2, 16, 3, /*dotMultiplies=*/2, /*dotOthers=*/2, /*numberOthers=*/2};
    return {x86::processorsWithAVX2(), 2, 16, 6};
  }
  RegisterTile attentionTile() const override { return {4, 1}; }

  std::vector<RegisterTile> integerTiles(int64_t streams) const override {
    // Two kinds of accumulators, two registers each.
    if (streams == 1)
      return {{3, 1}, {2, 1}, {1, 2}, {1, 1}};
    return {{3, 1}, {1, 1}};
  }
  Value dot(VectorBuilder &b, Value sum, Value numbers, Value activations, bool small) const override {
    return x86::dotPairs(b, sum, numbers, activations, small, 256);
  }
  Value dotSigned(VectorBuilder &b, Value sum, Value numbers, Value activations) const override {
    return x86::dotSigns(b, sum, numbers, activations);
  }
  bool dotsSigned() const override { return true; }
  Value lookUp(VectorBuilder &b, Value table, Value codes) const override {
    return x86::shuffleBytes(b, table, codes, 256);
  }
  bool isForIntegers() const override { return false; }
};

/// AVX2 with AVX-VNNI, on processors without AVX-512.
class AVXVNNIBackend final : public AVX2Backend {
public:
  llvm::StringRef name() const override { return "x86-64-v3-vnni"; }
  llvm::StringRef features() const override { return "+avxvnni"; }
  uint64_t requiredFeatures() const override { return featuresV3 | LLMC_X86_AVXVNNI; }

  TileMachine tileMachine(bool quantised) const override {
    return {x86::processorsWithAVXVNNI(), 2, 16, quantised ? 3 : 6};
  }

  std::vector<RegisterTile> integerTiles(int64_t streams) const override {
    if (streams == 1)
      return {{3, 1}, {2, 1}, {1, 2}, {1, 1}};
    return {{3, 1}, {1, 1}};
  }
  Value dot(VectorBuilder &b, Value sum, Value numbers, Value activations, bool) const override {
    return x86::dotVNNI(b, sum, numbers, activations, 256);
  }
  bool dotsSigned() const override { return false; }
  bool isForIntegers() const override { return true; }
};

/// AVX-512: 32 registers of 16 f32.
class AVX512Backend : public TargetBackend {
public:
  llvm::StringRef name() const override { return "x86-64-v4"; }
  llvm::StringRef triple() const override { return "x86_64-unknown-linux-gnu"; }
  llvm::StringRef cpu() const override { return "x86-64-v4"; }
  llvm::StringRef features() const override { return ""; }
  uint32_t architecture() const override { return LLMC_ARCH_X86_64; }
  uint64_t requiredFeatures() const override { return featuresV4; }
  unsigned preferredVectorBits() const override { return 512; }

  std::vector<RegisterTile> matmulTiles(int64_t streams, mlir::Type element) const override {
    // 24 accumulators leave room for two weight vectors, their unpacked halves and an activation. One row alone needs
    // eight chains to cover the latency of a fused multiply-add at two a cycle.
    if (streams == 1)
      return {{12, 2}, {12, 1}, {8, 3}, {8, 2}, {8, 1}, {4, 4}, {4, 2}, {4, 1},
              {2, 8},  {2, 4},  {2, 2}, {2, 1}, {1, 8}, {1, 4}, {1, 2}, {1, 1}};
    return {{12, 1}, {4, 2}, {4, 1}, {2, 4}, {2, 2}, {2, 1}, {1, 4}, {1, 2}, {1, 1}};
  }
  TileMachine tileMachine(bool quantised) const override {
    // Two kinds of accumulators, and bytes widened to words: twice vpmaddwd and a sum, three for the activation.
    if (quantised)
      return {x86::processorsWithAVX512(), 1, 32, 6, /*dotMultiplies=*/2, /*dotOthers=*/5, /*numberOthers=*/2};
    return {x86::processorsWithAVX512(), 1, 32, 24};
  }
  RegisterTile attentionTile() const override { return {6, 4}; }

  std::vector<RegisterTile> integerTiles(int64_t streams) const override {
    // Two kinds of accumulators, and bytes widened to words.
    if (streams == 1)
      return {{6, 1}, {4, 1}, {2, 2}, {2, 1}, {1, 4}, {1, 2}, {1, 1}};
    return {{2, 1}, {1, 2}, {1, 1}};
  }
  Value dot(VectorBuilder &b, Value sum, Value numbers, Value activations, bool small) const override {
    return x86::dotPairs(b, sum, numbers, activations, small, 512);
  }
  Value lookUp(VectorBuilder &b, Value table, Value codes) const override {
    return x86::shuffleBytes(b, table, codes, 512);
  }
  Value scaleByPowerOfTwo(VectorBuilder &b, Value x, Value n) const override {
    if (!mlir::isa<mlir::VectorType>(x.getType()))
      return {};
    return x86::scaleF32(b, x, n);
  }
  bool isForIntegers() const override { return false; }
};

/// AVX-512 with its dot products of bytes.
class AVX512VNNIBackend : public AVX512Backend {
public:
  llvm::StringRef name() const override { return "x86-64-v4-vnni"; }
  llvm::StringRef features() const override { return "+avx512vnni"; }
  uint64_t requiredFeatures() const override { return featuresV4 | LLMC_X86_AVX512VNNI; }

  TileMachine tileMachine(bool quantised) const override {
    return {x86::processorsWithAVX512VNNI(), 1, 32, quantised ? 12 : 24};
  }
  std::vector<RegisterTile> integerTiles(int64_t streams) const override {
    // 12 accumulators of each kind cover the latency of a dot product at two a cycle, and 8 loads bring what they take.
    if (streams == 1)
      return {{6, 2}, {6, 1}, {4, 2}, {4, 1}, {2, 4}, {2, 2}, {2, 1}, {1, 8}, {1, 4}, {1, 2}, {1, 1}};
    return {{6, 1}, {4, 1}, {2, 2}, {2, 1}, {1, 4}, {1, 2}, {1, 1}};
  }
  Value dot(VectorBuilder &b, Value sum, Value numbers, Value activations, bool) const override {
    return x86::dotVNNI(b, sum, numbers, activations, 512);
  }
  bool isForIntegers() const override { return true; }
};

/// Measured when a panel was several streams, and not since.
constexpr WeightReading readingOfSapphireRapids = {8, 1024};

/// The same with tiles of bytes (AMX) for many rows. What has tiles has these dot products, too.
class AMXBackend final : public AVX512VNNIBackend {
public:
  llvm::StringRef name() const override { return "x86-64-v4-amx"; }
  llvm::StringRef features() const override { return "+avx512vnni,+amx-tile,+amx-int8"; }
  uint64_t requiredFeatures() const override {
    return featuresV4 | LLMC_X86_AVX512VNNI | LLMC_X86_AMXTILE | LLMC_X86_AMXINT8;
  }
  const ByteTiles *byteTiles() const override { return &x86::matrixTiles(); }
  WeightReading weightReading() const override { return readingOfSapphireRapids; }
};

/// AVX-512 with arithmetic on f16, for programs that ask for it. What has it has dot products of bytes.
class AVX512FP16Backend final : public AVX512VNNIBackend {
public:
  llvm::StringRef name() const override { return "x86-64-v4-fp16"; }
  llvm::StringRef features() const override { return "+avx512vnni,+avx512fp16"; }
  uint64_t requiredFeatures() const override { return featuresV4 | LLMC_X86_AVX512VNNI | LLMC_X86_AVX512FP16; }
  bool addsHalves() const override { return true; }
  WeightReading weightReading() const override { return readingOfSapphireRapids; }
};

const AVX2Backend avx2;
const AVXVNNIBackend avxVNNI;
const AVX512Backend avx512;
const AVX512VNNIBackend avx512VNNI;
const AMXBackend amx;
const AVX512FP16Backend fp16;
const TargetBackend *const backends[] = {&amx, &fp16, &avx512VNNI, &avx512, &avxVNNI, &avx2};

} // namespace

const TargetBackend *llmc::targetBackend(llvm::StringRef name) {
  for (const TargetBackend *backend : backends)
    if (backend->name() == name)
      return backend;
  return nullptr;
}

std::vector<llvm::StringRef> llmc::targetBackendNames() {
  std::vector<llvm::StringRef> names;
  for (const TargetBackend *backend : backends)
    names.push_back(backend->name());
  return names;
}
