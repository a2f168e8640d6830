// Operators.h - facts of ai.onnx's operators: versions, numbers of inputs and outputs, attributes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_ONNX_OPERATORS_H
#define LLMC_FRONTENDS_FORMATS_ONNX_OPERATORS_H

#include "frontends/formats/onnx/Onnx.h"

namespace llmc::onnx {

/// One row of dialects/ONNX/Formats/Operators.def.
struct Operator {
  std::string_view name;
  int since;                                        ///< the first opset that it holds for
  int minInputs, maxInputs, minOutputs, maxOutputs; ///< -1: any number
  bool hasBody, withdrawn;                          ///< defined by other operators; no longer an operator
  std::string_view attributes;                      ///< "name:kind" apart by spaces, with '!' where it must be given
  /// "A,A?,B;A=float|double;B=int64": of inputs, the last one's goes on; '?' where one may be left out before others.
  std::string_view types;
};

/// The row of an operator that holds in `opset`, or null where there is none.
const Operator *findOperator(std::string_view name, int64_t opset);
/// The row of a node's operator: of ai.onnx, where `opset` says the version, or one of ai.onnx.preview or of ONNX
/// Runtime's own, whose names in the table begin with "ai.onnx.preview." or "com.microsoft.". Layer normalisation was
/// one of the latter, without a domain, before opset 17.
const Operator *operatorOf(const Node &node, int64_t opset);
/// Whether any opset has an operator of that name.
bool isOperator(std::string_view name);

/// Why an operator is never compiled: "works on strings"; empty where there is no such reason.
std::string_view reasonOfRefusal(const Node &node);

/// Checks a node of ai.onnx against its row: the number of inputs and outputs, unknown, missing and mistyped
/// attributes. `where` begins the message: "node 'a/b' (Gemm, opset 13)".
Checked checkNode(const Node &node, const Operator &row, const std::string &file, const std::string &where);

/// Whether a node may leave out input `i` although others follow.
bool mayLeaveOut(const Operator &row, size_t i);

/// Checks the types of a node's inputs, by ONNX's names and empty where left out: each is one that its place may have,
/// and equal where the operator wants them so. The mistake in words, or nothing.
std::optional<std::string> faultOfTypes(const Operator &row, const std::vector<std::string_view> &inputs);

/// "node 'a/b' (Gemm, opset 13)"; a node without a name is known by its first output.
std::string describeNode(const Node &node, int64_t opset);

} // namespace llmc::onnx

#endif // LLMC_FRONTENDS_FORMATS_ONNX_OPERATORS_H
