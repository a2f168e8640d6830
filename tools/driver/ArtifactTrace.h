// ArtifactTrace.h - looks into a step of a compiled model: what its launches leave in their buffers.
//
// The code that is looked at is the artifact's own, unchanged: a step meets at barriers, which the caller provides, and
// at a barrier everything computed since the last one lies in the arena, where the program's buffers say.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_ARTIFACTTRACE_H
#define LLMC_TOOLS_DRIVER_ARTIFACTTRACE_H

#include "dialects/Kernel/IR/Kernel.h"
#include "llmc/llmc.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <vector>

namespace llmc::driver {

/// Gives each op of an entry that computes something a number, from 0 in the order of the program, and writes it into
/// its location, from where lowering hands it to the kernels. Returns the ops by number.
std::vector<mlir::Operation *> numberOps(mlir::func::FuncOp entry);

/// The numbers in a location, ascending: of all ops that were folded into one.
llvm::SmallVector<unsigned> opNumbers(mlir::Location location);

/// What a launch left in its buffer. `data` is valid during the call: row r is data[r * rowStride .. + columns).
struct ObservedValue {
  llvm::ArrayRef<unsigned> ops; ///< numbers of the ops that it computed; the last one's result is the value
  int64_t layer = -1;           ///< that ran, counted over the program; -1 outside of layers
  int64_t member = 0;           ///< its number among the layers of its class
  const float *data = nullptr;
  int64_t rows = 0, columns = 0, rowStride = 0;
};
using ValueSink = llvm::function_ref<void(const ObservedValue &)>;

/// Runs one step of `tokens` on a new session of one thread, all rows wanted, and hands each value to `sink` in the
/// order of the program. `program` is what the model's code was made of. Values that a launch overwrites before the
/// next barrier are not seen.
/// @retval LLMC_INVALID_FILE  the code runs other barriers than the program has
/// @retval as llmc_session_open and llmc_step
llmc_status traceStep(const llmc_model &model, kernel::ProgramOp program, llvm::ArrayRef<int32_t> tokens,
                      ValueSink sink, llmc_error &error);

/// Reads `tokens` in windows of `window` tokens, each from an empty cache, in steps as long as the file allows, and
/// hands to `sink` the rows that each product is about to multiply with its weights, as ObservedValue has the values;
/// `ops` are those of the product. Products with quantised rows are not seen. `progress` is told after each window how
/// many are done; false ends it.
/// @retval LLMC_CANCELLED     `progress` said so
/// @retval LLMC_INVALID_FILE  the code runs other barriers than the program has
/// @retval as llmc_session_open and llmc_step
llmc_status traceInputs(const llmc_model &model, kernel::ProgramOp program, llvm::ArrayRef<int32_t> tokens,
                        uint32_t window, ValueSink sink, llvm::function_ref<bool(uint64_t done)> progress,
                        llmc_error &error);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_ARTIFACTTRACE_H
