// EntryBuilder.cpp - opens and closes the step entry of a text decoder.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/EntryBuilder.h"

using namespace mlir;
using llmc::transformer::Role;

namespace llmc::models {

EntryBuilder::EntryBuilder(ModuleOp module, WeightTable &weights, EntryBounds bounds)
    : builder(OpBuilder::atBlockEnd(module.getBody())), weights(weights), bounds(bounds) {}

StepArguments EntryBuilder::beginStep(transformer::StateType state) {
  MLIRContext *context = builder.getContext();
  const Location loc = named("step");
  auto integers = RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  const Type arguments[] = {integers, integers, integers, integers, state};
  const Role roles[] = {Role::Tokens, Role::Positions, Role::Sequences, Role::Rows, Role::State};
  // Results are known when the body is.
  entry = func::FuncOp::create(builder, loc, "step", builder.getFunctionType(arguments, {}));
  entry->setAttr(transformer::TransformerDialect::kEntryAttrName, builder.getUnitAttr());
  entry->setAttr(transformer::TransformerDialect::kBoundsAttrName,
                 transformer::BoundsAttr::get(context, bounds.tokens, bounds.sequences, bounds.context));
  for (unsigned i = 0; i < std::size(roles); ++i)
    entry.setArgAttr(i, transformer::TransformerDialect::kRoleAttrName, transformer::RoleAttr::get(context, roles[i]));
  Block *body = entry.addEntryBlock();
  builder.setInsertionPointToStart(body);
  return {body->getArgument(0), body->getArgument(1), body->getArgument(2), body->getArgument(3), body->getArgument(4)};
}

void EntryBuilder::endStep(Value logits, Value state) {
  MLIRContext *context = builder.getContext();
  func::ReturnOp::create(builder, named("step"), ValueRange{logits, state});
  entry.setFunctionType(
      builder.getFunctionType(entry.getFunctionType().getInputs(), {logits.getType(), state.getType()}));
  const Role roles[] = {Role::Logits, Role::State};
  for (unsigned i = 0; i < std::size(roles); ++i)
    entry.setResultAttr(i, transformer::TransformerDialect::kRoleAttrName,
                        transformer::RoleAttr::get(context, roles[i]));
  builder.setInsertionPointAfter(entry);
}

} // namespace llmc::models
