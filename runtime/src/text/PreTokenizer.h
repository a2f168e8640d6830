// PreTokenizer.h - cuts a stretch of text into the pieces that the model sees.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_PRETOKENIZER_H
#define LLMC_RUNTIME_SRC_TEXT_PRETOKENIZER_H

#include "runtime/src/text/Array.h"
#include "runtime/src/text/Matcher.h"
#include "runtime/src/text/TokenizerTables.h"

namespace llmc::runtime {

/// What receives the pieces, in order. Bytes are valid during the call only.
class PieceSink {
public:
  virtual TextStatus piece(Bytes piece) = 0;

protected:
  ~PieceSink() = default;
};

/// Runs the steps of a section.
class PreTokenizer {
public:
  explicit PreTokenizer(const TokenizerTables &tables) : tables(tables) {}
  PreTokenizer(const PreTokenizer &) = delete;
  PreTokenizer &operator=(const PreTokenizer &) = delete;
  ~PreTokenizer();

  /// Hands the pieces of `text` to `sink`. `atStart` says whether it begins the whole text.
  TextStatus run(Bytes text, bool atStart, PieceSink &sink);

private:
  class Parts;
  TextStatus step(uint32_t number, Bytes text, bool atStart);
  TextStatus split(uint32_t number, Bytes text, bool atStart);

  const TokenizerTables &tables;
  PieceSink *sink = nullptr;
  struct Room {
    Matcher matcher;
    Array<uint8_t> text; // what a replacing step made
  };
  // One a step: a step's pieces run through the later steps before its next piece is cut. From malloc, since a C
  // program that links the runtime has no operator new.
  Room *rooms = nullptr;
  size_t numRooms = 0;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_PRETOKENIZER_H
