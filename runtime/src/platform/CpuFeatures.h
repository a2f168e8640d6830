// CpuFeatures.h - what this processor, and the system on it, can run.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_PLATFORM_CPUFEATURES_H
#define LLMC_RUNTIME_PLATFORM_CPUFEATURES_H

#include "llmc/artifact_format.h"

#include <stddef.h>
#include <stdint.h>

namespace llmc::runtime::platform {

/// The architecture this runtime is built for (enum llmc_architecture).
uint32_t hostArchitecture();
const char *architectureName(uint32_t architecture);

/// LLMC_X86_* bits that can be used: the processor has them and the system saves their registers. Those of
/// tileFeatures only after allowTiles().
uint64_t hostFeatures();

/// Features whose registers a process has to ask for.
constexpr uint64_t tileFeatures = LLMC_X86_AMXTILE | LLMC_X86_AMXINT8;
/// Asks the system for them, for all threads of this process; false when it refuses. From then on signals take 8 KiB
/// more of a stack, and the system refuses where a thread's own stack for them is smaller than that.
bool allowTiles();

/// All bits this runtime knows.
uint64_t knownFeatures();

/// Writes the names of the bits, "avx2, fma", zero-terminated; bits that are not known as "bit 17". Returns the text.
const char *featureNames(uint64_t features, char *text, size_t capacity);

/// The processor's own name, zero-terminated; empty when it has none.
const char *processorName(char (&text)[64]);

} // namespace llmc::runtime::platform

#endif // LLMC_RUNTIME_PLATFORM_CPUFEATURES_H
