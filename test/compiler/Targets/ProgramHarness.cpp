// ProgramHarness.cpp - small step programs, compiled, mapped and called as the runtime would.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/compiler/Targets/ProgramHarness.h"

#include "compiler/Targets/TargetBackend.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "runtime/src/platform/CpuFeatures.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace llmc::test {

static size_t pageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

GuardedMemory::GuardedMemory(size_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  size_t pages = (bytes + pageSize() - 1) / pageSize() * pageSize();
  mapped = pages + pageSize();
  mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED || mprotect(static_cast<uint8_t *>(mapping) + pages, pageSize(), PROT_NONE) != 0)
    abort();
  start = static_cast<uint8_t *>(mapping) + pages - bytes;
}

GuardedMemory &GuardedMemory::operator=(GuardedMemory &&other) noexcept {
  std::swap(mapping, other.mapping);
  std::swap(mapped, other.mapped);
  std::swap(start, other.start);
  return *this;
}

GuardedMemory::~GuardedMemory() {
  if (mapping)
    munmap(mapping, mapped);
}

Rows::Rows(int64_t rows, int64_t columns)
    : rows(rows), columns(columns), stride(kernel::paddedRowStride(columns)), bytes(rows * stride * 4) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = columns; column < stride; ++column)
      memory()[row * stride + column] = std::numeric_limits<float>::quiet_NaN();
}

void Rows::fill(std::mt19937 &random) {
  std::uniform_real_distribution<float> numbers(-1, 1);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      at(row, column) = numbers(random);
}

bool Rows::sameBits(const Rows &other) const {
  if (rows != other.rows || columns != other.columns)
    return false;
  for (int64_t row = 0; row < rows; ++row)
    if (columns > 0 && std::memcmp(memory() + row * stride, other.memory() + row * other.stride, columns * 4) != 0)
      return false;
  return true;
}

//===-- weights
//-------------------------------------------------------------------------------------------------------===//

/// The bits of a number that the element type can hold, in the low bytes.
static uint32_t encode(float value, const std::string &element) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (element == "bf16")
    return bits >> 16;
  if (element == "f16") {
    _Float16 half = static_cast<_Float16>(value);
    uint16_t halfBits;
    std::memcpy(&halfBits, &half, 2);
    return halfBits;
  }
  return bits;
}

Matrix randomMatrix(std::mt19937 &random, int64_t n, int64_t k, const std::string &element) {
  std::uniform_real_distribution<float> numbers(-1, 1);
  Matrix matrix{n, k, {}};
  for (int64_t i = 0; i < n * k; ++i) {
    float value = numbers(random);
    if (element == "f16")
      value = static_cast<float>(static_cast<_Float16>(value));
    if (element == "bf16") {
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      bits &= 0xffff0000u;
      std::memcpy(&value, &bits, 4);
    }
    matrix.values.push_back(value);
  }
  return matrix;
}

static std::string packedType(const std::string &layout, const Matrix &shape, size_t streams,
                              const std::string &element) {
  return "<" + layout + ", " + std::to_string(shape.n) + ", " + std::to_string(shape.k) + ", " +
         std::to_string(streams) + ", " + element + ">";
}

void ProgramBuilder::weight(const std::string &name, const std::string &layout, const std::vector<Matrix> &streams,
                            const std::string &element, const std::string &tensorElement,
                            const std::vector<uint8_t> &bytes) {
  std::string type = packedType(layout, streams[0], streams.size(), element);
  std::string tensor =
      "tensor<" + std::to_string(streams[0].n) + "x" + std::to_string(streams[0].k) + "x" + tensorElement + ">";
  section.resize((section.size() + 63) / 64 * 64);
  weightOps += "kernel.weight @" + name + " copies 1 at " + std::to_string(section.size()) +
               " stride 0 : !kernel.packed" + type + " {\n";
  std::string names, tensors;
  for (size_t i = 0; i < streams.size(); ++i) {
    std::string value = "%w" + std::to_string(i);
    weightOps += "  " + value + " = transformer.weight [\"" + name + std::to_string(i) + "\"] : " + tensor + "\n";
    names += (i ? ", " : "") + value;
    tensors += (i ? ", " : "") + tensor;
  }
  weightOps += "  %p = kernel.pack " + names + " : (" + tensors + ") -> !kernel.packed" + type +
               "\n  kernel.yield %p : !kernel.packed" + type + "\n}\n";
  section.insert(section.end(), bytes.begin(), bytes.end());
  weights.push_back({name, type});
  op("%" + name + " = kernel.get_weight @" + name + " : " + type);
}

void ProgramBuilder::panels(const std::string &name, const std::vector<Matrix> &streams, const std::string &element) {
  // f32: [N/16][S][K][16]; f16: [N/16B][K][B][S][16]; bf16: [N/16B][K/2][B][S][16][2]; what is beyond N and K is zero.
  int64_t n = streams[0].n, k = streams[0].k, group = element == "bf16" ? 2 : 1, size = element == "f32" ? 4 : 2;
  auto streamCount = static_cast<int64_t>(streams.size());
  int64_t numPanels = (n + 15) / 16, steps = (k + group - 1) / group, bundle = 1;
  for (int64_t b : {2, 4})
    if (element != "f32" && b * streamCount <= 4 && numPanels % b == 0 && (b < 4 || numPanels >= 64))
      bundle = b;
  std::vector<uint8_t> bytes(static_cast<size_t>(numPanels * streamCount * steps * 16 * group * size));
  for (int64_t panel = 0; panel < numPanels; ++panel)
    for (int64_t s = 0; s < streamCount; ++s)
      for (int64_t step = 0; step < steps; ++step)
        for (int64_t lane = 0; lane < 16; ++lane)
          for (int64_t j = 0; j < group; ++j) {
            int64_t row = panel * 16 + lane, column = step * group + j;
            int64_t vector = element == "f32"
                                 ? (panel * streamCount + s) * steps + step
                                 : ((panel / bundle * steps + step) * bundle + panel % bundle) * streamCount + s;
            uint32_t bits = row < n && column < k ? encode(streams[s].at(row, column), element) : 0;
            for (int64_t byte = 0; byte < size; ++byte)
              bytes[((vector * 16 + lane) * group + j) * size + byte] = static_cast<uint8_t>(bits >> (8 * byte));
          }
  weight(name, "panels", streams, element, element, bytes);
}

void ProgramBuilder::table(const std::string &name, const Matrix &matrix) {
  std::vector<uint8_t> bytes(matrix.values.size() * 4);
  std::memcpy(bytes.data(), matrix.values.data(), bytes.size());
  weight(name, "table", {matrix}, "f32", "f32", bytes);
}

void ProgramBuilder::packed(const std::string &name, int64_t n, int64_t k, size_t streams, const std::string &element,
                            const std::string &tensorElement, const std::vector<uint8_t> &bytes) {
  weight(name, "codes", std::vector<Matrix>(streams, Matrix{n, k, {}}), element, tensorElement, bytes);
}

void ProgramBuilder::byteBuffer(const std::string &name, int64_t columns) {
  op("%" + name + " = kernel.buffer " + std::to_string(slots.size()) + " tokens : " + bytesType(columns));
  slots.push_back(kernel::paddedRowStride(columns, 1));
}

void ProgramBuilder::halfBuffer(const std::string &name, int64_t columns) {
  op("%" + name + " = kernel.buffer " + std::to_string(slots.size()) + " tokens : " + halvesType(columns));
  slots.push_back(kernel::paddedRowStride(columns, 2) * 2);
}

std::string ProgramBuilder::weightType(const std::string &name, bool bare) const {
  for (const auto &[known, type] : weights)
    if (known == name)
      return bare ? type : "!kernel.packed" + type;
  return "";
}

GuardedMemory ProgramBuilder::weightsSection() const {
  GuardedMemory memory(section.size());
  if (!section.empty())
    std::memcpy(memory.data(), section.data(), section.size());
  return memory;
}

//===-- text
//----------------------------------------------------------------------------------------------------------===//

std::string ProgramBuilder::rowsType(int64_t columns) {
  return "memref<?x" + std::to_string(columns) + "xf32, strided<[" + std::to_string(kernel::paddedRowStride(columns)) +
         ", 1]>>";
}

std::string ProgramBuilder::bytesType(int64_t columns) {
  return "memref<?x" + std::to_string(columns) + "xi8, strided<[" +
         std::to_string(kernel::paddedRowStride(columns, 1)) + ", 1]>>";
}

std::string ProgramBuilder::halvesType(int64_t columns) {
  return "memref<?x" + std::to_string(columns) + "xf16, strided<[" +
         std::to_string(kernel::paddedRowStride(columns, 2)) + ", 1]>>";
}

void ProgramBuilder::input(const std::string &name, const std::string &role) {
  inputs.push_back({name, "memref<?xi32>", role});
}
void ProgramBuilder::output(const std::string &name, int64_t columns, const std::string &role) {
  outputs.push_back({name, rowsType(columns), role});
}
void ProgramBuilder::state(const std::string &name, const std::string &type) {
  states.push_back({name, type, "state"});
}

std::string ProgramBuilder::text() const {
  std::string roles, arguments;
  for (const auto &list : {inputs, outputs, states})
    for (const Argument &argument : list) {
      roles += (roles.empty() ? "" : ", ") + ("#transformer.role<" + argument.role + ">");
      arguments += (arguments.empty() ? "%" : ", %") + argument.name + ": " + argument.type;
    }
  std::string slotList, sizes;
  for (int64_t bytes : slots) {
    slotList += (slotList.empty() ? "" : ", ") + std::to_string(bytes) + ", 0";
    sizes += sizes.empty() ? "1" : ", 1";
  }
  return weightOps + "kernel.program @step inputs " + std::to_string(inputs.size()) + " outputs " +
         std::to_string(outputs.size()) + " roles [" + roles + "] slots [" + slotList + "] slot_sizes [" + sizes +
         "] {\n^bb0(" + arguments + "):\n" + body + "  kernel.yield\n}\n";
}

//===-- execution
//-----------------------------------------------------------------------------------------------------===//

std::unique_ptr<Executable> Executable::compile(const std::string &text, const std::string &variant) {
  mlir::DialectRegistry registry;
  registry.insert<kernel::KernelDialect, transformer::TransformerDialect, mlir::arith::ArithDialect,
                  mlir::math::MathDialect, mlir::memref::MemRefDialect, mlir::ub::UBDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) {
    ADD_FAILURE() << "the program does not parse:\n" << text;
    return nullptr;
  }
  auto code = compilePrograms(*module, *targetBackend(variant));
  if (failed(code) || code->entryOffsets.size() != 1) {
    ADD_FAILURE() << "the program does not compile:\n" << text;
    return nullptr;
  }
  auto executable = std::unique_ptr<Executable>(new Executable);
  executable->mapped = code->image.size();
  executable->mapping = mmap(nullptr, executable->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (executable->mapping == MAP_FAILED)
    abort();
  std::memcpy(executable->mapping, code->image.data(), code->image.size());
  if (mprotect(executable->mapping, executable->mapped, PROT_READ | PROT_EXEC) != 0) {
    ADD_FAILURE() << "memory cannot be made executable";
    return nullptr;
  }
  executable->entry =
      reinterpret_cast<llmc_entry_function>(static_cast<char *>(executable->mapping) + code->entryOffsets[0]);
  return executable;
}

Executable::~Executable() {
  if (mapping)
    munmap(mapping, mapped);
}

namespace {

/// Threads of a team, meeting by condition variable: the machine may have fewer processors than the team threads.
struct Team {
  std::mutex mutex;
  std::condition_variable changed;
  unsigned size, arrived = 0;
  uint64_t meeting = 0;

  static void barrier(void *team, uint32_t) {
    Team &self = *static_cast<Team *>(team);
    std::unique_lock<std::mutex> lock(self.mutex);
    uint64_t own = self.meeting;
    if (++self.arrived == self.size) {
      self.arrived = 0;
      ++self.meeting;
      self.changed.notify_all();
      return;
    }
    self.changed.wait(lock, [&] { return self.meeting != own; });
  }
};

} // namespace

void Step::run(const Executable &executable, unsigned threads) const {
  std::vector<GuardedMemory> inputMemory;
  std::vector<const void *> inputPointers;
  for (const std::vector<int32_t> &input : inputs) {
    inputMemory.emplace_back(input.size() * 4);
    if (!input.empty())
      std::memcpy(inputMemory.back().data(), input.data(), input.size() * 4);
    inputPointers.push_back(inputMemory.back().data());
  }
  std::vector<void *> outputPointers;
  for (Rows *output : outputs)
    outputPointers.push_back(output->memory());
  uint64_t dims[2] = {tokens, rows};
  // Slots are memory of their own, each with its guard: offsets may be any.
  std::vector<uint64_t> slotOffsets;
  for (GuardedMemory *slot : slots)
    slotOffsets.push_back(reinterpret_cast<uint64_t>(slot->data()) - reinterpret_cast<uint64_t>(slots[0]->data()));
  Team team;
  team.size = threads;
  llmc_step_context context = {};
  context.weights = weights ? weights->data() : nullptr;
  context.dims = dims;
  context.arena = slots.empty() ? nullptr : slots[0]->data();
  context.slot_offsets = slotOffsets.data();
  context.inputs = inputPointers.data();
  context.outputs = outputPointers.data();
  context.states = states.data();
  context.barrier = &Team::barrier;
  context.team = &team;
  std::vector<std::thread> others;
  for (unsigned thread = 1; thread < threads; ++thread)
    others.emplace_back([&, thread] { executable.entry(&context, thread, threads); });
  executable.entry(&context, 0, threads);
  for (std::thread &other : others)
    other.join();
}

void VariantTest::SetUp() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
    GTEST_SKIP() << "this processor lacks AVX2, FMA or F16C";
  std::string variant = GetParam();
  if (variant == "x86-64-v3-vnni" && !__builtin_cpu_supports("avxvnni"))
    GTEST_SKIP() << "this processor lacks AVX-VNNI";
  uint64_t lacking = targetBackend(variant)->requiredFeatures() & ~runtime::platform::hostFeatures();
  if (variant == "x86-64-v4-amx" && (lacking || !runtime::platform::allowTiles()))
    GTEST_SKIP() << "this processor lacks AMX (tile, int8), or the system refuses its registers";
  if (variant == "x86-64-v4-fp16" && lacking)
    GTEST_SKIP() << "this processor lacks AVX512-FP16";
  if (variant == "x86-64-v4-vnni" && !__builtin_cpu_supports("avx512vnni"))
    GTEST_SKIP() << "this processor lacks AVX-512 VNNI";
  if (variant.substr(0, 9) == "x86-64-v4" &&
      (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
       !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
       !__builtin_cpu_supports("avx512cd")))
    GTEST_SKIP() << "this processor lacks AVX-512 (F, BW, DQ, VL, CD)";
}

double ulps(float value, long double exact) {
  if (std::isnan(value) || std::isnan(exact))
    return std::isnan(value) && std::isnan(exact) ? 0 : std::numeric_limits<double>::infinity();
  if (std::isinf(value) || std::isinf(exact) || std::fabs(exact) > std::numeric_limits<float>::max())
    return value == static_cast<float>(exact) ? 0 : std::numeric_limits<double>::infinity();
  int exponent;
  std::frexp(std::max<long double>(std::fabs(exact), std::numeric_limits<float>::min()), &exponent);
  return static_cast<double>(std::fabs(value - exact) / std::ldexp(1.0L, exponent - 24));
}

} // namespace llmc::test
