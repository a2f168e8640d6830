// Run.h - one run of the program: what its parts share. Opening and ending are in Runner.cpp, prompts and conversations
// in RunConversation.cpp, what is shown in RunOutput.cpp, saved sessions in RunSession.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_RUN_H
#define LLMC_RUNTIME_RUNNER_RUN_H

#include "runtime/src/generate/Generator.h"
#include "runtime/src/runner/Conversation.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/Statistics.h"

namespace llmc::runtime {

/// ln of a token's probability.
struct TokenLogprob {
  int32_t token;
  double value;
};

/// One run of the program, from the opened model to its exit code.
class Run {
public:
  Run(const RunnerProgram &program, const RunOptions &options, uint64_t start)
      : program(program), options(options), start(start) {}
  ~Run() {
    llmc_generator_close(generator);
    llmc_session_close(session);
    llmc_model_close(model);
  }

  int run();

private:
  bool openModel();
  bool openSession();
  const char *whatIs(const char *path) const;
  bool fillGenerateOptions();
  bool findPrompt();
  int answer();
  int converse();
  bool readText(const std::string &said);
  bool readLastAgain();
  bool readMessage(const std::string &said);
  void keepAnswer();
  bool keepComputed();
  bool fitConversation();
  uint32_t roomyTokens() const { return session->contextLength - session->contextLength / 4; }
  void continueText();
  static bool onFull(void *self, Array<int32_t> &tokens);
  void dropFromAnswer(Array<int32_t> &tokens);
  void announceFull(const char *what);
  uint32_t firstTokens() const;
  bool usesTemplate() const { return model->chat && generator->tokenizer && !options.raw; }
  bool loadSession();
  bool canSave() const;
  bool saveSession();
  int finish();
  int reportOutput();
  static int onPiece(void *self, const llmc_piece *piece);
  static Status onLogits(void *self, const llmc_logits &logits, Error &error);
  static void onChoice(void *self, const float *row, int32_t token);
  std::string tokenText(int32_t token) const;
  void showLogprobs(int32_t token);
  bool show(const llmc_piece &piece);

  const RunnerProgram &program;
  const RunOptions &options;
  const uint64_t start;
  const char *file = "";
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  llmc_generator *generator = nullptr;
  llmc_generate_options generateOptions{};
  GenerateHooks hooks;
  std::vector<const char *> stopTexts;
  std::vector<int32_t> prompt;
  std::vector<int32_t> answered; ///< Tokens of the answer.
  size_t questionTokens = 0;     ///< Of the sequence, before the answer's.
  std::string announcement;      ///< What a full context led to.
  bool announced = false;
  Conversation conversation; ///< With a chat template.
  StandardOutput output;
  NpyWriter logits;
  RunStatistics statistics;
  std::vector<TokenLogprob> logprobs; ///< Of the newest token, then of the likeliest ones.
  std::vector<int32_t> order;         ///< All tokens, the likeliest first.
  std::string line;                   ///< Reused for each piece.
  bool talks = false;                 ///< A person sits at the terminal.
  bool keepsAnswer = false;           ///< What was answered is a message of a conversation that goes on.
  bool anyText = false;
  char lastByte = '\n';
  uint64_t allocationsBefore = 0;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_RUN_H
