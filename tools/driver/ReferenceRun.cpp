// ReferenceRun.cpp - steps of an entry by the reference semantics, on the tensors of a checkpoint.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/ReferenceRun.h"

using namespace mlir;
using namespace llmc;
using reference::Integers;
using reference::RuntimeValue;
using transformer::Role;

/// The element type in the IR of a type in files; null for those that no op reads.
static Type elementType(DType dtype, MLIRContext *context) {
  if (std::optional<BlockFormatId> format = dtypeBlockFormat(dtype))
    return transformer::BlockType::get(context, *format, blockFormat(*format).group);
  switch (dtype) {
  case DType::F64:
    return Float64Type::get(context);
  case DType::F32:
    return Float32Type::get(context);
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  case DType::I32:
    return IntegerType::get(context, 32);
  case DType::I64:
    return IntegerType::get(context, 64);
  default:
    return {};
  }
}

reference::WeightSource driver::weightsFrom(const TensorIndex *index, MLIRContext *context) {
  return [=](StringRef key) -> std::optional<reference::CheckpointTensor> {
    const TensorEntry *tensor = index ? index->find(std::string_view(key.data(), key.size())) : nullptr;
    Type element = tensor ? elementType(tensor->dtype, context) : Type();
    if (!element)
      return std::nullopt;
    SmallVector<int64_t> shape(tensor->shape.begin(), tensor->shape.end());
    return reference::CheckpointTensor{{index->data(*tensor), tensor->size}, RankedTensorType::get(shape, element)};
  };
}

std::vector<RuntimeValue> driver::emptyStates(func::FuncOp entry) {
  std::vector<RuntimeValue> states;
  for (Type type : entry.getArgumentTypes())
    if (auto state = dyn_cast<transformer::StateType>(type))
      states.push_back(reference::makeState(state));
  return states;
}

FailureOr<SmallVector<RuntimeValue>> driver::runReferenceStep(reference::Interpreter &interpreter, func::FuncOp entry,
                                                              ArrayRef<int32_t> tokens, int64_t firstPosition,
                                                              std::vector<RuntimeValue> &states) {
  int64_t count = tokens.size();
  std::vector<int32_t> positions, rows;
  for (int64_t i = 0; i < count; ++i) {
    positions.push_back(firstPosition + i);
    rows.push_back(i);
  }
  SmallVector<RuntimeValue> inputs;
  auto nextState = states.begin();
  for (unsigned i = 0; i < entry.getNumArguments(); ++i) {
    std::optional<Role> role = transformer::getArgumentRole(entry, i);
    if (role == Role::Tokens)
      inputs.push_back(Integers{{count}, tokens.vec()});
    else if (role == Role::Positions)
      inputs.push_back(Integers{{count}, positions});
    else if (role == Role::Sequences)
      inputs.push_back(Integers{{count}, std::vector<int32_t>(count)});
    else if (role == Role::Rows)
      inputs.push_back(Integers{{count}, rows});
    else if (role == Role::State)
      inputs.push_back(*nextState++);
    else
      return entry.emitError() << "argument " << i << " has no role that this tool has a value for, expected tokens, "
                               << "positions, sequences, rows or state";
  }
  FailureOr<SmallVector<RuntimeValue>> results = interpreter.run(entry, inputs);
  if (failed(results))
    return failure();
  states.clear();
  for (auto [type, value] : llvm::zip_equal(entry.getResultTypes(), *results))
    if (isa<transformer::StateType>(type))
      states.push_back(value);
  return results;
}
