// quantise_speed.cpp - how fast weights are rounded to blocks: mapped bf16 in, blocks out, nothing written.
//
//   quantise_speed FILE FORMAT GROUP THREADS     prints bytes of input and seconds
//
// Takes the whole FILE as one matrix of rows of 2048, as packing reads it: a row at a time, through a weight
// expression.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/WeightValue.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>

using namespace llmc;
using namespace llmc::weights;

int main(int argc, char **argv) {
  const std::optional<BlockFormatId> format = argc == 5 ? blockFormatFromName(argv[2]) : std::nullopt;
  const int file = argc == 5 ? ::open(argv[1], O_RDONLY) : -1;
  struct stat facts;
  if (!format || file < 0 || ::fstat(file, &facts) != 0)
    return 2;
  const auto size = static_cast<size_t>(facts.st_size);
  auto data = static_cast<const uint8_t *>(::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0));
  if (data == MAP_FAILED)
    return 2;
  constexpr int64_t columns = 2048, rowsAtOnce = 64;
  const int64_t group = std::atoll(argv[3]), rows = static_cast<int64_t>(size) / 2 / columns;
  WeightRef weight = quantizeWeight(storedWeight({rows, columns}, Element::BF16, data), *format, group);
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<int64_t> next{0};
  std::atomic<unsigned> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(argv[4]); ++i)
    threads.emplace_back([&] {
      std::vector<uint8_t> out(static_cast<size_t>(columns / group * blockBytes(*format, group)));
      for (int64_t first; (first = next.fetch_add(rowsAtOnce)) < rows;)
        for (int64_t row = first; row < std::min(rows, first + rowsAtOnce); ++row) {
          weight->readBlocks(row * columns, columns, out.data());
          sum += out[7];
        }
    });
  for (std::thread &thread : threads)
    thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%zu %.3f %u\n", size, seconds, sum.load());
}
