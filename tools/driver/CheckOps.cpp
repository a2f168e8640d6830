// CheckOps.cpp - a compiled model's values, op by op, beside the reference semantics.
//
// Not here: how the compiled code is looked into (ArtifactTrace.cpp), the command line (CheckMain.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Check.h"

#include "compiler/Artifact/ManifestBuilder.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Weights/WeightPacker.h"
#include "frontends/models/Import.h"
#include "runtime/src/session/Model.h"
#include "tools/driver/ArtifactTrace.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/ReferenceRun.h"
#include "tools/driver/Registration.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <set>

using namespace mlir;

namespace llmc::driver {

Difference compareRows(const float *found, int64_t foundStride, const float *expected, int64_t expectedStride,
                       int64_t rows, int64_t columns) {
  Difference worst;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      float a = found[r * foundStride + c], b = expected[r * expectedStride + c];
      if (std::isfinite(b))
        worst.largest = std::max(worst.largest, std::fabs(static_cast<double>(b)));
      bool same = a == b || (std::isnan(a) && std::isnan(b));
      double difference = same ? 0 : std::fabs(static_cast<double>(a) - b);
      if (std::isnan(difference))
        difference = std::numeric_limits<double>::infinity();
      if (difference > worst.absolute) {
        worst.absolute = difference;
        worst.row = r, worst.column = c;
        worst.found = a, worst.expected = b;
      }
    }
  worst.relative = worst.absolute == 0 ? 0 : worst.absolute / worst.largest;
  return worst;
}

namespace {

std::string textOf(const runtime::Artifact &artifact, llmc_text text) {
  llmc_text_view view = artifact.text(text);
  return std::string(view.data, view.size);
}

/// How a manifest that was built anew differs from the artifact's; empty when the two programs are one.
std::string programDifference(const artifact::Manifest &built, const runtime::Artifact &artifact) {
  if (built.weights.size() != artifact.manifest.weights.count)
    return std::to_string(artifact.manifest.weights.count) + " packed tensors, " +
           std::to_string(built.weights.size()) + " of the model's";
  for (uint32_t i = 0; i < artifact.manifest.weights.count; ++i) {
    auto weight = artifact.row<llmc_weight_info>(artifact.manifest.weights, i);
    const artifact::WeightInfo &wanted = built.weights[i];
    std::string name = textOf(artifact, weight.name), format = textOf(artifact, weight.format);
    if (name != wanted.name || format != wanted.format || weight.offset != wanted.offset || weight.size != wanted.size)
      return "packed tensor " + std::to_string(i) + " is " + name + " (" + format + "), the model's " + wanted.name +
             " (" + wanted.format + ")";
  }
  if (artifact.manifest.entries.count != built.entries.size() ||
      artifact.entry(0).slots.count != built.entries.front().slots.size())
    return "another memory plan";
  return "";
}

/// One value of the program and how far it is from what it should be.
struct Row {
  std::string name;
  int64_t layer;
  Difference difference;
};

class OpCheck {
public:
  OpCheck(const CheckOptions &options, const llmc_model &model, Messages &messages)
      : options(options), model(model), messages(messages) {}
  ExitCode run();

private:
  bool match();
  bool advance(ModuleOp module, Stop first, Stop last);
  FailureOr<bool> matchWith(const std::string &weights, std::string &why);
  bool compareWeights();
  bool interpret();
  void compare(const ObservedValue &value);
  std::string nameOf(const ObservedValue &value) const;
  ExitCode report();

  const CheckOptions &options;
  const llmc_model &model;
  Messages &messages;
  std::unique_ptr<MLIRContext> context;
  PipelineOptions pipeline;
  std::string directory;
  OwningOpRef<ModuleOp> reference, scheduled; ///< At the stops quantize and schedule.
  std::optional<TensorIndex> checkpoint;
  std::vector<Operation *> ops;                                       ///< Of the reference, by number.
  std::map<std::pair<unsigned, int64_t>, reference::Floats> expected; ///< By op and layer.
  std::vector<Row> rows;
  std::vector<std::string> otherWeights; ///< Names of packed tensors whose bytes differ.
};

bool OpCheck::advance(ModuleOp module, Stop first, Stop last) {
  for (const StopInfo &info : allStops())
    if (info.stop >= first && info.stop <= last) {
      PassManager manager(context.get());
      addPipeline(manager, info.stop, pipeline);
      if (failed(manager.run(module)))
        return false;
    }
  return true;
}

/// Takes the model to the stop `schedule` with weights stored in that type. True when that is the artifact's program.
FailureOr<bool> OpCheck::matchWith(const std::string &weights, std::string &why) {
  pipeline.quantize.weights = weights;
  reference = models::parseCheckpoint(directory, context.get());
  if (!reference || !advance(*reference, Stop::Import, Stop::Quantize))
    return failure();
  auto entry = *reference->getOps<func::FuncOp>().begin();
  ops = numberOps(entry);
  scheduled = reference->clone();
  if (!advance(*scheduled, Stop::Lower, Stop::Schedule))
    return failure();
  FailureOr<artifact::Manifest> manifest = artifact::buildManifest(*scheduled);
  if (failed(manifest))
    return failure();
  why = programDifference(*manifest, model.artifact);
  return why.empty();
}

/// Finds out how the artifact was compiled: its bounds stand in its manifest, the weights' type shows in its table.
bool OpCheck::match() {
  for (uint32_t i = 0; i < model.artifact.manifest.dims.count; ++i) {
    llmc_dim dim = model.artifact.dim(i);
    auto most = static_cast<int64_t>(dim.maximum);
    if (dim.kind == LLMC_DIM_TOKENS)
      pipeline.import.maxStep = most;
    else if (dim.kind == LLMC_DIM_SEQUENCES)
      pipeline.import.maxSequences = most;
    else if (dim.kind == LLMC_DIM_CONTEXT)
      pipeline.import.maxContext = most;
  }
  std::string first;
  for (const char *weights : {"keep", "f32", "bf16", "f16"}) {
    std::string why;
    FailureOr<bool> same = matchWith(weights, why);
    if (failed(same))
      return false;
    if (*same)
      return true;
    if (first.empty())
      first = why;
  }
  messages.error(options.file, "was not compiled from '" + options.model + "' by this llmc: " + first,
                 "name the model it was compiled from (--model), or compile it again");
  return false;
}

/// Packs the model's weights again and compares them with the artifact's.
bool OpCheck::compareWeights() {
  Result<TensorIndex> index = openCheckpoint(directory);
  if (!index)
    return messages.error(index.error()), false;
  checkpoint.emplace(std::move(*index));
  if (failed(weights::checkWeights(*scheduled, *checkpoint)))
    return false;
  const llmc_section *section = model.artifact.section(LLMC_SECTION_WEIGHTS);
  uint64_t size = section ? section->size : 0;
  if (size != weights::weightsSectionSize(*scheduled))
    return messages.error(options.file, "its weights have another size than the model's"), false;
  std::mutex mutex;
  std::set<uint64_t> places; // first differing byte of each block
  llvm::Error error = weights::packWeights(*scheduled, *checkpoint, [&](uint64_t offset, ArrayRef<uint8_t> bytes) {
    const uint8_t *own = model.weights + offset;
    for (size_t i = 0; i < bytes.size(); ++i)
      if (own[i] != bytes[i]) {
        std::lock_guard<std::mutex> lock(mutex);
        places.insert(offset + i);
        break;
      }
    return llvm::Error::success();
  });
  if (error)
    return messages.error(directory, llvm::toString(std::move(error))), false;
  const runtime::Artifact &artifact = model.artifact;
  for (uint32_t i = 0; i < artifact.manifest.weights.count; ++i) {
    auto weight = artifact.row<llmc_weight_info>(artifact.manifest.weights, i);
    auto place = places.lower_bound(weight.offset);
    if (place != places.end() && *place < weight.offset + weight.size)
      otherWeights.push_back(textOf(artifact, weight.name));
  }
  return true;
}

/// Runs the reference semantics and keeps every value.
bool OpCheck::interpret() {
  auto entry = *reference->getOps<func::FuncOp>().begin();
  reference::Interpreter interpreter(*reference, weightsFrom(&*checkpoint, context.get()));
  interpreter.observe([&](Value value, int64_t layer, const reference::RuntimeValue &found) {
    const auto *floats = std::get_if<reference::Floats>(&found);
    SmallVector<unsigned> numbers = opNumbers(value.getDefiningOp()->getLoc());
    if (floats && floats->shape.size() == 2 && !numbers.empty() && value.getDefiningOp()->getNumResults() == 1)
      expected[{numbers.back(), layer}] = *floats;
  });
  std::vector<reference::RuntimeValue> states = emptyStates(entry);
  if (failed(runReferenceStep(interpreter, entry, options.tokens, 0, states)))
    return false;
  return true;
}

/// The keys of the weights that an op reads in a layer.
void addKeys(Value value, int64_t member, llvm::SetVector<StringRef> &keys) {
  Operation *op = value.getDefiningOp();
  if (!op || !op->getName().getStringRef().starts_with("transformer.weight"))
    return;
  if (auto weight = dyn_cast<transformer::WeightOp>(op))
    keys.insert(weight.getKey(weight.getNumLayers() == 1 ? 0 : member));
  for (Value operand : op->getOperands())
    addKeys(operand, member, keys);
}

std::string OpCheck::nameOf(const ObservedValue &value) const {
  llvm::SetVector<StringRef> names, keys;
  for (unsigned number : value.ops) {
    names.insert(ops[number]->getName().getStringRef());
    for (Value operand : ops[number]->getOperands())
      addKeys(operand, value.member, keys);
  }
  std::string text = llvm::join(names, " and ");
  // An op without weights is known by the name that importing gave it, without the number of the layer: it is that of
  // the first one of the class.
  if (keys.empty())
    ops[value.ops.back()]->getLoc()->walk([&](Location part) {
      auto named = dyn_cast<NameLoc>(part);
      if (!named || named.getName().getValue().starts_with("llmc.op:"))
        return WalkResult::advance();
      StringRef name = named.getName().getValue();
      for (size_t at = name.find('.'); at != StringRef::npos; at = name.find('.', at + 1))
        if (size_t digits = name.find_first_not_of("0123456789", at + 1);
            digits > at + 1 && name.substr(digits, 1) == ".")
          name = name.substr(digits + 1), at = 0;
      keys.insert(name);
      return WalkResult::advance();
    });
  return keys.empty() ? text : text + " (" + llvm::join(keys, ", ") + ")";
}

void OpCheck::compare(const ObservedValue &value) {
  if (value.ops.empty() || value.ops.back() >= ops.size())
    return;
  auto found = expected.find({value.ops.back(), value.layer});
  if (found == expected.end())
    return;
  const reference::Floats &wanted = found->second;
  if (wanted.rows() != value.rows || wanted.columns() != value.columns)
    return;
  rows.push_back(
      {nameOf(value), value.layer,
       compareRows(value.data, value.rowStride, wanted.values.data(), wanted.columns(), value.rows, value.columns)});
}

std::string place(const Row &row) {
  return row.layer < 0 ? row.name : "layer " + std::to_string(row.layer) + ": " + row.name;
}

llvm::json::Object jsonOf(const Row &row) {
  return llvm::json::Object{{"layer", row.layer},
                            {"op", row.name},
                            {"absolute", row.difference.absolute},
                            {"relative", row.difference.relative},
                            {"token", row.difference.row},
                            {"column", row.difference.column},
                            {"found", static_cast<double>(row.difference.found)},
                            {"expected", static_cast<double>(row.difference.expected)}};
}

ExitCode OpCheck::report() {
  llvm::raw_ostream &out = llvm::outs();
  auto first = llvm::find_if(rows, [&](const Row &row) { return !(row.difference.relative <= options.tolerance); });
  auto worst = std::max_element(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
    return a.difference.relative < b.difference.relative;
  });
  if (options.json) {
    if (options.all)
      for (const Row &row : rows) {
        llvm::json::Object line = jsonOf(row);
        line["type"] = "value";
        out << llvm::json::Value(std::move(line)) << "\n";
      }
    llvm::json::Object line{
        {"type", "check"},
        {"values", static_cast<int64_t>(rows.size())},
        {"tokens", static_cast<int64_t>(options.tokens.size())},
        {"tolerance", options.tolerance},
        {"largest", jsonOf(*worst)},
        {"first", first == rows.end() ? llvm::json::Value(nullptr) : llvm::json::Value(jsonOf(*first))},
        {"weights", llvm::json::Array(otherWeights)}};
    out << llvm::json::Value(std::move(line)) << "\n";
  } else {
    if (options.all)
      for (const Row &row : rows)
        out << llvm::format("%10.3g %10.3g  ", row.difference.relative, row.difference.absolute) << place(row) << "\n";
    out << options.tokens.size() << " tokens, " << rows.size() << " values beside the reference semantics of "
        << options.model << "\n"
        << llvm::format("largest difference %.3g of the largest value: ", worst->difference.relative) << place(*worst)
        << "\n";
  }
  out.flush();
  if (first == rows.end() && otherWeights.empty())
    return exitDone;
  std::string text, note;
  llvm::raw_string_ostream stream(text), noteStream(note);
  if (first == rows.end()) {
    stream << "the values agree, but not the packed weights: " << llvm::join(otherWeights, "; ");
  } else {
    const Difference &difference = first->difference;
    stream << place(*first) << " is the first to differ, by " << llvm::format("%.3g", difference.relative)
           << " of the largest value " << llvm::format("%.4g", difference.largest);
    noteStream << "token " << difference.row << ", column " << difference.column << ": "
               << llvm::format("%.6g", difference.found) << ", expected " << llvm::format("%.6g", difference.expected);
    if (!otherWeights.empty())
      noteStream << "; packed weights that are not the model's: " << llvm::join(otherWeights, "; ");
    else
      noteStream << "; all packed weights are the model's";
  }
  messages.error(options.file, text, note);
  return exitThreshold;
}

ExitCode OpCheck::run() {
  context = makeContext();
  MessageHandler handler(context.get(), messages);
  Result<std::string> found = findModel(options.model);
  if (!found)
    return messages.error(found.error()), exitInput;
  directory = *found;
  if (!match() || !compareWeights() || !interpret())
    return exitInput;
  auto program = *scheduled->getOps<kernel::ProgramOp>().begin();
  llmc_error error;
  if (traceStep(model, program, options.tokens, [&](const ObservedValue &value) { compare(value); }, error))
    return messages.error(options.file, error.message, error.note), exitInput;
  if (rows.empty())
    return messages.error(options.file, "none of its values could be looked at"), exitInput;
  return report();
}

} // namespace

ExitCode checkOps(const CheckOptions &options, const llmc_model &model, Messages &messages) {
  return OpCheck(options, model, messages).run();
}

} // namespace llmc::driver
