// Roofline.h - what a model's launches can at best take on a described machine, and plots of it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_ROOFLINE_H
#define LLMC_TOOLS_DRIVER_ROOFLINE_H

#include "compiler/Artifact/Manifest.h"
#include "runtime/src/runner/LaunchWork.h"
#include "tools/driver/Machine.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace llmc::driver {

/// A launch in a step of some shape. Times are the least that the machine allows, one for each of its thread counts.
struct PredictedLaunch {
  const artifact::Launch *launch = nullptr;
  runtime::LaunchWork work;
  std::vector<double> seconds;
  bool isBoundByReading = false; ///< with the machine's first thread count
};

/// A kind of step: "prefill of 512 tokens", "a token behind 512".
struct PredictedPhase {
  std::string name;
  double tokens = 1;                     ///< that it brings forward
  std::vector<PredictedLaunch> launches; ///< that work in it
  std::vector<double> seconds;           ///< of all launches, one for each thread count
};

/// What a roofline needs: the manifest outlives it.
struct Roofline {
  std::string variant;
  MachineDescription machine;
  std::vector<PredictedPhase> phases;
};

/// Predicts the steps of a text decoder, or the one step of a graph, for the code of the manifest's first variant.
Roofline predictSteps(const artifact::Manifest &manifest, const MachineDescription &machine);

/// "machine" and "kernels" of a report.
void addRoofline(const Roofline &roofline, llvm::json::Object &report);

/// Tables and plots, as parts of a page.
void writeRoofline(llvm::raw_ostream &out, const Roofline &roofline);
/// The plots alone: rates over operations a byte with the machine's roofs, and shares of each phase.
void plotRoofs(llvm::raw_ostream &out, const Roofline &roofline);
void plotShares(llvm::raw_ostream &out, const Roofline &roofline);

/// "i8", "f32" or "": the type of a launch's products in machine descriptions.
llvm::StringRef typeOf(const artifact::Launch &launch);
/// Operations a second of a launch's products: of tiles where the variant has them.
double peakOf(const Roofline &roofline, const artifact::Launch &launch, size_t threadIndex);
/// The k-th of the colours that tell launches apart.
llvm::StringRef colourOf(size_t k);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_ROOFLINE_H
