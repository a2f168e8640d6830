// ImportOnnx.cpp - the stop `import` of ONNX files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Import.h"

#include "frontends/models/Import.h"
#include "frontends/onnx/GraphImporter.h"

using namespace mlir;

namespace llmc::onnx_import {

#define GEN_PASS_DEF_IMPORTONNXPASS
#include "frontends/onnx/Passes.h.inc"

namespace {

struct ImportOnnx : public impl::ImportOnnxPassBase<ImportOnnx> {
  using ImportOnnxPassBase::ImportOnnxPassBase;

  /// "NAME=N,NAME=N"; the options' reader has checked the form.
  std::map<std::string, int64_t> sizes() {
    std::map<std::string, int64_t> result;
    SmallVector<StringRef> parts;
    StringRef(dims).split(parts, ',', -1, false);
    for (StringRef part : parts) {
      auto [name, size] = part.rsplit('=');
      int64_t value;
      if (!size.getAsInteger(10, value) && value >= 0)
        result[name.str()] = value;
    }
    return result;
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(module);
    if (!checkpoint || checkpoint.getFormat() != transformer::CheckpointFormat::Onnx) {
      module.emitError("llmc-import-onnx needs the module of an ONNX file: there is no transformer.checkpoint onnx");
      return signalPassFailure();
    }
    const std::string file = checkpoint.getDirectory().str();
    Result<onnx::OpenedModel> opened = onnx::open(file);
    if (!opened) {
      (void)models::emitDiagnostic(&getContext(), opened.error());
      return signalPassFailure();
    }
    for (auto op : llvm::make_early_inc_range(module.getOps<transformer::TensorOp>()))
      op.erase();
    std::map<std::string, int64_t> given = sizes();
    GraphImporter importer(module, *opened, file, given);
    if (failed(importer.run()))
      return signalPassFailure();
    numNodes = importer.numNodes;
    numFolded = importer.numFolded;
  }
};

} // namespace

} // namespace llmc::onnx_import
