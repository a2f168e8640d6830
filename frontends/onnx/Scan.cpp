// Scan.cpp - Scan: its body once a turn where turns are known and few, else as the body of a Loop.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/onnx/Operators.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace llmc::onnx_import {

/// What Scan says of its axes and directions, for inputs or outputs.
static SmallVector<int64_t> listOr(const Node &facts, StringRef name, size_t count) {
  SmallVector<int64_t> list = facts.integers(name).value_or(SmallVector<int64_t>());
  list.resize(count, 0);
  return list;
}

/// A Scan on the values of one batch: states, then what is taken apart.
struct GraphImporter::ScanTurns {
  const onnx::Graph &graph;
  const Scope &around;
  SmallVector<Value> states, scanned;
  SmallVector<int64_t> axes, backwards, outAxes, outBackwards;
  int64_t turns = 0; ///< a size
  int64_t opset;
  const Call *call;
};

/// The turns of all that is taken apart, which are one number.
LogicalResult GraphImporter::readScan(const Node &facts, ScanTurns &scan) {
  bool old = facts.since < 9;
  size_t outputs = scan.graph.outputs.size() - scan.states.size();
  scan.axes = listOr(facts, "scan_input_axes", scan.scanned.size());
  scan.backwards = listOr(facts, old ? "directions" : "scan_input_directions", scan.scanned.size());
  scan.outAxes = listOr(facts, "scan_output_axes", outputs);
  scan.outBackwards = listOr(facts, "scan_output_directions", outputs);
  Extents &e = facts.extents();
  for (auto [k, input] : llvm::enumerate(scan.scanned)) {
    RankedTensorType type = e.fromIR(cast<RankedTensorType>(input.getType()));
    FailureOr<int64_t> axis = facts.axis(scan.axes[k], type.getRank());
    if (failed(axis))
      return failure();
    scan.axes[k] = *axis;
    int64_t turns = type.getDimSize(*axis);
    if (k > 0 && !e.agree(turns, scan.turns))
      return facts.error() << "its inputs have " << e.text(scan.turns) << " and " << e.text(turns) << " turns";
    scan.turns = turns;
  }
  return success();
}

LogicalResult GraphImporter::unrollScan(const Node &facts, const ScanTurns &scan, SmallVectorImpl<Value> &results) {
  size_t states = scan.states.size(), outputs = scan.graph.outputs.size() - states;
  SmallVector<Value> now = scan.states;
  SmallVector<SmallVector<Value>> parts(outputs);
  for (int64_t i = 0; i < scan.turns; ++i) {
    if (failed(countNode()))
      return failure();
    SmallVector<Value> arguments = now, made;
    for (auto [k, input] : llvm::enumerate(scan.scanned)) {
      llvm::SaveAndRestore ofOtherPlace(inVariant, i > 0);
      FailureOr<Value> part = placeOf(facts.loc, input, scan.axes[k], scan.backwards[k] ? scan.turns - 1 - i : i);
      if (failed(part))
        return failure();
      arguments.push_back(*part);
    }
    if (failed(turn(scan.graph, scan.around, arguments, scan.opset, scan.call, made)))
      return failure();
    now.assign(made.begin(), made.begin() + states);
    for (size_t k = 0; k < outputs; ++k)
      parts[k].insert(scan.outBackwards[k] ? parts[k].begin() : parts[k].end(), made[states + k]);
  }
  results = now;
  for (size_t k = 0; k < outputs; ++k) {
    FailureOr<Value> all;
    if (parts[k].empty()) {
      all = noTurns(facts, states + k, scan.graph.outputs[states + k], scan.outAxes[k]);
    } else {
      FailureOr<int64_t> axis =
          facts.axis(scan.outAxes[k], cast<RankedTensorType>(parts[k][0].getType()).getRank() + 1);
      if (failed(axis))
        return failure();
      all = stacked(facts.loc, parts[k], *axis);
    }
    if (failed(all))
      return failure();
    results.push_back(*all);
  }
  return success();
}

LogicalResult GraphImporter::loopOfScan(const Node &facts, const ScanTurns &scan, SmallVectorImpl<Value> &results) {
  Extents &e = facts.extents();
  size_t states = scan.states.size();
  Type i64 = builder.getI64Type();
  Node loopFacts(facts.loc, &this->facts);
  loopFacts.type = "Loop";
  loopFacts.since = onnx::findOperator("Loop", kInnerOpset)->since;
  loopFacts.settings = builder.getDictionaryAttr({});
  loopFacts.numOutputs = scan.graph.outputs.size();
  loopFacts.outputNames = facts.outputNames;
  // The number of turns: as a constant, or read off what is taken apart.
  Value count;
  if (!isOpen(scan.turns)) {
    count = constant(facts.loc, DenseElementsAttr::get(RankedTensorType::get({}, i64), scan.turns));
  } else {
    FailureOr<Value> shape = emitOne(facts.loc, "Shape", kInnerOpset, {scan.scanned[0]}, {});
    FailureOr<Value> turns = failed(shape) ? shape : placeOf(facts.loc, *shape, 0, scan.axes[0]);
    if (failed(turns))
      return failure();
    count = *turns;
  }
  loopFacts.inputs = {count, Value()};
  llvm::append_range(loopFacts.inputs, scan.states);

  auto write = [&](ValueRange arguments, SmallVectorImpl<Value> &made) {
    SmallVector<Value> own(arguments.drop_front(2));
    for (auto [k, input] : llvm::enumerate(scan.scanned)) {
      Value place = arguments[0];
      if (scan.backwards[k]) {
        Value one = constant(facts.loc, DenseElementsAttr::get(RankedTensorType::get({}, i64), int64_t(1)));
        FailureOr<Value> last = emitOne(facts.loc, "Sub", kInnerOpset, {count, one}, {});
        FailureOr<Value> turned =
            failed(last) ? last : emitOne(facts.loc, "Sub", kInnerOpset, {*last, arguments[0]}, {});
        if (failed(turned))
          return failure();
        place = *turned;
      }
      FailureOr<Value> part = emitOne(facts.loc, "Gather", kInnerOpset, {input, place},
                                      builder.getNamedAttr("axis", builder.getI64IntegerAttr(scan.axes[k])));
      if (failed(part))
        return failure();
      own.push_back(*part);
    }
    made.push_back(arguments[1]);
    return turn(scan.graph, scan.around, own, scan.opset, scan.call, made);
  };
  if (failed(loop(loopFacts, write, -1, scan.turns, results)))
    return failure();
  // Rows are put side by side in their first dimension, forwards.
  for (size_t k = states; k < results.size(); ++k) {
    auto type = e.fromIR(cast<RankedTensorType>(results[k].getType()));
    FailureOr<int64_t> axis = facts.axis(scan.outAxes[k - states], type.getRank());
    if (failed(axis))
      return failure();
    FailureOr<Value> turned = results[k];
    if (scan.outBackwards[k - states])
      turned = emitOne(facts.loc, "Slice", kInnerOpset,
                       {*turned, integers(facts.loc, {-1}), integers(facts.loc, {INT64_MIN}), integers(facts.loc, {0}),
                        integers(facts.loc, {-1})},
                       {});
    if (succeeded(turned) && *axis != 0) {
      SmallVector<int64_t> order;
      for (int64_t d = 1; d < type.getRank(); ++d)
        order.push_back(d);
      order.insert(order.begin() + *axis, 0);
      turned = emitOne(facts.loc, "Transpose", kInnerOpset, {*turned},
                       builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(order)));
    }
    if (failed(turned))
      return failure();
    results[k] = *turned;
  }
  return success();
}

LogicalResult GraphImporter::scanOnce(const Node &facts, ScanTurns &scan, SmallVectorImpl<Value> &results) {
  if (failed(readScan(facts, scan)))
    return failure();
  auto asLoop = [&](SmallVectorImpl<Value> &made) { return loopOfScan(facts, scan, made); };
  if (isOpen(scan.turns))
    return asLoop(results);
  auto unrolled = [&](SmallVectorImpl<Value> &made) { return unrollScan(facts, scan, made); };
  return unrollOrLoop(&scan.graph, unrolled, asLoop, results);
}

LogicalResult GraphImporter::scanTurns(const Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                       const Call *call) {
  FailureOr<const onnx::Graph *> body = bodyOf(facts, node, "body");
  if (failed(body))
    return failure();
  const onnx::Graph &graph = **body;
  bool old = facts.since < 9;
  if (old && facts.has(0))
    return facts.error() << "input 0 (lengths of sequences) is not supported";
  ArrayRef<Value> inputs = ArrayRef<Value>(facts.inputs).drop_front(old ? 1 : 0);
  int64_t scans = facts.integer("num_scan_inputs", 0), states = static_cast<int64_t>(inputs.size()) - scans;
  if (scans < 1 || states < 0 || graph.inputs.size() != inputs.size() ||
      static_cast<int64_t>(graph.outputs.size()) < states || node.outputs.size() > graph.outputs.size())
    return facts.error() << "its body has " << graph.inputs.size() << " inputs and " << graph.outputs.size()
                         << " outputs (expected " << inputs.size() << " and at least "
                         << std::max<int64_t>(states, node.outputs.size()) << ")";
  for (Value input : inputs)
    if (!input)
      return facts.error() << "an input is left out, which it may not be";
  Scope around = scope;
  if (failed(openBody(graph, facts.loc, around)))
    return failure();
  auto run = [&](ArrayRef<Value> values, SmallVectorImpl<Value> &made) {
    ScanTurns scan = {graph,
                      around,
                      SmallVector<Value>(values.take_front(states)),
                      SmallVector<Value>(values.drop_front(states)),
                      {},
                      {},
                      {},
                      {},
                      0,
                      opset,
                      call};
    return scanOnce(facts, scan, made);
  };
  SmallVector<Value> results;
  if (!old) {
    if (failed(run(inputs, results)))
      return failure();
  } else {
    // Version 8 runs once for each place of the first dimension of everything.
    SmallVector<SmallVector<Value>> batches(graph.outputs.size());
    auto first = cast<RankedTensorType>(inputs[0].getType());
    int64_t batch = first.getRank() > 0 ? first.getDimSize(0) : 0;
    for (Value input : inputs) {
      auto type = cast<RankedTensorType>(input.getType());
      if (type.getRank() < 1 || type.isDynamicDim(0) || type.getDimSize(0) != batch || batch == 0)
        return facts.error() << "its inputs do not all have " << batch << " places in their first dimension";
    }
    for (int64_t i = 0; i < batch; ++i) {
      SmallVector<Value> own, made;
      for (Value input : inputs) {
        FailureOr<Value> part = placeOf(facts.loc, input, 0, i);
        if (failed(part))
          return failure();
        own.push_back(*part);
      }
      if (failed(run(own, made)))
        return failure();
      for (auto [list, value] : llvm::zip(batches, made))
        list.push_back(value);
    }
    for (ArrayRef<Value> list : batches) {
      FailureOr<Value> all = stacked(facts.loc, list, 0);
      if (failed(all))
        return failure();
      results.push_back(*all);
    }
  }
  for (size_t k = 0; k < node.outputs.size(); ++k)
    scope[node.outputs[k]] = results[k];
  return success();
}

} // namespace llmc::onnx_import
