// OnnxFile.cpp - opens a model with the files beside it, and indexes its tensors.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Onnx.h"

#include <sys/stat.h>
#include <unordered_map>

namespace llmc::onnx {

bool isOnnxPath(const std::string &path) {
  struct stat found;
  const bool named = path.size() > 5 && path.compare(path.size() - 5, 5, ".onnx") == 0;
  return named && !(::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode));
}

namespace {

/// Maps the external files one by one, each once.
class ExternalFiles {
public:
  ExternalFiles(const std::string &path, std::vector<MappedFile> &files, std::vector<std::string> &names)
      : path(path), files(files), names(names) {}

  Result<uint32_t> find(const Tensor &tensor) {
    const std::string location(tensor.external->location);
    if (auto known = numbers.find(location); known != numbers.end())
      return known->second;
    const std::string shown =
        "tensor '" + json::printable(tensor.name, 120) + "': external data '" + json::printable(location, 120) + "' ";
    // Exporters write "./weights.bin".
    std::string name = location;
    while (name.compare(0, 2, "./") == 0)
      name.erase(0, 2);
    if (std::optional<std::string> fault = faultOfRelativeName(name))
      return Diagnostic{path, 0, 0, shown + *fault, {}};
    const size_t slash = path.rfind('/');
    Result<ModelDirectory> folder = ModelDirectory::open(slash == std::string::npos ? "." : path.substr(0, slash + 1));
    if (!folder)
      return folder.takeError();
    Result<std::string> place = folder->locate(name);
    if (!place)
      return place.takeError();
    Result<MappedFile> file = MappedFile::open(*place, folder->shown(name));
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
    names.push_back(name);
    return numbers[location] = uint32_t(files.size() - 1);
  }

private:
  const std::string &path;
  std::vector<MappedFile> &files;
  std::vector<std::string> &names;
  std::unordered_map<std::string, uint32_t> numbers;
};

} // namespace

Result<OpenedModel> open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  Result<Model> model = parseModel(file->bytes(), path);
  if (!model)
    return model.takeError();
  // The index owns a mapping of its own: the model's views must stay valid wherever it goes.
  std::vector<MappedFile> files;
  std::vector<std::string> names;
  Result<MappedFile> again = MappedFile::open(path);
  if (!again)
    return again.takeError();
  files.push_back(std::move(*again));
  const size_t slash = path.rfind('/');
  names.push_back(slash == std::string::npos ? path : path.substr(slash + 1));
  ExternalFiles externals(path, files, names);
  std::vector<TensorEntry> entries;
  for (const Tensor &tensor : model->graph.initializers) {
    const std::optional<DType> dtype = dtypeOf(tensor.type);
    const std::optional<std::string_view> there = tensor.inPlace();
    if (!dtype || (!there && !tensor.external)) {
      if (tensor.external)
        return Diagnostic{path,
                          0,
                          0,
                          "tensor '" + json::printable(tensor.name, 120) + "' of type " + elementTypeName(tensor.type) +
                              " lies in another file, which is not supported",
                          {}};
      continue;
    }
    TensorEntry entry;
    entry.key = std::string(tensor.name);
    entry.dtype = *dtype;
    for (int64_t dim : tensor.dims)
      entry.shape.push_back(dim);
    entry.size = tensor.bytes;
    if (tensor.external) {
      Result<uint32_t> number = externals.find(tensor);
      if (!number)
        return number.takeError();
      entry.file = *number;
      entry.offset = tensor.external->offset;
      const uint64_t size = files[entry.file].size();
      if (entry.offset > size || entry.size > size - entry.offset)
        return Diagnostic{path,
                          0,
                          0,
                          "tensor '" + json::printable(tensor.name, 120) + "': " + std::to_string(entry.size) +
                              " bytes at " + std::to_string(entry.offset) + " run past the end of '" +
                              files[entry.file].name() + "' (" + std::to_string(size) + " bytes)",
                          {}};
    } else {
      entry.offset = there->empty() ? 0 : uint64_t(there->data() - file->bytes().data());
    }
    entries.push_back(std::move(entry));
  }
  Result<TensorIndex> index = TensorIndex::make(std::move(files), std::move(names), std::move(entries));
  if (!index)
    return index.takeError();
  return OpenedModel{std::move(*file), std::move(*model), std::move(*index)};
}

} // namespace llmc::onnx
