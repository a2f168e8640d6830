// LowerToKernel.cpp - turn transformer ops into kernel ops and elementwise linalg ops.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Lower/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

namespace llmc {
#define GEN_PASS_DEF_LOWERTOKERNELPASS
#include "compiler/Lower/LowerPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
namespace tr = llmc::transformer;
namespace kn = llmc::kernel;

namespace {

//===-- scalar functions ------------------------------------------------------------------------------------------===//

Value scalar(OpBuilder &b, Location loc, double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(static_cast<float>(value)));
}

Value sigmoid(OpBuilder &b, Location loc, Value x) {
  Value e = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, x));
  return arith::AddFOp::create(b, loc, scalar(b, loc, 1.0), e); // the denominator
}

/// The activation of one f32, as transformer.activation defines it.
Value activate(OpBuilder &b, Location loc, tr::Activation kind, Value x) {
  auto mul = [&](Value p, Value q) -> Value { return arith::MulFOp::create(b, loc, p, q); };
  auto add = [&](Value p, Value q) -> Value { return arith::AddFOp::create(b, loc, p, q); };
  Value one = scalar(b, loc, 1.0), half = scalar(b, loc, 0.5);
  auto relu = [&]() -> Value {
    Value negative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, x, scalar(b, loc, 0.0));
    return arith::SelectOp::create(b, loc, negative, scalar(b, loc, 0.0), x);
  };
  switch (kind) {
  case tr::Activation::Silu:
    return arith::DivFOp::create(b, loc, x, sigmoid(b, loc, x));
  case tr::Activation::Sigmoid:
    return arith::DivFOp::create(b, loc, one, sigmoid(b, loc, x));
  case tr::Activation::QuickGelu:
    return arith::DivFOp::create(b, loc, x, sigmoid(b, loc, mul(x, scalar(b, loc, 1.702))));
  case tr::Activation::Gelu:
    return mul(mul(x, half), add(one, math::ErfOp::create(b, loc, mul(x, scalar(b, loc, std::sqrt(0.5))))));
  case tr::Activation::GeluTanh: {
    Value cube = mul(mul(x, x), x);
    Value inner = mul(scalar(b, loc, 0.79788456080286535588), add(x, mul(scalar(b, loc, 0.044715), cube)));
    return mul(mul(x, half), add(one, math::TanhOp::create(b, loc, inner)));
  }
  case tr::Activation::Relu:
    return relu();
  case tr::Activation::ReluSquared: {
    Value r = relu();
    return mul(r, r);
  }
  case tr::Activation::Tanh:
    return math::TanhOp::create(b, loc, x);
  }
  llvm_unreachable("all activations are handled");
}

//===-- the lowering ----------------------------------------------------------------------------------------------===//

/// The shortest segment of quantised rows; any k and group of a weight of codes is a multiple of it.
constexpr int64_t kFinestSegment = 16;

struct Lowering {
  OpBuilder b;
  int64_t pageTokens;
  bool quantizesActivations, halves; ///< rows before codes become bytes, rows before f16 halves
  Lowering(MLIRContext *context, int64_t pageTokens, bool quantizesActivations, bool halves)
      : b(context), pageTokens(pageTokens), quantizesActivations(quantizesActivations), halves(halves) {}

  LogicalResult refuse(Operation *op, const Twine &feature) {
    return op->emitOpError() << "has no lowering for " << feature;
  }

  //===-- weights -------------------------------------------------------------------------------------------------===//

  /// The blocks whose values `weight` is, where whole rows of them can be had: behind decodes, also of joined weights.
  Value blocksOf(Value weight) {
    if (isa<tr::BlockType>(cast<RankedTensorType>(weight.getType()).getElementType()))
      return weight;
    if (auto decode = weight.getDefiningOp<tr::WeightDecodeOp>())
      return decode.getSource();
    auto concat = weight.getDefiningOp<tr::WeightConcatOp>();
    if (!concat || concat.getAxis() != 0)
      return {};
    SmallVector<Value> sources;
    for (Value source : concat.getSources()) {
      Value blocks = blocksOf(source);
      if (!blocks || (!sources.empty() && cast<RankedTensorType>(blocks.getType()).getElementType() !=
                                              cast<RankedTensorType>(sources[0].getType()).getElementType()))
        return {};
      sources.push_back(blocks);
    }
    return tr::WeightConcatOp::create(b, concat.getLoc(), sources, 0);
  }

  /// The weights as codes, where all are blocks of one format that has a compute layout; else null.
  Value packCodes(Operation *user, ValueRange weights) {
    SmallVector<Value> blocks;
    for (Value weight : weights) {
      auto type = cast<RankedTensorType>(weight.getType());
      Value found = type.getRank() == 2 ? blocksOf(weight) : Value();
      if (!found || (!blocks.empty() && found.getType() != blocks[0].getType()))
        return {};
      blocks.push_back(found);
    }
    auto type = cast<RankedTensorType>(blocks[0].getType());
    kn::CodesType codes = kn::codesOf(cast<tr::BlockType>(type.getElementType()));
    if (!codes)
      return {};
    auto packed = kn::PackedType::get(b.getContext(), kn::PackedLayout::codes, type.getDimSize(0), type.getDimSize(1),
                                      weights.size(), codes);
    return kn::PackOp::create(b, user->getLoc(), packed, blocks, /*order=*/false, /*largest=*/FloatAttr());
  }

  /// Blocks that have no layout of codes, or are not asked for as such, as their values.
  Value decoded(Value weight) {
    auto type = cast<RankedTensorType>(weight.getType());
    if (!isa<tr::BlockType>(type.getElementType()))
      return weight;
    return tr::WeightDecodeOp::create(b, weight.getLoc(), type.clone(b.getF32Type()), weight);
  }

  FailureOr<Value> pack(Operation *user, ValueRange stored, kn::PackedLayout layout) {
    if (layout == kn::PackedLayout::panels)
      if (Value codes = packCodes(user, stored))
        return codes;
    SmallVector<Value> weights;
    for (Value weight : stored)
      weights.push_back(decoded(weight));
    auto type = cast<RankedTensorType>(weights[0].getType());
    Type element = type.getElementType();
    if (!element.isF32() && !element.isF16() && !element.isBF16())
      return refuse(user, "weights of element type " + llvm::Twine(debugString(element)));
    if (layout == kn::PackedLayout::table)
      element = b.getF32Type();
    int64_t n = type.getRank() == 1 ? 1 : type.getDimSize(0), k = type.getShape().back();
    auto packed = kn::PackedType::get(b.getContext(), layout, n, k, weights.size(), element);
    // Lookups do not ask for it, but share a matrix with products.
    FloatAttr largest;
    if (halves && layout == kn::PackedLayout::panels && element.isF16())
      largest = b.getF32FloatAttr(kn::MatmulOp::largestHalf);
    return Value(kn::PackOp::create(b, user->getLoc(), packed, weights, /*order=*/false, largest));
  }
  FailureOr<Value> pack(Operation *user, Value weight, kn::PackedLayout layout) {
    return pack(user, ValueRange{weight}, layout);
  }

  static std::string debugString(Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return text;
  }

  //===-- ops -----------------------------------------------------------------------------------------------------===//

  void replace(Operation *op, ValueRange values) {
    op->replaceAllUsesWith(values);
    op->erase();
  }

  /// The rows x as a product with this weight of codes takes them, their columns in `order` where it is not null.
  Value quantized(Location loc, Value x, kn::PackedType weight, int64_t segment, Value order) {
    auto rows = cast<RankedTensorType>(x.getType());
    auto type = RankedTensorType::get({rows.getDimSize(0), kn::QuantizedRow(weight, segment).bytes}, b.getI8Type());
    kn::CodesType codes = weight.getCodes();
    llvm::APFloat none(0.0f);
    return kn::QuantizeOp::create(b, loc, TypeRange{type}, x, /*norm=*/Value(), order, ValueRange{}, segment,
                                  codes.getRowSums(), codes.getOffset(), /*epsilon=*/none, /*norm_offset=*/none)
        ->getResult(0);
  }

  /// The rows x as sums in f16 take them.
  Value halved(Location loc, Value x) {
    auto rows = cast<RankedTensorType>(x.getType());
    auto type = RankedTensorType::get({rows.getDimSize(0), kn::HalvedRow(rows.getDimSize(1)).columns}, b.getF16Type());
    llvm::APFloat none(0.0f);
    return kn::HalveOp::create(b, loc, TypeRange{type}, x, /*norm=*/Value(), ValueRange{}, /*epsilon=*/none,
                               /*norm_offset=*/none)
        ->getResult(0);
  }

  /// Where a weight is blocks whose columns were sorted, the blocks' values as they lie; `order` becomes the order that
  /// the columns of x then need. Only quantised rows are put in order; sums of floats keep the order of k.
  Value asItLies(Operation *user, Value weight, Value &order) {
    auto sort = weight.getDefiningOp<tr::WeightSortColumnsOp>();
    if (!quantizesActivations || !sort || !sort.getInverse())
      return weight;
    Value blocks = blocksOf(sort.getSource());
    if (!blocks || !kn::codesOf(cast<tr::BlockType>(cast<RankedTensorType>(blocks.getType()).getElementType())))
      return weight;
    int64_t k = cast<RankedTensorType>(weight.getType()).getDimSize(1);
    auto table = kn::PackedType::get(b.getContext(), kn::PackedLayout::table, 1, k, 1, b.getF32Type());
    order = kn::PackOp::create(b, user->getLoc(), table, sort.getKeys(), /*order=*/true, /*largest=*/FloatAttr());
    return sort.getSource();
  }

  /// A matmul whose epilogue `build` makes from the sums and extras. `order` is null, or the order of x's columns that
  /// the weight takes.
  Value matmul(Location loc, Type type, Value x, Value weight, ValueRange extras, Value order,
               llvm::function_ref<Value(OpBuilder &, ValueRange)> build) {
    auto packed = cast<kn::PackedType>(weight.getType());
    int64_t segment = 0;
    if (packed.getCodes() && quantizesActivations) {
      // The head's errors are the logits' own, and it sees few rows: it takes the finest segments.
      bool inLayers = !isa<func::FuncOp>(b.getInsertionBlock()->getParentOp());
      segment = inLayers ? packed.getCodes().segmentOf(packed.getK()) : kFinestSegment;
      x = quantized(loc, x, packed, segment, order);
    } else if (halves && packed.getElement().isF16()) {
      x = halved(loc, x);
    }
    auto op = kn::MatmulOp::create(b, loc, TypeRange{type}, x, weight, extras, ValueRange{}, segment);
    OpBuilder::InsertionGuard guard(b);
    Block &block = op.getEpilogue().emplaceBlock();
    unsigned count = cast<kn::PackedType>(weight.getType()).getStreams() + extras.size();
    for (unsigned i = 0; i < count; ++i)
      block.addArgument(b.getF32Type(), loc);
    b.setInsertionPointToStart(&block);
    kn::YieldOp::create(b, loc, build(b, block.getArguments()));
    return op->getResult(0);
  }

  /// An elementwise linalg op over `inputs`, which have one type.
  Value elementwise(Operation *op, ValueRange inputs, llvm::function_ref<Value(OpBuilder &, ValueRange)> build) {
    Location loc = op->getLoc();
    auto type = cast<RankedTensorType>(inputs[0].getType());
    SmallVector<Value> sizes;
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        sizes.push_back(tensor::DimOp::create(b, loc, inputs[0], i));
    Value empty = tensor::EmptyOp::create(b, loc, type, sizes);
    SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    return linalg::GenericOp::create(b, loc, TypeRange{type}, inputs, ValueRange{empty}, maps, iterators,
                                     [&](OpBuilder &inner, Location, ValueRange arguments) {
                                       linalg::YieldOp::create(inner, loc, build(inner, arguments.drop_back()));
                                     })
        ->getResult(0);
  }

  LogicalResult lower(tr::EmbeddingOp op) {
    auto table = pack(op, op.getTable(), kn::PackedLayout::panels);
    if (failed(table))
      return failure();
    auto rowsOf = [&](Value ids, Value table, float scale) {
      return kn::EmbedOp::create(b, op.getLoc(), TypeRange{op.getType()}, ids, table, ValueRange{},
                                 b.getF32FloatAttr(scale))
          ->getResult(0);
    };
    Value words =
        rowsOf(op.getTokens(), *table, op.getScale() ? static_cast<float>(op.getScale()->convertToDouble()) : 1.0f);
    if (!op.getPositionTable()) {
      replace(op, words);
      return success();
    }
    // Position p reads row p + offset: the rows before are never read, and not packed.
    Value places = op.getPositionTable();
    if (int64_t offset = op.getPositionOffset().value_or(0)) {
      auto type = cast<RankedTensorType>(places.getType());
      SmallVector<int64_t> sizes = {type.getDimSize(0) - offset, type.getDimSize(1)};
      if (sizes[0] < 1)
        return refuse(op, "a position table that ends before its first row");
      places = tr::WeightSliceOp::create(b, op.getLoc(), type.clone(sizes), places, b.getDenseI64ArrayAttr({offset, 0}),
                                         b.getDenseI64ArrayAttr(sizes));
    }
    auto positions = pack(op, places, kn::PackedLayout::panels);
    if (failed(positions))
      return failure();
    Value sum =
        elementwise(op, {words, rowsOf(op.getPositions(), *positions, 1.0f)}, [&](OpBuilder &inner, ValueRange v) {
          return Value(arith::AddFOp::create(inner, op.getLoc(), v[0], v[1]));
        });
    replace(op, sum);
    return success();
  }

  LogicalResult lower(tr::RMSNormOp op) {
    if (!op.getWeight())
      return refuse(op, "a norm without weight");
    auto weight = pack(op, op.getWeight(), kn::PackedLayout::table);
    if (failed(weight))
      return failure();
    double offset = op.getWeightOffset() ? op.getWeightOffset()->convertToDouble() : 0.0;
    auto norm = kn::RMSNormOp::create(b, op.getLoc(), TypeRange{op.getType()}, op.getInput(), *weight, ValueRange{},
                                      b.getF32FloatAttr(op.getEpsilon().convertToDouble()), b.getF32FloatAttr(offset));
    replace(op, norm->getResults());
    return success();
  }

  LogicalResult lower(tr::LayerNormOp op) {
    if (!op.getWeight())
      return refuse(op, "a norm without weight");
    auto weight = pack(op, op.getWeight(), kn::PackedLayout::table);
    FailureOr<Value> bias = op.getBias() ? pack(op, op.getBias(), kn::PackedLayout::table) : FailureOr<Value>(Value());
    if (failed(weight) || failed(bias))
      return failure();
    double offset = op.getWeightOffset() ? op.getWeightOffset()->convertToDouble() : 0.0;
    auto norm =
        kn::LayerNormOp::create(b, op.getLoc(), TypeRange{op.getType()}, op.getInput(), *weight, *bias, ValueRange{},
                                b.getF32FloatAttr(op.getEpsilon().convertToDouble()), b.getF32FloatAttr(offset));
    replace(op, norm->getResults());
    return success();
  }

  LogicalResult lower(tr::LinearOp op) {
    Value order;
    auto weight = pack(op, asItLies(op, op.getWeight(), order), kn::PackedLayout::panels);
    if (failed(weight))
      return failure();
    SmallVector<Value> extras;
    if (op.getBias()) {
      auto bias = pack(op, op.getBias(), kn::PackedLayout::table);
      if (failed(bias))
        return failure();
      extras.push_back(*bias);
    }
    Location loc = op.getLoc();
    Value result =
        matmul(loc, op.getType(), op.getInput(), *weight, extras, order, [&](OpBuilder &inner, ValueRange values) {
          return values.size() == 1 ? values[0] : Value(arith::AddFOp::create(inner, loc, values[0], values[1]));
        });
    replace(op, result);
    return success();
  }

  LogicalResult lower(tr::GatedLinearOp op) {
    if (op.getLimit() || op.getUpOffset())
      return refuse(op, "a gate with limit or offset");
    auto weight = pack(op, ValueRange{op.getGateWeight(), op.getUpWeight()}, kn::PackedLayout::panels);
    if (failed(weight))
      return failure();
    SmallVector<Value> extras;
    if (op.getGateBias())
      for (Value bias : {op.getGateBias(), op.getUpBias()}) {
        auto packed = pack(op, bias, kn::PackedLayout::table);
        if (failed(packed))
          return failure();
        extras.push_back(*packed);
      }
    Location loc = op.getLoc();
    Value result =
        matmul(loc, op.getType(), op.getInput(), *weight, extras, Value(), [&](OpBuilder &inner, ValueRange values) {
          Value gate = values[0], up = values[1];
          if (values.size() > 2) {
            gate = arith::AddFOp::create(inner, loc, gate, values[2]);
            up = arith::AddFOp::create(inner, loc, up, values[3]);
          }
          return Value(arith::MulFOp::create(inner, loc, activate(inner, loc, op.getActivation(), gate), up));
        });
    replace(op, result);
    return success();
  }

  LogicalResult lower(tr::SplitOp op) {
    SmallVector<Value> parts;
    int64_t offset = 0;
    for (auto [result, size] : llvm::zip(op.getResults(), op.getSizes())) {
      parts.push_back(kn::ColumnsOp::create(b, op.getLoc(), result.getType(), op.getInput(), offset));
      offset += size;
    }
    replace(op, parts);
    return success();
  }

  LogicalResult lower(tr::RopeOp op) {
    Location loc = op.getLoc();
    // The table is the same for all layers: it is made before the outermost loop over layers.
    Operation *outermost = op;
    while (!isa<func::FuncOp>(outermost->getParentOp()))
      outermost = outermost->getParentOp();
    if (Operation *source = op.getFrequencies().getDefiningOp();
        source && source->getBlock() != outermost->getBlock()) {
      if (!isa<tr::RopeFrequenciesOp>(source))
        return refuse(op, "frequencies made within a layer");
      source->moveBefore(outermost);
    }
    Value table;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(outermost);
      auto frequencies = pack(op, op.getFrequencies(), kn::PackedLayout::table);
      if (failed(frequencies))
        return failure();
      auto positions = cast<RankedTensorType>(op.getPositions().getType());
      auto type =
          RankedTensorType::get({positions.getDimSize(0), static_cast<int64_t>(op.getRotaryDim())}, b.getF32Type());
      double factor = op.getAttentionFactor() ? op.getAttentionFactor()->convertToDouble() : 1.0;
      table =
          kn::RopeTableOp::create(b, loc, TypeRange{type}, op.getPositions(), *frequencies, ValueRange{},
                                  b.getI64IntegerAttr(op.getOriginalContext().value_or(0)), b.getF32FloatAttr(factor))
              ->getResult(0);
    }
    auto style = op.getStyle() == tr::RopeStyle::Half ? kn::RopeStyle::half : kn::RopeStyle::interleaved;
    auto rope = kn::RopeOp::create(b, loc, TypeRange{op.getType()}, op.getInput(), table, ValueRange{}, op.getHeadDim(),
                                   op.getRotaryDim(), style);
    replace(op, rope->getResults());
    return success();
  }

  FailureOr<kn::PageAttr> page(Operation *op, tr::StateType state) {
    if (!state.isKVCache() || state.getLatent() || state.getValueDim() != state.getHeadDim())
      return refuse(op, "a state other than a full key-value cache with values as wide as keys");
    Type element = state.getElementType();
    auto blocks = dyn_cast<tr::BlockType>(element);
    bool known = blocks ? blocks.getFormat() == BlockFormatId::Q8 && blocks.getGroup() == state.getHeadDim()
                        : element.isF32() || element.isF16() || element.isBF16();
    if (!known)
      return refuse(op, "a cache of " + llvm::Twine(debugString(state.getElementType())));
    return kn::PageAttr::get(op->getContext(), pageTokens, state.getSlots(), state.getHeads(), state.getHeadDim(),
                             state.getElementType());
  }

  LogicalResult lower(tr::CacheUpdateOp op) {
    auto layout = page(op, op.getState().getType());
    if (failed(layout))
      return failure();
    auto update =
        kn::CacheUpdateOp::create(b, op.getLoc(), TypeRange{op.getResult().getType()}, op.getState(), op.getSlot(),
                                  op.getKeys(), op.getValues(), op.getPositions(), op.getSequences(), *layout);
    replace(op, update->getResults());
    return success();
  }

  LogicalResult lower(tr::AttentionOp op) {
    if (!op.getState())
      return refuse(op, "given keys and values");
    if (!op.getCausal() || op.getLengths() || op.getWindowAfter())
      return refuse(op, "attention that is not causal");
    if (op.getWindowSize())
      return refuse(op, "a window that differs within a layer class");
    if (op.getMask() || op.getBias() || op.getRelativeBias() || op.getAlibiSlopes() || op.getSinks())
      return refuse(op, "masks, biases, ALiBi or sinks");
    auto layout = page(op, cast<tr::StateType>(op.getState().getType()));
    if (failed(layout))
      return failure();
    double cap = op.getSoftCap() ? op.getSoftCap()->convertToDouble() : 0.0;
    auto attention = kn::AttentionOp::create(
        b, op.getLoc(), TypeRange{op.getType()}, op.getQuery(), op.getState(), op.getSlot(), op.getPositions(),
        op.getSequences(), /*scratch=*/ValueRange{}, /*outs=*/ValueRange{}, b.getI64IntegerAttr(op.getNumHeads()),
        b.getF32FloatAttr(op.getScale().convertToDouble()), b.getI64IntegerAttr(op.getWindow().value_or(0)),
        b.getF32FloatAttr(cap), *layout);
    replace(op, attention->getResults());
    return success();
  }

  LogicalResult lower(tr::GatherRowsOp op) {
    auto gather =
        kn::GatherRowsOp::create(b, op.getLoc(), TypeRange{op.getType()}, op.getInput(), op.getRows(), ValueRange{});
    replace(op, gather->getResults());
    return success();
  }

  LogicalResult lower(tr::AddOp op) {
    replace(op, elementwise(op, {op.getLhs(), op.getRhs()}, [&](OpBuilder &inner, ValueRange v) {
              return Value(arith::AddFOp::create(inner, op.getLoc(), v[0], v[1]));
            }));
    return success();
  }
  LogicalResult lower(tr::MulOp op) {
    if (op.getLhs().getType() != op.getRhs().getType())
      return refuse(op, "one factor for each token");
    replace(op, elementwise(op, {op.getLhs(), op.getRhs()}, [&](OpBuilder &inner, ValueRange v) {
              return Value(arith::MulFOp::create(inner, op.getLoc(), v[0], v[1]));
            }));
    return success();
  }
  LogicalResult lower(tr::ScaleOp op) {
    replace(op, elementwise(op, op.getInput(), [&](OpBuilder &inner, ValueRange v) {
              Value factor = scalar(inner, op.getLoc(), op.getValue().convertToDouble());
              return Value(arith::MulFOp::create(inner, op.getLoc(), v[0], factor));
            }));
    return success();
  }
  LogicalResult lower(tr::SoftCapOp op) {
    replace(op, elementwise(op, op.getInput(), [&](OpBuilder &inner, ValueRange v) {
              Value cap = scalar(inner, op.getLoc(), op.getCap().convertToDouble());
              Value t = math::TanhOp::create(inner, op.getLoc(), arith::DivFOp::create(inner, op.getLoc(), v[0], cap));
              return Value(arith::MulFOp::create(inner, op.getLoc(), cap, t));
            }));
    return success();
  }
  LogicalResult lower(tr::ActivationOp op) {
    replace(op, elementwise(op, op.getInput(), [&](OpBuilder &inner, ValueRange v) {
              return activate(inner, op.getLoc(), op.getActivation(), v[0]);
            }));
    return success();
  }
  LogicalResult lower(tr::GatedOp op) {
    if (op.getLimit() || op.getUpOffset())
      return refuse(op, "a gate with limit or offset");
    replace(op, elementwise(op, {op.getGate(), op.getUp()}, [&](OpBuilder &inner, ValueRange v) {
              Value gate = activate(inner, op.getLoc(), op.getActivation(), v[0]);
              return Value(arith::MulFOp::create(inner, op.getLoc(), gate, v[1]));
            }));
    return success();
  }

  LogicalResult lower(tr::LayersOp op) {
    if (op.getNumTables() > 0)
      return refuse(op, "tables of facts that differ from layer to layer");
    for (int64_t i = 0; i < op.getNumClasses(); ++i)
      if (failed(lowerBlock(op.getBody(i))))
        return failure();
    b.setInsertionPoint(op); // lowering the bodies moved it
    auto layers = kn::LayersOp::create(b, op.getLoc(), op->getResultTypes(), op.getInits(), op.getClassesAttr(),
                                       op.getSlotsAttr(), op.getNumClasses());
    for (auto [from, to] : llvm::zip(op.getBodies(), layers.getBodies())) {
      to.takeBody(from);
      to.front().insertArgument(1u, b.getIndexType(), op.getLoc());
      Operation *yield = to.front().getTerminator();
      OpBuilder inner(yield);
      kn::YieldOp::create(inner, yield->getLoc(), yield->getOperands());
      yield->erase();
    }
    replace(op, layers.getResults());
    return success();
  }

  LogicalResult lowerBlock(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      b.setInsertionPoint(&op);
      LogicalResult result =
          llvm::TypeSwitch<Operation *, LogicalResult>(&op)
              .Case<tr::EmbeddingOp, tr::RMSNormOp, tr::LayerNormOp, tr::LinearOp, tr::GatedLinearOp, tr::SplitOp,
                    tr::RopeOp, tr::CacheUpdateOp, tr::AttentionOp, tr::GatherRowsOp, tr::AddOp, tr::MulOp, tr::ScaleOp,
                    tr::SoftCapOp, tr::ActivationOp, tr::GatedOp, tr::LayersOp>(
                  [&](auto typed) { return lower(typed); })
              .Default([&](Operation *other) -> LogicalResult {
                bool weightOp = other->getName().getStringRef().starts_with("transformer.weight");
                if (isa<tr::TransformerDialect>(other->getDialect()) && !weightOp && !isa<tr::YieldOp>(other))
                  return other->emitOpError() << "has no lowering";
                return success();
              });
      if (failed(result))
        return failure();
    }
    return success();
  }
};

struct LowerToKernel : llmc::impl::LowerToKernelPassBase<LowerToKernel> {
  using LowerToKernelPassBase::LowerToKernelPassBase;

  void runOnOperation() override {
    if (pageTokens < 64 || pageTokens % 64 != 0) {
      getOperation().emitError() << "page-tokens is a multiple of 64, found " << pageTokens.getValue();
      return signalPassFailure();
    }
    if (sums != "f32" && sums != "f16") {
      getOperation().emitError() << "sums are made in f32 or f16, found '" << sums << "'";
      return signalPassFailure();
    }
    if (activations != "q8" && activations != "f32") {
      getOperation().emitError() << "activations are f32 or q8, found '" << activations << "'";
      return signalPassFailure();
    }
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isDeclaration() || !func->hasAttr(tr::TransformerDialect::kEntryAttrName))
        continue;
      Lowering lowering(&getContext(), pageTokens, activations == "q8", sums == "f16");
      if (failed(lowering.lowerBlock(func.getBody().front())))
        return signalPassFailure();
    }
  }
};

} // namespace
