// RopeFrequencies.cpp - tables of rotary frequencies.
//
// Each step is rounded to f32 where Hugging Face transformers rounds (modeling_rope_utils.py works on f32 tensors), so
// that angles at far positions agree. Compiled with -ffp-contract=off.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/Formats/RopeFrequencies.h"
#include "dialects/Transformer/Formats/DeterministicMath.h"

#include <algorithm>

using namespace llmc;

static constexpr double kPi = 0x1.921fb54442d18p+1;

using Scaling = RopeFrequencySpec::Scaling;

int64_t llmc::ropeFrequencyRows(const RopeFrequencySpec &spec) {
  if (spec.scaling == Scaling::LongRope)
    return 2;
  if (spec.scaling == Scaling::Dynamic)
    return std::max<int64_t>(1, spec.maxContext - spec.originalContext + 1);
  return 1;
}

/// The bounds of yarn's ramp, in pairs.
static void yarnRange(const RopeFrequencySpec &spec, double &low, double &high) {
  auto bound = [&](double rotations) {
    return spec.dim * deterministicLog(spec.originalContext / (rotations * 2 * kPi)) /
           (2 * deterministicLog(spec.base));
  };
  auto floored = [](double x) {
    double whole = static_cast<double>(static_cast<int64_t>(x));
    return whole > x ? whole - 1 : whole;
  };
  low = bound(spec.betaFast);
  high = bound(spec.betaSlow);
  if (spec.truncate) {
    low = floored(low);
    high = -floored(-high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(spec.dim - 1));
  if (low == high)
    high += 0.001;
}

void llmc::computeRopeFrequencies(const RopeFrequencySpec &spec, int64_t row, float *frequencies) {
  double base = spec.base;
  if (spec.scaling == Scaling::Dynamic) {
    double length = static_cast<double>(spec.originalContext + row);
    double stretch = spec.factor * length / spec.originalContext - (spec.factor - 1);
    base *= deterministicPow(stretch, static_cast<double>(spec.dim) / (spec.dim - 2));
  }
  double low = 0, high = 0;
  if (spec.scaling == Scaling::Yarn)
    yarnRange(spec, low, high);

  float base32 = static_cast<float>(base), factor = static_cast<float>(spec.factor);
  for (int64_t i = 0; i < spec.dim / 2; ++i) {
    float exponent = static_cast<float>(2 * i) / static_cast<float>(spec.dim);
    float power = static_cast<float>(deterministicPow(base32, exponent));
    float frequency = 1.0f / power;
    switch (spec.scaling) {
    case Scaling::Default:
    case Scaling::Dynamic:
      break;
    case Scaling::Linear:
      frequency /= factor;
      break;
    case Scaling::Yarn: {
      float ramp = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
      float extrapolated = 1.0f - std::min(std::max(ramp, 0.0f), 1.0f);
      float interpolation = 1.0f / (factor * power);
      frequency = interpolation * (1.0f - extrapolated) + frequency * extrapolated;
      break;
    }
    case Scaling::LongRope: {
      const std::vector<double> &factors = row == 0 ? spec.shortFactors : spec.longFactors;
      frequency = 1.0f / (static_cast<float>(factors[i]) * power);
      break;
    }
    case Scaling::Llama3: {
      double context = static_cast<double>(spec.originalContext);
      float wavelength = static_cast<float>(2 * kPi) / frequency;
      if (wavelength > static_cast<float>(context / spec.lowFreqFactor)) {
        frequency /= factor;
      } else if (!(wavelength < static_cast<float>(context / spec.highFreqFactor))) {
        float smooth = (static_cast<float>(context) / wavelength - static_cast<float>(spec.lowFreqFactor)) /
                       static_cast<float>(spec.highFreqFactor - spec.lowFreqFactor);
        frequency = (1.0f - smooth) * frequency / factor + smooth * frequency;
      }
      break;
    }
    }
    frequencies[i] = frequency;
  }
}

double llmc::yarnAttentionFactor(double factor, double mscale, double mscaleAllDim) {
  auto scaled = [&](double by) { return factor <= 1 ? 1.0 : 0.1 * by * deterministicLog(factor) + 1.0; };
  if (mscale != 0 && mscaleAllDim != 0)
    return scaled(mscale) / scaled(mscaleAllDim);
  return scaled(1);
}

double llmc::longRopeAttentionFactor(double factor, int64_t originalContext) {
  if (factor <= 1)
    return 1;
  return deterministicSqrt(1 + deterministicLog(factor) / deterministicLog(static_cast<double>(originalContext)));
}
