// Names.h - the filters, tests and functions that templates may ask for, by name.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_TEXT_TEMPLATE_NAMES_H
#define LLMC_FRONTENDS_TEXT_TEMPLATE_NAMES_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::text {

/// Something that takes arguments.
struct TemplateCallable {
  const char *name;
  uint8_t number;
  uint8_t required;
  const char *parameters; ///< Names, separated by commas; "*": any number.

  bool isVariadic() const { return parameters[0] == '*'; }
  std::vector<std::string> parameterNames() const;
};

/// Null when there is none. Aliases are known.
const TemplateCallable *findFilter(std::string_view name);
const TemplateCallable *findTest(std::string_view name);
const TemplateCallable *findFunction(std::string_view name);
/// All names, for messages: "abs, attr, …".
std::string filterNames();
std::string testNames();
std::string functionNames();

} // namespace llmc::text

#endif // LLMC_FRONTENDS_TEXT_TEMPLATE_NAMES_H
