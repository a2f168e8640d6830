// CheckMain.cpp - the command line of `check`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Check.h"

#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/onnx/Onnx.h"
#include "llmc/entry.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/TextFile.h"
#include "tools/driver/Compile.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Temporary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <getopt.h>

namespace llmc::driver {

namespace {

struct Arguments {
  CheckOptions options;
  std::string text;
  uint32_t most = 8;
};

int usage(const std::string &message) {
  Messages(MessageStyle::forTerminal()).error("", message, "all options: llmc check --help");
  return exitUsage;
}

/// "1,2,3"; false when it is none.
bool parseIds(llvm::StringRef text, std::vector<int32_t> &ids) {
  llvm::SmallVector<llvm::StringRef> words;
  text.split(words, ',');
  for (llvm::StringRef word : words) {
    int32_t id;
    if (word.getAsInteger(10, id) || id < 0)
      return false;
    ids.push_back(id);
  }
  return true;
}

enum LongOption {
  OptAgainst = 256,
  OptModel,
  OptIds,
  OptText,
  OptTokens,
  OptTolerance,
  OptDim,
  OptInput,
  OptSeed,
  OptAll,
  OptJson,
  OptDiagnostics
};

const char comparing[] = "Comparison", output[] = "Output";
const runtime::OptionInfo checkOptions[] = {
    {OptAgainst, "against", "interpret|FILE|DIR", comparing,
     "interpret (default): the reference semantics of the model that FILE was\n"
     "compiled from; else a compiled model, or logits in a .npy file; of a graph\n"
     "a folder of recorded inputs and outputs: input_0.pb and output_0.pb and so\n"
     "on, or in.NAME.npy and out.NAME.npy"},
    {OptDim, "dim", "NAME=N", comparing, "size of a dimension that an ONNX graph leaves open"},
    {OptInput, "input", "NAME=FILE", comparing,
     "with interpret, an input of a graph from a .npy or .pb file; others are drawn"},
    {OptSeed, "seed", "N", comparing, "of inputs that are drawn (1)"},
    {OptModel, "model", "MODEL", comparing, "the checkpoint that FILE was compiled from; not needed where FILE is one"},
    {OptIds, "ids", "LIST", comparing, "the tokens of the step that is compared, such as 1,2,3"},
    {OptText, "text", "FILE", comparing,
     "or the first tokens of a text; without either, tokens spread over the\nvocabulary"},
    {OptTokens, "tokens", "N", comparing, "at most N tokens (8)"},
    {OptTolerance, "tolerance", "X", comparing, "largest difference, over the largest value of the tensor (1e-4)"},
    {OptAll, "all", nullptr, output, "every value or position, not only the first that differs"},
    {OptJson, "json", nullptr, output, "JSON lines"},
    {OptDiagnostics, "diagnostics", "text|json", output, "form of messages on standard error"},
    {'h', "help", nullptr, output, "this page"},
};

const runtime::CommandInfo command = {
    "check",
    "Compares a compiled model's numbers with the reference semantics, or with another model's.",
    R"(  %1 ./my-model                                  compiles it, and compares each op with the reference semantics
  %1 mine --against interpret --model ./my-model  the same for a file that was compiled before
  %1 smol-f16 --against smol --tolerance 0.01    logits of two compiled models, at every position
  %1 model.onnx                                  outputs of a graph beside the same ops run one by one
  %1 model.onnx --against test_data_set_0        beside recorded ones
  %1 smol --against logits.npy --ids 1,2,3       beside recorded logits, float32 [tokens, vocabulary]
)",
    "%1 [OPTIONS] FILE",
    checkOptions,
    sizeof checkOptions / sizeof *checkOptions,
    "A graph (.onnx) runs as a whole with 'interpret', beside the same graph run op by op, unfused; where an output "
    "differs\n"
    "the values in between are looked at too, and the first node that gives another one is named.\n"
    "With 'interpret' the code of FILE runs unchanged, one step on one thread; after each of its parts the values are\n"
    "compared with those that the reference semantics compute, and the packed weights with those of MODEL. The first "
    "op\n"
    "that differs is named, with its weights. Exit code 3 when something differs.\n"};

/// -1, or the exit code.
int readArguments(int argc, char **argv, Arguments &arguments) {
  opterr = 0;
  optind = 0;
  runtime::GetoptTable table(command);
  for (int option; (option = getopt_long(argc, argv, table.letters.c_str(), table.options.data(), nullptr)) != -1;) {
    switch (option) {
    case OptAgainst:
      arguments.options.against = optarg;
      break;
    case OptModel:
      arguments.options.model = optarg;
      break;
    case OptIds:
      if (!parseIds(optarg, arguments.options.tokens))
        return usage(std::string("--ids: '") + optarg + "' is no list of token ids (expected 1,2,3)");
      break;
    case OptText:
      arguments.text = optarg;
      break;
    case OptTokens:
      if (llvm::StringRef(optarg).getAsInteger(10, arguments.most) || !arguments.most)
        return usage(std::string("--tokens: '") + optarg + "' is no number from 1 up");
      break;
    case OptTolerance: {
      char *end;
      arguments.options.tolerance = std::strtod(optarg, &end);
      if (!*optarg || *end || !(arguments.options.tolerance >= 0))
        return usage(std::string("--tolerance: '") + optarg + "' is no number from 0 up");
      break;
    }
    case OptDim: {
      auto [name, size] = llvm::StringRef(optarg).rsplit('=');
      uint64_t number;
      if (name.empty() || name.find_first_of(",{} ") != llvm::StringRef::npos || size.getAsInteger(10, number))
        return usage(std::string("--dim: '") + optarg + "' is not NAME=N");
      arguments.options.dims +=
          (arguments.options.dims.empty() ? "" : ",") + name.str() + "=" + size.str() + ".." + size.str();
      break;
    }
    case OptInput:
      if (!llvm::StringRef(optarg).contains('='))
        return usage(std::string("--input: '") + optarg + "' is not NAME=FILE");
      arguments.options.inputs.push_back(optarg);
      break;
    case OptSeed:
      if (llvm::StringRef(optarg).getAsInteger(10, arguments.options.seed))
        return usage(std::string("--seed: '") + optarg + "' is no number from 0 up");
      break;
    case OptAll:
      arguments.options.all = true;
      break;
    case OptJson:
      arguments.options.json = true;
      break;
    case OptDiagnostics:
      if (llvm::StringRef form = optarg; form != "text" && form != "json")
        return usage("--diagnostics: '" + form.str() + "' is neither text nor json");
      break;
    case 'h':
      runtime::printCommandHelp(command, "llmc check");
      return runtime::flushOutput() ? exitDone : exitInput;
    case ':':
      return usage(std::string("option '") + argv[optind - 1] + "' needs a value");
    default:
      return usage(std::string("unknown option '") + argv[optind - 1] + "'");
    }
  }
  if (optind >= argc)
    return usage("no model file given");
  arguments.options.file = argv[optind++];
  if (optind < argc)
    return usage(std::string("surplus argument '") + argv[optind] + "'");
  if (arguments.options.against.empty())
    arguments.options.against = "interpret";
  if (!arguments.text.empty() && !arguments.options.tokens.empty())
    return usage("--text and --ids exclude each other");
  return -1;
}

/// The tokens of the step, from whatever names them.
bool findTokens(const Arguments &arguments, const llmc_model *model, std::vector<int32_t> &tokens, Messages &messages) {
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  llmc_model_get_info(model, &info);
  if (!arguments.text.empty()) {
    std::string text;
    if (!runtime::readTextFile(arguments.text.c_str(), text))
      return false;
    llmc_error error;
    size_t count = 0;
    tokens.resize(text.size() + 16);
    if (llmc_tokenize(model, text.data(), text.size(), 1, 0, tokens.data(), tokens.size(), &count, &error))
      return messages.error(arguments.options.file, error.message, "give token ids: --ids"), false;
    tokens.resize(std::min(count, tokens.size()));
    if (tokens.empty())
      return messages.error(arguments.text, "has no tokens"), false;
  } else if (tokens.empty()) {
    // Spread over the vocabulary, never twice the same: steps of the golden ratio.
    for (uint32_t i = 0; i < arguments.most; ++i)
      tokens.push_back(static_cast<int32_t>((uint64_t(i + 1) * 2654435769u & 0xffffffffu) * info.vocab_size >> 32));
  } else {
    for (int32_t token : tokens)
      if (static_cast<uint32_t>(token) >= info.vocab_size)
        return messages.error(arguments.options.file, "--ids: " + std::to_string(token) + " is no token of this model",
                              "its tokens are 0 to " + std::to_string(info.vocab_size - 1)),
               false;
    return true;
  }
  if (tokens.size() > arguments.most)
    tokens.resize(arguments.most);
  return true;
}

int check(Arguments &arguments, Messages &messages) {
  CheckOptions &options = arguments.options;
  // A folder may hold a graph.
  if (llvm::sys::fs::is_directory(options.file)) {
    Result<std::string> found = findModel(options.file);
    if (!found)
      return messages.error(found.error()), exitInput;
    options.file = *found;
  }
  const bool isGraph = onnx::isOnnxPath(options.file), interprets = options.against == "interpret";
  Temporary compiled;
  std::string artifact = options.file;
  bool isModel =
      llvm::sys::fs::is_directory(options.file) || gguf::isGgufPath(options.file) || onnx::isOnnxPath(options.file);
  if (isModel) {
    if (options.model.empty())
      options.model = options.file;
    CompileOptions compileOptions;
    compileOptions.model = options.file;
    compileOptions.emit = Emit::Llmc;
    compileOptions.quiet = true;
    compileOptions.pipeline.graph.dims = options.dims;
    // Recorded tensors are the graph's own; logits are a text program's.
    compileOptions.pipeline.graph.isText = !interprets && !llvm::sys::fs::is_directory(options.against);
    Result<std::vector<std::string>> variants = chooseVariants("", "native");
    if (!variants)
      return messages.error(variants.error()), exitInput;
    compileOptions.variants = *variants;
    if (!compiled.make(messages))
      return exitInput;
    compileOptions.output = artifact = compiled.path;
    if (ExitCode code = compile(compileOptions, messages))
      return code;
  }
  if (options.against == "interpret" && options.model.empty())
    return usage("the model that '" + options.file + "' was compiled from is not named (--model MODEL)");
  llmc_model *model;
  llmc_error error;
  if (llmc_model_open(artifact.c_str(), &model, &error))
    return messages.error(options.file, error.message, error.note), exitInput;
  ExitCode code = exitInput;
  llmc_tensor_info tensor = {};
  tensor.struct_size = sizeof tensor;
  if (isGraph && interprets)
    code = checkGraphReference(options, *model, messages);
  else if (llvm::sys::fs::is_directory(options.against) && llmc_entry_output(model, 0, 0, &tensor) == LLMC_OK)
    code = checkGraph(options, *model, messages);
  else if (findTokens(arguments, model, options.tokens, messages))
    code =
        options.against == "interpret" ? checkOps(options, *model, messages) : checkLogits(options, *model, messages);
  llmc_model_close(model);
  return code;
}

} // namespace

const runtime::CommandInfo &checkCommandInfo() { return command; }

int checkMain(int argc, char **argv) {
  Arguments arguments;
  int code = readArguments(argc, argv, arguments);
  if (code >= 0)
    return code;
  Messages messages(MessageStyle::forTerminal());
  return check(arguments, messages);
}

} // namespace llmc::driver
