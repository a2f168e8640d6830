// Crash.cpp - the handlers of fatal errors, faults and exhausted memory.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Crash.h"

#include "runtime/src/runner/Messages.h"
#include "tools/driver/Messages.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <unistd.h>

using namespace llvm;

namespace llmc::driver {

// Handlers run in a process that may be broken: they touch this memory alone and allocate nothing.
static const char *crashText = nullptr;
static size_t crashTextSize = 0;
static char reproducerPath[512];
static std::atomic<bool> dying{false};
static constexpr int faults[] = {SIGSEGV, SIGILL, SIGFPE, SIGABRT};

/// Bytes to a file or to stderr.
static bool put(int descriptor, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t written = ::write(descriptor, bytes, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

static void say(const char *text) { (void)put(STDERR_FILENO, text, std::strlen(text)); }

/// Fills `reproducerPath`; false when the text could not be saved.
static bool saveReproducer(const char *bytes, size_t size) {
  const char *folder = std::getenv("TMPDIR");
  constexpr char name[] = "/llmc-reproducer-XXXXXX.mlir";
  if (!folder || !*folder || std::strlen(folder) + sizeof name > sizeof reproducerPath)
    folder = "/tmp";
  std::strcpy(reproducerPath, folder);
  std::strcat(reproducerPath, name);
  int descriptor = ::mkostemps(reproducerPath, 5, O_CLOEXEC);
  if (descriptor < 0)
    return false;
  bool saved = put(descriptor, bytes, size);
  return !::close(descriptor) && saved;
}

static char optionText[4096]; ///< With a blank at its end where it is not empty.
static constexpr char reproduce[] = "this is a mistake of llmc; reproduce with: llmc compile ";
static constexpr char notSaved[] = "this is a mistake of llmc; its reproducer could not be saved in TMPDIR";

/// Text inside a JSON string.
static void sayEscaped(const char *text) {
  for (; *text; ++text) {
    const char escaped[] = {'\\', *text, 0}, plain[] = {*text, 0};
    say(*text == '"' || *text == '\\' ? escaped : static_cast<unsigned char>(*text) < 0x20 ? " " : plain);
  }
}

/// The error, and the note where it is not empty, in the form that --diagnostics asked for.
static void sayMessage(const char *what, const char *reason, std::initializer_list<const char *> note) {
  bool json = runtime::messagesAreJson(), first = true;
  auto put = json ? sayEscaped : say;
  say(json ? "{\"file\":\"llmc\",\"message\":\"" : "llmc: error: ");
  put(what);
  put(reason);
  say(json ? "\"" : "\n");
  for (const char *part : note) {
    if (first)
      say(json ? ",\"note\":\"" : "note: ");
    first = false;
    put(part);
  }
  if (!first)
    say(json ? "\"" : "\n");
  if (json)
    say(",\"severity\":\"error\"}\n");
}

/// The end of a process, which one thread leads.
[[noreturn]] static void end(const char *what, const char *reason, ExitCode code) {
  if (dying.exchange(true)) {
    ::sleep(5); // another thread is at it; or this one, and it failed at that too
    ::_exit(code);
  }
  if (code != exitInternal || !crashText)
    sayMessage(what, reason, {});
  else if (saveReproducer(crashText, crashTextSize))
    sayMessage(what, reason, {reproduce, optionText, "- < ", reproducerPath});
  else
    sayMessage(what, reason, {notSaved});
  sys::RunInterruptHandlers(); // removes what is half-written
  ::_exit(code);
}

/// LLVM ends the process on errors of its own.
static void onFatalError(void *, const char *reason, bool) { end("internal error: ", reason, exitInternal); }

static void onFault(int number) {
  end("internal error: ",
      number == SIGABRT   ? "aborted"
      : number == SIGSEGV ? "segmentation fault"
                          : "fault",
      exitInternal);
}

static void onCutShort(int) { end("a file of the model was cut short while it was read", "", exitInput); }

static void onOutOfMemory() { end("out of memory", "", exitInput); }

static void handle(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  ::sigaction(number, &action, nullptr);
}

CrashGuard::CrashGuard() {
  install_fatal_error_handler(onFatalError);
  before = std::set_new_handler(onOutOfMemory);
  // LLVM's handlers, which bring a stack of their own, are set once: here, so that it is not done over ours.
  // A program that compiles often has a guard each time, and LLVM a few places for handlers.
  static const bool registered = (sys::AddSignalHandler([](void *) {}, nullptr), true);
  (void)registered;
  for (int number : faults)
    handle(number, onFault);
  handle(SIGBUS, onCutShort);
}

CrashGuard::~CrashGuard() {
  for (int number : faults)
    std::signal(number, SIG_DFL);
  std::signal(SIGBUS, SIG_DFL);
  std::set_new_handler(before);
  remove_fatal_error_handler();
}

CrashText::CrashText(StringRef text) {
  crashTextSize = text.size();
  crashText = text.data();
}

CrashText::~CrashText() { crashText = nullptr; }

std::string reproducerNote(StringRef text) {
  if (!saveReproducer(text.data(), text.size()))
    return notSaved;
  return std::string(reproduce) + optionText + "- < " + reproducerPath;
}

void nameOptions(StringRef options) {
  optionText[0] = 0;
  if (options.empty() || options.size() + 2 > sizeof optionText)
    return;
  std::memcpy(optionText, options.data(), options.size());
  std::strcpy(optionText + options.size(), " ");
}

} // namespace llmc::driver
