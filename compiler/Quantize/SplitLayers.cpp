// SplitLayers.cpp - parts classes of layers whose matrices are to be stored in different ways.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Quantize/Matrices.h"
#include "compiler/Quantize/Passes.h"
#include "dialects/Transformer/Formats/BlockCalibration.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSet.h"

#include <map>

using namespace mlir;
using namespace llmc::transformer;

namespace llmc {
#define GEN_PASS_DEF_SPLITLAYERSPASS
#include "compiler/Quantize/Passes.h.inc"
} // namespace llmc

namespace {

/// Of one layer: for each linear of its body, in order, whether it was named.
using Choice = std::vector<bool>;

class SplitLayers : public llmc::impl::SplitLayersPassBase<SplitLayers> {
  using SplitLayersPassBase::SplitLayersPassBase;

  void runOnOperation() override {
    if (wide.empty())
      return;
    const llvm::StringSet<> named(llvm::from_range, wide);
    SmallVector<LayersOp> all;
    getOperation().walk([&](LayersOp layers) { all.push_back(layers); });
    for (LayersOp layers : all)
      split(layers, named);
  }

  /// The choices of the layers of one class, in layer order.
  static std::vector<Choice> choicesOf(Region &body, size_t numLayers, const llvm::StringSet<> &named) {
    std::vector<Choice> choices(numLayers);
    body.walk([&](Operation *op) {
      SmallVector<std::string> keys = llmc::statisticsKeysOf(op);
      for (size_t layer = 0; layer < numLayers && !keys.empty(); ++layer) {
        StringRef key = keys[keys.size() == 1 ? 0 : layer];
        choices[layer].push_back(named.contains(key.drop_front(StringRef(llmc::kInputStatistics).size())));
      }
    });
    return choices;
  }

  void split(LayersOp layers, const llvm::StringSet<> &named) {
    std::vector<std::vector<Choice>> choices;
    for (auto [number, body] : llvm::enumerate(layers.getBodies()))
      choices.push_back(choicesOf(body, layers.getLayersOfClass(number).size(), named));
    // New classes, numbered by first appearance: what they come from, and which of its layers they have.
    std::map<std::pair<int64_t, Choice>, int64_t> numbers;
    SmallVector<int64_t> classes, origins;
    SmallVector<SmallVector<int64_t>> members;
    SmallVector<int64_t> seen(layers.getNumClasses());
    for (int64_t origin : layers.getClasses()) {
      int64_t member = seen[origin]++;
      auto [known, isNew] = numbers.insert({{origin, choices[origin][member]}, static_cast<int64_t>(members.size())});
      if (isNew) {
        origins.push_back(origin);
        members.emplace_back();
      }
      classes.push_back(known->second);
      members[known->second].push_back(member);
    }
    if (static_cast<int64_t>(members.size()) == layers.getNumClasses())
      return;
    numClasses += members.size() - layers.getNumClasses();

    SmallVector<SmallVector<int64_t>> tables;
    for (int64_t i = 0; i < layers.getNumTables(); ++i)
      tables.push_back(llvm::to_vector(cast<DenseI64ArrayAttr>((*layers.getTables())[i]).asArrayRef()));
    OpBuilder builder(layers);
    auto parted = LayersOp::create(builder, layers.getLoc(), classes, layers.getSlots(), tables, layers.getInits());
    for (auto [number, region] : llvm::enumerate(parted.getBodies())) {
      region.getBlocks().clear();
      IRMapping mapping;
      layers.getBodies()[origins[number]].cloneInto(&region, mapping);
      region.walk([&, &kept = members[number]](WeightOp weight) {
        SmallVector<Attribute> keys;
        for (int64_t member : kept)
          keys.push_back(weight.getKeys()[member]);
        weight.setKeysAttr(builder.getArrayAttr(keys));
      });
    }
    layers->replaceAllUsesWith(parted.getResults());
    layers.erase();
  }
};

} // namespace
