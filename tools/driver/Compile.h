// Compile.h - `llmc compile`: takes a model through the stops and writes what was asked for.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_COMPILE_H
#define LLMC_TOOLS_DRIVER_COMPILE_H

#include "compiler/Pipelines/Pipelines.h"
#include "tools/driver/Messages.h"

#include <optional>
#include <string>
#include <vector>

namespace llmc::driver {

/// What comes out.
enum class Emit { Exe, Llmc, Obj, Asm, LLVM, MLIR, Lib };

struct CompileOptions {
  std::string model;  ///< directory, org/name, or "-": a module as text on stdin
  std::string output; ///< empty: a name from the model; "-": stdout, for text forms
  Emit emit = Emit::Exe;
  Stop to = Stop::Pack;
  std::vector<std::string> variants; ///< names of backends, best first; empty: all
  PipelineOptions pipeline;
  std::optional<std::string> tempsFolder; ///< every stop's text and every variant's code are saved there
  std::optional<Stop> printAfter;         ///< that stop's text goes to stderr
  std::optional<Stop> failAt;             ///< for tests: that stop fails as by a mistake of ours
  bool quiet = false;                     ///< no closing table
  bool printPipeline = false;             ///< nothing but the passes up to `to`, on stdout
  bool report = false, verbose = false;
  std::string statistics; ///< A file of `llmc observe` to round by; empty: none.
  /// Chooses formats so that the model diverges by no more (nats); negative: formats are as asked for.
  double maxDivergence = -1;
  std::vector<std::pair<std::string, std::string>> facts; ///< More of them for the manifest.
  std::string tuneFile;    ///< Where what is best on this machine is written before it is taken; empty: not measured.
  std::string reportFile;  ///< Ends with .json or .html; empty: none.
  std::string machineFile; ///< Of `llmc bench --limits`, for the report; empty: none.
  std::string words;       ///< The options as they are written on a command line, without MODEL.
};

/// The names of the backends for a triple and a processor as the command line gives them, best first. Empty `cpu` or
/// "all": every backend; "native": the best that this machine runs, for code that is not entered by the runtime none
/// whose registers a program must ask the system for. With `addsHalves` only backends that add in f16, and without it
/// those only where they are named. Mistakes name the option.
Result<std::vector<std::string>> chooseVariants(const std::string &triple, const std::string &cpu,
                                                bool entersByRuntime = true, bool addsHalves = false);

/// Runs a compile. Mistakes are written to `messages`; nothing half-written stays behind.
ExitCode compile(const CompileOptions &options, Messages &messages);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_COMPILE_H
