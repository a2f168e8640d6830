// MachineLimits.cpp - describes this machine by measuring it: `llmc bench --limits`.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/platform/CpuFeatures.h"
#include "runtime/src/runner/Bench.h"
#include "runtime/src/runner/MachineProbe.h"

#include <memory>
#include <stdio.h>

namespace llmc::runtime {

namespace {

constexpr uint64_t readSizes[] = {uint64_t(1) << 20, uint64_t(16) << 20, uint64_t(128) << 20, uint64_t(1) << 30};
constexpr struct {
  const char *name;
  ProbedType type;
  uint64_t without; ///< Features that are not used.
} types[] = {{"f32", ProbedType::f32, 0},
             {"f16", ProbedType::f16, 0},
             {"bf16", ProbedType::bf16, 0},
             {"i8", ProbedType::i8, platform::tileFeatures},
             {"i8_tiles", ProbedType::i8, 0}};
constexpr size_t numSizes = sizeof readSizes / sizeof *readSizes, numTypes = sizeof types / sizeof *types;

struct Rates {
  double read[numSizes], operations[numTypes];
};

void printList(const std::vector<Rates> &rates, double (*pick)(const Rates &, size_t), size_t index) {
  printf("[");
  for (const Rates &each : rates)
    printf("%s%.1f", &each == rates.data() ? "" : ", ", pick(each, index) * 1e-9);
  printf("]");
}

} // namespace

llmc_status printMachineLimits(std::vector<uint32_t> threads, llmc_error &error) {
  uint32_t cores = platform::usableCores();
  if (threads.empty()) {
    for (uint32_t count = 1; count < cores && count < maxThreads; count *= 2)
      threads.push_back(count);
    threads.push_back(cores < maxThreads ? cores : maxThreads);
  }
  platform::allowTiles();
  uint64_t features = platform::hostFeatures();
  std::vector<Rates> rates;
  for (uint32_t count : threads) {
    auto team = std::make_unique<Team>();
    if (Status status = startTeam(*team, count, error))
      return status;
    Rates found;
    for (size_t i = 0; i < numSizes; ++i)
      found.read[i] = measureReadBandwidth(*team, readSizes[i]);
    for (size_t i = 0; i < numTypes; ++i)
      found.operations[i] = measureArithmetic(*team, types[i].type, features & ~types[i].without);
    stopTeam(*team);
    rates.push_back(found);
  }
  char names[512];
  printf("{\n  \"type\": \"machine\",\n  \"source\": \"measured by llmc bench --limits\",\n  \"features\": \"%s\",\n  "
         "\"threads\": [",
         platform::featureNames(features, names, sizeof names));
  for (uint32_t count : threads)
    printf("%s%u", count == threads[0] ? "" : ", ", count);
  printf("],\n  \"read_gigabytes_per_second\": [\n");
  for (size_t i = 0; i < numSizes; ++i) {
    printf("    {\"bytes\": %llu, \"rates\": ", (unsigned long long)readSizes[i]);
    printList(rates, [](const Rates &each, size_t index) { return each.read[index]; }, i);
    printf(i + 1 < numSizes ? "},\n" : "}\n");
  }
  printf("  ],\n  \"giga_operations_per_second\": {\n");
  bool first = true;
  for (size_t i = 0; i < numTypes; ++i) {
    bool tiles = types[i].type == ProbedType::i8 && !types[i].without;
    if (rates[0].operations[i] <= 0 || (tiles && !(features & platform::tileFeatures)))
      continue;
    printf("%s    \"%s\": ", first ? "" : ",\n", types[i].name);
    printList(rates, [](const Rates &each, size_t index) { return each.operations[index]; }, i);
    first = false;
  }
  printf("\n  }\n}\n");
  return LLMC_OK;
}

} // namespace llmc::runtime
