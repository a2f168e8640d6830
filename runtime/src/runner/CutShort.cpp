// CutShort.cpp - the handler of SIGBUS. It calls only what a handler may.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/CutShort.h"

#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Options.h"

#include <signal.h>
#include <string.h>
#include <string>
#include <unistd.h>

namespace llmc::runtime {

const char cutShortMessage[] = "was cut short while it was in use";
const char cutShortNote[] = "copy or compile it again; replace a model by renaming a new file over it";

namespace {

std::string text; ///< What is said, written down before: a handler may not format.
const char *volatile halfWritten = nullptr;

void say(const char *text) { [[maybe_unused]] ssize_t written = write(STDERR_FILENO, text, strlen(text)); }

void onBusError(int number, siginfo_t *info, void *) {
  if (info->si_code != BUS_ADRERR) { // broken memory: not ours to explain
    signal(number, SIG_DFL);
    return;
  }
  say(text.c_str());
  if (halfWritten)
    unlink(halfWritten);
  _exit(exitFailed);
}

} // namespace

void noticeCutShort(const char *file) {
  text = messageText("error", file, cutShortMessage, cutShortNote);
  struct sigaction action = {};
  action.sa_sigaction = onBusError;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  sigaction(SIGBUS, &action, nullptr);
}

void removeWhenCutShort(const char *path) { halfWritten = path; }

} // namespace llmc::runtime
