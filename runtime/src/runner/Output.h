// Output.h - where the results of a run go: standard output and .npy files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_OUTPUT_H
#define LLMC_RUNTIME_RUNNER_OUTPUT_H

#include "runtime/src/platform/WholeFile.h"

#include <stddef.h>
#include <stdint.h>
#include <string>

namespace llmc::runtime {

/// Standard output, written at once: text streams. After a failure further writes do nothing.
class StandardOutput {
public:
  /// Writes all bytes; false when nobody reads any more or the system refused.
  bool write(const char *bytes, size_t size);
  bool write(const std::string &text) { return write(text.data(), text.size()); }
  /// 0, or the errno of the first failure; EPIPE when the reader has gone.
  int failure() const { return failed; }

private:
  int failed = 0;
};

/// Standard input, output and error that the caller closed are opened anew, so that no file of ours takes their number:
/// input and output as ones that every use of fails, error as one that swallows messages.
void reserveStandardDescriptors();

/// Sends on what stdio holds for standard output. False, with a message, when the system refused; a reader that has
/// gone is no failure.
bool flushOutput();

/// Appends text as a JSON string, quotes included. The bytes are UTF-8.
void appendJsonString(std::string &out, const char *bytes, size_t size);

/// A .npy file (NumPy's format, version 1.0) of float32 [rows, columns], written row by row. Appears under
/// its name once closed; until then it grows beside it, and goes with the writer.
class NpyWriter {
public:
  ~NpyWriter();
  /// Creates the file. False with errno set.
  bool open(const std::string &path, uint32_t columns);
  /// Appends a row of `columns` values.
  bool row(const float *values);
  /// Writes the number of rows into the head and closes the file.
  bool close();

private:
  bool header();
  platform::WholeFile file;
  uint64_t rows = 0;
  uint32_t columns = 0;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_OUTPUT_H
