// Declare.cpp - the stop `parse` without a checkpoint: what its index would be, out of config.json alone.
//
// The family's builder runs on a table of no tensors that notes what it is asked for; what it builds is thrown away.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"
#include "frontends/models/Description.h"
#include "frontends/models/EntryBuilder.h"
#include "frontends/models/Import.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace llmc::models {

static Checked declareInto(ModuleOp module, const std::string &path) {
  MLIRContext *context = module.getContext();
  Result<Description> described = describeDirectory(path);
  if (!described)
    return described.takeError();
  if (described->quantization)
    return Diagnostic{described->place, 0, 0,
                      "'quantization_config' is set: how many tensors of which shapes hold the weights is known from "
                      "the checkpoint alone",
                      "name the directory of the whole checkpoint, or leave the key out to plan the model in floats"};
  const Type type = llvm::StringSwitch<Type>(described->storedType)
                        .Case("float32", Float32Type::get(context))
                        .Case("float16", Float16Type::get(context))
                        .Default(BFloat16Type::get(context));
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(module.getLoc());
  WeightTable weights(*scratch, described->folder, described->weights, described->facts);
  weights.declareMissing(type);
  EntryBounds bounds;
  bounds.context = described->model->getContextLength();
  bounds.cacheType = Float32Type::get(context);
  EntryBuilder entry(*scratch, weights, bounds);
  described->model->build(entry);
  if (weights.mistake())
    return *weights.mistake();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  transformer::CheckpointOp::create(builder, module.getLoc(), transformer::CheckpointFormat::Safetensors, path,
                                    /*statistics=*/StringAttr());
  for (const auto &[key, shape] : weights.tensorTypes())
    transformer::TensorOp::create(builder, module.getLoc(), key, "model.safetensors", shape);
  return Success{};
}

OwningOpRef<ModuleOp> declareCheckpoint(StringRef path, MLIRContext *context) {
  context->loadDialect<transformer::TransformerDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(FileLineColLoc::get(context, path, 0, 0));
  Checked declared = declareInto(*module, path.str());
  if (declared)
    return module;
  (void)emitDiagnostic(context, declared.error());
  return {};
}

} // namespace llmc::models
