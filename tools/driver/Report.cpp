// Report.cpp - the closing table of a compile.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Report.h"

#include "llmc/step_abi.h"
#include "tools/driver/Roofline.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

#include <map>

using namespace llvm;

namespace llmc::driver {

std::string formatBytes(uint64_t bytes) {
  const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit)
    value /= 1000;
  std::string text;
  raw_string_ostream(text) << format(unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

static uint64_t sizeOf(const artifact::SizeExpression &expression, ArrayRef<uint64_t> dims) {
  uint64_t bytes = 0;
  for (const artifact::SizeTerm &term : expression) {
    uint64_t product = term.coefficient;
    for (uint32_t dim : term.dims)
      product *= dims[dim];
    bytes += product;
  }
  return bytes;
}

static uint64_t slotBytes(const artifact::Slot &slot, ArrayRef<uint64_t> dims) {
  uint64_t largest = 0;
  for (const artifact::SizeExpression &expression : slot)
    largest = std::max(largest, sizeOf(expression, dims));
  return alignTo(largest, LLMC_STEP_ALIGNMENT);
}

uint64_t arenaBytes(const artifact::Entry &entry, ArrayRef<uint64_t> dims) {
  uint64_t bytes = 0;
  for (const artifact::Slot &slot : entry.slots)
    bytes += slotBytes(slot, dims);
  return bytes;
}

static std::vector<uint64_t> defaultDims(const artifact::Manifest &manifest) {
  std::vector<uint64_t> dims;
  for (const artifact::Dim &dim : manifest.dims)
    dims.push_back(dim.defaultValue);
  return dims;
}

static uint64_t dimOfKind(const artifact::Manifest &manifest, llmc_dim_kind kind) {
  for (const artifact::Dim &dim : manifest.dims)
    if (dim.kind == kind)
      return dim.defaultValue;
  return 1;
}

static raw_ostream &row(raw_ostream &out, StringRef name, StringRef value) {
  return out << "  " << left_justify(name, 12) << right_justify(value, 10);
}

void printReport(raw_ostream &out, const Report &report, const artifact::Manifest &manifest) {
  out << report.output << "\n";
  row(out, "file", formatBytes(report.fileBytes)) << "\n";
  row(out, "weights", formatBytes(report.weightBytes)) << "\n";
  for (const auto &[name, bytes] : report.codeBytes)
    row(out, "code", formatBytes(bytes)) << "  " << name << "\n";
  if (report.tokenizerBytes)
    row(out, "tokenizer", formatBytes(report.tokenizerBytes)) << "\n";
  uint64_t context = dimOfKind(manifest, LLMC_DIM_CONTEXT), step = dimOfKind(manifest, LLMC_DIM_TOKENS);
  for (const artifact::Entry &entry : manifest.entries) {
    row(out, "arena", formatBytes(arenaBytes(entry, defaultDims(manifest)))) << "  " << step << " tokens a step\n";
    for (const artifact::State &state : entry.states)
      row(out, state.name, formatBytes(divideCeil(context, state.pageTokens) * state.pageBytes))
          << "  " << context << " positions of a sequence\n";
  }
  double total = 0;
  std::string times;
  raw_string_ostream list(times);
  for (const auto &[stop, seconds] : report.seconds) {
    total += seconds;
    if (seconds >= 0.0005)
      list << (times.empty() ? "" : ", ") << stopName(stop) << " " << format("%.3f", seconds);
  }
  std::string sum;
  raw_string_ostream(sum) << format("%.2f s", total);
  row(out, "time", sum) << "  " << times << "\n";
}

void printDetails(raw_ostream &out, const artifact::Manifest &manifest) {
  std::map<std::string, std::pair<uint64_t, uint64_t>> formats; // count and bytes of each
  for (const artifact::WeightInfo &weight : manifest.weights) {
    auto &[count, bytes] = formats[weight.format];
    ++count;
    bytes += weight.size;
  }
  out << "weights by format\n";
  for (const auto &[name, sums] : formats)
    row(out, formatBytes(sums.second), std::to_string(sums.first)) << "  " << name << "\n";
  std::vector<uint64_t> dims = defaultDims(manifest);
  for (const artifact::Entry &entry : manifest.entries) {
    out << "arena of '" << entry.name << "'\n";
    for (size_t i = 0; i < entry.slots.size(); ++i)
      row(out, "slot " + std::to_string(i), formatBytes(slotBytes(entry.slots[i], dims)))
          << "  " << entry.slots[i].size() << (entry.slots[i].size() == 1 ? " size\n" : " sizes\n");
  }
}

/// All that a report says, in the order of the page.
static json::Object reportObject(const Report &report, const artifact::Manifest &manifest) {
  std::vector<uint64_t> dims = defaultDims(manifest);
  json::Array code, entries, weights;
  json::Object seconds, bounds;
  for (const auto &[variant, bytes] : report.codeBytes)
    code.push_back(json::Object{{"variant", variant}, {"bytes", static_cast<int64_t>(bytes)}});
  for (const auto &[stop, spent] : report.seconds)
    seconds[stopName(stop)] = spent;
  for (const artifact::Dim &dim : manifest.dims)
    bounds[json::fixUTF8(dim.name)] = json::Object{{"default", static_cast<int64_t>(dim.defaultValue)},
                                                   {"maximum", static_cast<int64_t>(dim.maximum)}};
  uint64_t context = dimOfKind(manifest, LLMC_DIM_CONTEXT);
  for (const artifact::Entry &entry : manifest.entries) {
    json::Array slots, states;
    for (const artifact::Slot &slot : entry.slots)
      slots.push_back(static_cast<int64_t>(slotBytes(slot, dims)));
    for (const artifact::State &state : entry.states)
      states.push_back(json::Object{
          {"name", json::fixUTF8(state.name)},
          {"bytes_of_a_sequence", static_cast<int64_t>(divideCeil(context, state.pageTokens) * state.pageBytes)}});
    entries.push_back(json::Object{{"name", json::fixUTF8(entry.name)},
                                   {"arena_bytes", static_cast<int64_t>(arenaBytes(entry, dims))},
                                   {"slot_bytes", std::move(slots)},
                                   {"states", std::move(states)}});
  }
  for (const artifact::WeightInfo &weight : manifest.weights)
    weights.push_back(json::Object{{"name", json::fixUTF8(weight.name)},
                                   {"format", json::fixUTF8(weight.format)},
                                   {"bytes", static_cast<int64_t>(weight.size)}});
  return json::Object{{"output", json::fixUTF8(report.output)},
                      {"file_bytes", static_cast<int64_t>(report.fileBytes)},
                      {"weights_bytes", static_cast<int64_t>(report.weightBytes)},
                      {"tokenizer_bytes", static_cast<int64_t>(report.tokenizerBytes)},
                      {"code", std::move(code)},
                      {"bounds", std::move(bounds)},
                      {"entries", std::move(entries)},
                      {"weights", std::move(weights)},
                      {"seconds", std::move(seconds)}};
}

/// The value as nested tables: an array of objects has a row for each, its keys as heads.
static void writeHtml(raw_ostream &out, const json::Value &value) {
  if (const json::Object *object = value.getAsObject()) {
    out << "<table>";
    std::map<std::string, const json::Value *> sorted;
    for (const auto &[key, member] : *object)
      sorted.emplace(StringRef(key).str(), &member);
    for (const auto &[key, member] : sorted) {
      out << "<tr><th>";
      printHTMLEscaped(key, out);
      out << "</th><td>";
      writeHtml(out, *member);
      out << "</td></tr>\n";
    }
    out << "</table>";
  } else if (const json::Array *array = value.getAsArray()) {
    for (const json::Value &element : *array) {
      writeHtml(out, element);
      out << (element.getAsObject() ? "" : " ");
    }
  } else if (std::optional<StringRef> text = value.getAsString()) {
    printHTMLEscaped(text->str(), out);
  } else {
    out << value;
  }
}

std::string reportFile(StringRef file, const Report &report, const artifact::Manifest &manifest,
                       const MachineDescription &machine) {
  json::Object object = reportObject(report, manifest);
  Roofline roofline = predictSteps(manifest, machine);
  if (!file.ends_with(".html"))
    addRoofline(roofline, object);
  json::Value value(std::move(object));
  std::string text;
  raw_string_ostream out(text);
  if (!file.ends_with(".html")) {
    out << formatv("{0:2}\n", value);
    return text;
  }
  out << "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  printHTMLEscaped(json::fixUTF8(report.output), out);
  out << "</title><style>table{border-collapse:collapse}th,td{border:1px solid #ccc;padding:.2em .6em;text-align:left;"
         "vertical-align:top;font:14px sans-serif}.n{text-align:right}body{font:14px "
         "sans-serif;max-width:1100px}svg{font:12px "
         "sans-serif;display:block;margin:1em 0}.t{font-weight:bold}.i{fill:#fff}.g{stroke:#ddd}.r{stroke:#444;"
         "stroke-width:2}</style></head><body>\n";
  if (!manifest.launches.empty())
    writeRoofline(out, roofline);
  out << "<h2>The artifact</h2>\n";
  writeHtml(out, value);
  out << "</body></html>\n";
  return text;
}

} // namespace llmc::driver
