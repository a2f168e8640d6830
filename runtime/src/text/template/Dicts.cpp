// Dicts.cpp - dicts of chat templates: pairs in order, with a table of places once there are many.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

namespace llmc::runtime::chat {

/// Dicts up to this size are searched pair by pair.
static constexpr uint32_t fewPairs = 8;

bool Evaluator::newDict(Value &result) {
  Dict *dict;
  if (!spend(1) || !make(dict))
    return false;
  *dict = {nullptr, nullptr, 0, 0, nullptr, 0};
  result = Value::of(dict);
  return true;
}

/// Equal values have equal hashes: 1, 1.0 and true as well.
bool Evaluator::hash(const Value &key, uint32_t &result) {
  Nesting nesting(*this);
  if (!spend(1) || !nesting.good())
    return false;
  uint64_t bits = uint64_t(key.kind);
  switch (key.kind) {
  case Kind::Undefined:
  case Kind::None:
    break;
  case Kind::Bool:
  case Kind::Int:
  case Kind::Float: {
    double number = key.real() + 0.0; // without the sign of zero
    std::memcpy(&bits, &number, sizeof bits);
    break;
  }
  case Kind::String:
    bits = 0xcbf29ce484222325ull;
    for (uint32_t i = 0; i < key.length; ++i)
      bits = (bits ^ uint8_t(key.text[i])) * 0x100000001b3ull;
    if (!spend(key.length / 16))
      return false;
    break;
  case Kind::List:
    if (key.list->flavour == Flavour::List)
      return fail("a list cannot be a key");
    for (uint32_t i = 0; i < key.list->count; ++i) {
      uint32_t part;
      if (!hash(key.list->items[i], part))
        return false;
      bits = (bits ^ part) * 0x100000001b3ull;
    }
    break;
  default:
    return fail("%s cannot be a key", kindName(key));
  }
  bits ^= bits >> 32;
  result = uint32_t((bits * 0x9e3779b97f4a7c15ull) >> 32);
  return true;
}

bool Evaluator::lookup(const Dict &dict, const Value &key, Value *&value) {
  value = nullptr;
  bool same;
  uint32_t code;
  if (!hash(key, code)) // what cannot be a key is a mistake here as well
    return false;
  if (!dict.places) {
    for (uint32_t i = 0; i < dict.count && !value; ++i) {
      if (!equal(dict.keys[i], key, same))
        return false;
      if (same)
        value = &dict.values[i];
    }
    return true;
  }
  for (uint32_t slot = code & (dict.slots - 1); dict.places[slot] && !value; slot = (slot + 1) & (dict.slots - 1)) {
    uint32_t place = dict.places[slot] - 1;
    if (!equal(dict.keys[place], key, same))
      return false;
    if (same)
      value = &dict.values[place];
  }
  return true;
}

const Value *Evaluator::field(const Dict &dict, View key) {
  Value *found;
  return lookup(dict, Value::of(key), found) ? found : nullptr;
}

bool Evaluator::insert(Dict &dict, const Value &key, const Value &value) {
  Value *found;
  if (!lookup(dict, key, found))
    return false;
  if (found) {
    *found = value;
    return true;
  }
  uint32_t code;
  if (dict.count == dict.room) {
    if (dict.room > UINT32_MAX / 8)
      return tooMuch();
    uint32_t room = dict.room ? dict.room * 2 : fewPairs;
    Value *keys, *values;
    if (!spend(room) || !make(keys, room) || !make(values, room))
      return false;
    if (dict.count) {
      std::memcpy(static_cast<void *>(keys), dict.keys, dict.count * sizeof(Value));
      std::memcpy(static_cast<void *>(values), dict.values, dict.count * sizeof(Value));
    }
    dict.keys = keys, dict.values = values, dict.room = room;
    if (room > fewPairs) {
      dict.slots = room * 2;
      if (!make(dict.places, dict.slots))
        return false;
      std::memset(dict.places, 0, dict.slots * sizeof(uint32_t));
      for (uint32_t i = 0; i < dict.count; ++i) {
        if (!hash(dict.keys[i], code))
          return false;
        uint32_t slot = code & (dict.slots - 1);
        while (dict.places[slot])
          slot = (slot + 1) & (dict.slots - 1);
        dict.places[slot] = i + 1;
      }
    }
  }
  if (dict.places) {
    if (!hash(key, code))
      return false;
    uint32_t slot = code & (dict.slots - 1);
    while (dict.places[slot])
      slot = (slot + 1) & (dict.slots - 1);
    dict.places[slot] = dict.count + 1;
  }
  dict.keys[dict.count] = key;
  dict.values[dict.count++] = value;
  return true;
}

} // namespace llmc::runtime::chat
