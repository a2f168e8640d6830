// ProgramHarness.h - small step programs, compiled, mapped and called as the runtime would, for tests of single
// kernels.
//
// All memory that a program sees ends at a page that cannot be touched, so that a read or a write past the last row's
// padding is a crash.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_COMPILER_TARGETS_PROGRAMHARNESS_H
#define LLMC_TEST_COMPILER_TARGETS_PROGRAMHARNESS_H

#include "llmc/step_abi.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace llmc::test {

/// Zeroed memory of `bytes` rounded up to 64, whose end is the end of what may be touched. Movable.
class GuardedMemory {
public:
  GuardedMemory() = default;
  explicit GuardedMemory(size_t bytes);
  GuardedMemory(GuardedMemory &&other) noexcept { *this = std::move(other); }
  GuardedMemory &operator=(GuardedMemory &&other) noexcept;
  ~GuardedMemory();
  uint8_t *data() const { return start; }

private:
  void *mapping = nullptr;
  size_t mapped = 0;
  uint8_t *start = nullptr;
};

/// f32 rows [rows][columns] in a stride padded as kernels expect it. The padding holds NaN, which no result may show.
struct Rows {
  Rows() = default;
  Rows(int64_t rows, int64_t columns);
  float &at(int64_t row, int64_t column) { return memory()[row * stride + column]; }
  float at(int64_t row, int64_t column) const { return memory()[row * stride + column]; }
  float *memory() const { return reinterpret_cast<float *>(bytes.data()); }
  /// Numbers in (-1, 1), or what `value` makes.
  void fill(std::mt19937 &random);
  /// The same rows and columns hold the same bits.
  bool sameBits(const Rows &other) const;

  int64_t rows = 0, columns = 0, stride = 0;
  GuardedMemory bytes;
};

/// A weight matrix [n][k] as numbers that the element type can hold.
struct Matrix {
  int64_t n, k;
  std::vector<float> values;
  float at(int64_t row, int64_t column) const { return values[row * k + column]; }
};
/// Random numbers in (-1, 1), rounded to `element`: "f32", "f16" or "bf16".
Matrix randomMatrix(std::mt19937 &random, int64_t n, int64_t k, const std::string &element);

/// A program's text and its weights section. Names are SSA names without the percent sign.
class ProgramBuilder {
public:
  void input(const std::string &name, const std::string &role);
  void output(const std::string &name, int64_t columns, const std::string &role = "output");
  void state(const std::string &name, const std::string &type);
  /// A weight in panels with `streams.size()` streams, or (one stream of f32) a table; defines %name in the program.
  void panels(const std::string &name, const std::vector<Matrix> &streams, const std::string &element);
  void table(const std::string &name, const Matrix &matrix);
  /// A weight of n rows and k columns whose packed bytes are `bytes`, of the type `element` packed and `tensorElement`
  /// as stored.
  void packed(const std::string &name, int64_t n, int64_t k, size_t streams, const std::string &element,
              const std::string &tensorElement, const std::vector<uint8_t> &bytes);
  /// A buffer of rows of bytes, one a token, in a slot of its own.
  void byteBuffer(const std::string &name, int64_t columns);
  /// The same of f16.
  void halfBuffer(const std::string &name, int64_t columns);
  /// One op per call, in order.
  void op(const std::string &text) { body += "  " + text + "\n"; }

  /// "memref<?x13xf32, strided<[16, 1]>>"
  static std::string rowsType(int64_t columns);
  /// "memref<?x832xi8, strided<[832, 1]>>"
  static std::string bytesType(int64_t columns);
  /// "memref<?x96xf16, strided<[96, 1]>>"
  static std::string halvesType(int64_t columns);
  /// The type of the weight of that name, "!kernel.packed<...>"; `bare` without the dialect's prefix.
  std::string weightType(const std::string &name, bool bare = false) const;
  std::string text() const;
  GuardedMemory weightsSection() const;

private:
  void weight(const std::string &name, const std::string &layout, const std::vector<Matrix> &streams,
              const std::string &element, const std::string &tensorElement, const std::vector<uint8_t> &bytes);
  struct Argument {
    std::string name, type, role;
  };
  std::vector<Argument> inputs, outputs, states;
  std::vector<std::pair<std::string, std::string>> weights; ///< name, type
  std::string weightOps, body;
  std::vector<int64_t> slots; ///< bytes of a row
  std::vector<uint8_t> section;
};

/// A compiled program, mapped executable.
class Executable {
public:
  /// Compiles the one program of `text` for a variant. Null, with a test failure, when that does not work.
  static std::unique_ptr<Executable> compile(const std::string &text, const std::string &variant);
  ~Executable();
  llmc_entry_function entry = nullptr;

private:
  void *mapping = nullptr;
  size_t mapped = 0;
};

/// One call of an entry by a team of threads.
struct Step {
  uint64_t tokens = 0, rows = 0;
  const GuardedMemory *weights = nullptr;
  std::vector<std::vector<int32_t>> inputs;
  std::vector<Rows *> outputs;
  std::vector<llmc_state_view> states;
  std::vector<GuardedMemory *> slots; ///< the arena

  void run(const Executable &executable, unsigned threads) const;
};

/// Names the variant of a parameterised test, and skips those that this processor cannot run.
class VariantTest : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override;
  std::unique_ptr<Executable> compile(const ProgramBuilder &builder) {
    return Executable::compile(builder.text(), GetParam());
  }
};
inline std::string variantName(const ::testing::TestParamInfo<const char *> &info) {
  std::string name = std::string(info.param).substr(7); // x86-64-
  return name.size() == 2 ? name : name.substr(0, 2) + name.substr(3);
}
#define LLMC_FOR_EACH_VARIANT(suite)                                                                                   \
  INSTANTIATE_TEST_SUITE_P(Variants, suite, ::testing::Values("x86-64-v3", "x86-64-v4"), variantName)
#define LLMC_FOR_EACH_INTEGER_VARIANT(suite)                                                                           \
  INSTANTIATE_TEST_SUITE_P(                                                                                            \
      Variants, suite,                                                                                                 \
      ::testing::Values("x86-64-v3", "x86-64-v3-vnni", "x86-64-v4", "x86-64-v4-vnni", "x86-64-v4-amx"), variantName)

/// Distance in units in the last place of an f32 of the size of `exact` (of the smallest normal at least).
double ulps(float value, long double exact);

} // namespace llmc::test

#endif // LLMC_TEST_COMPILER_TARGETS_PROGRAMHARNESS_H
