// Random.h - the generator behind sampled text: the same seed gives the same numbers on every machine.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_SAMPLING_RANDOM_H
#define LLMC_RUNTIME_SRC_SAMPLING_RANDOM_H

#include <cstdint>

namespace llmc::runtime {

/// xoshiro256** 1.0 (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2018), its 256 bits of
/// state filled by four steps of splitmix64 from the seed. Every seed is good, 0 included.
class Random {
public:
  explicit Random(uint64_t seed = 0) { this->seed(seed); }

  void seed(uint64_t value) {
    for (uint64_t &word : state) {
      value += 0x9e3779b97f4a7c15ull;
      uint64_t mixed = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
      word = mixed ^ (mixed >> 31);
    }
  }

  /// Any 64 bits, equally likely.
  uint64_t next() {
    uint64_t result = rotate(state[1] * 5, 7) * 9, shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
  }

  /// A multiple of 2^-53 in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  static uint64_t rotate(uint64_t value, int by) { return value << by | value >> (64 - by); }
  uint64_t state[4];
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_SAMPLING_RANDOM_H
