// Matmul.cpp - rows times packed panels in register tiles.
//
// Few rows: groups of panels that stay in the second-level cache, tiles of rows, tiles of panels, k; weights are
// decoded in registers. Many rows: a few panels at a time are decoded once into the function's frame, and all rows walk
// them. Every output element is one chain of fused multiply-adds over ascending k whatever the tile, so that tiles can
// be chosen for speed alone.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Codes.h"
#include "compiler/Targets/Vector/FloatPanels.h"
#include "compiler/Targets/Vector/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llmc/step_abi.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::PackedType;

namespace {

/// Row counts up to which the weights' way from memory is what takes the time: with vectors of 512 bits, and with
/// others, where addresses are short of registers, too.
constexpr int64_t kPrefetchRows = 8, kPrefetchRowsNarrow = 2;
/// k steps in one turn of the loop, a multiple of 2 for pairs.
constexpr int64_t kUnroll = 4;
/// Up to so many rows panels are worked through one by one, above activations are.
constexpr int64_t kFewRows = 2;
/// Rows from which weights that are not f32 are decoded once for all of them: decoding a vector costs about three
/// cycles, and a row uses it for half a one.
constexpr int64_t kManyRows = 32;
/// Bytes of decoded weights in the frame: a fifth of a second-level cache of 2 MiB, and with the sums below what
/// step_abi.h says of the stack.
constexpr int64_t kDecodedBytes = 400 << 10;
/// Decoded parts of k are multiples of this: of the loop's turn, and of the segments of codes.
constexpr int64_t kDecodedTurn = 32;
/// Where the decoded panels do not hold all of k: rows whose sums wait in the frame for the next part of k.
constexpr int64_t kBlockRows = 256;
/// Most rows of a tile of many rows, where few panels would leave registers for more: each has its own stream of
/// activations.
constexpr int64_t kMostTileRows = 12;
static_assert(kDecodedBytes + kBlockRows * kMostDecodedVectors * kLanes * 4 <= LLMC_STEP_STACK_BYTES, "spills aside");
/// Rows of a usual step of a prompt.
constexpr int64_t kUsualStep = 512;

struct MatmulEmitter {
  VectorBuilder &b;
  kernel::MatmulOp op;
  const KernelArguments &arguments;
  PackedType weight;
  RowsInMemory x, y;
  int64_t streams;
  ProductTiling tiling;
  RegisterTile decodedTile; ///< the tile of many rows
  int64_t prefetchRows, mostSums;
  std::optional<FloatPanels> floats;
  std::optional<CodesReader> codes; ///< of a weight of codes
  int64_t decodedK = 0;             ///< k that are decoded at a time; all of them where they fit
  Value decoded;                    ///< frame memory of many rows: [decodedK][vectors][16]
  Value waiting;                    ///< frame memory of sums between parts of k: [kBlockRows][vectors][16]

  MatmulEmitter(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments)
      : b(b), op(op), arguments(arguments), weight(op.getWeight().getType()), x(arguments.rows(op.getX())),
        y(arguments.rows(op.getOuts()[0])), streams(weight.getStreams()), tiling(tilingOf(op, *arguments.backend)),
        decodedTile(tiling.many),
        prefetchRows(arguments.backend->preferredVectorBits() == 512 ? kPrefetchRows : kPrefetchRowsNarrow),
        mostSums(arguments.backend->tileMachine(/*quantised=*/false).accumulators) {
    if (!weight.getCodes())
      floats.emplace(b, weight, arguments.value(op.getWeight()));
    if (weight.getElement().isF32())
      return;
    if (weight.getCodes())
      codes.emplace(b, weight, weight.getCodes().segmentOf(weight.getK()), *arguments.backend);
    int64_t vectorBytes = decodedTile.panels * streams * kLanes * 4;
    decodedK = std::min(weight.getK(), kDecodedBytes / vectorBytes / kDecodedTurn * kDecodedTurn);
    decoded = b.frame((decodedK + 1) * vectorBytes); // pairs of bf16 are decoded together
    if (decodedK < weight.getK())
      waiting = b.frame(kBlockRows * vectorBytes);
  }

  /// Where the panels of a tile are asked for ahead: with few rows a product waits for memory.
  struct Tile {
    int64_t rows, width;
    Value panel; ///< the first; null: nothing is asked for
  };

  /// Adds the products of k + kOffset .. k + kOffset + steps to the accumulators [rows][vectors].
  void accumulate(SmallVectorImpl<Value> &sums, const Tile &tile, ArrayRef<Value> panels, Value xRow, Value k,
                  int64_t kOffset, int64_t steps) {
    int64_t rows = tile.rows;
    bool pairs = weight.getElement().isBF16();
    Value place = tile.panel ? floats->placeAhead(tile.panel, tile.width, k, tiling.ahead) : Value();
    for (int64_t step = 0; step < steps; step += pairs ? 2 : 1) {
      int64_t width = pairs && step + 1 < steps ? 2 : 1;
      SmallVector<SmallVector<Value, 2>> weights(panels.size());
      for (int64_t part = 0; place && part < width; ++part)
        floats->prefetch(place, tile.width, kOffset + step + part);
      auto loadPanel = [&](size_t panel) {
        weights[panel] = floats->load(panels[panel], k, kOffset + step, width == 2);
      };
      auto multiply = [&](size_t panel, int64_t row, int64_t part) {
        Value address = b.at(xRow, b.add(b.mul(k, 4), (row * x.stride + kOffset + step + part) * 4));
        Value activation = b.broadcast(b.load(b.f32(), address));
        Value &sum = sums[row * panels.size() + panel];
        sum = b.fma(activation, weights[panel][part], sum);
      };
      if (rows <= kFewRows) {
        // Few activations, many panels: one panel's unpacked weights at a time are all that registers have to hold.
        for (size_t panel = 0; panel < panels.size(); ++panel) {
          loadPanel(panel);
          for (int64_t part = 0; part < width; ++part)
            for (int64_t row = 0; row < rows; ++row)
              multiply(panel, row, part);
        }
        continue;
      }
      for (size_t panel = 0; panel < panels.size(); ++panel)
        loadPanel(panel);
      for (int64_t part = 0; part < width; ++part)
        for (int64_t row = 0; row < rows; ++row)
          for (size_t panel = 0; panel < panels.size(); ++panel)
            multiply(panel, row, part);
    }
  }

  /// Adds all products with panels to the sums.
  SmallVector<Value> addPanels(SmallVector<Value> sums, const Tile &tile, ArrayRef<Value> panels, Value xRow) {
    int64_t whole = weight.getK() / kUnroll * kUnroll;
    if (whole > 0)
      sums = b.forLoop(b.i64(0), b.i64(whole), kUnroll, sums, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried);
        accumulate(next, tile, panels, xRow, k, 0, kUnroll);
        return next;
      });
    if (whole < weight.getK())
      accumulate(sums, tile, panels, xRow, b.i64(whole), 0, weight.getK() - whole);
    return sums;
  }

  /// The same with panels of codes, segment by segment.
  SmallVector<Value> addCodes(SmallVector<Value> sums, ArrayRef<Value> panels, Value xRow, int64_t rows) {
    int64_t segment = codes->segment();
    return b.forLoop(b.i64(0), b.i64(weight.getK() / segment), 1, sums, [&](Value s, ValueRange carried) {
      SmallVector<Value> next(carried);
      if (rows <= prefetchRows && tiling.ahead)
        codes->prefetch(panels[0], static_cast<int64_t>(panels.size()), s, tiling.ahead);
      SmallVector<CodesReader::Group> groups;
      for (Value panel : panels)
        groups.push_back(codes->group(panel, s));
      next = b.forLoop(b.i64(0), b.i64(segment), codes->step(), next, [&](Value from, ValueRange inner) {
        SmallVector<Value> added(inner);
        SmallVector<SmallVector<Value, 8>> numbers;
        Value k = b.add(b.mul(s, segment), from);
        for (Value panel : panels)
          numbers.push_back(codes->numbers(panel, b.div(k, codes->step())));
        for (int64_t i = 0; i < codes->step(); ++i)
          for (auto [p, four] : llvm::enumerate(numbers)) {
            Value element = codes->element(four[i / 4], i % 4, groups[p]);
            for (int64_t row = 0; row < rows; ++row) {
              Value address = b.at(xRow, b.add(b.mul(k, 4), (row * x.stride + i) * 4));
              Value &sum = added[row * panels.size() + p];
              sum = b.fma(b.broadcast(b.load(b.f32(), address)), element, sum);
            }
          }
        return added;
      });
      return next;
    });
  }

  /// Where the vectors of `width` panels from `panel` on begin: [width][streams].
  SmallVector<Value> vectorsOf(Value panel, int64_t width) {
    if (!codes)
      return floats->vectors(panel, width);
    Value first = b.at(arguments.value(op.getWeight()), b.mul(panel, weight.getPanelBytes() * streams));
    SmallVector<Value> vectors;
    for (int64_t v = 0; v < width * streams; ++v)
      vectors.push_back(b.at(first, v * weight.getPanelBytes()));
    return vectors;
  }

  /// One register tile: `rows` rows from `row`, `width` panels from `panel`.
  void tile(int64_t rows, int64_t width, Value row, Value panel) {
    SmallVector<Value> vectors = vectorsOf(panel, width);
    Value xRow = x.row(b, row);
    bool asks = rows <= prefetchRows && tiling.ahead;
    auto add = [&](int64_t from, int64_t count) {
      auto own = ArrayRef(vectors).slice(from, count);
      SmallVector<Value> sums(rows * count, b.constant(b.vecF32(), 0.0));
      Tile tile = {rows, width, asks && from == 0 ? panel : Value()};
      return codes ? addCodes(sums, own, xRow, rows) : addPanels(sums, tile, own, xRow);
    };
    finish(rows, width, row, panel, streamsInTurn(rows, width * streams, streams, mostSums, add));
  }

  void finish(int64_t rows, int64_t width, Value row, Value panel, ValueRange sums) {
    storeResults(b, op, arguments, rows, width, row, panel, sums);
  }

  //===-- many rows -----------------------------------------------------------------------------------------------===//

  /// The same for panels of codes; `from` and `to` are multiples of the segment.
  void decodeCodes(int64_t width, Value panel, Value from, Value to) {
    int64_t vectors = width * streams, segment = codes->segment();
    SmallVector<Value> places = vectorsOf(panel, width);
    b.forLoop(b.div(from, segment), b.div(to, segment), 1, [&](Value s) {
      Value place = b.at(decoded, b.mul(b.sub(b.mul(s, segment), from), vectors * kLanes * 4));
      for (int64_t v = 0; v < vectors; ++v) {
        Value own = places[v];
        CodesReader::Group group = codes->group(own, s);
        for (int64_t i = 0; i < segment; i += codes->step()) {
          auto numbers = codes->numbers(own, b.add(b.mul(s, segment / codes->step()), i / codes->step()));
          for (int64_t j = 0; j < codes->step(); ++j)
            b.store(codes->element(numbers[j / 4], j % 4, group), b.at(place, ((i + j) * vectors + v) * kLanes * 4),
                    64);
        }
      }
    });
  }

  /// Decodes k `from` .. `to` of `width` panels from `panel` on.
  void decode(int64_t width, Value panel, Value from, Value to) {
    if (codes)
      return decodeCodes(width, panel, from, to);
    int64_t vectors = width * streams, pair = weight.getElement().isBF16() ? 2 : 1;
    SmallVector<Value> places = vectorsOf(panel, width);
    b.forLoop(from, to, pair, [&](Value k) {
      Value place = b.at(decoded, b.mul(b.sub(k, from), vectors * kLanes * 4));
      for (int64_t v = 0; v < vectors; ++v)
        for (auto [i, value] : llvm::enumerate(floats->load(places[v], k, 0, pair == 2)))
          b.store(value, b.at(place, (static_cast<int64_t>(i) * vectors + v) * kLanes * 4), 64);
    });
  }

  /// sums[rows][vectors] += x[rows][from ..] * decoded[0 .. steps].
  SmallVector<Value> addDecoded(ArrayRef<Value> sums, int64_t rows, int64_t vectors, Value row, Value from,
                                Value steps) {
    Value xRow = b.at(x.row(b, row), b.mul(from, 4));
    return streamsInTurn(rows, vectors, streams, mostSums, [&](int64_t first, int64_t run) {
      auto add = [&](Value k, ValueRange carried, int64_t count) {
        SmallVector<Value> next(carried);
        Value weights = b.at(decoded, b.mul(k, vectors * kLanes * 4));
        for (int64_t step = 0; step < count; ++step) {
          SmallVector<Value> loaded;
          for (int64_t v = 0; v < run; ++v)
            loaded.push_back(b.load(b.vecF32(), b.at(weights, (step * vectors + first + v) * kLanes * 4), 64));
          for (int64_t r = 0; r < rows; ++r) {
            Value activation = b.broadcast(b.load(b.f32(), b.at(xRow, b.add(b.mul(k, 4), (r * x.stride + step) * 4))));
            for (int64_t v = 0; v < run; ++v)
              next[r * run + v] = b.fma(activation, loaded[v], next[r * run + v]);
          }
        }
        return next;
      };
      SmallVector<Value> own;
      for (int64_t r = 0; r < rows; ++r)
        llvm::append_range(own, sums.slice(r * vectors + first, run));
      Value whole = b.mul(b.div(steps, kUnroll), kUnroll);
      own = b.forLoop(b.i64(0), whole, kUnroll, own,
                      [&](Value k, ValueRange carried) { return add(k, carried, kUnroll); });
      if (weight.getK() % kUnroll != 0)
        own = b.forLoop(whole, steps, 1, own, [&](Value k, ValueRange carried) { return add(k, carried, 1); });
      return own;
    });
  }

  /// Calls body(row, rows) for rows `from` .. `to` in tiles of as many rows as keep the registers full with `width`
  /// panels, and of fewer for what is left.
  void forRowTiles(int64_t width, Value from, Value to, llvm::function_ref<void(Value, int64_t)> body) {
    int64_t most = std::min(decodedTile.rows * decodedTile.panels / width, kMostTileRows);
    for (int64_t rows : {most, int64_t(4), int64_t(2), int64_t(1)}) {
      if (rows > most)
        continue;
      Value left = b.sub(to, from), whole = b.mul(b.div(left, rows), rows);
      if (rows == 6) {
        // One or two rows alone keep few registers busy: rather one tile of six less, and one or two of four.
        Value rest = b.sub(left, whole);
        Value back = arith::AndIOp::create(b, b.less(b.i64(0), rest), b.less(rest, b.i64(3)));
        back = arith::AndIOp::create(b, back, b.less(b.i64(0), whole));
        whole = b.sub(whole, arith::SelectOp::create(b, back, b.i64(rows), b.i64(0)));
      }
      Value end = b.add(from, whole);
      b.forLoop(from, end, rows, [&](Value row) { body(row, rows); });
      from = end;
    }
  }

  /// While rows are worked through, asks for the next panels' weights, a part with each row: decoding them would wait
  /// for memory.
  void prefetchNext(int64_t width, Value panel, Value row, int64_t rows) {
    int64_t bytes = codes ? width * streams * weight.getPanelBytes() : floats->bundleBytes(width);
    int64_t lines = std::min<int64_t>(4, (bytes / kLineBytes + kUsualStep - 1) / kUsualStep);
    Value offset = b.mul(row, lines * kLineBytes);
    b.ifThen(b.less(offset, b.i64(bytes)), [&] {
      if (!codes)
        return floats->prefetchFrom(b.add(panel, width), offset, rows * lines * kLineBytes);
      Value next = b.at(arguments.value(op.getWeight()), b.mul(b.add(panel, width), weight.getPanelBytes() * streams));
      for (int64_t line = 0; line < rows * lines; ++line)
        b.prefetch(b.at(next, b.add(offset, line * kLineBytes)), CacheLevel::Second);
    });
  }

  /// All rows times `width` panels from `panel` on.
  void manyRows(int64_t width, Value panel) {
    int64_t vectors = width * streams;
    Value k = b.i64(weight.getK());
    if (decodedK == weight.getK()) {
      decode(width, panel, b.i64(0), k);
      forRowTiles(width, b.i64(0), arguments.count, [&](Value row, int64_t rows) {
        prefetchNext(width, panel, row, rows);
        SmallVector<Value> sums(rows * vectors, b.constant(b.vecF32(), 0.0));
        finish(rows, width, row, panel, addDecoded(sums, rows, vectors, row, b.i64(0), k));
      });
      return;
    }
    b.forLoop(b.i64(0), arguments.count, kBlockRows, [&](Value firstRow) {
      Value lastRow = b.min(b.add(firstRow, kBlockRows), arguments.count);
      auto place = [&](Value row) { return b.at(waiting, b.mul(b.sub(row, firstRow), vectors * kLanes * 4)); };
      b.forLoop(firstRow, lastRow, 1, [&](Value row) {
        for (int64_t v = 0; v < vectors; ++v)
          b.store(b.constant(b.vecF32(), 0.0), b.at(place(row), v * kLanes * 4), 64);
      });
      b.forLoop(b.i64(0), k, decodedK, [&](Value from) {
        Value to = b.min(b.add(from, decodedK), k);
        decode(width, panel, from, to);
        forRowTiles(width, firstRow, lastRow, [&](Value row, int64_t rows) {
          SmallVector<Value> sums;
          for (int64_t i = 0; i < rows * vectors; ++i)
            sums.push_back(b.load(b.vecF32(), b.at(place(row), i * kLanes * 4), 64));
          sums = addDecoded(sums, rows, vectors, row, from, b.sub(to, from));
          for (int64_t i = 0; i < rows * vectors; ++i)
            b.store(sums[i], b.at(place(row), i * kLanes * 4), 64);
        });
      });
      b.forLoop(firstRow, lastRow, 1, [&](Value row) {
        SmallVector<Value> sums;
        for (int64_t v = 0; v < vectors; ++v)
          sums.push_back(b.load(b.vecF32(), b.at(place(row), v * kLanes * 4), 64));
        finish(1, width, row, panel, sums);
      });
    });
  }

  void emit() {
    auto [first, last] = threadShare(b, arguments, b.i64(weight.getPanels()));
    Value from = first, to = last;
    if (weight.getElement().isF32())
      return fewRows(from, to);
    b.ifThenElse(
        b.lessEqual(b.i64(kManyRows), arguments.count),
        [&] {
          // What does not fill the last group of panels is spread over groups of one less: n = w a + (w - 1) m.
          int64_t w = decodedTile.panels;
          Value n = b.sub(to, from), panel = from;
          Value narrow = b.mul(b.rem(b.sub(b.i64(w), b.rem(n, w)), w), w - 1);
          Value wideEnd = b.add(from, b.max(b.sub(n, narrow), b.i64(0)));
          for (int64_t width = w; width >= 1; --width) {
            Value groups = b.mul(b.div(b.sub(to, panel), width), width);
            Value end = width == w && w > 1 ? wideEnd : b.add(panel, groups);
            b.forLoop(panel, end, width, [&](Value p) { manyRows(width, p); });
            panel = end;
          }
        },
        [&] { fewRows(from, to); });
  }

  //===-- few rows ------------------------------------------------------------------------------------------------===//

  /// All rows times panels `first` .. `last`.
  void fewRows(Value first, Value last) {
    walkTiles(b, arguments.backend->matmulTiles(streams, weight.getElement()), tiling, arguments.count, first, last,
              [&](int64_t rows, int64_t panels, Value row, Value panel) { tile(rows, panels, row, panel); });
  }
};

} // namespace

void llmc::vector_emit::emitMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments) {
  MatmulEmitter(b, op, arguments).emit();
}
