// VariantTest.cpp - the first variant that the processor can run is chosen; none gives a sentence.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Variant.h"
#include "runtime/src/platform/CpuFeatures.h"
#include "test/runtime/support/ContainerWriter.h"

#include <gtest/gtest.h>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

constexpr uint64_t v3 = LLMC_X86_AVX2 | LLMC_X86_FMA | LLMC_X86_F16C | LLMC_X86_BMI2;
constexpr uint64_t v4 =
    v3 | LLMC_X86_AVX512F | LLMC_X86_AVX512BW | LLMC_X86_AVX512DQ | LLMC_X86_AVX512VL | LLMC_X86_AVX512CD;

/// A container with a v4 and a v3 variant.
class VariantTest : public testing::Test {
protected:
  VariantTest() {
    ToyParts parts = toyParts();
    parts.variants = {{parts.manifest.text("x86-64-v4"), LLMC_ARCH_X86_64, 0, v4, {}},
                      {parts.manifest.text("x86-64-v3"), LLMC_ARCH_X86_64, 0, v3, {}}};
    parts.entryOffsets = {{0}, {0}};
    container = writeContainer(toySections(parts));
    EXPECT_EQ(openArtifact(container.data(), container.size(), artifact, error), LLMC_OK) << error.message;
  }
  Bytes container;
  Artifact artifact;
  Error error{};
  uint32_t variant = 99;
};

TEST_F(VariantTest, TheFirstThatFitsIsChosen) {
  EXPECT_EQ(chooseVariant(artifact, LLMC_ARCH_X86_64, v4 | LLMC_X86_AVX512VNNI, variant, error), LLMC_OK);
  EXPECT_EQ(variant, 0u);
  EXPECT_EQ(chooseVariant(artifact, LLMC_ARCH_X86_64, v4 & ~LLMC_X86_AVX512CD, variant, error), LLMC_OK);
  EXPECT_EQ(variant, 1u);
}

TEST_F(VariantTest, AnOldProcessorGetsASentence) {
  EXPECT_EQ(chooseVariant(artifact, LLMC_ARCH_X86_64, LLMC_X86_F16C | LLMC_X86_AVX2, variant, error), LLMC_UNSUPPORTED);
  std::string message = error.message;
  EXPECT_EQ(message.rfind("needs at least variant 'x86-64-v3' (avx2, fma, f16c, bmi2), this processor", 0), 0u)
      << message;
  EXPECT_NE(message.find(" has no fma, bmi2"), std::string::npos) << message;
  EXPECT_STREQ(error.note, "the processor has avx2, f16c; compile for it with --cpu");
}

TEST_F(VariantTest, AnotherArchitectureGetsASentence) {
  EXPECT_EQ(chooseVariant(artifact, LLMC_ARCH_AARCH64, ~0ull, variant, error), LLMC_UNSUPPORTED);
  EXPECT_STREQ(error.message, "is compiled for x86-64, this processor is aarch64");
}

TEST_F(VariantTest, AFeatureThisRuntimeDoesNotKnowIsNeverThere) {
  ToyParts parts = toyParts();
  parts.variants[0].features = 1ull << 40;
  Bytes other = writeContainer(toySections(parts));
  ASSERT_EQ(openArtifact(other.data(), other.size(), artifact, error), LLMC_OK);
  EXPECT_EQ(chooseVariant(artifact, parts.variants[0].architecture, ~0ull, variant, error), LLMC_UNSUPPORTED);
  EXPECT_NE(std::string(error.message).find("has no bit 40"), std::string::npos) << error.message;
}

TEST(CpuFeaturesTest, AgreeWithTheCompilersBuiltins) {
#if defined(__x86_64__)
  uint64_t features = platform::hostFeatures();
  EXPECT_EQ(bool(features & LLMC_X86_AVX2), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(bool(features & LLMC_X86_FMA), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(bool(features & LLMC_X86_BMI2), bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(bool(features & LLMC_X86_AVX512F), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(bool(features & LLMC_X86_AVX512BW), bool(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(bool(features & LLMC_X86_AVX512VL), bool(__builtin_cpu_supports("avx512vl")));
  EXPECT_EQ(bool(features & LLMC_X86_AVX512VNNI), bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(bool(features & LLMC_X86_AVX512BF16), bool(__builtin_cpu_supports("avx512bf16")));
  EXPECT_EQ(bool(features & LLMC_X86_AMXTILE), bool(__builtin_cpu_supports("amx-tile")));
  EXPECT_EQ(bool(features & LLMC_X86_AMXINT8), bool(__builtin_cpu_supports("amx-int8")));
#endif
}

} // namespace
