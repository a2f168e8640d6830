// QuantizedMatmul.cpp - quantised rows times panels of codes, in whole numbers; and what makes such rows.
//
// A segment of 16 or 32 columns is a chain of integer dot products into one accumulator of 16 i32, exact; then one step
// of the element's f32 chain takes it in, with both scales. So every variant and every tile gives the same bits.
// Few rows: groups of panels that stay in the second-level cache, codes turned to numbers in registers. Many rows: a
// few panels at a time, whose codes of four bits are turned to bytes once for all rows; with tiles of bytes, where the
// target has them (TileMatmul.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Codes.h"
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/TileMatmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llmc/step_abi.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::PackedType;
using kernel::QuantizedRow;

namespace {

/// Rows from which a few panels are walked by all rows before the next ones are: the panels are then in the first or
/// second-level cache, and codes of four bits are turned to bytes once.
constexpr int64_t kManyRows = 12;
/// Row counts up to which the weights' way from memory is what takes the time.
constexpr int64_t kPrefetchRows = 2;
/// Consecutive k of whose numbers registers hold those of all panels of a tile.
constexpr int64_t kShortStep = 8;
/// Bytes of codes turned to numbers in the frame.
constexpr int64_t kExpandedBytes = 400 << 10;
static_assert(kExpandedBytes <= LLMC_STEP_STACK_BYTES - (64 << 10), "spills and tables aside");

struct QuantizedMatmulEmitter {
  VectorBuilder &b;
  kernel::MatmulOp op;
  const KernelArguments &arguments;
  PackedType weight;
  CodesReader reader;
  QuantizedRow row;
  Value x;
  int64_t xStride, streams, segments, mostSums;
  ProductTiling tiling;
  RegisterTile manyTile;
  std::optional<TileMatmul> tileRows; ///< what multiplies many rows instead
  Value expanded;                     ///< frame memory: [vectors][K][16] numbers

  QuantizedMatmulEmitter(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments)
      : b(b), op(op), arguments(arguments), weight(op.getWeight().getType()),
        reader(b, weight, op.segmentSize(), *arguments.backend), row(weight, op.segmentSize()),
        x(arguments.value(op.getX())), xStride(kernel::rowStride(cast<MemRefType>(op.getX().getType()))),
        streams(weight.getStreams()), segments(weight.getK() / reader.segment()),
        mostSums(arguments.backend->tileMachine(/*quantised=*/true).accumulators),
        tiling(tilingOf(op, *arguments.backend)), manyTile(tiling.many) {
    if (arguments.backend->byteTiles() && TileMatmul::mostPanels(weight, reader.segment()) > 0) {
      tileRows.emplace(b, op, arguments, reader, tiling.many.panels);
      return;
    }
    int64_t bytes = manyTile.panels * streams * kLanes * weight.getK();
    if (!reader.areNumbers() && bytes <= kExpandedBytes)
      expanded = b.frame(bytes);
  }

  /// One register tile: `rows` rows from `firstRow`, `width` panels from `panel`; with `bytes` their codes stand in the
  /// frame as numbers. Weights are asked for `ahead` bytes before they are taken; 0: not at all.
  void tile(int64_t rows, int64_t width, Value firstRow, Value panel, bool bytes, int64_t ahead) {
    int64_t vectors = width * streams;
    Value first = b.at(arguments.value(op.getWeight()), b.mul(panel, weight.getPanelBytes() * streams));
    SmallVector<Value> panels, codes;
    for (int64_t v = 0; v < vectors; ++v) {
      panels.push_back(b.at(first, v * weight.getPanelBytes()));
      codes.push_back(bytes ? b.at(expanded, v * kLanes * weight.getK()) : panels.back());
    }
    Value xRow = b.at(x, b.mul(firstRow, xStride));
    auto add = [&](int64_t from, int64_t count) {
      auto own = [&](ArrayRef<Value> places) { return places.slice(from, count); };
      return addSegments(rows, own(panels), own(codes), xRow, bytes, ahead);
    };
    // Few rows wait for memory, which comes fastest byte after byte: one panel is read to its end before the next.
    int64_t most = !bytes && rows <= tiling.limitedRows && width == 1 ? 1 : mostSums;
    storeResults(b, op, arguments, rows, width, firstRow, panel, streamsInTurn(rows, vectors, streams, most, add));
  }

  /// The sums of a tile of `rows` rows with these panels, whose codes lie at `codes`: [rows][panels] of 16 f32.
  SmallVector<Value> addSegments(int64_t rows, ArrayRef<Value> panels, ArrayRef<Value> codes, Value xRow, bool bytes,
                                 int64_t ahead) {
    int64_t vectors = static_cast<int64_t>(panels.size());
    SmallVector<Value> sums(rows * vectors, b.constant(b.vecF32(), 0.0));
    return b.forLoop(b.i64(0), b.i64(segments), 1, sums, [&](Value s, ValueRange carried) {
      SmallVector<Value> next(carried);
      SmallVector<Value> whole = dots(rows, vectors, codes, xRow, s, bytes);
      SmallVector<Value> scales, zeros;
      if (ahead)
        reader.prefetch(panels[0], vectors, s, ahead);
      for (Value p : panels) {
        scales.push_back(reader.scale(p, s));
        if (reader.hasZeros())
          zeros.push_back(arith::SIToFPOp::create(b, b.vecF32(), reader.zero(p, s)));
      }
      for (int64_t r = 0; r < rows; ++r) {
        Value codesTaken; // whole numbers below 2^24: what zero points take off is exact
        if (reader.hasZeros())
          codesTaken = b.broadcast(b.load(b.f32(), sumPlace(xRow, r, s)));
        Value d = b.broadcast(b.load(b.f32(), b.at(xRow, b.add(b.mul(s, 4), r * xStride + row.scales))));
        for (int64_t v = 0; v < vectors; ++v) {
          Value exact = arith::SIToFPOp::create(b, b.vecF32(), whole[r * vectors + v]);
          if (codesTaken)
            exact = b.fma(zeros[v], codesTaken, exact);
          Value &sum = next[r * vectors + v];
          sum = b.fma(exact, b.fmul(scales[v], d), sum);
        }
      }
      if (reader.hasMinimum())
        for (int64_t v = 0; v < vectors; ++v) {
          Value minimum = reader.minimum(panels[v], s);
          for (int64_t r = 0; r < rows; ++r)
            next[r * vectors + v] =
                b.fma(minimum, b.broadcast(b.load(b.f32(), sumPlace(xRow, r, s))), next[r * vectors + v]);
        }
      return next;
    });
  }

  Value sumPlace(Value xRow, int64_t r, Value s) { return b.at(xRow, b.add(b.mul(s, 4), r * xStride + row.sums)); }

  /// The whole-numbered sums of segment s, [rows][vectors] of 16 i32.
  SmallVector<Value> dots(int64_t rows, int64_t vectors, ArrayRef<Value> codes, Value xRow, Value s, bool bytes) {
    VectorType words = b.vec(kLanes, b.getI32Type()), byteVector = b.vec(kNumbers, b.getI8Type());
    int64_t segment = reader.segment(), step = bytes ? 4 : reader.step();
    bool isSigned = reader.offset() == 128 && arguments.backend->dotsSigned();
    SmallVector<Value> sums;
    for (int64_t r = 0; r < rows; ++r) {
      Value start = reader.offset() && !isSigned
                        ? b.broadcast(b.loadI32(sumPlace(xRow, r, s)))
                        : arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, 0)));
      for (int64_t v = 0; v < vectors; ++v)
        sums.push_back(start);
    }
    for (int64_t from = 0; from < segment; from += step) {
      SmallVector<SmallVector<Value, 8>> numbers(vectors);
      auto load = [&](int64_t v) {
        if (bytes)
          numbers[v] = {b.load(byteVector, b.at(codes[v], b.add(b.mul(s, segment * kLanes), from * kLanes)), 64)};
        else
          numbers[v] = reader.numbers(codes[v], b.add(b.mul(s, segment / step), from / step));
      };
      auto multiply = [&](int64_t part, int64_t firstVector, int64_t count) {
        for (int64_t r = 0; r < rows; ++r) {
          Value four = b.loadI32(b.at(xRow, b.add(b.mul(s, segment), r * xStride + from + 4 * part)));
          Value activations = vector::BitCastOp::create(b, byteVector, b.broadcast(four));
          for (int64_t v = firstVector; v < firstVector + count; ++v) {
            Value &sum = sums[r * vectors + v];
            sum = isSigned ? arguments.backend->dotSigned(b, sum, numbers[v][part], activations)
                           : arguments.backend->dot(b, sum, numbers[v][part], activations, reader.areSmall());
          }
        }
      };
      if (step > kShortStep) {
        // So many numbers of all panels are more than registers hold.
        for (int64_t v = 0; v < vectors; ++v) {
          load(v);
          for (int64_t part = 0; part < step / 4; ++part)
            multiply(part, v, 1);
        }
        continue;
      }
      for (int64_t v = 0; v < vectors; ++v)
        load(v);
      for (int64_t part = 0; part < step / 4; ++part)
        multiply(part, 0, vectors);
    }
    return sums;
  }

  //===-- few rows ------------------------------------------------------------------------------------------------===//

  /// All rows times panels `from` .. `to`, tiles of fewer rows than `most`.
  void fewRows(Value from, Value to) {
    walkTiles(b, arguments.backend->integerTiles(streams), tiling, arguments.count, from, to,
              [&](int64_t rows, int64_t panels, Value row, Value panel) {
                tile(rows, panels, row, panel, /*bytes=*/false, rows <= kPrefetchRows ? tiling.ahead : 0);
              });
  }

  //===-- many rows -----------------------------------------------------------------------------------------------===//

  /// Turns the codes of `width` panels to numbers.
  void expand(int64_t width, Value panel) {
    Value first = b.at(arguments.value(op.getWeight()), b.mul(panel, weight.getPanelBytes() * streams));
    int64_t step = reader.step();
    b.forLoop(b.i64(0), b.i64(weight.getK() / step), 1, [&](Value i) {
      for (int64_t v = 0; v < width * streams; ++v) {
        Value panel = b.at(first, v * weight.getPanelBytes());
        for (auto [part, numbers] : llvm::enumerate(reader.numbers(panel, i))) {
          int64_t offset = v * kLanes * weight.getK() + static_cast<int64_t>(part) * kNumbers;
          b.store(numbers, b.at(expanded, b.add(b.mul(i, step * kLanes), offset)), 64);
        }
      }
    });
  }

  /// All rows times `width` panels from `panel` on.
  void manyRows(int64_t width, Value panel) {
    if (expanded)
      expand(width, panel);
    Value from = b.i64(0);
    SmallVector<int64_t> tileRows = {manyTile.rows};
    for (int64_t rows : {4, 2, 1})
      if (rows < manyTile.rows)
        tileRows.push_back(rows);
    for (int64_t rows : tileRows) {
      Value end = b.add(from, b.mul(b.div(b.sub(arguments.count, from), rows), rows));
      b.forLoop(from, end, rows,
                [&](Value r) { tile(rows, width, r, panel, static_cast<bool>(expanded), /*ahead=*/0); });
      from = end;
    }
  }

  void emit() {
    auto [first, last] = threadShare(b, arguments, b.i64(weight.getPanels()));
    Value from = first, to = last;
    if (tileRows)
      return b.ifThenElse(
          b.lessEqual(b.i64(ByteTiles::kRows), arguments.count), [&] { tileRows->emit(from, to); },
          [&] { fewRows(from, to); });
    b.ifThenElse(
        b.lessEqual(b.i64(kManyRows), arguments.count),
        [&] {
          Value panel = from;
          for (int64_t width = manyTile.panels; width >= 1; --width) {
            Value end = b.add(panel, b.mul(b.div(b.sub(to, panel), width), width));
            b.forLoop(panel, end, width, [&](Value p) { manyRows(width, p); });
            panel = end;
          }
        },
        [&] { fewRows(from, to); });
  }
};

} // namespace

void llmc::vector_emit::emitQuantizedMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments) {
  QuantizedMatmulEmitter(b, op, arguments).emit();
}

//===-- quantize
//----------------------------------------------------------------------------------------------------===//

namespace {

/// 1.5 * 2^23: added to an f32 of magnitude below 2^22 it leaves the number, rounded to the nearest whole one, halves
/// to even, in the low bits.
constexpr float kRounding = 12582912.0f;
/// Below, 127 / a might not be finite.
constexpr float kSmallest = 0x1p-100f;

struct RowQuantizer {
  VectorBuilder &b;
  kernel::QuantizeOp op;
  int64_t segment;
  kernel::RowSums sums;
  QuantizedRow layout;
  Value norm, order; ///< tables, or null

  /// 16 columns from `column` of the row at `source`: normed and in order.
  Value columns(Value source, Value scale, Value column) {
    Value value, weight, offset = b.mul(column, 4);
    if (order) {
      // The order is kept as f32, exact below 2^24.
      Value places = arith::FPToSIOp::create(b, b.vec(kLanes, b.getI32Type()), b.load(b.vecF32(), b.at(order, offset)));
      value = b.constant(b.vecF32(), 0.0);
      weight = norm ? value : Value();
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        Value place = b.mul(b.widen(b.lane(places, lane)), 4);
        value = vector::InsertOp::create(b, b.load(b.f32(), b.at(source, place)), value, ArrayRef<int64_t>{lane});
        if (norm)
          weight = vector::InsertOp::create(b, b.load(b.f32(), b.at(norm, place)), weight, ArrayRef<int64_t>{lane});
      }
    } else {
      value = b.load(b.vecF32(), b.at(source, offset));
      weight = norm ? b.load(b.vecF32(), b.at(norm, offset)) : Value();
    }
    if (!norm)
      return value;
    if (float added = op.getNormOffset().convertToFloat(); added != 0.0f)
      weight = b.fadd(weight, b.constant(b.vecF32(), added));
    return b.fmul(b.fmul(value, scale), weight);
  }

  /// Quantises a row.
  void row(Value source, Value target, int64_t count) {
    Value scale;
    if (norm)
      scale = b.broadcast(rmsScale(b, source, count, op.getEpsilon().convertToFloat()));
    b.forLoop(b.i64(0), b.i64(count / segment), 1, [&](Value number) { quantize(source, scale, target, number); });
  }

  /// Quantises segment `number` of a row, whose norm multiplies by `normScale`.
  void quantize(Value source, Value normScale, Value target, Value number) {
    VectorType words = b.vec(kLanes, b.getI32Type());
    auto splat = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, static_cast<uint32_t>(value))));
    };
    SmallVector<Value> values;
    Value most; // bits of magnitudes are in the order of the magnitudes, and those of what is no number come last
    for (int64_t i = 0; i < segment; i += kLanes) {
      values.push_back(columns(source, normScale, b.add(b.mul(number, segment), i)));
      Value bits = arith::BitcastOp::create(b, words, values.back());
      bits = arith::AndIOp::create(b, bits, splat(0x7fffffff));
      most = most ? Value(arith::MaxSIOp::create(b, most, bits)) : bits;
    }
    Value largest = most;
    for (int64_t n = kLanes / 2; n >= 1; n /= 2)
      largest = arith::MaxSIOp::create(b, b.lanes(largest, 0, n), b.lanes(largest, n, n));
    largest = arith::BitcastOp::create(b, b.f32(), b.lane(largest, 0));
    Value scale = b.fdiv(largest, b.constant(b.f32(), 127.0));
    Value inverse = b.fdiv(b.constant(b.f32(), 127.0), largest);
    Value small = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, largest, b.constant(b.f32(), kSmallest));
    inverse = arith::SelectOp::create(b, small, b.constant(b.f32(), 0.0), inverse);
    b.store(scale, b.at(target, b.add(b.mul(number, 4), layout.scales)));
    Value wide = b.broadcast(inverse), sum;
    for (int64_t i = 0; i < segment; i += kLanes) {
      Value rounded = b.fadd(b.fmul(values[i / kLanes], wide), b.constant(b.vecF32(), kRounding));
      Value bits = arith::BitcastOp::create(b, words, rounded);
      b.store(arith::TruncIOp::create(b, b.vec(kLanes, b.getI8Type()), bits),
              b.at(target, b.add(b.mul(number, segment), i)), 16);
      // Small whole numbers: these sums are exact in any order.
      Value own = b.fsub(rounded, b.constant(b.vecF32(), kRounding));
      sum = sum ? b.fadd(sum, own) : own;
    }
    if (sums == kernel::RowSums::none)
      return;
    Value total = b.pairwiseSum(sum), place = b.at(target, b.add(b.mul(number, 4), layout.sums));
    if (sums == kernel::RowSums::scaled)
      return b.store(b.fmul(total, scale), place);
    if (sums == kernel::RowSums::taken)
      return b.store(b.fsub(b.constant(b.f32(), -0.0), total), place);
    // As an i32, and again by adding: what is not a number is then no number out of the range of i32.
    Value moved =
        b.fadd(b.fmul(total, b.constant(b.f32(), -static_cast<double>(op.getZero()))), b.constant(b.f32(), kRounding));
    Value whole = arith::BitcastOp::create(b, b.getI32Type(), moved);
    b.store(arith::SubIOp::create(b, whole, b.i32(0x4b400000)), place);
  }
};

} // namespace

void llmc::vector_emit::emitQuantize(VectorBuilder &b, kernel::QuantizeOp op, const KernelArguments &arguments) {
  RowsInMemory x = arguments.rows(op.getX());
  Value y = arguments.value(op.getOuts()[0]);
  int64_t stride = kernel::rowStride(cast<MemRefType>(op.getOuts()[0].getType()));
  int64_t segment = op.getSegment();
  RowQuantizer quantizer{b,
                         op,
                         segment,
                         op.getSums(),
                         QuantizedRow(x.columns, segment, op.getSums()),
                         op.getNorm() ? arguments.value(op.getNorm()) : Value(),
                         op.getOrder() ? arguments.value(op.getOrder()) : Value()};
  auto [first, last] = threadShare(b, arguments, arguments.count);
  b.forLoop(first, last, 1, [&](Value row) { quantizer.row(x.row(b, row), b.at(y, b.mul(row, stride)), x.columns); });
}
