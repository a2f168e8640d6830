// GraphContractions.cpp - sums of products on buffers become contractions, with what follows as their epilogue.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/GraphSizes.h"
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/SetVector.h"

namespace llmc {
#define GEN_PASS_DEF_GRAPHCONTRACTIONSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using graph::rootOf;

namespace {

/// Steps of all reduction loops but the first that are packed at a time, at most.
constexpr int64_t kMostInnerSteps = 1024;

/// Whether a buffer is all of its root, in another shape perhaps.
bool isWhole(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (isa<memref::AllocOp>(op))
      return true;
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(op))
      return false;
    buffer = op->getOperand(0);
  }
  return true;
}

/// The ops of the entry that read or write a root, in order.
SmallVector<Operation *> usersOf(Block &entry, Value root) {
  llvm::SetVector<Operation *> all;
  SmallVector<Value> values = {root};
  for (size_t i = 0; i < values.size(); ++i)
    for (Operation *user : values[i].getUsers()) {
      if (isa<ViewLikeOpInterface>(user)) {
        llvm::append_range(values, user->getResults());
        if (user->getBlock() == &entry)
          continue;
      }
      all.insert(entry.findAncestorOpInBlock(*user));
    }
  SmallVector<Operation *> sorted(all.begin(), all.end());
  llvm::sort(sorted, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return sorted;
}

bool isF32(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  return type && type.getElementType().isF32();
}

/// out + x * y, of the op's two inputs.
bool addsProducts(linalg::GenericOp op) {
  Block &body = *op.getBody();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || body.getOperations().size() != 2)
    return false;
  auto product = dyn_cast<math::FmaOp>(body.front());
  if (!product || body.getTerminator()->getOperand(0) != product.getResult() || product.getC() != body.getArgument(2))
    return false;
  Value x = body.getArgument(0), y = body.getArgument(1);
  return (product.getA() == x && product.getB() == y) || (product.getA() == y && product.getB() == x);
}

/// An elementwise op whose body computes f32 of f32 and of constants, on any number of them at once.
bool isElementwise(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 || !llvm::all_of(op->getOperands(), isF32) ||
      !op.getBody()->getArgument(op.getNumDpsInputs()).use_empty())
    return false;
  for (Operation &inner : op.getBody()->without_terminator()) {
    bool plain = inner.getNumRegions() == 0 && OpTrait::hasElementwiseMappableTraits(&inner);
    for (Type type : llvm::concat<const Type>(SmallVector<Type>(inner.getResultTypes()),
                                              SmallVector<Type>(inner.getOperandTypes())))
      plain &= type.isF32() || type.isInteger(1);
    if (!plain && !isa<arith::ConstantOp>(inner))
      return false;
  }
  return llvm::all_of(op.getBody()->getOperations(), [&](Operation &inner) {
    return llvm::all_of(inner.getOperands(), [&](Value value) {
      return value.getParentBlock() == op.getBody() || matchPattern(value, m_Constant());
    });
  });
}

struct GraphContractions : llmc::impl::GraphContractionsPassBase<GraphContractions> {
  /// The fill that sets the op's sums to 0, or null.
  linalg::FillOp startOf(linalg::GenericOp op, ArrayRef<Operation *> users) {
    auto at = llvm::find(users, op.getOperation());
    auto fill = at == users.begin() ? linalg::FillOp() : dyn_cast<linalg::FillOp>(*std::prev(at));
    if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || !isWhole(fill.getOutputs()[0]))
      return {};
    return matchPattern(fill.getInputs()[0], m_NegZeroFloat()) ? linalg::FillOp() : fill;
  }

  /// The elementwise op that alone reads the sums, and may be computed where they are; else null.
  linalg::GenericOp epilogueOf(linalg::GenericOp op, ArrayRef<Operation *> users) {
    Value sums = op.getDpsInits()[0];
    auto at = std::next(llvm::find(users, op.getOperation()));
    if (at == users.end() || std::next(at) != users.end() || !rootOf(sums).getDefiningOp<memref::AllocOp>())
      return {};
    auto next = dyn_cast<linalg::GenericOp>(*at);
    if (!next || !isElementwise(next))
      return {};
    // They are read once, as they are; a dimension of one place more or less is no matter.
    Value read;
    for (Value operand : next->getOperands()) {
      if (rootOf(operand) != rootOf(sums))
        continue;
      if (read || !isWhole(operand))
        return {};
      read = operand;
    }
    if (read != sums && (sizesOf(read) != sizesOf(sums) || llvm::is_contained(sizesOf(sums), ShapedType::kDynamic)))
      return {};
    // Nothing that it reads or that the sums are made of may change in between.
    for (Value input : op.getDpsInputs())
      for (Operation *user : usersOf(*op->getBlock(), rootOf(input)))
        if (op->isBeforeInBlock(user) && user->isBeforeInBlock(next) && writes(user, rootOf(input)))
          return {};
    for (Value input : next.getDpsInputs())
      if (rootOf(input) == rootOf(next.getDpsInits()[0]))
        return {};
    return rootOf(next.getDpsInits()[0]) == rootOf(sums) ||
                   llvm::is_contained({rootOf(op.getDpsInputs()[0]), rootOf(op.getDpsInputs()[1])},
                                      rootOf(next.getDpsInits()[0]))
               ? linalg::GenericOp()
               : next;
  }
  static bool writes(Operation *user, Value root) {
    bool result = false;
    user->walk([&](Operation *inner) {
      auto effects = dyn_cast<MemoryEffectOpInterface>(inner);
      if (!effects)
        return;
      for (Value operand : inner->getOperands()) {
        SmallVector<MemoryEffects::EffectInstance> list;
        if (!isa<MemRefType>(operand.getType()) || rootOf(operand) != root)
          continue;
        effects.getEffectsOnValue(operand, list);
        result |= llvm::any_of(list, [](auto &effect) { return isa<MemoryEffects::Write>(effect.getEffect()); });
      }
    });
    return result;
  }

  /// What a contraction will be made of.
  struct Parts {
    SmallVector<Value> buffers; ///< a, b, extras, out
    SmallVector<AffineMap> maps;
    linalg::GenericOp epilogue;
    unsigned sumAt = 0; ///< the epilogue's input that is the sums
  };

  /// Maps of `op`, its parallel loops first.
  static SmallVector<AffineMap> orderedMaps(linalg::GenericOp op) {
    SmallVector<AffineExpr> places(op.getNumLoops());
    unsigned next = 0;
    for (auto wanted : {utils::IteratorType::parallel, utils::IteratorType::reduction})
      for (auto [i, kind] : llvm::enumerate(op.getIteratorTypesArray()))
        if (kind == wanted)
          places[i] = getAffineDimExpr(next++, op.getContext());
    SmallVector<AffineMap> maps;
    for (AffineMap map : op.getIndexingMapsArray())
      maps.push_back(map.replaceDimsAndSymbols(places, {}, op.getNumLoops(), 0));
    return maps;
  }

  /// Where an access goes in the dimensions of more than one place.
  static SmallVector<AffineExpr> placesOf(Value buffer, AffineMap map) {
    SmallVector<AffineExpr> places;
    for (auto [size, expr] : llvm::zip(cast<MemRefType>(buffer.getType()).getShape(), map.getResults()))
      if (size != 1)
        places.push_back(expr);
    return places;
  }
  static SmallVector<int64_t> sizesOf(Value buffer) {
    SmallVector<int64_t> sizes;
    for (int64_t size : cast<MemRefType>(buffer.getType()).getShape())
      if (size != 1)
        sizes.push_back(size);
    return sizes;
  }

  bool makeParts(linalg::GenericOp op, linalg::GenericOp epilogue, Parts &parts) {
    SmallVector<AffineMap> maps = orderedMaps(op);
    unsigned loops = op.getNumLoops();
    if (!maps[2].isProjectedPermutation(/*allowZeroInResults=*/true))
      return false;
    parts.buffers = {op.getDpsInputs()[0], op.getDpsInputs()[1]};
    parts.maps = {maps[0], maps[1]};
    if (!epilogue) {
      parts.buffers.push_back(op.getDpsInits()[0]);
      parts.maps.push_back(maps[2]);
      return true;
    }
    parts.epilogue = epilogue;
    for (auto [i, buffer] : llvm::enumerate(epilogue.getDpsInputs()))
      if (rootOf(buffer) == rootOf(op.getDpsInits()[0]))
        parts.sumAt = i;
    SmallVector<AffineMap> own = epilogue.getIndexingMapsArray();
    // A loop of the epilogue is the one that has its place in the sums; those of one place have none.
    SmallVector<AffineExpr> written = placesOf(op.getDpsInits()[0], maps[2]),
                            read = placesOf(epilogue->getOperand(parts.sumAt), own[parts.sumAt]);
    SmallVector<int64_t> ranges = cast<linalg::LinalgOp>(epilogue.getOperation()).getStaticLoopRanges();
    SmallVector<AffineExpr> places(epilogue.getNumLoops());
    if (written.size() != read.size())
      return false;
    for (auto [from, to] : llvm::zip(written, read)) {
      auto dim = dyn_cast<AffineDimExpr>(to);
      if (!dim || places[dim.getPosition()])
        return false;
      places[dim.getPosition()] = from;
    }
    for (auto [range, place] : llvm::zip(ranges, places)) {
      if (!place && range != 1)
        return false;
      if (!place)
        place = getAffineConstantExpr(0, op.getContext());
    }
    for (auto [i, buffer] : llvm::enumerate(epilogue->getOperands())) {
      if (i == parts.sumAt)
        continue;
      parts.buffers.push_back(buffer);
      parts.maps.push_back(own[i].replaceDimsAndSymbols(places, {}, loops, 0));
    }
    // Columns may change where those of the other factor lie side by side: turning what comes out is cheaper than to
    // read a factor against its grain.
    SmallVector<AffineExpr> out = placesOf(parts.buffers.back(), parts.maps.back());
    if (out.empty() || written.empty() || out.back() == written.back())
      return true;
    for (unsigned i : {0u, 1u})
      if (SmallVector<AffineExpr> factor = placesOf(parts.buffers[i], parts.maps[i]);
          !factor.empty() && factor.back() == out.back())
        return true;
    return false;
  }

  kernel::ContractOp create(OpBuilder &b, linalg::GenericOp op, Parts &parts) {
    ArrayRef<Value> buffers = parts.buffers;
    auto contract = kernel::ContractOp::create(
        b, op.getLoc(), buffers[0], buffers[1], ValueRange(buffers.drop_front(2).drop_back()), buffers.back(),
        b.getAffineMapArrayAttr(parts.maps), static_cast<int64_t>(op.getNumReductionLoops()));
    Block &body = contract.getEpilogue().emplaceBlock();
    Location loc = op.getLoc();
    Value sum = body.addArgument(b.getF32Type(), loc);
    OpBuilder inner = OpBuilder::atBlockBegin(&body);
    if (!parts.epilogue) {
      kernel::YieldOp::create(inner, loc, ValueRange{sum});
      return contract;
    }
    IRMapping mapping;
    Block &from = *parts.epilogue.getBody();
    for (unsigned i = 0; i < parts.epilogue.getNumDpsInputs(); ++i)
      mapping.map(from.getArgument(i), i == parts.sumAt ? sum : body.addArgument(b.getF32Type(), loc));
    for (Operation &each : from.without_terminator()) {
      for (Value operand : each.getOperands())
        if (operand.getParentBlock() != &from && !mapping.contains(operand))
          mapping.map(operand, inner.clone(*operand.getDefiningOp())->getResult(0));
      inner.clone(each, mapping);
    }
    Value result = from.getTerminator()->getOperand(0);
    if (result.getParentBlock() != &from && !mapping.contains(result))
      mapping.map(result, inner.clone(*result.getDefiningOp())->getResult(0));
    kernel::YieldOp::create(inner, loc, ValueRange{mapping.lookup(result)});
    return contract;
  }

  /// Whether the verifier would take it: asked without making it.
  static bool fits(const Parts &parts, unsigned sums) {
    auto linear = [](AffineMap map) {
      bool result = true;
      map.walkExprs([&](AffineExpr expr) {
        auto kind = expr.getKind();
        bool plain = isa<AffineDimExpr, AffineConstantExpr>(expr) || kind == AffineExprKind::Add ||
                     (kind == AffineExprKind::Mul && isa<AffineConstantExpr>(cast<AffineBinaryOpExpr>(expr).getRHS()));
        result &= plain;
      });
      return result;
    };
    unsigned loops = parts.maps[0].getNumDims();
    AffineMap out = parts.maps.back();
    auto outType = cast<MemRefType>(parts.buffers.back().getType());
    int64_t named = llvm::count_if(out.getResults(), llvm::IsaPred<AffineDimExpr>);
    if (!llvm::all_of(parts.maps, linear) || !out.isProjectedPermutation(/*allowZeroInResults=*/true) ||
        named != static_cast<int64_t>(loops - sums))
      return false;
    int64_t column = -1, inner = 1;
    for (int64_t i = outType.getRank() - 1; i >= 0 && column < 0; --i)
      if (outType.getDimSize(i) != 1 && isa<AffineDimExpr>(out.getResult(i)))
        column = out.getDimPosition(i);
    if (column < 0 || parts.maps[0].isFunctionOfDim(column) == parts.maps[1].isFunctionOfDim(column))
      return false;
    for (auto [i, buffer] : llvm::enumerate(parts.buffers)) {
      SmallVector<int64_t> strides;
      int64_t offset;
      if (failed(cast<MemRefType>(buffer.getType()).getStridesAndOffset(strides, offset)))
        return false;
      for (auto [at, result] : llvm::enumerate(parts.maps[i].getResults()))
        if (i >= 2 && result.isFunctionOfDim(column) && (!isa<AffineDimExpr>(result) || strides[at] != 1))
          return false;
    }
    for (unsigned loop = 0; loop < loops; ++loop) {
      int64_t size = -1;
      for (auto [buffer, map] : llvm::zip(parts.buffers, parts.maps))
        for (auto [at, result] : llvm::enumerate(map.getResults()))
          if (result == getAffineDimExpr(loop, result.getContext()) && size == -1)
            size = cast<MemRefType>(buffer.getType()).getDimSize(at);
      if (size == -1)
        return false;
      if (loop > loops - sums)
        inner = ShapedType::isDynamic(size) ? kMostInnerSteps + 1 : inner * size;
      if (inner > kMostInnerSteps)
        return false;
    }
    return true;
  }

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.getBody().empty() || !func->hasAttr("llmc.constants"))
        continue;
      Block &entry = func.getBody().front();
      SmallVector<linalg::GenericOp> all(entry.getOps<linalg::GenericOp>());
      llvm::SmallPtrSet<Operation *, 16> taken;
      for (linalg::GenericOp op : all) {
        if (taken.contains(op) || op.getNumReductionLoops() == 0 || !llvm::all_of(op->getOperands(), isF32) ||
            !addsProducts(op))
          continue;
        SmallVector<Operation *> users = usersOf(entry, rootOf(op.getDpsInits()[0]));
        linalg::FillOp fill = startOf(op, users);
        if (!fill || !isWhole(op.getDpsInits()[0]))
          continue;
        linalg::GenericOp epilogue = epilogueOf(op, users);
        Parts parts;
        if (epilogue && (!makeParts(op, epilogue, parts) || !fits(parts, op.getNumReductionLoops())))
          epilogue = {};
        if (!epilogue) {
          parts = Parts();
          if (!makeParts(op, {}, parts) || !fits(parts, op.getNumReductionLoops()))
            continue;
        }
        OpBuilder b(epilogue ? epilogue : op);
        create(b, op, parts);
        ++numContractions;
        if (epilogue) {
          ++numEpilogues;
          taken.insert(epilogue);
          epilogue.erase();
        }
        op.erase();
        fill.erase();
      }
    }
  }
};

} // namespace
