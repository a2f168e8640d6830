// Temporary.h - a file for a model that is compiled on the way to something else.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_TEMPORARY_H
#define LLMC_TOOLS_DRIVER_TEMPORARY_H

#include "tools/driver/Messages.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"

#include <string>

namespace llmc::driver {

/// A file in the system's folder for such that goes with the object, or with the process when a signal ends it.
class Temporary {
public:
  Temporary() = default;
  Temporary(const Temporary &) = delete;
  Temporary &operator=(const Temporary &) = delete;
  ~Temporary() {
    if (path.empty())
      return;
    llvm::sys::fs::remove(path);
    llvm::sys::DontRemoveFileOnSignal(path);
  }
  /// False after saying why there is none.
  bool make(Messages &messages) {
    llvm::SmallString<128> name;
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("llmc", "llmc", name))
      return messages.error("", "no temporary file: " + reasonOf(error)), false;
    path = std::string(name);
    llvm::sys::RemoveFileOnSignal(path);
    return true;
  }
  std::string path;
};

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_TEMPORARY_H
