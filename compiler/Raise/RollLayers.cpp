// RollLayers.cpp - joins consecutive layers, with one body for each class of equal ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Raise/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_ROLLLAYERSPASS
#include "compiler/Raise/Passes.h.inc"
} // namespace llmc

namespace {

/// A body of one op, with a copy in which every weight names the same keys, for comparing.
struct Class {
  Region *body;
  std::unique_ptr<Region> withoutKeys;
  SmallVector<std::pair<LayersOp, int64_t>>
      members; // layers of the joined op: which op's, and which number in its class
};

/// The body, with all keys replaced. On its own: a copy of the op would be a user of the layers before it.
std::unique_ptr<Region> cloneWithoutKeys(Region &body) {
  auto copy = std::make_unique<Region>();
  IRMapping mapping;
  body.cloneInto(copy.get(), mapping);
  auto anyKey = Builder(body.getContext()).getStrArrayAttr({"*"});
  copy->walk([&](WeightOp weight) { weight.setKeysAttr(anyKey); });
  return copy;
}

bool equalBodies(Region &a, Region &b) {
  return OperationEquivalence::isRegionEquivalentTo(&a, &b, OperationEquivalence::IgnoreLocations);
}

/// Why `next` does not continue `run`, or nothing when it does.
std::optional<StringRef> obstacle(ArrayRef<LayersOp> run, LayersOp next) {
  LayersOp last = run.back();
  if (last.getNumTables() != next.getNumTables())
    return "the layers have different tables";
  for (Value result : last.getResults())
    if (!llvm::all_of(result.getUsers(), [&](Operation *user) { return user == next; }))
      return "a value between the layers is used elsewhere";
  llvm::SmallSet<int64_t, 32> slots;
  for (LayersOp layers : run)
    slots.insert(layers.getSlots().begin(), layers.getSlots().end());
  for (int64_t slot : next.getSlots())
    if (slot >= 0 && slots.contains(slot))
      return "the layers share a state slot";
  return std::nullopt;
}

class RollLayers : public llmc::impl::RollLayersPassBase<RollLayers> {
  void runOnOperation() override {
    SmallVector<SmallVector<LayersOp>> runs;
    getOperation().walk([&](LayersOp layers) {
      if (!runs.empty() && layers.getInits() == runs.back().back().getResults()) {
        std::optional<StringRef> why = obstacle(runs.back(), layers);
        if (!why) {
          runs.back().push_back(layers);
          return;
        }
        remark::missed(layers.getLoc(), remark::RemarkOpts::name("not-joined").category("llmc-roll-layers"))
            << ("layers not joined with those before: " + *why).str();
      }
      runs.push_back({layers});
    });
    for (MutableArrayRef<LayersOp> run : runs)
      if (run.size() > 1)
        join(run);
  }

  void join(MutableArrayRef<LayersOp> run) {
    SmallVector<Class> classes;
    SmallVector<int64_t> classOfLayer, slots;
    SmallVector<SmallVector<int64_t>> tables(run.front().getNumTables());
    for (LayersOp layers : run) {
      SmallVector<int64_t> classOfBody(layers.getNumClasses(), -1), seen(layers.getNumClasses(), 0);
      for (auto [layer, body] : llvm::enumerate(layers.getClasses())) {
        if (classOfBody[body] < 0)
          classOfBody[body] = findClass(layers.getBodies()[body], classes);
        classOfLayer.push_back(classOfBody[body]);
        classes[classOfBody[body]].members.push_back({layers, body});
        slots.push_back(layers.getSlots()[layer]);
        for (auto [number, table] : llvm::enumerate(tables))
          table.push_back(cast<DenseI64ArrayAttr>((*layers.getTables())[number])[layer]);
        ++seen[body];
      }
    }

    OpBuilder builder(run.front());
    auto joined = LayersOp::create(builder, run.front().getLoc(), classOfLayer, slots, tables, run.front().getInits());
    for (auto [number, found] : llvm::enumerate(classes)) {
      joinKeys(found);
      joined.getBodies()[number].takeBody(*found.body);
    }
    run.back()->replaceAllUsesWith(joined.getResults());
    for (LayersOp layers : llvm::reverse(run))
      layers.erase();
    ++numRuns;
    numLayers += classOfLayer.size();
    numClasses += classes.size();
  }

  /// The number of the class that the body belongs to; a new one when it equals none.
  int64_t findClass(Region &body, SmallVectorImpl<Class> &classes) {
    std::unique_ptr<Region> withoutKeys = cloneWithoutKeys(body);
    for (auto [number, known] : llvm::enumerate(classes))
      if (equalBodies(*known.withoutKeys, *withoutKeys))
        return number;
    classes.push_back({&body, std::move(withoutKeys), {}});
    return classes.size() - 1;
  }

  /// Gives the weights of the class's body the keys of all its layers, in layer order. Equal bodies have their weights
  /// in the same order.
  void joinKeys(Class &joined) {
    SmallVector<SmallVector<Attribute>> keys; // of each weight
    DenseMap<Region *, int64_t> used;         // layers of each body whose keys were taken
    for (auto [layers, body] : joined.members) {
      Region &region = layers.getBodies()[body];
      int64_t layer = used[&region]++;
      size_t number = 0;
      region.walk([&](WeightOp weight) {
        if (number == keys.size())
          keys.emplace_back();
        keys[number++].push_back(weight.getKeys()[layer]);
      });
    }
    size_t number = 0;
    joined.body->walk([&](WeightOp weight) { weight.setKeysAttr(ArrayAttr::get(&getContext(), keys[number++])); });
  }
};

} // namespace
