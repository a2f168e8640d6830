// KernelOps.td - collects the ops of the kernel dialect.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_KERNEL_OPS_TD
#define LLMC_KERNEL_OPS_TD

include "dialects/Kernel/IR/KernelBase.td"
include "dialects/Kernel/IR/KernelComputeOps.td"
include "dialects/Kernel/IR/KernelGraphOps.td"
include "dialects/Kernel/IR/KernelProgramOps.td"

#endif
