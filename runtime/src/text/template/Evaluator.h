// Evaluator.h - walks the nodes of a chat template: one evaluation, from messages to text.
//
// Functions return false when the evaluation ends with a mistake, which `fail` has written down. Text is built at the
// end of `out`: what is built there and becomes a value is taken off again (`finish`), the rest is the output.
//
// Nodes and calls are in Evaluator.cpp, operators in Operators.cpp, text of values in Print.cpp, text.methods() in
// Methods.cpp, filters in Filters.cpp and SequenceFilters.cpp, tests in Tests.cpp, case and white space in Strings.cpp,
// '%' and format() in Format.cpp, JSON in JsonReader.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TEMPLATE_EVALUATOR_H
#define LLMC_RUNTIME_SRC_TEXT_TEMPLATE_EVALUATOR_H

#include "runtime/src/text/template/Template.h"

namespace llmc::runtime::chat {

/// What a statement leads to.
enum class Flow : uint8_t { Next, Break, Continue };

/// Arguments of a call: positional ones, then named ones.
struct Arguments {
  const Value *positional = nullptr;
  uint32_t count = 0;
  const View *names = nullptr;
  const Value *named = nullptr;
  uint32_t namedCount = 0;
};

/// What `join`, `sort` and others take from each element: the element itself, or what a path leads to.
struct Getter {
  bool present = false;
  Value path;
  bool hasDefault = false;
  Value otherwise;
};

class Evaluator {
public:
  Evaluator(const ChatTemplates &templates, const ChatLimits &limits, Array<char> &out, char *message,
            size_t messageSize)
      : templates(templates), limits(limits), out(out), message(message), messageSize(messageSize),
        arena(limits.memory) {}

  ChatStatus run(const ChatInput &input);

private:
  // Mistakes and bounds.
  bool fail(const char *format, ...) __attribute__((format(printf, 2, 3)));
  bool failWith(ChatStatus wanted, const char *format, ...) __attribute__((format(printf, 3, 4)));
  void writeMessage(ChatStatus wanted, bool withPlace, const char *text);
  bool noMemory();
  bool spend(uint64_t amount) { return (steps += amount) <= limits.steps || tooMuch(); }
  bool tooMuch();
  bool undefinedError(const Value &value);
  static const char *kindName(const Value &value);
  /// Counts nesting while it lives; false when there is too much.
  struct Nesting {
    explicit Nesting(Evaluator &evaluator) : evaluator(evaluator) { ++evaluator.depth; }
    ~Nesting() { --evaluator.depth; }
    Evaluator &evaluator;
    bool good() { return evaluator.depth <= evaluator.limits.depth || evaluator.tooDeep(); }
  };
  bool tooDeep();

  // Memory.
  template <typename T> bool make(T *&made, size_t count = 1) {
    made = arena.make<T>(count);
    return made || noMemory();
  }
  bool put(View text);
  bool put(char c) { return put(View(&c, 1)); }
  bool putCharacter(uint32_t codepoint);
  bool putSpaces(int64_t count);
  bool finish(size_t start, Value &result);
  bool newList(uint32_t count, Flavour flavour, Value &result);
  bool newDict(Value &result);
  bool pairOf(const Value &first, const Value &second, Value &result);

  // Variables.
  const Value *find(Scope *scope, uint32_t name);
  bool set(Scope *scope, uint32_t name, const Value &value);
  bool define(View name, const Value &value);
  Scope *newScope(Scope *outer);
  bool assign(uint32_t target, const Value &value, Scope *scope);

  // Nodes.
  bool evaluate(uint32_t number, Scope *scope, Value &result);
  bool evaluateMany(uint32_t place, uint32_t count, Scope *scope, Value *results);
  bool execute(uint32_t number, Scope *scope, Flow &flow);
  bool forLoop(uint32_t number, const Value &sequence, Scope *scope, uint32_t level);
  bool compareChain(const llmc_template_node &node, Scope *scope, Value &result);
  bool select(const llmc_template_node &node, Scope *scope, Value &result);
  bool mapEach(const llmc_template_node &node, Scope *scope, Value &result);
  /// Evaluates the arguments of a filter's node, of which some may be left out; LLMC_TEMPLATE_MAX_ARGUMENTS fit.
  bool filterArguments(const llmc_template_node &node, Scope *scope, Value *arguments, bool *present);
  bool filterNode(const llmc_template_node &node, Scope *scope, Value &result);
  bool testNode(const llmc_template_node &node, Scope *scope, Value &result);
  bool callNode(const llmc_template_node &node, Scope *scope, Value &result);
  bool call(const Value &callee, const Arguments &given, Value &result);
  bool callMacro(const Macro &macro, const Arguments &given, Value &result);
  bool callFunction(uint32_t function, const Arguments &given, Value &result);
  bool capture(uint32_t statement, Scope *scope, Value &result);
  bool bind(const char *name, const char *parameters, uint32_t required, const Arguments &given, Value *slots,
            bool *present);
  bool range(const Value *values, const bool *present, Value &result);
  bool strftime(View format, Value &result);
  void undefinedNamed(View name, Value &result) const { result = Value::undefined(name); }
  /// The number of a name, where the templates know it.
  uint32_t numberOf(View name) const;

  // Operators.
  static bool truth(const Value &value);
  bool equal(const Value &a, const Value &b, bool &result);
  bool order(const Value &a, const Value &b, int &result, const char *symbol);
  bool compare(uint32_t comparison, const Value &a, const Value &b, bool &result);
  bool contains(const Value &container, const Value &item, bool &result);
  bool binary(uint32_t operation, const Value &a, const Value &b, Value &result);
  bool add(const Value &a, const Value &b, Value &result);
  bool repeat(const Value &value, int64_t times, Value &result);
  bool arithmetic(uint32_t operation, const Value &a, const Value &b, Value &result);
  bool power(const Value &a, const Value &b, Value &result);
  bool attribute(const Value &value, View name, Value &result);
  bool item(const Value &value, const Value &index, Value &result, bool orAttribute = true);
  bool slice(const Value &value, const Value *bounds, Value &result);
  bool length(const Value &value, int64_t &result);
  bool elements(const Value &value, Value *&items, uint32_t &count);
  bool isIterable(const Value &value) const;
  bool loopAttribute(const Loop &loop, View name, Value &result);
  static bool isMethodOf(const Value &value, View name);

  // Dicts.
  bool hash(const Value &key, uint32_t &result);
  bool lookup(const Dict &dict, const Value &key, Value *&value);
  bool insert(Dict &dict, const Value &key, const Value &value);
  const Value *field(const Dict &dict, View key);

  // Text of values.
  bool putString(const Value &value);
  bool putQuoted(const Value &value);
  bool putQuotedString(View text);
  bool putFloat(double number);
  bool putInteger(int64_t number);
  bool toString(const Value &value, Value &result);
  struct JsonStyle {
    bool ascii = false, sorted = false, hasIndent = false;
    View indent, item = ", ", key = ": ";
  };
  bool putJson(const Value &value, const JsonStyle &style, uint32_t level);
  bool putJsonString(View text, bool ascii);
  bool putJsonBreak(const JsonStyle &style, uint32_t level);
  bool putJsonDict(const Dict &dict, const JsonStyle &style, uint32_t level);

  // Characters.
  uint32_t flagsOf(uint32_t codepoint) const;
  bool putCase(uint32_t kind, uint32_t codepoint);
  bool putLower(View text, size_t at, uint32_t codepoint);
  bool changeCase(View text, uint32_t kind, Value &result);
  bool capitalize(View text, Value &result);
  bool titleWords(View text, bool asFilter, Value &result);
  static size_t characters(View text);
  static size_t offsetOf(View text, size_t character);
  static View strip(View text, const View *set, bool left, bool right);
  bool lines(View text, bool keepEnds, Value &result);

  // Methods, filters, tests.
  bool callMethod(const Method &method, const Arguments &given, Value &result);
  bool stringMethod(View self, View name, const Arguments &given, Value &result);
  bool listMethod(const List &self, View name, const Arguments &given, Value &result);
  bool dictMethod(Dict &self, View name, const Arguments &given, Value &result);
  bool split(View text, const Value *separator, int64_t most, bool fromRight, Value &result);
  bool partition(View text, View separator, bool fromRight, Value &result);
  bool replace(View text, View from, View to, int64_t most, Value &result);
  bool joinValues(View separator, const Value *items, uint32_t count, bool onlyStrings, Value &result);
  bool justify(View text, int64_t width, View fill, int side, Value &result);
  bool findText(View text, View name, const Value *values, const bool *present, Value &result);
  bool classify(View text, View name, Value &result);
  bool filter(uint32_t number, const Value &value, const Value *arguments, const bool *present, uint32_t count,
              Value &result);
  bool textFilter(uint32_t number, const Value &value, const Value *arguments, const bool *present, uint32_t count,
                  Value &result);
  bool numberFilter(uint32_t number, const Value &value, const Value *arguments, const bool *present, Value &result);
  bool sequenceFilter(uint32_t number, const Value &value, const Value *arguments, const bool *present, Value &result);
  bool toJson(const Value &value, const Value *arguments, const bool *present, Value &result);
  bool indent(const Value &value, const Value *arguments, const bool *present, Value &result);
  bool truncate(View text, const Value *arguments, const bool *present, Value &result);
  bool escapeHtml(View text, Value &result);
  bool urlEncode(const Value &value, Value &result);
  bool toInt(const Value &value, const Value &otherwise, int64_t base, Value &result);
  bool toFloat(const Value &value, const Value &otherwise, Value &result);
  bool roundNumber(const Value &value, int64_t precision, View method, Value &result);
  bool sortItems(Value *items, const Value *keys, uint32_t count, bool reversed, uint32_t *places);
  bool keyOf(const Value &value, const Getter &getter, bool caseSensitive, Value &key);
  bool follow(const Value &value, const Getter &getter, Value &result);
  bool follow(const Value &value, View path, Value &result);
  bool dictSort(const Value &value, const Value *arguments, const bool *present, Value &result);
  bool extreme(const Value *items, uint32_t count, bool largest, const Getter &getter, bool caseSensitive,
               Value &result);
  bool unique(const Value *items, uint32_t count, const Getter &getter, bool caseSensitive, Value &result);
  bool groupBy(Value *items, uint32_t count, const Getter &getter, bool caseSensitive, Value &result);
  bool batches(const Value *items, uint32_t count, int64_t size, const Value *fill, Value &result);
  bool slices(const Value *items, uint32_t count, int64_t number, const Value *fill, Value &result);
  bool total(const Value *items, uint32_t count, const Getter &getter, const Value &start, Value &result);
  bool test(uint32_t number, const Value &value, const Value *arguments, uint32_t count, bool &result);
  bool needString(const Value &value, const char *what, View &text);
  bool needInt(const Value &value, const char *what, int64_t &number);

  // Formatting.
  struct Field {
    uint32_t fill = ' ';
    char align = 0, sign = 0, type = 0;
    bool alternate = false, zero = false, comma = false;
    int64_t width = 0, precision = -1;
  };
  bool percent(View format, const Value &values, Value &result);
  bool percentOne(View &format, const Value &values, uint32_t &next, bool &usedName);
  bool braces(View format, const Arguments &given, Value &result);
  bool bracesOne(View text, const Arguments &given, int64_t &next);
  bool parseField(View spec, Field &field);
  bool putField(const Field &field, const Value &value);
  bool putNumber(const Field &field, const Value &value, char type);
  bool pad(const Field &field, size_t start, char usual, size_t signs);

  // Input.
  bool defineInput(const ChatInput &input);
  bool defineMessages(const ChatInput &input);
  bool readJson(View text, const char *what, Value &result);
  friend class JsonReader;

  const ChatTemplates &templates;
  const ChatLimits &limits;
  Array<char> &out;
  char *message;
  size_t messageSize;
  Arena arena;
  Array<Value> stack; ///< Of the JSON reader.
  ChatStatus status = ChatStatus::Ok;
  uint64_t steps = 0;
  uint32_t depth = 0;
  uint32_t here = LLMC_NO_NODE; ///< The node at hand, for messages.
  /// Numbers of names that evaluations define; LLMC_NO_NODE where no template has them.
  uint32_t loopName, callerName, kwargsName, varargsName;
  Scope *root = nullptr;
  int64_t now = 0;
};

} // namespace llmc::runtime::chat

#endif // LLMC_RUNTIME_SRC_TEXT_TEMPLATE_EVALUATOR_H
