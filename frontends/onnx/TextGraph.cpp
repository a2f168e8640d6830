// TextGraph.cpp - recognises text decoders by the names that exporters give inputs and outputs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/TextGraph.h"

#include "frontends/formats/json/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Path.h"

namespace llmc::onnx_import {

using llvm::StringRef;

namespace {

constexpr json::Limits kConfigLimits = {16u << 20, 64};
constexpr const char *kConfig = "config.json", *kGeneration = "generation_config.json", *kGenai = "genai_config.json";

StringRef ref(std::string_view text) { return {text.data(), text.size()}; }

Result<json::Document> readConfig(const ModelDirectory &directory, const char *name) {
  Result<std::string> path = directory.locate(name);
  if (!path)
    return path.takeError();
  return json::Document::read(*path, directory.shown(name), kConfigLimits);
}

/// The member of a member of ... of an object.
std::optional<json::Value> member(json::Value value, std::initializer_list<const char *> keys) {
  std::optional<json::Value> found = value;
  for (const char *key : keys)
    if (!found || !(found = found->find(key)))
      return std::nullopt;
  return found;
}

/// Names of inputs and outputs: the usual ones, or what genai_config.json says.
class Names {
public:
  static Result<Names> read(const std::optional<FilesBesideGraph> &beside) {
    Names names;
    if (!beside)
      return names;
    if (beside->directory.has(kConfig)) {
      Result<json::Document> config = readConfig(beside->directory, kConfig);
      if (!config)
        return config.takeError();
      std::optional<json::Value> list = config->root().find("architectures");
      for (size_t i = 0; list && list->isArray() && i < list->size(); ++i)
        if (list->at(i).isString()) {
          StringRef name = ref(list->at(i).asString());
          names.isCausal |= name.contains("CausalLM") || name.contains("LMHeadModel");
        }
    }
    if (!beside->directory.has(kGenai))
      return names;
    Result<json::Document> genai = readConfig(beside->directory, kGenai);
    if (!genai)
      return genai.takeError();
    names.isCausal |= member(genai->root(), {"model", "decoder"}) && !member(genai->root(), {"model", "encoder"});
    names.take(member(genai->root(), {"model", "decoder", "inputs"}));
    names.take(member(genai->root(), {"model", "decoder", "outputs"}));
    return names;
  }

  bool isCausal = false;

  bool is(std::string_view name, const char *key) const {
    auto given = byKey.find(key);
    return name == (given == byKey.end() ? std::string_view(key) : std::string_view(given->second));
  }
  /// The names that the present of this past may have; none where it is no past.
  std::vector<std::string> presentsOf(std::string_view name) const {
    std::vector<std::string> result;
    for (auto [past, present] : {std::pair("past_key_names", "present_key_names"),
                                 {"past_value_names", "present_value_names"},
                                 {"past_names", "present_names"}}) {
      auto from = byKey.find(past), to = byKey.find(present);
      if (from == byKey.end() || to == byKey.end())
        continue;
      auto [before, after] = StringRef(from->second).split("%d");
      StringRef number = ref(name);
      if (number.consume_front(before) && number.consume_back(after) && !number.empty() &&
          llvm::all_of(number, llvm::isDigit)) {
        auto [start, end] = StringRef(to->second).split("%d");
        result.push_back((start + number + end).str());
      }
    }
    StringRef rest = ref(name);
    if (rest.consume_front("past_key_values"))
      for (const char *start : {"present", "present_key_values"})
        result.push_back(start + rest.str());
    else if (rest.consume_front("past") && (rest.starts_with("_") || rest.starts_with(".")) && hasNumber(rest))
      result.push_back("present" + rest.str());
    return result;
  }

private:
  std::map<std::string, std::string> byKey;

  static bool hasNumber(StringRef text) { return llvm::any_of(text, llvm::isDigit); }

  void take(std::optional<json::Value> object) {
    for (size_t i = 0; object && object->isObject() && i < object->size(); ++i)
      if (object->member(i).isString())
        byKey[std::string(object->key(i).asString())] = std::string(object->member(i).asString());
  }
};

bool isInteger(onnx::ElementType type) { return type == onnx::ElementType::I64 || type == onnx::ElementType::I32; }
bool isOpen(const onnx::Dim &dim) { return dim.value < 0; }

/// The dimension of a past that grows: the open one that is not the batch's.
std::optional<size_t> growingPlace(const onnx::ValueInfo &past, const onnx::Dim &batch) {
  std::vector<size_t> open;
  for (size_t i = 0; i < past.dims.size(); ++i)
    if (isOpen(past.dims[i]) && (batch.param.empty() || past.dims[i].param != batch.param))
      open.push_back(i);
  // A batch without a name, or of another one, stands first; of a rank below 4 it is rolled into something.
  if (open.size() == 2 && past.dims.size() >= 4)
    open.erase(open.begin());
  return open.size() == 1 ? std::optional<size_t>(open[0]) : std::nullopt;
}

std::string quoted(std::string_view name) { return "'" + json::printable(name, 120) + "'"; }

class Recognition {
public:
  Recognition(const onnx::Graph &graph, const std::string &path, const Names &names, TextRefusal &refusal)
      : graph(graph), path(path), names(names), refusal(refusal) {}

  Result<std::optional<TextGraph>> run(bool hasTokenizer) {
    const onnx::ValueInfo *tokens = nullptr, *logits = nullptr;
    bool hasPast = false;
    for (const onnx::ValueInfo &input : graph.inputs) {
      if (names.is(input.name, "input_ids"))
        tokens = &input;
      hasPast |= !names.presentsOf(input.name).empty();
    }
    for (const onnx::ValueInfo &output : graph.outputs)
      if (names.is(output.name, "logits"))
        logits = &output;
    if (!tokens || !logits || !isInteger(tokens->type) || tokens->dims.size() != 2 || (!hasPast && !names.isCausal))
      return no("");
    if (!hasTokenizer)
      return no(
          "it looks like a text decoder, but no tokenizer lies beside it (expected tokenizer.json, tokenizer.model "
          "or another)");
    if (logits->hasShape && logits->dims.size() != 3)
      return no("output " + quoted(logits->name) + " has " + std::to_string(logits->dims.size()) +
                " dimensions (expected 3: batch, tokens, vocabulary)");
    if (tokens->dims[0].value > 1)
      return no("input " + quoted(tokens->name) + " has a batch of " + std::to_string(tokens->dims[0].value) +
                " (expected 1, or one that is open)");
    if (tokens->dims[1].value >= 0 && (tokens->dims[1].value != 1 || !hasPast))
      return no("input " + quoted(tokens->name) + " has " + std::to_string(tokens->dims[1].value) +
                " tokens, no more and no fewer (expected any number)");
    text.tokens = tokens->name, text.logits = logits->name;
    for (const onnx::ValueInfo &input : graph.inputs) {
      bool isConstant =
          llvm::any_of(graph.initializers, [&](const onnx::Tensor &tensor) { return tensor.name == input.name; });
      if (isConstant)
        continue;
      if (Checked checked = take(input, tokens->dims[0]); !checked)
        return checked.takeError();
      if (!refusal.reason.empty())
        return no(refusal.reason);
    }
    for (const onnx::ValueInfo &output : graph.outputs)
      if (Checked checked = takenBack(output, hasPast); !checked)
        return checked.takeError();
    text.tokenByToken |= StringRef(llvm::sys::path::filename(path)).contains("with_past");
    return std::optional<TextGraph>(std::move(text));
  }

private:
  Result<std::optional<TextGraph>> no(std::string reason) {
    refusal.reason = std::move(reason);
    return std::optional<TextGraph>();
  }

  Diagnostic mistake(std::string message, std::string note) const {
    return Diagnostic{path, 0, 0, std::move(message), std::move(note)};
  }

  Checked take(const onnx::ValueInfo &input, const onnx::Dim &batch) {
    const size_t rank = input.dims.size();
    auto is = [&](const char *key) { return names.is(input.name, key); };
    std::optional<TextInput> kind;
    if (input.name == text.tokens)
      kind = TextInput::Tokens;
    else if (is("attention_mask") && rank == 2)
      kind = TextInput::Mask;
    else if ((is("position_ids") && rank == 2) || (is("cache_position") && rank == 1))
      kind = TextInput::Positions;
    else if ((is("num_logits_to_keep") || is("logits_to_keep")) && rank <= 1)
      kind = TextInput::KeptRows;
    else if (is("use_cache_branch") && rank <= 1)
      kind = TextInput::CacheBranch, text.tokenByToken = true;
    if (kind && *kind != TextInput::CacheBranch && !isInteger(input.type) &&
        !(*kind == TextInput::Mask && input.type == onnx::ElementType::Bool) &&
        !(*kind == TextInput::Mask && input.type == onnx::ElementType::F32))
      kind.reset();
    std::vector<std::string> presents = names.presentsOf(input.name);
    if (!kind && !presents.empty() && !StringRef(ref(input.name)).contains("encoder."))
      return takePast(input, presents, batch);
    if (!kind)
      refusal.reason = "a text program would not know what to give its input " + quoted(input.name);
    else
      text.inputs[input.name] = *kind;
    return Success{};
  }

  Checked takePast(const onnx::ValueInfo &input, const std::vector<std::string> &presents, const onnx::Dim &batch) {
    const onnx::ValueInfo *present = nullptr;
    for (const onnx::ValueInfo &output : graph.outputs)
      if (llvm::is_contained(presents, output.name))
        present = &output;
    if (!present)
      return mistake("input " + quoted(input.name) + " has no output that is its present (expected " +
                         quoted(presents.front()) + ")",
                     "--tensors compiles the graph without joining its past and present");
    std::optional<size_t> place = growingPlace(input, batch);
    if (!place) {
      refusal.reason = "its input " + quoted(input.name) + " does not say which one dimension grows with the text";
      return Success{};
    }
    text.inputs[input.name] = TextInput::Past;
    text.pairs.push_back({input.name, present->name, *place});
    return Success{};
  }

  /// Whether what looks like a present is some past's.
  Checked takenBack(const onnx::ValueInfo &output, bool hasPast) const {
    StringRef name = ref(output.name);
    bool isPresent = name.starts_with("present") && llvm::any_of(name, llvm::isDigit);
    bool isKnown = llvm::any_of(text.pairs, [&](const TextGraph::Pair &pair) { return pair.present == output.name; });
    if (!hasPast || !isPresent || isKnown)
      return Success{};
    return mistake("output " + quoted(output.name) + " has no input that is its past",
                   "--tensors compiles the graph without joining its past and present");
  }

  const onnx::Graph &graph;
  const std::string &path;
  const Names &names;
  TextRefusal &refusal;
  TextGraph text;
};

} // namespace

Result<std::optional<FilesBesideGraph>> findBesideGraph(const std::string &path) {
  std::string folder = llvm::sys::path::parent_path(path).str();
  std::vector<std::string> folders = {folder.empty() ? "." : folder};
  if (llvm::sys::path::filename(folder) == "onnx") {
    std::string around = llvm::sys::path::parent_path(folder).str();
    folders.push_back(around.empty() ? "." : around);
  }
  std::optional<FilesBesideGraph> second;
  for (const std::string &place : folders) {
    Result<ModelDirectory> directory = ModelDirectory::open(place);
    if (!directory)
      return directory.takeError();
    Result<models::TextFiles> files = models::findTextFiles(*directory);
    if (!files)
      return files.takeError();
    bool hasTokenizer = !files->tokenizer.empty(), hasConfig = directory->has(kConfig) || directory->has(kGenai);
    if (hasTokenizer)
      return std::optional<FilesBesideGraph>({std::move(*directory), std::move(*files)});
    if (hasConfig && !second)
      second = {std::move(*directory), std::move(*files)};
  }
  return second;
}

Result<std::optional<TextGraph>> describeTextGraph(const onnx::Graph &graph, const std::string &path,
                                                   const std::optional<FilesBesideGraph> &beside,
                                                   TextRefusal &refusal) {
  Result<Names> names = Names::read(beside);
  if (!names)
    return names.takeError();
  return Recognition(graph, path, *names, refusal).run(beside && !beside->files.tokenizer.empty());
}

Result<models::TextFacts> readTextFacts(const FilesBesideGraph &beside, int64_t vocabSize) {
  const ModelDirectory &directory = beside.directory;
  models::TextFacts facts;
  facts.files = beside.files;
  facts.vocabSize = vocabSize;
  facts.place = directory.shown(beside.files.tokenizer);
  const bool hasConfig = directory.has(kConfig), hasGenai = directory.has(kGenai);
  if (!hasConfig && !hasGenai)
    return facts;
  Result<json::Document> document = readConfig(directory, hasConfig ? kConfig : kGenai);
  if (!document)
    return document.takeError();
  facts.place = document->file();
  json::Value root = document->root();
  // Models that see have what their decoder is in an object of its own.
  std::optional<json::Value> inner = root.find(hasConfig ? "text_config" : "model");
  json::Value own = inner && inner->isObject() ? *inner : root;
  for (json::Value object : {own, root})
    for (const char *key : {"max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length",
                            "max_sequence_length", "context_length"})
      if (std::optional<json::Value> found = object.find(key);
          found && found->kind() == json::Kind::Int && found->asInt() > 0 && !facts.contextLength)
        facts.contextLength = std::min<int64_t>(found->asInt(), int64_t(1) << 24);
  ConfigReader config(hasConfig ? root : own);
  std::optional<json::Document> generationDocument;
  std::optional<ConfigReader> generation;
  if (hasConfig && directory.has(kGeneration)) {
    Result<json::Document> read = readConfig(directory, kGeneration);
    if (!read)
      return read.takeError();
    generationDocument.emplace(std::move(*read));
    generation.emplace(generationDocument->root());
  } else if (std::optional<json::Value> search = root.find("search"); !hasConfig && search && search->isObject()) {
    generation.emplace(*search, "search.");
    // How its runtime keeps memory, and what it draws from.
    for (const char *key : {"past_present_share_buffer", "chunk_size", "batch_size", "random_seed"})
      generation->skip(key);
  }
  facts.generation = readGenerationConfig(config, generation ? &*generation : nullptr, vocabSize);
  if (generation)
    config.take(generation->mistake());
  if (config.mistake())
    return *config.mistake();
  return facts;
}

} // namespace llmc::onnx_import
