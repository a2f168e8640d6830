// Package.cpp - manifest, code, tokenizer and weights into one file.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Package.h"

#include "compiler/Artifact/ContainerWriter.h"
#include "compiler/Artifact/ManifestBuilder.h"
#include "compiler/Weights/WeightPacker.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/json/Json.h"
#include "frontends/models/Import.h"
#include "frontends/onnx/TextGraph.h"
#include "frontends/text/GgufVocabulary.h"
#include "frontends/text/Tokenizer.h"
#include "llmc/tokenizer_format.h"
#include "tools/driver/Statistics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cstring>

using namespace llvm;

namespace llmc::driver {

static ArrayRef<uint8_t> bytesOf(StringRef text) { return {text.bytes_begin(), text.bytes_end()}; }

static bool cannotWrite(const std::string &path, Error error, Messages &messages) {
  messages.error(path, "cannot write: " + toString(std::move(error)));
  return false;
}

bool writeWhole(const std::string &path, StringRef bytes, Messages &messages) {
  auto file = artifact::OutputFile::create(path, /*executable=*/false);
  if (!file)
    return cannotWrite(path, file.takeError(), messages);
  Error error = (*file)->write(0, bytesOf(bytes));
  if (!error)
    error = (*file)->commit();
  return !error || cannotWrite(path, std::move(error), messages);
}

bool canWrite(const std::string &path, bool executable, Messages &messages) {
  auto file = artifact::OutputFile::create(path, executable);
  return file || cannotWrite(path, file.takeError(), messages);
}

/// The terms of the model's own licence file, when there is one.
static Result<std::string> readLicence(const ModelDirectory &directory) {
  for (const char *name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"})
    if (directory.has(name)) {
      Result<std::string> path = directory.locate(name);
      if (!path)
        return path.takeError();
      return readFile(*path, directory.shown(name), 1 << 20);
    }
  return std::string();
}

/// A model without templates is one that continues texts.
bool PackageInput::useChatTemplates(Result<text::ChatTemplateFiles> files, Messages &messages) {
  if (!files)
    return messages.error(files.error()), false;
  if (files->templates.empty())
    return true;
  Result<std::string> section = text::compileChatTemplates(*files);
  if (!section)
    return messages.error(section.error()), false;
  chatTemplates = std::move(*section);
  return true;
}

bool PackageInput::open(Messages &messages) {
  auto place = transformer::lookupOnly<transformer::CheckpointOp>(module);
  std::string folder = place.getDirectory().str();
  Result<TensorIndex> index = openWeights(place);
  if (!index)
    return messages.error(index.error()), false;
  checkpoint.emplace(std::move(*index));
  if (failed(weights::checkWeights(module, *checkpoint)))
    return false;
  mlir::FailureOr<artifact::Manifest> facts = artifact::buildManifest(module);
  if (failed(facts))
    return false;
  manifest = std::move(*facts);

  if (place.getFormat() == transformer::CheckpointFormat::Onnx) {
    if (!transformer::lookupOnly<transformer::TextOp>(module))
      return true; // a graph on tensors
    Result<std::optional<onnx_import::FilesBesideGraph>> beside = onnx_import::findBesideGraph(folder);
    if (!beside)
      return messages.error(beside.error()), false;
    if (!*beside)
      return messages.error(folder, "the files of text that lay beside it are gone"), false;
    return openText(messages, (*beside)->directory) && checkVocabulary(messages, (*beside)->directory);
  }
  if (place.getFormat() == transformer::CheckpointFormat::Gguf)
    return openGgufText(messages, folder);
  Result<ModelDirectory> directory = ModelDirectory::open(folder);
  if (!directory)
    return messages.error(directory.error()), false;
  return openText(messages, *directory);
}

bool PackageInput::openText(Messages &messages, const ModelDirectory &directory) {
  auto text = transformer::lookupOnly<transformer::TextOp>(module);
  if (text && !text.getTokenizer().empty()) {
    std::string file = text.getTokenizer().str();
    Result<std::string> section = text::compileTokenizer(directory, file);
    if (!section)
      return messages.error(section.error()), false;
    tokenizer = std::move(*section);
    if (!useChatTemplates(text::readChatTemplates(directory), messages))
      return false;
  } else {
    messages.warning({directory.path(), 0, 0, "has no tokenizer file: the model will take token ids only", ""});
  }
  Result<std::string> terms = readLicence(directory);
  if (!terms)
    return messages.error(terms.error()), false;
  licences = std::move(*terms);
  return true;
}

bool PackageInput::checkVocabulary(Messages &messages, const ModelDirectory &directory) {
  auto text = transformer::lookupOnly<transformer::TextOp>(module);
  llmc_tokenizer_header header;
  std::memcpy(&header, tokenizer.data(), sizeof header);
  if (header.tokens.count > text.getVocabSize())
    messages.warning({directory.shown(text.getTokenizer().str()), 0, 0,
                      "has token ids up to " + std::to_string(header.tokens.count - 1) +
                          ", the graph's logits are of 0 to " + std::to_string(text.getVocabSize() - 1),
                      "texts with other tokens are refused when they are read: is it another model's tokenizer?"});
  return true;
}

bool PackageInput::openGgufText(Messages &messages, const std::string &path) {
  Result<gguf::Model> model = gguf::open(path);
  if (!model)
    return messages.error(model.error()), false;
  auto text = transformer::lookupOnly<transformer::TextOp>(module);
  if (text && !text.getTokenizer().empty()) {
    Result<std::string> section = text::compileGgufTokenizer(path);
    if (!section)
      return messages.error(section.error()), false;
    tokenizer = std::move(*section);
    gguf::MetadataReader metadata(model->header, model->name());
    if (!useChatTemplates(text::readGgufChatTemplates(metadata, model->name()), messages))
      return false;
  } else {
    messages.warning({path, 0, 0, "has no 'tokenizer.ggml.model': the model will take token ids only", ""});
  }
  for (const char *key : {"general.license", "general.license.name", "general.license.link"})
    if (std::optional<gguf::Value> value = model->header.find(key); value && value->isString())
      licences +=
          (licences.empty() ? "The model's file names its licence: " : ", ") + json::printable(value->asString(), 1000);
  if (!licences.empty())
    licences += "\n";
  return true;
}

/// The prebuilt runtime, beside this program or in the lib folder of the same installation.
static std::unique_ptr<MemoryBuffer> findRuntime(Messages &messages) {
  std::string self = sys::fs::getMainExecutable(nullptr, nullptr);
  StringRef folder = sys::path::parent_path(self);
  SmallString<256> beside = folder, installed = sys::path::parent_path(folder);
  sys::path::append(beside, "llmc-runtime");
  sys::path::append(installed, "lib", "llmc", "llmc-runtime");
  for (const SmallString<256> &path : {beside, installed})
    if (auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false))
      return std::move(*buffer);
  messages.error(std::string(beside), "the prebuilt runtime is not there",
                 "build it (ninja llmc-runtime), or use --emit llmc");
  return nullptr;
}

static void complete(artifact::Manifest &manifest, const PackageInput &input) {
  for (const CompiledCode &code : input.codes)
    manifest.variants.push_back({code.backend->name().str(),
                                 static_cast<llmc_architecture>(code.backend->architecture()),
                                 code.backend->requiredFeatures(), code.entryOffsets});
  for (auto [variant, code] : llvm::enumerate(input.codes))
    for (const CompiledCode::Symbol &symbol : code.symbols)
      manifest.symbols.push_back({symbol.name, static_cast<uint32_t>(variant),
                                  symbol.launch < 0 ? LLMC_NO_LAUNCH : static_cast<uint32_t>(symbol.launch),
                                  symbol.offset, symbol.size});
  // Facts come from the module and this program alone, so that the same model gives the same bytes.
  manifest.facts = {{"name", llvm::json::fixUTF8(input.name)}, {"compiler", "llmc " LLMC_VERSION}};
  for (const auto &[key, value] : input.facts)
    manifest.facts.push_back({key, value});
}

bool writePackage(PackageInput &input, const std::string &path, bool executable, Report &report, Messages &messages) {
  complete(input.manifest, input);
  std::string manifest = input.manifest.bytes();
  artifact::ContainerWriter writer;
  writer.add(LLMC_SECTION_MANIFEST, 0, bytesOf(manifest));
  for (size_t i = 0; i < input.codes.size(); ++i)
    writer.add(LLMC_SECTION_CODE, static_cast<uint32_t>(i),
               bytesOf(StringRef(input.codes[i].image.data(), input.codes[i].image.size())));
  if (!input.tokenizer.empty())
    writer.add(LLMC_SECTION_TOKENIZER, 0, bytesOf(input.tokenizer));
  if (!input.chatTemplates.empty())
    writer.add(LLMC_SECTION_TEMPLATES, 0, bytesOf(input.chatTemplates));
  if (!input.licences.empty())
    writer.add(LLMC_SECTION_LICENCES, 0, bytesOf(input.licences));
  uint64_t weightBytes = weights::weightsSectionSize(input.module);
  if (weightBytes > 0)
    writer.addStreamed(LLMC_SECTION_WEIGHTS, 0, weightBytes, [&](artifact::SectionWrite write) {
      return weights::packWeights(input.module, *input.checkpoint, write);
    });

  std::unique_ptr<MemoryBuffer> runtime;
  if (executable && !(runtime = findRuntime(messages)))
    return false;
  auto file = artifact::OutputFile::create(path, executable);
  if (!file)
    return cannotWrite(path, file.takeError(), messages);
  Error error = executable ? writer.writeExecutable(**file, bytesOf(runtime->getBuffer())) : writer.write(**file);
  if (!error)
    error = (*file)->commit();
  if (error)
    return cannotWrite(path, std::move(error), messages);

  report.weightBytes = weightBytes;
  report.tokenizerBytes = input.tokenizer.size();
  uint64_t size = 0;
  sys::fs::file_size(path, size);
  report.fileBytes = size;
  return true;
}

} // namespace llmc::driver
