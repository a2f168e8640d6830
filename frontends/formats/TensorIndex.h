// TensorIndex.h - what a checkpoint holds: key -> file, offset, element type, shape, and the bytes where they lie.
//
// Formats fill it (frontends/formats/<format>/); nothing here knows one.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_TENSORINDEX_H
#define LLMC_FRONTENDS_FORMATS_TENSORINDEX_H

#include "dialects/Transformer/Formats/BlockFormats.h"
#include "frontends/formats/Diagnostic.h"
#include "frontends/formats/MappedFile.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmc {

/// Element types as stored: those of safetensors, by its names (F4, F6_* are narrower than a byte and packed), then the
/// block formats.
enum class DType : uint8_t {
#define LLMC_DTYPE(name, bits) name,
#include "frontends/formats/DTypes.def"
#define LLMC_BLOCK_FORMAT(id) id,
#include "dialects/Transformer/Formats/BlockFormats.def"
};

/// The name as safetensors spell it; of a block format the descriptor's.
const char *dtypeName(DType dtype);
/// Bits of one element. Not for block formats.
unsigned dtypeBits(DType dtype);
/// The block format that a type is, or nothing.
std::optional<BlockFormatId> dtypeBlockFormat(DType dtype);
/// The type of that name in safetensors, or nothing.
std::optional<DType> dtypeFromName(std::string_view name);

/// Up to 16 dimensions, none negative; rank 0 is a scalar and a dimension may be 0.
class TensorShape {
public:
  static constexpr size_t kMaxRank = 16;
  TensorShape() = default;
  TensorShape(std::initializer_list<int64_t> sizes) {
    for (int64_t size : sizes)
      push_back(size);
  }
  void push_back(int64_t size) {
    assert(rank < kMaxRank && size >= 0);
    dims[rank++] = size;
  }
  size_t size() const { return rank; }
  int64_t operator[](size_t i) const { return assert(i < rank), dims[i]; }
  const int64_t *begin() const { return dims.data(); }
  const int64_t *end() const { return dims.data() + rank; }
  bool operator==(const TensorShape &other) const { return rank == other.rank && dims == other.dims; }
  bool operator!=(const TensorShape &other) const { return !(*this == other); }
  /// "[49152, 576]".
  std::string str() const;

private:
  std::array<int64_t, kMaxRank> dims = {};
  uint8_t rank = 0;
};

/// One tensor of a checkpoint. `offset + size` is within its file, and `size` is what shape and type say.
struct TensorEntry {
  std::string key;
  DType dtype = DType::F32;
  TensorShape shape;
  uint32_t file = 0;   ///< Index into TensorIndex::files().
  uint64_t offset = 0; ///< Bytes from the start of the file; any alignment.
  uint64_t size = 0;   ///< Bytes.
};

/// All tensors of a checkpoint, with its files mapped. Immutable and thread-safe once made; views live as long as it
/// does.
class TensorIndex {
public:
  /// Takes the files, their names relative to the checkpoint's directory, and their tensors; sorts by key. Error: a key
  /// that occurs twice, named with both files.
  static Result<TensorIndex> make(std::vector<MappedFile> files, std::vector<std::string> relativeNames,
                                  std::vector<TensorEntry> tensors);

  /// The tensors of both. Error: a key that both have.
  static Result<TensorIndex> join(TensorIndex first, TensorIndex second);

  /// Sorted by key.
  const std::vector<TensorEntry> &tensors() const { return entries; }
  const std::vector<MappedFile> &files() const { return mapped; }
  /// The tensor of that key, or null. O(log n).
  const TensorEntry *find(std::string_view key) const;
  /// Where a tensor's bytes are mapped: `entry.size` bytes, of any alignment.
  const uint8_t *data(const TensorEntry &entry) const { return mapped[entry.file].data() + entry.offset; }
  /// The bytes of the tensor of that key; empty when there is none (or it has no elements).
  std::string_view bytes(std::string_view key) const;
  /// The name, for messages, of the file that holds a tensor.
  const std::string &fileName(const TensorEntry &entry) const { return mapped[entry.file].name(); }

  /// The same file, relative to the checkpoint's directory.
  const std::string &relativeName(const TensorEntry &entry) const { return relative[entry.file]; }

private:
  std::vector<MappedFile> mapped;
  std::vector<std::string> relative;
  std::vector<TensorEntry> entries;
};

/// Bytes of a tensor of this shape and type, or nothing when they overflow 63 bits, end inside a byte, or the last
/// dimension is not whole blocks of the type.
std::optional<uint64_t> tensorBytes(const TensorShape &shape, DType dtype);

/// Opens the checkpoint in a directory (safetensors, in one file or sharded) or in a file (GGUF, perhaps the first of
/// several). Errors: everything that the format's rules refuse, with the file and the tensor named.
Result<TensorIndex> openCheckpoint(const std::string &path);

} // namespace llmc

#endif // LLMC_FRONTENDS_FORMATS_TENSORINDEX_H
