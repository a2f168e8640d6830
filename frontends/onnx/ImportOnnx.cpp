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

  /// "NAME=LO..HI,NAME=N"; the options' reader has checked the form.
  std::map<std::string, std::pair<int64_t, int64_t>> bounds() {
    std::map<std::string, std::pair<int64_t, int64_t>> result;
    SmallVector<StringRef> parts;
    StringRef(dims).split(parts, ',', -1, false);
    for (StringRef part : parts) {
      auto [name, size] = part.rsplit('=');
      auto [low, high] = size.split("..");
      int64_t from, to;
      if (!low.getAsInteger(10, from) && from >= 0 && !(size.contains("..") ? high : low).getAsInteger(10, to) &&
          to >= std::max<int64_t>(from, 1) && to <= kLargestExtent)
        result[name.str()] = {from, to};
    }
    return result;
  }

  /// Whether it is a text decoder; where one would think so and it is none, a remark says why.
  LogicalResult lookForText(const onnx::OpenedModel &opened, const std::string &file,
                            std::optional<TextGraph> &described, std::optional<FilesBesideGraph> &beside) {
    Result<std::optional<FilesBesideGraph>> files = findBesideGraph(file);
    if (!files)
      return models::emitDiagnostic(&getContext(), files.error());
    beside = std::move(*files);
    TextRefusal refusal;
    Result<std::optional<TextGraph>> found = describeTextGraph(opened.model.graph, file, beside, refusal);
    if (!found)
      return models::emitDiagnostic(&getContext(), found.error());
    described = std::move(*found);
    if (described && !dims.empty()) {
      refusal.reason = "--dim bounds its dimensions";
      described.reset();
    }
    if (!refusal.reason.empty()) {
      InFlightDiagnostic remark = emitRemark(FileLineColLoc::get(&getContext(), file, 0, 0));
      remark << "stays a graph on tensors: " << refusal.reason;
    }
    return success();
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
    std::map<std::string, std::pair<int64_t, int64_t>> given = bounds();
    GraphImporter importer(module, *opened, file, given);
    std::optional<TextGraph> described;
    std::optional<FilesBesideGraph> beside;
    if (text && failed(lookForText(*opened, file, described, beside)))
      return signalPassFailure();
    if (described)
      importer.setText(*described, *beside, {maxContext, maxStep});
    importer.expose(exposeFirst, exposeCount);
    if (failed(importer.run()))
      return signalPassFailure();
    numNodes = importer.numNodes;
    numFolded = importer.numFolded;
  }
};

} // namespace

} // namespace llmc::onnx_import
