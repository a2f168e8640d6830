// Messages.cpp - prints errors to people.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace llmc::runtime {

void printError(const char *file, const char *message, const char *note) {
  const char *noColour = getenv("NO_COLOR");
  bool colour = isatty(STDERR_FILENO) && !(noColour && *noColour);
  const char *bold = colour ? "\033[1m" : "", *red = colour ? "\033[1;31m" : "", *cyan = colour ? "\033[1;36m" : "",
             *plain = colour ? "\033[0m" : "";
  fflush(stdout);
  if (*file)
    fprintf(stderr, "%s%s: %s", bold, file, plain);
  fprintf(stderr, "%serror: %s%s\n", red, plain, message);
  if (note && *note)
    fprintf(stderr, "%snote: %s%s\n", cyan, plain, note);
}

const char *systemReason(int number) {
  static char text[128];
  snprintf(text, sizeof text, "%s", strerror(number));
  if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
    text[0] = char(text[0] - 'A' + 'a');
  return text;
}

} // namespace llmc::runtime
