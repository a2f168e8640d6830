// ChooseFormats.cpp - orders linears by what rounding them changes, and measures how many need the wider format.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/ChooseFormats.h"

#include "compiler/Weights/Recipe.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "frontends/formats/statistics/Statistics.h"
#include "frontends/models/Import.h"
#include "runtime/src/runner/Eval.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Statistics.h"
#include "tools/driver/Temporary.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <cstring>
#include <map>

using namespace mlir;

namespace llmc::driver {

std::optional<int64_t> fewestSteps(int64_t count, double limit,
                                   llvm::function_ref<std::optional<double>(int64_t steps)> measure) {
  // `low` steps are known to be too few, `high` to do.
  int64_t low = -1, high = count + 1;
  for (int64_t steps : {int64_t(0), count}) {
    std::optional<double> found = measure(steps);
    if (!found)
      return std::nullopt;
    if (*found <= limit) {
      high = steps;
      break;
    }
    low = steps;
  }
  if (high > count)
    return -1;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    std::optional<double> found = measure(middle);
    if (!found)
      return std::nullopt;
    (*found <= limit ? high : low) = middle;
  }
  return high;
}

namespace {

/// A linear of one layer.
struct Linear {
  std::string key;
  double error = 0;    ///< the sum over its matrices of what rounding changes, as a share
  int64_t weights = 0; ///< numbers in its matrices
};

class FormatChoice {
public:
  FormatChoice(CompileOptions &options, Messages &messages) : options(options), messages(messages) {}
  ExitCode run();

private:
  bool readTokens();
  bool rank();
  void add(kernel::WeightOp weight, const TensorIndex &index, std::map<std::string, Linear> &found);
  bool compileTo(Temporary &file, const std::string &weights, int64_t steps);
  std::optional<double> measure(int64_t steps);

  CompileOptions &options;
  Messages &messages;
  std::string directory;
  std::vector<int32_t> tokens;
  std::vector<Linear> linears; ///< those that suffer most first
  Temporary original;
  std::map<int64_t, double> measured; ///< by steps
  ExitCode code = exitInput;
};

bool FormatChoice::readTokens() {
  Result<std::string> found = findModel(options.model);
  if (!found)
    return messages.error(found.error()), false;
  directory = *found;
  if (Checked checked = checkStatistics(options.statistics, directory); !checked)
    return messages.error(checked.error()), false;
  Result<statistics::Opened> opened = statistics::open(options.statistics);
  if (!opened)
    return messages.error(opened.error()), false;
  std::string_view bytes = opened->index.bytes(statistics::kHeldBack);
  tokens.resize(bytes.size() / 4);
  std::memcpy(tokens.data(), bytes.data(), tokens.size() * 4);
  if (tokens.size() < 2)
    return messages.error(options.statistics, "holds no tokens that were kept back, which --max-kld measures on",
                          "observe a text of two windows or more"),
           false;
  return true;
}

/// What rounding one packed weight changes, layer by layer.
void FormatChoice::add(kernel::WeightOp weight, const TensorIndex &index, std::map<std::string, Linear> &found) {
  transformer::WeightOp named;
  bool narrow = false;
  for (auto source : weight.getRecipe().getOps<transformer::WeightOp>())
    if (source.getKey(0).starts_with(kInputStatistics))
      named = source;
  for (auto quantize : weight.getRecipe().getOps<transformer::WeightQuantizeOp>())
    narrow |= blockFormat(
                  cast<transformer::BlockType>(cast<RankedTensorType>(quantize.getResult().getType()).getElementType())
                      .getFormat())
                  .codes.bits == 4;
  if (!named || !narrow)
    return;
  for (int64_t copy = 0, copies = weight.getCopies(); copy < copies; ++copy) {
    FailureOr<weights::PackedWeight> packed = weights::readRecipe(weight, copy, index);
    if (failed(packed))
      continue;
    StringRef key = named.getKey(named.getNumLayers() == 1 ? 0 : copy).drop_front(std::strlen(kInputStatistics));
    Linear &linear = found[key.str()];
    linear.key = key.str();
    for (const weights::WeightRef &stream : packed->streams) {
      linear.error += stream->roundingError().value_or(0);
      linear.weights += stream->numElements();
    }
  }
}

/// With all linears in the narrow format.
bool FormatChoice::rank() {
  std::unique_ptr<MLIRContext> owned = makeContext();
  MLIRContext &context = *owned;
  MessageHandler handler(&context, messages);
  OwningOpRef<ModuleOp> module = models::parseCheckpoint(directory, &context);
  if (!module)
    return false;
  auto place = transformer::lookupOnly<transformer::CheckpointOp>(*module);
  place.setStatistics(options.statistics);
  Result<TensorIndex> index = openWeights(place);
  if (!index)
    return messages.error(index.error()), false;
  for (const StopInfo &info : allStops())
    if (info.stop >= Stop::Import && info.stop <= Stop::Schedule) {
      PassManager manager(&context);
      addPipeline(manager, info.stop, options.pipeline);
      if (failed(manager.run(*module)))
        return false;
    }
  std::map<std::string, Linear> found;
  for (auto weight : module->getOps<kernel::WeightOp>())
    add(weight, *index, found);
  for (auto &[key, linear] : found)
    linears.push_back(std::move(linear));
  // What eight bits cost is the same for each weight; the keys decide between equals.
  llvm::stable_sort(linears, [](const Linear &a, const Linear &b) {
    return a.error / static_cast<double>(a.weights) > b.error / static_cast<double>(b.weights);
  });
  return true;
}

bool FormatChoice::compileTo(Temporary &file, const std::string &weights, int64_t steps) {
  CompileOptions inner;
  inner.model = directory;
  inner.emit = Emit::Llmc;
  inner.quiet = true;
  inner.pipeline = options.pipeline;
  inner.pipeline.quantize.weights = weights;
  inner.pipeline.quantize.wide.clear();
  for (int64_t i = 0; i < steps; ++i)
    inner.pipeline.quantize.wide.push_back(linears[static_cast<size_t>(i)].key);
  if (weights != "keep")
    inner.statistics = options.statistics;
  else // What it is measured against has nothing rounded.
    inner.pipeline.import.kv = "f32", inner.pipeline.lower.activations = "f32", inner.pipeline.quantize.floats = "keep",
    inner.pipeline.lower.sums = "f32";
  inner.variants = {"x86-64-v3"};
  if (!file.make(messages))
    return false;
  inner.output = file.path;
  code = compile(inner, messages);
  return code == exitDone;
}

std::optional<double> FormatChoice::measure(int64_t steps) {
  Temporary file;
  if (!compileTo(file, options.pipeline.quantize.weights, steps))
    return std::nullopt;
  code = exitInput;
  messages.progress("measuring with " + std::to_string(steps) + " of " + std::to_string(linears.size()) +
                    " linears in 8 bits");
  llmc_model *model = nullptr, *other = nullptr;
  llmc_error error;
  runtime::EvalResult result;
  llmc_status status = llmc_model_open(file.path.c_str(), &model, &error);
  if (!status)
    status = llmc_model_open(original.path.c_str(), &other, &error);
  if (!status)
    status = runtime::evaluate(model, other, tokens, {}, nullptr, result, error);
  llmc_model_close(model);
  llmc_model_close(other);
  messages.clearProgress();
  if (status)
    return messages.error(directory, error.message, error.note), std::nullopt;
  measured[steps] = result.meanDivergence;
  return result.meanDivergence;
}

std::string shown(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.3g", value);
  return text;
}

ExitCode FormatChoice::run() {
  if (!readTokens() || !rank() || !compileTo(original, "keep", 0))
    return code;
  const auto count = static_cast<int64_t>(linears.size());
  std::optional<int64_t> steps =
      fewestSteps(count, options.maxDivergence, [&](int64_t tried) { return measure(tried); });
  if (!steps)
    return code;
  if (*steps < 0) {
    messages.error(directory,
                   "mean KL divergence " + shown(measured[count]) + " with all linears in 8 bits, at most " +
                       shown(options.maxDivergence) + " was asked for (--max-kld)",
                   "ask for more, or take smaller groups, or --weights bf16");
    return exitThreshold;
  }
  for (int64_t i = 0; i < *steps; ++i)
    options.pipeline.quantize.wide.push_back(linears[static_cast<size_t>(i)].key);
  options.facts = {{"max_kld", shown(options.maxDivergence) + " asked for, " + shown(measured[*steps]) +
                                   " measured over " + std::to_string(tokens.size()) + " tokens"},
                   {"widened", std::to_string(*steps) + " of " + std::to_string(count) + " linears to 8 bits"}};
  return exitDone;
}

} // namespace

ExitCode chooseFormats(CompileOptions &options, Messages &messages) { return FormatChoice(options, messages).run(); }

} // namespace llmc::driver
