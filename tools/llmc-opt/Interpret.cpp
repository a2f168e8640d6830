// Interpret.cpp - `--llmc-interpret`: runs a module with the reference semantics and prints what comes out.
//
// A pass of this tool alone: it prints, and it reads the checkpoint's files, which libraries do not.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/llmc-opt/Interpret.h"
#include "dialects/Transformer/Reference/Interpreter.h"
#include "frontends/formats/TensorIndex.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace llmc;
using reference::Floats;
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

namespace {
struct InterpretPass : PassWrapper<InterpretPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InterpretPass)
  InterpretPass() = default;
  InterpretPass(const InterpretPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "llmc-interpret"; }
  StringRef getDescription() const override {
    return "Run a function with the reference semantics and print its results; weights come from the checkpoint that "
           "the "
           "module names";
  }

  Option<std::string> function{*this, "function", llvm::cl::desc("Function to run (step)"), llvm::cl::init("step")};
  ListOption<int32_t> ids{*this, "ids", llvm::cl::desc("Token ids of the one sequence")};
  ListOption<int64_t> cuts{*this, "cuts",
                           llvm::cl::desc("Sizes of the steps that take the ids; the last takes the rest")};
  Option<int64_t> generate{*this, "generate", llvm::cl::desc("Tokens to add greedily and print instead of the results"),
                           llvm::cl::init(0)};

  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(interpret()))
      signalPassFailure();
  }

private:
  LogicalResult interpret();
  FailureOr<SmallVector<RuntimeValue>> runStep(reference::Interpreter &interpreter, func::FuncOp entry,
                                               ArrayRef<int32_t> tokens, int64_t firstPosition,
                                               std::vector<RuntimeValue> &states);
};
} // namespace

/// Rows of numbers that read back exactly.
static void print(const Floats &tensor) {
  int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  for (auto [i, value] : llvm::enumerate(tensor.values))
    llvm::outs() << llvm::format("%.9g", value) << (static_cast<int64_t>(i + 1) % columns ? " " : "\n");
}

static void print(const Integers &tensor) {
  llvm::interleave(tensor.values, llvm::outs(), " ");
  llvm::outs() << "\n";
}

static void print(const RuntimeValue &value, int64_t number) {
  llvm::outs() << "result " << number << ": ";
  auto shape = [](const std::vector<int64_t> &shape) {
    llvm::outs() << "[";
    llvm::interleaveComma(shape, llvm::outs());
    llvm::outs() << "]\n";
  };
  if (const auto *floats = std::get_if<Floats>(&value)) {
    shape(floats->shape);
    print(*floats);
  } else if (const auto *integers = std::get_if<Integers>(&value)) {
    shape(integers->shape);
    print(*integers);
  } else if (const auto *stored = std::get_if<reference::Stored>(&value)) {
    shape(stored->shape);
    if (stored->element == reference::Stored::Element::Opaque)
      llvm::outs() << stored->bytes.size() << " bytes\n";
    else
      print(reference::toFloats(*stored));
  } else if (const auto *index = std::get_if<int64_t>(&value)) {
    llvm::outs() << *index << "\n";
  } else {
    llvm::outs() << "a state\n";
  }
}

/// One step of the sequence 0: its tokens at consecutive positions, all rows wanted. `states` are consumed and renewed.
FailureOr<SmallVector<RuntimeValue>> InterpretPass::runStep(reference::Interpreter &interpreter, func::FuncOp entry,
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

LogicalResult InterpretPass::interpret() {
  ModuleOp module = getOperation();
  auto entry = module.lookupSymbol<func::FuncOp>(function);
  if (!entry)
    return module.emitError() << "has no function '" << function << "'";

  std::optional<TensorIndex> index;
  if (auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(module)) {
    Result<TensorIndex> opened = openCheckpoint(checkpoint.getDirectory().str());
    if (!opened)
      return checkpoint.emitError() << opened.error().message;
    index = std::move(*opened);
  }
  auto readWeight = [&](StringRef key) -> std::optional<reference::CheckpointTensor> {
    const TensorEntry *tensor = index ? index->find(std::string_view(key.data(), key.size())) : nullptr;
    Type element = tensor ? elementType(tensor->dtype, &getContext()) : Type();
    if (!element)
      return std::nullopt;
    SmallVector<int64_t> shape(tensor->shape.begin(), tensor->shape.end());
    return reference::CheckpointTensor{{index->data(*tensor), tensor->size}, RankedTensorType::get(shape, element)};
  };
  reference::Interpreter interpreter(module, readWeight);

  std::vector<RuntimeValue> states;
  for (Type type : entry.getArgumentTypes())
    if (auto state = dyn_cast<transformer::StateType>(type))
      states.push_back(reference::makeState(state));

  SmallVector<int32_t> left(ids.begin(), ids.end());
  SmallVector<RuntimeValue> results;
  auto step = [&](ArrayRef<int32_t> tokens, int64_t firstPosition) -> LogicalResult {
    FailureOr<SmallVector<RuntimeValue>> found = runStep(interpreter, entry, tokens, firstPosition, states);
    if (failed(found))
      return failure();
    results = std::move(*found);
    return success();
  };
  int64_t done = 0, total = left.size();
  for (int64_t cut : cuts) {
    if (cut < 1 || cut >= total - done)
      return module.emitError() << "a step of " << cut << " of " << total - done << " tokens leaves none for the last";
    if (failed(step(ArrayRef(left).slice(done, cut), done)))
      return failure();
    done += cut;
  }
  if (failed(step(ArrayRef(left).drop_front(done), done)))
    return failure();

  if (!generate) {
    for (auto [number, value] : llvm::enumerate(results))
      print(value, number);
    return success();
  }
  for (int64_t made = 0; made < generate; ++made) {
    const auto *logits = results.empty() ? nullptr : std::get_if<Floats>(&results.front());
    if (!logits || logits->shape.size() != 2 || !logits->rows())
      return entry.emitError("yields no row of logits to take a token from");
    const float *row = &logits->values[(logits->rows() - 1) * logits->columns()];
    auto token = static_cast<int32_t>(std::max_element(row, row + logits->columns()) - row);
    llvm::outs() << (made ? " " : "") << token;
    if (made + 1 < generate && failed(step(token, total++)))
      return failure();
  }
  llvm::outs() << "\n";
  return success();
}

void llmc::registerInterpretPass() { PassRegistration<InterpretPass>(); }
