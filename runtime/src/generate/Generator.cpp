// Generator.cpp - prompt in, tokens and pieces of text out.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/generate/Generator.h"

#include <new>

llmc_generator::llmc_generator(llmc_session &session, const llmc::runtime::Tokenizer *tokenizer)
    : session(session), tokenizer(tokenizer) {}

namespace llmc::runtime {

namespace {

/// Tokens a sequence beside takes in one step, at most.
constexpr uint32_t besideMost = 3;
/// Text that one token may set free without growing a buffer; longer token texts are rare.
constexpr size_t usualHeldText = 1 << 16;

/// One call of generate: the state that its parts share.
class Generation {
public:
  Generation(llmc_generator &generator, const llmc_generate_options &options, const GenerateHooks &hooks,
             llmc_generate_result &result, Error &error)
      : generator(generator), session(generator.session), options(options), hooks(hooks), result(result), error(error),
        decoder(generator.tokenizer ? *generator.tokenizer : generator.noTokenizer, receiveText, this) {}

  Status run(const int32_t *prompt, uint32_t numTokens);

private:
  static void receiveText(void *self, const char *bytes, size_t size) {
    Generation &generation = *static_cast<Generation *>(self);
    generation.outOfMemory |= !generation.generator.stops.push(bytes, size);
  }

  void start(const int32_t *prompt, uint32_t numTokens);
  Status readPrompt(const int32_t *prompt, uint32_t numTokens);
  bool planShift(uint32_t newest);
  Status shift(uint32_t newest);
  Status decodeTokens();
  Status step(const int32_t *tokens, uint32_t numTokens, bool last);
  void addSequenceBeside(uint32_t sequence, uint32_t numTokens);
  uint32_t tokensBeside() const;
  int32_t choose();
  bool endsText(int32_t token) const;
  bool handOut(int32_t token, uint32_t number, bool all);
  bool interrupted() const { return hooks.shouldStop && hooks.shouldStop(hooks.user); }
  bool mayShift() const { return options.context_policy == LLMC_CONTEXT_SHIFT; }
  bool isFull() const { return session.lengths[options.sequence] == session.contextLength; }
  Status noMemory() { return fail(error, LLMC_OUT_OF_MEMORY, "no memory for the text of a token"); }

  llmc_generator &generator;
  llmc_session &session;
  const llmc_generate_options &options;
  const GenerateHooks &hooks;
  llmc_generate_result &result;
  Error &error;
  StreamDecoder decoder;
  llmc_logits logits{}; ///< Of the last step: rows of our own sequence only.
  bool outOfMemory = false;
};

void Generation::start(const int32_t *prompt, uint32_t numTokens) {
  uint32_t length = session.lengths[options.sequence];
  if (generator.historySequence != options.sequence)
    generator.history.clear();
  generator.historySequence = options.sequence;
  if (generator.history.size() > length)
    generator.history.truncate(length);
  outOfMemory |= !generator.history.append(prompt, numTokens);
  SamplerOptions sampling;
  sampling.temperature = options.temperature;
  sampling.topK = int32_t(options.top_k);
  sampling.topP = options.top_p;
  sampling.minP = options.min_p;
  sampling.repetitionPenalty = options.repeat_penalty;
  sampling.seed = options.seed;
  generator.sampler.open(sampling, session.vocabSize, generator.samplerMemory.data());
  for (int32_t token : generator.history)
    generator.sampler.accept(token);
  // A text that starts with the answer drops the first token's space as the tokenizer says; one that goes on does not.
  bool fresh = !length;
  for (uint32_t i = 0; i < numTokens && generator.tokenizer; ++i)
    fresh = fresh && generator.tokenizer->isSpecial(prompt[i]);
  if (fresh)
    decoder.reset();
  else
    decoder.continueText();
}

/// Tokens that each sequence beside takes: a few, one when a step or the context has little room.
uint32_t Generation::tokensBeside() const {
  bool roomy = session.maxTokens >= (besideMost + 1) * (hooks.beside + 1) && session.contextLength >= besideMost;
  return roomy ? besideMost : 1;
}

void Generation::addSequenceBeside(uint32_t sequence, uint32_t numTokens) {
  if (session.contextLength - session.lengths[sequence] < numTokens) {
    Error ignored;
    truncateSequence(session, sequence, 0, ignored);
  }
  int32_t *tokens = generator.besideTokens.data() + sequence * besideMost;
  for (uint32_t i = 0; i < numTokens; ++i) {
    generator.besideSeed = generator.besideSeed * 1664525u + 1013904223u; // Numerical Recipes' generator
    tokens[i] = int32_t((generator.besideSeed >> 8) % session.vocabSize);
  }
  llmc_step_input input = {sequence, numTokens, tokens, 1};
  generator.inputs[generator.inputs.size() - 1] = input;
}

/// Appends tokens to the sequence, with those beside it in the same step; `last` when logits are needed to go on.
Status Generation::step(const int32_t *tokens, uint32_t numTokens, bool last) {
  generator.inputs.clear();
  uint32_t besideLeft = hooks.beside, rowsBefore = 0, rows = hooks.onLogits ? numTokens : last ? 1u : 0u;
  for (uint32_t sequence = 0; sequence < session.maxSequences; ++sequence) {
    if (sequence != options.sequence && !besideLeft)
      continue;
    outOfMemory |= !generator.inputs.resize(generator.inputs.size() + 1);
    if (outOfMemory)
      return noMemory();
    if (sequence == options.sequence) {
      generator.inputs[generator.inputs.size() - 1] = {sequence, numTokens, tokens, rows};
      rowsBefore = uint32_t(generator.inputs.size()) - 1; // each one before has a row
      continue;
    }
    addSequenceBeside(sequence, 1 + (sequence + session.stepNumber) % tokensBeside());
    --besideLeft;
  }
  if (Status status = runStep(session, generator.inputs.data(), uint32_t(generator.inputs.size()), logits, error))
    return status;
  logits.data += rowsBefore * logits.row_stride;
  logits.rows = rows;
  return hooks.onLogits ? hooks.onLogits(hooks.user, logits, error) : LLMC_OK;
}

Status Generation::readPrompt(const int32_t *prompt, uint32_t numTokens) {
  uint32_t most = session.maxTokens - hooks.beside * tokensBeside();
  if (hooks.onLogits && most > session.maxRows - hooks.beside)
    most = session.maxRows - hooks.beside;
  for (uint32_t done = 0; done < numTokens;) {
    uint32_t count = numTokens - done < most ? numTokens - done : most;
    if (Status status = step(prompt + done, count, done + count == numTokens))
      return status;
    done += count;
    if (interrupted())
      return LLMC_OK;
  }
  return LLMC_OK;
}

/// Sets generator.shifted to what stays of the history, whose last `newest` tokens the sequence does not hold yet: they
/// stay. False when they do not fit beside those that are always kept.
bool Generation::planShift(uint32_t newest) {
  Array<int32_t> &kept = generator.shifted;
  kept.clear();
  outOfMemory |= !kept.append(generator.history.data(), generator.history.size());
  if (outOfMemory)
    return false;
  if (newest == 1 && hooks.onFull && hooks.onFull(hooks.user, kept))
    return kept.size() && kept.size() <= session.contextLength;
  uint32_t context = session.contextLength, all = uint32_t(kept.size());
  uint32_t first = options.num_keep < context / 2 ? options.num_keep : context / 2;
  if (first > all - newest)
    first = all - newest;
  uint32_t last = (context - first) / 2;
  if (last < newest)
    last = newest;
  if (last > context - first)
    return false;
  if (last > all - first)
    last = all - first;
  memmove(kept.data() + first, kept.data() + (all - last), last * sizeof(int32_t));
  kept.truncate(first + last);
  return true;
}

/// Makes room in a full sequence: it then holds what stays of the history, its last `newest` tokens included, as if it
/// had been given nothing else. Logits are those of the last token.
Status Generation::shift(uint32_t newest) {
  uint32_t length = session.lengths[options.sequence];
  if (generator.history.size() != size_t(length) + newest) {
    fail(error, LLMC_CONTEXT_FULL,
         "the sequence has tokens that were not generated here, so none of them can be dropped");
    return addNote(error, "empty the sequence, or ask for a larger context");
  }
  if (!planShift(newest)) {
    if (outOfMemory)
      return noMemory();
    fail(error, LLMC_CONTEXT_FULL, "%u new tokens do not fit beside those that are kept: the context has %u positions",
         newest, session.contextLength);
    return addNote(error, "shorten them, or ask for a larger context");
  }
  const Array<int32_t> &kept = generator.shifted;
  uint32_t same = 0;
  while (same < length && same + 1 < kept.size() && kept[same] == generator.history[same])
    ++same; // the cache of a first part does not depend on what follows
  Error ignored;
  if (truncateSequence(session, options.sequence, same, ignored)) {
    same = 0; // a state that cannot go back begins again
    if (Status status = truncateSequence(session, options.sequence, 0, error))
      return status;
  }
  generator.history.clear();
  outOfMemory |= !generator.history.append(kept.data(), kept.size());
  generator.sampler.forgetSeen();
  for (int32_t token : generator.history)
    generator.sampler.accept(token);
  ++result.num_shifts;
  return outOfMemory ? noMemory() : readPrompt(kept.data() + same, uint32_t(kept.size()) - same);
}

/// The next token, or -1 when no logit is a number.
int32_t Generation::choose() {
  return generator.sampler.sample(logits.data + uint64_t(logits.rows - 1) * logits.row_stride);
}

bool Generation::endsText(int32_t token) const {
  llmc_range range = session.model->artifact.manifest.generation.eos_ids;
  for (uint32_t i = 0; i < range.count && !options.ignore_eos; ++i)
    if (session.model->artifact.row<int32_t>(range, i) == token)
      return true;
  return false;
}

/// Calls on_piece with what may be shown; true when generation ends here.
bool Generation::handOut(int32_t token, uint32_t number, bool all) {
  llmc_piece piece = {token, number, "", 0};
  bool stopped = generator.stops.take(all, piece.text, piece.size);
  if (stopped)
    result.end = LLMC_END_TEXT;
  if (token < 0 && !piece.size)
    return stopped;
  if (options.on_piece && options.on_piece(options.user, &piece)) {
    result.end = LLMC_END_CALLBACK;
    return true;
  }
  return stopped;
}

/// Chooses, shows and appends tokens until something ends it; result.end is set.
Status Generation::decodeTokens() {
  uint64_t firstAt = 0;
  while (result.num_new_tokens < options.max_new_tokens) {
    int32_t token = choose();
    if (token < 0) {
      fail(error, LLMC_INVALID_FILE, "the logits after %u tokens are not numbers", session.lengths[options.sequence]);
      return addNote(error, "the weights may hold NaN or infinity");
    }
    uint64_t now = platform::nanoseconds();
    if (!result.num_new_tokens)
      firstAt = now;
    result.decode_time = now - firstAt;
    outOfMemory |= !generator.history.push(token);
    generator.sampler.accept(token);
    if (hooks.onChoice)
      hooks.onChoice(hooks.user, logits.data + uint64_t(logits.rows - 1) * logits.row_stride, token);
    bool last = endsText(token);
    if (last)
      result.end = LLMC_END_TOKEN;
    else
      decoder.push(token);
    if (outOfMemory)
      return noMemory();
    last |= handOut(token, result.num_new_tokens++, false);
    if (interrupted()) {
      result.end = LLMC_END_CALLBACK;
      last = true;
    }
    if (!last && result.num_new_tokens == options.max_new_tokens) {
      result.end = LLMC_END_LENGTH;
      last = true;
    } else if (!last && isFull() && !mayShift()) {
      result.end = LLMC_END_CONTEXT;
      last = true;
    }
    if (last && (!hooks.onLogits || isFull()))
      return LLMC_OK;
    if (Status status = isFull() ? shift(1) : step(&token, 1, true))
      return status;
    if (interrupted()) {
      result.end = LLMC_END_CALLBACK;
      return LLMC_OK;
    }
    if (last)
      return LLMC_OK;
  }
  result.end = LLMC_END_LENGTH;
  return LLMC_OK;
}

Status Generation::run(const int32_t *prompt, uint32_t numTokens) {
  uint64_t begin = platform::nanoseconds();
  result.num_prompt_tokens = numTokens;
  result.num_new_tokens = 0;
  result.prompt_time = result.decode_time = 0;
  result.num_shifts = 0;
  result.end = LLMC_END_LENGTH;
  generator.stops.start(options.stop_texts, options.num_stop_texts);
  start(prompt, numTokens);
  if (outOfMemory)
    return noMemory();
  bool fits = numTokens <= session.contextLength - session.lengths[options.sequence];
  if (Status status = fits ? readPrompt(prompt, numTokens) : shift(numTokens))
    return status;
  result.prompt_time = platform::nanoseconds() - begin;
  if (interrupted()) {
    result.end = LLMC_END_CALLBACK;
    return LLMC_OK;
  }
  if (Status status = decodeTokens())
    return status;
  if (result.end != LLMC_END_TEXT && result.end != LLMC_END_CALLBACK) {
    decoder.finish();
    if (outOfMemory)
      return noMemory();
    handOut(-1, result.num_new_tokens, true);
  }
  return LLMC_OK;
}

Status checkOptions(const llmc_session &session, const llmc_generate_options &options, const GenerateHooks &hooks,
                    Error &error) {
  if (options.sequence >= session.maxSequences)
    return fail(error, LLMC_INVALID_ARGUMENT, "sequence %u, the session has %u", options.sequence,
                session.maxSequences);
  struct {
    const char *name;
    float value, least, most;
  } settings[] = {{"temperature", options.temperature, 0, 1000},
                  {"top_p", options.top_p, 0, 1},
                  {"min_p", options.min_p, 0, 1},
                  {"repeat_penalty", options.repeat_penalty, 1e-3f, 1000},
                  {"top_k", float(options.top_k), 0, float(INT32_MAX)}};
  for (const auto &setting : settings)
    if (!(setting.value >= setting.least && setting.value <= setting.most))
      return fail(error, LLMC_INVALID_ARGUMENT, "%s = %g, expected %g to %g", setting.name, double(setting.value),
                  double(setting.least), double(setting.most));
  if (options.context_policy > LLMC_CONTEXT_SHIFT)
    return fail(error, LLMC_INVALID_ARGUMENT, "context_policy = %u, expected 0 or 1", options.context_policy);
  if (hooks.onLogits && options.context_policy == LLMC_CONTEXT_SHIFT)
    return fail(error, LLMC_INVALID_ARGUMENT, "the logits of every position are wanted, so none can be dropped");
  if (hooks.beside &&
      (hooks.beside >= session.maxSequences || hooks.beside >= session.maxTokens || hooks.beside >= session.maxRows))
    return fail(error, LLMC_INVALID_ARGUMENT, "%u sequences beside need %u sequences, tokens and rows in a step",
                hooks.beside, hooks.beside + 1);
  return LLMC_OK;
}

} // namespace

Status openGenerator(llmc_session &session, llmc_generator *&generator, Error &error) {
  void *memory = platform::allocate(sizeof(llmc_generator));
  if (!memory)
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for a generator");
  llmc_generator *opened = new (memory) llmc_generator(session, static_cast<const Tokenizer *>(session.model->text));
  if (!opened->stops.reserve(usualHeldText) || !opened->history.reserve(size_t(session.contextLength) + 1) ||
      !opened->shifted.reserve(size_t(session.contextLength) + 1) ||
      !opened->samplerMemory.resize((Sampler::workspaceBytes(session.vocabSize) + 7) / 8) ||
      !opened->inputs.reserve(session.maxSequences) ||
      !opened->besideTokens.resize(size_t(session.maxSequences) * besideMost)) {
    closeGenerator(opened);
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for a generator");
  }
  generator = opened;
  return LLMC_OK;
}

void closeGenerator(llmc_generator *generator) {
  if (!generator)
    return;
  generator->~llmc_generator();
  platform::release(generator);
}

Status generate(llmc_generator &generator, const int32_t *prompt, uint32_t numTokens,
                const llmc_generate_options &options, const GenerateHooks &hooks, llmc_generate_result &result,
                Error &error) {
  llmc_session &session = generator.session;
  if (Status status = checkOptions(session, options, hooks, error))
    return status;
  if (!prompt || !numTokens)
    return fail(error, LLMC_INVALID_ARGUMENT, "a prompt needs at least one token");
  uint32_t length = session.lengths[options.sequence];
  bool mayShift = options.context_policy == LLMC_CONTEXT_SHIFT && numTokens <= session.contextLength;
  if (numTokens > session.contextLength - length && !mayShift) {
    fail(error, LLMC_CONTEXT_FULL, "the prompt of %u tokens does not fit: %u of %u positions are free", numTokens,
         session.contextLength - length, session.contextLength);
    return addNote(error, "shorten it, or ask for a larger context");
  }
  return Generation(generator, options, hooks, result, error).run(prompt, numTokens);
}

} // namespace llmc::runtime
