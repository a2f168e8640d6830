// Observe.cpp - runs the observing artifact, and adds up what its products read.
//
// Not here: how the compiled code is looked into (ArtifactTrace.cpp), the command line (ObserveMain.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Observe.h"

#include "compiler/Artifact/OutputFile.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Quantize/Matrices.h"
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "frontends/formats/statistics/Statistics.h"
#include "frontends/models/Import.h"
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/TextFile.h"
#include "runtime/src/session/Model.h"
#include "tools/driver/ArtifactTrace.h"
#include "tools/driver/Compile.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Statistics.h"
#include "tools/driver/Temporary.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Parallel.h"

#include <cmath>
#include <cstring>
#include <map>

using namespace mlir;

namespace llmc::driver {

ObservedParts observedParts(uint64_t count, uint32_t window) {
  uint64_t windows = count / window;
  uint64_t held = windows < 2 ? 0 : std::min<uint64_t>(std::max<uint64_t>(windows / 8, 1), 8);
  return {windows - held, held};
}

namespace {

/// The moments of one input, in the file's memory.
struct Moments {
  int64_t columns = 0;
  uint64_t offset = 0; ///< in the file
  uint64_t rows = 0;   ///< added up so far
};

class Observation {
public:
  Observation(const ObserveOptions &options, Messages &messages) : options(options), messages(messages) {}
  ExitCode run();

private:
  bool load();
  bool advance(ModuleOp module, Stop first, Stop last);
  bool compileArtifact();
  bool readText(const llmc_model &model);
  bool readIds(const llmc_model &model, const std::string &shown, StringRef text);
  bool layOut();
  bool trace(const llmc_model &model);
  void add(const ObservedValue &value);
  bool finish();

  const ObserveOptions &options;
  Messages &messages;
  PipelineOptions pipeline;
  std::unique_ptr<MLIRContext> context;
  std::string directory, digest;
  OwningOpRef<ModuleOp> scheduled;
  Temporary compiled;
  std::vector<SmallVector<std::string>> keys; ///< of the inputs' statistics, by number of the op and layer
  std::map<std::string, Moments> moments;     ///< by key
  std::vector<int32_t> tokens;
  uint32_t window = 0;
  ObservedParts parts;
  std::unique_ptr<artifact::OutputFile> file;
  llvm::MutableArrayRef<uint8_t> bytes; ///< of the file
  ExitCode code = exitInput;            ///< of what went wrong
};

bool Observation::advance(ModuleOp module, Stop first, Stop last) {
  for (const StopInfo &info : allStops())
    if (info.stop >= first && info.stop <= last) {
      PassManager manager(context.get());
      addPipeline(manager, info.stop, pipeline);
      if (failed(manager.run(module)))
        return false;
    }
  return true;
}

/// The program of the artifact, with the ops in the locations of its launches.
bool Observation::load() {
  Result<std::string> found = findModel(options.model);
  if (!found)
    return messages.error(found.error()), false;
  directory = *found;
  OwningOpRef<ModuleOp> module = models::parseCheckpoint(directory, context.get());
  if (!module)
    return false;
  auto place = transformer::lookupOnly<transformer::CheckpointOp>(*module);
  if (place.getFormat() == transformer::CheckpointFormat::Onnx)
    return messages.error(directory, "is a tensor graph: only language models are observed",
                          "give the checkpoint that it was made from"),
           false;
  Result<TensorIndex> checkpoint = openCheckpoint(directory);
  if (!checkpoint)
    return messages.error(checkpoint.error()), false;
  digest = modelDigest(*checkpoint);
  if (!advance(*module, Stop::Import, Stop::Quantize))
    return false;
  for (Operation *op : numberOps(*module->getOps<func::FuncOp>().begin())) {
    keys.push_back(statisticsKeysOf(op));
    for (const std::string &key : keys.back())
      moments[key].columns = cast<RankedTensorType>(op->getOperand(0).getType()).getShape().back();
  }
  if (!advance(*module, Stop::Lower, Stop::Schedule))
    return false;
  scheduled = std::move(module);
  return true;
}

bool Observation::compileArtifact() {
  CompileOptions compileOptions;
  compileOptions.model = directory;
  compileOptions.emit = Emit::Llmc;
  compileOptions.quiet = true;
  compileOptions.pipeline = pipeline;
  Result<std::vector<std::string>> variants = chooseVariants("", "native");
  if (!variants)
    return messages.error(variants.error()), false;
  compileOptions.variants = *variants;
  if (!compiled.make(messages))
    return false;
  compileOptions.output = compiled.path;
  code = compile(compileOptions, messages);
  return code == exitDone;
}

/// Numbers between commas and white space.
bool Observation::readIds(const llmc_model &model, const std::string &shown, StringRef text) {
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  llmc_model_get_info(&model, &info);
  for (text = text.ltrim(", \t\r\n[]"); !text.empty(); text = text.ltrim(", \t\r\n[]")) {
    StringRef word = text.take_until([](char c) { return StringRef(", \t\r\n[]").contains(c); });
    uint32_t id;
    if (word.getAsInteger(10, id) || id >= info.vocab_size)
      return messages.error(shown, "'" + word.take_front(40).str() + "' is no token of this model",
                            "its tokens are 0 to " + std::to_string(info.vocab_size - 1)),
             false;
    tokens.push_back(static_cast<int32_t>(id));
    text = text.drop_front(word.size());
  }
  return true;
}

bool Observation::readText(const llmc_model &model) {
  code = exitInput;
  std::string text, shown = options.ids.empty() ? options.text : options.ids;
  if (!runtime::readTextFile(shown.c_str(), text))
    return false;
  if (shown == "-")
    shown = "standard input";
  if (text.empty())
    return messages.error(shown, "is empty"), false;
  llmc_error error;
  size_t count = 0;
  if (!options.ids.empty()) {
    if (!readIds(model, shown, text))
      return false;
  } else {
    tokens.resize(text.size() + 16);
    if (llmc_tokenize(&model, text.data(), text.size(), 1, 0, tokens.data(), tokens.size(), &count, &error))
      return messages.error(directory, error.message,
                            error.status == LLMC_NOT_FOUND ? "give token ids: --ids FILE" : error.note),
             false;
    tokens.resize(std::min(count, tokens.size()));
  }
  uint32_t context = 0;
  llmc_dim_info dim;
  for (uint32_t i = 0; llmc_model_dim(&model, i, &dim) == LLMC_OK; ++i)
    if (dim.kind == LLMC_DIM_CONTEXT)
      context = static_cast<uint32_t>(dim.maximum);
  if (options.window > context)
    return messages.error(directory, "--window " + std::to_string(options.window) + ": the model's context is " +
                                         std::to_string(context) + " tokens"),
           false;
  window = options.window ? options.window : std::min<uint32_t>(context, 2048);
  if (tokens.size() < window)
    return messages.error(shown,
                          "holds " + std::to_string(tokens.size()) + " tokens, less than one window of " +
                              std::to_string(window),
                          "give a longer text, or shorter windows: --window N"),
           false;
  if (tokens.size() > std::max(options.tokens, window))
    tokens.resize(std::max(options.tokens, window));
  parts = observedParts(tokens.size(), window);
  return true;
}

/// Header, and a place for each tensor.
bool Observation::layOut() {
  namespace st = statistics;
  uint64_t end = 0;
  llvm::json::Object header{
      {"__metadata__", llvm::json::Object{{st::kVersionName, st::kVersion},
                                          {st::kModelName, digest},
                                          {st::kTokensName, std::to_string(parts.observed * window)}}}};
  auto place = [&](const std::string &key, const char *type, int64_t count) {
    uint64_t begin = end;
    end += static_cast<uint64_t>(count) * 4;
    header[llvm::json::fixUTF8(key)] =
        llvm::json::Object{{"dtype", type},
                           {"shape", llvm::json::Array{count}},
                           {"data_offsets", llvm::json::Array{static_cast<int64_t>(begin), static_cast<int64_t>(end)}}};
    return begin;
  };
  for (auto &[key, sum] : moments)
    sum.offset = place(key, "F32", gramSize(sum.columns));
  uint64_t heldBack = place(st::kHeldBack, "I32", static_cast<int64_t>(parts.held * window));
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(header));
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' '); // the data begin at a multiple of 64
  uint64_t dataStart = 8 + text.size();

  auto created = artifact::OutputFile::create(options.output, /*executable=*/false);
  auto refuse = [&](llvm::Error error) {
    messages.error(options.output, "cannot write: " + llvm::toString(std::move(error)));
    return false;
  };
  if (!created)
    return refuse(created.takeError());
  file = std::move(*created);
  auto mapped = file->map(dataStart + end);
  if (!mapped)
    return refuse(mapped.takeError());
  bytes = *mapped;
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(text.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  for (auto &[key, sum] : moments)
    sum.offset += dataStart;
  if (parts.held)
    std::memcpy(bytes.data() + dataStart + heldBack, tokens.data() + parts.observed * window, parts.held * window * 4);
  return true;
}

void Observation::add(const ObservedValue &value) {
  // What was folded into the product is none; its own op is the one with a matrix.
  const SmallVector<std::string> *names = nullptr;
  for (unsigned number : value.ops)
    if (number < keys.size() && !keys[number].empty())
      names = &keys[number];
  if (!names)
    return;
  auto member = static_cast<size_t>(names->size() == 1 ? 0 : value.member);
  Moments &sum = moments[(*names)[member]];
  if (sum.columns != value.columns)
    return;
  auto gram = reinterpret_cast<float *>(bytes.data() + sum.offset);
  // About as much work for each: rows of a triangle grow longer.
  constexpr int64_t each = 64;
  llvm::parallelFor(0, static_cast<size_t>((sum.columns + each - 1) / each), [&](size_t i) {
    int64_t first = static_cast<int64_t>(i) * each;
    addMoments(value.data, value.rows, value.rowStride, sum.columns, first, std::min(first + each, sum.columns), gram);
  });
  sum.rows += static_cast<uint64_t>(value.rows);
}

bool Observation::trace(const llmc_model &model) {
  auto program = *scheduled->getOps<kernel::ProgramOp>().begin();
  runtime::noticeInterrupts();
  auto progress = [&](uint64_t done) {
    messages.progress("[" + std::to_string(done) + "/" + std::to_string(parts.observed) + "] observing windows of " +
                      std::to_string(window) + " tokens");
    return runtime::interruption() == 0;
  };
  llmc_error error;
  llmc_status status = traceInputs(
      model, program, ArrayRef(tokens).take_front(parts.observed * window), window,
      [&](const ObservedValue &value) { add(value); }, progress, error);
  messages.clearProgress();
  if (runtime::interruption())
    code = static_cast<ExitCode>(128 + runtime::interruption());
  else if (status)
    messages.error(directory, error.message, error.note);
  return status == LLMC_OK;
}

/// Sums become means.
bool Observation::finish() {
  for (auto &[key, sum] : moments) {
    if (!sum.rows)
      return messages.error(directory, "what '" + key.substr(std::strlen(kInputStatistics)) +
                                           "' is multiplied with could not be looked at"),
             false;
    auto gram = reinterpret_cast<float *>(bytes.data() + sum.offset);
    const float share = 1 / static_cast<float>(sum.rows);
    bool finite = true;
    for (int64_t i = 0, size = gramSize(sum.columns); i < size; ++i) {
      gram[i] *= share;
      finite &= std::isfinite(gram[i]);
    }
    if (!finite)
      return messages.error(directory, "what '" + key.substr(std::strlen(kInputStatistics)) +
                                           "' is multiplied with is not finite"),
             false;
  }
  if (llvm::Error error = file->commit())
    return messages.error(options.output, "cannot write: " + llvm::toString(std::move(error))), false;
  return true;
}

ExitCode Observation::run() {
  context = makeContext();
  MessageHandler handler(context.get(), messages);
  pipeline.lower.activations = "f32"; // rows as they are, also before weights of codes
  if (!load() || !compileArtifact())
    return code;
  llmc_model *model;
  llmc_error error;
  if (llmc_model_open(compiled.path.c_str(), &model, &error))
    return messages.error(directory, error.message, error.note), exitInput;
  bool done = readText(*model) && layOut() && trace(*model) && finish();
  llmc_model_close(model);
  if (!done)
    return code;
  llvm::errs() << options.output << ": " << moments.size() << " inputs over " << parts.observed * window
               << " tokens in windows of " << window << ", " << parts.held * window << " tokens kept back\n";
  return exitDone;
}

} // namespace

ExitCode observe(const ObserveOptions &options, Messages &messages) { return Observation(options, messages).run(); }

} // namespace llmc::driver
