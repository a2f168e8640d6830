// NoExceptions.cpp - what the standard library calls instead of throwing, in the runtime's program only.
//
// Without these libstdc++ brings its exception machinery along: 120 KB of code and 72 KB of memory at every start. The
// runner uses strings and vectors, never their throwing functions; memory that runs out ends the program with a
// sentence.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <new>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end [[noreturn]] (const char *sentence, int code) {
  if (write(STDERR_FILENO, sentence, strlen(sentence)) < 0)
    _exit(code);
  _exit(code);
}

static void *allocateOrEnd(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory)
    end("error: out of memory\n", 1);
  return memory;
}

// What libstdc++'s precompiled strings refer to for exceptions that pass through them; none ever does.
extern "C" {
void *__cxa_begin_catch(void *) noexcept { end("error: internal: an exception\n", 70); }
void __cxa_end_catch() { end("error: internal: an exception\n", 70); }
void __cxa_rethrow() { end("error: internal: an exception\n", 70); }
int __gxx_personality_v0(...) { end("error: internal: an exception\n", 70); }
}

void *operator new(size_t size) { return allocateOrEnd(size); }
void *operator new[](size_t size) { return allocateOrEnd(size); }
void *operator new(size_t size, const std::nothrow_t &) noexcept { return malloc(size ? size : 1); }
void *operator new[](size_t size, const std::nothrow_t &) noexcept { return malloc(size ? size : 1); }
void operator delete(void *memory) noexcept { free(memory); }
void operator delete[](void *memory) noexcept { free(memory); }
void operator delete(void *memory, size_t) noexcept { free(memory); }
void operator delete[](void *memory, size_t) noexcept { free(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { free(memory); }
void operator delete[](void *memory, const std::nothrow_t &) noexcept { free(memory); }

namespace std {
const nothrow_t nothrow{};
// Declared by libstdc++'s bits/functexcept.h, which every container includes.
void __throw_length_error(const char *) { end("error: internal: a string or list grew too long\n", 70); }
void __throw_logic_error(const char *) { end("error: internal: a string made of nothing\n", 70); }
void __throw_out_of_range_fmt(const char *, ...) { end("error: internal: a place outside a string\n", 70); }
void __throw_out_of_range(const char *) { end("error: internal: a place outside a list\n", 70); }
void __throw_bad_alloc() { end("error: out of memory\n", 1); }
void __throw_bad_array_new_length() { end("error: out of memory\n", 1); }
} // namespace std
