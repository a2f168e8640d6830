// MLIRPrecompiled.cpp - carries the precompiled header that all MLIR-using libraries reuse; it has no code of its own.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
