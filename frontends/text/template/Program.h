// Program.h - templates as nodes while they are compiled, before they become a section.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TEMPLATE_PROGRAM_H
#define LLMC_FRONTENDS_TEXT_TEMPLATE_PROGRAM_H

#include "frontends/text/template/Lexer.h"
#include "llmc/template_format.h"

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llmc::text {

/// The tables of a section as they grow; several templates share them.
class TemplateProgram {
public:
  using Node = llmc_template_node;

  /// The number of a text; equal texts share it.
  uint32_t text(std::string_view value) {
    auto [entry, isNew] = numbers.try_emplace(std::string(value), static_cast<uint32_t>(texts.size()));
    if (isNew)
      texts.push_back(entry->first);
    return entry->second;
  }
  /// Where a list stands in `operands`.
  uint32_t list(const std::vector<uint32_t> &values) {
    uint32_t place = static_cast<uint32_t>(operands.size());
    operands.insert(operands.end(), values.begin(), values.end());
    return place;
  }
  uint32_t add(TemplatePlace place, llmc_template_kind kind, uint8_t operation = 0, uint32_t a = 0, uint32_t b = 0,
               uint32_t c = 0, uint32_t d = 0) {
    Node node = {};
    node.kind = static_cast<uint8_t>(kind);
    node.operation = operation;
    node.line = place.line;
    node.column = static_cast<uint16_t>(place.column < 65535 ? place.column : 65535);
    node.a = a, node.b = b, node.c = c, node.d = d;
    nodes.push_back(node);
    return static_cast<uint32_t>(nodes.size() - 1);
  }

  std::vector<Node> nodes;
  std::vector<uint32_t> operands;
  std::vector<std::string> texts;
  std::vector<llmc_template_entry> entries;
  std::vector<llmc_template_variable> variables;

private:
  std::map<std::string, uint32_t> numbers;
};

/// A mistake in a template.
struct TemplateMistake {
  std::string message; ///< Empty: none.
  std::string note;
  TemplatePlace place;
};

/// The first node that stands above more operands of operands than the runtime walks, or LLMC_NO_NODE.
uint32_t findTooDeep(const TemplateProgram &program);

/// Compiles one template to nodes of `program` and sets the root statement. The first mistake ends it.
TemplateMistake parseTemplate(std::string_view source, TemplateProgram &program, uint32_t &root);

/// The bytes of a section (template_format.h).
std::string writeTemplateSection(TemplateProgram &program, std::string_view file);

/// What Unicode says about characters: tables for the section.
struct CharacterTables {
  std::vector<llmc_template_characters> characters;
  std::vector<llmc_template_case> cases;
  std::vector<llmc_template_special_case> special;
};
const CharacterTables &characterTables();

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TEMPLATE_PROGRAM_H
