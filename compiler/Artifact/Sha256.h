// Sha256.h - SHA-256 of what goes into an artifact, with the processor's own instructions where it has them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_ARTIFACT_SHA256_H
#define LLMC_COMPILER_ARTIFACT_SHA256_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace llmc::artifact {

/// A running hash (FIPS 180-4). Hashing a model's weights is most of the time of `pack`, and the instructions make it
/// some five times faster than the portable code, hence a class of our own beside LLVM's.
class Sha256 {
public:
  /// `portable` leaves the instructions alone; the digest is the same.
  explicit Sha256(bool portable = false);
  void update(llvm::ArrayRef<uint8_t> bytes);
  /// Writes the digest; the object may not be used after.
  void finish(uint8_t digest[32]);

private:
  void blocks(const uint8_t *data, size_t count);
  uint32_t state[8];
  uint8_t pending[64];
  uint64_t length = 0; // bytes so far
  bool accelerated;
};

} // namespace llmc::artifact

#endif // LLMC_COMPILER_ARTIFACT_SHA256_H
