// Linux.cpp - the platform layer on Linux: mapped memory and files, threads, futexes, time.
//
// Not here: what the machine has (LinuxMachine.cpp), processor features (CpuFeatures.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/Platform.h"

#include "llmc/step_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace llmc::runtime::platform {

static constexpr uint64_t kHugePage = 2u << 20;

const char *reasonOf(int number, char (&text)[128]) {
  formatText(text, sizeof text, "%s", strerror(number));
  if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
    text[0] = char(text[0] - 'A' + 'a');
  return text;
}

Status openFile(const char *path, ReadFile &file, Error &error) {
  char text[128];
  file = ReadFile();
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // never hang on a fifo
  if (descriptor < 0)
    return fail(error, errno == ENOENT || errno == ENOTDIR ? LLMC_NOT_FOUND : LLMC_IO_ERROR, "cannot be opened: %s",
                reasonOf(errno, text));
  struct stat status;
  if (fstat(descriptor, &status) < 0) {
    fail(error, LLMC_IO_ERROR, "its size cannot be read: %s", reasonOf(errno, text));
    close(descriptor);
    return LLMC_IO_ERROR;
  }
  if (!S_ISREG(status.st_mode)) {
    close(descriptor);
    fail(error, LLMC_IO_ERROR, "is %s, expected a file",
         S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
    if (S_ISDIR(status.st_mode))
      addNote(error, "a model directory is compiled first: llmc compile DIRECTORY -o FILE");
    return LLMC_IO_ERROR;
  }
  file.descriptor = descriptor;
  file.size = uint64_t(status.st_size);
  return LLMC_OK;
}

bool readFile(const ReadFile &file, uint64_t offset, void *to, uint64_t size) {
  uint8_t *at = static_cast<uint8_t *>(to);
  while (size) {
    ssize_t got = pread(file.descriptor, at, size, off_t(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return errno = got ? errno : EIO, false;
    at += got;
    offset += uint64_t(got);
    size -= uint64_t(got);
  }
  return true;
}

void closeFile(ReadFile &file) {
  if (file.descriptor >= 0)
    close(file.descriptor);
  file = ReadFile();
}

Status mapFile(const char *path, MappedFile &file, Error &error) {
  file = MappedFile();
  ReadFile opened;
  if (Status status = openFile(path, opened, error))
    return status;
  file.descriptor = opened.descriptor;
  file.size = opened.size;
  if (!file.size)
    return LLMC_OK;
  void *data = mmap(nullptr, file.size, PROT_READ, MAP_PRIVATE, file.descriptor, 0);
  if (data == MAP_FAILED) {
    char text[128];
    fail(error, LLMC_IO_ERROR, "cannot be mapped into memory: %s", reasonOf(errno, text));
    closeFile(opened);
    file = MappedFile();
    return LLMC_IO_ERROR;
  }
  if (file.size >= kHugePage)
    madvise(data, file.size, MADV_HUGEPAGE); // where the system caches files so, and has not cached this one yet
  file.data = static_cast<const uint8_t *>(data);
  return LLMC_OK;
}

void unmapFile(MappedFile &file) {
  if (file.data)
    munmap(const_cast<uint8_t *>(file.data), file.size);
  if (file.descriptor >= 0)
    close(file.descriptor);
  file = MappedFile();
}

Status mapCode(const MappedFile &file, uint64_t offset, uint64_t size, const uint8_t *&code, Error &error) {
  void *data = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.descriptor, off_t(offset));
  if (data != MAP_FAILED) {
    code = static_cast<const uint8_t *>(data);
    return LLMC_OK;
  }
  char text[128];
  int number = errno;
  fail(error, LLMC_IO_ERROR, "its code cannot be mapped for execution: %s", reasonOf(number, text));
  if (number == EPERM || number == EACCES)
    addNote(error, "the file may lie on a file system mounted with noexec; copy it to one that allows programs");
  return LLMC_IO_ERROR;
}

Status copyCode(const uint8_t *bytes, uint64_t size, const uint8_t *&code, Error &error) {
  char text[128];
  void *data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for %llu bytes of code: %s", (unsigned long long)size,
                reasonOf(errno, text));
  memcpy(data, bytes, size);
  if (mprotect(data, size, PROT_READ | PROT_EXEC) < 0) {
    fail(error, LLMC_IO_ERROR, "its code cannot be made executable: %s", reasonOf(errno, text));
    munmap(data, size);
    return LLMC_IO_ERROR;
  }
  __builtin___clear_cache(static_cast<char *>(data), static_cast<char *>(data) + size);
  code = static_cast<const uint8_t *>(data);
  return LLMC_OK;
}

void unmapCode(const uint8_t *code, uint64_t size) {
  if (code)
    munmap(const_cast<uint8_t *>(code), size);
}

void *reserveMemory(uint64_t size) {
  if (size > SIZE_MAX / 2)
    return nullptr;
  void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  if (size >= kHugePage)
    madvise(memory, size, MADV_HUGEPAGE);
  return memory;
}

void releaseMemory(void *memory, uint64_t size) {
  if (memory)
    munmap(memory, size);
}

void *allocate(size_t size) { return calloc(1, size ? size : 1); }
void release(void *memory) { free(memory); }

void willNeed(const uint8_t *data, uint64_t size) {
  uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  uintptr_t begin = reinterpret_cast<uintptr_t>(data) & ~(page - 1);
  madvise(reinterpret_cast<void *>(begin), reinterpret_cast<uintptr_t>(data) + size - begin, MADV_WILLNEED);
}

struct Thread {
  pthread_t handle;
  ThreadFunction function;
  void *argument;
};

static constexpr int faultSignals[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

static void *enterThread(void *thread) {
  Thread *self = static_cast<Thread *>(thread);
  self->function(self->argument);
  return nullptr;
}

Thread *startThread(ThreadFunction function, void *argument) {
  Thread *thread = static_cast<Thread *>(allocate(sizeof(Thread)));
  if (!thread)
    return nullptr;
  thread->function = function;
  thread->argument = argument;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, (512u << 10) + LLMC_STEP_STACK_BYTES);
  // Signals belong to the program's own threads: one that waits for them must not lose them to ours. Faults stay where
  // they happen.
  sigset_t before, held;
  sigfillset(&held);
  for (int fault : faultSignals)
    sigdelset(&held, fault);
  pthread_sigmask(SIG_SETMASK, &held, &before);
  int failed = pthread_create(&thread->handle, &attributes, enterThread, thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (failed) {
    release(thread);
    return nullptr;
  }
  return thread;
}

void joinThread(Thread *thread) {
  if (!thread)
    return;
  pthread_join(thread->handle, nullptr);
  release(thread);
}

void waitOnWord(const uint32_t *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void wakeWord(const uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, nullptr, nullptr, 0); }

uint64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000u + uint64_t(now.tv_nsec);
}

} // namespace llmc::runtime::platform
