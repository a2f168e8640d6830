// ArithmeticProbe.cpp - measures rates of multiply-adds with a session's threads, by instruction.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/artifact_format.h"
#include "runtime/src/platform/CpuFeatures.h"
#include "runtime/src/runner/MachineProbe.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace llmc::runtime {

namespace {

using Kernel = double (*)(uint64_t rounds); ///< Returns how many operations it did.

#if defined(__x86_64__)
// Independent accumulators: latency 4 times two units need 8; a few more are kept in flight.
#define LLMC_EACH_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

// Ordinary values: zeros would draw less power and could run at a higher clock than real data does.
#define LLMC_KERNEL(NAME, TARGET, TYPE, X, Y, OPERATIONS, KEEP, EXPRESSION)                                            \
  __attribute__((target(TARGET))) double NAME(uint64_t rounds) {                                                       \
    TYPE x, y;                                                                                                         \
    uint32_t bits[2][sizeof(TYPE) / 4];                                                                                \
    for (uint32_t i = 0; i < sizeof(TYPE) / 4; ++i)                                                                    \
      bits[0][i] = X, bits[1][i] = Y;                                                                                  \
    memcpy(&x, bits[0], sizeof x);                                                                                     \
    memcpy(&y, bits[1], sizeof y);                                                                                     \
    LLMC_EACH_12(LLMC_DECLARE_##KEEP)                                                                                  \
    for (uint64_t n = 0; n < rounds; ++n) {                                                                            \
      LLMC_EACH_12(EXPRESSION)                                                                                         \
      LLMC_EACH_12(LLMC_KEEP_##KEEP)                                                                                   \
    }                                                                                                                  \
    return double(rounds) * 12 * OPERATIONS;                                                                           \
  }
#define LLMC_DECLARE_v(i) auto sum##i = x;
#define LLMC_DECLARE_x(i) auto sum##i = x;
#define LLMC_DECLARE_f(i) __m512 sum##i = _mm512_set1_ps(float(i));
#define LLMC_KEEP_v(i) __asm__ volatile("" : "+v"(sum##i));
#define LLMC_KEEP_x(i) __asm__ volatile("" : "+x"(sum##i));
#define LLMC_KEEP_f(i) __asm__ volatile("" : "+v"(sum##i));

#define LLMC_F32_512(i) sum##i = _mm512_fmadd_ps(x, y, sum##i);
#define LLMC_F32_256(i) sum##i = _mm256_fmadd_ps(x, y, sum##i);
#define LLMC_F16_512(i) sum##i = _mm512_fmadd_ph(x, y, sum##i);
#define LLMC_BF16_512(i) sum##i = _mm512_dpbf16_ps(sum##i, x, y);
#define LLMC_I8_512(i) sum##i = _mm512_dpbusd_epi32(sum##i, x, y);
#define LLMC_I8_VNNI(i) sum##i = _mm256_dpbusd_avx_epi32(sum##i, x, y);
// What AVX2 has: pairs of bytes into 16 bits, pairs of those into 32 bits.
#define LLMC_I8_256(i)                                                                                                 \
  sum##i = _mm256_add_epi32(sum##i, _mm256_madd_epi16(_mm256_maddubs_epi16(x, _mm256_xor_si256(y, sum##i)), ones));
constexpr uint32_t f32X = 0x3f800001, f32Y = 0x3a83126f, f16X = 0x3c003c01, f16Y = 0x14001401, bf16X = 0x3f803f81,
                   bf16Y = 0x3a833a84, i8X = 0x11f23344, i8Y = 0x0102ff7e;
LLMC_KERNEL(multiplyF32x16, "avx512f", __m512, f32X, f32Y, 32, v, LLMC_F32_512)
LLMC_KERNEL(multiplyF32x8, "avx2,fma", __m256, f32X, f32Y, 16, x, LLMC_F32_256)
LLMC_KERNEL(multiplyF16x32, "avx512fp16", __m512h, f16X, f16Y, 64, v, LLMC_F16_512)
LLMC_KERNEL(multiplyBf16x32, "avx512f,avx512bf16", __m512bh, bf16X, bf16Y, 64, f, LLMC_BF16_512)
LLMC_KERNEL(multiplyI8x64, "avx512f,avx512vnni", __m512i, i8X, i8Y, 128, v, LLMC_I8_512)
LLMC_KERNEL(multiplyI8x32, "avx2,avxvnni", __m256i, i8X, i8Y, 64, x, LLMC_I8_VNNI)

__attribute__((target("avx2"))) double multiplyI8Pairs(uint64_t rounds) {
  const __m256i x = _mm256_set1_epi32(int(i8X)), y = _mm256_set1_epi32(int(i8Y)), ones = _mm256_set1_epi16(1);
  LLMC_EACH_12(LLMC_DECLARE_x)
  for (uint64_t n = 0; n < rounds; ++n) {
    LLMC_EACH_12(LLMC_I8_256)
    LLMC_EACH_12(LLMC_KEEP_x)
  }
  return double(rounds) * 12 * 64;
}

/// Four tiles of sums, as kernels keep at most: 16 x 16 sums of 64 products each.
__attribute__((target("amx-tile,amx-int8"))) double multiplyI8Tiles(uint64_t rounds) {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } shape;
  alignas(64) uint8_t memory[1024];
  memset(memory, 0x11, sizeof memory);
  _tile_loadconfig(&shape);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, memory, 64);
  _tile_loadd(5, memory, 64);
  _tile_loadd(6, memory, 64);
  _tile_loadd(7, memory, 64);
  for (uint64_t n = 0; n < rounds / 16; ++n) {
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    _tile_dpbsud(2, 5, 6);
    _tile_dpbsud(3, 5, 7);
  }
  _tile_release();
  return double(rounds / 16) * 4 * 2 * 16 * 16 * 64;
}
#endif

/// The best kernel that the features allow, or null.
Kernel kernelOf(ProbedType type, uint64_t features) {
#if defined(__x86_64__)
  auto has = [&](uint64_t wanted) { return (features & wanted) == wanted; };
  switch (type) {
  case ProbedType::f32:
    return has(LLMC_X86_AVX512F) ? multiplyF32x16 : has(LLMC_X86_AVX2 | LLMC_X86_FMA) ? multiplyF32x8 : nullptr;
  case ProbedType::f16:
    return has(LLMC_X86_AVX512FP16) ? multiplyF16x32 : nullptr;
  case ProbedType::bf16:
    return has(LLMC_X86_AVX512F | LLMC_X86_AVX512BF16) ? multiplyBf16x32 : nullptr;
  case ProbedType::i8:
    return has(LLMC_X86_AMXTILE | LLMC_X86_AMXINT8)      ? multiplyI8Tiles
           : has(LLMC_X86_AVX512F | LLMC_X86_AVX512VNNI) ? multiplyI8x64
           : has(LLMC_X86_AVX2 | LLMC_X86_AVXVNNI)       ? multiplyI8x32
           : has(LLMC_X86_AVX2)                          ? multiplyI8Pairs
                                                         : nullptr;
  }
#endif
  (void)type;
  (void)features;
  return nullptr;
}

struct ArithmeticJob {
  Kernel kernel;
  uint64_t rounds;
  double operations[maxThreads];
};

void multiplyAdds(void *argument, uint32_t thread, uint32_t) {
  ArithmeticJob &job = *static_cast<ArithmeticJob *>(argument);
  job.operations[thread] = job.kernel(job.rounds);
}

} // namespace

double measureArithmetic(Team &team, ProbedType type, uint64_t features) {
  static ArithmeticJob job;
  job.kernel = kernelOf(type, features);
  job.rounds = 2000 * 1000;
  if (!job.kernel)
    return 0;
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    uint64_t start = platform::nanoseconds();
    runOnTeam(team, multiplyAdds, &job);
    double operations = 0;
    for (uint32_t i = 0; i < team.numThreads; ++i)
      operations += job.operations[i];
    double rate = operations * 1e9 / double(platform::nanoseconds() - start);
    if (rate > best)
      best = rate;
  }
  return best;
}

double measureMultiplyAdds(Team &team) { return measureArithmetic(team, ProbedType::f32, platform::hostFeatures()); }

} // namespace llmc::runtime
