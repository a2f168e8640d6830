// Versions.h - which operators are compiled, and in which version.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_VERSIONS_H
#define LLMC_FRONTENDS_ONNX_VERSIONS_H

#include "frontends/formats/onnx/Operators.h"

namespace llmc::onnx_import {

/// The version, of opset 7 or later, that a row of `opset` means or is upgraded to; -1 where there is none.
int64_t modernVersion(const onnx::Operator &row, int64_t opset);

/// Whether nodes of a row are compiled: by a row of the table, an expansion, or the importer itself.
bool isCompiled(const onnx::Operator &row, int64_t opset);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_VERSIONS_H
