// Families.cpp - the list of families.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/models/Family.h"

namespace llmc::models {

const std::vector<const Family *> &allFamilies() {
  static const std::vector<const Family *> families = {
#define LLMC_FAMILY(name) &get##name##Family(),
#include "frontends/models/Families.def"
  };
  return families;
}

} // namespace llmc::models
