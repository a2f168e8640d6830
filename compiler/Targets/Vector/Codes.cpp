// Codes.cpp - codes to numbers, levels to scales, numbers to elements.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Vector/Codes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::vector_emit;

namespace {

Value splat(VectorBuilder &b, VectorType type, int64_t value) {
  unsigned bits = type.getElementTypeBitWidth();
  APInt number(64, static_cast<uint64_t>(value));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, number.trunc(bits)));
}

} // namespace

CodesReader::CodesReader(VectorBuilder &b, kernel::PackedType weight, int64_t segment, const TargetBackend &backend)
    : b(b), codes(weight.getCodes()), panelBytes(weight.getPanelBytes()), backend(backend), k(weight.getK()),
      segmentSize(segment), record(codes.recordOf(k)) {
  if (codes.getTable().empty())
    return;
  // A copy for each 16 bytes, as shuffles of bytes want it.
  SmallVector<uint8_t> bytes;
  for (int64_t i = 0; i < kNumbers; ++i)
    bytes.push_back(static_cast<uint8_t>(codes.getTable()[i % 16] + offset()));
  VectorType type = b.vec(kNumbers, b.getI8Type());
  table = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<uint8_t>(bytes)));
}

CodesReader::Place CodesReader::placeOf(Value panel, Value index, int64_t columns) {
  int64_t each = record.columns / columns;
  if (record.columns == k)
    return {panel, index};
  Value number = b.div(index, each);
  return {b.at(panel, b.mul(number, record.bytes)), b.rem(index, each)};
}

Value CodesReader::codesOf(Value panel, Value segment) {
  Place place = placeOf(panel, segment, segmentSize);
  return b.at(b.at(place.record, record.codes), b.mul(place.index, codeBytes(segmentSize)));
}

SmallVector<CodesReader::PlaneOfStep, 2> CodesReader::planesOfStep(Value panel, Value index) {
  SmallVector<PlaneOfStep, 2> result;
  auto [begin, number] = placeOf(panel, index, step());
  index = number;
  int64_t parts = codes.getUnit() / step();
  Value unit = parts == 1 ? index : b.div(index, parts), part;
  begin = b.at(b.at(begin, record.codes), b.mul(unit, codeBytes(codes.getUnit())));
  if (parts > 1)
    part = b.rem(index, parts);
  for (kernel::CodesType::BitPlane plane : codes.getBitPlanes()) {
    PlaneOfStep of = {b.at(begin, plane.byte), {}, plane.bits, plane.shift};
    int64_t bytes = step() * kLanes * plane.bits / 8;
    if (part && bytes >= kNumbers)
      of.place = b.at(of.place, b.mul(part, bytes));
    else if (part) // in the same bytes, further up
      of.late = b.mul(part, step() / 4 * plane.bits);
    result.push_back(of);
  }
  return result;
}

SmallVector<Value, 8> CodesReader::numbers(Value panel, Value index) {
  VectorType bytes = b.vec(kNumbers, b.getI8Type()), words = b.vec(kNumbers / 2, b.getI16Type());
  SmallVector<Value, 8> numbers(step() / 4);
  for (const PlaneOfStep &plane : planesOfStep(panel, index)) {
    Value stored;
    for (auto [i, number] : llvm::enumerate(numbers)) {
      int64_t part = static_cast<int64_t>(i) % plane.codesAByte();
      if (part == 0)
        stored = b.load(bytes, b.at(plane.place, static_cast<int64_t>(i) / plane.codesAByte() * kNumbers), 64);
      Value bits = stored;
      if (plane.bits < 8) {
        // Bits that cross from byte to byte are masked out.
        int64_t right = part * plane.bits - plane.shift, low = (1 << plane.bits) - 1;
        bits = vector::BitCastOp::create(b, words, bits);
        if (plane.late)
          bits = arith::ShRUIOp::create(
              b, bits, b.broadcast(arith::TruncIOp::create(b, b.getI16Type(), plane.late), kNumbers / 2));
        if (right > 0)
          bits = arith::ShRUIOp::create(b, bits, splat(b, words, right));
        if (right < 0)
          bits = arith::ShLIOp::create(b, bits, splat(b, words, -right));
        bits = arith::AndIOp::create(b, vector::BitCastOp::create(b, bytes, bits), splat(b, bytes, low << plane.shift));
      }
      number = number ? arith::OrIOp::create(b, number, bits) : bits;
    }
  }
  if (table)
    for (Value &number : numbers)
      number = backend.lookUp(b, table, number);
  return numbers;
}

/// A stored scale (or vector of them) as f32.
Value CodesReader::wide(Value stored) {
  Type type = stored.getType();
  auto vector = dyn_cast<VectorType>(type);
  auto like = [&](Type element) -> Type { return vector ? Type(b.vec(vector.getDimSize(0), element)) : element; };
  if (codes.getScale().isF32())
    return stored;
  if (codes.getScale().isF16())
    return arith::ExtFOp::create(b, like(b.f32()), stored);
  Type words = like(b.getI32Type());
  Value bits = arith::ExtUIOp::create(b, words, stored);
  Value shift = vector ? splat(b, cast<VectorType>(words), 16) : b.i32(16);
  return arith::BitcastOp::create(b, like(b.f32()), arith::ShLIOp::create(b, bits, shift));
}

/// The number of the group of `size` columns that a segment lies in.
Value CodesReader::groupOf(Value segment, int64_t size) {
  return size == segmentSize ? segment : b.div(segment, size / segmentSize);
}

Value CodesReader::zero(Value panel, Value segment) {
  auto [begin, index] = placeOf(panel, segment, segmentSize);
  Value place = b.at(begin, b.add(b.mul(groupOf(index, codes.getGroup()), kLanes), record.zeros));
  return arith::ExtUIOp::create(b, b.vec(kLanes, b.getI32Type()), b.load(b.vec(kLanes, b.getI8Type()), place, 16));
}

Value CodesReader::scaleAt(Value panel, Value segment, int64_t part, int64_t superPart) {
  auto [begin, index] = placeOf(panel, segment, segmentSize);
  int64_t bytes = codes.getScale().getIntOrFloatBitWidth() / 8;
  Type stored = codes.getScale().isBF16() ? Type(b.getI16Type()) : codes.getScale();
  auto load = [&, begin = begin, index = index](int64_t from, int64_t size) {
    Value place = b.at(begin, b.add(b.mul(groupOf(index, size), kLanes * bytes), from));
    return wide(b.load(b.vec(kLanes, stored), place, static_cast<unsigned>(kLanes * bytes)));
  };
  if (!codes.getSuper())
    return load(part, codes.getGroup());
  Value place = b.at(begin, b.add(b.mul(groupOf(index, codes.getGroup()), kLanes), part));
  Value level = b.load(b.vec(kLanes, b.getI8Type()), place, 16);
  level = arith::SIToFPOp::create(b, b.vecF32(), arith::ExtSIOp::create(b, b.vec(kLanes, b.getI32Type()), level));
  return b.fmul(load(superPart, codes.getSuper()), level);
}

void CodesReader::prefetch(Value first, int64_t panels, Value segment, int64_t ahead) {
  int64_t each = record.columns / segmentSize, bytes = record.bytes / each;
  Value number = b.div(segment, each);
  Value offset = b.add(b.mul(number, record.bytes), b.mul(b.rem(segment, each), bytes));
  Value place = placeAhead(b, first, offset, ahead, panelBytes, panels * panelBytes);
  for (int64_t panel = 0; panel < panels; ++panel)
    for (int64_t line = 0; line < bytes; line += kLineBytes)
      b.prefetch(b.at(place, panel * panelBytes + line), CacheLevel::Second);
}

/// Elements of numbers in words.
Value CodesReader::elementOf(Value words, const Group &group) {
  auto type = cast<VectorType>(words.getType());
  if (offset() != 0)
    words = arith::SubIOp::create(b, words, splat(b, type, offset()));
  if (group.zero)
    words = arith::SubIOp::create(b, words, group.zero);
  Value value = b.fmul(group.scale, arith::SIToFPOp::create(b, b.vecF32(type.getDimSize(0)), words));
  return group.minimum ? b.fadd(value, group.minimum) : value;
}

Value CodesReader::element(Value numbers, int64_t part, const Group &group) {
  VectorType words = b.vec(kLanes, b.getI32Type());
  Value value = vector::BitCastOp::create(b, words, numbers);
  if (part > 0)
    value = arith::ShRUIOp::create(b, value, splat(b, words, 8 * part));
  if (part < 3)
    value = arith::AndIOp::create(b, value, splat(b, words, 255));
  return elementOf(value, group);
}

void CodesReader::storeRow(Value panel, Value lane, Value out, Value factor) {
  int64_t bytes = codes.getScale().getIntOrFloatBitWidth() / 8;
  Type stored = codes.getScale().isBF16() ? Type(b.getI16Type()) : codes.getScale();
  VectorType quad = b.vec(4, b.getI32Type());
  auto scalar = [&](const Place &in, int64_t part, int64_t superPart) {
    auto place = [&](int64_t from, int64_t size, int64_t each) {
      return b.at(in.record, b.add(b.mul(b.add(b.mul(groupOf(in.index, size), kLanes), lane), each), from));
    };
    if (!codes.getSuper())
      return wide(b.load(stored, place(part, codes.getGroup(), bytes), static_cast<unsigned>(bytes)));
    Value level = b.load(b.getI8Type(), place(part, codes.getGroup(), 1), 1);
    level = arith::SIToFPOp::create(b, b.f32(), arith::ExtSIOp::create(b, b.getI32Type(), level));
    return b.fmul(wide(b.load(stored, place(superPart, codes.getSuper(), bytes), static_cast<unsigned>(bytes))), level);
  };
  b.forLoop(b.i64(0), b.i64(k / segmentSize), 1, [&](Value segment) {
    Place in = placeOf(panel, segment, segmentSize);
    Group group = {b.broadcast(scalar(in, record.scales, record.supers), 4), {}, {}};
    if (hasMinimum())
      group.minimum = b.broadcast(scalar(in, record.minima, record.superMinima), 4);
    if (hasZeros()) {
      Value place = b.add(b.add(b.mul(groupOf(in.index, codes.getGroup()), kLanes), lane), record.zeros);
      Value zero = arith::ExtUIOp::create(b, b.getI32Type(), b.load(b.getI8Type(), b.at(in.record, place), 1));
      group.zero = b.broadcast(zero, 4);
    }
    for (int64_t from = 0; from < segmentSize; from += step()) {
      Value index = b.add(b.mul(segment, segmentSize / step()), from / step());
      SmallVector<Value> numbers(step() / 4);
      for (const PlaneOfStep &plane : planesOfStep(panel, index)) {
        Value word;
        for (auto [i, number] : llvm::enumerate(numbers)) {
          int64_t part = static_cast<int64_t>(i) % plane.codesAByte();
          if (part == 0) {
            Value line = b.at(plane.place, static_cast<int64_t>(i) / plane.codesAByte() * kNumbers);
            word = b.loadI32(b.at(line, b.mul(lane, 4)));
            if (plane.late)
              word = arith::ShRUIOp::create(b, word, arith::TruncIOp::create(b, b.getI32Type(), plane.late));
          }
          // Byte j of the word is k + j.
          SmallVector<int32_t> shifts;
          for (int32_t j = 0; j < 4; ++j)
            shifts.push_back(static_cast<int32_t>(8 * j + part * plane.bits));
          Value bits = arith::ShRUIOp::create(
              b, b.broadcast(word, 4),
              arith::ConstantOp::create(b, DenseElementsAttr::get(quad, ArrayRef<int32_t>(shifts))));
          bits = arith::AndIOp::create(b, bits, splat(b, quad, (1 << plane.bits) - 1));
          if (plane.shift)
            bits = arith::ShLIOp::create(b, bits, splat(b, quad, plane.shift));
          number = number ? arith::OrIOp::create(b, number, bits) : bits;
        }
      }
      for (auto [i, words] : llvm::enumerate(numbers)) {
        if (table) {
          // The number of one code after the other: the table is small.
          Value numbers = splat(b, quad, 0);
          for (int64_t code = 0; code < 16; ++code) {
            Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, words, splat(b, quad, code));
            numbers = arith::SelectOp::create(b, is, splat(b, quad, codes.getTable()[code] + offset()), numbers);
          }
          words = numbers;
        }
        Value value = elementOf(words, group);
        if (factor)
          value = b.fmul(value, b.broadcast(factor, 4));
        int64_t k = from + 4 * static_cast<int64_t>(i);
        b.store(value, b.at(out, b.add(b.mul(segment, segmentSize * 4), k * 4)));
      }
    }
  });
}
