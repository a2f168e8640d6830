// MatrixTiles.h - tiles of bytes on x86-64: AMX.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_COMPILER_TARGETS_X86_MATRIXTILES_H
#define LLMC_COMPILER_TARGETS_X86_MATRIXTILES_H

#include "compiler/Targets/TargetBackend.h"

namespace llmc::x86 {

/// AMX with products of bytes (amx-tile, amx-int8).
const ByteTiles &matrixTiles();

} // namespace llmc::x86

#endif // LLMC_COMPILER_TARGETS_X86_MATRIXTILES_H
