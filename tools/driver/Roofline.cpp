// Roofline.cpp - predicts the launches of steps, and writes the predictions as JSON and as tables.
//
// Not here: plots (RooflinePlot.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Roofline.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <algorithm>

using namespace llvm;

namespace llmc::driver {

StringRef typeOf(const artifact::Launch &launch) {
  return launch.arithmetic == LLMC_ARITHMETIC_I8    ? "i8"
         : launch.arithmetic == LLMC_ARITHMETIC_F32 ? "f32"
         : launch.arithmetic == LLMC_ARITHMETIC_F16 ? "f16"
                                                    : "";
}

double peakOf(const Roofline &roofline, const artifact::Launch &launch, size_t threadIndex) {
  StringRef type = typeOf(launch);
  if (type == "i8" && StringRef(roofline.variant).ends_with("-amx"))
    if (double tiles = roofline.machine.operationRate("i8_tiles", threadIndex); tiles > 0)
      return tiles;
  return roofline.machine.operationRate(type, threadIndex);
}

namespace {

llmc_launch costsOf(const artifact::Launch &launch) {
  llmc_launch row = {};
  row.times = launch.times;
  row.rows = launch.rows;
  row.wanted_rows = launch.wantedRows;
  row.weight_bytes = launch.weightBytes;
  row.row_bytes = launch.rowBytes;
  row.row_operations = launch.rowOperations;
  row.key_bytes = launch.keyBytes;
  row.key_operations = launch.keyOperations;
  row.window = launch.window;
  return row;
}

PredictedPhase predictPhase(const Roofline &roofline, const artifact::Manifest &manifest, std::string name,
                            runtime::StepShape shape) {
  PredictedPhase phase;
  phase.name = std::move(name);
  phase.tokens = shape.count;
  double working = 0; // bytes that a step reads over and over
  for (const artifact::Launch &launch : manifest.launches) {
    if (launch.entry != 0)
      continue;
    PredictedLaunch predicted;
    predicted.launch = &launch;
    predicted.work = runtime::workOf(costsOf(launch), shape);
    working += predicted.work.bytes;
    if (predicted.work.rows > 0)
      phase.launches.push_back(std::move(predicted));
  }
  const MachineDescription &machine = roofline.machine;
  phase.seconds.resize(machine.threads.size());
  for (PredictedLaunch &predicted : phase.launches)
    for (size_t i = 0; i < machine.threads.size(); ++i) {
      double peak = peakOf(roofline, *predicted.launch, i);
      double computing = peak > 0 ? predicted.work.operations / peak : 0;
      double reading = predicted.work.bytes / machine.readRate(working, i);
      // What has no products moves activations, which caches hold.
      if (predicted.work.operations <= 0)
        reading += predicted.work.rowBytes / machine.readings.front().rates[i];
      predicted.seconds.push_back(std::max(computing, reading));
      phase.seconds[i] += predicted.seconds.back();
      predicted.isBoundByReading = i == 0 ? reading > computing : predicted.isBoundByReading;
    }
  return phase;
}

} // namespace

Roofline predictSteps(const artifact::Manifest &manifest, const MachineDescription &machine) {
  Roofline roofline;
  roofline.variant = manifest.variants.empty() ? "" : manifest.variants.front().name;
  roofline.machine = machine;
  uint64_t tokens = 0, context = 0;
  for (const artifact::Dim &dim : manifest.dims) {
    if (dim.kind == LLMC_DIM_TOKENS)
      tokens = dim.defaultValue;
    if (dim.kind == LLMC_DIM_CONTEXT)
      context = dim.defaultValue;
  }
  auto add = [&](std::string name, runtime::StepShape shape) {
    roofline.phases.push_back(predictPhase(roofline, manifest, std::move(name), shape));
  };
  if (!tokens || !context) {
    add("a call", {1, 1, 0, 1});
    return roofline;
  }
  auto prompt = static_cast<uint32_t>(std::min(tokens, context)), last = static_cast<uint32_t>(context - 1);
  add("prefill of " + std::to_string(prompt) + " tokens", {1, prompt, 0, 1});
  uint32_t middle = std::min(prompt, last);
  add("a token behind " + std::to_string(middle), {1, 1, middle, 1});
  if (last > middle)
    add("a token behind " + std::to_string(last), {1, 1, last, 1});
  return roofline;
}

void addRoofline(const Roofline &roofline, json::Object &report) {
  const MachineDescription &machine = roofline.machine;
  json::Array threads, readings, phases;
  for (uint32_t count : machine.threads)
    threads.push_back(static_cast<int64_t>(count));
  for (const MachineDescription::Reading &reading : machine.readings)
    readings.push_back(
        json::Object{{"bytes", static_cast<int64_t>(reading.bytes)}, {"bytes_per_second", json::Array(reading.rates)}});
  json::Object operations;
  for (const auto &[type, rates] : machine.operations)
    operations[json::fixUTF8(type)] = json::Array(rates);
  report["machine"] = json::Object{{"source", json::fixUTF8(machine.source)},
                                   {"variant", json::fixUTF8(roofline.variant)},
                                   {"threads", std::move(threads)},
                                   {"reading", std::move(readings)},
                                   {"operations_per_second", std::move(operations)}};
  for (const PredictedPhase &phase : roofline.phases) {
    json::Array kernels;
    for (const PredictedLaunch &predicted : phase.launches) {
      const artifact::Launch &launch = *predicted.launch;
      json::Object kernel{{"kernel", json::fixUTF8(launch.kernel)},
                          {"tensors", json::fixUTF8(launch.subject)},
                          {"calls", static_cast<int64_t>(launch.times)},
                          {"arithmetic", typeOf(launch)},
                          {"rows", predicted.work.rows},
                          {"bytes", predicted.work.bytes},
                          {"activation_bytes", predicted.work.rowBytes},
                          {"operations", predicted.work.operations},
                          {"bound_by", predicted.isBoundByReading ? "reading" : "operations"},
                          {"least_seconds", json::Array(predicted.seconds)}};
      if (launch.layerClass != LLMC_NO_CLASS)
        kernel["layer_class"] = static_cast<int64_t>(launch.layerClass);
      kernels.push_back(std::move(kernel));
    }
    phases.push_back(json::Object{{"name", phase.name},
                                  {"tokens", phase.tokens},
                                  {"least_seconds", json::Array(phase.seconds)},
                                  {"kernels", std::move(kernels)}});
  }
  report["phases"] = std::move(phases);
}

static void writeCell(raw_ostream &out, const Twine &text) { out << "<td class=n>" << text << "</td>"; }

static std::string number(double value, double unit, const char *form) {
  std::string text;
  raw_string_ostream(text) << format(form, value / unit);
  return text;
}

void writeRoofline(raw_ostream &out, const Roofline &roofline) {
  const MachineDescription &machine = roofline.machine;
  out << "<h2>What the machine allows</h2><p>Code of variant ";
  printHTMLEscaped(roofline.variant, out);
  out << ". Machine: ";
  printHTMLEscaped(json::fixUTF8(machine.source), out);
  out << ". A kernel takes at least the time of reading its weights and cache, or of its products, whichever is "
         "longer; `llmc bench --profile` "
         "measures the share that is reached.</p>\n";
  plotShares(out, roofline);
  plotRoofs(out, roofline);
  for (const PredictedPhase &phase : roofline.phases) {
    out << "<h3>" << phase.name << "</h3><p>at least";
    for (size_t i = 0; i < machine.threads.size(); ++i)
      out << (i ? ", " : " ") << number(phase.seconds[i], 1e-3, "%.3g") << " ms on " << machine.threads[i]
          << (machine.threads[i] == 1 ? " thread" : " threads") << " ("
          << number(phase.tokens / phase.seconds[i], 1, "%.4g") << " tokens/s)";
    out << "</p>\n<table><tr><th>kernel</th><th>tensors</th><th>calls</th><th>MB read</th><th>MB of "
           "activations</th><th>G operations</th>"
           "<th>of</th><th>bound by</th>";
    for (uint32_t count : machine.threads)
      out << "<th>ms, t" << count << "</th>";
    out << "</tr>\n";
    for (const PredictedLaunch &predicted : phase.launches) {
      const artifact::Launch &launch = *predicted.launch;
      out << "<tr><td>";
      printHTMLEscaped(launch.kernel, out);
      out << "</td><td>";
      printHTMLEscaped(json::fixUTF8(launch.subject), out);
      out << "</td>";
      writeCell(out, Twine(launch.times));
      writeCell(out, number(predicted.work.bytes, 1e6, "%.3f"));
      writeCell(out, number(predicted.work.rowBytes, 1e6, "%.3f"));
      writeCell(out, number(predicted.work.operations, 1e9, "%.4f"));
      out << "<td>" << typeOf(launch) << "</td><td>" << (predicted.isBoundByReading ? "reading" : "operations")
          << "</td>";
      for (double seconds : predicted.seconds)
        writeCell(out, number(seconds, 1e-3, "%.4f"));
      out << "</tr>\n";
    }
    out << "</table>\n";
  }
}

} // namespace llmc::driver
