// TensorFiles.h - tensors in files: NumPy's .npy, and ONNX's .pb (one TensorProto).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_RUNNER_TENSORFILES_H
#define LLMC_RUNTIME_RUNNER_TENSORFILES_H

#include "llmc/entry.h"

#include <string>
#include <vector>

namespace llmc::runtime {

/// "float32", "int64", ...; the names of NumPy, and bfloat16.
const char *elementTypeName(uint32_t elementType);
/// "float32 [2, 3]".
std::string describeTensor(uint32_t elementType, const uint64_t *sizes, uint32_t rank);
/// "float32 [batch = 1 to 8, 3]".
std::string describeTensor(const llmc_tensor_info &info);

/// Reads a file, .pb by its ending and else .npy, into `to`. Its type must be that of `info`, its sizes, which come
/// back in `sizes`, within the bounds there. On failure `mistake` says what was found and expected.
bool readTensorFile(const std::string &path, const llmc_tensor_info &info, void *to, uint64_t *sizes,
                    std::string &mistake);

/// Reads the ids of one text from a file as above: int32 or int64, [tokens] or [1, tokens], 1 to `most` of them.
bool readTokenFile(const std::string &path, uint64_t most, std::vector<int32_t> &tokens, std::string &mistake);

/// Writes a .npy file; it appears whole or not at all. bfloat16 is written as the float32 of the same value.
bool writeNpy(const std::string &path, const llmc_tensor_info &info, const void *from, std::string &mistake);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_RUNNER_TENSORFILES_H
