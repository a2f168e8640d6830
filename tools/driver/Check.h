// Check.h - `llmc check`: a compiled model's numbers beside the reference semantics, or beside another model's.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_CHECK_H
#define LLMC_TOOLS_DRIVER_CHECK_H

#include "llmc/entry.h"
#include "llmc/llmc.h"
#include "runtime/src/runner/OptionTable.h"
#include "tools/driver/Messages.h"

#include <string>
#include <vector>

namespace llmc::driver {

struct CheckOptions {
  std::string file;                ///< an artifact, or a checkpoint that is compiled for the check
  std::string against;             ///< "interpret", an artifact, logits in a .npy file, or a folder of tensors
  std::string model;               ///< the checkpoint that `file` was compiled from; empty: `file` is one itself
  std::vector<int32_t> tokens;     ///< of one step
  std::string dims;                ///< "NAME=N..N,...": sizes that a graph leaves open
  std::vector<std::string> inputs; ///< "NAME=FILE", of a graph beside the reference
  uint64_t seed = 1;               ///< of inputs that no file gives
  double tolerance = 1e-4;         ///< largest difference over the largest value of the tensor
  bool json = false, all = false;
};

/// The command `check` as data: what checkMain knows.
const runtime::CommandInfo &checkCommandInfo();

/// The command line of `check`: argv[0] is skipped. Returns the exit code: 3 when the numbers differ.
int checkMain(int argc, char **argv);

/// Every value that the compiled code leaves in a buffer beside the reference semantics' of `options.model`; names the
/// first op that differs, and the packed weights that do.
ExitCode checkOps(const CheckOptions &options, const llmc_model &model, Messages &messages);

/// Logits of every position beside another artifact's or recorded ones.
ExitCode checkLogits(const CheckOptions &options, const llmc_model &model, Messages &messages);

/// A graph's outputs on recorded inputs beside recorded outputs: `options.against` is their folder.
ExitCode checkGraph(const CheckOptions &options, const llmc_model &model, Messages &messages);

/// A graph's outputs beside those of the lowered graph run op by op, on given or drawn inputs; where they differ, the
/// first node whose value does. `model` was compiled from `options.file`, which is an ONNX file.
ExitCode checkGraphReference(const CheckOptions &options, const llmc_model &model, Messages &messages);

/// Elements as f32, for comparing; integers of 64 bits lose places that a comparison of floats does not need.
std::vector<float> asFloats(const llmc_tensor_info &info, const void *data);
/// Prints how far a value is from what is expected, as large as `info` says; whether it is near enough. `what` is how
/// lines for people call it: "output 'y'".
bool compareOutput(const CheckOptions &options, const llmc_tensor_info &info, const void *found, const void *expected,
                   const std::string &name, const std::string &what);

/// How far a tensor is from what it should be.
struct Difference {
  double absolute = 0, relative = 0; ///< the largest; `relative` to the largest magnitude of what is expected
  double largest = 0;                ///< that magnitude
  int64_t row = 0, column = 0;       ///< where
  float found = 0, expected = 0;     ///< there
};

/// Compares [rows, columns] values. A value that is no number differs without bound, unless both are none.
Difference compareRows(const float *found, int64_t foundStride, const float *expected, int64_t expectedStride,
                       int64_t rows, int64_t columns);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_CHECK_H
