// Lexer.h - cuts the text of a chat template into tokens, with the whitespace around tags as models' templates expect.
//
// Tags take the line end after a block or a comment and the blanks before it on its line (Jinja2's trim_blocks and
// lstrip_blocks), as the programs do that the templates are written for.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TEMPLATE_LEXER_H
#define LLMC_FRONTENDS_TEXT_TEMPLATE_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

/// A place in a template: both count from 1, columns in bytes.
struct TemplatePlace {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct TemplateToken {
  enum class Kind : uint8_t {
    End,
    Data, ///< Text outside of tags.
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    Integer,
    Float,
    String, ///< Its value, escapes resolved.
    Operator,
  };
  Kind kind = Kind::End;
  TemplatePlace place;
  std::string text;
  int64_t integer = 0;
  double number = 0;

  bool is(Kind wanted) const { return kind == wanted; }
  bool isOperator(std::string_view wanted) const { return kind == Kind::Operator && text == wanted; }
  bool isName(std::string_view wanted) const { return kind == Kind::Name && text == wanted; }
};

/// What stands at a token, in words: "'endfor'", "the end of the template".
std::string describe(const TemplateToken &token);

struct TemplateTokens {
  std::vector<TemplateToken> tokens; ///< The last is of kind End.
  std::string mistake;               ///< Empty when all is well.
  TemplatePlace place;               ///< Of the mistake.
};

/// Cuts `source` into tokens. Line ends of other systems become line feeds, and one at the very end is dropped.
TemplateTokens lexTemplate(std::string_view source);

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TEMPLATE_LEXER_H
