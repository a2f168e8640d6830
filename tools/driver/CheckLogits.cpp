// CheckLogits.cpp - logits of every position beside another model's, or beside recorded ones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Check.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>

using namespace llvm;

namespace llmc::driver {

namespace {

struct Logits {
  std::vector<float> values; // [rows, columns]
  int64_t rows = 0, columns = 0;
};

/// Logits of all tokens of one step.
bool computeLogits(const std::string &file, const llmc_model &model, ArrayRef<int32_t> tokens, Logits &logits,
                   Messages &messages) {
  auto count = static_cast<uint32_t>(tokens.size());
  llmc_session_options options = {};
  options.struct_size = sizeof options;
  options.max_rows_per_step = count;
  llmc_session *session;
  llmc_error error;
  if (llmc_session_open(&model, &options, &session, &error))
    return messages.error(file, error.message, error.note), false;
  llmc_step_input input = {0, count, tokens.data(), count};
  llmc_logits found;
  if (llmc_step(session, &input, 1, &found, &error)) {
    llmc_session_close(session);
    return messages.error(file, error.message, error.note), false;
  }
  logits.rows = count;
  logits.columns = found.vocab_size;
  for (uint32_t r = 0; r < count; ++r)
    logits.values.insert(logits.values.end(), found.data + r * found.row_stride,
                         found.data + r * found.row_stride + found.vocab_size);
  llmc_session_close(session);
  return true;
}

/// A .npy file (version 1 or 2) of float32 [tokens, vocabulary] in row-major order.
bool readLogits(const std::string &file, Logits &logits, Messages &messages) {
  auto buffer = MemoryBuffer::getFile(file, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return messages.error(file, "cannot be opened: " + reasonOf(buffer.getError())), false;
  StringRef bytes = (*buffer)->getBuffer();
  auto bad = [&](const Twine &what) { return messages.error(file, what.str()), false; };
  if (bytes.size() < 10 || !bytes.starts_with("\x93NUMPY"))
    return bad("is no .npy file");
  bool second = bytes[6] == 2;
  size_t start = second ? 12 : 10;
  if ((bytes[6] != 1 && !second) || bytes.size() < start)
    return bad("is a .npy file of another version (expected 1 or 2)");
  size_t length = second ? support::endian::read32le(bytes.data() + 8) : support::endian::read16le(bytes.data() + 8);
  if (length > bytes.size() - start)
    return bad("is cut short in its head");
  StringRef head = bytes.substr(start, length);
  if (!head.contains("'descr': '<f4'") || !head.contains("'fortran_order': False"))
    return bad("holds no rows of float32 in row-major order: " + head.trim().take_front(100));
  StringRef shape = head.substr(head.find("'shape': (")).drop_front(strlen("'shape': ("));
  uint64_t rows, columns;
  if (shape.consumeInteger(10, rows) || !shape.consume_front(", ") || shape.consumeInteger(10, columns) ||
      !shape.starts_with(")"))
    return bad("is no table: " + head.trim().take_front(100));
  StringRef data = bytes.substr(start + length);
  if (columns == 0 || rows > data.size() / 4 || columns > data.size() / 4 || rows * columns * 4 != data.size())
    return bad("holds " + Twine(data.size()) + " bytes, expected " + Twine(rows) + " rows of " + Twine(columns));
  logits.rows = static_cast<int64_t>(rows);
  logits.columns = static_cast<int64_t>(columns);
  logits.values.resize(rows * columns);
  memcpy(logits.values.data(), data.data(), data.size());
  return true;
}

/// The likeliest tokens of a row, the likeliest first.
std::vector<int64_t> topTokens(const Logits &logits, int64_t row, size_t count) {
  std::vector<int64_t> order(logits.columns);
  for (int64_t i = 0; i < logits.columns; ++i)
    order[i] = i;
  const float *values = &logits.values[row * logits.columns];
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](int64_t a, int64_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
  order.resize(count);
  return order;
}

void printTop(raw_ostream &out, const char *title, const Logits &logits, int64_t row) {
  out << "    " << title;
  for (int64_t token : topTokens(logits, row, 5))
    out << format("  %6lld %9.4f", static_cast<long long>(token), logits.values[row * logits.columns + token]);
  out << "\n";
}

} // namespace

ExitCode checkLogits(const CheckOptions &options, const llmc_model &model, Messages &messages) {
  Logits found, expected;
  if (!computeLogits(options.file, model, options.tokens, found, messages))
    return exitInput;
  if (StringRef(options.against).ends_with(".npy")) {
    if (!readLogits(options.against, expected, messages))
      return exitInput;
  } else {
    llmc_model *other;
    llmc_error error;
    if (llmc_model_open(options.against.c_str(), &other, &error))
      return messages.error(options.against, error.message, error.note), exitInput;
    bool computed = computeLogits(options.against, *other, options.tokens, expected, messages);
    llmc_model_close(other);
    if (!computed)
      return exitInput;
  }
  if (found.columns != expected.columns)
    return messages.error(options.against, "has " + std::to_string(expected.columns) + " logits a token, '" +
                                               options.file + "' has " + std::to_string(found.columns)),
           exitInput;
  if (found.rows != expected.rows)
    return messages.error(options.against,
                          "has logits of " + std::to_string(expected.rows) + " tokens, " + std::to_string(found.rows) +
                              " were given",
                          "give the ids that were recorded (--ids)"),
           exitInput;
  // Relative to the largest magnitude of all rows: a flat row is no stricter than the others.
  Difference whole = compareRows(found.values.data(), found.columns, expected.values.data(), expected.columns,
                                 found.rows, found.columns);
  raw_ostream &out = outs();
  int64_t first = -1, sameTop = 0;
  for (int64_t row = 0; row < found.rows; ++row) {
    Difference one = compareRows(&found.values[row * found.columns], found.columns,
                                 &expected.values[row * found.columns], found.columns, 1, found.columns);
    bool differs = one.absolute > options.tolerance * whole.largest;
    sameTop += topTokens(found, row, 1) == topTokens(expected, row, 1);
    if (differs && first < 0)
      first = row;
    if (options.json && options.all)
      out << json::Value(json::Object{{"type", "position"},
                                      {"position", row},
                                      {"absolute", one.absolute},
                                      {"top", json::Array(topTokens(found, row, 5))},
                                      {"expected_top", json::Array(topTokens(expected, row, 5))}})
          << "\n";
    else if (!options.json && (options.all || (differs && first == row))) {
      out << "position " << row
          << format(": largest difference %.3g at token %lld\n", one.absolute, static_cast<long long>(one.column));
      printTop(out, "found   ", found, row);
      printTop(out, "expected", expected, row);
    }
  }
  if (options.json)
    out << json::Value(json::Object{{"type", "check"},
                                    {"tokens", found.rows},
                                    {"tolerance", options.tolerance},
                                    {"absolute", whole.absolute},
                                    {"relative", whole.relative},
                                    {"first", first < 0 ? json::Value(nullptr) : json::Value(first)},
                                    {"same_top", sameTop}})
        << "\n";
  else
    out << found.rows << " tokens beside " << options.against
        << format(": largest difference %.3g of the largest value, the likeliest token the same %lld times\n",
                  whole.relative, static_cast<long long>(sameTop));
  out.flush();
  if (first < 0 && whole.absolute <= options.tolerance * whole.largest)
    return exitDone;
  std::string text;
  raw_string_ostream(text) << "the logits of position " << first
                           << " are the first to differ, the largest difference is "
                           << format("%.3g of the largest value", whole.relative);
  messages.error(options.file, text, "llmc check FILE --against interpret --model MODEL names the op");
  return exitThreshold;
}

} // namespace llmc::driver
