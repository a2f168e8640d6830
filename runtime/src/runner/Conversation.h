// Conversation.h - what was said, and the tokens that the model's chat template makes of it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_CONVERSATION_H
#define LLMC_RUNTIME_RUNNER_CONVERSATION_H

#include "llmc/llmc.h"

#include <stdint.h>
#include <string>
#include <vector>

namespace llmc::runtime {

/// Messages in order. The whole of them is written down anew for each answer, as templates expect; what of the tokens
/// is computed already is the runner's to find.
class Conversation {
public:
  /// Starts anew with a system message, unless that is null.
  void start(const std::string *system);
  /// Starts anew with the system message that it had.
  void restart();
  void add(const char *role, const std::string &content) { messages.push_back({role, content}); }
  /// Forgets the last message.
  void drop() { messages.pop_back(); }
  /// Forgets the oldest question and what was answered to it. False when only the newest is left.
  bool dropOldestTurn();

  /// The messages as bytes, for a saved session. Not empty.
  std::string saved() const;
  /// Takes messages from such bytes. False when they are none.
  bool restore(const char *bytes, size_t size);

  /// Tokens of the conversation up to where the assistant's answer begins. False after printing why not.
  bool tokens(const llmc_model *model, const char *file, std::vector<int32_t> &ids) const;

private:
  struct Message {
    const char *role;
    std::string content;
  };
  std::vector<Message> messages;
};

/// The text of an answer's tokens, without special ones; cut before the first of `stops`. False after printing why not.
bool answerText(const llmc_model *model, const char *file, const std::vector<int32_t> &ids,
                const std::vector<std::string> &stops, std::string &text);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_CONVERSATION_H
