// ModelDirectory.h - the directory a user named, and the only way to the files inside it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_MODELDIRECTORY_H
#define LLMC_FRONTENDS_FORMATS_MODELDIRECTORY_H

#include "frontends/formats/Diagnostic.h"

#include <optional>
#include <string>
#include <string_view>

namespace llmc {

/// A checkpoint may come from a stranger, and some of its files name others. Every file is reached through this class,
/// which keeps it inside: names are relative, without '..', backslashes or control characters, and where the file
/// system leads must be inside the directory as well. One exception: in a snapshot of the Hugging Face cache,
/// `snapshots/<revision>/`, files are links to `blobs/` beside `snapshots/`.
class ModelDirectory {
public:
  /// Resolves the directory; links on the way to it are the user's own. Errors: absent, not a directory.
  static Result<ModelDirectory> open(const std::string &path);

  /// Whether a file of that name is there (a link that leads nowhere is).
  bool has(std::string_view name) const;
  /// A path to open for a file in the directory. Errors: an unfit name, absent, leads outside.
  Result<std::string> locate(std::string_view name) const;
  /// The name for messages: the directory as the user gave it, then the file.
  std::string shown(std::string_view name) const;

  const std::string &path() const { return given; }

private:
  std::string given;    // As the user wrote it.
  std::string resolved; // Absolute and without links.
};

/// What is wrong with a relative file name that came out of a file, or nothing.
std::optional<std::string> faultOfRelativeName(std::string_view name);

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_MODELDIRECTORY_H
