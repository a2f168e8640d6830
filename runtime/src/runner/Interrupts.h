// Interrupts.h - notices the signals that ask a program to end.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_INTERRUPTS_H
#define LLMC_RUNTIME_RUNNER_INTERRUPTS_H

namespace llmc::runtime {

/// Lets SIGINT, SIGTERM and SIGHUP be noticed instead of ending the process at once, so that nothing half-written
/// stays. One that the caller ignores (nohup) stays ignored; one that it held back is let in. The second signal ends
/// the process.
void noticeInterrupts();

/// The signal that came, 0 when none did.
int interruption();

/// Takes what came as answered.
void forgetInterruption();

/// Waits until `descriptor` can be read or has ended. False when a signal came, however shortly before the call.
bool waitForInput(int descriptor);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_INTERRUPTS_H
