// DeterministicMath.h - elementary functions whose results are the same bits on every host.
//
// For numbers that reach artifact bytes (rotary tables) and for the reference semantics. They use only +, -, *, / and
// the square root, which IEEE 754 rounds correctly, in double precision and a fixed order; no host libm, no fused
// operations. Errors are below 4 units in the last place of double within the stated ranges.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_DIALECTS_TRANSFORMER_FORMATS_DETERMINISTICMATH_H
#define LLMC_DIALECTS_TRANSFORMER_FORMATS_DETERMINISTICMATH_H

namespace llmc {

/// e^x. Overflow gives infinity, underflow 0, NaN stays.
double deterministicExp(double x);
/// Natural logarithm; -infinity at 0, NaN below.
double deterministicLog(double x);
/// base^exponent for base >= 0, as exp(exponent * log(base)); the relative error grows with |exponent * log(base)|,
/// 3e-15 at 20.
double deterministicPow(double base, double exponent);
/// Sine and cosine of x radians for |x| <= 3e7; NaN beyond, where the reduction would lose digits.
double deterministicSin(double x);
double deterministicCos(double x);
/// (e^x - e^-x) / (e^x + e^-x).
double deterministicTanh(double x);
/// 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x; absolute error below 1e-14.
double deterministicErf(double x);
/// Correctly rounded.
double deterministicSqrt(double x);

} // namespace llmc

#endif // LLMC_DIALECTS_TRANSFORMER_FORMATS_DETERMINISTICMATH_H
