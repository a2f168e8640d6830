// PlaceWeights.cpp - give every packed weight its place in the weights section.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "llvm/ADT/SetVector.h"

namespace llmc {
#define GEN_PASS_DEF_PLACEWEIGHTSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;

namespace {

int64_t align(int64_t bytes) { return llvm::alignTo(bytes, 64); }

struct PlaceWeights : llmc::impl::PlaceWeightsPassBase<PlaceWeights> {
  int64_t end = 0;
  llvm::DenseSet<Operation *> placed;

  void place(WeightOp weight, int64_t offset, int64_t stride) {
    weight.setOffset(offset);
    weight.setStride(stride);
    placed.insert(weight);
  }

  /// The weights that one class's body reads and that differ from layer to layer, as one record a layer.
  void placeRecords(ArrayRef<WeightOp> weights) {
    int64_t record = 0, copies = 1;
    for (WeightOp weight : weights) {
      record += align(weight.getType().getSizeInBytes());
      copies = weight.getCopies();
    }
    int64_t offset = end;
    for (WeightOp weight : weights) {
      place(weight, offset, record);
      offset += align(weight.getType().getSizeInBytes());
    }
    end += record * copies;
  }

  void runOnOperation() override {
    end = 0;
    placed.clear();
    SymbolTable symbols(getOperation());
    auto visit = [&](Operation *root, auto &&self) -> void {
      for (Region &region : root->getRegions()) {
        llvm::SetVector<WeightOp> records;
        for (Operation &op : region.getOps()) {
          if (auto get = dyn_cast<GetWeightOp>(op)) {
            auto weight = symbols.lookup<WeightOp>(get.getWeight());
            if (placed.contains(weight))
              continue;
            if (weight.getCopies() > 1) {
              records.insert(weight);
              continue;
            }
            place(weight, end, 0);
            end += align(weight.getType().getSizeInBytes());
          } else {
            self(&op, self);
          }
        }
        placeRecords(records.getArrayRef());
      }
    };
    for (Operation &op : getOperation().getOps())
      if (!isa<WeightOp>(op))
        visit(&op, visit);
    for (auto weight : llvm::make_early_inc_range(getOperation().getOps<WeightOp>()))
      if (!placed.contains(weight))
        weight.erase(); // nothing reads it
  }
};

} // namespace
