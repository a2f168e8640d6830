// Methods.cpp - methods of a chat template's strings, lists and dicts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Evaluator.h"

#include "runtime/src/text/Utf8.h"

namespace llmc::runtime::chat {

/// The first or last place of `what` in `text`, or -1.
static int64_t place(View text, View what, bool fromRight) {
  if (what.size > text.size)
    return -1;
  if (!fromRight) {
    const void *found = what.size ? memmem(text.data, text.size, what.data, what.size) : text.data;
    return found ? static_cast<const char *>(found) - text.data : -1;
  }
  for (size_t at = text.size - what.size + 1; at-- > 0;)
    if (text.part(at, what.size) == what)
      return int64_t(at);
  return -1;
}

static bool isSpaceAt(View text, size_t at, size_t &size, View (*strip)(View, const View *, bool, bool)) {
  Character c = decodeCharacter(reinterpret_cast<const uint8_t *>(text.data + at), text.size - at);
  size = c.size;
  return !strip(text.part(at, c.size), nullptr, true, false).size;
}

bool Evaluator::split(View text, const Value *separator, int64_t most, bool fromRight, Value &result) {
  View between;
  if (separator && !needString(*separator, "split", between))
    return false;
  if (separator && !between.size)
    return fail("split: the separator is empty");
  if (!spend(1 + text.size / 4))
    return false;
  uint64_t limit = most < 0 ? UINT64_MAX : uint64_t(most);
  size_t base = stack.size();
  bool good = true;
  auto piece = [&](View part) { good = good && stack.push(Value::of(part)); };
  if (separator && !fromRight) {
    for (int64_t at; limit && (at = place(text, between, false)) >= 0; --limit) {
      piece(text.part(0, size_t(at)));
      text = text.from(size_t(at) + between.size);
    }
    piece(text);
  } else if (separator) {
    for (int64_t at; limit && (at = place(text, between, true)) >= 0; --limit) {
      if (!spend(text.size / 64))
        return false;
      piece(text.from(size_t(at) + between.size));
      text.size = size_t(at);
    }
    piece(text);
  } else if (!fromRight) {
    while ((text = strip(text, nullptr, true, false)).size) {
      if (!limit--) {
        piece(text);
        break;
      }
      size_t end = 0, size;
      while (end < text.size && !isSpaceAt(text, end, size, strip))
        end += size;
      piece(text.part(0, end));
      text = text.from(end);
    }
  } else {
    while ((text = strip(text, nullptr, false, true)).size) {
      if (!limit--) {
        piece(text);
        break;
      }
      size_t word = 0, size;
      for (size_t at = 0; at < text.size; at += size)
        if (isSpaceAt(text, at, size, strip))
          word = at + size;
      if (!spend(text.size / 4))
        return false;
      piece(text.from(word));
      text.size = word;
    }
  }
  if (!good)
    return noMemory();
  uint32_t count = uint32_t(stack.size() - base);
  if (!newList(count, Flavour::List, result))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    result.list->items[i] = stack[base + (fromRight ? count - 1 - i : i)];
  stack.truncate(base);
  return true;
}

bool Evaluator::partition(View text, View separator, bool fromRight, Value &result) {
  if (!separator.size)
    return fail("partition: the separator is empty");
  if (!spend(1 + text.size / 16) || !newList(3, Flavour::Tuple, result))
    return false;
  int64_t at = place(text, separator, fromRight);
  Value *items = result.list->items;
  if (at < 0) {
    items[0] = items[1] = items[2] = Value::of(View(""));
    items[fromRight ? 2 : 0] = Value::of(text);
    return true;
  }
  items[0] = Value::of(text.part(0, size_t(at)));
  items[1] = Value::of(separator);
  items[2] = Value::of(text.from(size_t(at) + separator.size));
  return true;
}

bool Evaluator::replace(View text, View from, View to, int64_t most, Value &result) {
  uint64_t limit = most < 0 ? UINT64_MAX : uint64_t(most);
  size_t start = out.size();
  if (!spend(1 + text.size / 16))
    return false;
  if (!from.size) { // before each character and at the end
    for (bool end = false; limit && !end; --limit) {
      end = !text.size;
      size_t size = end ? 0 : decodeCharacter(reinterpret_cast<const uint8_t *>(text.data), text.size).size;
      if (!put(to) || !put(text.part(0, size)))
        return false;
      text = text.from(size);
    }
    return put(text) && finish(start, result);
  }
  for (int64_t at; limit && (at = place(text, from, false)) >= 0; --limit) {
    if (!put(text.part(0, size_t(at))) || !put(to))
      return false;
    text = text.from(size_t(at) + from.size);
  }
  return put(text) && finish(start, result);
}

bool Evaluator::joinValues(View separator, const Value *items, uint32_t count, bool onlyStrings, Value &result) {
  size_t start = out.size();
  for (uint32_t i = 0; i < count; ++i) {
    if (onlyStrings && !items[i].is(Kind::String))
      return items[i].is(Kind::Undefined) ? undefinedError(items[i])
                                          : fail("join: item %u is %s, expected a string", i, kindName(items[i]));
    if ((i && !put(separator)) || !putString(items[i]))
      return false;
  }
  return finish(start, result);
}

/// `side`: -1 the text left, 1 right, 0 in the middle.
bool Evaluator::justify(View text, int64_t width, View fill, int side, Value &result) {
  int64_t size = int64_t(characters(text)), missing = width > size ? width - size : 0;
  if (characters(fill) != 1)
    return fail("the character to fill with must be one");
  if (missing > int64_t(1) << 24)
    return failWith(ChatStatus::TooMuch, "a width of %lld, at most 16777216 is allowed", (long long)width);
  int64_t left = side < 0 ? 0 : side > 0 ? missing : missing / 2 + (missing & width & 1);
  size_t start = out.size();
  for (int64_t i = 0; i < missing; ++i) {
    if (i == left && !put(text))
      return false;
    if (!put(fill))
      return false;
  }
  return (left < missing || put(text)) && finish(start, result);
}

/// find, rfind, index, rindex, count, startswith, endswith: with bounds in characters.
bool Evaluator::findText(View text, View name, const Value *values, const bool *present, Value &result) {
  int64_t size = int64_t(characters(text)), from = 0, to = size;
  if (!spend(1 + text.size / 8))
    return false;
  for (int i = 1; i <= 2; ++i) {
    int64_t &bound = i == 1 ? from : to;
    if (!present[i] || values[i].is(Kind::None))
      continue;
    if (!needInt(values[i], "find", bound))
      return false;
    if (bound < 0)
      bound = bound + size < 0 ? 0 : bound + size;
    if (i == 2 && bound > size)
      bound = size;
  }
  bool isEmpty = from > to || from > size;
  size_t first = isEmpty ? 0 : offsetOf(text, size_t(from));
  View part = isEmpty ? View() : text.part(first, offsetOf(text.from(first), size_t(to - from)));
  if (name == View("startswith") || name == View("endswith")) {
    bool atStart = name == View("startswith"), holds = false;
    Value *options = const_cast<Value *>(&values[0]);
    uint32_t count = 1;
    if (values[0].is(Kind::List) && values[0].list->flavour == Flavour::Tuple)
      options = values[0].list->items, count = values[0].list->count;
    for (uint32_t i = 0; i < count; ++i) {
      View what;
      if (!needString(options[i], atStart ? "startswith" : "endswith", what))
        return false;
      holds |= !isEmpty && what.size <= part.size &&
               (atStart ? part.part(0, what.size) : part.from(part.size - what.size)) == what;
    }
    result = Value::of(holds);
    return true;
  }
  View what;
  if (!needString(values[0], "find", what))
    return false;
  if (name == View("count")) {
    int64_t found = 0;
    if (!what.size)
      found = isEmpty ? 0 : to - from + 1;
    else
      for (int64_t at; (at = place(part, what, false)) >= 0; ++found)
        part = part.from(size_t(at) + what.size);
    result = Value::of(found);
    return true;
  }
  bool fromRight = name.data[0] == 'r';
  if (fromRight && !spend(part.size))
    return false;
  int64_t at = isEmpty ? -1 : place(part, what, fromRight);
  if (at >= 0)
    at = from + int64_t(characters(part.part(0, size_t(at))));
  if (at < 0 && (name == View("index") || name == View("rindex")))
    return fail("the text is not found");
  result = Value::of(at);
  return true;
}

bool Evaluator::stringMethod(View self, View name, const Arguments &given, Value &result) {
  Value values[3];
  bool present[3] = {};
  char called[24];
  size_t size = name.size < sizeof called - 1 ? name.size : sizeof called - 1;
  std::memcpy(called, name.data, size);
  called[size] = 0;
  auto is = [&](const char *wanted) { return name == View(wanted); };
  View first, second;
  int64_t number = -1;
  if (!spend(1 + self.size / 64))
    return false;
  if (is("format"))
    return braces(self, given, result);
  if (is("split") || is("rsplit")) {
    if (!bind(called, "sep,maxsplit", 0, given, values, present) || (present[1] && !needInt(values[1], called, number)))
      return false;
    return split(self, present[0] && !values[0].is(Kind::None) ? &values[0] : nullptr, number, is("rsplit"), result);
  }
  if (is("strip") || is("lstrip") || is("rstrip")) {
    if (!bind(called, "chars", 0, given, values, present))
      return false;
    bool hasSet = present[0] && !values[0].is(Kind::None);
    if (hasSet && !needString(values[0], called, first))
      return false;
    if (!spend(1 + self.size / 16 + (hasSet ? first.size * self.size / 64 : 0)))
      return false;
    result = Value::of(strip(self, hasSet ? &first : nullptr, !is("rstrip"), !is("lstrip")));
    return true;
  }
  if (is("replace"))
    return bind(called, "old,new,count", 2, given, values, present) && needString(values[0], called, first) &&
           needString(values[1], called, second) && (!present[2] || needInt(values[2], called, number)) &&
           replace(self, first, second, number, result);
  if (is("startswith") || is("endswith") || is("find") || is("rfind") || is("index") || is("rindex") || is("count"))
    return bind(called, "text,start,end", 1, given, values, present) && findText(self, name, values, present, result);
  if (is("join")) {
    Value *items;
    uint32_t count;
    return bind(called, "items", 1, given, values, present) && elements(values[0], items, count) &&
           joinValues(self, items, count, true, result);
  }
  if (is("removeprefix") || is("removesuffix")) {
    if (!bind(called, "text", 1, given, values, present) || !needString(values[0], called, first))
      return false;
    bool atStart = is("removeprefix");
    if (first.size <= self.size && (atStart ? self.part(0, first.size) : self.from(self.size - first.size)) == first)
      self = atStart ? self.from(first.size) : self.part(0, self.size - first.size);
    result = Value::of(self);
    return true;
  }
  if (is("partition") || is("rpartition"))
    return bind(called, "sep", 1, given, values, present) && needString(values[0], called, first) &&
           partition(self, first, is("rpartition"), result);
  if (is("splitlines"))
    return bind(called, "keepends", 0, given, values, present) && lines(self, present[0] && truth(values[0]), result);
  if (is("ljust") || is("rjust") || is("center")) {
    second = " ";
    return bind(called, "width,fillchar", 1, given, values, present) && needInt(values[0], called, number) &&
           (!present[1] || needString(values[1], called, second)) &&
           justify(self, number, second,
                   is("ljust")   ? -1
                   : is("rjust") ? 1
                                 : 0,
                   result);
  }
  if (is("zfill")) {
    if (!bind(called, "width", 1, given, values, present) || !needInt(values[0], called, number))
      return false;
    size_t sign = self.size && (self.data[0] == '+' || self.data[0] == '-');
    size_t start = out.size();
    return put(self.part(0, sign)) && justify(self.from(sign), number - int64_t(sign), "0", 1, result) &&
           put(result.view()) && finish(start, result);
  }
  if (is("format_map"))
    return bind(called, "mapping", 1, given, values, present) && fail("format_map is not supported; use format");
  if (is("expandtabs")) {
    number = 8;
    if (!bind(called, "tabsize", 0, given, values, present) || (present[0] && !needInt(values[0], called, number)))
      return false;
    size_t start = out.size();
    int64_t column = 0;
    for (size_t at = 0; at < self.size;) {
      Character c = decodeCharacter(reinterpret_cast<const uint8_t *>(self.data + at), self.size - at);
      int64_t spaces = c.codepoint == '\t' && number > 0 && number < 10000 ? number - column % number : 0;
      if (c.codepoint == '\t' ? !putSpaces(spaces) : !put(self.part(at, c.size)))
        return false;
      column = c.codepoint == '\n' || c.codepoint == '\r' ? 0 : column + (c.codepoint == '\t' ? spaces : 1);
      at += c.size;
    }
    return finish(start, result);
  }
  if (!bind(called, "", 0, given, values, present))
    return false;
  if (is("upper"))
    return changeCase(self, LLMC_CASE_UPPER, result);
  if (is("lower") || is("casefold"))
    return changeCase(self, LLMC_CASE_LOWER, result);
  if (is("title"))
    return titleWords(self, false, result);
  if (is("capitalize"))
    return capitalize(self, result);
  if (is("isascii")) {
    bool ascii = true;
    for (size_t i = 0; i < self.size; ++i)
      ascii &= uint8_t(self.data[i]) < 0x80;
    result = Value::of(ascii);
    return spend(1 + self.size / 16);
  }
  if (is("swapcase")) {
    size_t start = out.size();
    for (size_t at = 0; at < self.size;) {
      Character c = decodeCharacter(reinterpret_cast<const uint8_t *>(self.data + at), self.size - at);
      bool isUpper = flagsOf(c.codepoint) & LLMC_CHARACTER_UPPER;
      if (!(isUpper ? putLower(self, at, c.codepoint) : putCase(LLMC_CASE_UPPER, c.codepoint)))
        return false;
      at += c.size;
    }
    return finish(start, result);
  }
  return classify(self, name, result);
}

bool Evaluator::listMethod(const List &self, View name, const Arguments &given, Value &result) {
  Value values[3];
  bool present[3] = {};
  if (name == View("copy")) {
    if (!bind("copy", "", 0, given, values, present) || !newList(self.count, self.flavour, result))
      return false;
    if (self.count)
      std::memcpy(static_cast<void *>(result.list->items), self.items, self.count * sizeof(Value));
    return true;
  }
  bool isCount = name == View("count");
  if (!bind(isCount ? "count" : "index", isCount ? "value" : "value,start,end", 1, given, values, present))
    return false;
  int64_t from = 0, to = self.count, found = 0;
  for (int i = 1; i <= 2; ++i) {
    int64_t &bound = i == 1 ? from : to;
    if (!present[i])
      continue;
    if (!needInt(values[i], "index", bound))
      return false;
    bound = bound < 0 ? (bound + self.count < 0 ? 0 : bound + self.count) : bound > self.count ? self.count : bound;
  }
  for (int64_t i = from; i < to; ++i) {
    bool same;
    if (!equal(self.items[i], values[0], same))
      return false;
    if (same && !isCount) {
      result = Value::of(i);
      return true;
    }
    found += same;
  }
  if (!isCount)
    return fail("index: the value is not in the list");
  result = Value::of(found);
  return true;
}

bool Evaluator::dictMethod(Dict &self, View name, const Arguments &given, Value &result) {
  Value values[2];
  bool present[2] = {};
  if (name == View("get")) {
    if (!bind("get", "key,default", 1, given, values, present))
      return false;
    Value *found;
    if (!lookup(self, values[0], found))
      return false;
    result = found ? *found : present[1] ? values[1] : Value::none();
    return true;
  }
  if (!bind("items", "", 0, given, values, present))
    return false;
  if (name == View("copy")) {
    if (!newDict(result))
      return false;
    for (uint32_t i = 0; i < self.count; ++i)
      if (!insert(*result.dict, self.keys[i], self.values[i]))
        return false;
    return true;
  }
  if (!newList(self.count, Flavour::List, result))
    return false;
  for (uint32_t i = 0; i < self.count; ++i) {
    if (name == View("items")) {
      if (!pairOf(self.keys[i], self.values[i], result.list->items[i]))
        return false;
    } else {
      result.list->items[i] = name == View("keys") ? self.keys[i] : self.values[i];
    }
  }
  return true;
}

bool Evaluator::callMethod(const Method &method, const Arguments &given, Value &result) {
  const Value &self = method.self;
  switch (self.kind) {
  case Kind::String:
    return stringMethod(self.view(), method.name, given, result);
  case Kind::List:
    return listMethod(*self.list, method.name, given, result);
  case Kind::Dict:
    return dictMethod(*self.dict, method.name, given, result);
  case Kind::Loop: {
    Loop &loop = *self.loop;
    if (given.namedCount)
      return fail("the methods of a loop take no arguments with names");
    if (method.name == View("cycle")) {
      if (!given.count)
        return fail("cycle needs an argument");
      result = given.positional[loop.index % given.count];
      return true;
    }
    Value seen;
    if (!newList(given.count, Flavour::Tuple, seen))
      return false;
    for (uint32_t i = 0; i < given.count; ++i)
      seen.list->items[i] = given.positional[i];
    bool same = false;
    if (loop.hasChanged && !equal(loop.last, seen, same))
      return false;
    loop.hasChanged = true;
    loop.last = seen;
    result = Value::of(!same);
    return true;
  }
  case Kind::Cycler: {
    Cycler &cycler = *self.cycler;
    if (given.count + given.namedCount)
      return fail("the methods of a cycler take no arguments");
    bool isNext = method.name == View("next");
    result = isNext ? cycler.items[cycler.position % cycler.count] : Value::none();
    cycler.position = isNext ? cycler.position + 1 : 0;
    return true;
  }
  default:
    return fail("%s has no methods", kindName(self));
  }
}

} // namespace llmc::runtime::chat
