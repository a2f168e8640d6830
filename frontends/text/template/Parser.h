// Parser.h - turns a template's tokens into nodes; the parts of one parser.
//
// Statements are in ParserStatements.cpp, expressions in ParserExpressions.cpp, calls, filters and tests in
// ParserCalls.cpp.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TEMPLATE_PARSER_H
#define LLMC_FRONTENDS_TEXT_TEMPLATE_PARSER_H

#include "frontends/text/template/Names.h"
#include "frontends/text/template/Program.h"

#include <set>

namespace llmc::text {

/// Parses by descent. Functions return a node; after a mistake they return node 0 and the parser stands at the end of
/// the tokens, so that every loop ends.
class TemplateParser {
public:
  TemplateParser(std::vector<TemplateToken> tokens, TemplateProgram &program)
      : tokens(std::move(tokens)), program(program) {}

  TemplateMistake run(uint32_t &root);

private:
  using Kind = TemplateToken::Kind;
  using Words = std::initializer_list<const char *>;
  struct Arguments {
    std::vector<uint32_t> positional;
    std::vector<std::pair<std::string, uint32_t>> named;
    TemplatePlace place;
  };

  // Tokens.
  const TemplateToken &now() const { return tokens[at]; }
  const TemplateToken &after() const { return tokens[at + 1 < tokens.size() ? at + 1 : at]; }
  void step() { at += at + 1 < tokens.size(); }
  bool failed() const { return !mistake.message.empty(); }
  uint32_t fail(TemplatePlace place, std::string message, std::string note = {});
  uint32_t unexpected(const char *expected);
  bool takeOperator(std::string_view symbol);
  bool takeName(std::string_view name);
  bool needOperator(const char *symbol);
  bool needKind(Kind kind, const char *words);
  bool isNameOf(Words words) const;
  std::string needName(const char *words);

  // Statements.
  uint32_t block(Words ends, const char *opened, TemplatePlace place);
  uint32_t statement();
  uint32_t body(const char *end, const char *opened, TemplatePlace place);
  uint32_t ifStatement(TemplatePlace place);
  uint32_t forStatement(TemplatePlace place);
  uint32_t setStatement(TemplatePlace place);
  uint32_t macroStatement(TemplatePlace place);
  uint32_t callStatement(TemplatePlace place);
  uint32_t filterStatement(TemplatePlace place);
  uint32_t withStatement(TemplatePlace place);
  uint32_t printStatement(TemplatePlace place);
  uint32_t jump(TemplatePlace place, llmc_template_kind kind);
  std::vector<uint32_t> signature();
  uint32_t macro(TemplatePlace place, const std::vector<uint32_t> &parameters, const char *end, const char *opened,
                 const std::string &name);
  uint32_t target(bool withTuple, bool withField);

  // Expressions.
  uint32_t expression(bool withChoice = true);
  uint32_t tuple(bool withChoice, bool inParentheses, Words ends = {});
  bool endsTuple(Words ends) const;
  uint32_t either();
  uint32_t both();
  uint32_t negation();
  uint32_t comparison();
  uint32_t sum();
  uint32_t concatenation();
  uint32_t product();
  uint32_t power();
  uint32_t sign(bool withFilters = true);
  uint32_t primary();
  uint32_t postfix(uint32_t node);
  uint32_t subscript(uint32_t node);
  uint32_t listLiteral();
  uint32_t dictLiteral();
  uint32_t integer(TemplatePlace place, int64_t value);

  // Calls, filters, tests.
  Arguments arguments();
  uint32_t call(uint32_t callee);
  uint32_t filtersAndTests(uint32_t node);
  uint32_t filter(uint32_t node);
  uint32_t test(uint32_t node);
  uint32_t map(uint32_t node, Arguments &given);
  uint32_t select(uint32_t node, Arguments &given, const std::string &name);
  uint32_t filterNode(uint32_t node, llmc_template_kind kind, const std::string &name, const Arguments &given,
                      TemplatePlace place);
  bool bind(const TemplateCallable &callable, const char *what, const Arguments &given, std::vector<uint32_t> &bound);
  std::string dottedName(const char *words);
  bool stringOf(uint32_t node, std::string &value) const;
  uint32_t unknown(TemplatePlace place, std::string message, std::string note);
  void checkMissing();

  /// Counts nesting while it lives.
  class Nesting {
  public:
    explicit Nesting(TemplateParser &parser) : parser(parser) {
      if (++parser.depth > LLMC_TEMPLATE_MAX_DEPTH / 2)
        parser.fail(parser.now().place, "the template is nested too deeply",
                    "write it with fewer blocks and operands within each other");
    }
    ~Nesting() { --parser.depth; }
    Nesting(const Nesting &) = delete;
    Nesting &operator=(const Nesting &) = delete;

  private:
    TemplateParser &parser;
  };

  std::vector<TemplateToken> tokens;
  size_t at = 0;
  TemplateProgram &program;
  TemplateMistake mistake;
  unsigned depth = 0;
  unsigned loops = 0;              ///< Around the statement at hand, within one macro.
  std::vector<uint8_t> macroFlags; ///< Of the macros around, LLMC_MACRO_* bits.
  std::set<std::string> assigned;  ///< Names that the template itself gives a value.
  /// What the template asks for and nobody has. Where a condition guards it the template may never get there, and is
  /// read; getting there is a mistake then.
  struct Missing {
    TemplateMistake mistake;
    std::string name; ///< Of a function, which the template may still define; else empty.
    bool isGuarded;
  };
  std::vector<Missing> missing;
  unsigned guards = 0; ///< Conditions around the place at hand.
};

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TEMPLATE_PARSER_H
