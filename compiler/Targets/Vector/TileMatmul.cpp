// TileMatmul.cpp - quantised rows times panels of codes, 16 rows by 16 columns and a segment of K at a time.
//
// A tile product gives the whole-numbered sums of a segment for 16 rows and a panel; they go through memory, since
// nothing else takes them to vector registers, and one step of each element's f32 chain takes them in. The products of
// a segment, the store of the one before, and the steps of the one before that run side by side, from one chain into
// the next. Codes are turned to
// bytes once for all rows, in the frame, where offsets are taken off: whole numbers, the same in any order.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/TileMatmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llmc/step_abi.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::PackedType;

namespace {

/// Bytes of numbers in the frame: what QuantizedMatmul.cpp turns to numbers there.
constexpr int64_t kExpandedBytes = 400 << 10;
/// Bytes of a tile of sums in memory.
constexpr int64_t kSumsBytes = ByteTiles::kRows * kLanes * 4;
/// Tiles of rows in a usual step of a prompt.
constexpr int64_t kUsualTiles = 512 / ByteTiles::kRows;
static_assert(kExpandedBytes + 8 * kSumsBytes <= LLMC_STEP_STACK_BYTES - (64 << 10), "spills and tables aside");

int64_t numbersBytes(PackedType weight) { return weight.getK() * kLanes; }

} // namespace

int64_t TileMatmul::mostPanels(PackedType weight, int64_t segment) {
  return segment <= 64 ? kExpandedBytes / (weight.getStreams() * numbersBytes(weight)) : 0;
}

TileMatmul::TileMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments, CodesReader &reader,
                       int64_t panels)
    : b(b), op(op), arguments(arguments), reader(reader), tiles(*arguments.backend->byteTiles()),
      weight(op.getWeight().getType()), row(weight, op.segmentSize()),
      xStride(kernel::rowStride(cast<MemRefType>(op.getX().getType()))), streams(weight.getStreams()),
      segments(weight.getK() / reader.segment()), width(panels) {
  // Codes of 8 bits less any other offset might not be signed bytes.
  areSigned = reader.offset() != 0 && (!reader.areNumbers() || reader.offset() == 128);
  startsBehind = reader.offset() != 0 && !areSigned;
  shapes = b.frame(tiles.shapeBytes());
  slots = b.frame(2 * kSumsBytes);
  sums = b.frame(streams * kSumsBytes);
  if (areSigned || !reader.areNumbers())
    expanded = b.frame(width * streams * numbersBytes(weight));
}

/// Turns the codes of `vectors` panels side by side from `panels` on to numbers.
void TileMatmul::expand(Value panels, Value vectors) {
  int64_t step = reader.step();
  VectorType bytes = b.vec(kNumbers, b.getI8Type());
  b.forLoop(b.i64(0), vectors, 1, [&](Value v) {
    Value from = b.at(panels, b.mul(v, weight.getPanelBytes()));
    Value to = b.at(expanded, b.mul(v, numbersBytes(weight)));
    b.forLoop(b.i64(0), b.i64(weight.getK() / step), 1, [&](Value i) {
      for (auto [part, numbers] : llvm::enumerate(reader.numbers(from, i))) {
        if (areSigned) {
          APInt offset(8, static_cast<uint64_t>(reader.offset()));
          numbers =
              arith::SubIOp::create(b, numbers, arith::ConstantOp::create(b, DenseElementsAttr::get(bytes, offset)));
        }
        b.store(numbers, b.at(to, b.add(b.mul(i, step * kLanes), static_cast<int64_t>(part) * kNumbers)), 64);
      }
    });
  });
}

/// With each tile of rows asks for a part of the panels behind `group`, which are turned to numbers next: that would
/// wait for memory.
void TileMatmul::prefetchNext(Value group, Value row) {
  int64_t panelBytes = weight.getPanelBytes() * streams, bytes = width * panelBytes;
  int64_t part = (bytes + kUsualTiles * kLineBytes - 1) / (kUsualTiles * kLineBytes) * kLineBytes;
  Value next = b.at(arguments.value(op.getWeight()), b.mul(b.add(group, width), panelBytes));
  Value from = b.mul(b.div(row, ByteTiles::kRows), part);
  b.forLoop(from, b.min(b.add(from, part), b.i64(bytes)), kLineBytes,
            [&](Value offset) { b.prefetch(b.at(next, offset), CacheLevel::Second); });
}

/// Asks for what the epilogue of 16 rows and a panel reads and writes.
void TileMatmul::prefetchResults(Value firstRow, Value panel) {
  SmallVector<Value> places(op.getExtras());
  if (!llvm::is_contained(places, op.getOuts()[0]))
    places.push_back(op.getOuts()[0]);
  for (Value place : places) {
    if (!isa<MemRefType>(place.getType()))
      continue;
    RowsInMemory memory = arguments.rows(place);
    Value first = b.at(memory.row(b, firstRow), b.mul(panel, kLanes * 4));
    for (int64_t r = 0; r < ByteTiles::kRows; ++r)
      b.prefetch(b.at(first, r * memory.stride * 4), CacheLevel::First);
  }
}

Value TileMatmul::slot(unsigned half) { return b.at(slots, half * kSumsBytes); }

/// Starts the products of a segment in the `half` of the registers.
void TileMatmul::startSegment(const Operands &chain, unsigned half, Value segment) {
  unsigned sum = ByteTiles::kSums[half], x = ByteTiles::kActivations[half], w = ByteTiles::kNumbers[half];
  tiles.load(b, x, b.at(chain.xRow, b.mul(segment, reader.segment())), xStride);
  Value numbers = expanded ? b.at(chain.numbers, b.mul(segment, reader.segment() * kLanes))
                           : reader.codesOf(chain.numbers, segment);
  tiles.load(b, w, numbers, kNumbers);
  tiles.zero(b, sum);
  tiles.dot(b, sum, x, w, areSigned);
}

/// Puts what was started in the `half` of the registers into its slot.
void TileMatmul::storeSegment(unsigned half) { tiles.store(b, ByteTiles::kSums[half], slot(half), kLanes * 4); }

/// One step of 16 rows' chains: takes in the whole numbers of `segment` that stand in a slot.
SmallVector<Value> TileMatmul::addSegment(ValueRange sums, const Operands &chain, unsigned half, Value segment) {
  VectorType words = b.vec(kLanes, b.getI32Type());
  SmallVector<Value> next(sums);
  Value scale = reader.scale(chain.panel, segment), zeros, offset = b.mul(segment, 4);
  if (reader.hasZeros())
    zeros = arith::SIToFPOp::create(b, b.vecF32(), reader.zero(chain.panel, segment));
  auto ofRow = [&](int64_t r, int64_t place) { return b.at(chain.xRow, b.add(offset, r * xStride + place)); };
  for (int64_t r = 0; r < ByteTiles::kRows; ++r) {
    Value whole = b.load(words, b.at(slot(half), r * kLanes * 4), 64);
    if (startsBehind)
      whole = arith::AddIOp::create(b, whole, b.broadcast(b.loadI32(ofRow(r, row.sums))));
    Value exact = arith::SIToFPOp::create(b, b.vecF32(), whole);
    if (zeros) // whole numbers below 2^24: what zero points take off is exact
      exact = b.fma(zeros, b.broadcast(b.load(b.f32(), ofRow(r, row.sums))), exact);
    next[r] = b.fma(exact, b.fmul(scale, b.broadcast(b.load(b.f32(), ofRow(r, row.scales)))), next[r]);
  }
  if (reader.hasMinimum()) {
    Value minimum = reader.minimum(chain.panel, segment);
    for (int64_t r = 0; r < ByteTiles::kRows; ++r)
      next[r] = b.fma(minimum, b.broadcast(b.load(b.f32(), ofRow(r, row.sums))), next[r]);
  }
  return next;
}

/// Brings a chain to where chain() takes it over: segment 0 in slot 0, the products of segment 1 on their way.
void TileMatmul::startChain(const Operands &chain) {
  startSegment(chain, 0, b.i64(0));
  storeSegment(0);
  if (segments > 1)
    startSegment(chain, 1, b.i64(1));
}

/// A chain of 16 rows and a panel; stores the f32 sums to `target`. Leaves `next` as startChain() does: a product takes
/// long to come, and so it runs behind the last steps of this one.
void TileMatmul::chain(const Operands &own, const Operands &next, Value target) {
  SmallVector<Value> sums(ByteTiles::kRows, b.constant(b.vecF32(), 0.0));
  // A turn has whole numbers of segment s in slot 0 and products of s + 1 on their way.
  auto turn = [&](ValueRange carried, Value s, const Operands &after, Value first, Value second) {
    storeSegment(1);
    startSegment(after, 0, first);
    SmallVector<Value> added = addSegment(carried, own, 0, s);
    storeSegment(0);
    if (second)
      startSegment(after, 1, second);
    return addSegment(added, own, 1, b.add(s, 1));
  };
  bool odd = segments % 2;
  int64_t last = segments - (odd ? 3 : 2); // the last turn's segment
  if (last > 0)
    sums = b.forLoop(b.i64(0), b.i64(last), 2, sums,
                     [&](Value s, ValueRange carried) { return turn(carried, s, own, b.add(s, 2), b.add(s, 3)); });
  if (last >= 0 && odd)
    sums = turn(sums, b.i64(last), own, b.i64(last + 2), {});
  else if (last >= 0)
    sums = turn(sums, b.i64(last), next, b.i64(0), b.i64(1));
  if (odd) {
    startSegment(next, 0, b.i64(0));
    sums = addSegment(sums, own, 0, b.i64(segments - 1));
    storeSegment(0);
    if (segments > 1)
      startSegment(next, 1, b.i64(1));
  }
  for (int64_t r = 0; r < ByteTiles::kRows; ++r)
    b.store(sums[r], b.at(target, r * kLanes * 4), 64);
}

void TileMatmul::emit(Value from, Value to) {
  Value x = arguments.value(op.getX()), rows = arguments.count;
  tiles.begin(b, shapes, reader.segment());
  b.forLoop(from, to, width, [&](Value group) {
    Value panels = b.min(b.sub(to, group), b.i64(width)), vectors = b.mul(panels, streams);
    Value first = b.at(arguments.value(op.getWeight()), b.mul(group, weight.getPanelBytes() * streams));
    if (expanded)
      expand(first, vectors);
    // The last tile begins where it is full: its first rows are computed again, and not stored.
    Value lastRow = b.sub(rows, b.i64(ByteTiles::kRows));
    auto operands = [&](Value row, Value v) {
      Value panel = b.at(first, b.mul(v, weight.getPanelBytes()));
      return Operands{b.at(x, b.mul(row, xStride)), panel,
                      expanded ? b.at(expanded, b.mul(v, numbersBytes(weight))) : panel};
    };
    startChain(operands(b.i64(0), b.i64(0)));
    b.forLoop(b.i64(0), rows, ByteTiles::kRows, [&](Value wanted) {
      Value firstRow = b.min(wanted, lastRow), nextRow = b.min(b.add(wanted, ByteTiles::kRows), lastRow);
      prefetchNext(group, wanted);
      b.forLoop(b.i64(0), panels, 1, [&](Value p) {
        prefetchResults(firstRow, b.add(group, p));
        b.forLoop(b.i64(0), b.i64(streams), 1, [&](Value stream) {
          Value v = b.add(b.mul(p, streams), stream), after = b.add(v, 1);
          Value same = b.less(after, vectors);
          Value row = arith::SelectOp::create(b, same, firstRow, nextRow);
          Operands next = operands(row, arith::SelectOp::create(b, same, after, b.i64(0)));
          chain(operands(firstRow, v), next, b.at(sums, b.mul(stream, kSumsBytes)));
        });
        b.forLoop(b.sub(wanted, firstRow), b.i64(ByteTiles::kRows), 1, [&](Value r) {
          SmallVector<Value> own;
          for (int64_t stream = 0; stream < streams; ++stream)
            own.push_back(b.load(b.vecF32(), b.at(sums, b.add(b.mul(r, kLanes * 4), stream * kSumsBytes)), 64));
          storeResults(b, op, arguments, /*rows=*/1, /*width=*/1, b.add(firstRow, r), b.add(group, p), own);
        });
      });
    });
  });
  tiles.end(b);
}
