// Epilogue.cpp - what a matmul does with its sums: extras, the epilogue's scalars on vectors, the store.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Kernels.h"
#include "compiler/Targets/Vector/Math.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;
using kernel::PackedType;

/// The panel's 16 columns of an extra at a row. Where the columns of a view end, its buffer may end, too: the last
/// panel then reads what there is.
static Value extraColumns(VectorBuilder &b, PackedType weight, const KernelArguments &arguments, Value extra, Value row,
                          Value panel) {
  Value column = b.mul(panel, kLanes);
  int64_t panels = weight.getPanels(), left = weight.getN() % kLanes;
  if (isa<PackedType>(extra.getType()) || left == 0)
    return loadExtra(b, arguments, extra, row, column);
  RowsInMemory rows = arguments.rows(extra);
  if (rows.offset + panels * kLanes <= rows.stride)
    return loadExtra(b, arguments, extra, row, column);
  auto branch = scf::IfOp::create(b, TypeRange{b.vecF32()}, b.equal(panel, b.i64(panels - 1)), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value some = loadExtra(b, arguments, extra, row, column, left);
  scf::YieldOp::create(b, ValueRange{vector::InsertStridedSliceOp::create(b, some, b.constant(b.vecF32(), 0.0),
                                                                          ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1})});
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loadExtra(b, arguments, extra, row, column));
  return branch.getResult(0);
}

void llmc::vector_emit::storeResults(VectorBuilder &b, kernel::MatmulOp op, const KernelArguments &arguments,
                                     int64_t rows, int64_t width, Value row, Value panel, ValueRange sums) {
  PackedType weight = op.getWeight().getType();
  RowsInMemory y = arguments.rows(op.getOuts()[0]);
  int64_t streams = weight.getStreams();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t p = 0; p < width; ++p) {
      Value outputRow = b.add(row, r);
      Value column = b.mul(b.add(panel, p), kLanes);
      SmallVector<Value> values;
      for (int64_t s = 0; s < streams; ++s)
        values.push_back(sums[(r * width + p) * streams + s]);
      for (Value extra : op.getExtras())
        values.push_back(extraColumns(b, weight, arguments, extra, outputRow, b.add(panel, p)));
      Value result = emitScalarBody(b, op.getEpilogue().front(), values, kLanes)[0];
      b.store(result, b.at(y.row(b, outputRow), b.mul(column, 4)), 64);
    }
}
