// Arena.cpp - blocks of memory up to a limit, freed together.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Value.h"

#include <cstdlib>

namespace llmc::runtime::chat {

Arena::~Arena() {
  while (chunks) {
    Chunk *after = chunks->next;
    std::free(chunks);
    chunks = after;
  }
}

void *Arena::takeMore(size_t size) {
  constexpr size_t usual = size_t(1) << 16, head = 16;
  size_t chunk = size + head > usual ? size + head : usual;
  if (size > limit || chunk > limit - used) {
    full = true;
    return nullptr;
  }
  auto *made = static_cast<Chunk *>(std::malloc(chunk));
  if (!made)
    return nullptr;
  used += chunk;
  made->next = chunks;
  chunks = made;
  char *memory = reinterpret_cast<char *>(made) + head;
  if (chunk > usual && end != next) // a large block of its own: the rest of the last chunk stays in use
    return memory;
  next = memory + size;
  end = reinterpret_cast<char *>(made) + chunk;
  return memory;
}

} // namespace llmc::runtime::chat
