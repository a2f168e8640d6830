// RunConversation.cpp - what a run is asked: the prompt, and the turns of a conversation with its cache kept.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Prompt.h"
#include "runtime/src/runner/Run.h"

#include <algorithm>
#include <stdio.h>
#include <unistd.h>

namespace llmc::runtime {

/// What helps where a full context ends an answer.
static constexpr char stopNote[] = "--ctx-size N makes room; --context-policy shift goes on without the oldest part";

/// Sets the prompt's ids, or `talks` when there is none and a person sits at the terminal.
bool Run::findPrompt() {
  if (options.system && !usesTemplate()) {
    printError(file, "has no chat template, so it takes no system message", "write it at the start of the prompt");
    return false;
  }
  if (options.loadPath.empty())
    conversation.start(options.system ? &*options.system : nullptr);
  if (options.promptSource == RunOptions::PromptSource::Ids) {
    prompt = options.ids;
    continueText();
    for (int32_t id : prompt)
      if (uint32_t(id) >= session->vocabSize) {
        printError(file, ("--ids: " + std::to_string(id) + " is no token of this model").c_str(),
                   ("its tokens are 0 to " + std::to_string(session->vocabSize - 1)).c_str());
        return false;
      }
    return true;
  }
  std::string text;
  if (options.promptSource == RunOptions::PromptSource::None && generator->tokenizer) {
    if ((talks = isatty(STDIN_FILENO)))
      return true;
    RunOptions fromInput = options;
    fromInput.promptSource = RunOptions::PromptSource::StandardInput;
    if (!readPromptText(fromInput, text))
      return false;
  } else if (!readPromptText(options, text)) {
    return false;
  }
  return usesTemplate() ? readMessage(text) : readText(text);
}

/// Leaves in `prompt` only what the sequence does not hold yet, and in the sequence only what the prompt begins with.
bool Run::keepComputed() {
  uint32_t length = llmc_sequence_length(session, generateOptions.sequence), same = 0;
  const Array<int32_t> &known = generator->history;
  while (same < length && same + 1 < prompt.size() && same < known.size() && known[same] == prompt[same])
    ++same; // the last token is computed in any case: its logits are wanted
  llmc_error error;
  if (same < length && llmc_sequence_truncate(session, generateOptions.sequence, same, &error)) {
    same = 0; // a state that cannot go back begins again
    if (llmc_sequence_truncate(session, generateOptions.sequence, 0, &error)) {
      printError(file, error);
      return false;
    }
  }
  prompt.erase(prompt.begin(), prompt.begin() + same);
  return true;
}

/// The last token of an answer that nothing ended was chosen but not read: what goes on begins with it.
void Run::continueText() {
  uint32_t length = llmc_sequence_length(session, generateOptions.sequence);
  const Array<int32_t> &known = generator->history;
  if (length && known.size() == size_t(length) + 1 && statistics.result.end != LLMC_END_TOKEN)
    prompt.insert(prompt.begin(), known[length]);
}

/// Nothing new was said: what follows the last token is wanted, and its logits are gone.
bool Run::readLastAgain() {
  uint32_t length = llmc_sequence_length(session, generateOptions.sequence);
  const Array<int32_t> &known = generator->history;
  llmc_error error;
  if (known.size() < length || llmc_sequence_truncate(session, generateOptions.sequence, length - 1, &error)) {
    printError(file, "there is nothing to go on with, and the prompt is empty", "give a prompt");
    return false;
  }
  prompt.assign(1, known[length - 1]);
  return true;
}

/// Sets `prompt` to a text that continues the sequence.
bool Run::readText(const std::string &said) {
  bool begun = llmc_sequence_length(session, generateOptions.sequence) > 0;
  prompt.clear();
  if ((!begun || !said.empty()) && !tokenizePrompt(model, file, said, !begun, prompt))
    return false;
  continueText();
  return !prompt.empty() || readLastAgain();
}

/// Sets `prompt` to the whole conversation with a new message in it. Where it fills the context its oldest turns go, if
/// that was asked for.
bool Run::readMessage(const std::string &said) {
  conversation.add("user", said);
  if (conversation.tokens(model, file, prompt) && fitConversation() && keepComputed())
    return true;
  conversation.drop();
  return false;
}

/// Drops the oldest turns of a conversation that does not fit. False after printing why it cannot.
bool Run::fitConversation() {
  uint32_t context = session->contextLength;
  if (prompt.size() <= context)
    return true;
  if (!options.shift && !talks)
    return true; // generation says so
  if (!options.shift) {
    printError(file,
               ("the conversation of " + std::to_string(prompt.size()) + " tokens does not fit: the context has " +
                std::to_string(context) + " positions")
                   .c_str(),
               "/reset starts anew; --context-policy shift drops the oldest turns, --ctx-size N makes room");
    return false;
  }
  unsigned turns = 0;
  for (; prompt.size() > roomyTokens() && conversation.dropOldestTurn(); ++turns)
    if (!conversation.tokens(model, file, prompt))
      return false;
  if (prompt.size() > context) {
    printError(file,
               ("the message does not fit: with what is kept it has " + std::to_string(prompt.size()) +
                " tokens, and the context " + std::to_string(context) + " positions")
                   .c_str(),
               "shorten it, or ask for a larger context: --ctx-size N");
    return false;
  }
  announceFull(turns == 1 ? "the oldest turn is dropped"
                          : (std::to_string(turns) + " oldest turns are dropped").c_str());
  return true;
}

/// Tells once an answer what became of a full context; later where it would fall into a line of text on a terminal.
void Run::announceFull(const char *what) {
  if (announced)
    return;
  if (announcement.empty())
    announcement = "the context of " + std::to_string(session->contextLength) + " positions is full: " + what;
  if (isatty(STDOUT_FILENO) && lastByte != '\n')
    return;
  printWarning(file, announcement.c_str(), options.shift ? "" : stopNote);
  announced = true;
}

/// What stands before every text stays: the tokens at the start that are no text.
uint32_t Run::firstTokens() const {
  const Array<int32_t> &known = generator->history;
  bool begun = llmc_sequence_length(session, generateOptions.sequence) > 0;
  const int32_t *tokens = begun ? known.data() : prompt.data();
  size_t count = begun ? known.size() : prompt.size(), first = 0;
  while (first < count && (tokens[first] == model->artifact.manifest.generation.bos_id ||
                           (generator->tokenizer && generator->tokenizer->isSpecial(tokens[first]))))
    ++first;
  return uint32_t(first);
}

/// The context is full in the middle of an answer: the oldest turns go, then the oldest part of the answer.
bool Run::onFull(void *self, Array<int32_t> &tokens) {
  Run &run = *static_cast<Run *>(self);
  if (!run.keepsAnswer) {
    run.announceFull("the oldest tokens are dropped");
    return false;
  }
  std::vector<int32_t> rest;
  while (run.conversation.dropOldestTurn()) {
    if (!run.conversation.tokens(run.model, run.file, rest))
      return false;
    run.questionTokens = rest.size();
    rest.insert(rest.end(), run.answered.begin(), run.answered.end());
    if (rest.size() > run.roomyTokens())
      continue;
    tokens.clear();
    run.announceFull("the oldest turns are dropped");
    return tokens.append(rest.data(), rest.size());
  }
  run.dropFromAnswer(tokens);
  run.announceFull("the oldest tokens of the answer are dropped");
  return true;
}

/// What the answer is to stays, up to half of the context; of the rest the newer half of what there is room for.
void Run::dropFromAnswer(Array<int32_t> &tokens) {
  size_t context = session->contextLength, first = std::min(questionTokens, context / 2);
  size_t last = std::max<size_t>((context - first) / 2, 1);
  questionTokens = first;
  std::move(tokens.end() - last, tokens.end(), tokens.begin() + first);
  tokens.truncate(first + last);
}

/// The answer becomes a message, as the template will write it down.
void Run::keepAnswer() {
  std::string text;
  if (statistics.result.end == LLMC_END_TOKEN && !answered.empty())
    answered.pop_back();
  if (answerText(model, file, answered, options.stopTexts, text))
    conversation.add("assistant", text);
}

/// Line by line on a terminal; the sequence keeps what was said.
int Run::converse() {
  fprintf(stderr, "A line %s; /reset starts anew, /stats shows figures, /exit or Ctrl-D ends.\n",
          usesTemplate() ? "is a message" : "continues the text");
  LineInput input;
  for (std::string said;;) {
    fputs("> ", stderr);
    bool more = input.next(said);
    if (interruption())
      return saveSession() ? 128 + interruption() : exitFailed;
    if (!more || said == "/exit")
      return saveSession() ? exitDone : exitFailed;
    if (said == "/reset") {
      llmc_sequence_truncate(session, generateOptions.sequence, 0, nullptr);
      conversation.restart();
      generator->history.clear();
      continue;
    }
    if (said == "/stats") {
      printStatistics(statistics);
      continue;
    }
    if (said.empty() || !(usesTemplate() ? readMessage(said) : readText(said)))
      continue;
    if (answer() == exitDone && keepsAnswer)
      keepAnswer();
    else if (keepsAnswer)
      conversation.drop();
    if (output.failure())
      return reportOutput();
    forgetInterruption(); // Ctrl-C ends an answer, not the conversation
  }
}

} // namespace llmc::runtime
