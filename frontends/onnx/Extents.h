// Extents.h - sizes of dimensions that are known only at run time, as numbers beside those that are known.
//
// Inference and lowering work with int64_t sizes. From kFirstExtent on a size is the number of an expression: a
// polynomial with whole coefficients over symbols. Equal expressions have equal numbers, so that code which only moves
// and compares sizes needs not know of it; arithmetic goes through this class. A symbol is a dimension of an input, the
// lesser, the greater or the quotient of two expressions, or a value that an op computes. Each has bounds.
//
// In the IR an open dimension is `?`, and the type's encoding is an affine map from all symbols to the sizes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_EXTENTS_H
#define LLMC_FRONTENDS_ONNX_EXTENTS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace llmc::onnx_import {

constexpr int64_t kFirstExtent = int64_t(1) << 60;
constexpr int64_t kMostExtents = int64_t(1) << 20;
/// No size, and no bound of one, is above.
constexpr int64_t kLargestExtent = int64_t(1) << 40;
/// No tensor has more dimensions: what an artifact can say of its inputs and outputs.
constexpr int64_t kMaxRank = 16;

/// Whether a size is the number of an expression.
inline bool isOpen(int64_t size) { return size >= kFirstExtent && size < kFirstExtent + kMostExtents; }
inline bool isOpen(llvm::ArrayRef<int64_t> shape) {
  return llvm::any_of(shape, [](int64_t s) { return isOpen(s); });
}

class Extents {
public:
  /// Attribute of an entry: its symbols, a dictionary each.
  static constexpr llvm::StringLiteral kAttr = "onnx.dims";

  enum class Kind {
    Input,    ///< dimension `b` of input `a`
    Least,    ///< the lesser of two expressions
    Most,     ///< the greater
    Quotient, ///< rounded down; the divisor is at least 1
    Value,    ///< what an op computes while running, kept within the bounds
    Equal     ///< no size: two expressions have one value, which is checked while running
  };
  struct Symbol {
    std::string name;
    Kind kind;
    int64_t minimum, maximum;
    int64_t a = 0, b = 0; ///< operands: sizes
  };

  explicit Extents(mlir::MLIRContext *context) : context(context) {}

  const std::vector<Symbol> &symbols() const { return all; }
  /// The size that is the dimension of an input.
  int64_t input(llvm::StringRef name, int64_t minimum, int64_t maximum, int64_t input, int64_t dim);
  /// The size that an op computes.
  int64_t value(llvm::StringRef name, int64_t minimum, int64_t maximum);
  /// The symbols that stand in a size, each once.
  std::set<unsigned> symbolsIn(int64_t size) const;
  /// The symbol that a size is, without anything around it.
  std::optional<unsigned> symbolOf(int64_t size) const;

  int64_t add(int64_t a, int64_t b);
  int64_t sub(int64_t a, int64_t b);
  int64_t mul(int64_t a, int64_t b);
  /// Rounded down, for a divisor of at least 1.
  int64_t div(int64_t a, int64_t b);
  /// The quotient, where there is no rest whatever the symbols are.
  std::optional<int64_t> exact(int64_t a, int64_t b) const;
  int64_t least(int64_t a, int64_t b);
  /// Whether two sizes are one, or may be: then that is checked while running, before anything relies on it.
  bool agree(int64_t a, int64_t b);
  int64_t most(int64_t a, int64_t b);
  int64_t product(llvm::ArrayRef<int64_t> sizes);

  /// The least and the largest value that a size can have; found term by term, so possibly wider than what is.
  std::pair<int64_t, int64_t> bounds(int64_t size) const;
  int64_t minimum(int64_t size) const { return bounds(size).first; }
  int64_t maximum(int64_t size) const { return bounds(size).second; }
  /// The sign of a size where it does not depend on the symbols: whether it is below 0.
  std::optional<bool> isNegative(int64_t size) const;

  /// "2*batch*sequence + 1".
  std::string text(int64_t size) const;
  std::string text(mlir::RankedTensorType type) const;

  /// Between types of the IR and types whose sizes are numbers.
  mlir::RankedTensorType toIR(mlir::RankedTensorType numbered) const;
  mlir::RankedTensorType fromIR(mlir::RankedTensorType type);

  /// A size as an expression over all symbols.
  mlir::AffineExpr expression(int64_t size) const;

  mlir::ArrayAttr attribute() const;
  /// Reads the symbols of an entry.
  mlir::LogicalResult read(mlir::ArrayAttr attribute);

private:
  /// Products of symbols, ascending, with coefficients other than 0.
  using Monomial = std::vector<unsigned>;
  using Polynomial = std::map<Monomial, int64_t>;

  Polynomial polynomial(int64_t size) const;
  const Polynomial &expressionOf(int64_t size) const; ///< of one that is open
  int64_t number(const Polynomial &polynomial);
  int64_t derived(Kind kind, int64_t a, int64_t b, int64_t minimum, int64_t maximum);
  Polynomial polynomial(mlir::AffineExpr expr) const;
  static std::optional<Polynomial> divide(Polynomial from, const Polynomial &by);
  mlir::AffineExpr expression(const Polynomial &polynomial) const;

  mlir::MLIRContext *context;
  std::vector<Symbol> all;
  std::vector<Polynomial> numbered;
  std::map<Polynomial, int64_t> numbers;
};

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_EXTENTS_H
