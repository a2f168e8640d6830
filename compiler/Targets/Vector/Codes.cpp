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
      segmentSize(segment), planes(codes.planes(k)) {
  if (codes.getTable().empty())
    return;
  // A copy for each 16 bytes, as shuffles of bytes want it.
  SmallVector<uint8_t> bytes;
  for (int64_t i = 0; i < kNumbers; ++i)
    bytes.push_back(static_cast<uint8_t>(codes.getTable()[i % 16] + offset()));
  VectorType type = b.vec(kNumbers, b.getI8Type());
  table = arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<uint8_t>(bytes)));
}

SmallVector<CodesReader::PlaneOfStep, 2> CodesReader::planesOfStep(Value panel, Value index) {
  SmallVector<PlaneOfStep, 2> result;
  int64_t parts = codes.getUnit() / step();
  Value unit = parts == 1 ? index : b.div(index, parts), part;
  Value begin = b.at(panel, b.mul(unit, codeBytes(codes.getUnit())));
  if (parts > 1)
    part = b.sub(index, b.mul(unit, parts));
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
        bits = arith::AndIOp::create(b, vector::BitCastOp::create(b, bytes, bits),
                                     splat(b, bytes, low << plane.shift));
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
  Value place = b.at(panel, b.add(b.mul(groupOf(segment, codes.getGroup()), kLanes), planes.zeros));
  return arith::ExtUIOp::create(b, b.vec(kLanes, b.getI32Type()), b.load(b.vec(kLanes, b.getI8Type()), place, 16));
}

Value CodesReader::scaleAt(Value panel, Value segment, int64_t plane, int64_t superPlane) {
  int64_t bytes = codes.getScale().getIntOrFloatBitWidth() / 8;
  Type stored = codes.getScale().isBF16() ? Type(b.getI16Type()) : codes.getScale();
  auto load = [&](int64_t from, int64_t size) {
    Value place = b.at(panel, b.add(b.mul(groupOf(segment, size), kLanes * bytes), from));
    return wide(b.load(b.vec(kLanes, stored), place, static_cast<unsigned>(kLanes * bytes)));
  };
  if (!codes.getSuper())
    return load(plane, codes.getGroup());
  Value place = b.at(panel, b.add(b.mul(groupOf(segment, codes.getGroup()), kLanes), plane));
  Value level = b.load(b.vec(kLanes, b.getI8Type()), place, 16);
  level = arith::SIToFPOp::create(b, b.vecF32(), arith::ExtSIOp::create(b, b.vec(kLanes, b.getI32Type()), level));
  return b.fmul(load(superPlane, codes.getSuper()), level);
}

void CodesReader::prefetchGroups(Value first, int64_t panels, Value segment) {
  Value group = groupOf(segment, codes.getGroup());
  auto plane = [&](int64_t from, int64_t each) {
    int64_t ahead = std::max<int64_t>(4 * kLanes * each, kLineBytes), bytes = k / codes.getGroup() * kLanes * each;
    Value place = placeAhead(b, b.at(first, from), b.mul(group, kLanes * each), ahead, bytes, panels * panelBytes);
    for (int64_t panel = 0; panel < panels; ++panel)
      b.prefetch(b.at(place, panel * panelBytes), CacheLevel::Second);
  };
  int64_t bytes = codes.getSuper() ? 1 : codes.getScale().getIntOrFloatBitWidth() / 8;
  plane(planes.scales, bytes);
  if (hasMinimum())
    plane(planes.minima, bytes);
  if (hasZeros())
    plane(planes.zeros, 1);
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
  auto scalar = [&](Value segment, int64_t plane, int64_t superPlane) {
    auto place = [&](int64_t from, int64_t size, int64_t each) {
      return b.at(panel, b.add(b.mul(b.add(b.mul(groupOf(segment, size), kLanes), lane), each), from));
    };
    if (!codes.getSuper())
      return wide(b.load(stored, place(plane, codes.getGroup(), bytes), static_cast<unsigned>(bytes)));
    Value level = b.load(b.getI8Type(), place(plane, codes.getGroup(), 1), 1);
    level = arith::SIToFPOp::create(b, b.f32(), arith::ExtSIOp::create(b, b.getI32Type(), level));
    return b.fmul(wide(b.load(stored, place(superPlane, codes.getSuper(), bytes), static_cast<unsigned>(bytes))),
                  level);
  };
  b.forLoop(b.i64(0), b.i64(k / segmentSize), 1, [&](Value segment) {
    Group group = {b.broadcast(scalar(segment, planes.scales, planes.supers), 4), {}, {}};
    if (hasMinimum())
      group.minimum = b.broadcast(scalar(segment, planes.minima, planes.superMinima), 4);
    if (hasZeros()) {
      Value place = b.add(b.add(b.mul(groupOf(segment, codes.getGroup()), kLanes), lane), planes.zeros);
      Value zero = arith::ExtUIOp::create(b, b.getI32Type(), b.load(b.getI8Type(), b.at(panel, place), 1));
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
