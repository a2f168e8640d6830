// VerifyStop.cpp - what each stop guarantees, checked.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Pipelines/Passes.h"

#include "compiler/Pipelines/Pipelines.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/ONNX/IR/ONNX.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace llmc {
#define GEN_PASS_DEF_VERIFYSTOPPASS
#include "compiler/Pipelines/Passes.h.inc"
} // namespace llmc

namespace {

using llmc::Stop;

bool isWeightValueOp(Operation *op) { return op->getName().getStringRef().starts_with("transformer.weight"); }

/// Scalars of epilogues.
bool isScalarOp(Operation *op) {
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
         llvm::none_of(op->getResultTypes(), [](Type type) { return isa<ShapedType>(type); });
}

class VerifyStop : public llmc::impl::VerifyStopPassBase<VerifyStop> {
  using VerifyStopPassBase::VerifyStopPassBase;

  void runOnOperation() override {
    std::optional<Stop> at = llmc::stopFromName(stop);
    if (!at || *at == Stop::Parse || *at == Stop::Codegen || *at == Stop::Pack) {
      getOperation().emitError() << "llmc-verify-stop: no rules for the stop '" << stop << "'";
      return signalPassFailure();
    }
    if (failed(verifyModule()) || failed(*at == Stop::Schedule ? verifySchedule() : verifyEntries(*at == Stop::Lower)))
      signalPassFailure();
  }

  LogicalResult notAllowed(Operation *op) { return op->emitOpError() << "is not allowed at the stop '" << stop << "'"; }

  LogicalResult verifyModule() {
    int64_t checkpoints = 0;
    for (Operation &op : getOperation().getOps()) {
      if (isa<llmc::transformer::TensorOp>(op))
        return notAllowed(&op);
      checkpoints += isa<llmc::transformer::CheckpointOp>(op);
    }
    if (checkpoints != 1)
      return getOperation().emitError() << "the module names " << checkpoints << " checkpoints (expected 1)";
    return success();
  }

  llmc::transformer::CheckpointFormat checkpointFormat() {
    return (*getOperation().getOps<llmc::transformer::CheckpointOp>().begin()).getFormat();
  }

  /// A tensor graph: onnx ops, and once lowered ops on tensors of known shapes.
  LogicalResult verifyGraph(func::FuncOp function, bool lowered) {
    if (!function->hasAttr(llmc::transformer::TransformerDialect::kEntryAttrName))
      return function.emitError() << "function '" << function.getName() << "' is not an entry";
    WalkResult result = function.getBody().walk([&](Operation *op) {
      bool allowed = isa<func::ReturnOp, llmc::transformer::WeightOp>(op);
      // What leaves a branch or a turn is told where to stand; sizes are checked and told to the caller.
      allowed |= lowered && isa<llmc::kernel::SetDimOp, llmc::kernel::RequireOp, bufferization::AllocTensorOp,
                                bufferization::MaterializeInDestinationOp>(op);
      allowed |= lowered ? isa<linalg::LinalgDialect, tensor::TensorDialect, arith::ArithDialect, math::MathDialect,
                               scf::SCFDialect>(op->getDialect())
                         : isa<llmc::onnx_ir::ONNXDialect>(op->getDialect());
      return allowed || succeeded(notAllowed(op)) ? WalkResult::advance() : WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult verifyEntries(bool lowered) {
    auto functions = getOperation().getOps<func::FuncOp>();
    if (functions.empty())
      return getOperation().emitError() << "the module has no entry (a func.func marked transformer.entry)";
    bool isGraph = checkpointFormat() == llmc::transformer::CheckpointFormat::Onnx;
    for (func::FuncOp function : functions) {
      if (isGraph) {
        if (failed(verifyGraph(function, lowered)))
          return failure();
        continue;
      }
      if (!function->hasAttr(llmc::transformer::TransformerDialect::kEntryAttrName) ||
          !function->hasAttr(llmc::transformer::TransformerDialect::kBoundsAttrName))
        return function.emitError() << "function '" << function.getName() << "' is not an entry with bounds";
      WalkResult result = function.getBody().walk([&](Operation *op) {
        bool allowed = isa<func::ReturnOp>(op);
        if (lowered)
          allowed |= isa<llmc::kernel::KernelDialect>(op->getDialect()) || isWeightValueOp(op) || isScalarOp(op);
        else
          allowed |= isa_and_present<llmc::transformer::TransformerDialect>(op->getDialect());
        return allowed || succeeded(notAllowed(op)) ? WalkResult::advance() : WalkResult::interrupt();
      });
      if (result.wasInterrupted())
        return failure();
    }
    return success();
  }

  LogicalResult verifySchedule() {
    bool programs = false;
    SmallVector<std::pair<int64_t, llmc::kernel::WeightOp>> places;
    for (Operation &op : getOperation().getOps()) {
      if (isa<func::FuncOp>(op))
        return notAllowed(&op);
      if (auto program = dyn_cast<llmc::kernel::ProgramOp>(op)) {
        programs = true;
        if (checkpointFormat() != llmc::transformer::CheckpointFormat::Onnx &&
            !program->getAttrOfType<llmc::transformer::BoundsAttr>("bounds"))
          return program.emitOpError() << "has no bounds";
      }
      auto weight = dyn_cast<llmc::kernel::WeightOp>(op);
      if (!weight)
        continue;
      int64_t copies = weight.getCopies(), offset = weight.getOffset(), stride = weight.getStride();
      if (offset < 0 || (copies > 1 && stride <= 0))
        return weight.emitOpError() << "has no place in the weights section";
      for (int64_t copy = 0; copy < copies; ++copy)
        places.push_back({offset + copy * stride, weight});
    }
    if (!programs)
      return getOperation().emitError() << "the module has no kernel.program";
    llvm::sort(places, [](const auto &a, const auto &b) { return a.first < b.first; });
    for (size_t i = 1; i < places.size(); ++i) {
      auto [before, weight] = places[i - 1];
      int64_t end = before + cast<llmc::kernel::PackedType>(weight.getType()).getSizeInBytes();
      if (end > places[i].first)
        return places[i].second.emitOpError()
               << "at byte " << places[i].first << " overlaps '" << weight.getSymName() << "', which ends at " << end;
    }
    return success();
  }
};

} // namespace
