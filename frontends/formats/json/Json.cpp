// Json.cpp - builds the document of Json.h from RapidJSON's event stream.
//
// RapidJSON parses and validates; the tree, its positions, the limits and the messages are here.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/json/Json.h"

#include "frontends/formats/MappedFile.h"

#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <deque>

namespace llmc::json {

namespace {

/// Objects with at most this many members are searched one by one, and carry no sorted index.
constexpr uint32_t kLinearMembers = 16;
constexpr size_t kHardLimit = size_t(1) << 30; // Offsets and node numbers are 32 bits wide.

struct Node {
  uint32_t offset = 0; // Of the first byte in the text.
  uint32_t count = 0;  // Bytes of a string, elements of an array, members of an object.
  uint32_t index = 0;  // Where an object's sorted permutation starts, when it has one.
  Kind kind = Kind::Null;
  union {
    bool boolean;
    int64_t integer;
    uint64_t unsignedInteger;
    double number;
    const char *string;
    uint32_t first; // Node of the first child; children lie together, an object's as key, value, key, value.
  } payload = {};
};
static_assert(sizeof(Node) == 24, "the memory promise of Json.h");

} // namespace

struct Document::Storage {
  std::string text;
  std::string file;
  std::vector<Node> nodes;
  std::vector<uint32_t> sorted;    // Permutations of the members of large objects, by key.
  std::deque<std::string> decoded; // Strings that had escapes; the others are views of the text.

  std::string_view keyOf(const Node &object, uint32_t member) const {
    const Node &key = nodes[object.payload.first + 2 * member];
    return {key.payload.string, key.count};
  }
};

namespace {

/// The text as RapidJSON wants to read it: NUL at the end, one byte at a time.
class TextStream {
public:
  using Ch = char;
  explicit TextStream(std::string_view text) : begin(text.data()), at(begin), end(begin + text.size()) {}
  char Peek() const { return at == end ? '\0' : *at; }
  char Take() { return at == end ? '\0' : *at++; }
  size_t Tell() const { return size_t(at - begin); }
  // Writing is for in-situ parsing, which is not used.
  char *PutBegin() { return nullptr; }
  void Put(char) {}
  void Flush() {}
  size_t PutEnd(char *) { return 0; }

private:
  const char *begin, *at, *end;
};

/// Receives the events, checks the limits, and lays the nodes down so that the children of one value lie together.
class TreeBuilder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TreeBuilder> {
public:
  TreeBuilder(Document::Storage &storage, const TextStream &stream, unsigned maxDepth)
      : storage(storage), stream(stream), maxDepth(maxDepth) {}

  bool Null() { return scalar(Kind::Null, {}); }
  bool Bool(bool value) {
    Node node;
    node.payload.boolean = value;
    return scalar(Kind::Bool, node);
  }
  bool RawNumber(const char *, rapidjson::SizeType, bool) {
    const uint32_t start = nextToken();
    const std::string_view digits = std::string_view(storage.text).substr(start, stream.Tell() - start);
    Node node;
    if (digits.find_first_of(".eE") == std::string_view::npos) {
      if (convert(digits, node.payload.integer) == std::errc())
        return scalar(Kind::Int, node);
      if (convert(digits, node.payload.unsignedInteger) == std::errc())
        return scalar(Kind::Uint, node);
    }
    if (convert(digits, node.payload.number) != std::errc()) {
      if (isLarge(digits))
        return fail(start, "not valid JSON: a number is too large for a double");
      node.payload.number = 0; // Too small for the smallest double.
    }
    return scalar(Kind::Double, node);
  }
  bool Key(const char *text, rapidjson::SizeType length, bool copy) { return String(text, length, copy); }
  bool String(const char *text, rapidjson::SizeType length, bool) {
    const uint32_t start = nextToken();
    Node node;
    node.count = length;
    // A string without escapes is as long as what stands between its quotes, and need not be copied.
    if (stream.Tell() - start == size_t(length) + 2) {
      node.payload.string = storage.text.data() + start + 1;
    } else {
      // RapidJSON 1.1 refuses an unpaired high surrogate but encodes an unpaired low one as three bytes ED B0..BF xx.
      for (uint32_t i = 0; i + 1 < length; ++i)
        if (uint8_t(text[i]) == 0xED && uint8_t(text[i + 1]) >= 0xA0)
          return fail(start, "a string holds an unpaired surrogate");
      storage.decoded.emplace_back(text, length);
      node.payload.string = storage.decoded.back().data();
    }
    return scalar(Kind::String, node);
  }
  bool StartObject() { return open(Kind::Object); }
  bool StartArray() { return open(Kind::Array); }
  bool EndObject(rapidjson::SizeType members) {
    close(2 * size_t(members), members);
    return checkDuplicates(pending.back());
  }
  bool EndArray(rapidjson::SizeType elements) {
    close(elements, elements);
    return true;
  }

  /// After a whole document: the root becomes the last node.
  void finish() { storage.nodes.push_back(pending.back()); }
  /// The mistake that made a callback stop the parser, if one did.
  const std::optional<std::pair<uint32_t, std::string>> &failure() const { return mistake; }

private:
  bool fail(uint32_t offset, std::string message) {
    mistake.emplace(offset, std::move(message));
    return false;
  }

  /// Offset of the token that follows the last one: only white space, a comma or a colon can stand between.
  uint32_t nextToken() {
    const std::string &text = storage.text;
    size_t at = lastEnd;
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == ',' || text[at] == ':' ||
                                text[at] == '\t' || text[at] == '\r'))
      ++at;
    return uint32_t(at);
  }

  bool scalar(Kind kind, Node node) {
    node.kind = kind;
    node.offset = nextToken();
    lastEnd = uint32_t(stream.Tell());
    pending.push_back(node);
    return true;
  }

  template <typename T> static std::errc convert(std::string_view digits, T &value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return end == digits.data() + digits.size() ? error : std::errc::invalid_argument;
  }

  /// Whether a number out of range is too large, rather than too small: by the place of its first digit that is not 0.
  static bool isLarge(std::string_view digits) {
    const size_t exponentAt = std::min(digits.find_first_of("eE"), digits.size());
    const std::string_view mantissa = digits.substr(0, exponentAt);
    const size_t point = std::min(mantissa.find('.'), mantissa.size());
    const size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos)
      return false;
    int64_t exponent = 0;
    if (exponentAt < digits.size()) {
      std::string_view text = digits.substr(exponentAt + 1);
      if (text.front() == '+')
        text.remove_prefix(1);
      if (convert(text, exponent) != std::errc())
        return text.front() != '-';
    }
    // Mantissas are shorter than the text, which is shorter than 2^30.
    return (first < point ? int64_t(point - first) : -int64_t(first - point)) > -exponent;
  }

  bool open(Kind kind) {
    Node node;
    node.kind = kind;
    node.offset = nextToken();
    lastEnd = node.offset + 1;
    if (openOnes.size() >= maxDepth)
      return fail(node.offset, "nested more than " + std::to_string(maxDepth) + " deep");
    openOnes.push_back(node);
    return true;
  }

  /// Moves the last `children` pending nodes to their final place and leaves the container pending.
  void close(size_t children, uint32_t count) {
    Node node = openOnes.back();
    openOnes.pop_back();
    lastEnd = nextToken() + 1; // The closing bracket.
    node.count = count;
    node.payload.first = uint32_t(storage.nodes.size());
    storage.nodes.insert(storage.nodes.end(), pending.end() - children, pending.end());
    pending.resize(pending.size() - children);
    pending.push_back(node);
  }

  bool duplicate(const Node &object, uint32_t member) {
    return fail(storage.nodes[object.payload.first + 2 * member].offset,
                "duplicate key '" + printable(storage.keyOf(object, member)) + "'");
  }

  bool checkDuplicates(Node &object) {
    if (object.count <= kLinearMembers) {
      for (uint32_t i = 1; i < object.count; ++i)
        for (uint32_t k = 0; k < i; ++k)
          if (storage.keyOf(object, k) == storage.keyOf(object, i))
            return duplicate(object, i);
      return true;
    }
    std::vector<uint32_t> order(object.count);
    for (uint32_t i = 0; i < object.count; ++i)
      order[i] = i;
    // Sorting, not hashing: keys chosen to collide must not make this quadratic.
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      const int sign = storage.keyOf(object, a).compare(storage.keyOf(object, b));
      return sign ? sign < 0 : a < b;
    });
    for (uint32_t i = 1; i < object.count; ++i)
      if (storage.keyOf(object, order[i - 1]) == storage.keyOf(object, order[i]))
        return duplicate(object, order[i]);
    object.index = uint32_t(storage.sorted.size());
    storage.sorted.insert(storage.sorted.end(), order.begin(), order.end());
    return true;
  }

  Document::Storage &storage;
  const TextStream &stream;
  const unsigned maxDepth;
  uint32_t lastEnd = 0;       // One past the last token seen.
  std::vector<Node> pending;  // Finished values whose container is still open.
  std::vector<Node> openOnes; // Containers that are still open.
  std::optional<std::pair<uint32_t, std::string>> mistake;
};

const char *reason(rapidjson::ParseErrorCode code) {
  switch (code) {
  case rapidjson::kParseErrorDocumentEmpty:
    return "not valid JSON: the file is empty";
  case rapidjson::kParseErrorDocumentRootNotSingular:
    return "not valid JSON: something follows the end of the document";
  case rapidjson::kParseErrorObjectMissName:
    return "not valid JSON: expected a key in double quotes";
  case rapidjson::kParseErrorObjectMissColon:
    return "not valid JSON: expected ':' after a key";
  case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
    return "not valid JSON: expected ',' or '}' after a member";
  case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
    return "not valid JSON: expected ',' or ']' after an element";
  case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
    return "not valid JSON: expected four hexadecimal digits after \\u";
  case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
    return "not valid JSON: a string holds an unpaired surrogate";
  case rapidjson::kParseErrorStringEscapeInvalid:
    return "not valid JSON: unknown escape in a string";
  case rapidjson::kParseErrorStringMissQuotationMark:
    return "not valid JSON: a string does not end, or holds a control character";
  case rapidjson::kParseErrorStringInvalidEncoding:
    return "not valid JSON: a string or the character here is not valid UTF-8";
  case rapidjson::kParseErrorNumberTooBig:
    return "not valid JSON: a number is too large for a double";
  case rapidjson::kParseErrorNumberMissFraction:
    return "not valid JSON: expected digits after the decimal point";
  case rapidjson::kParseErrorNumberMissExponent:
    return "not valid JSON: expected digits in the exponent";
  default:
    return "not valid JSON: expected a value";
  }
}

Value::Position positionOf(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  uint32_t line = 1;
  size_t start = 0;
  while (const void *found = std::memchr(text.data() + start, '\n', offset - start)) {
    start = size_t(static_cast<const char *>(found) - text.data()) + 1;
    ++line;
  }
  return {line, uint32_t(offset - start) + 1};
}

Diagnostic located(const std::string &file, std::string_view text, size_t offset, std::string message) {
  const Value::Position position = positionOf(text, offset);
  return {file, position.line, position.column, std::move(message), {}};
}

} // namespace

const char *kindName(Kind kind) {
  switch (kind) {
  case Kind::Null:
    return "null";
  case Kind::Bool:
    return "a boolean";
  case Kind::Int:
  case Kind::Uint:
    return "an integer";
  case Kind::Double:
    return "a number with a fraction or exponent";
  case Kind::String:
    return "a string";
  case Kind::Array:
    return "an array";
  case Kind::Object:
    return "an object";
  }
  return "a value";
}

Document::Document(std::unique_ptr<Storage> storage) : storage(std::move(storage)) {}
Document::Document(Document &&) noexcept = default;
Document &Document::operator=(Document &&) noexcept = default;
Document::~Document() = default;
Value Document::root() const { return Value(storage.get(), uint32_t(storage->nodes.size() - 1)); }
const std::string &Document::file() const { return storage->file; }

Result<Document> Document::parse(std::string text, std::string file, Limits limits) {
  const size_t maxBytes = std::min(limits.maxBytes, kHardLimit);
  if (text.size() > maxBytes)
    return Diagnostic{file,
                      0,
                      0,
                      "holds " + std::to_string(text.size()) + " bytes of JSON, expected at most " +
                          std::to_string(maxBytes),
                      {}};
  // To RapidJSON a NUL byte is the end of the text: what follows it would be silently ignored.
  if (const void *found = std::memchr(text.data(), '\0', text.size()))
    return located(file, text, size_t(static_cast<const char *>(found) - text.data()),
                   "not valid JSON: the text holds a NUL byte");

  if (text.compare(0, 3, "\xEF\xBB\xBF") == 0)
    return located(file, text, 0, "not valid JSON: a byte order mark stands before the text");

  auto storage = std::make_unique<Storage>();
  storage->text = std::move(text);
  storage->file = std::move(file);
  TextStream stream(storage->text);
  TreeBuilder builder(*storage, stream, limits.maxDepth);
  rapidjson::Reader reader;
  // Numbers come as they stand: RapidJSON 1.1 shifts by an undefined amount in the exact conversion of 0e98 and its
  // like.
  constexpr unsigned flags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = reader.Parse<flags>(stream, builder);
  if (builder.failure())
    return located(storage->file, storage->text, builder.failure()->first, builder.failure()->second);
  if (result.IsError())
    return located(storage->file, storage->text, result.Offset(), reason(result.Code()));
  builder.finish();
  return Document(std::move(storage));
}

Result<Document> Document::read(const std::string &path, std::string shownAs, Limits limits) {
  if (shownAs.empty())
    shownAs = path;
  Result<std::string> text = readFile(path, shownAs, std::min(limits.maxBytes, kHardLimit));
  if (!text)
    return text.takeError();
  return parse(std::move(*text), std::move(shownAs), limits);
}

Kind Value::kind() const { return storage->nodes[node].kind; }

bool Value::asBool() const {
  assert(isBool());
  return storage->nodes[node].payload.boolean;
}

int64_t Value::asInt() const {
  assert(kind() == Kind::Int);
  return storage->nodes[node].payload.integer;
}

uint64_t Value::asUint() const {
  const Node &self = storage->nodes[node];
  assert(self.kind == Kind::Uint || (self.kind == Kind::Int && self.payload.integer >= 0));
  return self.kind == Kind::Uint ? self.payload.unsignedInteger : uint64_t(self.payload.integer);
}

double Value::asNumber() const {
  const Node &self = storage->nodes[node];
  assert(isNumber());
  if (self.kind == Kind::Double)
    return self.payload.number;
  return self.kind == Kind::Int ? double(self.payload.integer) : double(self.payload.unsignedInteger);
}

std::string_view Value::asString() const {
  assert(isString());
  const Node &self = storage->nodes[node];
  return {self.payload.string, self.count};
}

size_t Value::size() const { return isArray() || isObject() ? storage->nodes[node].count : 0; }

Value Value::at(size_t index) const {
  assert(isArray() && index < size());
  return Value(storage, storage->nodes[node].payload.first + uint32_t(index));
}

Value Value::member(size_t index) const {
  assert(isObject() && index < size());
  return Value(storage, storage->nodes[node].payload.first + 2 * uint32_t(index) + 1);
}

Value Value::key(size_t index) const {
  assert(isObject() && index < size());
  return Value(storage, storage->nodes[node].payload.first + 2 * uint32_t(index));
}

std::optional<Value> Value::find(std::string_view key) const {
  if (!isObject())
    return std::nullopt;
  const Node &self = storage->nodes[node];
  if (self.count <= kLinearMembers) {
    for (uint32_t i = 0; i < self.count; ++i)
      if (storage->keyOf(self, i) == key)
        return member(i);
    return std::nullopt;
  }
  const auto begin = storage->sorted.begin() + self.index, end = begin + self.count;
  const auto found = std::lower_bound(
      begin, end, key, [&](uint32_t member, std::string_view wanted) { return storage->keyOf(self, member) < wanted; });
  if (found == end || storage->keyOf(self, *found) != key)
    return std::nullopt;
  return member(*found);
}

uint32_t Value::offset() const { return storage->nodes[node].offset; }
Value::Position Value::position() const { return positionOf(storage->text, offset()); }

Diagnostic Value::error(std::string message, std::string note) const {
  const Position where = position();
  return {storage->file, where.line, where.column, std::move(message), std::move(note)};
}

Diagnostic Value::mismatch(std::string_view name, std::string_view expected) const {
  std::string found = kindName(kind());
  if (isString() && asString().size() <= 40)
    found += " \"" + printable(asString()) + "\"";
  return error("'" + printable(name) + "' must be " + std::string(expected) + ", found " + found);
}

Result<bool> Value::getBool(std::string_view name) const {
  if (!isBool())
    return mismatch(name, "true or false");
  return asBool();
}

Result<int64_t> Value::getInteger(std::string_view name) const {
  if (kind() == Kind::Uint)
    return error("'" + printable(name) + "' = " + std::to_string(asUint()) + " is too large");
  if (kind() != Kind::Int)
    return mismatch(name, "an integer");
  return asInt();
}

Result<double> Value::getNumber(std::string_view name) const {
  if (!isNumber())
    return mismatch(name, "a number");
  return asNumber();
}

Result<std::string_view> Value::getString(std::string_view name) const {
  if (!isString())
    return mismatch(name, "a string");
  return asString();
}

Result<Value> Value::getArray(std::string_view name) const {
  if (!isArray())
    return mismatch(name, "an array");
  return *this;
}

Result<Value> Value::getObject(std::string_view name) const {
  if (!isObject())
    return mismatch(name, "an object");
  return *this;
}

std::string printable(std::string_view text, size_t maxBytes) {
  std::string out;
  size_t i = 0;
  while (i < text.size() && out.size() < maxBytes) {
    const uint8_t lead = uint8_t(text[i]);
    size_t length = lead < 0x80                   ? 1
                    : lead >= 0xC2 && lead < 0xE0 ? 2
                    : lead >= 0xE0 && lead < 0xF0 ? 3
                    : lead >= 0xF0 && lead < 0xF5 ? 4
                                                  : 0;
    bool good = length != 0 && i + length <= text.size() && lead >= 0x20 && lead != 0x7F;
    for (size_t k = 1; good && k < length; ++k)
      good = (uint8_t(text[i + k]) & 0xC0) == 0x80;
    // C1 controls (U+0080..U+009F) drive terminals as much as the C0 ones do.
    if (good && lead == 0xC2 && uint8_t(text[i + 1]) < 0xA0)
      good = false;
    if (good) {
      out.append(text, i, length);
      i += length;
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02X", lead);
    out += escape;
    ++i;
  }
  if (i < text.size())
    out += "...";
  return out;
}

} // namespace llmc::json
