// MachineProbe.h - what this machine gives at this moment: read bandwidth and rates of multiply-adds.
//
// Shared hosts change from second to second, so rates of a model are told beside limits measured in the same run.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_MACHINEPROBE_H
#define LLMC_RUNTIME_RUNNER_MACHINEPROBE_H

#include "runtime/src/threads/Team.h"

namespace llmc::runtime {

/// Bytes a second that the team's threads read from memory of `size` bytes, each its share, over and over. The best of
/// a few passes; 0 when memory is refused.
double measureReadBandwidth(Team &team, uint64_t size);

/// What is multiplied: both factors of that type, sums of f32, for bytes of i32, for f16 of f16.
enum class ProbedType { f32, f16, bf16, i8 };

/// Operations a second of the team's threads in the widest instruction that `features` (LLMC_X86_* bits, of this
/// processor) have for it, a multiply-add being 2; 0 where there is none. Bytes are multiplied by tiles, dot products
/// or pairs, whichever comes first.
double measureArithmetic(Team &team, ProbedType type, uint64_t features);

/// f32 operations a second, with all features of this processor.
double measureMultiplyAdds(Team &team);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_MACHINEPROBE_H
