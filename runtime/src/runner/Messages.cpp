// Messages.cpp - the two forms of messages.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Messages.h"

#include "runtime/src/runner/Output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace llmc::runtime {

static bool asJson = false;

void writeMessagesAsJson(bool json) { asJson = json; }
bool messagesAreJson() { return asJson; }

void chooseMessageForm(int argc, char **argv) {
  writeMessagesAsJson(false);
  for (int i = 1; i < argc && strcmp(argv[i], "--"); ++i)
    if (!strcmp(argv[i], "--diagnostics=json") ||
        (!strcmp(argv[i], "--diagnostics") && i + 1 < argc && !strcmp(argv[i + 1], "json")))
      writeMessagesAsJson(true);
}

/// Bytes of a name or a message as a JSON string: what is no UTF-8 becomes U+FFFD.
static void appendText(std::string &out, const char *text) {
  std::string sound;
  for (const char *at = text; *at;) {
    unsigned char lead = static_cast<unsigned char>(*at);
    size_t size = lead < 0x80                   ? 1
                  : lead >= 0xC2 && lead < 0xE0 ? 2
                  : (lead & 0xF0) == 0xE0       ? 3
                  : lead >= 0xF0 && lead < 0xF5 ? 4
                                                : 0;
    size_t good = size ? 1 : 0;
    while (good && good < size && (static_cast<unsigned char>(at[good]) & 0xC0) == 0x80)
      ++good;
    if (size && good == size)
      sound.append(at, size);
    else
      sound += "\xEF\xBF\xBD";
    at += size && good == size ? size : 1;
  }
  appendJsonString(out, sound.data(), sound.size());
}

/// Keys in their order, as the compiler's messages have them.
static std::string jsonText(const char *severity, const char *file, const char *message, const char *note) {
  std::string line = "{\"file\":";
  appendText(line, file);
  line += ",\"message\":";
  appendText(line, message);
  if (note && *note) {
    line += ",\"note\":";
    appendText(line, note);
  }
  return line + ",\"severity\":\"" + severity + "\"}\n";
}

std::string messageText(const char *severity, const char *file, const char *message, const char *note) {
  if (asJson)
    return jsonText(severity, file, message, note);
  std::string text = file;
  text += *file ? ": " : "";
  text += std::string(severity) + ": " + message + "\n";
  if (note && *note)
    text += std::string("note: ") + note + "\n";
  return text;
}

static void print(const char *severity, const char *colour, const char *file, const char *message, const char *note) {
  fflush(stdout);
  const char *noColour = getenv("NO_COLOR");
  if (asJson || !isatty(STDERR_FILENO) || (noColour && *noColour)) {
    fputs(messageText(severity, file, message, note).c_str(), stderr);
    return;
  }
  constexpr const char *bold = "\033[1m", *cyan = "\033[1;36m", *plain = "\033[0m";
  if (*file)
    fprintf(stderr, "%s%s: %s", bold, file, plain);
  fprintf(stderr, "%s%s: %s%s\n", colour, severity, plain, message);
  if (note && *note)
    fprintf(stderr, "%snote: %s%s\n", cyan, plain, note);
}

void printError(const char *file, const char *message, const char *note) {
  print("error", "\033[1;31m", file, message, note);
}

void printWarning(const char *file, const char *message, const char *note) {
  print("warning", "\033[1;35m", file, message, note);
}

const char *systemReason(int number) {
  static char text[128];
  snprintf(text, sizeof text, "%s", strerror(number));
  if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
    text[0] = char(text[0] - 'A' + 'a');
  return text;
}

} // namespace llmc::runtime
