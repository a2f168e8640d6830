// Prompt.cpp - finds the prompt of a run and turns it into tokens.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Prompt.h"

#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/Messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

namespace llmc::runtime {

/// Longer prompts fit no context; reading stops here.
static constexpr size_t longestPrompt = size_t(1) << 28;

static bool readDescriptor(const char *name, int descriptor, std::string &text) {
  char buffer[65536];
  for (;;) {
    ssize_t size = read(descriptor, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0) {
      printError(name, (std::string("cannot be read: ") + systemReason(errno)).c_str(), "");
      return false;
    }
    if (!size)
      break;
    text.append(buffer, size_t(size));
    if (text.size() > longestPrompt) {
      printError(name, "the prompt is longer than 256 MiB", "");
      return false;
    }
  }
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (!text.empty() && text.back() == '\r')
    text.pop_back();
  return true;
}

bool readPromptText(const RunOptions &options, std::string &text) {
  switch (options.promptSource) {
  case RunOptions::PromptSource::Text:
    text = options.prompt;
    return true;
  case RunOptions::PromptSource::File: {
    int descriptor = open(options.prompt.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      printError(options.prompt.c_str(), (std::string("cannot be opened: ") + systemReason(errno)).c_str(), "");
      return false;
    }
    bool good = readDescriptor(options.prompt.c_str(), descriptor, text);
    close(descriptor);
    return good;
  }
  case RunOptions::PromptSource::StandardInput:
    return readDescriptor("standard input", STDIN_FILENO, text);
  default:
    return true;
  }
}

bool LineInput::next(std::string &line) {
  line.clear();
  for (;;) {
    for (; position < size; ++position) {
      if (buffer[position] == '\n') {
        ++position;
        return true;
      }
      line += buffer[position];
    }
    if (!waitForInput(STDIN_FILENO))
      return false;
    ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    position = 0;
    size = got < 0 ? 0 : size_t(got);
    if (!size)
      return !line.empty();
  }
}

bool tokenizePrompt(const llmc_model *model, const char *file, const std::string &text, bool addSpecial,
                    std::vector<int32_t> &ids) {
  llmc_error error;
  llmc_model_info info;
  info.struct_size = sizeof info;
  llmc_model_get_info(model, &info);
  ids.clear();
  if (info.has_tokenizer) {
    // A token has at least a byte of text, but for those that are added around it.
    ids.resize(text.size() + 64);
    size_t count = 0;
    for (int pass = 0; pass < 2; ++pass) {
      if (llmc_tokenize(model, text.data(), text.size(), addSpecial, 0, ids.data(), ids.size(), &count, &error)) {
        printError(file, error);
        return false;
      }
      bool fits = count <= ids.size();
      ids.resize(count);
      if (fits)
        break;
    }
  } else if (!text.empty()) {
    printError(file, "has no tokenizer, so it cannot read a text", "give token ids: --ids 1,2,3");
    return false;
  }
  if (ids.empty() && info.bos_id >= 0)
    ids.push_back(info.bos_id);
  if (ids.empty()) {
    printError(file, "the prompt is empty, and the model has no token to begin with", "give a prompt");
    return false;
  }
  return true;
}

} // namespace llmc::runtime
