// Allocated.cpp - the C library's allocator with a count of bytes. A program that links this file has it everywhere, in
// shared libraries as well.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/onnx/Allocated.h"

#include <cerrno>
#include <cstdint>
#include <malloc.h>

// Bytes in use now, at the most, and when counting began. Signed: what is freed may have been there before.
static long now, most, begin;

namespace llmc::test {

void resetPeak() { begin = most = now; }
size_t peakBytes() { return static_cast<size_t>(most - begin); }

} // namespace llmc::test

#if !__has_feature(address_sanitizer)
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static void *counted(void *made) {
  if (made) {
    now += static_cast<long>(malloc_usable_size(made));
    most = now > most ? now : most;
  }
  return made;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **place, size_t alignment, size_t size) {
  void *made = memalign(alignment, size);
  if (!made)
    return ENOMEM;
  *place = made;
  return 0;
}
void free(void *was) {
  if (was)
    now -= static_cast<long>(malloc_usable_size(was));
  __libc_free(was);
}
void *realloc(void *was, size_t size) {
  long before = was ? static_cast<long>(malloc_usable_size(was)) : 0;
  void *made = __libc_realloc(was, size);
  if (made || !size)
    now -= before;
  return counted(made);
}
}
#endif
