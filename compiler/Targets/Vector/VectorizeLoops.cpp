// VectorizeLoops.cpp - innermost loops of generic launches on vectors of 16.
//
// A loop is marked by who wrote it from a linalg op: its turns are independent, or add to one place. What is the same
// in all turns stays scalar, what lies side by side is loaded and stored at once. Loops that hold anything else are
// left to LLVM.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Passes.h"
#include "compiler/Targets/Vector/Contract.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

namespace llmc {
#define GEN_PASS_DEF_VECTORIZELOOPSPASS
#include "compiler/Targets/TargetsPasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

/// Partial results of a sum that are carried side by side, to cover the latency of adding.
constexpr int64_t kChains = 4;

struct Vectorizer {
  scf::ForOp loop;
  scf::ForOp around;                   ///< the loop that turned loads go along, or null
  llvm::DenseSet<Value> varying;       ///< values that differ between turns
  llvm::DenseSet<Value> varyingAround; ///< between turns of `around`
  llvm::SetVector<Operation *> turned; ///< loads whose places lie side by side along `around`
  memref::StoreOp resultStore;         ///< of a sum
  memref::LoadOp resultLoad;
  Operation *combine = nullptr;

  explicit Vectorizer(scf::ForOp loop) : loop(loop) {
    auto parent = dyn_cast<scf::ForOp>(loop->getParentOp());
    bool alone = parent && parent->hasAttr("llmc.turned") && parent.getBody()->getOperations().size() == 2;
    auto isOutside = [&](Value bound) { return bound.getParentRegion() != &parent.getRegion(); };
    if (alone && isOutside(loop.getLowerBound()) && isOutside(loop.getUpperBound()))
      around = parent;
  }

  bool isInside(Value value) { return value.getParentBlock() == loop.getBody(); }

  /// Whether an index is one larger in each turn of a loop than in the last; `differing` are values that differ.
  static bool isNext(Value index, Value number, const llvm::DenseSet<Value> &differing) {
    if (index == number)
      return true;
    Operation *op = index.getDefiningOp();
    if (auto sum = dyn_cast_or_null<arith::AddIOp>(op))
      return (isNext(sum.getLhs(), number, differing) && !differing.contains(sum.getRhs())) ||
             (isNext(sum.getRhs(), number, differing) && !differing.contains(sum.getLhs()));
    auto apply = dyn_cast_or_null<affine::AffineApplyOp>(op);
    if (!apply)
      return false;
    AffineMap map = apply.getAffineMap();
    auto differs = [&](Value operand) { return differing.contains(operand); };
    if (llvm::count_if(apply.getMapOperands(), differs) != 1)
      return false;
    unsigned i = llvm::find_if(apply.getMapOperands(), differs) - apply.getMapOperands().begin();
    if (i >= map.getNumDims() || !isNext(apply.getMapOperands()[i], number, differing))
      return false;
    // The result less the loop's number must not depend on it.
    AffineExpr rest = simplifyAffineExpr(map.getResult(0) - getAffineDimExpr(i, map.getContext()), map.getNumDims(),
                                         map.getNumSymbols());
    return !rest.isFunctionOfDim(i);
  }

  enum class Place { Same, Next, Turned, Other };
  Place placeOf(Value buffer, OperandRange indices) {
    if (isInside(buffer))
      return Place::Other;
    auto type = cast<MemRefType>(buffer.getType());
    if (indices.empty())
      return Place::Same;
    auto differs = [](OperandRange values, const llvm::DenseSet<Value> &differing) {
      return llvm::any_of(values, [&](Value value) { return differing.contains(value); });
    };
    if (!differs(indices, varying))
      return Place::Same;
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
      return Place::Other;
    if (!differs(indices.drop_back(), varying))
      return isNext(indices.back(), loop.getInductionVar(), varying) ? Place::Next : Place::Other;
    bool isTurned = around && !varying.contains(indices.back()) && !differs(indices.drop_back(), varyingAround) &&
                    isNext(indices.back(), around.getInductionVar(), varyingAround);
    return isTurned ? Place::Turned : Place::Other;
  }

  static bool isNumber(Type type) { return type.isIntOrIndexOrFloat(); }

  /// Finds what varies; false where the loop holds what cannot be done on vectors.
  bool classify(bool isSum) {
    varying.insert(loop.getInductionVar());
    if (around)
      varyingAround.insert(around.getInductionVar());
    SmallVector<memref::StoreOp> stores;
    for (Operation &op : loop.getBody()->without_terminator()) {
      if (llvm::any_of(op.getOperands(), [&](Value value) { return varyingAround.contains(value); }))
        varyingAround.insert(op.result_begin(), op.result_end());
      bool any = llvm::any_of(op.getOperands(), [&](Value value) { return varying.contains(value); });
      if (auto load = dyn_cast<memref::LoadOp>(op)) {
        Place place = placeOf(load.getMemRef(), load.getIndices());
        if (place == Place::Other)
          return false;
        if (place == Place::Turned)
          turned.insert(load);
        if (place != Place::Same)
          varying.insert(load.getResult());
        continue;
      }
      if (auto store = dyn_cast<memref::StoreOp>(op)) {
        Place place = placeOf(store.getMemRef(), store.getIndices());
        if ((place != Place::Next && place != Place::Same) || (place == Place::Same && !isSum))
          return false;
        stores.push_back(store);
        continue;
      }
      if (op.getNumRegions() != 0 || !isMemoryEffectFree(&op))
        return false;
      if (!any)
        continue;
      bool known = isa<affine::AffineApplyOp>(op) || OpTrait::hasElementwiseMappableTraits(&op);
      for (Type type : op.getResultTypes())
        known &= isNumber(type);
      if (!known)
        return false;
      for (Value result : op.getResults())
        varying.insert(result);
    }
    // What only says where is no value; what is, is an op that means the same on vectors.
    for (Operation &op : loop.getBody()->without_terminator())
      if (auto apply = dyn_cast<affine::AffineApplyOp>(op); apply && varying.contains(apply.getResult()))
        for (Operation *user : apply->getUsers())
          if (!isa<memref::LoadOp, memref::StoreOp, affine::AffineApplyOp>(user))
            return false;
    if (turned.empty())
      around = {};
    return isSum ? turned.empty() && findSum(stores) : !readsWhatItWrites(stores);
  }

  /// A turn that reads what another has written.
  bool readsWhatItWrites(ArrayRef<memref::StoreOp> stores) {
    for (memref::StoreOp store : stores)
      for (Operation &op : loop.getBody()->without_terminator())
        if (auto load = dyn_cast<memref::LoadOp>(op); load && load.getMemRef() == store.getMemRef())
          if (!llvm::equal(load.getIndices(), store.getIndices()))
            return true;
    return stores.empty();
  }

  /// One place that takes a combination of itself and of what differs between turns.
  bool findSum(ArrayRef<memref::StoreOp> stores) {
    if (stores.size() != 1)
      return false;
    resultStore = stores[0];
    if (placeOf(resultStore.getMemRef(), resultStore.getIndices()) != Place::Same)
      return false;
    combine = resultStore.getValue().getDefiningOp();
    if (!combine || !isInside(resultStore.getValue()) || !resultStore.getValue().hasOneUse())
      return false;
    for (Operation &op : loop.getBody()->without_terminator())
      if (auto load = dyn_cast<memref::LoadOp>(op); load && load.getMemRef() == resultStore.getMemRef()) {
        if (resultLoad || !llvm::equal(load.getIndices(), resultStore.getIndices()))
          return false;
        resultLoad = load;
      }
    if (!resultLoad || !resultLoad.getResult().hasOneUse() || *resultLoad->user_begin() != combine)
      return false;
    if (auto fma = dyn_cast<math::FmaOp>(combine))
      return fma.getC() == resultLoad.getResult() && (varying.contains(fma.getA()) || varying.contains(fma.getB()));
    return neutral() && combine->getNumOperands() == 2 &&
           varying.contains(combine->getOperand(combine->getOperand(0) == resultLoad.getResult() ? 1 : 0));
  }

  /// What a combination leaves as it is, or null for an op that is not known.
  TypedAttr neutral() const {
    Type type = combine->getResult(0).getType();
    OpBuilder b(type.getContext());
    auto real = [&](double value) { return TypedAttr(b.getFloatAttr(type, value)); };
    auto whole = [&](APInt value) { return TypedAttr(b.getIntegerAttr(type, value)); };
    unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 64;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return llvm::TypeSwitch<Operation *, TypedAttr>(combine)
        .Case<arith::AddFOp, math::FmaOp>([&](auto) { return real(-0.0); })
        .Case([&](arith::MulFOp) { return real(1); })
        .Case([&](arith::MaximumFOp) { return real(-infinity); })
        .Case([&](arith::MinimumFOp) { return real(infinity); })
        .Case<arith::AddIOp, arith::OrIOp, arith::MaxUIOp>([&](auto) { return whole(APInt(bits, 0)); })
        .Case([&](arith::MulIOp) { return whole(APInt(bits, 1)); })
        .Case<arith::AndIOp, arith::MinUIOp>([&](auto) { return whole(APInt::getAllOnes(bits)); })
        .Case([&](arith::MaxSIOp) { return whole(APInt::getSignedMinValue(bits)); })
        .Case([&](arith::MinSIOp) { return whole(APInt::getSignedMaxValue(bits)); })
        .Default([](Operation *) { return TypedAttr(); });
  }

  //===-- writing -------------------------------------------------------------------------------------------------===//

  /// One turn of 16 from `at` on. Of a sum, `part` is what it has so far; gives the next. The maps hold what is known
  /// of the loops around.
  Value turn(VectorBuilder &b, Value at, Value part = {}, IRMapping scalars = {}, IRMapping vectors = {}) {
    scalars.map(loop.getInductionVar(), at);
    auto vectorOf = [&](Value value) -> Value {
      if (Value known = vectors.lookupOrNull(value))
        return known;
      Value made;
      if (value == loop.getInductionVar())
        made = arith::AddIOp::create(b, b.broadcast(at), vector::StepOp::create(b, b.vec(kLanes, b.getIndexType())));
      else
        made = b.broadcast(scalars.lookupOrDefault(value));
      vectors.map(value, made);
      return made;
    };
    auto indicesOf = [&](OperandRange indices) {
      SmallVector<Value> places;
      for (Value index : indices)
        places.push_back(scalars.lookupOrDefault(index));
      return places;
    };
    for (Operation &op : loop.getBody()->without_terminator()) {
      if (&op == combine) {
        SmallVector<Value> operands;
        for (Value operand : op.getOperands())
          operands.push_back(operand == resultLoad.getResult() ? part : vectorOf(operand));
        return withVectors(b, &op, operands);
      }
      if (&op == resultLoad.getOperation())
        continue;
      auto load = dyn_cast<memref::LoadOp>(op);
      if (turned.contains(&op))
        continue;
      if (load && varying.contains(load.getResult())) {
        auto type = b.vec(kLanes, load.getType());
        vectors.map(load.getResult(),
                    vector::LoadOp::create(b, type, load.getMemRef(), indicesOf(load.getIndices())).getResult());
        continue;
      }
      if (auto store = dyn_cast<memref::StoreOp>(op)) {
        vector::StoreOp::create(b, vectorOf(store.getValue()), store.getMemRef(), indicesOf(store.getIndices()));
        continue;
      }
      bool any = llvm::any_of(op.getResults(), [&](Value value) { return varying.contains(value); });
      // Indices are those of the first of the 16, where they are made of the loop's number.
      bool isIndex = llvm::all_of(op.getResultTypes(), llvm::IsaPred<IndexType>) &&
                     llvm::all_of(op.getOperands(),
                                  [&](Value value) { return !varying.contains(value) || scalars.contains(value); });
      if (!any || isa<affine::AffineApplyOp>(op) || isIndex) {
        Operation *clone = b.clone(op, scalars);
        scalars.map(op.getResults(), clone->getResults());
        if (!any || isa<affine::AffineApplyOp>(op))
          continue;
      }
      SmallVector<Value> operands;
      for (Value operand : op.getOperands())
        operands.push_back(vectorOf(operand));
      vectors.map(op.getResult(0), withVectors(b, &op, operands));
    }
    return {};
  }
  /// The op on vectors of as many lanes as its operands have.
  static Value withVectors(VectorBuilder &b, Operation *op, ArrayRef<Value> operands) {
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    int64_t lanes = cast<VectorType>(operands[0].getType()).getDimSize(0);
    state.addTypes(b.vec(lanes, op->getResult(0).getType()));
    state.addAttributes(op->getAttrs());
    return b.create(state)->getResult(0);
  }
  Value combined(VectorBuilder &b, Value x, Value y) {
    if (isa<math::FmaOp>(combine))
      return b.fadd(x, y);
    if (isa<VectorType>(x.getType()))
      return withVectors(b, combine, {x, y});
    OperationState state(combine->getLoc(), combine->getName());
    state.addOperands({x, y});
    state.addTypes(x.getType());
    return b.create(state)->getResult(0);
  }

  static Value index(VectorBuilder &b, int64_t value) { return arith::ConstantIndexOp::create(b, value); }
  /// Where the last whole step from `from` on ends.
  static Value wholeEnd(VectorBuilder &b, Value from, Value high, int64_t step) {
    Value count = arith::SubIOp::create(b, high, from);
    // Bounds may be the wrong way round: then there are no turns.
    count = arith::MaxSIOp::create(b, count, index(b, 0));
    Value whole = arith::MulIOp::create(b, arith::DivUIOp::create(b, count, index(b, step)), index(b, step));
    return arith::AddIOp::create(b, from, whole);
  }

  /// Squares of 16 by 16, then what is left of each 16 turns of `around`; its other turns stay as they are.
  void rewriteTurned() {
    VectorBuilder b(loop.getLoc(), loop.getContext());
    b.setInsertionPoint(around);
    Value low = around.getLowerBound(), end = wholeEnd(b, low, around.getUpperBound(), kLanes);
    // The inner loop's bounds are those of a dimension: the same in every turn.
    Value from = loop.getLowerBound(), to = wholeEnd(b, from, loop.getUpperBound(), kLanes);
    b.forLoop(low, end, index(b, kLanes), [&](Value row) {
      b.forLoop(from, to, index(b, kLanes), [&](Value column) {
        llvm::MapVector<Operation *, SmallVector<Value>> squares;
        for (Operation *op : turned) {
          auto load = cast<memref::LoadOp>(op);
          SmallVector<Value> &square = squares[op];
          for (int64_t i = 0; i < kLanes; ++i) {
            IRMapping mapping;
            mapping.map(around.getInductionVar(), row);
            mapping.map(loop.getInductionVar(), arith::AddIOp::create(b, column, index(b, i)).getResult());
            SmallVector<Value> places;
            for (Value place : load.getIndices()) {
              cloneInto(b, place, mapping);
              places.push_back(mapping.lookupOrDefault(place));
            }
            square.push_back(vector::LoadOp::create(b, b.vec(kLanes, load.getType()), load.getMemRef(), places));
          }
          turnSquare(b, square);
        }
        for (int64_t i = 0; i < kLanes; ++i) {
          IRMapping scalars, vectors;
          scalars.map(around.getInductionVar(), arith::AddIOp::create(b, row, index(b, i)).getResult());
          for (auto &[op, square] : squares)
            vectors.map(op->getResult(0), square[i]);
          turn(b, column, {}, scalars, vectors);
        }
      });
      Value last = arith::AddIOp::create(b, row, index(b, kLanes));
      b.forLoop(row, last, index(b, 1), [&](Value each) {
        IRMapping mapping;
        mapping.map(around.getInductionVar(), each);
        auto rest = cast<scf::ForOp>(b.clone(*loop, mapping));
        rest->removeAttr("llmc.parallel");
        rest.setLowerBound(to);
      });
    });
    around.setLowerBound(end);
    loop->removeAttr("llmc.parallel");
  }

  void rewrite() {
    if (around)
      return rewriteTurned();
    VectorBuilder b(loop.getLoc(), loop.getContext());
    b.setInsertionPoint(loop);
    Value low = loop.getLowerBound(), high = loop.getUpperBound();
    Value end = wholeEnd(b, low, high, kLanes);
    if (!resultStore) {
      b.forLoop(low, end, index(b, kLanes), [&](Value at) { turn(b, at); });
    } else {
      Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, low, end);
      b.ifThen(some, [&] {
        auto type = b.vec(kLanes, combine->getResult(0).getType());
        Value none = arith::ConstantOp::create(b, DenseElementsAttr::get(type, neutral()));
        SmallVector<Value> parts(kChains, none);
        Value chained = wholeEnd(b, low, high, kLanes * kChains);
        auto run = [&](Value from, Value to, int64_t chains, ArrayRef<Value> inits) {
          auto inner = scf::ForOp::create(b, from, to, index(b, kLanes * chains), inits);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(inner.getBody());
          SmallVector<Value> next;
          for (int64_t i = 0; i < chains; ++i)
            next.push_back(turn(b, arith::AddIOp::create(b, inner.getInductionVar(), index(b, i * kLanes)),
                                inner.getRegionIterArgs()[i]));
          scf::YieldOp::create(b, next);
          return SmallVector<Value>(inner.getResults());
        };
        parts = run(low, chained, kChains, parts);
        parts[0] = run(chained, end, 1, {parts[0]})[0];
        Value sum = combined(b, combined(b, parts[0], parts[1]), combined(b, parts[2], parts[3]));
        for (int64_t n = kLanes / 2; n >= 1; n /= 2)
          sum = combined(b, b.lanes(sum, 0, n), b.lanes(sum, n, n));
        // The place itself may be computed in the loop, the same in each turn.
        IRMapping mapping;
        mapping.map(loop.getInductionVar(), low);
        SmallVector<Value> places;
        for (Value place : resultStore.getIndices()) {
          cloneInto(b, place, mapping);
          places.push_back(mapping.lookupOrDefault(place));
        }
        Value before = memref::LoadOp::create(b, resultStore.getMemRef(), places);
        memref::StoreOp::create(b, combined(b, before, b.lane(sum, 0)), resultStore.getMemRef(), places);
      });
    }
    loop.setLowerBound(end);
    loop->removeAttr("llmc.parallel");
    loop->removeAttr("llmc.sum");
  }
  void cloneInto(VectorBuilder &b, Value value, IRMapping &mapping) {
    Operation *op = value.getDefiningOp();
    if (!op || !isInside(value) || mapping.contains(value))
      return;
    for (Value operand : op->getOperands())
      cloneInto(b, operand, mapping);
    mapping.map(value, b.clone(*op, mapping)->getResult(0));
  }
};

struct VectorizeLoops : llmc::impl::VectorizeLoopsPassBase<VectorizeLoops> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (loop->hasAttr("llmc.parallel") || loop->hasAttr("llmc.sum"))
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops) {
      Vectorizer vectorizer(loop);
      IntegerAttr step;
      bool plain = loop.getNumResults() == 0 && matchPattern(loop.getStep(), m_Constant(&step)) && step.getInt() == 1;
      if (!plain || !vectorizer.classify(loop->hasAttr("llmc.sum")))
        continue;
      vectorizer.rewrite();
      ++numLoops;
    }
  }
};

} // namespace
