// WeightSemantics.h - what the ops on weight values mean. The formulas stand in IR/WeightOps.td.
//
// Arguments satisfy the ops' rules.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_REFERENCE_WEIGHTSEMANTICS_H
#define LLMC_DIALECTS_TRANSFORMER_REFERENCE_WEIGHTSEMANTICS_H

#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "dialects/Transformer/Reference/Values.h"

namespace llmc::reference {

Stored slice(const Stored &source, const std::vector<int64_t> &offsets, const std::vector<int64_t> &sizes);
Stored concat(const std::vector<const Stored *> &sources, int64_t axis);
Stored permute(const Stored &source, const std::vector<int64_t> &view, const std::vector<int64_t> &order,
               const std::vector<int64_t> &resultShape);
/// To F64, F32, F16 or BF16.
Stored convert(const Stored &source, Stored::Element element);
Stored affine(const Stored &source, double scale, double offset);
/// To F32, F16 or BF16.
Stored decode(const Stored &source, Stored::Element element);
/// `statistics` may be null.
Stored quantize(const Stored &source, BlockFormatId format, int64_t group, const Stored *statistics = nullptr);
/// To one byte a code. `order` may be empty.
Stored unpack(const Stored &source, int64_t bits, int64_t axis, const std::vector<int64_t> &order, uint64_t plus,
              uint64_t flip, const std::vector<int64_t> &resultShape);
Stored sortColumns(const Stored &source, const Stored &keys, bool inverse);
/// `zeros` may be null: `zero` everywhere.
Stored blocks(const Stored &codes, const Stored &scales, const std::vector<int64_t> &tile, const Stored *zeros,
              int64_t zero, BlockFormatId format, int64_t group);
Stored pack(const Stored &source, int64_t rows, int64_t group);
/// [rows, dim / 2] in f32.
Floats ropeFrequencies(const RopeFrequencySpec &spec);

} // namespace llmc::reference

#endif // LLMC_DIALECTS_TRANSFORMER_REFERENCE_WEIGHTSEMANTICS_H
