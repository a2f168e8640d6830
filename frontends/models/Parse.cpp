// Parse.cpp - the stop `parse`: the checkpoint's index as a module.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/TensorIndex.h"
#include "frontends/formats/gguf/Gguf.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/models/Import.h"

using namespace mlir;

namespace llmc::models {

#define GEN_PASS_DEF_PARSEPASS
#include "frontends/models/Passes.h.inc"

namespace {

/// The element type of the IR, or null for those that it does not have.
Type toElementType(DType dtype, MLIRContext *context) {
  if (std::optional<BlockFormatId> format = dtypeBlockFormat(dtype))
    return transformer::BlockType::get(context, *format, blockFormat(*format).group);
  switch (dtype) {
  case DType::BOOL:
    return IntegerType::get(context, 1);
  case DType::U8:
    return IntegerType::get(context, 8, IntegerType::Unsigned);
  case DType::I8:
    return IntegerType::get(context, 8);
  case DType::U16:
    return IntegerType::get(context, 16, IntegerType::Unsigned);
  case DType::I16:
    return IntegerType::get(context, 16);
  case DType::U32:
    return IntegerType::get(context, 32, IntegerType::Unsigned);
  case DType::I32:
    return IntegerType::get(context, 32);
  case DType::U64:
    return IntegerType::get(context, 64, IntegerType::Unsigned);
  case DType::I64:
    return IntegerType::get(context, 64);
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  case DType::F32:
    return Float32Type::get(context);
  case DType::F64:
    return Float64Type::get(context);
  case DType::F8_E4M3:
    return Float8E4M3FNType::get(context);
  case DType::F8_E5M2:
    return Float8E5M2Type::get(context);
  case DType::F4:
  case DType::F6_E2M3:
  case DType::F6_E3M2:
  case DType::F8_E8M0:
  case DType::F8_E4M3FNUZ:
  case DType::F8_E5M2FNUZ:
  case DType::C64:
    return Type();
  default: // Block formats came first.
    llvm_unreachable("every type is named");
  }
}

/// Appends the index to a module.
Checked writeIndex(const TensorIndex &index, StringRef directory, ModuleOp module) {
  MLIRContext *context = module.getContext();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto place = FileLineColLoc::get(context, directory, 0, 0);
  const auto format = gguf::isGgufPath(directory.str())   ? transformer::CheckpointFormat::Gguf
                      : onnx::isOnnxPath(directory.str()) ? transformer::CheckpointFormat::Onnx
                                                          : transformer::CheckpointFormat::Safetensors;
  transformer::CheckpointOp::create(builder, place, format, directory, /*statistics=*/StringAttr());
  for (const TensorEntry &entry : index.tensors()) {
    Type elementType = toElementType(entry.dtype, context);
    if (!elementType)
      return Diagnostic{index.fileName(entry),
                        0,
                        0,
                        "tensor '" + json::printable(entry.key) + "' has element type " + dtypeName(entry.dtype) +
                            ", which is not supported",
                        {}};
    if (entry.key.empty())
      return Diagnostic{index.fileName(entry), 0, 0, "a tensor has no name", {}};
    const Location loc =
        NameLoc::get(builder.getStringAttr(entry.key), FileLineColLoc::get(context, index.fileName(entry), 0, 0));
    transformer::TensorOp::create(
        builder, loc, entry.key, index.relativeName(entry),
        RankedTensorType::get(ArrayRef<int64_t>(entry.shape.begin(), entry.shape.end()), elementType));
  }
  return Success{};
}

LogicalResult parseInto(ModuleOp module, StringRef directory) {
  Result<TensorIndex> index = openCheckpoint(directory.str());
  if (!index)
    return emitDiagnostic(module.getContext(), index.error());
  Checked written = writeIndex(*index, directory, module);
  if (!written)
    return emitDiagnostic(module.getContext(), written.error());
  return success();
}

struct ParsePass : public impl::ParsePassBase<ParsePass> {
  using ParsePassBase::ParsePassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module.getBody()->empty()) {
      module.emitError("llmc-parse needs an empty module");
      return signalPassFailure();
    }
    if (failed(parseInto(module, directory)))
      return signalPassFailure();
    numTensors = llvm::range_size(module.getOps<transformer::TensorOp>());
  }
};

} // namespace

OwningOpRef<ModuleOp> parseCheckpoint(StringRef directory, MLIRContext *context) {
  context->loadDialect<transformer::TransformerDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(FileLineColLoc::get(context, directory, 0, 0));
  if (failed(parseInto(*module, directory)))
    return {};
  return module;
}

LogicalResult emitDiagnostic(MLIRContext *context, const Diagnostic &mistake) {
  // A mistake in an option has no file.
  Location loc = UnknownLoc::get(context);
  if (!mistake.file.empty())
    loc = FileLineColLoc::get(context, mistake.file, mistake.line, mistake.column);
  InFlightDiagnostic diagnostic = emitError(loc) << mistake.message;
  if (!mistake.note.empty())
    diagnostic.attachNote() << mistake.note;
  return diagnostic;
}

} // namespace llmc::models
