// GraphOrder.h - checks that graphs are graphs, and puts their nodes in order.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_FORMATS_ONNX_GRAPHORDER_H
#define LLMC_FRONTENDS_FORMATS_ONNX_GRAPHORDER_H

#include "frontends/formats/onnx/Onnx.h"

namespace llmc::onnx {

/// For the main graph, the graphs in its nodes and every function: each value is made once, each name that is read is
/// made in the graph or one around it, no node needs what it makes; functions do not call themselves. Nodes are sorted
/// so that makers come first, and else stay in their order.
Checked orderGraphs(Model &model, const std::string &file);

} // namespace llmc::onnx

#endif // LLMC_FRONTENDS_FORMATS_ONNX_GRAPHORDER_H
