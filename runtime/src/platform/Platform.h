// Platform.h - the little that the core asks of an operating system: memory, files, threads, waiting, time.
//
// Not here: processor features (CpuFeatures.h), texts of errors (Error.h).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_PLATFORM_PLATFORM_H
#define LLMC_RUNTIME_PLATFORM_PLATFORM_H

#include "runtime/src/platform/Error.h"

#include <stddef.h>
#include <stdint.h>

namespace llmc::runtime::platform {

/// A file mapped read-only from its first byte. Owned by the caller; free with unmapFile.
struct MappedFile {
  const uint8_t *data = nullptr;
  uint64_t size = 0;
  int descriptor = -1; ///< Kept open so that code can be mapped from it.
};

/// The system's words for an errno in lower case at the front, as our sentences are; they stand in `text`.
const char *reasonOf(int number, char (&text)[128]);

/// A regular file open for reading.
struct ReadFile {
  int descriptor = -1;
  uint64_t size = 0;
};

/// @retval LLMC_NOT_FOUND, LLMC_IO_ERROR  with the system's reason; a note speaks of models
Status openFile(const char *path, ReadFile &file, Error &error);
/// Reads `size` bytes at `offset`. False with errno set, EIO where the file ends before.
bool readFile(const ReadFile &file, uint64_t offset, void *to, uint64_t size);
void closeFile(ReadFile &file);

/// Opens a regular file for reading and maps all of it. An empty file gives a null `data`.
/// @retval LLMC_NOT_FOUND, LLMC_IO_ERROR  with the system's reason
Status mapFile(const char *path, MappedFile &file, Error &error);
void unmapFile(MappedFile &file);

/// Maps `size` bytes at `offset` (a multiple of the page size) of an open file for reading and execution.
Status mapCode(const MappedFile &file, uint64_t offset, uint64_t size, const uint8_t *&code, Error &error);
/// Copies bytes into pages that are then readable and executable, not writable.
Status copyCode(const uint8_t *bytes, uint64_t size, const uint8_t *&code, Error &error);
void unmapCode(const uint8_t *code, uint64_t size);

/// Zeroed memory, page-aligned, taken from the system when first touched; huge pages are asked for. Null when refused.
void *reserveMemory(uint64_t size);
void releaseMemory(void *memory, uint64_t size);

/// Small zeroed memory for bookkeeping; null when refused.
void *allocate(size_t size);
void release(void *memory);

/// Tells the system that a mapped range will be read soon. A hint.
void willNeed(const uint8_t *data, uint64_t size);

using ThreadFunction = void (*)(void *argument);
struct Thread;
/// Starts a thread with a small stack, on which no signal but of its own faults arrives; null when refused.
Thread *startThread(ThreadFunction function, void *argument);
void joinThread(Thread *thread);

/// Sleeps until *word is no longer `expected` or a wake comes; may return early for no reason.
void waitOnWord(const uint32_t *word, uint32_t expected);
/// Wakes all that sleep on the word.
void wakeWord(const uint32_t *word);

/// A clock that never goes back, in nanoseconds.
uint64_t nanoseconds();

/// Tells the processor that this is a waiting loop.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// The core this thread runs on now, or noCore where the system does not tell.
uint32_t currentCore();
constexpr uint32_t noCore = 0xffffffffu;

/// Cores that this process may use at once: the affinity mask without second threads of a core, cut by the quota of the
/// control group. At least 1.
uint32_t usableCores();

/// Memory of the machine in bytes, cut by the limit of the control group; 0 when unknown.
uint64_t memoryLimit();

} // namespace llmc::runtime::platform

#endif // LLMC_RUNTIME_PLATFORM_PLATFORM_H
