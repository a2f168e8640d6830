// outside.cpp - asks a library that has a model inside.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>

extern "C" unsigned vocabulary();

int main() { std::printf("vocabulary %u\n", vocabulary()); }
