// DeterministicMath.cpp - exp, log, sin, cos, tanh, erf by argument reduction and series.
//
// Compiled with -ffp-contract=off, so that no host fuses a product into a sum.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/DeterministicMath.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

using namespace llmc;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// 2^exponent for a normal result.
static double powerOfTwo(int exponent) {
  uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// The integer nearest to x, halves upwards; |x| < 2^51.
static double nearestInteger(double x) {
  double truncated = static_cast<double>(static_cast<int64_t>(x + 0.5));
  return truncated > x + 0.5 ? truncated - 1 : truncated;
}

// ln 2 in two parts: products of the first (32 bits) with an integer below 2^20 are exact.
static constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;

double llmc::deterministicExp(double x) {
  if (x != x)
    return x;
  if (x > 709.79)
    return kInfinity;
  if (x < -745.2)
    return 0;
  double k = nearestInteger(x * 0x1.71547652b82fep+0);
  double r = (x - k * kLn2High) - k * kLn2Low; // |r| <= ln(2)/2
  double sum = 1;
  for (int n = 15; n >= 1; --n) // r^16/16! < 3e-21
    sum = 1 + sum * r / n;
  // Two factors, since 2^k alone may leave the range that sum * 2^k stays in.
  int half = static_cast<int>(k) / 2;
  return sum * powerOfTwo(half) * powerOfTwo(static_cast<int>(k) - half);
}

double llmc::deterministicLog(double x) {
  if (x != x || x < 0)
    return kNaN;
  if (x == 0)
    return -kInfinity;
  if (x == kInfinity)
    return x;
  int exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  exponent += static_cast<int>(bits >> 52) - 1023;
  bits = (bits & ((uint64_t(1) << 52) - 1)) | (uint64_t(1023) << 52);
  double m; // [1, 2), then [sqrt(1/2), sqrt(2))
  std::memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m /= 2;
    ++exponent;
  }
  // ln m = 2 atanh(s), |s| < 0.172; s^26/27 < 1e-21.
  double s = (m - 1) / (m + 1), square = s * s, sum = 0;
  for (int n = 25; n >= 3; n -= 2)
    sum = (sum + 1.0 / n) * square;
  return exponent * kLn2High + (exponent * kLn2Low + (2 * s + 2 * s * sum));
}

double llmc::deterministicPow(double base, double exponent) {
  if (exponent == 0)
    return 1;
  if (exponent == 1)
    return base;
  return deterministicExp(exponent * deterministicLog(base));
}

/// Takes multiples of pi/2 from x: the quadrant, 0 to 3, and the rest in [-pi/4, pi/4].
static int reduceQuarter(double x, double &rest) {
  // pi/2 in parts of 28 bits: products with an integer below 2^25 are exact.
  static constexpr double kParts[] = {0x1.921fb54000000p+0, 0x1.10b4610000000p-30, 0x1.a626330000000p-58,
                                      0x1.45c06e0e68948p-86};
  double k = nearestInteger(x * 0x1.45f306dc9c883p-1);
  rest = x;
  for (double part : kParts)
    rest -= k * part;
  return static_cast<int>(static_cast<int64_t>(k) & 3);
}

static double sinSeries(double r) {
  double square = r * r, sum = 0;
  for (int n = 21; n >= 3; n -= 2) // (pi/4)^23/23! < 2e-25
    sum = (1 + sum) * -square / (n * (n - 1));
  return r + r * sum;
}

static double cosSeries(double r) {
  double square = r * r, sum = 0;
  for (int n = 20; n >= 2; n -= 2)
    sum = (1 + sum) * -square / (n * (n - 1));
  return 1 + sum;
}

static constexpr double kLargestAngle = 3e7;

/// sin(x + quarters * pi/2).
static double sinShifted(double x, int quarters) {
  if (!(x >= -kLargestAngle && x <= kLargestAngle))
    return kNaN;
  double rest;
  switch ((reduceQuarter(x, rest) + quarters) & 3) {
  case 0:
    return sinSeries(rest);
  case 1:
    return cosSeries(rest);
  case 2:
    return -sinSeries(rest);
  default:
    return -cosSeries(rest);
  }
}

double llmc::deterministicSin(double x) { return sinShifted(x, 0); }

double llmc::deterministicCos(double x) { return sinShifted(x, 1); }

double llmc::deterministicTanh(double x) {
  if (x != x)
    return x;
  if (x > 20)
    return 1;
  if (x < -20)
    return -1;
  if (x > -0.25 && x < 0.25) {
    // The quotient of series of sinh and cosh, which does not cancel.
    double square = x * x, sinh = 0, cosh = 0;
    for (int n = 15; n >= 3; n -= 2)
      sinh = (1 + sinh) * square / (n * (n - 1));
    for (int n = 14; n >= 2; n -= 2)
      cosh = (1 + cosh) * square / (n * (n - 1));
    return x * (1 + sinh) / (1 + cosh);
  }
  double e = deterministicExp(2 * x);
  return (e - 1) / (e + 1);
}

double llmc::deterministicErf(double x) {
  if (x != x)
    return x;
  if (x > 6 || x < -6)
    return x > 0 ? 1 : -1;
  // erf(x) = 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (1 * 3 * … * (2n+1)): all terms have one sign.
  double square = x * x, term = x, sum = x;
  for (int n = 1; n < 160; ++n) {
    term = term * 2 * square / (2 * n + 1);
    sum += term;
  }
  return 0x1.20dd750429b6dp+0 * deterministicExp(-square) * sum;
}

double llmc::deterministicSqrt(double x) { return std::sqrt(x); } // one instruction, exact by IEEE 754
