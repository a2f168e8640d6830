// Diagnostic.h - a user-facing message and the result type of everything that reads users' files.
//
// Free of MLIR and LLVM: the fuzzed parsers use it. Printing lives in tools/.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_DIAGNOSTIC_H
#define LLMC_FRONTENDS_FORMATS_DIAGNOSTIC_H

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace llmc {

/// One mistake in a user's file: "file:line:column: error: message", then "note: remedy".
/// The message is lower case without a final period and says what was found and what was expected.
struct Diagnostic {
  std::string file;    ///< Path as the user gave it, or the file inside the directory they gave.
  uint32_t line = 0;   ///< 1-based; 0 when the file has no lines (binary formats).
  uint32_t column = 0; ///< 1-based byte column; 0 when there is none.
  std::string message; ///< Without "error:".
  std::string note;    ///< The remedy; may be empty.

  /// The text form of docs' page on messages, with a trailing newline on each line.
  std::string str() const {
    std::string text = file;
    if (line) {
      text += ":" + std::to_string(line);
      if (column)
        text += ":" + std::to_string(column);
    }
    text += (text.empty() ? "error: " : ": error: ") + message + "\n";
    if (!note.empty())
      text += "note: " + note + "\n";
    return text;
  }
};

/// Either a value or the first mistake found. Test with `if (!result)`, then read `error()`.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : payload(std::move(value)) {}
  Result(Diagnostic mistake) : mistake(std::move(mistake)) {}

  explicit operator bool() const { return payload.has_value(); }
  T &operator*() { return assert(payload), *payload; }
  const T &operator*() const { return assert(payload), *payload; }
  T *operator->() { return assert(payload), &*payload; }
  const T *operator->() const { return assert(payload), &*payload; }
  /// The mistake; only when the result holds no value.
  const Diagnostic &error() const { return assert(!payload), mistake; }
  Diagnostic takeError() { return assert(!payload), std::move(mistake); }

private:
  std::optional<T> payload;
  Diagnostic mistake;
};

/// The result of a check that yields nothing.
struct Success {};
using Checked = Result<Success>;

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_DIAGNOSTIC_H
