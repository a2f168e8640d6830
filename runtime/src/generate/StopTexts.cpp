// StopTexts.cpp - holds text back while it could still become a stop text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/generate/StopTexts.h"

namespace llmc::runtime {

void StopTexts::start(const char *const *newTexts, size_t newCount) {
  texts = newTexts;
  count = newCount;
  shown = 0;
  held.clear();
}

bool StopTexts::take(bool all, const char *&text, size_t &size) {
  // Drop what went out last time; what was held moves to the front.
  if (shown) {
    std::memmove(held.data(), held.data() + shown, held.size() - shown);
    held.truncate(held.size() - shown);
  }
  const char *bytes = held.data();
  size_t total = held.size(), end = total;
  bool stopped = false, partial = false;
  for (size_t at = 0; at < total && !stopped && !partial; ++at) {
    for (size_t i = 0; i < count; ++i) {
      size_t length = std::strlen(texts[i]), room = total - at;
      if (!length || std::memcmp(bytes + at, texts[i], length < room ? length : room))
        continue;
      if (length <= room)
        stopped = true;
      else
        partial = !all;
    }
    if (stopped || partial)
      end = at;
  }
  text = bytes;
  size = shown = end;
  return stopped;
}

} // namespace llmc::runtime
