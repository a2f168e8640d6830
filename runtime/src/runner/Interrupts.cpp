// Interrupts.cpp - notices the signals that ask a program to end.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Interrupts.h"

#include <errno.h>
#include <initializer_list>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace llmc::runtime {

namespace {

volatile sig_atomic_t noticed = 0;
sigset_t handled; ///< The signals that are noticed.

void onInterrupt(int number) {
  if (noticed)
    _exit(128 + number);
  noticed = number;
}

} // namespace

void noticeInterrupts() {
  sigemptyset(&handled);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before = {}, action = {};
    sigaction(number, nullptr, &before);
    if (before.sa_handler == SIG_IGN)
      continue;
    action.sa_handler = onInterrupt;
    sigaction(number, &action, nullptr);
    sigaddset(&handled, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
}

int interruption() { return noticed; }

void forgetInterruption() { noticed = 0; }

bool waitForInput(int descriptor) {
  // Held back from the look at `noticed` until the wait has begun: a signal between the two would be slept over.
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &handled, &before);
  pollfd wanted = {descriptor, POLLIN, 0};
  while (!noticed && ppoll(&wanted, 1, nullptr, &before) < 0 && errno == EINTR)
    ;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return !noticed;
}

} // namespace llmc::runtime
