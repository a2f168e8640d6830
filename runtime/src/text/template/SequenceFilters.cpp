// SequenceFilters.cpp - filters of chat templates on sequences and dicts: order, groups, parts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

namespace llmc::runtime::chat {

/// What a path of names and numbers ("a.b.0") leads to.
bool Evaluator::follow(const Value &value, View path, Value &result) {
  result = value;
  for (size_t at = 0;;) {
    size_t end = at;
    bool isNumber = true;
    while (end < path.size && path.data[end] != '.') {
      isNumber &= path.data[end] >= '0' && path.data[end] <= '9';
      ++end;
    }
    View part = path.part(at, end - at);
    Value index = Value::of(part), from = result;
    if (isNumber && part.size && part.size < 10) {
      int64_t number = 0;
      for (size_t i = 0; i < part.size; ++i)
        number = number * 10 + (part.data[i] - '0');
      index = Value::of(number);
    }
    if (!item(from, index, result))
      return false;
    if (end == path.size)
      return true;
    at = end + 1;
  }
}

bool Evaluator::follow(const Value &value, const Getter &getter, Value &result) {
  result = value;
  if (!getter.present)
    return true;
  if (getter.path.is(Kind::String) ? !follow(value, getter.path.view(), result) : !item(value, getter.path, result))
    return false;
  if (getter.hasDefault && result.is(Kind::Undefined))
    result = getter.otherwise;
  return true;
}

/// What an element is compared by.
bool Evaluator::keyOf(const Value &value, const Getter &getter, bool caseSensitive, Value &key) {
  Value found;
  if (!follow(value, getter, found))
    return false;
  if (!caseSensitive && found.is(Kind::String))
    return changeCase(found.view(), LLMC_CASE_LOWER, key);
  key = found;
  return true;
}

/// Puts `places` of items in the order of their keys; equal ones keep theirs. Merges runs, so it is n log n.
bool Evaluator::sortItems(Value *items, const Value *keys, uint32_t count, bool reversed, uint32_t *places) {
  uint32_t *other;
  if (!make(other, count + 1))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    places[i] = i;
  for (uint32_t width = 1; width < count; width *= 2) {
    for (uint32_t start = 0; start < count; start += 2 * width) {
      uint32_t middle = start + width < count ? start + width : count;
      uint32_t end = middle + width < count ? middle + width : count;
      for (uint32_t left = start, right = middle, to = start; to < end; ++to) {
        bool takeRight = left == middle;
        if (!takeRight && right < end) {
          int sign;
          if (!order(keys[places[right]], keys[places[left]], sign, "<"))
            return false;
          takeRight = reversed ? sign == 1 : sign == -1;
        }
        other[to] = takeRight ? places[right++] : places[left++];
      }
    }
    std::memcpy(places, other, count * sizeof(uint32_t));
  }
  return true;
}

bool Evaluator::dictSort(const Value &value, const Value *arguments, const bool *present, Value &result) {
  bool caseSensitive = present[0] && truth(arguments[0]), reversed = present[2] && truth(arguments[2]);
  View by = "key";
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (!value.is(Kind::Dict))
    return fail("dictsort: needs a dict, found %s", kindName(value));
  if (present[1] && !needString(arguments[1], "dictsort", by))
    return false;
  if (by != View("key") && by != View("value"))
    return fail("dictsort: by '%.*s', expected 'key' or 'value'", int(by.size), by.data);
  const Dict &dict = *value.dict;
  Value *keys;
  uint32_t *places;
  if (!make(keys, dict.count + 1) || !make(places, dict.count + 1) || !newList(dict.count, Flavour::List, result))
    return false;
  for (uint32_t i = 0; i < dict.count; ++i)
    if (!keyOf(by == View("key") ? dict.keys[i] : dict.values[i], Getter(), caseSensitive, keys[i]))
      return false;
  if (!sortItems(dict.keys, keys, dict.count, reversed, places))
    return false;
  for (uint32_t i = 0; i < dict.count; ++i)
    if (!pairOf(dict.keys[places[i]], dict.values[places[i]], result.list->items[i]))
      return false;
  return true;
}

bool Evaluator::extreme(const Value *items, uint32_t count, bool largest, const Getter &getter, bool caseSensitive,
                        Value &result) {
  if (!count) {
    result = Value::undefined("no first item, the sequence was empty", true);
    return true;
  }
  Value best, key;
  for (uint32_t i = 0; i < count; ++i) {
    int sign = 0;
    if (!keyOf(items[i], getter, caseSensitive, key) || (i && !order(key, best, sign, "<")))
      return false;
    if (!i || sign == (largest ? 1 : -1)) {
      best = key;
      result = items[i];
    }
  }
  return true;
}

bool Evaluator::unique(const Value *items, uint32_t count, const Getter &getter, bool caseSensitive, Value &result) {
  Value seen, key;
  if (!newDict(seen) || !newList(count, Flavour::Iterator, result))
    return false;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; ++i) {
    Value *found;
    if (!keyOf(items[i], getter, caseSensitive, key) || !lookup(*seen.dict, key, found))
      return false;
    if (found)
      continue;
    if (!insert(*seen.dict, key, Value::of(true)))
      return false;
    result.list->items[kept++] = items[i];
  }
  result.list->count = kept;
  return true;
}

/// Groups in the order of what they have in common: pairs of that and a list.
bool Evaluator::groupBy(Value *items, uint32_t count, const Getter &getter, bool caseSensitive, Value &result) {
  Value *keys;
  uint32_t *places;
  if (!make(keys, count + 1) || !make(places, count + 1) || !newList(count, Flavour::List, result))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    if (!keyOf(items[i], getter, caseSensitive, keys[i]))
      return false;
  if (!sortItems(items, keys, count, false, places))
    return false;
  uint32_t groups = 0;
  for (uint32_t start = 0, end; start < count; start = end) {
    bool same = true;
    for (end = start + 1; end < count; ++end) {
      if (!equal(keys[places[start]], keys[places[end]], same))
        return false;
      if (!same)
        break;
    }
    Value members, name;
    if (!newList(end - start, Flavour::List, members) || !follow(items[places[start]], getter, name))
      return false;
    for (uint32_t i = start; i < end; ++i)
      members.list->items[i - start] = items[places[i]];
    if (!pairOf(name, members, result.list->items[groups++]))
      return false;
  }
  result.list->count = groups;
  return true;
}

bool Evaluator::batches(const Value *items, uint32_t count, int64_t size, const Value *fill, Value &result) {
  if (size < 1)
    size = 1;
  uint64_t number = (count + uint64_t(size) - 1) / uint64_t(size);
  if (!newList(uint32_t(number), Flavour::Iterator, result))
    return false;
  for (uint64_t i = 0; i < number; ++i) {
    uint64_t from = i * uint64_t(size), left = count - from;
    uint64_t taken = left < uint64_t(size) ? left : uint64_t(size), room = fill ? uint64_t(size) : taken;
    if (room > limits.memory / sizeof(Value))
      return tooMuch();
    if (!newList(uint32_t(room), Flavour::List, result.list->items[i]))
      return false;
    for (uint64_t k = 0; k < room; ++k)
      result.list->items[i].list->items[k] = k < taken ? items[from + k] : *fill;
  }
  return true;
}

bool Evaluator::slices(const Value *items, uint32_t count, int64_t number, const Value *fill, Value &result) {
  if (number < 1 || number > 1 << 20)
    return fail("slice: %lld slices, expected 1 to 1048576", (long long)number);
  uint32_t each = count / uint32_t(number), longer = count % uint32_t(number), from = 0;
  if (!newList(uint32_t(number), Flavour::Iterator, result))
    return false;
  for (uint32_t i = 0; i < number; ++i) {
    uint32_t taken = each + (i < longer), room = taken + (fill && i >= longer);
    if (!newList(room, Flavour::List, result.list->items[i]))
      return false;
    for (uint32_t k = 0; k < room; ++k)
      result.list->items[i].list->items[k] = k < taken ? items[from + k] : *fill;
    from += taken;
  }
  return true;
}

bool Evaluator::total(const Value *items, uint32_t count, const Getter &getter, const Value &start, Value &result) {
  if (start.is(Kind::String))
    return fail("sum: texts are put together by join");
  result = start;
  for (uint32_t i = 0; i < count; ++i) {
    Value part, before = result;
    if (!follow(items[i], getter, part) || !add(before, part, result))
      return false;
  }
  return true;
}

bool Evaluator::sequenceFilter(uint32_t number, const Value &value, const Value *arguments, const bool *present,
                               Value &result) {
  Value *items;
  uint32_t count;
  Getter getter;
  View text;
  int64_t size;
  auto attributeAt = [&](int place) {
    getter.present = present[place] && !arguments[place].is(Kind::None);
    getter.path = arguments[place];
  };
  switch (number) {
  case LLMC_FILTER_LENGTH:
    if (!length(value, size))
      return false;
    result = Value::of(size);
    return true;
  case LLMC_FILTER_ATTR:
    if (!needString(arguments[0], "attr", text))
      return false;
    if (value.is(Kind::Dict) && !isMethodOf(value, text)) { // its items are no attributes
      undefinedNamed(text, result);
      return true;
    }
    return attribute(value, text, result);
  case LLMC_FILTER_ITEMS: {
    if (value.is(Kind::Undefined))
      return newList(0, Flavour::Iterator, result);
    if (!value.is(Kind::Dict))
      return fail("items: needs a dict, found %s", kindName(value));
    const Dict &dict = *value.dict;
    if (!newList(dict.count, Flavour::Iterator, result))
      return false;
    for (uint32_t i = 0; i < dict.count; ++i)
      if (!pairOf(dict.keys[i], dict.values[i], result.list->items[i]))
        return false;
    return true;
  }
  case LLMC_FILTER_DICTSORT:
    return dictSort(value, arguments, present, result);
  case LLMC_FILTER_REVERSE:
    if (value.is(Kind::String)) {
      Value bounds[3] = {Value::none(), Value::none(), Value::of(int64_t(-1))};
      return slice(value, bounds, result);
    }
    break;
  case LLMC_FILTER_FIRST:
    if (value.is(Kind::List) && value.list->flavour == Flavour::Iterator) { // the rest stays
      result = Value::undefined("no first item, the sequence was empty", true);
      if (value.list->left())
        result = value.list->items[value.list->taken++];
      return true;
    }
    break;
  case LLMC_FILTER_LAST:
    if (value.is(Kind::List) && value.list->flavour == Flavour::Iterator)
      return fail("last: an iterator cannot be gone through from its end; make it a list first");
    break;
  default:
    break;
  }
  if (!elements(value, items, count))
    return false;
  switch (number) {
  case LLMC_FILTER_FIRST:
  case LLMC_FILTER_LAST:
    result = Value::undefined("no such item, the sequence was empty", true);
    if (count)
      result = items[number == LLMC_FILTER_FIRST ? 0 : count - 1];
    return true;
  case LLMC_FILTER_LIST:
  case LLMC_FILTER_REVERSE:
    if (!newList(count, number == LLMC_FILTER_LIST ? Flavour::List : Flavour::Iterator, result))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      result.list->items[i] = items[number == LLMC_FILTER_LIST ? i : count - 1 - i];
    return true;
  case LLMC_FILTER_JOIN: {
    Value separator = Value::of(View("")), *parts = items;
    if (present[0] && !toString(arguments[0], separator))
      return false;
    attributeAt(1);
    if (getter.present) {
      if (!make(parts, count + 1))
        return false;
      for (uint32_t i = 0; i < count; ++i)
        if (!follow(items[i], getter, parts[i]))
          return false;
    }
    return joinValues(separator.view(), parts, count, false, result);
  }
  case LLMC_FILTER_MAX:
  case LLMC_FILTER_MIN:
    attributeAt(1);
    return extreme(items, count, number == LLMC_FILTER_MAX, getter, present[0] && truth(arguments[0]), result);
  case LLMC_FILTER_SORT: {
    Value *keys;
    uint32_t *places;
    attributeAt(2);
    if (!make(keys, count + 1) || !make(places, count + 1) || !newList(count, Flavour::List, result))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      if (!keyOf(items[i], getter, present[1] && truth(arguments[1]), keys[i]))
        return false;
    if (!sortItems(items, keys, count, present[0] && truth(arguments[0]), places))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      result.list->items[i] = items[places[i]];
    return true;
  }
  case LLMC_FILTER_UNIQUE:
    attributeAt(1);
    return unique(items, count, getter, present[0] && truth(arguments[0]), result);
  case LLMC_FILTER_GROUPBY:
    attributeAt(0);
    getter.hasDefault = present[1] && !arguments[1].is(Kind::None);
    getter.otherwise = getter.hasDefault ? arguments[1] : Value();
    return groupBy(items, count, getter, present[2] && truth(arguments[2]), result);
  case LLMC_FILTER_BATCH:
  case LLMC_FILTER_SLICE: {
    bool isBatch = number == LLMC_FILTER_BATCH;
    const Value *fill = present[1] && !arguments[1].is(Kind::None) ? &arguments[1] : nullptr;
    return needInt(arguments[0], isBatch ? "batch" : "slice", size) &&
           (isBatch ? batches(items, count, size, fill, result) : slices(items, count, size, fill, result));
  }
  case LLMC_FILTER_SUM:
    attributeAt(0);
    return total(items, count, getter, present[1] ? arguments[1] : Value::of(int64_t(0)), result);
  default:
    return fail("a filter of unknown number");
  }
}

} // namespace llmc::runtime::chat
