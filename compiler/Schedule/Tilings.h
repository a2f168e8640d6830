// Tilings.h - what schedule files call products and tilings.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_SCHEDULE_TILINGS_H
#define LLMC_COMPILER_SCHEDULE_TILINGS_H

#include "dialects/Kernel/IR/Kernel.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <utility>

namespace llmc {

/// Products of one name are worked through alike: the kind of rows, "f32" or "i8", and the packed weight as its type is
/// written.
std::pair<std::string, std::string> productName(kernel::MatmulOp op);

/// A product's entry of a schedule file.
llvm::json::Object tilingJson(const std::pair<std::string, std::string> &product, kernel::TilingAttr tiling);

} // namespace llmc

#endif // LLMC_COMPILER_SCHEDULE_TILINGS_H
