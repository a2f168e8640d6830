// CheckGraph.cpp - a compiled graph's outputs beside recorded ones.
//
// A recording is a folder with input_0.pb ... and output_0.pb ..., as ONNX's tests have them, or with in.NAME.npy and
// out.NAME.npy.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Check.h"

#include "frontends/formats/MappedFile.h"
#include "frontends/formats/onnx/Onnx.h"
#include "llmc/artifact_format.h"
#include "llmc/entry.h"
#include "runtime/src/runner/TensorFiles.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <map>

using namespace llvm;

namespace llmc::driver {

namespace {

/// A value's name as a file's, as `llmc run --output-dir` writes it.
std::string fileName(StringRef name) {
  std::string result;
  for (char c : name)
    result += isAlnum(c) || StringRef(".-_").contains(c) ? c : '_';
  return result.empty() || result[0] == '.' ? "_" + result : result;
}

/// Where the tensor `index` of a folder is, `kind` being "input" or "output"; empty: nowhere.
class Recording {
public:
  Recording(StringRef folder, const char *kind, const char *letter) : folder(folder), letter(letter) {
    for (size_t i = 0; sys::fs::exists(path(kind, i)); ++i) {
      files.push_back(path(kind, i));
      // A tensor that has a name is that value's, wherever it stands.
      Result<MappedFile> file = MappedFile::open(files.back());
      if (!file)
        continue;
      if (Result<onnx::Tensor> tensor = onnx::parseTensorFile(file->bytes(), files.back());
          tensor && !tensor->name.empty())
        named[std::string(tensor->name)] = files.back();
    }
  }

  std::string find(StringRef name, size_t index) const {
    if (auto found = named.find(name.str()); found != named.end())
      return found->second;
    std::string own = folder + "/" + letter + "." + fileName(name) + ".npy";
    if (sys::fs::exists(own))
      return own;
    return index < files.size() ? files[index] : std::string();
  }

private:
  std::string path(const char *kind, size_t index) const {
    return folder + "/" + kind + "_" + std::to_string(index) + ".pb";
  }
  std::string folder, letter;
  std::vector<std::string> files;
  std::map<std::string, std::string> named;
};

llmc_tensor_info blank() {
  llmc_tensor_info info = {};
  info.struct_size = sizeof info;
  return info;
}

/// An open call that goes with the object.
struct Call {
  llmc_call *call = nullptr;
  ~Call() { llmc_call_close(call); }
};

} // namespace

std::vector<float> asFloats(const llmc_tensor_info &info, const void *data) {
  const char *bytes = static_cast<const char *>(data);
  const size_t size = llmc_element_size(info.element_type), count = size ? info.bytes / size : 0;
  std::vector<float> values(count);
  const auto each = [&](auto sample) {
    for (size_t i = 0; i < count; ++i) {
      decltype(sample) value;
      std::memcpy(&value, bytes + i * size, sizeof value);
      values[i] = static_cast<float>(value);
    }
  };
  const auto half = [&](const fltSemantics &semantics) {
    for (size_t i = 0; i < count; ++i) {
      uint16_t bits;
      std::memcpy(&bits, bytes + i * size, sizeof bits);
      APFloat value(semantics, APInt(16, bits));
      bool lost;
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
      values[i] = value.convertToFloat();
    }
  };
  switch (info.element_type) {
  case LLMC_F32:
    each(float());
    break;
  case LLMC_F64:
    each(double());
    break;
  case LLMC_F16:
    half(APFloat::IEEEhalf());
    break;
  case LLMC_BF16:
    half(APFloat::BFloat());
    break;
  case LLMC_I64:
    each(int64_t());
    break;
  case LLMC_I32:
    each(int32_t());
    break;
  case LLMC_I16:
    each(int16_t());
    break;
  case LLMC_I8:
    each(int8_t());
    break;
  default:
    size == 8 ? each(uint64_t()) : size == 4 ? each(uint32_t()) : size == 2 ? each(uint16_t()) : each(uint8_t());
    break;
  }
  return values;
}

bool compareOutput(const CheckOptions &options, const llmc_tensor_info &info, const void *found, const void *expected,
                   const std::string &name, const std::string &what) {
  std::vector<float> a = asFloats(info, found), b = asFloats(info, expected);
  const int64_t count = int64_t(a.size());
  Difference d = compareRows(a.data(), count, b.data(), count, 1, count);
  const bool differs = !(d.absolute <= options.tolerance * d.largest) && d.absolute != 0;
  raw_ostream &out = outs();
  if (options.json)
    out << json::Value(json::Object{{"type", "output"},
                                    {"name", name},
                                    {"absolute", d.absolute},
                                    {"relative", d.relative},
                                    {"differs", differs}})
        << "\n";
  else
    out << what << " " << runtime::describeTensor(info.element_type, info.sizes, info.rank)
        << format(": largest difference %.3g of the largest value", d.relative) << (differs ? ", differs\n" : "\n");
  return !differs;
}

ExitCode checkGraph(const CheckOptions &options, const llmc_model &model, Messages &messages) {
  if (!sys::fs::is_directory(options.against))
    return messages.error(options.against, "is no folder of recorded inputs and outputs",
                          "it holds input_0.pb and output_0.pb and so on, or in.NAME.npy and out.NAME.npy"),
           exitInput;
  Call own;
  llmc_error error;
  if (llmc_call_open(&model, nullptr, nullptr, &own.call, &error))
    return messages.error(options.file, error.message, error.note), exitInput;
  const uint32_t entry = llmc_call_entry(own.call);
  std::string mistake;
  const Recording inputs(options.against, "input", "in"), outputs(options.against, "output", "out");
  llmc_tensor_info info = blank();
  for (uint32_t i = 0; llmc_entry_input(&model, entry, i, &(info = blank())) == LLMC_OK; ++i) {
    const std::string name(info.name.data, info.name.size), path = inputs.find(name, i);
    if (path.empty())
      return messages.error(options.against, "holds no input '" + name + "'"), exitInput;
    uint64_t sizes[LLMC_MAX_RANK] = {};
    if (!runtime::readTensorFile(path, info, llmc_call_input(own.call, i), sizes, mistake))
      return messages.error(path, mistake + ", for input '" + name + "'"), exitInput;
    if (llmc_call_set_sizes(own.call, i, sizes, info.rank, &error))
      return messages.error(path, error.message, error.note), exitInput;
  }
  if (llmc_call_run(own.call, &error))
    return messages.error(options.file, error.message, error.note), exitInput;
  std::string first;
  unsigned compared = 0;
  for (uint32_t i = 0; llmc_entry_output(&model, entry, i, &(info = blank())) == LLMC_OK; ++i) {
    const std::string name(info.name.data, info.name.size), path = outputs.find(name, i);
    if (path.empty())
      continue;
    // As large as it came out, and no other size is expected.
    llmc_call_output_info(own.call, i, &(info = blank()));
    std::copy(info.sizes, info.sizes + info.rank, info.minimums);
    uint64_t sizes[LLMC_MAX_RANK] = {};
    std::vector<char> expected(std::max<uint64_t>(info.bytes, 1));
    if (!runtime::readTensorFile(path, info, expected.data(), sizes, mistake))
      return messages.error(path, mistake + ", for output '" + name + "'"), exitInput;
    ++compared;
    if (!compareOutput(options, info, llmc_call_output(own.call, i), expected.data(), name, "output '" + name + "'") &&
        first.empty())
      first = name;
  }
  outs().flush();
  if (!compared)
    return messages.error(options.against, "holds none of the outputs of '" + options.file + "'"), exitInput;
  if (first.empty())
    return exitDone;
  messages.error(options.file, "output '" + first + "' is the first that differs");
  return exitThreshold;
}

} // namespace llmc::driver
