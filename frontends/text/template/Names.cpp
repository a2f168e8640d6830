// Names.cpp - the filters, tests and functions that templates may ask for, by name.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/template/Names.h"

#include "llmc/template_format.h"

namespace llmc::text {

namespace {

#define LLMC_ROW(id, number, name, required, parameters) {name, number, required, parameters},
constexpr TemplateCallable filters[] = {LLMC_TEMPLATE_FILTERS(LLMC_ROW)};
constexpr TemplateCallable tests[] = {LLMC_TEMPLATE_TESTS(LLMC_ROW)};
constexpr TemplateCallable functions[] = {LLMC_TEMPLATE_FUNCTIONS(LLMC_ROW)};
#undef LLMC_ROW

struct Alias {
  std::string_view alias, name;
};
constexpr Alias filterAliases[] = {{"d", "default"}, {"e", "escape"}, {"count", "length"}};
constexpr Alias testAliases[] = {{"==", "eq"}, {"equalto", "eq"},     {"!=", "ne"},
                                 {"<", "lt"},  {"lessthan", "lt"},    {"<=", "le"},
                                 {">", "gt"},  {"greaterthan", "gt"}, {">=", "ge"}};

template <size_t rows> const TemplateCallable *find(const TemplateCallable (&table)[rows], std::string_view name) {
  for (const TemplateCallable &row : table)
    if (name == row.name && *row.name)
      return &row;
  return nullptr;
}

template <size_t rows> std::string_view resolve(const Alias (&aliases)[rows], std::string_view name) {
  for (Alias alias : aliases)
    if (alias.alias == name)
      return alias.name;
  return name;
}

template <size_t rows> std::string namesOf(const TemplateCallable (&table)[rows]) {
  std::string names;
  for (const TemplateCallable &row : table)
    if (*row.name)
      names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

} // namespace

std::vector<std::string> TemplateCallable::parameterNames() const {
  std::vector<std::string> names;
  for (const char *at = parameters; *at;) {
    const char *end = at;
    while (*end && *end != ',')
      ++end;
    names.emplace_back(at, end);
    at = *end ? end + 1 : end;
  }
  return names;
}

const TemplateCallable *findFilter(std::string_view name) { return find(filters, resolve(filterAliases, name)); }
const TemplateCallable *findTest(std::string_view name) { return find(tests, resolve(testAliases, name)); }
const TemplateCallable *findFunction(std::string_view name) { return find(functions, name); }
std::string filterNames() { return namesOf(filters) + ", map, reject, rejectattr, select, selectattr"; }
std::string testNames() { return namesOf(tests); }
std::string functionNames() { return namesOf(functions); }

} // namespace llmc::text
