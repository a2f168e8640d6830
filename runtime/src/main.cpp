// main.cpp - the program that a compiled model's container is appended to.
//
// Everything it does is in the runner; here it finds its own file and counts its allocations for --count-allocations.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Runner.h"

#if LLMC_COUNT_ALLOCATIONS
#include <stddef.h>
#include <sys/types.h>

// The linker sends every call of these functions, the C library's own ones included, to __wrap_*.
static uint64_t allocationCount;
#define LLMC_COUNTED(type, name, parameters, arguments)                                                                \
  extern "C" type __real_##name parameters;                                                                            \
  extern "C" type __wrap_##name parameters {                                                                           \
    __atomic_fetch_add(&allocationCount, 1, __ATOMIC_RELAXED);                                                         \
    return __real_##name arguments;                                                                                    \
  }
LLMC_COUNTED(void *, malloc, (size_t size), (size))
LLMC_COUNTED(void *, calloc, (size_t count, size_t size), (count, size))
LLMC_COUNTED(void *, realloc, (void *old, size_t size), (old, size))
LLMC_COUNTED(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
LLMC_COUNTED(void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset),
             (at, size, protection, flags, file, offset))

static uint64_t countAllocations() { return __atomic_load_n(&allocationCount, __ATOMIC_RELAXED); }
#else
static uint64_t (*const countAllocations)() = nullptr;
#endif

int main(int argc, char **argv) {
  llmc::runtime::RunnerProgram program = {argc > 0 ? argv[0] : "model", "/proc/self/exe", countAllocations};
  return llmc::runtime::runMain(program, argc, argv);
}
