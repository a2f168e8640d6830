// TemplateTables.cpp - the one place where bytes of a template section are trusted or refused.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Template.h"

namespace llmc::runtime {

static_assert(sizeof(llmc_template_header) == 88 && sizeof(llmc_template_node) == 28, "format");
static_assert(sizeof(llmc_template_case) == 16 && sizeof(llmc_template_special_case) == 20, "format");

namespace {

/// Checks parts of one section, remembering the first thing that is wrong.
class Checker {
public:
  Checker(ChatTemplates &templates, const uint8_t *base) : templates(templates), base(base) {}

  TextStatus run(const char *&found) {
    views();
    if (!reason && !depths.resize(templates.nodes.count))
      return TextStatus::OutOfMemory;
    for (uint32_t i = 0; i < templates.nodes.count && !reason; ++i)
      node(i);
    if (!reason)
      entries();
    if (!reason)
      characters();
    found = reason;
    return reason ? TextStatus::BadSection : TextStatus::Ok;
  }

private:
  void require(bool holds, const char *sentence) {
    if (!holds && !reason)
      reason = sentence;
  }

  template <typename Row> void view(TemplateTable<Row> &table, llmc_template_range range) {
    uint32_t size = templates.header.size;
    bool fits =
        range.offset <= size && uint64_t(range.count) * sizeof(Row) <= size - range.offset && range.offset % 8 == 0;
    require(fits, "a table lies outside of the section");
    if (fits)
      table = {base + range.offset, range.count};
  }

  void views() {
    const llmc_template_header &header = templates.header;
    view(templates.templates, header.templates);
    view(templates.nodes, header.nodes);
    view(templates.operands, header.operands);
    view(templates.texts, header.texts);
    view(templates.variables, header.variables);
    view(templates.characters, header.characters);
    view(templates.cases, header.cases);
    view(templates.specialCase, header.special_case);
    for (uint32_t i = 0; i < templates.texts.count && !reason; ++i) {
      llmc_template_text text = templates.texts[i];
      require(text.offset <= header.size && text.size <= header.size - text.offset,
              "a text lies outside of the section");
    }
  }

  void text(uint32_t number) { require(number < templates.texts.count, "a text's number is too large"); }

  enum Role { Expression, Statement, Target };
  static Role roleOf(uint32_t kind) {
    return kind >= LLMC_NODE_TO_NAME ? Target : kind >= LLMC_NODE_TEXT ? Statement : Expression;
  }

  void child(uint32_t number, Role role) {
    require(number < current, "a node's operand does not stand before it");
    if (reason)
      return;
    require(roleOf(templates.nodes[number].kind) == role, "a node's operand is of the wrong kind");
    if (depths[number] >= depth)
      depth = uint16_t(depths[number] + 1);
  }
  void maybe(uint32_t number, Role role) {
    if (number != LLMC_NO_NODE)
      child(number, role);
  }

  bool inList(uint32_t place, uint64_t count) {
    bool fits = place <= templates.operands.count && count <= templates.operands.count - place;
    require(fits, "a list lies outside of its table");
    return fits;
  }
  void list(uint32_t place, uint32_t count, Role role, bool optional = false) {
    for (uint32_t i = 0; inList(place, count) && i < count && !reason; ++i) {
      uint32_t number = templates.operands[place + i];
      if (!optional || number != LLMC_NO_NODE)
        child(number, role);
    }
  }

  void arguments(const llmc_template_node &node) {
    require(node.c <= LLMC_TEMPLATE_MAX_ARGUMENTS, "a filter or test has too many arguments");
    list(node.b, node.c, Expression, true);
  }
  void filterNumber(uint32_t number) {
    require(number > 0 && number < LLMC_FILTER_END, "a filter has an unknown number");
  }

  /// Number of arguments of a test: the ones that compare need theirs.
  void testNode(const llmc_template_node &node) {
    static const uint8_t needed[] = {0,
#define LLMC_ROW(id, number, name, required, parameters) required,
                                     LLMC_TEMPLATE_TESTS(LLMC_ROW)
#undef LLMC_ROW
    };
    require(node.operation > 0 && node.operation < LLMC_TEST_END, "a test has an unknown number");
    if (!reason)
      require(node.c >= needed[node.operation], "a test lacks an argument");
    arguments(node);
    for (uint32_t i = 0; !reason && i < needed[node.operation]; ++i)
      require(templates.operands[node.b + i] != LLMC_NO_NODE, "a test lacks an argument");
  }

  void filterNode(const llmc_template_node &node) {
    static const uint8_t needed[] = {0,
#define LLMC_ROW(id, number, name, required, parameters) required,
                                     LLMC_TEMPLATE_FILTERS(LLMC_ROW)
#undef LLMC_ROW
    };
    filterNumber(node.operation);
    child(node.a, Expression);
    arguments(node);
    if (reason)
      return;
    require(node.c >= needed[node.operation], "a filter lacks an argument");
    for (uint32_t i = 0; !reason && i < needed[node.operation]; ++i)
      require(templates.operands[node.b + i] != LLMC_NO_NODE, "a filter lacks an argument");
  }

  void node(uint32_t number);

  void entries() {
    require(templates.templates.count > 0, "it holds no template");
    for (uint32_t i = 0; i < templates.templates.count && !reason; ++i) {
      text(templates.templates[i].name);
      current = templates.nodes.count;
      child(templates.templates[i].root, Statement);
    }
    for (uint32_t i = 0; i < templates.variables.count && !reason; ++i) {
      text(templates.variables[i].name);
      text(templates.variables[i].value);
    }
    text(templates.header.file);
  }

  void characters() {
    const TemplateTable<llmc_template_characters> &rows = templates.characters;
    require(rows.count > 0 && rows[0].first == 0, "the table of characters does not start at 0");
    for (uint32_t i = 1; i < rows.count && !reason; ++i)
      require(rows[i - 1].first < rows[i].first, "the table of characters is not in order");
    auto isScalar = [](int64_t c) { return c >= 0 && c < 0x110000 && !(c >= 0xd800 && c < 0xe000); };
    for (uint32_t i = 0; i < templates.cases.count && !reason; ++i) {
      llmc_template_case row = templates.cases[i];
      int64_t last = int64_t(row.first) + int64_t(row.count) * row.step - row.step;
      require(row.count > 0 && row.step > 0 && last < 0x110000 && isScalar(row.first + int64_t(row.delta)) &&
                  isScalar(last + row.delta),
              "a change of case leads to no character");
      if (i && !reason) {
        llmc_template_case before = templates.cases[i - 1];
        require(before.kind < row.kind || (before.kind == row.kind && before.first < row.first),
                "the changes of case are not in order");
      }
    }
    for (uint32_t i = 0; i < templates.specialCase.count && !reason; ++i)
      for (uint32_t to : templates.specialCase[i].to)
        require(isScalar(to), "a change of case leads to no character");
  }

  ChatTemplates &templates;
  const uint8_t *base;
  const char *reason = nullptr;
  Array<uint16_t> depths;
  uint32_t current = 0;
  uint16_t depth = 0;
};

void Checker::node(uint32_t number) {
  const llmc_template_node node = templates.nodes[number];
  current = number;
  depth = 1;
  switch (node.kind) {
  case LLMC_NODE_NONE:
  case LLMC_NODE_BOOLEAN:
  case LLMC_NODE_INTEGER:
  case LLMC_NODE_FLOAT:
  case LLMC_NODE_BREAK:
  case LLMC_NODE_CONTINUE:
    break;
  case LLMC_NODE_STRING:
  case LLMC_NODE_FAIL:
  case LLMC_NODE_NAME:
  case LLMC_NODE_TEXT:
  case LLMC_NODE_TO_NAME:
    text(node.a);
    break;
  case LLMC_NODE_LIST:
  case LLMC_NODE_TUPLE:
  case LLMC_NODE_CONCATENATE:
    list(node.a, node.b, Expression);
    break;
  case LLMC_NODE_DICT:
    require(node.b % 2 == 0, "a dict lacks a value");
    list(node.a, node.b, Expression);
    break;
  case LLMC_NODE_ATTRIBUTE:
    child(node.a, Expression);
    text(node.b);
    break;
  case LLMC_NODE_ITEM:
  case LLMC_NODE_AND:
  case LLMC_NODE_OR:
    child(node.a, Expression);
    child(node.b, Expression);
    break;
  case LLMC_NODE_BINARY:
    require(node.operation >= LLMC_TEMPLATE_ADD && node.operation <= LLMC_TEMPLATE_POWER, "an unknown operation");
    child(node.a, Expression);
    child(node.b, Expression);
    break;
  case LLMC_NODE_SLICE:
    child(node.a, Expression);
    maybe(node.b, Expression);
    maybe(node.c, Expression);
    maybe(node.d, Expression);
    break;
  case LLMC_NODE_CALL:
    child(node.a, Expression);
    list(node.b, node.c, Expression);
    if (inList(node.b, uint64_t(node.c) + 2 * uint64_t(node.d)))
      for (uint32_t i = 0; i < node.d && !reason; ++i) {
        text(templates.operands[node.b + node.c + 2 * i]);
        child(templates.operands[node.b + node.c + 2 * i + 1], Expression);
      }
    break;
  case LLMC_NODE_FILTER:
  case LLMC_NODE_MAP_FILTER:
    filterNode(node);
    break;
  case LLMC_NODE_MAP_ATTRIBUTE:
    child(node.a, Expression);
    child(node.b, Expression);
    maybe(node.c, Expression);
    break;
  case LLMC_NODE_SELECT:
  case LLMC_NODE_REJECT:
    child(node.a, Expression);
    testNode(node);
    maybe(node.d, Expression);
    break;
  case LLMC_NODE_TEST:
    child(node.a, Expression);
    testNode(node);
    break;
  case LLMC_NODE_NOT:
  case LLMC_NODE_NEGATIVE:
  case LLMC_NODE_POSITIVE:
  case LLMC_NODE_PRINT:
    child(node.a, Expression);
    break;
  case LLMC_NODE_CHOOSE:
    child(node.a, Expression);
    child(node.b, Expression);
    maybe(node.c, Expression);
    break;
  case LLMC_NODE_COMPARE:
    child(node.a, Expression);
    require(node.c % 2 == 0, "a comparison lacks an operand");
    for (uint32_t i = 0; inList(node.b, node.c) && i + 1 < node.c && !reason; i += 2) {
      uint32_t comparison = templates.operands[node.b + i];
      require(comparison >= LLMC_TEMPLATE_EQUAL && comparison <= LLMC_TEMPLATE_NOT_IN, "an unknown comparison");
      child(templates.operands[node.b + i + 1], Expression);
    }
    break;
  case LLMC_NODE_CAPTURE:
  case LLMC_NODE_SCOPE:
    child(node.a, Statement);
    break;
  case LLMC_NODE_MACRO:
    require(node.b % 2 == 0, "a macro's parameters are damaged");
    for (uint32_t i = 0; inList(node.a, node.b) && i + 1 < node.b && !reason; i += 2) {
      text(templates.operands[node.a + i]);
      maybe(templates.operands[node.a + i + 1], Expression);
    }
    child(node.c, Statement);
    text(node.d);
    break;
  case LLMC_NODE_BLOCK:
    list(node.a, node.b, Statement);
    break;
  case LLMC_NODE_IF:
    child(node.a, Expression);
    child(node.b, Statement);
    maybe(node.c, Statement);
    break;
  case LLMC_NODE_FOR:
    child(node.a, Target);
    child(node.b, Expression);
    child(node.c, Statement);
    if (inList(node.d, 2)) {
      maybe(templates.operands[node.d], Expression);
      maybe(templates.operands[node.d + 1], Statement);
    }
    break;
  case LLMC_NODE_SET:
    child(node.a, Target);
    child(node.b, Expression);
    break;
  case LLMC_NODE_WITH:
    require(node.b % 2 == 0, "a scope's variables are damaged");
    for (uint32_t i = 0; inList(node.a, node.b) && i + 1 < node.b && !reason; i += 2) {
      child(templates.operands[node.a + i], Target);
      child(templates.operands[node.a + i + 1], Expression);
    }
    child(node.c, Statement);
    break;
  case LLMC_NODE_TO_TUPLE:
    list(node.a, node.b, Target);
    break;
  case LLMC_NODE_TO_FIELD:
    text(node.a);
    text(node.b);
    break;
  default:
    require(false, "a node has an unknown kind");
  }
  require(depth <= LLMC_TEMPLATE_MAX_DEPTH, "its nodes are nested too deeply");
  if (!reason)
    depths[number] = depth;
}

} // namespace

TextStatus ChatTemplates::open(const void *section, size_t size, const char **reason) {
  const char *ignored;
  const char *&found = reason ? *reason : ignored;
  base = static_cast<const uint8_t *>(section);
  found = "it is cut short";
  if (size < sizeof header)
    return TextStatus::BadSection;
  std::memcpy(&header, base, sizeof header);
  found = "it does not begin as chat templates do";
  if (std::memcmp(header.magic, LLMC_TEMPLATE_MAGIC, sizeof header.magic) != 0)
    return TextStatus::BadSection;
  found = "its version is another than this runtime reads";
  if (header.version != LLMC_TEMPLATE_VERSION)
    return TextStatus::BadSection;
  found = "its size is another than its header says";
  if (header.size != size || header.reserved)
    return TextStatus::BadSection;
  return Checker(*this, base).run(found);
}

uint32_t ChatTemplates::find(chat::View name) const {
  for (uint32_t i = 0; i < templates.count; ++i)
    if (!name.size || text(templates[i].name) == name)
      return templates[i].root;
  return LLMC_NO_NODE;
}

} // namespace llmc::runtime
