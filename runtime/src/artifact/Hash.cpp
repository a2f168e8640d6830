// Hash.cpp - SHA-256 of bytes, by Debian's libmd.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Hash.h"

#include <sha2.h>

namespace llmc::runtime {

void sha256(const uint8_t *data, uint64_t size, uint8_t (&digest)[32]) {
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, data, size);
  SHA256Final(digest, &context);
}

} // namespace llmc::runtime
