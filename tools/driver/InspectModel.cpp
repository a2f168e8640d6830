// InspectModel.cpp - artifacts by the runtime's own reader; checkpoints by importing them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/InspectModel.h"

#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Quantize/Matrices.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/TensorIndex.h"
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/models/Import.h"
#include "runtime/src/runner/Inspect.h"
#include "tools/driver/InspectOnnx.h"
#include "tools/driver/Messages.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Report.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <set>

using namespace mlir;

namespace llmc::driver {

static int inspectCheckpoint(const std::string &directory) {
  Messages messages(MessageStyle::forTerminal());
  DialectRegistry registry;
  registerDialects(registry);
  registerPasses();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  MessageHandler handler(&context, messages);

  Result<TensorIndex> index = openCheckpoint(directory);
  if (!index)
    return messages.error(index.error()), exitInput;
  OwningOpRef<ModuleOp> module = models::parseCheckpoint(directory, &context);
  if (!module)
    return exitInput;
  PassManager manager(&context);
  addImportPipeline(manager, {});
  addRaisePipeline(manager, {});
  if (failed(manager.run(*module)))
    return exitInput;

  llvm::raw_ostream &out = llvm::outs();
  out << modelName(directory) << "\n";
  if (auto text = transformer::lookupOnly<transformer::TextOp>(*module))
    out << "  vocabulary  " << text.getVocabSize() << " tokens\n  context     " << text.getContextLength()
        << " positions\n";
  module->walk([&](transformer::LayersOp layers) {
    out << "  layers      " << layers.getNumLayers() << " in " << layers.getNumClasses()
        << (layers.getNumClasses() == 1 ? " class\n" : " classes\n");
  });
  // A matrix that is put together of codes, scales and zero points counts as what it is, and its parts not at all.
  std::set<std::string> parts;
  std::map<std::string, uint64_t> matrices; // by format
  uint64_t parameters = 0, bytes = 0;
  module->walk([&](transformer::WeightBlocksOp blocks) {
    int64_t layers = 1;
    for (transformer::WeightOp origin : originsOf(blocks.getResult())) {
      layers = std::max(layers, origin.getNumLayers());
      for (int64_t layer = 0; layer < origin.getNumLayers(); ++layer)
        parts.insert(origin.getKey(layer).str());
    }
    auto type = cast<RankedTensorType>(blocks.getResult().getType());
    auto block = cast<transformer::BlockType>(type.getElementType());
    matrices[std::string(blockFormat(block.getFormat()).name) + ", groups of " + std::to_string(block.getGroup())] +=
        static_cast<uint64_t>(layers);
    parameters += static_cast<uint64_t>(type.getNumElements() * layers);
  });
  std::map<std::string, std::pair<uint64_t, uint64_t>> byType; // tensors and bytes
  for (const TensorEntry &tensor : index->tensors()) {
    auto &[count, size] = byType[dtypeName(tensor.dtype)];
    ++count;
    size += tensor.size;
    bytes += tensor.size;
    // Whole numbers that no matrix is made of are groups of columns, or shapes.
    const std::string_view type = dtypeName(tensor.dtype);
    if (parts.count(tensor.key) || (!dtypeBlockFormat(tensor.dtype) && (type[0] == 'I' || type[0] == 'U')))
      continue;
    uint64_t elements = 1;
    for (int64_t size : tensor.shape)
      elements *= static_cast<uint64_t>(size);
    parameters += elements;
  }
  out << "  parameters  " << parameters << "\n  bytes       " << formatBytes(bytes) << " in " << index->files().size()
      << (index->files().size() == 1 ? " file\n" : " files\n");
  for (const auto &[type, sums] : byType)
    out << "    " << type << "  " << sums.first << (sums.first == 1 ? " tensor, " : " tensors, ")
        << formatBytes(sums.second) << "\n";
  for (const auto &[format, count] : matrices)
    out << "  quantised   " << count << (count == 1 ? " matrix in " : " matrices in ") << format << "\n";
  out.flush();
  std::error_code failure = llvm::outs().error();
  llvm::outs().clear_error();
  if (failure && failure != std::errc::broken_pipe)
    return messages.error("<stdout>", "cannot write: " + reasonOf(failure)), exitInput;
  return exitDone;
}

int inspectModel(const char *path) {
  if (llvm::sys::fs::is_directory(path) || gguf::isGgufPath(path))
    return inspectCheckpoint(path);
  if (onnx::isOnnxPath(path))
    return inspectOnnx(path);
  return runtime::inspectArtifact(path);
}

} // namespace llmc::driver
