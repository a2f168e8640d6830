// RunSession.cpp - --save and --load: a session that goes on another day.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Run.h"

#include <errno.h>

namespace llmc::runtime {

/// Puts a saved session in place of an empty one.
bool Run::loadSession() {
  if (options.loadPath.empty())
    return true;
  const char *path = options.loadPath.c_str();
  llmc_error error;
  llmc_saved *saved = nullptr;
  uint32_t sequence = generateOptions.sequence, count = 0;
  const int32_t *tokens = nullptr;
  bool good = !llmc_saved_open(model, path, &saved, &error) && !llmc_saved_restore(saved, session, sequence, &error);
  if (good) {
    tokens = llmc_saved_tokens(saved, &count);
    good = !llmc_generator_recall(generator, sequence, tokens, count, &error);
  }
  if (!good)
    printError(path, error);
  llmc_text_view added = llmc_saved_application(saved);
  bool talksOn = usesTemplate() && options.promptSource != RunOptions::PromptSource::Ids;
  if (good && talksOn && !conversation.restore(added.data, added.size)) {
    printError(path, "was saved without the model's chat template", "go on with --raw");
    good = false;
  }
  llmc_saved_close(saved);
  return good;
}

/// Says now, not after an hour of talking, that a file cannot be written.
bool Run::canSave() const {
  if (options.savePath.empty())
    return true;
  const char *path = options.savePath.c_str();
  if (const char *taken = whatIs(path)) {
    printError(path, (std::string("cannot be written: is ") + taken).c_str(), "name another file");
    return false;
  }
  platform::WholeFile file;
  if (file.open(path))
    return true;
  printError(path, (std::string("cannot be written: ") + systemReason(errno)).c_str(), "");
  return false;
}

/// Saves what was read and written. An end token is not kept: what goes on does so before it.
bool Run::saveSession() {
  if (options.savePath.empty())
    return true;
  uint32_t length = llmc_sequence_length(session, generateOptions.sequence);
  const Array<int32_t> &known = generator->history;
  bool pending = known.size() == size_t(length) + 1 && statistics.result.end != LLMC_END_TOKEN;
  std::string added = keepsAnswer ? conversation.saved() : "";
  llmc_error error;
  if (!llmc_sequence_save(session, generateOptions.sequence, known.data(), length + (pending ? 1 : 0),
                          {added.data(), added.size()}, options.savePath.c_str(), &error))
    return true;
  printError(options.savePath.c_str(), error);
  return false;
}

} // namespace llmc::runtime
