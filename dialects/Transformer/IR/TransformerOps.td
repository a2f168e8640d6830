// TransformerOps.td - every op of the dialect, for TableGen.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
include "dialects/Transformer/IR/TransformerAttrs.td"
include "dialects/Transformer/IR/TransformerTypes.td"
include "dialects/Transformer/IR/CheckpointOps.td"
include "dialects/Transformer/IR/WeightOps.td"
include "dialects/Transformer/IR/LinearOps.td"
include "dialects/Transformer/IR/NormOps.td"
include "dialects/Transformer/IR/PositionOps.td"
include "dialects/Transformer/IR/AttentionOps.td"
include "dialects/Transformer/IR/StateOps.td"
include "dialects/Transformer/IR/MoEOps.td"
include "dialects/Transformer/IR/ElementwiseOps.td"
include "dialects/Transformer/IR/LayerOps.td"
