// MachineProbe.h - what this machine gives at this moment: read bandwidth and multiply-add rate.
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

/// f32 operations a second of the team's threads in multiply-adds of the widest vectors (a multiply-add is 2); 0 where
/// this processor has no measured instruction.
double measureMultiplyAdds(Team &team);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_MACHINEPROBE_H
