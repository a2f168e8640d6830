// CpuFeatures.cpp - asks the processor by CPUID and the system by XCR0.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/CpuFeatures.h"

#include "llmc/artifact_format.h"
#include "runtime/src/platform/Error.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace llmc::runtime::platform {

namespace {
/// Where CPUID tells of a feature: leaf 1 or 7 (subleaf), register, bit. Source: Intel SDM volume 2, CPUID.
struct FeatureRow {
  uint64_t bit;
  const char *name;
  uint8_t leaf, subleaf;
  char reg;
  uint8_t position;
};
const FeatureRow featureRows[] = {
    {LLMC_X86_AVX2, "avx2", 7, 0, 'b', 5},
    {LLMC_X86_FMA, "fma", 1, 0, 'c', 12},
    {LLMC_X86_F16C, "f16c", 1, 0, 'c', 29},
    {LLMC_X86_BMI2, "bmi2", 7, 0, 'b', 8},
    {LLMC_X86_AVX512F, "avx512f", 7, 0, 'b', 16},
    {LLMC_X86_AVX512BW, "avx512bw", 7, 0, 'b', 30},
    {LLMC_X86_AVX512DQ, "avx512dq", 7, 0, 'b', 17},
    {LLMC_X86_AVX512VL, "avx512vl", 7, 0, 'b', 31},
    {LLMC_X86_AVX512CD, "avx512cd", 7, 0, 'b', 28},
    {LLMC_X86_AVX512VNNI, "avx512vnni", 7, 0, 'c', 11},
    {LLMC_X86_AVX512BF16, "avx512bf16", 7, 1, 'a', 5},
    {LLMC_X86_AVX512FP16, "avx512fp16", 7, 0, 'd', 23},
    {LLMC_X86_AVXVNNI, "avxvnni", 7, 1, 'a', 4},
    {LLMC_X86_AMXTILE, "amx-tile", 7, 0, 'd', 24},
    {LLMC_X86_AMXINT8, "amx-int8", 7, 0, 'd', 25},
};
/// Everything that uses the 512-bit state; the rest but bmi2 uses the 256-bit state.
constexpr uint64_t avx512Features = LLMC_X86_AVX512F | LLMC_X86_AVX512BW | LLMC_X86_AVX512DQ | LLMC_X86_AVX512VL |
                                    LLMC_X86_AVX512CD | LLMC_X86_AVX512VNNI | LLMC_X86_AVX512BF16 | LLMC_X86_AVX512FP16;
constexpr uint64_t avxFeatures = LLMC_X86_AVX2 | LLMC_X86_FMA | LLMC_X86_F16C | LLMC_X86_AVXVNNI;
} // namespace

uint32_t hostArchitecture() {
#if defined(__x86_64__)
  return LLMC_ARCH_X86_64;
#elif defined(__aarch64__)
  return LLMC_ARCH_AARCH64;
#else
  return 0;
#endif
}

const char *architectureName(uint32_t architecture) {
  switch (architecture) {
  case LLMC_ARCH_X86_64:
    return "x86-64";
  case LLMC_ARCH_AARCH64:
    return "aarch64";
  default:
    return "an unknown architecture";
  }
}

uint64_t knownFeatures() {
  uint64_t known = 0;
  for (const FeatureRow &row : featureRows)
    known |= row.bit;
  return known;
}

uint64_t hostFeatures() {
#if defined(__x86_64__)
  uint64_t features = 0;
  for (const FeatureRow &row : featureRows) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (row.leaf == 7 && row.subleaf) { // subleaf 0 says how many there are
      if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < row.subleaf)
        continue;
    }
    if (!__get_cpuid_count(row.leaf, row.subleaf, &a, &b, &c, &d))
      continue;
    unsigned value = row.reg == 'a' ? a : row.reg == 'b' ? b : row.reg == 'c' ? c : d;
    if (value >> row.position & 1)
      features |= row.bit;
  }
  // The system must save the wide registers on a switch: bits 1-2 of XCR0 for 256 bits, 5-7 as well for 512, and
  // 17-18 for tiles.
  unsigned a, b, c, d;
  uint64_t saved = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) && (c >> 27 & 1)) { // OSXSAVE
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    saved = low | uint64_t(high) << 32;
  }
  if ((saved & 0x06) != 0x06)
    features &= ~(avxFeatures | avx512Features);
  if ((saved & 0xe6) != 0xe6)
    features &= ~avx512Features;
  if ((saved & 0x60000) != 0x60000)
    features &= ~tileFeatures;
  return features;
#else
  return 0;
#endif
}

const char *featureNames(uint64_t features, char *text, size_t capacity) {
  size_t size = 0;
  text[0] = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if (!(features >> bit & 1))
      continue;
    const char *name = nullptr;
    for (const FeatureRow &row : featureRows)
      if (row.bit == uint64_t(1) << bit)
        name = row.name;
    const char *separator = size ? ", " : "";
    size += name ? formatText(text + size, capacity - size, "%s%s", separator, name)
                 : formatText(text + size, capacity - size, "%sbit %u", separator, bit);
  }
  return text;
}

const char *processorName(char (&text)[64]) {
  memset(text, 0, sizeof text);
#if defined(__x86_64__)
  unsigned words[12] = {};
  for (unsigned i = 0; i < 3; ++i)
    if (!__get_cpuid(0x80000002u + i, words + 4 * i, words + 4 * i + 1, words + 4 * i + 2, words + 4 * i + 3))
      return text;
  memcpy(text, words, sizeof words);
  size_t end = strlen(text), begin = strspn(text, " ");
  while (end > begin && text[end - 1] == ' ')
    text[--end] = 0;
  memmove(text, text + begin, end - begin + 1);
#endif
  return text;
}

} // namespace llmc::runtime::platform
