// InterpreterTest.cpp - modules run with the reference semantics: layers, weights by key, errors.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::reference;

namespace {

class InterpreterTest : public testing::Test {
protected:
  InterpreterTest()
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
            message += diagnostic.str();
        }) {
    context.loadDialect<transformer::TransformerDialect, func::FuncDialect, arith::ArithDialect>();
  }

  /// A weight [1, 1] for each single letter key: its value is the letter's place in the alphabet, a = 1.
  WeightSource letters() {
    return [this](StringRef key) -> std::optional<CheckpointTensor> {
      if (key.size() != 1)
        return std::nullopt;
      numbers[key[0] - 'a'] = static_cast<float>(key[0] - 'a' + 1);
      return CheckpointTensor{{reinterpret_cast<uint8_t *>(&numbers[key[0] - 'a']), 4},
                              RankedTensorType::get({1, 1}, Float32Type::get(&context))};
    };
  }

  FailureOr<SmallVector<RuntimeValue>> run(StringRef text, ArrayRef<RuntimeValue> inputs) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << message;
    Interpreter interpreter(*module, letters());
    return interpreter.run(*module->getOps<func::FuncOp>().begin(), inputs);
  }

  MLIRContext context;
  std::string message;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  float numbers[26] = {};
};

TEST_F(InterpreterTest, RunsLayersInOrderWithTheirOwnWeightsAndTables) {
  // Class 0 (layers 0, 2) multiplies by its weight, class 1 (layer 1) doubles. 1 * a(1) * 2 * c(3) = 6, then + 6 = 12.
  auto results = run(R"mlir(
    func.func @f(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
      %y = transformer.layers classes [0, 1, 0] slots [-1, -1, -1] iter (%x) : tensor<1x1xf32> {
      ^bb0(%slot: index, %h: tensor<1x1xf32>):
        %w = transformer.weight ["a", "c"] : tensor<1x1xf32>
        %z = transformer.linear %h, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
        transformer.yield %z : tensor<1x1xf32>
      }, {
      ^bb0(%slot: index, %h: tensor<1x1xf32>):
        %z = transformer.add %h, %h : tensor<1x1xf32>
        transformer.yield %z : tensor<1x1xf32>
      }
      %z = transformer.add %y, %y : tensor<1x1xf32>
      return %z : tensor<1x1xf32>
    })mlir",
                     RuntimeValue(Floats({1, 1}, std::vector<float>{1})));
  ASSERT_TRUE(succeeded(results)) << message;
  EXPECT_EQ(std::get<Floats>((*results)[0]).values, std::vector<float>{12});
}

TEST_F(InterpreterTest, KeepsTheStateOfEachSlotApart) {
  const char *text = R"mlir(
    !kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 1, f32>
    func.func @f(%x: tensor<1x1xf32>, %p: tensor<1xi32>, %s: tensor<1xi32>, %kv: !kv) -> (tensor<1x1xf32>, !kv) {
      %y, %kv1 = transformer.layers classes [0, 0] slots [1, 0] iter (%x, %kv) : tensor<1x1xf32>, !kv {
      ^bb0(%slot: index, %h: tensor<1x1xf32>, %c: !kv):
        %w = transformer.weight ["b", "c"] : tensor<1x1xf32>
        %v = transformer.linear %h, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
        %k = transformer.scale %h by 0.0 : tensor<1x1xf32>
        %c1 = transformer.cache_update %c[%slot], %k, %v at %p of %s
          : (!kv, index, tensor<1x1xf32>, tensor<1x1xf32>, tensor<1xi32>, tensor<1xi32>) -> !kv
        %o = transformer.attention %h cache %c1[%slot] at %p of %s heads 1 kv_heads 1 head_dim 1 scale 1.0 causal
          : (tensor<1x1xf32>, !kv, index, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1xf32>
        transformer.yield %o, %c1 : tensor<1x1xf32>, !kv
      }
      return %y, %kv1 : tensor<1x1xf32>, !kv
    })mlir";
  auto state = makeState(transformer::StateType::getKVCache(&context, 2, 1, 1, Float32Type::get(&context)));
  auto step = [&](float x, int32_t position) {
    auto results =
        run(text, {Floats({1, 1}, std::vector<float>{x}), Integers{{1}, {position}}, Integers{{1}, {0}}, state});
    EXPECT_TRUE(succeeded(results)) << message;
    return std::get<Floats>((*results)[0]).values[0];
  };
  EXPECT_EQ(step(1, 0), 6); // slot 1 holds 2, slot 0 holds 6
  // Layer 0: 5 * 2 = 10, mean with 2 is 6; layer 1: 6 * 3 = 18, mean with 6 is 12.
  EXPECT_EQ(step(5, 1), 12);
}

TEST_F(InterpreterTest, NamesAKeyThatIsAbsent) {
  auto results = run(R"mlir(
    func.func @f() -> tensor<1x1xf32> {
      %w = transformer.weight ["missing"] : tensor<1x1xf32>
      return %w : tensor<1x1xf32>
    })mlir",
                     {});
  EXPECT_TRUE(failed(results));
  EXPECT_EQ(message, "the checkpoint has no tensor 'missing'");
}

TEST_F(InterpreterTest, NamesAKeyOfAnotherType) {
  auto results = run(R"mlir(
    func.func @f() -> tensor<1x1xbf16> {
      %w = transformer.weight ["q"] : tensor<1x1xbf16>
      return %w : tensor<1x1xbf16>
    })mlir",
                     {});
  EXPECT_TRUE(failed(results));
  EXPECT_EQ(message, "tensor 'q' is 'tensor<1x1xf32>', expected 'tensor<1x1xbf16>'");
}

TEST_F(InterpreterTest, RefusesATokenOutsideTheTable) {
  auto results = run(R"mlir(
    func.func @f(%t: tensor<1xi32>) -> tensor<1x1xf32> {
      %w = transformer.weight ["q"] : tensor<1x1xf32>
      %x = transformer.embedding %t, %w : (tensor<1xi32>, tensor<1x1xf32>) -> tensor<1x1xf32>
      return %x : tensor<1x1xf32>
    })mlir",
                     RuntimeValue(Integers{{1}, {1}}));
  EXPECT_TRUE(failed(results));
  EXPECT_EQ(message, "token 1 is outside 0 to 0");
}

TEST_F(InterpreterTest, RefusesAnOpWithoutSemantics) {
  auto results = run(R"mlir(
    func.func @f(%x: tensor<1x8xf32>) -> tensor<1x2xf32> {
      %w, %e = transformer.route softmax %x top_k 2 : (tensor<1x8xf32>) -> (tensor<1x2xf32>, tensor<1x2xi32>)
      return %w : tensor<1x2xf32>
    })mlir",
                     RuntimeValue(Floats({1, 8})));
  EXPECT_TRUE(failed(results));
  EXPECT_EQ(message, "the reference has no semantics of this op");
}

} // namespace
