// Machine.cpp - reads descriptions of machines, and holds the table of what variants can do.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Machine.h"

#include "frontends/formats/MappedFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace llvm;

namespace llmc::driver {

double MachineDescription::readRate(double bytes, size_t threadIndex) const {
  for (const Reading &reading : readings)
    if (bytes <= static_cast<double>(reading.bytes))
      return reading.rates[threadIndex];
  return readings.back().rates[threadIndex];
}

double MachineDescription::operationRate(StringRef type, size_t threadIndex) const {
  auto found = operations.find(type.str());
  return found == operations.end() ? 0 : found->second[threadIndex];
}

namespace {

/// Numbers of a JSON array, each times `unit`; nothing when it is no array of `count` positive numbers (any count for
/// 0).
std::optional<std::vector<double>> numbersOf(const json::Value *value, size_t count, double unit) {
  const json::Array *array = value ? value->getAsArray() : nullptr;
  if (!array || array->empty() || array->size() > 1024 || (count && array->size() != count))
    return std::nullopt;
  std::vector<double> numbers;
  for (const json::Value &each : *array) {
    std::optional<double> number = each.getAsNumber();
    if (!number || !(*number > 0) || !std::isfinite(*number))
      return std::nullopt;
    numbers.push_back(*number * unit);
  }
  return numbers;
}

Diagnostic mistake(const std::string &path, const std::string &message) {
  return {path, 0, 0, message, "llmc bench --limits writes such a file"};
}

} // namespace

Result<MachineDescription> readMachine(const std::string &path) {
  Result<std::string> text = readFile(path, path, 1 << 20);
  if (!text)
    return text.takeError();
  Expected<json::Value> parsed = json::parse(*text);
  if (!parsed)
    return mistake(path, "is not JSON: " + toString(parsed.takeError()));
  const json::Object *object = parsed->getAsObject();
  if (!object || object->getString("type") != StringRef("machine"))
    return mistake(path, "describes no machine (expected an object with \"type\": \"machine\")");
  MachineDescription machine;
  machine.source = json::fixUTF8(object->getString("source").value_or("no source given"));
  std::optional<std::vector<double>> threads = numbersOf(object->get("threads"), 0, 1);
  if (!threads || !is_sorted(*threads) || threads->back() > 65536)
    return mistake(path, "'threads' is no ascending list of thread counts");
  for (double count : *threads)
    machine.threads.push_back(static_cast<uint32_t>(count));
  std::string lists = "a list of " + std::to_string(threads->size()) + " positive numbers, one for each of 'threads'";
  const json::Array *readings = object->getArray("read_gigabytes_per_second");
  for (const json::Value &each : readings ? *readings : json::Array()) {
    const json::Object *row = each.getAsObject();
    std::optional<int64_t> bytes = row ? row->getInteger("bytes") : std::nullopt;
    auto rates = row ? numbersOf(row->get("rates"), threads->size(), 1e9) : std::nullopt;
    if (!bytes || *bytes < 1 || !rates ||
        (!machine.readings.empty() && machine.readings.back().bytes >= static_cast<uint64_t>(*bytes)))
      return mistake(path, "a row of 'read_gigabytes_per_second' is not 'bytes', ascending, and 'rates', " + lists);
    machine.readings.push_back({static_cast<uint64_t>(*bytes), std::move(*rates)});
  }
  if (machine.readings.empty())
    return mistake(path, "has no 'read_gigabytes_per_second' (expected a row for each size of memory)");
  const json::Object *operations = object->getObject("giga_operations_per_second");
  if (!operations || !operations->get("f32"))
    return mistake(path, "has no 'giga_operations_per_second' of 'f32'");
  for (const auto &[type, value] : *operations) {
    auto rates = numbersOf(&value, threads->size(), 1e9);
    if (!rates)
      return mistake(path, "'giga_operations_per_second' of '" + json::fixUTF8(StringRef(type)) + "' is not " + lists);
    machine.operations[StringRef(type).str()] = std::move(*rates);
  }
  return machine;
}

MachineDescription machineOfVariant(StringRef variant) {
  // Operations a cycle of one core. Two vector units, each with a fused multiply-add a cycle; products of bytes by
  // vpmaddubsw and vpmaddwd (two instructions for 32 or 64 products) or by vpdpbusd (one), on the same units; a TDPBUSD
  // of 16 x 16 x 64 products every 16 cycles. Source: throughputs in Intel's Optimization Reference Manual (248966) and
  // intrinsics guide.
  struct Row {
    StringLiteral variant;
    double f32, i8, i8Tiles, f16;
  };
  static constexpr Row rows[] = {{"x86-64-v4-amx", 64, 256, 2048, 0}, {"x86-64-v4-fp16", 64, 256, 0, 128},
                                 {"x86-64-v4-vnni", 64, 256, 0, 0},   {"x86-64-v4", 64, 128, 0, 0},
                                 {"x86-64-v3-vnni", 32, 128, 0, 0},   {"x86-64-v3", 32, 64, 0, 0}};
  const Row *row = find_if(rows, [&](const Row &each) { return each.variant == variant; });
  if (row == std::end(rows))
    row = &rows[std::size(rows) - 1];
  // A clock that server cores hold under such load, and what two of them were seen to read (docs/performance.md).
  constexpr double clock = 2.8e9;
  MachineDescription machine;
  machine.source =
      (row->variant +
       " at 2.8 GHz, throughputs from Intel's Optimization Reference Manual; reading as measured on two cores of a "
       "Xeon with AVX-512 (docs/performance.md)")
          .str();
  machine.threads = {1, 2};
  machine.readings = {
      {uint64_t(1) << 20, {139e9, 275e9}}, {uint64_t(128) << 20, {25e9, 50e9}}, {uint64_t(1) << 30, {16.5e9, 33e9}}};
  auto add = [&](const char *type, double perCycle) {
    if (perCycle > 0)
      machine.operations[type] = {perCycle * clock, 2 * perCycle * clock};
  };
  add("f32", row->f32);
  add("i8", row->i8);
  add("i8_tiles", row->i8Tiles);
  add("f16", row->f16);
  return machine;
}

} // namespace llmc::driver
