// RunOutput.cpp - what a run shows: pieces of text, ids, JSON lines, logits.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Messages.h"
#include "runtime/src/runner/Run.h"

#include <errno.h>
#include <stdio.h>

namespace llmc::runtime {

Status Run::onLogits(void *self, const llmc_logits &rows, Error &error) {
  Run &run = *static_cast<Run *>(self);
  for (uint32_t r = 0; r < rows.rows; ++r)
    if (!run.logits.row(rows.data + r * rows.row_stride))
      return fail(error, LLMC_IO_ERROR, "%s: cannot be written: %s", run.options.logitsPath.c_str(),
                  systemReason(errno));
  return LLMC_OK;
}

int Run::onPiece(void *self, const llmc_piece *piece) {
  Run &run = *static_cast<Run *>(self);
  if (piece->token >= 0 && run.keepsAnswer)
    run.answered.push_back(piece->token);
  if (!piece->number)
    run.statistics.firstToken = platform::nanoseconds() - run.start;
  return !run.show(*piece);
}

/// Writes a piece in the form asked for; false when nobody reads it.
bool Run::show(const llmc_piece &piece) {
  line.clear();
  char number[16];
  if (options.json) {
    snprintf(number, sizeof number, "%d", piece.token);
    line += "{\"type\":\"token\",\"id\":";
    line += piece.token < 0 ? "null" : number;
    line += ",\"text\":";
    appendJsonString(line, piece.text, piece.size);
    line += "}\n";
  } else if (options.idsOnly || !generator->tokenizer) {
    if (piece.token < 0)
      return true;
    snprintf(number, sizeof number, anyText ? ",%d" : "%d", piece.token);
    line += number;
  } else {
    line.append(piece.text, piece.size);
  }
  if (line.empty())
    return true;
  anyText = true;
  lastByte = line.back();
  return output.write(line);
}

} // namespace llmc::runtime
