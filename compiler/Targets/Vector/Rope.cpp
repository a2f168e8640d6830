// Rope.cpp - rotary angles and their application, and the cache that rotated keys go into.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Cache.h"
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llmc/step_abi.h"

#include <cstddef>

using namespace mlir;
using namespace llmc;

static_assert(offsetof(llmc_state_view, page_table) == 8 && offsetof(llmc_state_view, pages_per_sequence) == 16,
              "pageBlocks reads these fields");

namespace llmc::vector_emit {

static void forRows(VectorBuilder &b, const KernelArguments &arguments, llvm::function_ref<void(Value)> body) {
  auto [first, last] = threadShare(b, arguments, arguments.count);
  b.forLoop(first, last, 1, body);
}

void emitRopeTable(VectorBuilder &b, kernel::RopeTableOp op, const KernelArguments &arguments) {
  kernel::PackedType frequencies = op.getFrequencies().getType();
  RowsInMemory y = arguments.rows(op.getOuts()[0]);
  Value positions = arguments.value(op.getPositions()), table = arguments.value(op.getFrequencies());
  int64_t half = frequencies.getK();
  float factor = op.getAttentionFactor().convertToFloat();
  constexpr int64_t lanesF64 = 8;

  forRows(b, arguments, [&](Value row) {
    Value position32 = b.loadI32(b.at(positions, b.mul(row, 4)));
    Value tableRow = table;
    if (frequencies.getN() > 1) {
      Value wanted = b.add(b.widen(position32), 1 - static_cast<int64_t>(op.getRowStart()));
      Value r = b.min(b.max(wanted, b.i64(0)), b.i64(frequencies.getN() - 1));
      tableRow = b.at(table, b.mul(r, half * 4));
    }
    Value position = arith::SIToFPOp::create(b, b.f32(), position32);
    Value target = y.row(b, row);
    auto some = [&](Value column, int64_t lanes) {
      Value offset = b.mul(column, 4);
      Value frequency = b.load(b.vecF32(lanes), b.at(tableRow, offset));
      Value angle = b.fmul(b.broadcast(position, lanes), frequency);
      auto [sine, cosine] = emitSinCos(b, arith::ExtFOp::create(b, b.vec(lanes, b.getF64Type()), angle));
      Value m = b.constant(b.vecF32(lanes), factor);
      Value c = arith::TruncFOp::create(b, b.vecF32(lanes), cosine),
            s = arith::TruncFOp::create(b, b.vecF32(lanes), sine);
      b.store(b.fmul(c, m), b.at(target, offset));
      b.store(b.fmul(s, m), b.at(target, b.add(offset, half * 4)));
    };
    int64_t whole = half / lanesF64 * lanesF64;
    if (whole > 0)
      b.forLoop(b.i64(0), b.i64(whole), lanesF64, [&](Value column) { some(column, lanesF64); });
    if (whole < half)
      some(b.i64(whole), half - whole);
  });
}

void emitRope(VectorBuilder &b, kernel::RopeOp op, const KernelArguments &arguments) {
  RowsInMemory x = arguments.rows(op.getX()), y = arguments.rows(op.getOuts()[0]),
               table = arguments.rows(op.getTable());
  int64_t headDim = op.getHeadDim(), rotary = op.getRotaryDim(), half = rotary / 2;
  bool inPlace = op.getX() == op.getOuts()[0];

  auto rotate = [&](Value a, Value c, Value cosine, Value sine) -> std::pair<Value, Value> {
    return {b.fsub(b.fmul(a, cosine), b.fmul(c, sine)), b.fadd(b.fmul(c, cosine), b.fmul(a, sine))};
  };
  forRows(b, arguments, [&](Value row) {
    Value source = x.row(b, row), target = y.row(b, row), angles = table.row(b, row);
    b.forLoop(b.i64(0), b.i64(x.columns * 4), headDim * 4, [&](Value head) {
      Value from = b.at(source, head), to = b.at(target, head);
      forColumns(half, [&](int64_t i, int64_t lanes) {
        Value cosine = b.load(b.vecF32(lanes), b.at(angles, i * 4));
        Value sine = b.load(b.vecF32(lanes), b.at(angles, (half + i) * 4));
        if (op.getStyle() == kernel::RopeStyle::half) {
          Value a = b.load(b.vecF32(lanes), b.at(from, i * 4));
          Value c = b.load(b.vecF32(lanes), b.at(from, (half + i) * 4));
          auto [ya, yc] = rotate(a, c, cosine, sine);
          b.store(ya, b.at(to, i * 4));
          b.store(yc, b.at(to, (half + i) * 4));
          return;
        }
        Value both = b.load(b.vecF32(2 * lanes), b.at(from, 2 * i * 4));
        auto [ya, yc] = rotate(b.lanes(both, 0, lanes, 2), b.lanes(both, 1, lanes, 2), cosine, sine);
        SmallVector<int64_t> interleave;
        for (int64_t lane = 0; lane < lanes; ++lane) {
          interleave.push_back(lane);
          interleave.push_back(lanes + lane);
        }
        b.store(vector::ShuffleOp::create(b, ya, yc, interleave), b.at(to, 2 * i * 4));
      });
      if (!inPlace)
        forColumns(headDim - rotary, [&](int64_t i, int64_t lanes) {
          Value rest = b.load(b.vecF32(lanes), b.at(from, (rotary + i) * 4));
          b.store(rest, b.at(to, (rotary + i) * 4));
        });
    });
  });
}

PageBlocks pageBlocks(VectorBuilder &b, kernel::PageAttr page, Value stateView, Value sequence, Value pageOfSequence,
                      Value slot, Value head) {
  Value base = b.loadPointer(stateView);
  Value table = b.loadPointer(b.at(stateView, 8));
  Value perSequence = b.loadI64(b.at(stateView, 16));
  Value index = b.add(b.mul(sequence, perSequence), pageOfSequence);
  Value number = b.widen(b.loadI32(b.at(table, b.mul(index, 4))));
  Value offset = b.add(b.mul(number, page.getPageBytes()), b.mul(slot, page.getSlotBytes()));
  offset = b.add(offset, b.mul(head, 2 * page.getBlockBytes()));
  Value keys = b.at(base, offset);
  return {keys, b.at(keys, page.getBlockBytes())};
}

void emitCacheUpdate(VectorBuilder &b, kernel::CacheUpdateOp op, const KernelArguments &arguments) {
  kernel::PageAttr page = op.getPage();
  RowsInMemory k = arguments.rows(op.getK()), v = arguments.rows(op.getV());
  Value positions = arguments.value(op.getPositions()), sequences = arguments.value(op.getSequences());
  int64_t headDim = page.getHeadDim();
  CacheCells cells(b, page);
  const int64_t bytes = cells.bytes();

  forRows(b, arguments, [&](Value row) {
    Value position = b.widen(b.loadI32(b.at(positions, b.mul(row, 4))));
    Value sequence = b.widen(b.loadI32(b.at(sequences, b.mul(row, 4))));
    Value within = b.rem(position, page.getTokens());
    Value kRow = k.row(b, row), vRow = v.row(b, row);
    b.forLoop(b.i64(0), b.i64(page.getHeads()), 1, [&](Value head) {
      PageBlocks blocks = pageBlocks(b, page, arguments.value(op.getState()), sequence,
                                     b.div(position, page.getTokens()), arguments.value(op.getSlot()), head);
      Value headOffset = b.mul(head, headDim * 4);
      // K: the key's place among those of its chunk; V: a row.
      constexpr int64_t keys = kernel::PageAttr::chunkKeys;
      Value lane = b.add(b.mul(b.div(within, keys), headDim * keys * bytes), b.mul(b.rem(within, keys), bytes));
      Value kTarget = b.at(blocks.keys, lane), kSource = b.at(kRow, headOffset);
      Value kScale = cells.scaleOf(kSource);
      cells.storeScale(kScale, blocks.keys, within);
      b.forLoop(b.i64(0), b.i64(headDim), 1, [&](Value d) {
        cells.store(b.load(b.f32(), b.at(kSource, b.mul(d, 4))), kScale, b.at(kTarget, b.mul(d, keys * bytes)));
      });
      Value vTarget = b.at(blocks.values, b.mul(within, headDim * bytes)), vSource = b.at(vRow, headOffset);
      Value vScale = cells.scaleOf(vSource);
      cells.storeScale(vScale, blocks.values, within);
      forColumns(headDim, [&](int64_t d, int64_t lanes) {
        cells.store(b.load(b.vecF32(lanes), b.at(vSource, d * 4)), vScale, b.at(vTarget, d * bytes));
      });
    });
  });
}

} // namespace llmc::vector_emit
