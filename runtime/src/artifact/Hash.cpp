// Hash.cpp - SHA-256 of bytes: by the processor's own instructions where it has them, else by Debian's libmd.
//
// Opening hashes the tokenizer, some megabytes: with the instructions that is a few milliseconds.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Hash.h"

#include <sha2.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace llmc::runtime {

namespace {

#if defined(__x86_64__)
/// FIPS 180-4, 4.2.2: the first 32 bits of the fractions of the cube roots of the first 64 primes.
alignas(16) const uint32_t roundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

bool hasShaInstructions() {
  unsigned a, b, c, d;
  bool vectors = __get_cpuid(1, &a, &b, &c, &d) && (c >> 9 & 1) && (c >> 19 & 1); // SSSE3, SSE4.1
  return vectors && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

/// Folds blocks of 64 bytes into the state, whose halves are held as the instructions want them: words A B E F and C D
/// G H.
__attribute__((target("sha,sse4.1"))) void hashBlocks(__m128i &abef, __m128i &cdgh, const uint8_t *data,
                                                      uint64_t blocks) {
  const __m128i bigEndian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  for (; blocks; --blocks, data += 64) {
    const __m128i abefBefore = abef, cdghBefore = cdgh;
    __m128i words[4]; // of the message schedule, the last 16
    for (int i = 0; i < 4; ++i)
      words[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(data) + i), bigEndian);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; ++i) { // four rounds each; unrolled, the words stay in registers
      __m128i now = words[i % 4];
      __m128i sum = _mm_add_epi32(now, _mm_load_si128(reinterpret_cast<const __m128i *>(roundConstants) + i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      if (i >= 12)
        continue;
      __m128i last = words[(i + 3) % 4];
      __m128i part = _mm_sha256msg1_epu32(now, words[(i + 1) % 4]);
      part = _mm_add_epi32(part, _mm_alignr_epi8(last, words[(i + 2) % 4], 4));
      words[i % 4] = _mm_sha256msg2_epu32(part, last);
    }
    abef = _mm_add_epi32(abef, abefBefore);
    cdgh = _mm_add_epi32(cdgh, cdghBefore);
  }
}

__attribute__((target("sha,sse4.1"))) void sha256ByInstructions(const uint8_t *data, uint64_t size, uint8_t *digest) {
  // FIPS 180-4, 5.3.3: the first state, words in the order F E B A and H G D C from the highest.
  __m128i abef = _mm_set_epi32(0x6a09e667, int(0xbb67ae85), 0x510e527f, int(0x9b05688c));
  __m128i cdgh = _mm_set_epi32(0x3c6ef372, int(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19);
  hashBlocks(abef, cdgh, data, size / 64);
  // The rest, a one bit, zeros, and the number of bits.
  uint8_t tail[128] = {};
  uint64_t rest = size % 64, tailSize = rest < 56 ? 64 : 128;
  if (rest)
    memcpy(tail, data + size - rest, rest);
  tail[rest] = 0x80;
  uint64_t bits = __builtin_bswap64(size * 8);
  memcpy(tail + tailSize - 8, &bits, 8);
  hashBlocks(abef, cdgh, tail, tailSize / 64);
  uint32_t halves[8];
  _mm_storeu_si128(reinterpret_cast<__m128i *>(halves), abef);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(halves + 4), cdgh);
  const uint8_t places[8] = {3, 2, 7, 6, 1, 0, 5, 4}; // where A to H lie
  for (int i = 0; i < 8; ++i) {
    uint32_t word = __builtin_bswap32(halves[places[i]]);
    memcpy(digest + 4 * i, &word, 4);
  }
}
#endif

} // namespace

void sha256(const uint8_t *data, uint64_t size, uint8_t (&digest)[32]) {
#if defined(__x86_64__)
  if (hasShaInstructions())
    return sha256ByInstructions(data, size, digest);
#endif
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, data, size);
  SHA256Final(digest, &context);
}

} // namespace llmc::runtime
