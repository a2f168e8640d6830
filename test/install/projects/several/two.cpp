// two.cpp - two models in one program: prints what each holds, moves them about, and sees each error as a value.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "first.h"
#include "llmc/llmc.hpp"
#include "second.h"

#include <cstdint>
#include <cstdio>

static int report(const char *name, const llmc_embedded_model &embedded) {
  llmc::Result<llmc::Model> opened = llmc::Model::open(embedded);
  if (!opened)
    return std::fprintf(stderr, "%s: %s\n", name, opened.error().text().c_str()), 1;
  llmc::Model model = std::move(*opened);
  if (auto verified = model.verify(); !verified)
    return std::fprintf(stderr, "%s: %s\n", name, verified.error().text().c_str()), 1;
  llmc_session_options options = {};
  options.num_threads = 1;
  llmc::Session session = llmc::Session::open(model, options).value();
  std::vector<int32_t> ids = {1, 2, 3};
  if (auto text = model.tokenize("the sea"))
    ids = *text;
  llmc_logits logits = session.prefill(0, ids).value();
  uint32_t best = 0;
  for (uint32_t i = 1; i < logits.vocab_size; ++i)
    if (logits.data[i] > logits.data[best])
      best = i;
  std::printf("%s: %zu bytes at %zu, %zu tokens, vocabulary %u, then %u\n", name, embedded.size,
              static_cast<size_t>(reinterpret_cast<uintptr_t>(embedded.data) % 4096), ids.size(), logits.vocab_size,
              best);
  return 0;
}

int main() {
  if (report("first", first) || report("second", second))
    return 1;
  // Mistakes come back as values.
  llmc::Result<llmc::Model> missing = llmc::Model::open(std::string("not there"));
  llmc::Result<llmc::Model> crooked =
      llmc::Model::openMemory(static_cast<const char *>(first.data) + 1, first.size - 1);
  llmc::Result<llmc::Model> cut = llmc::Model::openMemory(first.data, first.size - 1);
  if (missing || crooked || cut)
    return std::fprintf(stderr, "opened what cannot be\n"), 1;
  std::printf("%s\n%s\n%s\n", missing.error().text().c_str(), crooked.error().text().c_str(),
              cut.error().text().c_str());
}
