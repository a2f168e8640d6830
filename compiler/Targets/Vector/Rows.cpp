// Rows.cpp - kernels that work row by row: embedding, norms, gathers, elementwise functions.
//
// Threads split the rows; within a row the order of every sum is fixed.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Codes.h"
#include "compiler/Targets/Vector/FloatPanels.h"
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace llmc;
using kernel::PackedType;

namespace llmc::vector_emit {

std::pair<Value, Value> threadShare(VectorBuilder &b, const KernelArguments &arguments, Value total) {
  Value first = b.div(b.mul(total, arguments.thread), arguments.threads);
  Value last = b.div(b.mul(total, b.add(arguments.thread, 1)), arguments.threads);
  return {first, last};
}

Value loadExtra(VectorBuilder &b, const KernelArguments &arguments, Value extra, Value row, Value column,
                int64_t lanes) {
  if (isa<PackedType>(extra.getType()))
    return b.load(b.vecF32(lanes), b.at(arguments.value(extra), b.mul(column, 4)));
  return b.load(b.vecF32(lanes), b.at(arguments.rows(extra).row(b, row), b.mul(column, 4)));
}

/// For each of this thread's rows.
static void forRows(VectorBuilder &b, const KernelArguments &arguments, llvm::function_ref<void(Value)> body) {
  auto [first, last] = threadShare(b, arguments, arguments.count);
  b.forLoop(first, last, 1, body);
}

/// Runs body(column value, lanes) over `columns` columns: a loop over whole vectors, then the remainder once.
static void forVectors(VectorBuilder &b, int64_t columns, llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = columns / kLanes * kLanes;
  if (whole > 0)
    b.forLoop(b.i64(0), b.i64(whole), kLanes, [&](Value column) { body(column, kLanes); });
  if (whole < columns)
    body(b.i64(whole), columns - whole);
}

//===-- embed
//---------------------------------------------------------------------------------------------------------===//

void emitEmbed(VectorBuilder &b, kernel::EmbedOp op, const KernelArguments &arguments) {
  PackedType table = op.getTable().getType();
  RowsInMemory y = arguments.rows(op.getOuts()[0]);
  Value ids = arguments.value(op.getIds()), weights = arguments.value(op.getTable());
  float scale = op.getScale().convertToFloat();
  if (table.getLayout() == kernel::PackedLayout::codes) {
    CodesReader reader(b, table, table.getCodes().segmentOf(table.getK()), *arguments.backend);
    Value factor = scale == 1.0f ? Value() : b.constant(b.f32(), scale);
    forRows(b, arguments, [&](Value row) {
      Value id = b.widen(b.loadI32(b.at(ids, b.mul(row, 4))));
      Value panel = b.at(weights, b.mul(b.div(id, kLanes), table.getPanelBytes() * table.getStreams()));
      reader.storeRow(panel, b.rem(id, kLanes), y.row(b, row), factor);
    });
    return;
  }
  Type element = table.getElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  auto finish = [&](Value value) { return scale == 1.0f ? value : b.fmul(value, b.constant(value.getType(), scale)); };

  forRows(b, arguments, [&](Value row) {
    Value id = b.widen(b.loadI32(b.at(ids, b.mul(row, 4))));
    Value out = y.row(b, row);
    if (table.getLayout() == kernel::PackedLayout::table) {
      Value source = b.at(weights, b.mul(id, table.getK() * 4));
      forVectors(b, table.getK(), [&](Value column, int64_t lanes) {
        Value offset = b.mul(column, 4);
        b.store(finish(b.load(b.vecF32(lanes), b.at(source, offset))), b.at(out, offset));
      });
      return;
    }
    // In panels a row's elements lie a panel's width apart; pairs of bf16 lie together.
    bool pairs = element.isBF16();
    int64_t group = pairs ? 2 : 1;
    FloatPanels panels(b, table, weights);
    Value source = b.at(panels.vector(b.div(id, kLanes), /*stream=*/0), b.mul(b.rem(id, kLanes), bytes * group));
    auto convert = [&](Value k, bool both) {
      Value address = b.at(source, b.mul(k, panels.stepBytes()));
      Value target = b.at(out, b.mul(k, 4));
      if (!pairs) {
        Value value = b.load(element, address, bytes);
        b.store(finish(element.isF32() ? value : Value(arith::ExtFOp::create(b, b.f32(), value))), target);
        return;
      }
      Value word = b.loadI32(address);
      Value even = arith::BitcastOp::create(b, b.f32(), arith::ShLIOp::create(b, word, b.i32(16)));
      b.store(finish(even), target);
      if (both) {
        Value odd = arith::AndIOp::create(b, word, b.i32(static_cast<int32_t>(0xffff0000)));
        b.store(finish(arith::BitcastOp::create(b, b.f32(), odd)), b.at(target, 4));
      }
    };
    int64_t whole = table.getK() / group * group;
    b.forLoop(b.i64(0), b.i64(whole), group, [&](Value k) { convert(k, true); });
    if (whole < table.getK())
      convert(b.i64(whole), false);
  });
}

//===-- norms
//---------------------------------------------------------------------------------------------------------===//

/// The sum over `group` columns of what `next` makes of 16 of them and the chains so far: chain i takes columns i, i +
/// 16, ...; lanes of the remainder that are past the group are zero in `next`'s input.
static Value sumOfColumns(VectorBuilder &b, Value from, int64_t group, llvm::function_ref<Value(Value)> prepare,
                          llvm::function_ref<Value(Value, Value)> next) {
  int64_t whole = group / kLanes * kLanes;
  Value sum = b.constant(b.vecF32(), 0.0);
  if (whole > 0)
    sum = b.forLoop(b.i64(0), b.i64(whole), kLanes, ValueRange{sum}, [&](Value column, ValueRange carried) {
      Value v = prepare(b.load(b.vecF32(), b.at(from, b.mul(column, 4))));
      return SmallVector<Value>{next(v, carried[0])};
    })[0];
  if (whole < group) {
    Value v = prepare(b.load(b.vecF32(group - whole), b.at(from, whole * 4)));
    Value wide = vector::InsertStridedSliceOp::create(b, v, b.constant(b.vecF32(), 0.0), ArrayRef<int64_t>{0},
                                                      ArrayRef<int64_t>{1});
    sum = next(wide, sum);
  }
  return b.pairwiseSum(sum);
}

/// 1 / sqrt(squares / group + epsilon)
static Value inverseRoot(VectorBuilder &b, Value squares, int64_t group, float epsilon) {
  Value mean = b.fdiv(squares, b.constant(b.f32(), static_cast<double>(group)));
  Value root = b.sqrt(b.fadd(mean, b.constant(b.f32(), epsilon)));
  return b.fdiv(b.constant(b.f32(), 1.0), root);
}

/// For each of this thread's rows and each group of columns: where it is read and where written.
static void forGroups(VectorBuilder &b, const KernelArguments &arguments, const RowsInMemory &x, const RowsInMemory &y,
                      int64_t group, llvm::function_ref<void(Value, Value)> body) {
  forRows(b, arguments, [&](Value row) {
    Value source = x.row(b, row), target = y.row(b, row);
    auto one = [&](Value groupOffset) { body(b.at(source, groupOffset), b.at(target, groupOffset)); }; // in bytes
    if (group == x.columns)
      one(b.i64(0));
    else
      b.forLoop(b.i64(0), b.i64(x.columns * 4), group * 4, one);
  });
}

/// 16 columns of a norm's weight, its offset added.
static Value weightAt(VectorBuilder &b, Value weights, Value offset, int64_t lanes, float weightOffset) {
  Value w = b.load(b.vecF32(lanes), b.at(weights, offset));
  return weightOffset == 0.0f ? w : b.fadd(w, b.constant(w.getType(), weightOffset));
}

void emitLayerNorm(VectorBuilder &b, kernel::LayerNormOp op, const KernelArguments &arguments) {
  RowsInMemory x = arguments.rows(op.getX()), y = arguments.rows(op.getOuts()[0]);
  int64_t group = op.getWeight().getType().getK();
  Value weights = arguments.value(op.getWeight()), bias = op.getBias() ? arguments.value(op.getBias()) : Value();
  float weightOffset = op.getWeightOffset().convertToFloat();
  forGroups(b, arguments, x, y, group, [&](Value from, Value to) {
    Value sum = sumOfColumns(
        b, from, group, [](Value v) { return v; }, [&](Value v, Value chains) { return b.fadd(chains, v); });
    Value mean = b.fdiv(sum, b.constant(b.f32(), static_cast<double>(group)));
    auto difference = [&](Value v) {
      return b.fsub(v, b.broadcast(mean, cast<VectorType>(v.getType()).getDimSize(0)));
    };
    Value squares =
        sumOfColumns(b, from, group, difference, [&](Value d, Value chains) { return b.fma(d, d, chains); });
    Value scale = inverseRoot(b, squares, group, op.getEpsilon().convertToFloat());
    forVectors(b, group, [&](Value column, int64_t lanes) {
      Value offset = b.mul(column, 4);
      Value normed = b.fmul(difference(b.load(b.vecF32(lanes), b.at(from, offset))), b.broadcast(scale, lanes));
      Value result = b.fmul(normed, weightAt(b, weights, offset, lanes, weightOffset));
      if (bias)
        result = b.fadd(result, b.load(b.vecF32(lanes), b.at(bias, offset)));
      b.store(result, b.at(to, offset));
    });
  });
}

Value rmsScale(VectorBuilder &b, Value from, int64_t columns, float epsilon) {
  Value squares = sumOfColumns(
      b, from, columns, [](Value v) { return v; }, [&](Value v, Value chains) { return b.fma(v, v, chains); });
  return inverseRoot(b, squares, columns, epsilon);
}

void emitRMSNorm(VectorBuilder &b, kernel::RMSNormOp op, const KernelArguments &arguments) {
  RowsInMemory x = arguments.rows(op.getX()), y = arguments.rows(op.getOuts()[0]);
  int64_t group = op.getWeight().getType().getK();
  Value weights = arguments.value(op.getWeight());
  float weightOffset = op.getWeightOffset().convertToFloat();
  forGroups(b, arguments, x, y, group, [&](Value from, Value to) {
    Value scale = rmsScale(b, from, group, op.getEpsilon().convertToFloat());
    forVectors(b, group, [&](Value column, int64_t lanes) {
      Value offset = b.mul(column, 4);
      Value w = weightAt(b, weights, offset, lanes, weightOffset);
      Value normed = b.fmul(b.load(b.vecF32(lanes), b.at(from, offset)), b.broadcast(scale, lanes));
      b.store(b.fmul(normed, w), b.at(to, offset));
    });
  });
}

//===-- gather_rows, elementwise
//--------------------------------------------------------------------------------------===//

void emitGatherRows(VectorBuilder &b, kernel::GatherRowsOp op, const KernelArguments &arguments) {
  RowsInMemory x = arguments.rows(op.getX()), y = arguments.rows(op.getOuts()[0]);
  Value rows = arguments.value(op.getRows());
  forRows(b, arguments, [&](Value row) {
    Value source = x.row(b, b.widen(b.loadI32(b.at(rows, b.mul(row, 4))))), target = y.row(b, row);
    forVectors(b, x.columns, [&](Value column, int64_t lanes) {
      Value offset = b.mul(column, 4);
      b.store(b.load(b.vecF32(lanes), b.at(source, offset)), b.at(target, offset));
    });
  });
}

void emitElementwise(VectorBuilder &b, kernel::ElementwiseOp op, const KernelArguments &arguments) {
  RowsInMemory y = arguments.rows(op.getOuts()[0]);
  forRows(b, arguments, [&](Value row) {
    Value target = y.row(b, row);
    forVectors(b, y.columns, [&](Value column, int64_t lanes) {
      SmallVector<Value> values;
      for (Value input : op.getInputs())
        values.push_back(loadExtra(b, arguments, input, row, column, lanes));
      Value result = emitScalarBody(b, op.getBody().front(), values, lanes)[0];
      b.store(result, b.at(target, b.mul(column, 4)));
    });
  });
}

} // namespace llmc::vector_emit
