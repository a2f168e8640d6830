// TransformerDialect.cpp - registration, and the attributes that mark entries.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc::transformer;

#include "dialects/Transformer/IR/TransformerDialect.cpp.inc"

void TransformerDialect::initialize() {
  registerTypes();
  registerAttributes();
  registerOps();
}

func::FuncOp llmc::transformer::lookupEntry(ModuleOp module, StringRef name) {
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function.getName() == name && function->hasAttr(TransformerDialect::kEntryAttrName))
      return function;
  return {};
}

std::optional<Role> llmc::transformer::getArgumentRole(func::FuncOp entry, unsigned argument) {
  if (auto role = entry.getArgAttrOfType<RoleAttr>(argument, TransformerDialect::kRoleAttrName))
    return role.getValue();
  return std::nullopt;
}

/// Whether a value of this type can have the role.
static bool fitsRole(Role role, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  switch (role) {
  case Role::Tokens:
  case Role::Positions:
  case Role::Sequences:
  case Role::Rows:
  case Role::Lengths:
    return tensor && tensor.getRank() == 1 && tensor.getElementType().isInteger(32);
  case Role::State:
    return isa<StateType>(type);
  case Role::Logits:
    return tensor && tensor.getRank() == 2 && isa<FloatType>(tensor.getElementType());
  case Role::Input:
  case Role::Output:
    return static_cast<bool>(tensor);
  }
  return false;
}

static LogicalResult verifyRole(Operation *op, Twine where, NamedAttribute attribute, Type type) {
  if (attribute.getName() != TransformerDialect::kRoleAttrName)
    return op->emitError() << where << " has unknown attribute '" << attribute.getName().getValue() << "', expected '"
                           << TransformerDialect::kRoleAttrName << "'";
  auto role = dyn_cast<RoleAttr>(attribute.getValue());
  if (!role)
    return op->emitError() << where << ": attribute '" << attribute.getName().getValue()
                           << "' is not a role, expected #transformer.role<...>";
  if (!fitsRole(role.getValue(), type))
    return op->emitError() << where << " of type " << type << " cannot have the role '"
                           << stringifyRole(role.getValue()) << "'";
  return success();
}

LogicalResult TransformerDialect::verifyRegionArgAttribute(Operation *op, unsigned region, unsigned argument,
                                                           NamedAttribute attribute) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function)
    return op->emitError() << "attribute '" << attribute.getName().getValue()
                           << "' belongs to arguments of func.func only";
  return verifyRole(op, "argument " + Twine(argument), attribute, function.getArgumentTypes()[argument]);
}

LogicalResult TransformerDialect::verifyRegionResultAttribute(Operation *op, unsigned region, unsigned result,
                                                              NamedAttribute attribute) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (!function)
    return op->emitError() << "attribute '" << attribute.getName().getValue()
                           << "' belongs to results of func.func only";
  return verifyRole(op, "result " + Twine(result), attribute, function.getResultTypes()[result]);
}

/// An entry: every argument has a role, roles other than state and input at most one argument, states are linear and
/// come out in the order in which they went in.
static LogicalResult verifyEntry(func::FuncOp entry) {
  llvm::SmallDenseMap<Role, unsigned> seen;
  for (auto [index, type] : llvm::enumerate(entry.getArgumentTypes())) {
    std::optional<Role> role = getArgumentRole(entry, index);
    if (!role)
      return entry.emitError() << "argument " << index << " of an entry has no '" << TransformerDialect::kRoleAttrName
                               << "'";
    if (*role == Role::Logits || *role == Role::Output)
      return entry.emitError() << "argument " << index << " has the role '" << stringifyRole(*role) << "' of a result";
    auto [it, inserted] = seen.try_emplace(*role, index);
    if (!inserted && *role != Role::State && *role != Role::Input)
      return entry.emitError() << "arguments " << it->second << " and " << index << " both have the role '"
                               << stringifyRole(*role) << "'";
  }
  auto isState = [](Type type) { return isa<StateType>(type); };
  SmallVector<Type> in(llvm::make_filter_range(entry.getArgumentTypes(), isState));
  SmallVector<Type> out(llvm::make_filter_range(entry.getResultTypes(), isState));
  if (in != out)
    return entry.emitError() << "an entry yields the states that it takes, in the same order; it takes " << in.size()
                             << " and yields " << out.size() << (in.size() == out.size() ? " of other types" : "");
  if (!entry.isExternal())
    for (BlockArgument argument : entry.getArguments())
      if (isState(argument.getType()) && failed(verifyLinear(argument)))
        return failure();
  return success();
}

LogicalResult TransformerDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  auto function = dyn_cast<func::FuncOp>(op);
  if (attribute.getName() == kEntryAttrName) {
    if (!function || !isa<UnitAttr>(attribute.getValue()))
      return op->emitError() << "attribute '" << kEntryAttrName << "' must be a unit attribute of func.func";
    return verifyEntry(function);
  }
  if (attribute.getName() == kBoundsAttrName) {
    if (!function || !isa<BoundsAttr>(attribute.getValue()))
      return op->emitError() << "attribute '" << kBoundsAttrName << "' must be #transformer.bounds<...> on func.func";
    return success();
  }
  return op->emitError() << "unknown attribute '" << attribute.getName().getValue() << "' of the transformer dialect";
}
