// Report.h - what a compile ends with: sizes, the memory plan, times.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_REPORT_H
#define LLMC_TOOLS_DRIVER_REPORT_H

#include "compiler/Artifact/Manifest.h"
#include "compiler/Pipelines/Pipelines.h"
#include "tools/driver/Machine.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <utility>
#include <vector>

namespace llmc::driver {

/// Collected while compiling.
struct Report {
  std::vector<std::pair<Stop, double>> seconds;            ///< spent on the way to each stop
  std::vector<std::pair<std::string, uint64_t>> codeBytes; ///< of each variant
  uint64_t weightBytes = 0, tokenizerBytes = 0, fileBytes = 0;
  std::string output;
};

/// Bytes in the largest unit that keeps it readable: "269 MB".
std::string formatBytes(uint64_t bytes);

/// Bytes of an entry's arena with the dims at these values (one for each of the manifest's dims).
uint64_t arenaBytes(const artifact::Entry &entry, llvm::ArrayRef<uint64_t> dims);

/// The closing table.
void printReport(llvm::raw_ostream &out, const Report &report, const artifact::Manifest &manifest);

/// `--report=FILE`: everything about the artifact as JSON, or as a page when the file's name ends with .html, with what
/// its kernels can at best take on the machine.
std::string reportFile(llvm::StringRef file, const Report &report, const artifact::Manifest &manifest,
                       const MachineDescription &machine);

/// `--report`: weights by format, arena slots, and the bytes that a decoded token reads.
void printDetails(llvm::raw_ostream &out, const artifact::Manifest &manifest);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_REPORT_H
