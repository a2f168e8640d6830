// Machine.h - the description of a machine that reports predict on: a small JSON file, or a table for each variant.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_MACHINE_H
#define LLMC_TOOLS_DRIVER_MACHINE_H

#include "frontends/formats/Diagnostic.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace llmc::driver {

/// What a machine gives to 1, 2, ... threads. Every list of rates has one for each of `threads`.
struct MachineDescription {
  std::string source; ///< where the numbers are from
  std::vector<uint32_t> threads;
  /// Reading over and over `bytes` of memory, bytes a second: a row for each level of caches, ascending, the last one
  /// memory.
  struct Reading {
    uint64_t bytes;
    std::vector<double> rates;
  };
  std::vector<Reading> readings;
  /// Operations a second by type: f32, f16, bf16, i8, and i8_tiles where there are registers for tiles. A multiply-add
  /// is two.
  std::map<std::string, std::vector<double>> operations;

  /// The rate of reading a working set of that size: of the first level that holds it.
  double readRate(double bytes, size_t threadIndex) const;
  /// The rate of a type; 0 where it is not known.
  double operationRate(llvm::StringRef type, size_t threadIndex) const;
};

/// Reads what `llmc bench --limits` writes. Mistakes name file, field, found and expected.
Result<MachineDescription> readMachine(const std::string &path);

/// What processors of a variant can do, from published throughputs: where no machine is described.
MachineDescription machineOfVariant(llvm::StringRef variant);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_MACHINE_H
