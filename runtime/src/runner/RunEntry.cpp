// RunEntry.cpp - runs an entry on tensors from files to files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/RunEntry.h"

#include "llmc/entry.h"
#include "runtime/src/runner/Messages.h"
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
      uint64_t sizes[8] = {};
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
    const std::string folder = options.outputFolder.empty() ? "." : options.outputFolder;
    if (mkdir(folder.c_str(), 0777) < 0 && errno != EEXIST) {
      printError(folder.c_str(), (std::string("cannot make the folder: ") + systemReason(errno)).c_str(), "");
      return false;
    }
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

/// Whether the first entry is a text decoder's step.
static bool takesTokens(const llmc_model *model) {
  llmc_range inputs = model->artifact.entry(0).inputs;
  for (uint32_t i = 0; i < inputs.count; ++i)
    if (model->artifact.row<llmc_tensor>(inputs, i).role == LLMC_ROLE_TOKENS)
      return true;
  return false;
}

bool wantsEntry(const RunOptions &options, const llmc_model *model) {
  return !options.entry.empty() || !options.inputs.empty() || !options.outputFolder.empty() || !takesTokens(model);
}

int runEntry(const RunOptions &options, const char *file, const llmc_model *model) {
  return EntryRun(options, file, model).run();
}

} // namespace llmc::runtime
