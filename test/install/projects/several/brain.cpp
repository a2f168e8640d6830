// brain.cpp - a shared library with a model inside and one function.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "first.h"

extern "C" __attribute__((visibility("default"))) unsigned vocabulary() {
  llmc_model *model;
  if (llmc_model_open_memory(first.data, first.size, &model, nullptr))
    return 0;
  llmc_model_info info = {};
  info.struct_size = sizeof info;
  llmc_model_get_info(model, &info);
  llmc_model_close(model);
  return info.vocab_size;
}
