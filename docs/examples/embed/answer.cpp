// answer.cpp - a C++ program with a model inside: continues the text of its command line.
//
// CMakeLists.txt beside it links the model in, under the name `writer`. Works with exceptions off as well.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/llmc.hpp"
#include "writer.h"

#include <cstdio>

static int failed(const llmc::Error &error) {
  std::fprintf(stderr, "answer: error: %s\n", error.text().c_str());
  return 1;
}

int main(int argc, char **argv) {
  const char *text = argc > 1 ? argv[1] : "Once upon a time";

  // The model lies in the program; nothing is read from a file.
  llmc::Result<llmc::Model> model = llmc::Model::open(writer);
  if (!model)
    return failed(model.error());
  llmc::Result<std::vector<int32_t>> ids = model->tokenize(text);
  if (!ids)
    return failed(ids.error());

  llmc::Result<llmc::Session> session = llmc::Session::open(*model);
  if (!session)
    return failed(session.error());
  llmc::Result<llmc::Generator> generator = llmc::Generator::open(*session);
  if (!generator)
    return failed(generator.error());

  llmc_generate_options options = model->generateDefaults();
  options.max_new_tokens = 16;
  options.temperature = 0;
  auto print = [](const llmc_piece &piece) {
    std::fwrite(piece.text, 1, piece.size, stdout);
    return std::fflush(stdout) == 0;
  };
  llmc::Result<llmc_generate_result> result = generator->generate(*ids, options, print);
  if (!result)
    return failed(result.error());
  std::printf("\n");
}
