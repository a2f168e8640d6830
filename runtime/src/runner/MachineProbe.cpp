// MachineProbe.cpp - measures read bandwidth with a session's threads.
//
// Not here: arithmetic (ArithmeticProbe.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/MachineProbe.h"

#include "llmc/artifact_format.h"
#include "runtime/src/platform/CpuFeatures.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace llmc::runtime {

namespace {

constexpr uint64_t lines = 4096; ///< A share is a multiple of this many bytes.

#if defined(__x86_64__)
/// Reads [data, data + size) once: in order, or in four streams that are asked for ahead. Which is faster is a matter
/// of the processor and of what else uses the memory.
__attribute__((target("avx512f"))) void readAll512(const uint8_t *data, uint64_t size, bool inOrder) {
  __m512i sums[4] = {};
  if (inOrder) {
    for (uint64_t i = 0; i < size; i += 128) {
      const uint8_t *at = data + i;
      _mm_prefetch(reinterpret_cast<const char *>(at) + 4096, _MM_HINT_T1);
      _mm_prefetch(reinterpret_cast<const char *>(at) + 4160, _MM_HINT_T1);
      sums[0] = _mm512_or_si512(sums[0], _mm512_or_si512(_mm512_loadu_si512(at), _mm512_loadu_si512(at + 64)));
    }
  } else {
    uint64_t part = size / 4;
    for (uint64_t i = 0; i < part; i += 128)
      for (int s = 0; s < 4; ++s) {
        const uint8_t *at = data + uint64_t(s) * part + i;
        _mm_prefetch(reinterpret_cast<const char *>(at) + 1024, _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char *>(at) + 1088, _MM_HINT_T1);
        sums[s] = _mm512_or_si512(sums[s], _mm512_or_si512(_mm512_loadu_si512(at), _mm512_loadu_si512(at + 64)));
      }
  }
  for (int s = 0; s < 4; ++s)
    __asm__ volatile("" : : "v"(sums[s]));
}

__attribute__((target("avx2"))) void readAll256(const uint8_t *data, uint64_t size, bool inOrder) {
  __m256i sums[4] = {};
  uint64_t streams = inOrder ? 1 : 4, part = size / streams, ahead = inOrder ? 4096 : 1024;
  for (uint64_t i = 0; i < part; i += 64)
    for (uint64_t s = 0; s < streams; ++s) {
      const uint8_t *at = data + s * part + i;
      _mm_prefetch(reinterpret_cast<const char *>(at) + ahead, _MM_HINT_T1);
      __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(at));
      __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(at + 32));
      sums[s] = _mm256_or_si256(sums[s], _mm256_or_si256(low, high));
    }
  for (int s = 0; s < 4; ++s)
    __asm__ volatile("" : : "x"(sums[s]));
}
#endif

/// Reads in a way that any compiler makes of any processor.
void readAllPlain(const uint8_t *data, uint64_t size) {
  uint64_t sums[4] = {};
  for (uint64_t i = 0; i < size; i += 32)
    for (int s = 0; s < 4; ++s) {
      uint64_t word;
      memcpy(&word, data + i + 8 * s, 8);
      sums[s] |= word;
    }
  __asm__ volatile("" : : "r"(sums[0] | sums[1] | sums[2] | sums[3]));
}

struct ReadJob {
  uint8_t *data;
  uint64_t share; ///< Bytes of each thread.
  uint64_t features;
  bool fill, inOrder;
};

void readShare(void *argument, uint32_t thread, uint32_t) {
  const ReadJob &job = *static_cast<ReadJob *>(argument);
  uint8_t *data = job.data + thread * job.share;
  if (job.fill) {
    memset(data, 1, job.share);
    return;
  }
#if defined(__x86_64__)
  if (job.features & LLMC_X86_AVX512F)
    return readAll512(data, job.share, job.inOrder);
  if (job.features & LLMC_X86_AVX2)
    return readAll256(data, job.share, job.inOrder);
#endif
  readAllPlain(data, job.share);
}

} // namespace

double measureReadBandwidth(Team &team, uint64_t size) {
  ReadJob job = {nullptr, size / team.numThreads / lines * lines, platform::hostFeatures(), true, false};
  if (!job.share)
    job.share = lines;
  uint64_t total = job.share * team.numThreads;
  // The prefetches run a little past the end; they never fault.
  job.data = static_cast<uint8_t *>(platform::reserveMemory(total));
  if (!job.data)
    return 0;
  runOnTeam(team, readShare, &job);
  job.fill = false;
  // Short passes lie within the noise of the clock and of waking threads: read for at least 20 ms at a time.
  uint64_t passes = (256u << 20) / total + 1;
  double best = 0;
  for (int repeat = 0; repeat < 6; ++repeat) {
    job.inOrder = repeat % 2;
    uint64_t start = platform::nanoseconds();
    for (uint64_t pass = 0; pass < passes; ++pass)
      runOnTeam(team, readShare, &job);
    double rate = double(total) * double(passes) * 1e9 / double(platform::nanoseconds() - start);
    if (rate > best)
      best = rate;
  }
  platform::releaseMemory(job.data, total);
  return best;
}

} // namespace llmc::runtime
