// RunEntry.cpp - runs an entry on tensors from files to files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/RunEntry.h"

#include "llmc/entry.h"
#include "runtime/src/runner/LogitsReader.h"
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Output.h"
#include "runtime/src/runner/TensorFiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

namespace llmc::runtime {

namespace {

/// A value's name as a file's: what is no letter, digit, '.', '-' or '_' becomes '_'.
std::string fileName(llmc_text_view name) {
  std::string result;
  for (size_t i = 0; i < name.size; ++i) {
    char c = name.data[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-_", c);
    result += plain && c ? c : '_';
  }
  if (result.empty() || result[0] == '.')
    result.insert(0, "_");
  return result;
}

/// The folder for the outputs, made if it is not there; false after a message.
bool outputFolder(const RunOptions &options, std::string &folder) {
  folder = options.outputFolder.empty() ? "." : options.outputFolder;
  if (!mkdir(folder.c_str(), 0777) || errno == EEXIST)
    return true;
  printError(folder.c_str(), (std::string("cannot make the folder: ") + systemReason(errno)).c_str(), "");
  return false;
}

class EntryRun {
public:
  EntryRun(const RunOptions &options, const char *file, const llmc_model *model)
      : options(options), file(file), model(model) {}
  ~EntryRun() { llmc_call_close(call); }

  int run() {
    llmc_error error;
    llmc_call_options wanted = {sizeof wanted, options.threads};
    if (llmc_call_open(model, options.entry.empty() ? nullptr : options.entry.c_str(), &wanted, &call, &error)) {
      printError(file, error);
      return exitFailed;
    }
    llmc_model_entry(model, llmc_call_entry(call), &entry);
    if (!readInputs())
      return exitFailed;
    if (llmc_call_run(call, &error)) {
      printError(file, error);
      return exitFailed;
    }
    return writeOutputs() ? exitDone : exitFailed;
  }

private:
  const RunOptions &options;
  const char *file;
  const llmc_model *model;
  llmc_call *call = nullptr;
  llmc_entry_info entry = {};

  static llmc_tensor_info blank() {
    llmc_tensor_info info = {};
    info.struct_size = sizeof info;
    return info;
  }

  std::string inputNames() const {
    std::string names;
    for (uint32_t i = 0; i < entry.num_inputs && i < 20; ++i) {
      llmc_tensor_info info = blank();
      llmc_entry_input(model, llmc_call_entry(call), i, &info);
      names += (i ? ", " : "") + std::string(info.name.data, info.name.size);
    }
    return names;
  }

  bool readInputs() {
    std::string given(entry.num_inputs, 0);
    for (const std::string &pair : options.inputs) {
      size_t split = pair.find('=');
      std::string name = pair.substr(0, split), path = pair.substr(split + 1);
      uint32_t index = 0;
      llmc_tensor_info info;
      for (; index < entry.num_inputs; ++index) {
        info = blank();
        llmc_entry_input(model, llmc_call_entry(call), index, &info);
        if (std::string(info.name.data, info.name.size) == name)
          break;
      }
      if (index == entry.num_inputs) {
        printError(file, ("--input: the entry has no input '" + name + "'").c_str(),
                   ("inputs: " + inputNames()).c_str());
        return false;
      }
      if (given[index]++) {
        printError(file, ("--input: '" + name + "' is given twice").c_str(), "");
        return false;
      }
      std::string mistake;
      uint64_t sizes[LLMC_MAX_RANK] = {};
      if (!readTensorFile(path, info, llmc_call_input(call, index), sizes, mistake)) {
        printError(path.c_str(), (mistake + ", for input '" + name + "'").c_str(), "");
        return false;
      }
      llmc_error error;
      if (llmc_call_set_sizes(call, index, sizes, info.rank, &error)) {
        printError(path.c_str(), error);
        return false;
      }
    }
    size_t missing = given.find('\0');
    if (missing == std::string::npos)
      return true;
    llmc_tensor_info info = blank();
    llmc_entry_input(model, llmc_call_entry(call), uint32_t(missing), &info);
    std::string name(info.name.data, info.name.size);
    printError(file, ("input '" + name + "' is missing (" + describeTensor(info) + ")").c_str(),
               ("give it: --input " + name + "=FILE.npy").c_str());
    return false;
  }

  bool writeOutputs() {
    std::string folder;
    if (!outputFolder(options, folder))
      return false;
    for (uint32_t i = 0; i < entry.num_outputs; ++i) {
      llmc_tensor_info info = blank();
      llmc_call_output_info(call, i, &info);
      std::string path = folder + "/" + fileName(info.name) + ".npy", mistake;
      if (!writeNpy(path, info, llmc_call_output(call, i), mistake)) {
        printError(path.c_str(), mistake.c_str(), "");
        return false;
      }
      printf("%s  %s\n", path.c_str(), describeTensor(info.element_type, info.sizes, info.rank).c_str());
    }
    return fflush(stdout) == 0;
  }
};

} // namespace

/// The tensor of an entry with this role; false when it has none.
static bool tensorOf(const llmc_model *model, llmc_range tensors, uint32_t role, llmc_tensor &tensor) {
  for (uint32_t i = 0; i < tensors.count; ++i) {
    tensor = model->artifact.row<llmc_tensor>(tensors, i);
    if (tensor.role == role)
      return true;
  }
  return false;
}

/// Runs the step of a text decoder over the tokens of a file, from an empty cache; writes the logits of all of them.
static int runStep(const RunOptions &options, const char *file, const llmc_model *model, const llmc_entry &entry) {
  llmc_tensor tokensInput = {}, logitsOutput = {};
  tensorOf(model, entry.inputs, LLMC_ROLE_TOKENS, tokensInput);
  tensorOf(model, entry.outputs, LLMC_ROLE_LOGITS, logitsOutput);
  llmc_text_view nameView = model->artifact.text(tokensInput.name);
  std::string name(nameView.data, nameView.size), usage = "give it: --input " + name + "=FILE.npy";
  if (options.inputs.size() != 1 || options.inputs[0].compare(0, name.size() + 1, name + "=") != 0) {
    std::string found = options.inputs.empty() ? "none is given" : "given: --input " + options.inputs.back();
    printError(file, ("this entry has one input, '" + name + "', int32 or int64 [tokens]; " + found).c_str(),
               usage.c_str());
    return exitFailed;
  }
  std::string path = options.inputs[0].substr(name.size() + 1), mistake;
  LogitsReader reader(model);
  llmc_error error;
  if (reader.open(options.threads, options.context, error)) {
    printError(file, error);
    return exitFailed;
  }
  std::vector<int32_t> tokens;
  if (!readTokenFile(path, reader.context, tokens, mistake)) {
    printError(path.c_str(), (mistake + ", for input '" + name + "'").c_str(), "");
    return exitFailed;
  }
  for (size_t i = 0; i < tokens.size(); ++i)
    if (uint32_t(tokens[i]) >= reader.vocabulary) {
      printError(path.c_str(), ("token " + std::to_string(i) + " is none of this model").c_str(),
                 ("its tokens are 0 to " + std::to_string(reader.vocabulary - 1)).c_str());
      return exitFailed;
    }
  std::string folder;
  if (!outputFolder(options, folder))
    return exitFailed;
  std::string result = folder + "/" + fileName(model->artifact.text(logitsOutput.name)) + ".npy";
  NpyWriter writer;
  bool whole = writer.open(result, reader.vocabulary);
  for (size_t at = 0; whole && at < tokens.size(); at += reader.piece) {
    auto count = uint32_t(std::min<size_t>(reader.piece, tokens.size() - at));
    llmc_logits logits = {};
    if (reader.read(&tokens[at], count, count, logits, error)) {
      printError(file, error);
      return exitFailed;
    }
    for (uint32_t row = 0; whole && row < count; ++row)
      whole = writer.row(logits.data + row * logits.row_stride);
  }
  if (!whole || !writer.close()) {
    printError(result.c_str(), (std::string("cannot be written: ") + systemReason(errno)).c_str(), "");
    return exitFailed;
  }
  const uint64_t sizes[] = {tokens.size(), reader.vocabulary};
  printf("%s  %s\n", result.c_str(), describeTensor(LLMC_F32, sizes, 2).c_str());
  return flushOutput() ? exitDone : exitFailed;
}

/// Whether the entry is a text decoder's step.
static bool takesTokens(const llmc_model *model, const llmc_entry &entry) {
  llmc_tensor tensor;
  return tensorOf(model, entry.inputs, LLMC_ROLE_TOKENS, tensor);
}

bool wantsEntry(const RunOptions &options, const llmc_model *model) {
  return !options.entry.empty() || !options.inputs.empty() || !options.outputFolder.empty() ||
         !takesTokens(model, model->artifact.entry(0));
}

int runEntry(const RunOptions &options, const char *file, const llmc_model *model) {
  const Artifact &artifact = model->artifact;
  for (uint32_t i = 0; i < artifact.manifest.entries.count; ++i) {
    llmc_entry entry = artifact.entry(i);
    llmc_text_view name = artifact.text(entry.name);
    bool isWanted = options.entry.empty() ? i == 0 : std::string(name.data, name.size) == options.entry;
    if (isWanted && takesTokens(model, entry))
      return runStep(options, file, model, entry);
  }
  return EntryRun(options, file, model).run();
}

} // namespace llmc::runtime
