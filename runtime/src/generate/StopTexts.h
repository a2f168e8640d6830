// StopTexts.h - holds text back while it could still become a stop text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_GENERATE_STOPTEXTS_H
#define LLMC_RUNTIME_GENERATE_STOPTEXTS_H

#include "runtime/src/text/Array.h"

namespace llmc::runtime {

/// Text goes in as it is decoded; what surely belongs to the output comes out.
class StopTexts {
public:
  /// Forgets all text. The texts are not copied; empty ones are ignored.
  void start(const char *const *texts, size_t count);
  /// Room for text between two calls of `take`. False when memory is out.
  [[nodiscard]] bool reserve(size_t size) { return held.reserve(size); }
  /// Adds decoded text. False when memory is out.
  [[nodiscard]] bool push(const char *bytes, size_t size) { return held.append(bytes, size); }
  /// The text that may be shown now, valid until the next call; true when a stop text follows it. With `all`, nothing
  /// is held back. O(held text * stop texts).
  bool take(bool all, const char *&text, size_t &size);

private:
  const char *const *texts = nullptr;
  size_t count = 0;
  size_t shown = 0; ///< Bytes at the start of `held` that went out with the last call.
  Array<char> held;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_GENERATE_STOPTEXTS_H
