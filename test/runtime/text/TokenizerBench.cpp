// TokenizerBench.cpp - llmc-tokenizer-bench: how fast one thread encodes and decodes a text; tools/dev/bench-tokenizers
// sets it beside Hugging Face's library.
//
// usage: llmc-tokenizer-bench TOKENIZER TEXT
// Prints one line: tokens, and megabytes of text a second, encoding and decoding, the best of several runs each.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Tokenizer.h"
#include "runtime/src/text/Tokenizer.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

using namespace llmc;
using namespace llmc::runtime;

/// The shortest of runs that together take a second or more.
template <typename Run> static double bestSeconds(Run run) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9, total = 0;
  for (int i = 0; i < 3 || total < 1; ++i) {
    auto start = Clock::now();
    run();
    double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = seconds < best ? seconds : best;
    total += seconds;
  }
  return best;
}

int main(int count, char **arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: llmc-tokenizer-bench TOKENIZER TEXT\n");
    return 2;
  }
  Result<std::string> section = text::compileTokenizer(arguments[1]);
  if (!section) {
    std::fputs(section.error().str().c_str(), stderr);
    return 1;
  }
  Tokenizer tokenizer;
  if (tokenizer.open(section->data(), section->size()) != TextStatus::Ok)
    return 1;
  std::ifstream file(arguments[2], std::ios::binary);
  std::stringstream stream;
  stream << file.rdbuf();
  std::string text = stream.str();
  if (text.empty()) {
    std::fprintf(stderr, "%s: error: cannot be read, or is empty\n", arguments[2]);
    return 1;
  }
  Encoder encoder(tokenizer);
  Array<int32_t> ids;
  TextStatus status = TextStatus::Ok;
  double encoding = bestSeconds([&] {
    ids.clear();
    status = encoder.encode(text.data(), text.size(), {}, ids);
  });
  Array<char> decoded;
  double decoding = bestSeconds([&] {
    decoded.clear();
    if (status == TextStatus::Ok)
      status = decode(tokenizer, ids.data(), ids.size(), false, decoded);
  });
  if (status != TextStatus::Ok) {
    std::fprintf(stderr, "%s: error: status %u\n", arguments[2], static_cast<unsigned>(status));
    return 1;
  }
  std::printf("%zu tokens; encoding %.1f MB/s, decoding %.1f MB/s\n", ids.size(), double(text.size()) / 1e6 / encoding,
              double(decoded.size()) / 1e6 / decoding);
  return 0;
}
