// PlanOracle.cpp - runs an entry before and after memory planning on hashes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Schedule/PlanOracle.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <set>

using namespace mlir;
using namespace llmc::kernel;

namespace llmc::test {

namespace {

constexpr int64_t numTokens = 5, numRows = 2, numThreads = 3, numSlots = 4;

Hash mix(Hash a, Hash b) {
  a = (a ^ b) * 0x9e3779b97f4a7c15ull;
  return a ^ (a >> 29);
}
Hash mix(Hash a, const std::string &text) {
  for (char c : text)
    a = mix(a, static_cast<unsigned char>(c));
  return a;
}

/// What an op computes, apart from its operands: name, attributes, body.
Hash tag(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << op->getName();
  for (NamedAttribute attribute : op->getAttrDictionary())
    if (attribute.getName() != "operandSegmentSizes")
      stream << attribute.getName() << attribute.getValue();
  for (Region &region : op->getRegions()) {
    std::map<void *, unsigned> numbers;
    for (BlockArgument argument : region.getArguments())
      numbers.emplace(argument.getAsOpaquePointer(), numbers.size());
    for (Operation &inner : region.front()) {
      stream << inner.getName() << inner.getAttrDictionary();
      for (Value operand : inner.getOperands())
        stream << ',' << numbers.at(operand.getAsOpaquePointer());
      for (Value result : inner.getResults())
        numbers.emplace(result.getAsOpaquePointer(), numbers.size());
    }
  }
  return mix(1, text);
}

bool isCopy(Operation *op) {
  auto elementwise = dyn_cast<ElementwiseOp>(op);
  return elementwise && elementwise.getInputs().size() == 1 &&
         elementwise.getBody().front().getOperations().size() == 1;
}

/// An op's operands as numbers. Of rows only those that it reads.
struct Operands {
  std::vector<Grid> rows;
  Hash others = 0; ///< weights
  int64_t slot = 0;
};

/// The rows that `op` makes, `count` of them with `columns` columns. `state` is the slot's.
Grid compute(Operation *op, const Operands &operands, int64_t count, int64_t columns, std::vector<Hash> &state) {
  Grid result{count, columns, std::vector<Hash>(count * columns)};
  Hash base = mix(tag(op), operands.others);
  bool wholeRow = isa<RMSNormOp, MatmulOp, RopeOp>(op);
  if (isa<CacheUpdateOp>(op)) {
    Hash &own = state[operands.slot];
    own = mix(own, base);
    for (const Grid &grid : operands.rows)
      for (Hash cell : grid.cells)
        own = mix(own, cell);
    return result;
  }
  for (int64_t row = 0; row < count; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      Hash cell = mix(mix(base, row), column);
      if (isCopy(op))
        cell = operands.rows[0].at(row, column);
      else if (isa<GatherRowsOp>(op))
        cell = operands.rows[0].at(2 * row + 1, column);
      else if (isa<AttentionOp>(op)) {
        cell = mix(mix(base, row), state[operands.slot]);
        for (int64_t i = 0; i < columns; ++i)
          cell = mix(cell, operands.rows[0].at(row, i));
        cell = mix(cell, column);
      } else
        for (size_t i = 0; i < operands.rows.size(); ++i) {
          // Norms, products and rotations see the row of their first operand, rope that of the table, too.
          const Grid &grid = operands.rows[i];
          if (wholeRow && (i == 0 || isa<RopeOp>(op)))
            for (int64_t k = 0; k < grid.columns; ++k)
              cell = mix(cell, grid.at(row, k));
          else
            cell = mix(cell, grid.at(row, column));
        }
      result.at(row, column) = cell;
    }
  return result;
}

Hash weightHash(GetWeightOp get, const std::map<void *, int64_t> &indices) {
  Hash hash = mix(7, get.getWeight().str());
  return get.getMember() ? mix(hash, indices.at(get.getMember().getAsOpaquePointer())) : hash;
}

int64_t rowCount(DimKind kind) { return kind == DimKind::tokens ? numTokens : kind == DimKind::rows ? numRows : 1; }

//===-- tensors
//-------------------------------------------------------------------------------------------------------===//

struct TensorRun {
  std::map<void *, Grid> grids;
  std::map<void *, Hash> weights;
  std::map<void *, int64_t> indices;
  std::vector<Hash> state = std::vector<Hash>(numSlots, 3);
  Outcome outcome;

  static void *key(Value value) { return value.getAsOpaquePointer(); }
  static bool isRows(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getRank() == 2;
  }

  void run(Block &block) {
    for (Operation &op : block) {
      if (auto get = dyn_cast<GetWeightOp>(op)) {
        weights[key(get)] = weightHash(get, indices);
      } else if (auto columns = dyn_cast<ColumnsOp>(op)) {
        const Grid &from = grids.at(key(columns.getX()));
        int64_t count = cast<RankedTensorType>(columns.getType()).getDimSize(1);
        Grid part{from.rows, count, std::vector<Hash>(from.rows * count)};
        for (int64_t row = 0; row < from.rows; ++row)
          for (int64_t column = 0; column < count; ++column)
            part.at(row, column) = from.at(row, columns.getOffset() + column);
        grids[key(columns)] = part;
      } else if (auto layers = dyn_cast<LayersOp>(op)) {
        runLayers(layers);
      } else if (isa<func::ReturnOp>(op)) {
        for (Value value : op.getOperands())
          if (isRows(value))
            outcome.outputs.push_back(grids.at(key(value)));
      } else if (!isa<YieldOp>(op)) {
        Operands operands;
        for (Value operand : op.getOperands()) {
          if (isRows(operand))
            operands.rows.push_back(grids.at(key(operand)));
          else if (isa<PackedType>(operand.getType()))
            operands.others = mix(operands.others, weights.at(key(operand)));
          else if (operand.getType().isIndex())
            operands.slot = indices.at(key(operand));
        }
        int64_t columns = isRows(op.getResult(0)) ? cast<RankedTensorType>(op.getResult(0).getType()).getDimSize(1) : 0;
        int64_t count = isa<GatherRowsOp>(op) ? numRows : operands.rows.empty() ? numTokens : operands.rows[0].rows;
        Grid result = compute(&op, operands, count, columns, state);
        if (isRows(op.getResult(0)))
          grids[key(op.getResult(0))] = result;
      }
    }
  }

  void runLayers(LayersOp layers) {
    std::vector<Grid> carried;
    for (Value init : layers.getInits())
      carried.push_back(isRows(init) ? grids.at(key(init)) : Grid());
    std::map<int64_t, int64_t> seen;
    for (auto [layerClass, slot] : llvm::zip(layers.getClasses(), layers.getSlots())) {
      Block &body = layers.getBodies()[layerClass].front();
      indices[key(body.getArgument(0))] = slot;
      indices[key(body.getArgument(1))] = seen[layerClass]++;
      for (size_t i = 0; i < carried.size(); ++i)
        grids[key(body.getArgument(2 + i))] = carried[i];
      run(body);
      for (size_t i = 0; i < carried.size(); ++i)
        if (Value value = body.getTerminator()->getOperand(i); isRows(value))
          carried[i] = grids.at(key(value));
    }
    for (auto [result, grid] : llvm::zip(layers.getResults(), carried))
      grids[key(result)] = grid;
  }
};

//===-- buffers
//-------------------------------------------------------------------------------------------------------===//

/// Where rows lie: number of a memory, first element, elements from row to row.
struct Place {
  int64_t memory, offset, stride, rows, columns;
  int64_t element(int64_t row, int64_t column) const { return offset + row * stride + column; }
};
using Cell = std::pair<int64_t, int64_t>; ///< memory, element

struct BufferRun {
  std::vector<std::vector<Hash>> memories; ///< arena slots, then outputs
  std::map<void *, Place> places;
  std::map<void *, Hash> weights;
  std::map<void *, int64_t> indices;
  std::vector<Hash> state = std::vector<Hash>(numSlots, 3);
  std::vector<std::string> &problems;
  /// Since the last barrier: which thread touched a cell in which launch; memory -1 is the state.
  struct Touch {
    int64_t launch, thread;
    bool writes;
  };
  std::map<Cell, std::vector<Touch>> touched;
  int64_t launches = 0;

  explicit BufferRun(std::vector<std::string> &problems) : problems(problems) {}
  static void *key(Value value) { return value.getAsOpaquePointer(); }

  void problem(Operation *op, const std::string &what) {
    problems.push_back("launch " + std::to_string(launches) + ", " + op->getName().getStringRef().str() + ": " + what);
  }

  Place placeOf(Value value) {
    Value root = value;
    while (auto columns = root.getDefiningOp<ColumnsOp>())
      root = columns.getX();
    Place place = places.at(key(root));
    auto type = cast<MemRefType>(value.getType());
    place.offset = columnOffset(type);
    place.stride = rowStride(type);
    place.columns = type.getDimSize(1);
    return place;
  }

  Grid read(const Place &place) {
    Grid grid{place.rows, place.columns, {}};
    for (int64_t row = 0; row < place.rows; ++row)
      for (int64_t column = 0; column < place.columns; ++column) {
        size_t element = place.element(row, column);
        grid.cells.push_back(element < memories[place.memory].size() ? memories[place.memory][element] : 0);
      }
    return grid;
  }

  void touch(Operation *op, Cell cell, int64_t thread, bool writes) {
    if (cell.first >= 0 && cell.second >= static_cast<int64_t>(memories[cell.first].size()))
      return problem(op, "beyond the end of memory " + std::to_string(cell.first));
    for (const Touch &before : touched[cell])
      if (before.launch != launches && before.thread != thread && (before.writes || writes))
        return problem(op, "races with launch " + std::to_string(before.launch));
    touched[cell].push_back({launches, thread, writes});
  }

  /// Marks what each thread touches of an operand. `split`: 'r' own rows, 'p' own panels of all rows, 'a' anything.
  void touchAll(Operation *op, const Place &place, char split, bool writes, int64_t opRows) {
    int64_t panels = (place.columns + 15) / 16;
    for (int64_t thread = 0; thread < numThreads; ++thread)
      for (int64_t row = 0; row < place.rows; ++row)
        for (int64_t column = 0; column < place.columns; ++column) {
          int64_t part = split == 'r' ? row : column / 16, parts = split == 'r' ? opRows : panels;
          if (split == 'a' || (part >= parts * thread / numThreads && part < parts * (thread + 1) / numThreads))
            touch(op, {place.memory, place.element(row, column)}, thread, writes);
        }
  }

  static bool same(const Place &a, const Place &b) {
    return a.memory == b.memory && a.offset == b.offset && a.stride == b.stride;
  }
  static bool overlap(const Place &a, const Place &b) {
    if (a.memory != b.memory)
      return false;
    std::set<int64_t> elements;
    for (int64_t row = 0; row < a.rows; ++row)
      for (int64_t column = 0; column < a.columns; ++column)
        elements.insert(a.element(row, column));
    for (int64_t row = 0; row < b.rows; ++row)
      for (int64_t column = 0; column < b.columns; ++column)
        if (elements.count(b.element(row, column)))
          return true;
    return false;
  }

  void launch(Operation *op) {
    ++launches;
    Operands operands;
    std::vector<Place> inputs;
    bool hasOut = !isa<CacheUpdateOp>(op);
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      auto type = dyn_cast<MemRefType>(value.getType());
      if (type && type.getRank() == 2) {
        if (hasOut && operand.getOperandNumber() == op->getNumOperands() - 1)
          continue;
        inputs.push_back(placeOf(value));
        operands.rows.push_back(read(inputs.back()));
      } else if (isa<PackedType>(value.getType())) {
        operands.others = mix(operands.others, weights.at(key(value)));
      } else if (value.getType().isIndex()) {
        operands.slot = indices.at(key(value));
      }
    }
    Place out = hasOut ? placeOf(op->getOperands().back()) : inputs[0];
    bool columnwise = isa<MatmulOp>(op), anywhere = isa<AttentionOp>(op);
    for (size_t i = 0; i < inputs.size(); ++i) {
      // Read everywhere: x of a product, queries, rows to gather. The rest is split as the output is.
      bool all = anywhere || isa<GatherRowsOp>(op) || (columnwise && i == 0);
      touchAll(op, inputs[i], all ? 'a' : columnwise ? 'p' : 'r', false, out.rows);
      bool inPlace = !all && (isa<MatmulOp, ElementwiseOp>(op) || (isa<RMSNormOp, RopeOp>(op) && i == 0));
      if (hasOut && overlap(inputs[i], out) && !(inPlace && same(inputs[i], out)))
        problem(op, "writes over operand " + std::to_string(i));
    }
    if (isa<CacheUpdateOp, AttentionOp>(op))
      for (int64_t thread = 0; thread < numThreads; ++thread)
        for (int64_t row = 0; row < numTokens; ++row) {
          bool own = row >= numTokens * thread / numThreads && row < numTokens * (thread + 1) / numThreads;
          if (own || anywhere)
            touch(op, {-1, operands.slot * numTokens + row}, thread, !hasOut);
        }
    Grid result = compute(op, operands, out.rows, out.columns, state);
    if (!hasOut)
      return;
    touchAll(op, out, anywhere ? 'a' : columnwise ? 'p' : 'r', true, out.rows);
    for (int64_t row = 0; row < out.rows; ++row) {
      for (int64_t column = 0; column < out.columns; ++column)
        if (size_t element = out.element(row, column); element < memories[out.memory].size())
          memories[out.memory][element] = result.at(row, column);
      // A product also writes its last panel's padding.
      for (int64_t column = out.columns; columnwise && column % 16 != 0; ++column)
        if (size_t element = out.element(row, column); element < memories[out.memory].size())
          memories[out.memory][element] = launches;
    }
  }

  void run(Block &block) {
    for (Operation &op : block) {
      if (auto get = dyn_cast<GetWeightOp>(op)) {
        weights[key(get)] = weightHash(get, indices);
      } else if (auto buffer = dyn_cast<BufferOp>(op)) {
        places[key(buffer)] = {static_cast<int64_t>(buffer.getSlot()), 0, 0, rowCount(buffer.getRowsKind()), 0};
      } else if (isa<BarrierOp>(op)) {
        touched.clear();
      } else if (auto layers = dyn_cast<LayersOp>(op)) {
        std::map<int64_t, int64_t> seen;
        for (auto [layerClass, slot] : llvm::zip(layers.getClasses(), layers.getSlots())) {
          Block &body = layers.getBodies()[layerClass].front();
          indices[key(body.getArgument(0))] = slot;
          indices[key(body.getArgument(1))] = seen[layerClass]++;
          run(body);
        }
      } else if (!isa<ColumnsOp, YieldOp>(op)) {
        launch(&op);
      }
    }
  }
};

} // namespace

Outcome runTensors(ModuleOp module) {
  TensorRun run;
  run.run((*module.getOps<func::FuncOp>().begin()).getBody().front());
  run.outcome.state = run.state;
  return run.outcome;
}

Outcome runBuffers(ModuleOp module, std::vector<std::string> &problems) {
  auto program = *module.getOps<ProgramOp>().begin();
  BufferRun run(problems);
  size_t next = 0;
  for (int64_t sizes : program.getSlotSizes()) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < sizes; ++i, next += 2)
      bytes = std::max(bytes, program.getSlots()[next] * rowCount(static_cast<DimKind>(program.getSlots()[next + 1])));
    run.memories.push_back(std::vector<Hash>(bytes / 4));
  }
  Outcome outcome;
  std::vector<BlockArgument> outputs;
  int64_t firstOutput = program.getNumInputs();
  for (int64_t i = 0; i < static_cast<int64_t>(program.getNumOutputs()); ++i) {
    BlockArgument argument = program.getBody().getArgument(firstOutput + i);
    auto role = cast<transformer::RoleAttr>(program.getRoles()[firstOutput + i]).getValue();
    int64_t rows = role == transformer::Role::Logits ? numRows : numTokens;
    int64_t memory = run.memories.size();
    run.memories.push_back(std::vector<Hash>(rows * rowStride(cast<MemRefType>(argument.getType()))));
    run.places[BufferRun::key(argument)] = {memory, 0, 0, rows, 0};
    outputs.push_back(argument);
  }
  run.run(program.getBody().front());
  for (BlockArgument output : outputs)
    outcome.outputs.push_back(run.read(run.placeOf(output)));
  outcome.state = run.state;
  return outcome;
}

} // namespace llmc::test
