// Hash.h - SHA-256 of bytes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_ARTIFACT_HASH_H
#define LLMC_RUNTIME_ARTIFACT_HASH_H

#include <stdint.h>

namespace llmc::runtime {

/// The SHA-256 of `size` bytes.
void sha256(const uint8_t *data, uint64_t size, uint8_t (&digest)[32]);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_ARTIFACT_HASH_H
