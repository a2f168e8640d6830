// Tokenize.cpp - llmc-tokenize: a tokenizer.json behind a pipe, so that scripts can compare it with others.
//
// usage: llmc-tokenize tokenizer.json
// Requests on stdin: one byte 'E' (encode), 'D' (decode), 'S' (decode id by id) or 'P' (normalise and cut into pieces);
// one byte of flags, 1 = the template's ids when encoding, 2 = special tokens are parsed or printed; a 32-bit size;
// that many bytes of text or of 32-bit ids. Answers on stdout: a 32-bit status (0: well), a 32-bit size, that many
// bytes of ids, of text, or of pieces, each after its 32-bit size.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Tokenizer.h"
#include "runtime/src/text/Tokenizer.h"

#include <cstdio>
#include <string>

using namespace llmc;
using namespace llmc::runtime;

static bool answer(TextStatus status, const void *bytes, size_t size) {
  uint32_t head[2] = {static_cast<uint32_t>(status), static_cast<uint32_t>(size)};
  return std::fwrite(head, sizeof(head), 1, stdout) == 1 && std::fwrite(bytes, 1, size, stdout) == size &&
         std::fflush(stdout) == 0;
}

static void appendText(void *text, const char *bytes, size_t size) {
  static_cast<std::string *>(text)->append(bytes, size);
}

namespace {
struct PieceList : PieceSink {
  std::string list;
  TextStatus piece(Bytes piece) override {
    uint32_t size = static_cast<uint32_t>(piece.size);
    list.append(reinterpret_cast<const char *>(&size), sizeof(size));
    list.append(reinterpret_cast<const char *>(piece.data), piece.size);
    return TextStatus::Ok;
  }
};
} // namespace

int main(int count, char **arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: llmc-tokenize tokenizer.json\n");
    return 2;
  }
  Result<std::string> section = text::compileTokenizer(arguments[1]);
  if (!section) {
    std::fputs(section.error().str().c_str(), stderr);
    return 1;
  }
  Tokenizer tokenizer;
  const char *reason = nullptr;
  if (tokenizer.open(section->data(), section->size(), &reason) != TextStatus::Ok) {
    std::fprintf(stderr, "the compiled section does not open: %s\n", reason);
    return 1;
  }
  Encoder encoder(tokenizer);
  struct {
    uint8_t operation, flags;
  } head;
  uint32_t size;
  std::string payload;
  while (std::fread(&head, 2, 1, stdin) == 1 && std::fread(&size, 4, 1, stdin) == 1) {
    payload.resize(size);
    if (std::fread(payload.data(), 1, size, stdin) != size)
      return 1;
    bool special = head.flags & 2, well;
    if (head.operation == 'E') {
      Array<int32_t> ids;
      TextStatus status = encoder.encode(payload.data(), size, {bool(head.flags & 1), special}, ids);
      well = answer(status, ids.data(), ids.size() * sizeof(int32_t));
    } else if (head.operation == 'P') {
      Normalizer normalizer(tokenizer.view());
      PreTokenizer preTokenizer(tokenizer.view());
      Bytes normalized;
      PieceList pieces;
      TextStatus status =
          normalizer.run({reinterpret_cast<const uint8_t *>(payload.data()), payload.size()}, true, normalized);
      if (status == TextStatus::Ok)
        status = preTokenizer.run(normalized, true, pieces);
      well = answer(status, pieces.list.data(), pieces.list.size());
    } else {
      const int32_t *ids = reinterpret_cast<const int32_t *>(payload.data());
      std::string text;
      TextStatus status = TextStatus::Ok;
      if (head.operation == 'D') {
        Array<char> decoded;
        status = decode(tokenizer, ids, size / 4, special, decoded);
        text.assign(decoded.data(), decoded.size());
      } else {
        StreamDecoder decoder(tokenizer, appendText, &text, special);
        for (uint32_t i = 0; i < size / 4; ++i)
          decoder.push(ids[i]);
        decoder.finish();
      }
      well = answer(status, text.data(), text.size());
    }
    if (!well)
      return 1;
  }
  return 0;
}
