// Tune.cpp - measures tilings of products beside the target's own, and writes the winners.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Tune.h"

#include "compiler/Schedule/Tilings.h"
#include "compiler/Targets/TargetBackend.h"
#include "dialects/Kernel/IR/Launches.h"
#include "frontends/models/Import.h"
#include "runtime/src/runner/Bench.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Package.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Temporary.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>

using namespace mlir;

namespace llmc::driver {

double TunedRatio::of(std::vector<double> rounds) {
  if (rounds.empty())
    return 1;
  llvm::sort(rounds);
  size_t half = rounds.size() / 2;
  return rounds.size() % 2 ? rounds[half] : (rounds[half - 1] + rounds[half]) / 2;
}

namespace {

using kernel::TilingAttr;
using llvm::json::Array;
using llvm::json::Object;

constexpr uint32_t kPromptTokens = 512, kNewTokens = 24, kRounds = 3;

/// As `#kernel.tiling`, what is left to the target included.
struct Tiling {
  int64_t panels = 0, group = 0, ahead = -1;
  RegisterTile many = {0, 0};
  TilingAttr attribute(MLIRContext *context) const {
    return TilingAttr::get(context, panels, group, ahead, many.rows, many.panels);
  }
};

/// Kinds of choices, which messages name.
constexpr llvm::StringLiteral kAhead = "ahead", kTile = "tile of one row", kPair = "tile of one row and ahead";

/// What is measured: a token alone, which knows few rows, and a prompt, which knows many.
enum Phase { decode, prefill, phases };

struct Product {
  std::pair<std::string, std::string> name;
  TilingChoices choices;
  Tiling best;
  bool ofTokens = false;          ///< of all rows of a prompt
  double seconds[phases][2] = {}; ///< of a token and of a prompt: as the target has it, and with `best`
};

class Tuner {
public:
  Tuner(CompileOptions &options, Messages &messages) : options(options), messages(messages) {}
  ExitCode run();

private:
  /// Changes a tiling, for a phase.
  struct Candidate {
    Phase phase;
    std::string kind, value;                               ///< those of one kind exclude each other
    std::function<bool(const Product &, Tiling &)> change; ///< false: the product has no such choice
  };

  bool findVariant();
  bool findProducts();
  std::vector<Candidate> candidates() const;
  bool compileTo(Temporary &file, llvm::function_ref<Tiling(const Product &)> tilingOf);
  bool measure(const std::string &path, double (&seconds)[phases], std::vector<std::array<double, phases>> &products);
  bool compare(llvm::function_ref<Tiling(const Product &)> tilingOf, const std::string &shown,
               std::vector<std::array<double, phases>> &ratios);
  bool chooseBest();
  bool confirm();
  std::string text() const;
  void tell() const;

  CompileOptions &options;
  Messages &messages;
  std::unique_ptr<MLIRContext> context = makeContext();
  std::string directory, variant;
  const TargetBackend *backend = nullptr;
  std::vector<Product> products;
  std::vector<int64_t> productOfLaunch; ///< -1: no product
  Temporary plain;                      ///< the model as the target has it
  uint32_t threads = 0;
  ExitCode code = exitInput;
};

bool Tuner::findVariant() {
  Result<std::vector<std::string>> native =
      chooseVariants("", "native", /*entersByRuntime=*/true, options.pipeline.lower.sums == "f16");
  if (!native)
    return messages.error(native.error()), false;
  variant = native->front();
  if (!llvm::is_contained(options.variants, variant))
    return messages.error("", "--tune: this machine's variant is " + variant + ", which is not compiled for",
                          "leave --cpu out, or ask for --cpu native"),
           false;
  backend = targetBackend(variant);
  return true;
}

bool Tuner::findProducts() {
  Result<std::string> found = findModel(options.model);
  if (!found)
    return messages.error(found.error()), false;
  directory = *found;
  MessageHandler handler(context.get(), messages);
  OwningOpRef<ModuleOp> module = models::parseCheckpoint(directory, context.get());
  if (!module)
    return false;
  auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(*module);
  if (!options.statistics.empty())
    checkpoint.setStatistics(options.statistics);
  PipelineOptions pipeline = options.pipeline;
  pipeline.graph.isGraph = checkpoint.getFormat() == transformer::CheckpointFormat::Onnx;
  for (const StopInfo &info : allStops())
    if (info.stop >= Stop::Import && info.stop <= Stop::Schedule) {
      PassManager manager(context.get());
      addPipeline(manager, info.stop, pipeline);
      if (failed(manager.run(*module)))
        return false;
    }
  std::map<std::pair<std::string, std::string>, int64_t> known;
  for (auto program : module->getOps<kernel::ProgramOp>())
    for (const kernel::Launch &launch : kernel::launchesOf(program)) {
      auto matmul = dyn_cast<kernel::MatmulOp>(launch.op);
      if (!matmul) {
        productOfLaunch.push_back(-1);
        continue;
      }
      auto [place, isNew] = known.try_emplace(productName(matmul), static_cast<int64_t>(products.size()));
      if (isNew)
        products.push_back({place->first, tilingChoices(matmul, *backend)});
      Product &product = products[static_cast<size_t>(place->second)];
      product.ofTokens |= launch.rows == kernel::DimKind::tokens;
      productOfLaunch.push_back(place->second);
    }
  for (Product &product : products)
    if (!product.ofTokens) // a prompt, too, has few rows of it
      product.choices.many.clear();
  if (products.empty())
    return messages.error(directory, "--tune: has no products with packed weights, which are what it tunes",
                          "compile without --tune"),
           false;
  return true;
}

std::vector<Tuner::Candidate> Tuner::candidates() const {
  std::vector<Candidate> list;
  for (int64_t ahead : {0, 512, 2048, 4096})
    list.push_back({decode, kAhead.str(), std::to_string(ahead), [ahead](const Product &, Tiling &tiling) {
                      tiling.ahead = ahead;
                      return true;
                    }});
  size_t most = 0, mostMany = 0;
  for (const Product &product : products) {
    most = std::max(most, product.choices.panels.size());
    mostMany = std::max(mostMany, product.choices.many.size());
  }
  // Fewer panels side by side want each asked for further ahead, one alone perhaps not at all: together they may win
  // where each loses.
  for (size_t i = 1; i < most; ++i)
    for (int64_t ahead : {-1, 0, 1024, 2048, 4096}) {
      if (ahead >= 0 && (ahead ? i > 1 : i + 1 < most))
        continue;
      std::string value = std::to_string(i) + (ahead < 0 ? "" : " and " + std::to_string(ahead));
      list.push_back(
          {decode, (ahead < 0 ? kTile : kPair).str(), value, [i, ahead](const Product &product, Tiling &tiling) {
             if (i >= product.choices.panels.size())
               return false;
             tiling.panels = product.choices.panels[i];
             tiling.ahead = ahead < 0 ? tiling.ahead : ahead;
             return true;
           }});
    }
  for (int64_t group : {4, 16, 32})
    list.push_back({decode, "group", std::to_string(group), [group](const Product &, Tiling &tiling) {
                      tiling.group = group;
                      return true;
                    }});
  for (size_t i = 1; i < mostMany; ++i)
    list.push_back({prefill, "tile of many rows", std::to_string(i), [i](const Product &product, Tiling &tiling) {
                      if (i >= product.choices.many.size())
                        return false;
                      tiling.many = product.choices.many[i];
                      return true;
                    }});
  return list;
}

bool Tuner::compileTo(Temporary &file, llvm::function_ref<Tiling(const Product &)> tilingOf) {
  Array entries;
  for (const Product &product : products)
    entries.push_back(tilingJson(product.name, tilingOf(product).attribute(context.get())));
  Temporary schedule;
  if (!schedule.make(messages) || !file.make(messages))
    return false;
  std::string text =
      llvm::formatv("{0:2}", llvm::json::Value(
                                 Object{{"llmc_schedule", 1}, {"variant", variant}, {"products", std::move(entries)}}))
          .str();
  if (!writeWhole(schedule.path, text, messages))
    return false;
  CompileOptions inner = options;
  inner.model = directory;
  inner.tuneFile.clear();
  inner.reportFile.clear();
  inner.machineFile.clear();
  inner.tempsFolder.reset();
  inner.printAfter.reset();
  inner.report = inner.verbose = false;
  inner.emit = Emit::Llmc;
  inner.quiet = true;
  inner.variants = {variant};
  inner.pipeline.schedule.file = schedule.path;
  inner.output = file.path;
  code = compile(inner, messages);
  bool done = code == exitDone;
  code = exitInput;
  return done;
}

/// Seconds of each product in a token and in a prompt.
bool Tuner::measure(const std::string &path, double (&seconds)[phases],
                    std::vector<std::array<double, phases>> &found) {
  runtime::BenchOptions wanted;
  wanted.promptTokens = kPromptTokens;
  wanted.newTokens = kNewTokens;
  wanted.repetitions = 0;
  wanted.profile = true;
  wanted.limits = false;
  runtime::BenchResult result;
  llmc_error error;
  if (runtime::measureModel(path.c_str(), wanted, result, error))
    return messages.error(directory, error.message, error.note), false;
  threads = result.threads;
  found.assign(products.size(), {});
  for (const runtime::PhaseProfile &profile : result.profile) {
    Phase phase = profile.name == StringRef("prefill") ? prefill : decode;
    seconds[phase] = profile.seconds / profile.runs;
    for (const runtime::LaunchTime &time : profile.launches)
      if (int64_t product = productOfLaunch[time.launch]; product >= 0)
        found[static_cast<size_t>(product)][phase] += time.seconds / profile.runs;
  }
  return true;
}

/// Each product's time with other tilings over that with the target's own, in turns.
bool Tuner::compare(llvm::function_ref<Tiling(const Product &)> tilingOf, const std::string &shown,
                    std::vector<std::array<double, phases>> &ratios) {
  Temporary other;
  if (!compileTo(other, tilingOf))
    return false;
  std::vector<std::array<std::vector<double>, phases>> rounds(products.size());
  std::vector<std::array<double, phases>> before, after;
  double ignored[phases];
  for (uint32_t round = 0; round < kRounds; ++round) {
    messages.progress("measuring " + shown + ", round " + std::to_string(round + 1) + " of " + std::to_string(kRounds));
    if (!measure(plain.path, ignored, before) || !measure(other.path, ignored, after))
      return false;
    for (size_t i = 0; i < products.size(); ++i)
      for (int phase = 0; phase < phases; ++phase)
        if (before[i][phase] > 0)
          rounds[i][phase].push_back(after[i][phase] / before[i][phase]);
  }
  messages.clearProgress();
  ratios.assign(products.size(), {});
  for (size_t i = 0; i < products.size(); ++i)
    for (int phase = 0; phase < phases; ++phase) {
      ratios[i][phase] = TunedRatio::of(rounds[i][phase]);
      products[i].seconds[phase][0] = before[i][phase];
      products[i].seconds[phase][1] = before[i][phase] * ratios[i][phase];
    }
  return true;
}

bool Tuner::chooseBest() {
  std::vector<Candidate> list = candidates();
  // Of choices that exclude each other the best one wins; others are joined.
  struct Winner {
    double ratio = 1;
    const Candidate *candidate = nullptr;
  };
  std::vector<std::map<std::string, Winner>> winners(products.size());
  for (const Candidate &candidate : list) {
    std::vector<std::array<double, phases>> ratios;
    std::string place = std::to_string(&candidate - list.data() + 1) + " of " + std::to_string(list.size());
    auto changed = [&](const Product &product) {
      Tiling tiling;
      candidate.change(product, tiling);
      return tiling;
    };
    if (!compare(changed, "choice " + place + " (" + candidate.kind + " " + candidate.value + ")", ratios))
      return false;
    for (size_t i = 0; i < products.size(); ++i) {
      Tiling tiling;
      if (!candidate.change(products[i], tiling) || !TunedRatio::wins(ratios[i][candidate.phase]))
        continue;
      Winner &winner = winners[i][candidate.kind];
      if (ratios[i][candidate.phase] < winner.ratio)
        winner = {ratios[i][candidate.phase], &candidate};
    }
  }
  for (size_t i = 0; i < products.size(); ++i) {
    auto ratioOf = [&](StringRef kind) {
      auto winner = winners[i].find(kind.str());
      return winner == winners[i].end() ? 1 : winner->second.ratio;
    };
    if (ratioOf(kPair) < ratioOf(kTile) * ratioOf(kAhead)) {
      winners[i].erase(kTile.str());
      winners[i].erase(kAhead.str());
    } else {
      winners[i].erase(kPair.str());
    }
    for (auto &[kind, winner] : winners[i])
      winner.candidate->change(products[i], products[i].best);
  }
  return true;
}

/// Winners that do not win together are dropped.
bool Tuner::confirm() {
  std::vector<std::array<double, phases>> ratios;
  if (!compare([](const Product &product) { return product.best; }, "all winners together", ratios))
    return false;
  for (size_t i = 0; i < products.size(); ++i) {
    Tiling &best = products[i].best;
    auto drop = [&](Phase phase) { products[i].seconds[phase][1] = products[i].seconds[phase][0]; };
    if ((best.panels || best.group || best.ahead >= 0) && !TunedRatio::wins(ratios[i][decode]))
      best.panels = best.group = 0, best.ahead = -1;
    if (best.many.rows && !TunedRatio::wins(ratios[i][prefill]))
      best.many = {0, 0};
    if (!best.panels && !best.group && best.ahead < 0)
      drop(decode);
    if (!best.many.rows)
      drop(prefill);
  }
  return true;
}

std::string Tuner::text() const {
  Array entries;
  for (const Product &product : products) {
    Object entry = tilingJson(product.name, product.best.attribute(context.get()));
    auto micros = [&](Phase phase) {
      return Array{std::llround(product.seconds[phase][0] * 1e6), std::llround(product.seconds[phase][1] * 1e6)};
    };
    entry["microseconds"] = Object{{"token", micros(decode)}, {"prompt", micros(prefill)}};
    entries.push_back(std::move(entry));
  }
  Object whole{{"llmc_schedule", 1},
               {"variant", variant},
               {"model", modelName(directory)},
               {"threads", static_cast<int64_t>(threads)},
               {"prompt_tokens", static_cast<int64_t>(kPromptTokens)},
               {"products", std::move(entries)}};
  return llvm::formatv("{0:2}", llvm::json::Value(std::move(whole))).str() + "\n";
}

void Tuner::tell() const {
  llvm::raw_ostream &out = llvm::errs();
  out << "tuned             " << variant << ", " << threads << (threads == 1 ? " thread" : " threads")
      << "; milliseconds as the target has it, and tuned\n";
  for (const Product &product : products) {
    for (int phase = 0; phase < phases; ++phase)
      out << (phase == decode ? "  token   " : "  prompt  ")
          << llvm::format("%9.3f %9.3f  ", product.seconds[phase][0] * 1e3, product.seconds[phase][1] * 1e3);
    out << product.name.first << " x " << product.name.second << "\n";
  }
}

ExitCode Tuner::run() {
  if (!canWrite(options.tuneFile, /*executable=*/false, messages) || !findVariant() || !findProducts() ||
      !compileTo(plain, [](const Product &) { return Tiling(); }) || !chooseBest() || !confirm() ||
      !writeWhole(options.tuneFile, text(), messages))
    return code;
  if (!options.quiet)
    tell();
  options.pipeline.schedule.file = options.tuneFile;
  return exitDone;
}

} // namespace

ExitCode tune(CompileOptions &options, Messages &messages) { return Tuner(options, messages).run(); }

} // namespace llmc::driver
