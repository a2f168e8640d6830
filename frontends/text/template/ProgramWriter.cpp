// ProgramWriter.cpp - lays the nodes of templates out as template_format.h says.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/Program.h"

#include <algorithm>
#include <cstring>

namespace llmc::text {

namespace {

/// Calls `use` for every operand of a node that is a node.
template <typename Use> void forEachOperand(const TemplateProgram &program, const llmc_template_node &node, Use use) {
  auto list = [&](uint32_t place, uint32_t count, uint32_t first = 0, uint32_t step = 1) {
    for (uint32_t i = first; i < count; i += step)
      use(program.operands[place + i]);
  };
  switch (node.kind) {
  case LLMC_NODE_LIST:
  case LLMC_NODE_TUPLE:
  case LLMC_NODE_DICT:
  case LLMC_NODE_CONCATENATE:
  case LLMC_NODE_BLOCK:
  case LLMC_NODE_TO_TUPLE:
    return list(node.a, node.b);
  case LLMC_NODE_ATTRIBUTE:
  case LLMC_NODE_NOT:
  case LLMC_NODE_NEGATIVE:
  case LLMC_NODE_POSITIVE:
  case LLMC_NODE_CAPTURE:
  case LLMC_NODE_PRINT:
  case LLMC_NODE_SCOPE:
    return use(node.a);
  case LLMC_NODE_ITEM:
  case LLMC_NODE_AND:
  case LLMC_NODE_OR:
  case LLMC_NODE_BINARY:
  case LLMC_NODE_SET:
    return use(node.a), use(node.b);
  case LLMC_NODE_SLICE:
    return use(node.a), use(node.b), use(node.c), use(node.d);
  case LLMC_NODE_MAP_ATTRIBUTE:
  case LLMC_NODE_CHOOSE:
  case LLMC_NODE_IF:
    return use(node.a), use(node.b), use(node.c);
  case LLMC_NODE_CALL:
    use(node.a);
    list(node.b, node.c);
    return list(node.b + node.c, 2 * node.d, 1, 2);
  case LLMC_NODE_SELECT:
  case LLMC_NODE_REJECT:
    use(node.d);
    [[fallthrough]];
  case LLMC_NODE_FILTER:
  case LLMC_NODE_MAP_FILTER:
  case LLMC_NODE_TEST:
    use(node.a);
    return list(node.b, node.c);
  case LLMC_NODE_COMPARE:
    use(node.a);
    return list(node.b, node.c, 1, 2);
  case LLMC_NODE_MACRO:
    use(node.c);
    return list(node.a, node.b, 1, 2);
  case LLMC_NODE_FOR:
    use(node.a), use(node.b), use(node.c);
    return list(node.d, 2);
  case LLMC_NODE_WITH:
    use(node.c);
    return list(node.a, node.b);
  default:
    return;
  }
}

class Writer {
public:
  explicit Writer(const TemplateProgram &program) : program(program), out(sizeof(llmc_template_header), '\0') {}

  std::string write(uint32_t file) {
    llmc_template_header header = {};
    std::memcpy(header.magic, LLMC_TEMPLATE_MAGIC, sizeof header.magic);
    header.version = LLMC_TEMPLATE_VERSION;
    header.file = file;
    header.templates = table(program.entries);
    header.nodes = table(program.nodes);
    header.operands = table(program.operands);
    std::vector<llmc_template_text> texts(program.texts.size());
    header.texts = table(texts); // filled in below
    header.variables = table(program.variables);
    const CharacterTables &characters = characterTables();
    header.characters = table(characters.characters);
    header.cases = table(characters.cases);
    header.special_case = table(characters.special);
    for (size_t i = 0; i < texts.size(); ++i) {
      texts[i] = {static_cast<uint32_t>(out.size()), static_cast<uint32_t>(program.texts[i].size())};
      out += program.texts[i];
    }
    if (!texts.empty())
      std::memcpy(out.data() + header.texts.offset, texts.data(), texts.size() * sizeof texts[0]);
    header.size = static_cast<uint32_t>(out.size());
    std::memcpy(out.data(), &header, sizeof header);
    return std::move(out);
  }

private:
  template <typename Row> llmc_template_range table(const std::vector<Row> &rows) {
    if (rows.empty())
      return {0, 0};
    out.resize((out.size() + 7) / 8 * 8, '\0');
    llmc_template_range range = {static_cast<uint32_t>(out.size()), static_cast<uint32_t>(rows.size())};
    out.append(reinterpret_cast<const char *>(rows.data()), rows.size() * sizeof(Row));
    return range;
  }

  const TemplateProgram &program;
  std::string out;
};

} // namespace

uint32_t findTooDeep(const TemplateProgram &program) {
  std::vector<uint32_t> depths(program.nodes.size(), 1);
  for (uint32_t i = 0; i < program.nodes.size(); ++i) {
    forEachOperand(program, program.nodes[i], [&](uint32_t operand) {
      if (operand != LLMC_NO_NODE)
        depths[i] = std::max(depths[i], depths[operand] + 1);
    });
    if (depths[i] > LLMC_TEMPLATE_MAX_DEPTH)
      return i;
  }
  return LLMC_NO_NODE;
}

std::string writeTemplateSection(TemplateProgram &program, std::string_view file) {
  uint32_t name = program.text(file);
  return Writer(program).write(name);
}

} // namespace llmc::text
