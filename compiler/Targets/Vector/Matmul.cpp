// Matmul.cpp - rows times packed panels in register tiles.
//
// Loops, outside in: groups of panels that stay in the second-level cache, tiles of rows, tiles of panels, k. Every
// output element is one chain of fused multiply-adds over ascending k whatever the tile, so that tiles can be chosen
// for speed alone.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::PackedType;

namespace {

/// Panels whose weights one thread walks for all rows before it goes on: 8 panels of 128 columns with K = 1536 in bf16
/// are 384 KiB, within the second-level cache of the processors this is for.
constexpr int64_t kGroupPanels = 8;
/// Row counts up to which the weights' way from memory is what takes the time.
constexpr int64_t kPrefetchRows = 2;
/// k steps in one turn of the loop, a multiple of 2 for pairs.
constexpr int64_t kUnroll = 4;
/// Up to so many rows panels are worked through one by one, above activations are.
constexpr int64_t kFewRows = 2;

struct MatmulEmitter {
  VectorBuilder &b;
  kernel::MatmulOp op;
  const KernelArguments &arguments;
  PackedType weight;
  RowsInMemory x, y;
  int64_t streams;

  MatmulEmitter(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments)
      : b(b), op(op), arguments(arguments), weight(op.getWeight().getType()), x(arguments.rows(op.getX())),
        y(arguments.rows(op.getOuts()[0])), streams(weight.getStreams()) {}

  /// The two vectors of 16 f32 for k and k+1 (bf16 pairs), or the one for k.
  SmallVector<Value, 2> loadWeights(Value panel, Value k, int64_t kOffset, bool pair) {
    Type element = weight.getElement();
    if (element.isF32())
      return {b.load(b.vecF32(), b.at(panel, b.add(b.mul(k, kLanes * 4), kOffset * kLanes * 4)), 64)};
    if (element.isF16()) {
      Value half =
          b.load(b.vec(kLanes, b.getF16Type()), b.at(panel, b.add(b.mul(k, kLanes * 2), kOffset * kLanes * 2)), 32);
      return {arith::ExtFOp::create(b, b.vecF32(), half)};
    }
    // A bf16 is the upper half of an f32: the even k is shifted up, the odd k only loses its neighbour's bits.
    VectorType words = b.vec(kLanes, b.getI32Type());
    Value both = b.load(words, b.at(panel, b.add(b.mul(k, kLanes * 2), kOffset * kLanes * 2)), 64);
    auto splat = [&](int32_t bits) -> Value {
      return arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, static_cast<uint32_t>(bits))));
    };
    SmallVector<Value, 2> result;
    result.push_back(arith::BitcastOp::create(b, b.vecF32(), arith::ShLIOp::create(b, both, splat(16))));
    if (pair)
      result.push_back(arith::BitcastOp::create(
          b, b.vecF32(), arith::AndIOp::create(b, both, splat(static_cast<int32_t>(0xffff0000)))));
    return result;
  }

  /// Asks for what the same place of the next tile's panels holds: with few rows a product waits for memory, and the
  /// processor's own prefetching ends at each page of each panel.
  void prefetchAhead(Value panel, Value k, int64_t kOffset) {
    int64_t bytes = weight.getElement().getIntOrFloatBitWidth() / 8;
    int64_t ahead = kGroupPanels * weight.getPanelBytes();
    b.prefetch(b.at(panel, b.add(b.mul(k, kLanes * bytes), kOffset * kLanes * bytes + ahead)));
  }

  /// Adds the products of k + kOffset .. k + kOffset + steps to the accumulators [rows][panels * streams].
  void accumulate(SmallVectorImpl<Value> &sums, ArrayRef<Value> panels, Value xRow, int64_t rows, Value k,
                  int64_t kOffset, int64_t steps) {
    bool pairs = weight.getElement().isBF16();
    for (int64_t step = 0; step < steps; step += pairs ? 2 : 1) {
      int64_t width = pairs && step + 1 < steps ? 2 : 1;
      SmallVector<SmallVector<Value, 2>> weights(panels.size());
      auto loadPanel = [&](size_t panel) {
        weights[panel] = loadWeights(panels[panel], k, kOffset + step, width == 2);
        if (rows <= kPrefetchRows)
          prefetchAhead(panels[panel], k, kOffset + step);
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

  /// The panel's 16 columns of an extra at a row. Where the columns of a view end, its buffer may end, too: the last
  /// panel then reads what there is.
  Value extraColumns(Value extra, Value row, Value panel) {
    Value column = b.mul(panel, kLanes);
    int64_t panels = weight.getPanels(), left = weight.getN() % kLanes;
    if (isa<PackedType>(extra.getType()) || left == 0)
      return loadExtra(b, arguments, extra, row, column);
    RowsInMemory rows = arguments.rows(extra);
    if (rows.offset + panels * kLanes <= rows.stride)
      return loadExtra(b, arguments, extra, row, column);
    auto branch =
        scf::IfOp::create(b, TypeRange{b.vecF32()}, b.equal(panel, b.i64(panels - 1)), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value some = loadExtra(b, arguments, extra, row, column, left);
    scf::YieldOp::create(b, ValueRange{vector::InsertStridedSliceOp::create(
                                b, some, b.constant(b.vecF32(), 0.0), ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1})});
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, loadExtra(b, arguments, extra, row, column));
    return branch.getResult(0);
  }

  /// One register tile: `rows` rows from `row`, `width` panels from `panel`.
  void tile(int64_t rows, int64_t width, Value row, Value panel) {
    Value weights = arguments.value(op.getWeight());
    Value firstPanel = b.at(weights, b.mul(panel, weight.getPanelBytes() * streams));
    SmallVector<Value> panels;
    for (int64_t i = 0; i < width * streams; ++i)
      panels.push_back(b.at(firstPanel, i * weight.getPanelBytes()));
    Value xRow = x.row(b, row);
    SmallVector<Value> sums(rows * panels.size(), b.constant(b.vecF32(), 0.0));
    int64_t whole = weight.getK() / kUnroll * kUnroll;
    if (whole > 0)
      sums = b.forLoop(b.i64(0), b.i64(whole), kUnroll, sums, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried);
        accumulate(next, panels, xRow, rows, k, 0, kUnroll);
        return next;
      });
    if (whole < weight.getK())
      accumulate(sums, panels, xRow, rows, b.i64(whole), 0, weight.getK() - whole);

    for (int64_t r = 0; r < rows; ++r)
      for (int64_t p = 0; p < width; ++p) {
        Value outputRow = b.add(row, r);
        Value column = b.mul(b.add(panel, p), kLanes);
        SmallVector<Value> values;
        for (int64_t s = 0; s < streams; ++s)
          values.push_back(sums[r * panels.size() + p * streams + s]);
        for (Value extra : op.getExtras())
          values.push_back(extraColumns(extra, outputRow, b.add(panel, p)));
        Value result = emitScalarBody(b, op.getEpilogue().front(), values, kLanes)[0];
        b.store(result, b.at(y.row(b, outputRow), b.mul(column, 4)), 64);
      }
  }

  void emit() {
    auto [first, last] = threadShare(b, arguments, b.i64(weight.getPanels()));
    std::vector<RegisterTile> tiles = arguments.backend->matmulTiles(streams, weight.getElement());
    Value lastPanel = last;
    b.forLoop(first, lastPanel, kGroupPanels, [&](Value group) {
      Value groupEnd = b.min(b.add(group, kGroupPanels), lastPanel);
      Value row = b.i64(0);
      for (size_t i = 0; i < tiles.size();) {
        int64_t rows = tiles[i].rows;
        size_t end = i;
        while (end < tiles.size() && tiles[end].rows == rows)
          ++end;
        // As many tiles of this row count as fit, then on with the next smaller one.
        Value rowEnd = b.add(row, b.mul(b.div(b.sub(arguments.count, row), rows), rows));
        b.forLoop(row, rowEnd, rows, [&](Value tileRow) {
          Value panel = group;
          for (size_t width = i; width < end; ++width) {
            int64_t panels = tiles[width].panels;
            Value panelEnd = b.add(panel, b.mul(b.div(b.sub(groupEnd, panel), panels), panels));
            b.forLoop(panel, panelEnd, panels, [&](Value p) { tile(rows, panels, tileRow, p); });
            panel = panelEnd;
          }
        });
        row = rowEnd;
        i = end;
      }
    });
  }
};

} // namespace

void llmc::vector_emit::emitMatmul(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments) {
  MatmulEmitter(b, op, arguments).emit();
}
