// Interpreter.cpp - from ops to the reference semantics.
//
// The semantics themselves are in the *Semantics files, which know no MLIR.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Reference/Interpreter.h"
#include "dialects/Transformer/Reference/AttentionSemantics.h"
#include "dialects/Transformer/Reference/DenseSemantics.h"
#include "dialects/Transformer/Reference/WeightSemantics.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::reference;
namespace tf = llmc::transformer;

static Precision precisionOf(Type element) {
  return element.isF16() ? Precision::F16 : element.isBF16() ? Precision::BF16 : Precision::F32;
}

static Stored::Element elementOf(Type element) {
  if (isa<tf::BlockType>(element))
    return Stored::Element::Block;
  if (element.isF64())
    return Stored::Element::F64;
  if (element.isF32())
    return Stored::Element::F32;
  if (element.isF16())
    return Stored::Element::F16;
  if (element.isBF16())
    return Stored::Element::BF16;
  return Stored::Element::Opaque;
}

static reference::Activation activationOf(tf::Activation activation) {
  static_assert(static_cast<int>(tf::Activation::Tanh) == static_cast<int>(reference::Activation::Tanh),
                "the plain enum follows the dialect's");
  return static_cast<reference::Activation>(activation);
}

static std::optional<double> toDouble(std::optional<APFloat> value) {
  return value ? std::optional<double>(value->convertToDouble()) : std::nullopt;
}

/// An empty weight of that type.
static Stored emptyWeight(RankedTensorType type) {
  if (auto block = dyn_cast<tf::BlockType>(type.getElementType()))
    return makeBlocks(block.getFormat(), block.getGroup(), type.getShape().vec());
  int64_t bits = type.getElementType().isIntOrFloat() ? type.getElementType().getIntOrFloatBitWidth() : 8;
  return makeStored(elementOf(type.getElementType()), type.getShape().vec(), llvm::divideCeil(bits, 8));
}

Stored reference::makeWeight(RankedTensorType type, ArrayRef<uint8_t> bytes) {
  Stored weight = emptyWeight(type);
  assert(weight.bytes.size() == bytes.size());
  weight.bytes.assign(bytes.begin(), bytes.end());
  return weight;
}

std::shared_ptr<State> reference::makeState(tf::StateType type) {
  auto state = std::make_shared<State>();
  state->slots = type.getSlots();
  state->heads = type.getHeads();
  state->headDim = type.getHeadDim();
  state->valueDim = type.getValueDim();
  state->latent = type.getLatent();
  if (auto block = dyn_cast<tf::BlockType>(type.getElementType())) {
    state->blocks = true;
    state->format = block.getFormat();
    state->group = block.getGroup();
  } else {
    state->precision = precisionOf(type.getElementType());
  }
  return state;
}

namespace llmc::reference {

/// One run of a function: the environment, and a method for each op.
class OpInterpreter {
public:
  explicit OpInterpreter(Interpreter &parent) : parent(parent) {}

  LogicalResult runBlock(Block &block, SmallVectorImpl<RuntimeValue> &results);
  void bind(Value value, RuntimeValue runtime) {
    environment[value] = std::make_shared<RuntimeValue>(std::move(runtime));
  }

private:
  const RuntimeValue &lookup(Value value) { return *environment.at(value); }
  Floats floats(Value value) {
    const RuntimeValue &runtime = lookup(value);
    if (const auto *stored = std::get_if<Stored>(&runtime))
      return toFloats(*stored);
    return std::get<Floats>(runtime);
  }
  std::optional<Floats> optionalFloats(Value value) { return value ? std::optional(floats(value)) : std::nullopt; }
  Stored stored(Value value) {
    const RuntimeValue &runtime = lookup(value);
    if (const auto *values = std::get_if<Floats>(&runtime))
      return toStored(*values);
    return std::get<Stored>(runtime);
  }
  const Integers &integers(Value value) { return std::get<Integers>(lookup(value)); }
  const Integers *optionalIntegers(Value value) { return value ? &integers(value) : nullptr; }
  int64_t index(Value value) { return std::get<int64_t>(lookup(value)); }
  const std::shared_ptr<State> &state(Value value) { return std::get<std::shared_ptr<State>>(lookup(value)); }

  LogicalResult runOp(Operation *op);
  LogicalResult runConstant(arith::ConstantOp op);
  FailureOr<RuntimeValue> runWeightOp(Operation *op);
  FailureOr<RuntimeValue> readWeight(tf::WeightOp op);
  LogicalResult runLayers(tf::LayersOp op);
  LogicalResult runEmbedding(tf::EmbeddingOp op);
  LogicalResult runAttention(tf::AttentionOp op);
  LogicalResult runDense(Operation *op);

  /// An error unless 0 <= every value < limit.
  LogicalResult checkRange(Operation *op, StringRef what, const Integers &values, int64_t limit, int64_t offset = 0);

  Interpreter &parent;
  llvm::DenseMap<Value, std::shared_ptr<RuntimeValue>> environment;
  int64_t layerInClass = 0;
  int64_t layer = -1, layersRun = 0; ///< for the observer
};

} // namespace llmc::reference

LogicalResult OpInterpreter::checkRange(Operation *op, StringRef what, const Integers &values, int64_t limit,
                                        int64_t offset) {
  for (int32_t value : values.values)
    if (value + offset < 0 || value + offset >= limit)
      return op->emitError() << what << " " << value + offset << " is outside 0 to " << limit - 1;
  return success();
}

LogicalResult OpInterpreter::runBlock(Block &block, SmallVectorImpl<RuntimeValue> &results) {
  for (Operation &op : block.without_terminator()) {
    if (failed(runOp(&op)))
      return failure();
    if (!parent.observer || op.getName().getStringRef().starts_with("transformer.weight"))
      continue;
    for (Value result : op.getResults())
      parent.observer(result, layer, lookup(result));
  }
  for (Value operand : block.getTerminator()->getOperands())
    results.push_back(lookup(operand));
  return success();
}

LogicalResult OpInterpreter::runOp(Operation *op) {
  // A value of weights alone is computed once for each layer.
  bool isWeightOp = op->getName().getStringRef().starts_with("transformer.weight");
  if (isWeightOp) {
    std::shared_ptr<RuntimeValue> &cached = parent.cachedWeights[{op->getResult(0), layerInClass}];
    if (!cached) {
      FailureOr<RuntimeValue> value = runWeightOp(op);
      if (failed(value))
        return failure();
      cached = std::make_shared<RuntimeValue>(std::move(*value));
    }
    environment[op->getResult(0)] = cached;
    return success();
  }
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](arith::ConstantOp constant) { return runConstant(constant); })
      .Case([&](tf::LayersOp layers) { return runLayers(layers); })
      .Case([&](tf::EmbeddingOp embedding) { return runEmbedding(embedding); })
      .Case([&](tf::AttentionOp attention) { return runAttention(attention); })
      .Case([&](tf::CacheUpdateOp update) {
        const std::shared_ptr<State> &cache = state(update.getState());
        const Integers &positions = integers(update.getPositions());
        // A position is an index into memory that grows on demand, so it must be plausible.
        if (failed(checkRange(op, "position", positions, int64_t(1) << 24)))
          return failure();
        std::optional<Floats> values = optionalFloats(update.getValues());
        cacheUpdate(*cache, index(update.getSlot()), floats(update.getKeys()), values ? &*values : nullptr, positions,
                    integers(update.getSequences()));
        bind(update.getResult(), cache);
        return success();
      })
      .Default([&](Operation *) { return runDense(op); });
}

LogicalResult OpInterpreter::runConstant(arith::ConstantOp op) {
  if (auto number = dyn_cast<IntegerAttr>(op.getValue())) {
    bind(op, number.getInt());
    return success();
  }
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!elements || !type)
    return op.emitError("the reference has no such constants");
  if (isa<FloatType>(type.getElementType())) {
    Floats values(type.getShape().vec(), precisionOf(type.getElementType()));
    for (auto [into, value] : llvm::zip_equal(values.values, elements.getValues<APFloat>())) {
      APFloat number = value;
      bool lost;
      number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
      into = number.convertToFloat();
    }
    bind(op, std::move(values));
    return success();
  }
  Integers values{type.getShape().vec(), {}};
  for (const APInt &value : elements.getValues<APInt>())
    values.values.push_back(
        static_cast<int32_t>(value.getBitWidth() == 1 ? value.getZExtValue() : value.getSExtValue()));
  bind(op, std::move(values));
  return success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

FailureOr<RuntimeValue> OpInterpreter::readWeight(tf::WeightOp op) {
  StringRef key = op.getKey(layerInClass);
  std::optional<CheckpointTensor> found = parent.weights ? parent.weights(key) : std::nullopt;
  if (!found)
    return op.emitError() << "the checkpoint has no tensor '" << key << "'";
  auto type = cast<RankedTensorType>(op.getType());
  if (found->type != type)
    return op.emitError() << "tensor '" << key << "' is " << found->type << ", expected " << type;
  if (found->bytes.size() != emptyWeight(type).bytes.size())
    return op.emitError() << "tensor '" << key << "' has " << found->bytes.size() << " bytes, expected "
                          << emptyWeight(type).bytes.size();
  return RuntimeValue(makeWeight(type, found->bytes));
}

FailureOr<RuntimeValue> OpInterpreter::runWeightOp(Operation *op) {
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  Stored::Element element = elementOf(resultType.getElementType());
  return llvm::TypeSwitch<Operation *, FailureOr<RuntimeValue>>(op)
      .Case([&](tf::WeightOp weight) { return readWeight(weight); })
      .Case([&](tf::WeightSliceOp slice) {
        return RuntimeValue(
            reference::slice(stored(slice.getSource()), slice.getOffsets().vec(), slice.getSizes().vec()));
      })
      .Case([&](tf::WeightConcatOp concat) {
        std::vector<Stored> sources;
        for (Value source : concat.getSources())
          sources.push_back(stored(source));
        std::vector<const Stored *> pointers;
        for (const Stored &source : sources)
          pointers.push_back(&source);
        return RuntimeValue(reference::concat(pointers, concat.getAxis()));
      })
      .Case([&](tf::WeightPermuteOp permute) {
        return RuntimeValue(reference::permute(stored(permute.getSource()), permute.getView().vec(),
                                               permute.getOrder().vec(), resultType.getShape().vec()));
      })
      .Case([&](tf::WeightConvertOp convert) -> FailureOr<RuntimeValue> {
        if (element == Stored::Element::Opaque || stored(convert.getSource()).element == Stored::Element::Opaque)
          return op->emitError("the reference has no arithmetic on this element type");
        return RuntimeValue(reference::convert(stored(convert.getSource()), element));
      })
      .Case([&](tf::WeightAffineOp affine) {
        return RuntimeValue(reference::affine(stored(affine.getSource()), affine.getScale().convertToDouble(),
                                              affine.getOffset().convertToDouble()));
      })
      .Case([&](tf::WeightDecodeOp decode) {
        return RuntimeValue(reference::decode(stored(decode.getSource()), element));
      })
      .Case([&](tf::WeightQuantizeOp quantize) {
        auto block = cast<tf::BlockType>(resultType.getElementType());
        std::optional<Stored> statistics;
        if (quantize.getStatistics())
          statistics = stored(quantize.getStatistics());
        return RuntimeValue(reference::quantize(stored(quantize.getSource()), block.getFormat(), block.getGroup(),
                                                statistics ? &*statistics : nullptr));
      })
      .Case([&](tf::WeightUnpackOp unpack) {
        return RuntimeValue(reference::unpack(stored(unpack.getSource()), unpack.getBits(), unpack.getAxis(),
                                              unpack.getOrder().value_or(ArrayRef<int64_t>()).vec(),
                                              unpack.getPlus().value_or(0), unpack.getFlip().value_or(0),
                                              resultType.getShape().vec()));
      })
      .Case([&](tf::WeightSortColumnsOp sort) {
        return RuntimeValue(
            reference::sortColumns(stored(sort.getSource()), stored(sort.getKeys()), sort.getInverse()));
      })
      .Case([&](tf::WeightBlocksOp blocks) {
        auto block = cast<tf::BlockType>(resultType.getElementType());
        std::optional<Stored> zeros;
        if (blocks.getZeros())
          zeros = stored(blocks.getZeros());
        return RuntimeValue(reference::blocks(stored(blocks.getCodes()), stored(blocks.getScales()),
                                              blocks.getTile().vec(), zeros ? &*zeros : nullptr,
                                              blocks.getZero().value_or(0), block.getFormat(), block.getGroup()));
      })
      .Case([&](tf::WeightPackOp pack) {
        return RuntimeValue(reference::pack(stored(pack.getSource()), pack.getRows(), pack.getGroup()));
      })
      .Case([&](tf::RopeFrequenciesOp frequencies) {
        return RuntimeValue(reference::ropeFrequencies(frequencies.getSpec()));
      })
      .Default([&](Operation *) -> FailureOr<RuntimeValue> {
        return op->emitError("the reference has no semantics of this op");
      });
}

//===----------------------------------------------------------------------===//
// Ops that need more than their operands
//===----------------------------------------------------------------------===//

LogicalResult OpInterpreter::runLayers(tf::LayersOp op) {
  SmallVector<RuntimeValue> values;
  for (Value init : op.getInits())
    values.push_back(lookup(init));
  SmallVector<int64_t> done(op.getNumClasses());
  int64_t outer = layerInClass;
  for (auto [number, layerClass] : llvm::enumerate(op.getClasses())) {
    layerInClass = done[layerClass]++;
    layer = layersRun++;
    Block &body = op.getBody(layerClass);
    bind(body.getArgument(0), op.getSlots()[number]);
    for (int64_t table = 0; table < op.getNumTables(); ++table)
      bind(body.getArgument(1 + table), cast<DenseI64ArrayAttr>((*op.getTables())[table])[number]);
    for (auto [argument, value] : llvm::zip_equal(op.getIterArguments(layerClass), values))
      bind(argument, value);
    SmallVector<RuntimeValue> next;
    if (failed(runBlock(body, next)))
      return failure();
    values = std::move(next);
  }
  layerInClass = outer;
  layer = -1;
  for (auto [result, value] : llvm::zip_equal(op.getResults(), values))
    bind(result, value);
  return success();
}

LogicalResult OpInterpreter::runEmbedding(tf::EmbeddingOp op) {
  Floats table = floats(op.getTable());
  const Integers &tokens = integers(op.getTokens());
  if (failed(checkRange(op, "token", tokens, table.rows())))
    return failure();
  EmbeddingFacts facts;
  facts.scale = toDouble(op.getScale());
  facts.positionOffset = op.getPositionOffset().value_or(0);
  std::optional<Floats> positionTable = optionalFloats(op.getPositionTable());
  if (positionTable) {
    facts.positions = &integers(op.getPositions());
    facts.positionTable = &*positionTable;
    if (failed(checkRange(op, "position", *facts.positions, positionTable->rows(), facts.positionOffset)))
      return failure();
  }
  bind(op.getResult(), embedding(tokens, table, facts));
  return success();
}

LogicalResult OpInterpreter::runAttention(tf::AttentionOp op) {
  AttentionFacts facts;
  facts.numHeads = op.getNumHeads();
  facts.numKvHeads = op.getNumKvHeads();
  facts.headDim = op.getHeadDim();
  facts.valueDim = op.getValueWidth();
  facts.scale = op.getScale().convertToDouble();
  facts.causal = op.getCausal();
  facts.window = op.getWindowSize() ? index(op.getWindowSize()) : op.getWindow().value_or(0);
  facts.windowAfter = op.getWindowAfter().value_or(0);
  facts.softCap = toDouble(op.getSoftCap());
  if (op.getAlibiSlopesAttr())
    facts.alibiSlopes = op.getAlibiSlopesAttr().asArrayRef().vec();
  facts.relativeMaxDistance = op.getRelativeMaxDistance().value_or(0);
  std::shared_ptr<State> cache;
  if (op.getState()) {
    cache = state(op.getState());
    facts.state = cache.get();
    facts.slot = index(op.getSlot());
  }
  std::optional<Floats> keys = optionalFloats(op.getKeys()), values = optionalFloats(op.getValues()),
                        bias = optionalFloats(op.getBias()), relativeBias = optionalFloats(op.getRelativeBias()),
                        sinks = optionalFloats(op.getSinks());
  facts.keys = keys ? &*keys : nullptr;
  facts.values = values ? &*values : nullptr;
  facts.bias = bias ? &*bias : nullptr;
  facts.relativeBias = relativeBias ? &*relativeBias : nullptr;
  facts.sinks = sinks ? &*sinks : nullptr;
  facts.keyPositions = optionalIntegers(op.getKeyPositions());
  facts.keySequences = optionalIntegers(op.getKeySequences());
  facts.lengths = optionalIntegers(op.getLengths());
  facts.mask = optionalIntegers(op.getMask());
  if (facts.lengths && failed(checkRange(op, "sequence", integers(op.getSequences()), facts.lengths->values.size())))
    return failure();
  bind(op.getResult(),
       attention(facts, floats(op.getQuery()), integers(op.getPositions()), integers(op.getSequences())));
  return success();
}

LogicalResult OpInterpreter::runDense(Operation *op) {
  auto normFacts = [&](auto norm, const std::optional<Floats> &weight) {
    NormFacts facts;
    facts.weight = weight ? &*weight : nullptr;
    facts.epsilon = norm.getEpsilon().convertToDouble();
    facts.groupSize = norm.getGroupSize().value_or(0);
    facts.weightOffset = toDouble(norm.getWeightOffset()).value_or(0);
    facts.roundBeforeWeight = norm.getRounding() == tf::NormRounding::BeforeWeight;
    return facts;
  };
  auto gateFacts = [&](auto gated) {
    GateFacts facts;
    facts.activation = activationOf(gated.getActivation());
    facts.limit = toDouble(gated.getLimit());
    facts.upOffset = toDouble(gated.getUpOffset()).value_or(0);
    return facts;
  };
  auto product = [&](Value input, Value weight, Value bias) {
    std::optional<Floats> biasValues = optionalFloats(bias);
    return linear(floats(input), floats(weight), biasValues ? &*biasValues : nullptr);
  };
  auto done = [&](Value result, RuntimeValue value) {
    bind(result, std::move(value));
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tf::LinearOp o) { return done(o.getResult(), product(o.getInput(), o.getWeight(), o.getBias())); })
      .Case([&](tf::GatedLinearOp o) {
        return done(o.getResult(), gated(gateFacts(o), product(o.getInput(), o.getGateWeight(), o.getGateBias()),
                                         product(o.getInput(), o.getUpWeight(), o.getUpBias())));
      })
      .Case([&](tf::RMSNormOp o) {
        std::optional<Floats> weight = optionalFloats(o.getWeight());
        return done(o.getResult(), rmsNorm(floats(o.getInput()), normFacts(o, weight)));
      })
      .Case([&](tf::LayerNormOp o) {
        std::optional<Floats> weight = optionalFloats(o.getWeight()), bias = optionalFloats(o.getBias());
        NormFacts facts = normFacts(o, weight);
        facts.bias = bias ? &*bias : nullptr;
        return done(o.getResult(), layerNorm(floats(o.getInput()), facts));
      })
      .Case([&](tf::RopeOp o) {
        RopeFacts facts;
        facts.interleaved = o.getStyle() == tf::RopeStyle::Interleaved;
        facts.headDim = o.getHeadDim();
        facts.rotaryDim = o.getRotaryDim();
        facts.originalContext = o.getOriginalContext().value_or(0);
        facts.attentionFactor = toDouble(o.getAttentionFactor()).value_or(1);
        return done(o.getResult(),
                    rope(facts, floats(o.getInput()), integers(o.getPositions()), floats(o.getFrequencies())));
      })
      .Case([&](tf::SplitOp o) {
        Floats input = floats(o.getInput());
        int64_t start = 0;
        for (auto [result, size] : llvm::zip_equal(o.getResults(), o.getSizes())) {
          bind(result, columns(input, start, size));
          start += size;
        }
        return success();
      })
      .Case([&](tf::ConcatOp o) {
        std::vector<Floats> inputs;
        for (Value input : o.getInputs())
          inputs.push_back(floats(input));
        std::vector<const Floats *> pointers;
        for (const Floats &input : inputs)
          pointers.push_back(&input);
        return done(o.getResult(), joinColumns(pointers));
      })
      .Case([&](tf::GatherRowsOp o) -> LogicalResult {
        Floats input = floats(o.getInput());
        if (failed(checkRange(op, "row", integers(o.getRows()), input.rows())))
          return failure();
        return done(o.getResult(), gatherRows(input, integers(o.getRows())));
      })
      .Case([&](tf::AddOp o) { return done(o.getResult(), add(floats(o.getLhs()), floats(o.getRhs()))); })
      .Case([&](tf::MulOp o) { return done(o.getResult(), mul(floats(o.getLhs()), floats(o.getRhs()))); })
      .Case([&](tf::ScaleOp o) {
        return done(o.getResult(), reference::scale(floats(o.getInput()), o.getValue().convertToDouble()));
      })
      .Case([&](tf::SoftCapOp o) {
        return done(o.getResult(), softCap(floats(o.getInput()), o.getCap().convertToDouble()));
      })
      .Case([&](tf::ActivationOp o) {
        return done(o.getResult(), activation(activationOf(o.getActivation()), floats(o.getInput())));
      })
      .Case([&](tf::GatedOp o) {
        return done(o.getResult(), gated(gateFacts(o), floats(o.getGate()), floats(o.getUp())));
      })
      .Default([&](Operation *) { return op->emitError("the reference has no semantics of this op"); });
}

FailureOr<SmallVector<RuntimeValue>> Interpreter::run(func::FuncOp function, ArrayRef<RuntimeValue> inputs) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return function.emitError("the reference runs functions of one block");
  if (inputs.size() != function.getNumArguments())
    return function.emitError() << "takes " << function.getNumArguments() << " inputs, found " << inputs.size();
  OpInterpreter interpreter(*this);
  for (auto [argument, value] : llvm::zip_equal(function.getArguments(), inputs))
    interpreter.bind(argument, value);
  SmallVector<RuntimeValue> results;
  if (failed(interpreter.runBlock(function.getBody().front(), results)))
    return failure();
  return results;
}
