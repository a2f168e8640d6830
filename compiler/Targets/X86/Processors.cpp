// Processors.cpp - tables of x86-64 processors for the cost model.
//
// Multiplications, loads, latencies and sizes of caches: Intel 64 and IA-32 Architectures Optimization Reference Manual
// (248966), chapters of the microarchitectures; AMD, Software Optimization Guides for Zen 3 (56665), Zen 4 (57647) and
// Zen 5 (58455); throughputs of single instructions as uops.info measures them. Bytes of the second-level cache: three
// quarters of the peak that those state (64 a cycle), which the first manual gives as sustained; of AMD's 32 what
// products were seen to get on a Zen 4 (docs/rationale/2026-11-28-cost-model.md).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/X86/Processors.h"

using namespace llmc;

namespace {

constexpr int64_t KiB = 1024;

// Vectors of 256 bits: multiplies, others, loads, latency, bytes of the second level, of the first-level cache.
constexpr Processor avx2[] = {
    {"Haswell", 2, 1, 2, 5, 25, 32 * KiB}, {"Skylake", 2, 1, 2, 4, 48, 32 * KiB}, {"Zen 3", 2, 2, 2, 4, 13, 32 * KiB}};
constexpr Processor avxVNNI[] = {{"Golden Cove", 2, 1, 3, 5, 48, 48 * KiB}, {"Gracemont", 2, 1, 2, 6, 25, 32 * KiB}};
// Vectors of 512 bits. A Zen 4 makes two halves of each.
constexpr Processor avx512[] = {{"Skylake-SP", 2, 1, 2, 4, 48, 32 * KiB},
                                {"Sapphire Rapids", 2, 1, 2, 4, 48, 48 * KiB},
                                {"Zen 4", 1, 1, 1, 4, 13, 32 * KiB}};
constexpr Processor avx512VNNI[] = {{"Ice Lake-SP", 2, 1, 2, 5, 48, 48 * KiB},
                                    {"Sapphire Rapids", 2, 1, 2, 5, 48, 48 * KiB},
                                    {"Zen 4", 1, 1, 1, 4, 13, 32 * KiB},
                                    {"Zen 5", 2, 2, 2, 5, 48, 48 * KiB}};

} // namespace

llvm::ArrayRef<Processor> x86::processorsWithAVX2() { return avx2; }
llvm::ArrayRef<Processor> x86::processorsWithAVXVNNI() { return avxVNNI; }
llvm::ArrayRef<Processor> x86::processorsWithAVX512() { return avx512; }
llvm::ArrayRef<Processor> x86::processorsWithAVX512VNNI() { return avx512VNNI; }
