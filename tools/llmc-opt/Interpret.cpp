// Interpret.cpp - `--llmc-interpret`: runs a module with the reference semantics and prints what comes out.
//
// A pass of this tool alone: it prints, and it reads the checkpoint's files, which libraries do not.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/llmc-opt/Interpret.h"
#include "dialects/Transformer/Reference/Interpreter.h"
#include "frontends/formats/TensorIndex.h"
#include "mlir/Pass/Pass.h"
#include "tools/driver/ReferenceRun.h"
#include "tools/driver/Statistics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace llmc;
using reference::Floats;
using reference::Integers;
using reference::RuntimeValue;

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

LogicalResult InterpretPass::interpret() {
  ModuleOp module = getOperation();
  auto entry = module.lookupSymbol<func::FuncOp>(function);
  if (!entry)
    return module.emitError() << "has no function '" << function << "'";

  std::optional<TensorIndex> index;
  if (auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(module)) {
    Result<TensorIndex> opened = driver::openWeights(checkpoint);
    if (!opened)
      return checkpoint.emitError() << opened.error().message;
    index = std::move(*opened);
  }
  reference::Interpreter interpreter(module, driver::weightsFrom(index ? &*index : nullptr, &getContext()));

  std::vector<RuntimeValue> states = driver::emptyStates(entry);

  SmallVector<int32_t> left(ids.begin(), ids.end());
  SmallVector<RuntimeValue> results;
  auto step = [&](ArrayRef<int32_t> tokens, int64_t firstPosition) -> LogicalResult {
    FailureOr<SmallVector<RuntimeValue>> found =
        driver::runReferenceStep(interpreter, entry, tokens, firstPosition, states);
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
