// Fields.cpp - reads, writes and changes the fields of protobuf messages.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/onnx/Fields.h"

#include <cstring>
#include <utility>

namespace llmc::test {

uint64_t oddNumber(Random &random) {
  constexpr uint64_t numbers[] = {0,         1,          2,        3,        7,          8,          16,
                                  127,       255,        1u << 20, 1u << 30, 0x7fffffff, 1ull << 40, 1ull << 62,
                                  INT64_MAX, 1ull << 63, ~0ull,    ~1ull,    ~7ull};
  return oneOf(random, numbers);
}

static bool readVarint(std::string_view &in, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    uint8_t byte = static_cast<uint8_t>(in[0]);
    in.remove_prefix(1);
    value |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

bool readFields(std::string_view in, Message &fields, unsigned deep) {
  while (!in.empty()) {
    Field field;
    uint64_t tag, size;
    if (!readVarint(in, tag) || tag < 8 || tag >> 3 > 32)
      return false;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wire = tag & 7;
    if (field.wire == 0) {
      if (!readVarint(in, field.value))
        return false;
    } else {
      size = field.wire == 1 ? 8 : 4;
      if ((field.wire != 1 && field.wire != 2 && field.wire != 5) || (field.wire == 2 && !readVarint(in, size)) ||
          size > in.size())
        return false;
      field.bytes = std::string(in.substr(0, size));
      in.remove_prefix(size);
      field.isMessage = field.wire == 2 && deep > 0 && size > 1 && readFields(field.bytes, field.fields, deep - 1);
      if (!field.isMessage)
        field.fields.clear();
    }
    fields.push_back(std::move(field));
  }
  return true;
}

void writeVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::string writeFields(const Message &fields) {
  std::string out;
  for (const Field &field : fields) {
    writeVarint(out, uint64_t(field.number) << 3 | field.wire);
    if (field.wire == 0) {
      writeVarint(out, field.value);
      continue;
    }
    const std::string inner = field.isMessage ? writeFields(field.fields) : std::string();
    const std::string &bytes = field.isMessage ? inner : field.bytes;
    if (field.wire == 2)
      writeVarint(out, bytes.size());
    out += bytes;
  }
  return out;
}

std::string number(uint32_t id, uint64_t value) {
  std::string out;
  writeVarint(out, uint64_t(id) << 3);
  writeVarint(out, value);
  return out;
}

std::string text(uint32_t id, std::string_view content) {
  std::string out;
  writeVarint(out, uint64_t(id) << 3 | 2);
  writeVarint(out, content.size());
  return out.append(content);
}

std::string real(uint32_t id, float value) {
  std::string out;
  writeVarint(out, uint64_t(id) << 3 | 5);
  char bytes[4];
  std::memcpy(bytes, &value, 4);
  return out.append(bytes, 4);
}

Field numberField(uint32_t id, uint64_t value) {
  Field field;
  field.number = id;
  field.value = value;
  return field;
}

Field textField(uint32_t id, std::string content) {
  Field field;
  field.number = id;
  field.wire = 2;
  field.bytes = std::move(content);
  return field;
}

/// All lists of fields in a message, itself first.
template <typename List, typename Lists> static void listsOf(List &fields, Lists &lists) {
  lists.push_back(&fields);
  for (auto &field : fields)
    if (field.isMessage)
      listsOf(field.fields, lists);
}

constexpr unsigned kDeepest = 8;

void Changer::add(std::string_view bytes) {
  Message fields;
  if (!readFields(bytes, fields, kDeepest) || fields.empty())
    return;
  std::vector<const Message *> lists;
  listsOf(std::as_const(fields), lists);
  for (const Message *list : lists)
    for (const Field &field : *list)
      known[field.number].push_back(field);
  files.push_back(std::move(fields));
}

void Changer::change(Message &fields, Random &random) const {
  std::vector<Message *> lists;
  listsOf(fields, lists);
  Message &list = *lists[below(random, lists.size())];
  if (list.empty())
    return;
  size_t place = below(random, list.size());
  Field &field = list[place];
  switch (below(random, 6)) {
  case 0:
    list.erase(list.begin() + static_cast<ptrdiff_t>(place));
    break;
  case 1: {
    Field copy = field;
    list.insert(list.begin() + static_cast<ptrdiff_t>(below(random, list.size())), std::move(copy));
    break;
  }
  case 2:
    std::swap(field, list[below(random, list.size())]);
    break;
  default:
    if (field.wire == 0)
      field.value = below(random, 2) ? oddNumber(random) : field.value + below(random, 5) - 2;
    else if (below(random, 3) == 0 && !field.isMessage && !field.bytes.empty())
      field.bytes[below(random, field.bytes.size())] = static_cast<char>(random());
    else if (auto others = known.find(field.number); others != known.end())
      field = others->second[below(random, others->second.size())];
  }
}

std::string Changer::changed(Message fields, Random &random) const {
  for (size_t changes = 1 + below(random, 4); changes > 0; --changes)
    change(fields, random);
  std::string bytes = writeFields(fields);
  // Now and then damage that no field has.
  if (below(random, 16) == 0 && !bytes.empty())
    bytes[below(random, bytes.size())] ^= static_cast<char>(1u << below(random, 8));
  return bytes;
}

std::string Changer::next(Random &random) const { return changed(files[below(random, files.size())], random); }

std::string Changer::changed(std::string_view bytes, Random &random) const {
  Message fields;
  if (!readFields(bytes, fields, kDeepest))
    return std::string(bytes);
  return changed(std::move(fields), random);
}

} // namespace llmc::test
