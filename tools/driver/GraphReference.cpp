// GraphReference.cpp - a machine of cells: an op becomes an instruction on numbered cells once, and runs often.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/GraphReference.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tools/driver/ReferenceScalars.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstring>
#include <deque>
#include <memory>

using namespace mlir;

namespace llmc::driver {

int64_t PlainTensor::count() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

namespace {

using Tensor = std::shared_ptr<PlainTensor>;

unsigned bytesOf(Type element) { return ScalarType(element).bytes(); }

Tensor blank(ArrayRef<int64_t> shape, Type element) {
  auto tensor = std::make_shared<PlainTensor>();
  tensor->shape.assign(shape.begin(), shape.end());
  tensor->element = element;
  tensor->bytes.resize(static_cast<size_t>(std::max<int64_t>(tensor->count(), 0)) * bytesOf(element));
  return tensor;
}

uint64_t loadAt(const char *bytes, unsigned size) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);
  return bits;
}

/// Of row-major tensors, in elements.
SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
    strides[i] = stride;
  return strides;
}

/// Calls `at` with every place of a shape, the last dimension fastest.
template <typename At> void places(ArrayRef<int64_t> shape, At at) {
  SmallVector<int64_t> place(shape.size(), 0);
  if (llvm::is_contained(shape, 0))
    return;
  for (;;) {
    if (!at(ArrayRef<int64_t>(place)))
      return;
    size_t i = shape.size();
    while (i > 0 && ++place[i - 1] == shape[i - 1])
      place[--i] = 0;
    if (i == 0)
      return;
  }
}

struct Block;
struct Instruction;
struct Machine;
using Run = bool (*)(Machine &, const Instruction &);

struct Instruction {
  Operation *op = nullptr;
  Run run = nullptr;
  ScalarCode scalar;
  SmallVector<unsigned, 3> in, out;
  SmallVector<bool, 3> last; ///< the operand is read nowhere else: a tensor may be changed in place
  std::vector<std::unique_ptr<Block>> blocks;
};

/// A region of one block.
struct Block {
  SmallVector<unsigned> arguments;
  std::deque<Instruction> code; ///< never moved once made
  SmallVector<unsigned> yields;
  SmallVector<bool> lastYields;
};

struct Machine {
  const TensorIndex &weights;
  llvm::DenseMap<Value, unsigned> numbers;
  std::vector<uint64_t> scalars;
  std::vector<Tensor> tensors;
  llvm::DenseMap<int64_t, int64_t> dims; ///< that ops set

  explicit Machine(const TensorIndex &weights) : weights(weights) {}

  unsigned number(Value value) {
    auto [at, isNew] = numbers.try_emplace(value, scalars.size());
    if (isNew) {
      scalars.push_back(0);
      tensors.emplace_back();
    }
    return at->second;
  }

  bool fail(Operation *op, const Twine &why) {
    op->emitError() << "the reference cannot run '" << op->getName().getStringRef() << "': " << why.str();
    return false;
  }

  bool run(const Block &block) {
    for (const Instruction &instruction : block.code)
      if (!instruction.run(*this, instruction))
        return false;
    return true;
  }

  /// The tensor of an operand, to be changed.
  Tensor take(const Instruction &i, unsigned operand) {
    Tensor &cell = tensors[i.in[operand]];
    if (i.last[operand] && cell.use_count() == 1)
      return std::move(cell);
    return std::make_shared<PlainTensor>(*cell);
  }
  void move(unsigned from, unsigned to, bool last) {
    scalars[to] = scalars[from];
    tensors[to] = last ? std::move(tensors[from]) : tensors[from];
  }
};

int64_t indexOf(Machine &m, Value value) { return static_cast<int64_t>(m.scalars[m.number(value)]); }
int64_t sizeOf(Machine &m, OpFoldResult size) {
  if (auto value = dyn_cast<Value>(size))
    return indexOf(m, value);
  return cast<IntegerAttr>(cast<Attribute>(size)).getInt();
}
SmallVector<int64_t> sizesOf(Machine &m, ArrayRef<OpFoldResult> sizes) {
  SmallVector<int64_t> result;
  for (OpFoldResult size : sizes)
    result.push_back(sizeOf(m, size));
  return result;
}

//===-- ops on scalars and whole tensors -------------------------------------------------------------------------===//

bool runScalar(Machine &m, const Instruction &i) {
  uint64_t in[3] = {};
  for (size_t k = 0; k < i.in.size(); ++k)
    in[k] = m.scalars[i.in[k]];
  m.scalars[i.out[0]] = i.scalar.run(i.scalar, in);
  return true;
}

/// Of one or more values, whole tensors among them.
bool runSelect(Machine &m, const Instruction &i) {
  m.move(i.in[m.scalars[i.in[0]] & 1 ? 1 : 2], i.out[0], false);
  return true;
}

/// Elements of a constant as they are stored.
Tensor tensorOf(DenseElementsAttr value) {
  auto type = cast<RankedTensorType>(value.getType());
  Tensor tensor = blank(type.getShape(), type.getElementType());
  unsigned size = bytesOf(type.getElementType());
  size_t at = 0;
  auto put = [&](const APInt &bits) {
    uint64_t word = bits.getZExtValue();
    std::memcpy(&tensor->bytes[at], &word, size);
    at += size;
  };
  if (isa<FloatType>(type.getElementType()))
    for (const APFloat &number : value.getValues<APFloat>())
      put(number.bitcastToAPInt());
  else
    for (const APInt &number : value.getValues<APInt>())
      put(number);
  return tensor;
}

bool runConstant(Machine &m, const Instruction &i) {
  Attribute value = cast<arith::ConstantOp>(i.op).getValue();
  if (auto elements = dyn_cast<DenseElementsAttr>(value))
    m.tensors[i.out[0]] = tensorOf(elements);
  else if (auto real = dyn_cast<FloatAttr>(value))
    m.scalars[i.out[0]] = real.getValue().bitcastToAPInt().getZExtValue();
  else if (auto integer = dyn_cast<IntegerAttr>(value))
    m.scalars[i.out[0]] = integer.getValue().getZExtValue();
  else
    return m.fail(i.op, "a constant of another kind");
  return true;
}

bool runWeight(Machine &m, const Instruction &i) {
  auto weight = cast<transformer::WeightOp>(i.op);
  auto type = cast<RankedTensorType>(weight.getType());
  StringRef key = weight.getKey(0);
  Tensor tensor = blank(type.getShape(), type.getElementType());
  std::string_view bytes = m.weights.bytes(std::string_view(key.data(), key.size()));
  if (bytes.size() != tensor->bytes.size())
    return m.fail(i.op, "the file holds " + Twine(bytes.size()) + " bytes of '" + key + "'");
  std::memcpy(tensor->bytes.data(), bytes.data(), bytes.size());
  m.tensors[i.out[0]] = std::move(tensor);
  return true;
}

bool runEmpty(Machine &m, const Instruction &i) {
  auto type = cast<RankedTensorType>(i.op->getResult(0).getType());
  SmallVector<int64_t> shape(type.getShape());
  unsigned next = 0;
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = static_cast<int64_t>(m.scalars[i.in[next++]]);
  auto alloc = dyn_cast<bufferization::AllocTensorOp>(i.op);
  if (alloc && alloc.getCopy()) {
    m.tensors[i.out[0]] = std::make_shared<PlainTensor>(*m.tensors[m.number(alloc.getCopy())]);
    return true;
  }
  m.tensors[i.out[0]] = blank(shape, type.getElementType());
  // What nobody writes is nothing: a float that is no number shows it.
  if (ScalarType real(type.getElementType()); real.kind != ScalarType::Integer)
    std::memset(m.tensors[i.out[0]]->bytes.data(), 0xff, m.tensors[i.out[0]]->bytes.size());
  return true;
}

bool runSame(Machine &m, const Instruction &i) {
  m.move(i.in[0], i.out[0], false);
  return true;
}

bool runDim(Machine &m, const Instruction &i) {
  int64_t dim = static_cast<int64_t>(m.scalars[i.in[1]]);
  const PlainTensor &tensor = *m.tensors[i.in[0]];
  if (dim < 0 || dim >= static_cast<int64_t>(tensor.shape.size()))
    return m.fail(i.op, "no dimension " + Twine(dim));
  m.scalars[i.out[0]] = static_cast<uint64_t>(tensor.shape[dim]);
  return true;
}

bool runReshape(Machine &m, const Instruction &i) {
  SmallVector<int64_t> shape;
  const Tensor &from = m.tensors[i.in[0]];
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(i.op)) {
    shape = sizesOf(m, expand.getMixedOutputShape());
  } else {
    for (const ReassociationIndices &group : cast<tensor::CollapseShapeOp>(i.op).getReassociationIndices()) {
      shape.push_back(1);
      for (int64_t dim : group)
        shape.back() *= from->shape[dim];
    }
  }
  auto to = std::make_shared<PlainTensor>(*from);
  to->shape.assign(shape.begin(), shape.end());
  if (to->count() != from->count())
    return m.fail(i.op, "the number of elements changes");
  m.tensors[i.out[0]] = std::move(to);
  return true;
}

/// The element at indices that stand in cells; false where there is none.
bool placeOf(Machine &m, const Instruction &i, unsigned firstIndex, const PlainTensor &tensor, size_t &at) {
  int64_t place = 0;
  for (size_t k = 0; k < tensor.shape.size(); ++k) {
    auto index = static_cast<int64_t>(m.scalars[i.in[firstIndex + k]]);
    if (index < 0 || index >= tensor.shape[k])
      return m.fail(i.op,
                    "place " + Twine(index) + " of dimension " + Twine(k) + ", which has " + Twine(tensor.shape[k]));
    place = place * tensor.shape[k] + index;
  }
  at = static_cast<size_t>(place) * bytesOf(tensor.element);
  return true;
}

bool runExtract(Machine &m, const Instruction &i) {
  const PlainTensor &tensor = *m.tensors[i.in[0]];
  size_t at;
  if (!placeOf(m, i, 1, tensor, at))
    return false;
  m.scalars[i.out[0]] = loadAt(&tensor.bytes[at], bytesOf(tensor.element));
  return true;
}

bool runInsert(Machine &m, const Instruction &i) {
  Tensor tensor = m.take(i, 1);
  size_t at;
  if (!placeOf(m, i, 2, *tensor, at))
    return false;
  std::memcpy(&tensor->bytes[at], &m.scalars[i.in[0]], bytesOf(tensor->element));
  m.tensors[i.out[0]] = std::move(tensor);
  return true;
}

/// Copies between a dense tensor and a part of another, by its offsets, sizes and strides.
bool copyPart(Machine &m, Operation *op, PlainTensor &dense, PlainTensor &whole, OffsetSizeAndStrideOpInterface part,
              bool into) {
  SmallVector<int64_t> offsets = sizesOf(m, part.getMixedOffsets()), sizes = sizesOf(m, part.getMixedSizes()),
                       steps = sizesOf(m, part.getMixedStrides());
  SmallVector<int64_t> strides = stridesOf(whole.shape);
  int64_t count = 1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    count *= sizes[d];
    int64_t last = offsets[d] + (sizes[d] - 1) * steps[d];
    if (sizes[d] > 0 && (std::min(offsets[d], last) < 0 || std::max(offsets[d], last) >= whole.shape[d]))
      return m.fail(op, "a part from " + Twine(offsets[d]) + " to " + Twine(last) + " of dimension " + Twine(d) +
                            ", which has " + Twine(whole.shape[d]));
  }
  if (count != dense.count())
    return m.fail(op, "a part of " + Twine(count) + " elements for " + Twine(dense.count()));
  unsigned size = bytesOf(whole.element);
  size_t next = 0;
  places(sizes, [&](ArrayRef<int64_t> place) {
    int64_t at = 0;
    for (size_t d = 0; d < place.size(); ++d)
      at += (offsets[d] + place[d] * steps[d]) * strides[d];
    char *there = &whole.bytes[static_cast<size_t>(at) * size], *here = &dense.bytes[next];
    std::memcpy(into ? there : here, into ? here : there, size);
    next += size;
    return true;
  });
  return true;
}

bool runExtractSlice(Machine &m, const Instruction &i) {
  auto slice = cast<tensor::ExtractSliceOp>(i.op);
  Tensor whole = m.tensors[i.in[0]];
  SmallVector<int64_t> sizes = sizesOf(m, slice.getMixedSizes()), shape;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [d, size] : llvm::enumerate(sizes))
    if (!dropped[d])
      shape.push_back(size);
  Tensor dense = blank(shape, whole->element);
  if (!copyPart(m, i.op, *dense, *whole, slice, false))
    return false;
  m.tensors[i.out[0]] = std::move(dense);
  return true;
}

bool runInsertSlice(Machine &m, const Instruction &i) {
  Tensor dense = m.tensors[i.in[0]], whole = m.take(i, 1);
  if (!copyPart(m, i.op, *dense, *whole, cast<tensor::InsertSliceOp>(i.op), true))
    return false;
  m.tensors[i.out[0]] = std::move(whole);
  return true;
}

bool runSetDim(Machine &m, const Instruction &i) {
  m.dims[cast<kernel::SetDimOp>(i.op).getNumber()] = static_cast<int64_t>(m.scalars[i.in[0]]);
  return true;
}
bool runRequire(Machine &m, const Instruction &i) {
  if (m.dims.lookup(cast<kernel::RequireOp>(i.op).getNumber()) == 1)
    return true;
  i.op->emitError() << "the inputs' sizes do not fit";
  return false;
}

//===-- linalg ---------------------------------------------------------------------------------------------------===//

int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> place) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return place[dim.getPosition()];
  auto both = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(both.getLHS(), place), b = evaluate(both.getRHS(), place);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::Mod:
    return ((a % b) + b) % b;
  case AffineExprKind::FloorDiv:
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
  default:
    return a / b + (a % b != 0 && (a < 0) == (b < 0));
  }
}

struct Operand {
  PlainTensor *tensor = nullptr; ///< null: a scalar
  AffineMap map;
  unsigned cell = 0, argument = 0, size = 0;
  SmallVector<int64_t> strides;
  /// Where every index is a dimension: elements to step along each.
  bool isPlain = true;
  SmallVector<int64_t> steps;

  void open(PlainTensor &of, AffineMap itsMap) {
    tensor = &of;
    map = itsMap;
    size = bytesOf(of.element);
    strides = stridesOf(of.shape);
    steps.assign(map.getNumDims(), 0);
    for (auto [i, expr] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      auto constant = dyn_cast<AffineConstantExpr>(expr);
      if (dim)
        steps[dim.getPosition()] += strides[i];
      else if (!constant || constant.getValue() != 0)
        isPlain = false;
    }
  }
  int64_t at(ArrayRef<int64_t> place) const {
    int64_t result = 0;
    if (isPlain) {
      for (size_t d = 0; d < place.size(); ++d)
        result += place[d] * steps[d];
      return result;
    }
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      result += evaluate(expr, place) * strides[i];
    return result;
  }
  bool isInside(ArrayRef<int64_t> place) const {
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      if (int64_t index = evaluate(expr, place); index < 0 || index >= tensor->shape[i])
        return false;
    return true;
  }
};

/// The number of places of each loop, from the operands' shapes.
bool loopsOf(Machine &m, linalg::LinalgOp op, ArrayRef<Operand> operands, SmallVectorImpl<int64_t> &sizes) {
  sizes.assign(op.getNumLoops(), -1);
  for (const Operand &operand : operands) {
    if (!operand.tensor)
      continue;
    for (auto [i, expr] : llvm::enumerate(operand.map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        int64_t &size = sizes[dim.getPosition()], own = operand.tensor->shape[i];
        if (size >= 0 && size != own)
          return m.fail(op, "a loop of " + Twine(size) + " and of " + Twine(own) + " places");
        size = own;
      }
  }
  if (llvm::is_contained(sizes, -1))
    return m.fail(op, "a loop whose places no operand says");
  return true;
}

thread_local ArrayRef<int64_t> currentPlace; ///< for linalg.index; set around each element

bool runIndex(Machine &m, const Instruction &i) {
  m.scalars[i.out[0]] = static_cast<uint64_t>(currentPlace[cast<linalg::IndexOp>(i.op).getDim()]);
  return true;
}

bool runLinalg(Machine &m, const Instruction &i) {
  auto op = cast<linalg::LinalgOp>(i.op);
  const Block &body = *i.blocks[0];
  unsigned inputs = op.getNumDpsInputs(), count = inputs + op.getNumDpsInits();
  std::vector<Tensor> own(count);
  SmallVector<Operand> operands(count);
  for (unsigned k = 0; k < count; ++k) {
    OpOperand &operand = op->getOpOperand(k);
    operands[k].argument = k < body.arguments.size() ? body.arguments[k] : 0;
    if (!isa<RankedTensorType>(operand.get().getType())) {
      operands[k].cell = i.in[k];
      continue;
    }
    own[k] = k < inputs ? m.tensors[i.in[k]] : m.take(i, k);
    operands[k].open(*own[k], op.getMatchingIndexingMap(&operand));
  }
  SmallVector<int64_t> sizes;
  if (!loopsOf(m, op, operands, sizes))
    return false;
  bool good = true, isPlain = llvm::all_of(operands, [](const Operand &o) { return o.isPlain; });
  ArrayRef<int64_t> around = currentPlace;
  places(sizes, [&](ArrayRef<int64_t> place) {
    currentPlace = place;
    for (Operand &operand : operands) {
      if (!operand.tensor) {
        m.scalars[operand.argument] = m.scalars[operand.cell];
        continue;
      }
      if (!isPlain && !operand.isInside(place)) {
        good = m.fail(op, "a place outside of an operand");
        return false;
      }
      m.scalars[operand.argument] = loadAt(&operand.tensor->bytes[operand.at(place) * operand.size], operand.size);
    }
    if (!(good = m.run(body)))
      return false;
    for (unsigned k = inputs; k < count; ++k)
      std::memcpy(&operands[k].tensor->bytes[operands[k].at(place) * operands[k].size],
                  &m.scalars[body.yields[k - inputs]], operands[k].size);
    return true;
  });
  currentPlace = around;
  for (unsigned k = inputs; good && k < count; ++k)
    if (k - inputs < i.out.size())
      m.tensors[i.out[k - inputs]] = std::move(own[k]);
  return good;
}

//===-- control --------------------------------------------------------------------------------------------------===//

bool runFor(Machine &m, const Instruction &i) {
  const Block &body = *i.blocks[0];
  auto low = static_cast<int64_t>(m.scalars[i.in[0]]), high = static_cast<int64_t>(m.scalars[i.in[1]]),
       step = static_cast<int64_t>(m.scalars[i.in[2]]);
  if (step <= 0)
    return m.fail(i.op, "a step of " + Twine(step));
  for (size_t k = 0; k < i.out.size(); ++k)
    m.move(i.in[3 + k], body.arguments[1 + k], i.last[3 + k]);
  for (int64_t at = low; at < high; at += step) {
    m.scalars[body.arguments[0]] = static_cast<uint64_t>(at);
    if (!m.run(body))
      return false;
    // All together: a turn may hand on what it was given in other places.
    SmallVector<std::pair<uint64_t, Tensor>> next;
    for (size_t k = 0; k < body.yields.size(); ++k)
      next.emplace_back(m.scalars[body.yields[k]], m.tensors[body.yields[k]]);
    for (size_t k = 0; k < body.yields.size(); ++k)
      if (body.lastYields[k])
        m.tensors[body.yields[k]].reset();
    for (size_t k = 0; k < next.size(); ++k) {
      m.scalars[body.arguments[1 + k]] = next[k].first;
      m.tensors[body.arguments[1 + k]] = std::move(next[k].second);
    }
  }
  for (size_t k = 0; k < i.out.size(); ++k)
    m.move(body.arguments[1 + k], i.out[k], true);
  return true;
}

bool runIf(Machine &m, const Instruction &i) {
  bool holds = m.scalars[i.in[0]] & 1;
  if (!holds && i.blocks.size() < 2)
    return true;
  const Block &branch = *i.blocks[holds ? 0 : 1];
  if (!m.run(branch))
    return false;
  for (size_t k = 0; k < i.out.size(); ++k)
    m.move(branch.yields[k], i.out[k], false);
  return true;
}

bool runWhile(Machine &m, const Instruction &i) {
  const Block &before = *i.blocks[0], &after = *i.blocks[1];
  for (size_t k = 0; k < i.in.size(); ++k)
    m.move(i.in[k], before.arguments[k], i.last[k]);
  for (;;) {
    if (!m.run(before))
      return false;
    bool goesOn = m.scalars[before.yields[0]] & 1;
    for (size_t k = 1; k < before.yields.size(); ++k)
      m.move(before.yields[k], goesOn ? after.arguments[k - 1] : i.out[k - 1], false);
    if (!goesOn)
      return true;
    if (!m.run(after))
      return false;
    SmallVector<std::pair<uint64_t, Tensor>> next;
    for (unsigned yielded : after.yields)
      next.emplace_back(m.scalars[yielded], m.tensors[yielded]);
    for (size_t k = 0; k < next.size(); ++k) {
      m.scalars[before.arguments[k]] = next[k].first;
      m.tensors[before.arguments[k]] = std::move(next[k].second);
    }
  }
}

//===-- making instructions --------------------------------------------------------------------------------------===//

Run runOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Run>(op)
      .Case<arith::ConstantOp>([](auto) { return runConstant; })
      .Case<transformer::WeightOp>([](auto) { return runWeight; })
      .Case<tensor::EmptyOp, bufferization::AllocTensorOp>([](auto) { return runEmpty; })
      .Case<tensor::CastOp, bufferization::MaterializeInDestinationOp>([](auto) { return runSame; })
      .Case<tensor::DimOp>([](auto) { return runDim; })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp>([](auto) { return runReshape; })
      .Case<tensor::ExtractOp>([](auto) { return runExtract; })
      .Case<tensor::InsertOp>([](auto) { return runInsert; })
      .Case<tensor::ExtractSliceOp>([](auto) { return runExtractSlice; })
      .Case<tensor::InsertSliceOp>([](auto) { return runInsertSlice; })
      .Case<kernel::SetDimOp>([](auto) { return runSetDim; })
      .Case<kernel::RequireOp>([](auto) { return runRequire; })
      .Case<linalg::IndexOp>([](auto) { return runIndex; })
      .Case<scf::ForOp>([](auto) { return runFor; })
      .Case<scf::IfOp>([](auto) { return runIf; })
      .Case<scf::WhileOp>([](auto) { return runWhile; })
      .Case<arith::SelectOp>([](auto) { return runSelect; })
      .Case<linalg::LinalgOp>([](auto) { return runLinalg; })
      .Default([](Operation *) { return Run(nullptr); });
}

/// Whether an operand's value is read here alone, and is made anew whenever this op runs.
bool isLastUse(OpOperand &operand) {
  Value value = operand.get();
  return value.hasOneUse() && value.getParentRegion() == operand.getOwner()->getParentRegion();
}

bool prepare(Machine &m, mlir::Block &from, Block &to) {
  for (BlockArgument argument : from.getArguments())
    to.arguments.push_back(m.number(argument));
  for (Operation &op : from) {
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      for (OpOperand &operand : op.getOpOperands()) {
        to.yields.push_back(m.number(operand.get()));
        to.lastYields.push_back(isLastUse(operand));
      }
      continue;
    }
    Instruction made;
    made.op = &op;
    made.scalar = scalarCode(&op);
    made.run = made.scalar.run && !isa<RankedTensorType>(op.getResult(0).getType()) ? runScalar : runOf(&op);
    if (!made.run)
      return m.fail(&op, "lowered graphs have no such op");
    for (OpOperand &operand : op.getOpOperands()) {
      made.in.push_back(m.number(operand.get()));
      made.last.push_back(isLastUse(operand));
    }
    for (Value result : op.getResults())
      made.out.push_back(m.number(result));
    // Once, not for each element.
    if (isa<arith::ConstantOp>(op) && !isa<RankedTensorType>(op.getResult(0).getType())) {
      if (!runConstant(m, made))
        return false;
      continue;
    }
    for (Region &region : op.getRegions()) {
      if (region.empty())
        continue;
      made.blocks.push_back(std::make_unique<Block>());
      if (!region.hasOneBlock() || !prepare(m, region.front(), *made.blocks.back()))
        return region.hasOneBlock() ? false : m.fail(&op, "a region of several blocks");
    }
    to.code.push_back(std::move(made));
  }
  return true;
}

} // namespace

LogicalResult runGraphReference(func::FuncOp entry, const TensorIndex &weights, std::vector<PlainTensor> inputs,
                                std::vector<PlainTensor> &results) {
  Machine machine(weights);
  Block body;
  if (!prepare(machine, entry.getBody().front(), body))
    return failure();
  assert(inputs.size() == body.arguments.size() && "one for each argument");
  for (size_t i = 0; i < inputs.size(); ++i)
    machine.tensors[body.arguments[i]] = std::make_shared<PlainTensor>(std::move(inputs[i]));
  if (!machine.run(body))
    return failure();
  results.clear();
  for (unsigned yielded : body.yields)
    results.push_back(*machine.tensors[yielded]);
  return success();
}

} // namespace llmc::driver
