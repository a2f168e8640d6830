// Sampling.h - values between places, as Resize and the operators of Sampling.cpp take them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_SAMPLING_H
#define LLMC_FRONTENDS_ONNX_SAMPLING_H

#include "frontends/onnx/OperatorTable.h"

namespace llmc::onnx_import {

/// The weight of a place at a distance: a hat that ends at 1, or Keys' cubic with parameter `a`, which ends at 2.
Value interpolationWeight(Body &b, bool cubic, double a, Value distance);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_SAMPLING_H
