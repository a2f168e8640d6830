// WeightTable.h - the checkpoint's index as a builder uses it: every weight is asked for by key and shape, and what
// nobody asked for is found in the end. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_WEIGHTTABLE_H
#define LLMC_FRONTENDS_MODELS_WEIGHTTABLE_H

#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/Diagnostic.h"
#include "llvm/ADT/StringMap.h"

namespace llmc::models {

class QuantizedWeights;

/// Built from the `transformer.tensor` ops of a module. Keeps the first mistake.
class WeightTable {
public:
  /// For messages: `directory` holds the files, `whole` is where a missing tensor would be (the directory when empty),
  /// `facts` is what says how the weights must be.
  WeightTable(mlir::ModuleOp module, llvm::StringRef directory, std::string whole = {},
              std::string facts = "config.json");

  /// From now on a tensor that is asked for and missing is declared, as one of that element type, instead of a mistake:
  /// what a checkpoint of the model would hold.
  void declareMissing(mlir::Type elementType) { declaredType = elementType; }
  /// All tensors, sorted by key.
  std::vector<std::pair<std::string, mlir::RankedTensorType>> tensorTypes() const;

  bool has(llvm::StringRef key) const { return tensors.count(key); }
  /// The type of a tensor, or null.
  mlir::RankedTensorType lookup(llvm::StringRef key) const;
  /// Emits `transformer.weight` of that key. A tensor that is missing, of another shape or neither of f32, bf16 or f16
  /// nor of a block format is a mistake; the value then has the wanted shape, so that building can go on. Blocks are
  /// decoded, to the narrowest float that holds all their values. With `pairedRows` = d, each d rows are a head's whose
  /// neighbours turn together, as 2i and 2i + 1; they are brought into the order i, i + d/2.
  mlir::Value get(mlir::OpBuilder &builder, llvm::StringRef key, llvm::ArrayRef<int64_t> shape, int64_t pairedRows = 0);
  /// Matrices that are stored in codes are read by it from now on. It outlives the table.
  void setQuantized(const QuantizedWeights *weights) { quantized = weights; }
  /// Marks a tensor of exactly that type as used; else, or where it is missing, it is a mistake.
  bool expect(llvm::StringRef key, mlir::RankedTensorType wanted);
  /// The same, and emits `transformer.weight`; null with a mistake.
  mlir::Value take(mlir::OpBuilder &builder, llvm::StringRef key, mlir::RankedTensorType wanted);
  /// A tensor that may be there for no use.
  void skip(llvm::StringRef key);
  /// A tensor that may be there as a copy of another: it is used, and its type must be the other's. Whether the bytes
  /// are equal is for who has them: see `copies`. `why` says in the message what makes it a copy.
  void expectCopy(llvm::StringRef key, llvm::StringRef original, llvm::StringRef why);
  struct Copy {
    std::string key, original, why;
  };
  const std::vector<Copy> &copies() const { return expectedCopies; }
  /// The mistake of a copy that is none.
  void failCopy(const Copy &copy);
  /// Keeps a mistake about a tensor, with its file first.
  void fail(llvm::StringRef key, std::string message, std::string note = {});

  /// Any tensor that was not used and that `ignores` does not take is a mistake.
  void refuseSurplus(llvm::function_ref<bool(llvm::StringRef)> ignores, llvm::StringRef family);
  const std::optional<Diagnostic> &mistake() const { return first; }

private:
  struct Tensor {
    mlir::RankedTensorType type;
    mlir::StringAttr file;
    bool used = false;
  };
  std::string fileOf(llvm::StringRef key) const;

  std::string directory, whole, facts;
  llvm::StringMap<Tensor> tensors;
  std::vector<Copy> expectedCopies;
  std::optional<Diagnostic> first;
  const QuantizedWeights *quantized = nullptr;
  mlir::Type declaredType;
};

/// The shape and element type of a tensor in words: "bf16 of shape [576, 192]".
std::string describe(mlir::RankedTensorType type);

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_WEIGHTTABLE_H
