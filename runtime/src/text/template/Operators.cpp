// Operators.cpp - operators of chat templates on values like Python's: truth, order, arithmetic, attributes, items.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

#include <cmath>

namespace llmc::runtime::chat {

bool Evaluator::truth(const Value &value) {
  switch (value.kind) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Bool:
    return value.boolean;
  case Kind::Int:
    return value.integer != 0;
  case Kind::Float:
    return value.number != 0;
  case Kind::String:
    return value.length != 0;
  case Kind::List:
    return value.list->flavour == Flavour::Iterator || value.list->count != 0;
  case Kind::Dict:
    return value.dict->count != 0;
  case Kind::Loop:
    return value.loop->count != 0;
  default:
    return true;
  }
}

// ------------------------------------------------------------ order

bool Evaluator::equal(const Value &a, const Value &b, bool &result) {
  Nesting nesting(*this);
  if (!spend(1) || !nesting.good())
    return false;
  result = false;
  if (a.isNumber() && b.isNumber()) {
    result = a.is(Kind::Float) || b.is(Kind::Float) ? a.real() == b.real() : a.whole() == b.whole();
    return true;
  }
  if (a.kind != b.kind)
    return true;
  switch (a.kind) {
  case Kind::Undefined:
  case Kind::None:
    result = true;
    return true;
  case Kind::String:
    result = a.view() == b.view();
    return spend(a.length / 64);
  case Kind::List:
    if (a.list == b.list) {
      result = true;
      return true;
    }
    if (a.list->flavour != b.list->flavour || a.list->flavour == Flavour::Iterator || a.list->count != b.list->count)
      return true;
    for (uint32_t i = 0; i < a.list->count; ++i) {
      if (!equal(a.list->items[i], b.list->items[i], result))
        return false;
      if (!result)
        return true;
    }
    result = true;
    return true;
  case Kind::Dict:
    if (a.dict->count != b.dict->count)
      return true;
    for (uint32_t i = 0; i < a.dict->count; ++i) {
      Value *other;
      if (!lookup(*b.dict, a.dict->keys[i], other))
        return false;
      if (!other)
        return result = false, true;
      if (!equal(a.dict->values[i], *other, result))
        return false;
      if (!result)
        return true;
    }
    result = true;
    return true;
  case Kind::Function:
    result = a.code == b.code;
    return true;
  default:
    result = a.text == b.text; // the same object
    return true;
  }
}

/// The sign of a - b for values that have an order; `symbol` is for the message.
bool Evaluator::order(const Value &a, const Value &b, int &result, const char *symbol) {
  Nesting nesting(*this);
  if (!spend(1) || !nesting.good())
    return false;
  if (a.isNumber() && b.isNumber()) {
    if (a.is(Kind::Float) || b.is(Kind::Float)) {
      double x = a.real(), y = b.real();
      result = x < y ? -1 : x > y ? 1 : x == y ? 0 : 2; // 2: no order
    } else {
      int64_t x = a.whole(), y = b.whole();
      result = x < y ? -1 : x > y;
    }
    return true;
  }
  if (a.is(Kind::String) && b.is(Kind::String)) { // bytes of UTF-8 stand in the order of characters
    uint32_t shared = a.length < b.length ? a.length : b.length;
    int found = shared ? std::memcmp(a.text, b.text, shared) : 0;
    result = found < 0 ? -1 : found > 0 ? 1 : a.length < b.length ? -1 : a.length > b.length;
    return spend(shared / 64);
  }
  if (a.is(Kind::List) && b.is(Kind::List) && a.list->flavour == b.list->flavour && a.list->flavour <= Flavour::Tuple) {
    for (uint32_t i = 0; i < a.list->count && i < b.list->count; ++i) {
      bool same;
      if (!equal(a.list->items[i], b.list->items[i], same))
        return false;
      if (!same)
        return order(a.list->items[i], b.list->items[i], result, symbol);
    }
    result = a.list->count < b.list->count ? -1 : a.list->count > b.list->count;
    return true;
  }
  if (a.is(Kind::Undefined) || b.is(Kind::Undefined))
    return undefinedError(a.is(Kind::Undefined) ? a : b);
  return fail("%s and %s have no order ('%s')", kindName(a), kindName(b), symbol);
}

bool Evaluator::compare(uint32_t comparison, const Value &a, const Value &b, bool &result) {
  int sign = 0;
  switch (comparison) {
  case LLMC_TEMPLATE_EQUAL:
    return equal(a, b, result);
  case LLMC_TEMPLATE_NOT_EQUAL:
    if (!equal(a, b, result))
      return false;
    result = !result;
    return true;
  case LLMC_TEMPLATE_LESS:
    return order(a, b, sign, "<") && (result = sign == -1, true);
  case LLMC_TEMPLATE_LESS_EQUAL:
    return order(a, b, sign, "<=") && (result = sign == -1 || sign == 0, true);
  case LLMC_TEMPLATE_GREATER:
    return order(a, b, sign, ">") && (result = sign == 1, true);
  case LLMC_TEMPLATE_GREATER_EQUAL:
    return order(a, b, sign, ">=") && (result = sign == 1 || sign == 0, true);
  case LLMC_TEMPLATE_IN:
    return contains(b, a, result);
  default:
    if (!contains(b, a, result))
      return false;
    result = !result;
    return true;
  }
}

/// The first place of `what` in `text`, or -1.
static int64_t findBytes(View text, View what) {
  if (!what.size)
    return 0;
  const void *found = text.size < what.size ? nullptr : memmem(text.data, text.size, what.data, what.size);
  return found ? static_cast<const char *>(found) - text.data : -1;
}

bool Evaluator::contains(const Value &container, const Value &item, bool &result) {
  result = false;
  if (container.is(Kind::String)) {
    if (item.is(Kind::Undefined))
      return undefinedError(item);
    if (!item.is(Kind::String))
      return fail("'in' a string needs a string, found %s", kindName(item));
    result = findBytes(container.view(), item.view()) >= 0;
    return spend(1 + container.length / 64);
  }
  if (container.is(Kind::Dict)) {
    Value *found;
    if (!lookup(*container.dict, item, found))
      return false;
    result = found != nullptr;
    return true;
  }
  Value *items;
  uint32_t count;
  if (!elements(container, items, count))
    return false;
  for (uint32_t i = 0; i < count && !result; ++i)
    if (!equal(items[i], item, result))
      return false;
  return true;
}

// ------------------------------------------------------------ arithmetic

bool Evaluator::add(const Value &a, const Value &b, Value &result) {
  if (a.is(Kind::String) && b.is(Kind::String)) {
    // What is marked as safe stays so: the other side is escaped.
    bool safe = a.safe || b.safe;
    Value left = a, right = b;
    if (safe && !a.safe && !escapeHtml(a.view(), left))
      return false;
    if (safe && !b.safe && !escapeHtml(b.view(), right))
      return false;
    size_t start = out.size();
    if (!put(left.view()) || !put(right.view()) || !finish(start, result))
      return false;
    result.safe = safe;
    return true;
  }
  if (a.is(Kind::List) && b.is(Kind::List) && a.list->flavour == b.list->flavour && a.list->flavour <= Flavour::Tuple) {
    uint64_t count = uint64_t(a.list->count) + b.list->count;
    if (count > UINT32_MAX)
      return tooMuch();
    if (!newList(uint32_t(count), a.list->flavour, result))
      return false;
    std::memcpy(static_cast<void *>(result.list->items), a.list->items, a.list->count * sizeof(Value));
    std::memcpy(static_cast<void *>(result.list->items + a.list->count), b.list->items, b.list->count * sizeof(Value));
    return true;
  }
  return arithmetic(LLMC_TEMPLATE_ADD, a, b, result);
}

/// A string or list several times.
bool Evaluator::repeat(const Value &value, int64_t times, Value &result) {
  uint64_t size = value.is(Kind::String) ? value.length : value.list->count;
  if (times < 0)
    times = 0;
  if (size && uint64_t(times) > limits.memory / size)
    return failWith(ChatStatus::TooMuch, "%lld copies of %s are too many", (long long)times, kindName(value));
  if (!size)
    times = 0;
  if (value.is(Kind::String)) {
    size_t start = out.size();
    for (int64_t i = 0; i < times; ++i)
      if (!put(value.view()))
        return false;
    return finish(start, result);
  }
  if (!newList(uint32_t(size * uint64_t(times)), value.list->flavour, result))
    return false;
  for (int64_t i = 0; i < times; ++i)
    std::memcpy(static_cast<void *>(result.list->items + size_t(i) * size), value.list->items, size * sizeof(Value));
  return true;
}

bool Evaluator::power(const Value &a, const Value &b, Value &result) {
  if (a.is(Kind::Float) || b.is(Kind::Float) || b.whole() < 0) {
    if (a.real() == 0 && b.real() < 0)
      return fail("0 cannot be raised to a negative power");
    if (b.real() != std::floor(b.real()) || std::fabs(b.real()) > 1e6)
      return fail("a power that is no whole number, or beyond a million");
    long double product = 1, base = a.real();
    for (uint64_t exponent = uint64_t(std::fabs(b.real())); exponent; exponent >>= 1, base *= base)
      if (exponent & 1)
        product *= base;
    double found = double(b.real() < 0 ? 1 / product : product);
    if (std::isnan(found) || std::isinf(found))
      return fail("the power is no number");
    result = Value::of(found);
    return true;
  }
  int64_t base = a.whole(), product = 1;
  uint64_t exponent = uint64_t(b.whole());
  while (exponent) {
    if ((exponent & 1) && __builtin_mul_overflow(product, base, &product))
      return fail("the number does not fit 64 bits");
    exponent >>= 1;
    if (exponent && __builtin_mul_overflow(base, base, &base))
      return fail("the number does not fit 64 bits");
  }
  result = Value::of(product);
  return true;
}

bool Evaluator::arithmetic(uint32_t operation, const Value &a, const Value &b, Value &result) {
  static const char *const symbols[] = {"", "+", "-", "*", "/", "//", "%", "**"};
  if (a.is(Kind::Undefined) || b.is(Kind::Undefined))
    return undefinedError(a.is(Kind::Undefined) ? a : b);
  if (!a.isNumber() || !b.isNumber())
    return fail("'%s' between %s and %s", symbols[operation], kindName(a), kindName(b));
  if (operation == LLMC_TEMPLATE_POWER)
    return power(a, b, result);
  bool isReal = a.is(Kind::Float) || b.is(Kind::Float);
  bool divides = operation >= LLMC_TEMPLATE_DIVIDE;
  if (divides && b.real() == 0)
    return fail("division by zero");
  if (operation == LLMC_TEMPLATE_DIVIDE) {
    result = Value::of(a.real() / b.real());
    return true;
  }
  if (isReal) {
    double x = a.real(), y = b.real();
    if (divides) { // the remainder has the divisor's sign
      double remainder = std::fmod(x, y), quotient = (x - remainder) / y;
      if (remainder != 0 && (y < 0) != (remainder < 0)) {
        remainder += y;
        quotient -= 1;
      } else if (remainder == 0) {
        remainder = std::copysign(0.0, y);
      }
      double whole = std::floor(quotient);
      if (quotient - whole > 0.5)
        whole += 1;
      result = Value::of(operation == LLMC_TEMPLATE_REMAINDER ? remainder : whole);
      return true;
    }
    result = Value::of(operation == LLMC_TEMPLATE_ADD ? x + y : operation == LLMC_TEMPLATE_SUBTRACT ? x - y : x * y);
    return true;
  }
  int64_t x = a.whole(), y = b.whole(), found = 0;
  bool overflow = false;
  if (operation == LLMC_TEMPLATE_ADD)
    overflow = __builtin_add_overflow(x, y, &found);
  else if (operation == LLMC_TEMPLATE_SUBTRACT)
    overflow = __builtin_sub_overflow(x, y, &found);
  else if (operation == LLMC_TEMPLATE_MULTIPLY)
    overflow = __builtin_mul_overflow(x, y, &found);
  else if (x == INT64_MIN && y == -1)
    overflow = operation == LLMC_TEMPLATE_FLOOR_DIVIDE;
  else if (operation == LLMC_TEMPLATE_FLOOR_DIVIDE)
    found = x / y - (x % y != 0 && (x % y < 0) != (y < 0));
  else
    found = x % y + (x % y != 0 && (x % y < 0) != (y < 0) ? y : 0);
  if (overflow)
    return fail("the number does not fit 64 bits");
  result = Value::of(found);
  return true;
}

bool Evaluator::binary(uint32_t operation, const Value &a, const Value &b, Value &result) {
  auto repeats = [](const Value &value) {
    return value.is(Kind::String) || (value.is(Kind::List) && value.list->flavour <= Flavour::Tuple);
  };
  if (operation == LLMC_TEMPLATE_ADD)
    return add(a, b, result);
  if (operation == LLMC_TEMPLATE_MULTIPLY && repeats(a) && b.isWhole())
    return repeat(a, b.whole(), result);
  if (operation == LLMC_TEMPLATE_MULTIPLY && repeats(b) && a.isWhole())
    return repeat(b, a.whole(), result);
  if (operation == LLMC_TEMPLATE_REMAINDER && a.is(Kind::String))
    return percent(a.view(), b, result);
  return arithmetic(operation, a, b, result);
}

// ------------------------------------------------------------ attributes and items

static bool isOneOf(View name, const char *names) { // " a b c "
  size_t size = std::strlen(names);
  for (size_t at = 0; at + name.size + 2 <= size; ++at)
    if (names[at] == ' ' && names[at + 1 + name.size] == ' ' && name.size &&
        !std::memcmp(names + at + 1, name.data, name.size))
      return true;
  return false;
}

bool Evaluator::isMethodOf(const Value &value, View name) {
  switch (value.kind) {
  case Kind::String:
    return isOneOf(name, " capitalize casefold center count endswith expandtabs find format format_map index isalnum "
                         "isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper join ljust lower "
                         "lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit "
                         "rstrip split splitlines startswith strip swapcase title upper zfill ");
  case Kind::List:
    return value.list->flavour != Flavour::Iterator && isOneOf(name, " count index copy ") &&
           (value.list->flavour == Flavour::List || name != View("copy"));
  case Kind::Dict:
    return isOneOf(name, " copy get items keys values ");
  case Kind::Loop:
    return isOneOf(name, " cycle changed ");
  case Kind::Cycler:
    return !value.cycler->isJoiner && isOneOf(name, " next reset ");
  default:
    return false;
  }
}

bool Evaluator::loopAttribute(const Loop &loop, View name, Value &result) {
  int64_t index = loop.index, count = loop.count;
  const struct {
    const char *name;
    Value value;
  } rows[] = {{"index", Value::of(index + 1)},
              {"index0", Value::of(index)},
              {"revindex", Value::of(count - index)},
              {"revindex0", Value::of(count - index - 1)},
              {"first", Value::of(index == 0)},
              {"last", Value::of(index + 1 == count)},
              {"length", Value::of(count)},
              {"depth", Value::of(int64_t(loop.depth) + 1)},
              {"depth0", Value::of(int64_t(loop.depth))}};
  for (const auto &row : rows)
    if (name == View(row.name)) {
      result = row.value;
      return true;
    }
  if (name == View("previtem"))
    result = index ? loop.items[index - 1] : Value::undefined("there is no previous item", true);
  else if (name == View("nextitem"))
    result = index + 1 < count ? loop.items[index + 1] : Value::undefined("there is no next item", true);
  else
    undefinedNamed(name, result);
  return true;
}

bool Evaluator::attribute(const Value &value, View name, Value &result) {
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (isMethodOf(value, name)) {
    Method *method;
    if (!make(method))
      return false;
    *method = {value, name};
    result = Value::none();
    result.kind = Kind::Method;
    result.method = method;
    return true;
  }
  if (value.is(Kind::Loop))
    return loopAttribute(*value.loop, name, result);
  const Dict *dict = value.is(Kind::Dict) ? value.dict : value.is(Kind::Namespace) ? value.fields->dict : nullptr;
  if (dict) {
    if (const Value *found = field(*dict, name)) {
      result = *found;
      return true;
    }
  } else if (value.is(Kind::Cycler) && name == View("current")) {
    result = value.cycler->items[value.cycler->position % value.cycler->count];
    return true;
  } else if (value.is(Kind::Macro) && name == View("name")) {
    result = Value::of(templates.text(templates.nodes[value.macro->node].d));
    return true;
  }
  size_t start = out.size();
  if (!put(kindName(value)) || !put(" has no attribute '") || !put(name) || !put("'") || !finish(start, result))
    return false;
  result = Value::undefined(result.view(), true);
  return true;
}

bool Evaluator::item(const Value &value, const Value &index, Value &result, bool orAttribute) {
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (value.is(Kind::Dict)) {
    Value *found = nullptr;
    bool isKey = !index.is(Kind::Dict) && !(index.is(Kind::List) && index.list->flavour == Flavour::List);
    if (isKey && !lookup(*value.dict, index, found))
      return false;
    if (found) {
      result = *found;
      return true;
    }
  } else if (index.isWhole() && (value.is(Kind::String) || value.is(Kind::List))) {
    int64_t count, place = index.whole();
    if (value.is(Kind::List) && value.list->flavour == Flavour::Iterator)
      return fail("an iterator has no items by number; make it a list first");
    if (!length(value, count))
      return false;
    if (place < 0)
      place += count;
    if (place >= 0 && place < count) {
      if (value.is(Kind::List)) {
        result = value.list->items[place];
        return true;
      }
      size_t at = offsetOf(value.view(), size_t(place));
      View rest = value.view().from(at);
      result = Value::of(rest.part(0, decodeCharacter(reinterpret_cast<const uint8_t *>(rest.data), rest.size).size));
      return true;
    }
  }
  if (index.is(Kind::String) && orAttribute)
    return attribute(value, index.view(), result);
  size_t start = out.size();
  if (!put(kindName(value)) || !put(" has no item ") || !putQuoted(index) || !finish(start, result))
    return false;
  result = Value::undefined(result.view(), true);
  return true;
}

bool Evaluator::slice(const Value &value, const Value *bounds, Value &result) {
  if (value.is(Kind::Undefined))
    return undefinedError(value);
  if (!value.is(Kind::String) && !(value.is(Kind::List) && value.list->flavour != Flavour::Iterator))
    return fail("a slice of %s, expected a string or a list", kindName(value));
  int64_t count, step = 1, part[2];
  if (!length(value, count))
    return false;
  if (!bounds[2].is(Kind::None) && !needInt(bounds[2], "a slice", step))
    return false;
  if (!step)
    return fail("the step of a slice is 0");
  for (int i = 0; i < 2; ++i) {
    if (bounds[i].is(Kind::None)) {
      part[i] = (step > 0) == (i == 0) ? (step > 0 ? 0 : -1) : (step > 0 ? count : count - 1);
      if (step < 0)
        part[i] = i == 0 ? count - 1 : -1;
      continue;
    }
    if (!needInt(bounds[i], "a slice", part[i]))
      return false;
    if (part[i] < 0)
      part[i] = part[i] < -count ? (step > 0 ? 0 : -1) : part[i] + count;
    else if (part[i] >= count)
      part[i] = step > 0 ? count : count - 1;
  }
  uint64_t span = step > 0 ? (part[1] > part[0] ? uint64_t(part[1] - part[0]) : 0)
                           : (part[0] > part[1] ? uint64_t(part[0] - part[1]) : 0);
  uint64_t stride = step > 0 ? uint64_t(step) : 0 - uint64_t(step), taken = (span + stride - 1) / stride;
  if (!span)
    taken = 0;
  else if (stride > span)
    taken = 1;
  if (value.is(Kind::String)) {
    View text = value.view();
    if (!spend(1 + text.size / 16))
      return false;
    if (step == 1) {
      size_t from = offsetOf(text, size_t(part[0])), size = offsetOf(text.from(from), size_t(taken));
      result = Value::of(text.part(from, size));
      return true;
    }
    // Places of all characters, then the wanted ones.
    uint32_t *places;
    if (!make(places, size_t(count) + 1))
      return false;
    size_t at = 0;
    for (int64_t i = 0; i < count; ++i) {
      places[i] = uint32_t(at);
      at += decodeCharacter(reinterpret_cast<const uint8_t *>(text.data + at), text.size - at).size;
    }
    places[count] = uint32_t(at);
    size_t start = out.size();
    for (uint64_t i = 0; i < taken; ++i) {
      int64_t place = part[0] + int64_t(i) * step;
      if (!put(text.part(places[place], places[place + 1] - places[place])))
        return false;
    }
    return finish(start, result);
  }
  if (!newList(uint32_t(taken), value.list->flavour, result))
    return false;
  for (uint64_t i = 0; i < taken; ++i)
    result.list->items[i] = value.list->items[part[0] + int64_t(i) * step];
  return true;
}

bool Evaluator::length(const Value &value, int64_t &result) {
  switch (value.kind) {
  case Kind::Undefined:
    result = 0;
    return true;
  case Kind::String:
    result = int64_t(characters(value.view()));
    return spend(value.length / 64);
  case Kind::Dict:
    result = value.dict->count;
    return true;
  case Kind::Loop:
    result = value.loop->count;
    return true;
  case Kind::List:
    if (value.list->flavour != Flavour::Iterator) {
      result = value.list->count;
      return true;
    }
    break;
  default:
    break;
  }
  return fail("%s has no length", kindName(value));
}

bool Evaluator::isIterable(const Value &value) const {
  return value.is(Kind::Undefined) || value.is(Kind::String) || value.is(Kind::List) || value.is(Kind::Dict) ||
         value.is(Kind::Loop);
}

/// What a loop over a value would see; an iterator has then given all it had.
bool Evaluator::elements(const Value &value, Value *&items, uint32_t &count) {
  items = nullptr;
  count = 0;
  switch (value.kind) {
  case Kind::Undefined:
    return true;
  case Kind::List:
    items = value.list->begin();
    count = value.list->left();
    if (value.list->flavour == Flavour::Iterator)
      value.list->taken = value.list->count;
    return true;
  case Kind::Dict:
    items = value.dict->keys;
    count = value.dict->count;
    return true;
  case Kind::String: {
    View text = value.view();
    Value list;
    if (!newList(uint32_t(characters(text)), Flavour::List, list))
      return false;
    items = list.list->items;
    for (size_t at = 0; at < text.size;) {
      size_t size = decodeCharacter(reinterpret_cast<const uint8_t *>(text.data + at), text.size - at).size;
      items[count++] = Value::of(text.part(at, size));
      at += size;
    }
    return true;
  }
  default:
    return fail("%s cannot be gone through", kindName(value));
  }
}

} // namespace llmc::runtime::chat
