// ChooseFormats.h - `compile --max-kld X`: which matrices stay in the narrow format, so that the model stays close
// enough.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_CHOOSEFORMATS_H
#define LLMC_TOOLS_DRIVER_CHOOSEFORMATS_H

#include "tools/driver/Compile.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>

namespace llmc::driver {

/// The least number of `count` steps after which `measure(steps)` is at most `limit`, for a measure that falls; -1
/// where it is not after all of them. Measures at most log2(count) + 2 times; nothing where a measurement fails.
std::optional<int64_t> fewestSteps(int64_t count, double limit,
                                   llvm::function_ref<std::optional<double>(int64_t steps)> measure);

/// Chooses `options.pipeline.quantize.wide` and the facts that tell of it, so that the compiled model diverges by at
/// most `options.maxDivergence` nats from the one whose weights are as stored, over the tokens that the statistics file
/// kept back. Linears get the wider format in the order of what rounding them changes for each weight, by the
/// statistics; how many have to is found by compiling and measuring. Always measured with the code that every host of
/// the architecture runs, so that the choice, and so the artifact, is the same everywhere. exitThreshold when even the
/// wider format for all is too far.
ExitCode chooseFormats(CompileOptions &options, Messages &messages);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_CHOOSEFORMATS_H
