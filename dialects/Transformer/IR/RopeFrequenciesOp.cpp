// RopeFrequenciesOp.cpp - the table of rotary frequencies as an op: its rules and its plain form.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Verification.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::transformer;

static_assert(static_cast<int>(RopeScaling::Llama3) == static_cast<int>(RopeFrequencySpec::Scaling::Llama3) &&
                  static_cast<int>(RopeScaling::Default) == static_cast<int>(RopeFrequencySpec::Scaling::Default),
              "the plain enum follows the dialect's");

/// More rows than this would make a dynamic table larger than any model's weights.
static constexpr int64_t kMaxContext = int64_t(1) << 24;

void RopeFrequenciesOp::build(OpBuilder &builder, OperationState &state, const RopeFrequencySpec &spec) {
  using Scaling = RopeFrequencySpec::Scaling;
  Scaling scaling = spec.scaling;
  auto number = [&](bool used, double value) { return used ? builder.getF64FloatAttr(value) : FloatAttr(); };
  auto integer = [&](bool used, int64_t value) { return used ? builder.getI64IntegerAttr(value) : IntegerAttr(); };
  auto list = [&](bool used, ArrayRef<double> values) {
    return used ? builder.getDenseF64ArrayAttr(values) : DenseF64ArrayAttr();
  };
  bool scaled = scaling != Scaling::Default && scaling != Scaling::LongRope;
  bool llama3 = scaling == Scaling::Llama3, yarn = scaling == Scaling::Yarn, longRope = scaling == Scaling::LongRope;
  bool dynamic = scaling == Scaling::Dynamic;
  auto type = RankedTensorType::get({ropeFrequencyRows(spec), spec.dim / 2}, builder.getF32Type());
  build(builder, state, type, RopeScalingAttr::get(builder.getContext(), static_cast<RopeScaling>(scaling)),
        builder.getF64FloatAttr(spec.base), builder.getI64IntegerAttr(spec.dim), number(scaled, spec.factor),
        number(llama3, spec.lowFreqFactor), number(llama3, spec.highFreqFactor), number(yarn, spec.betaFast),
        number(yarn, spec.betaSlow), yarn && !spec.truncate ? builder.getUnitAttr() : UnitAttr(),
        integer(llama3 || yarn || dynamic || longRope, spec.originalContext), integer(dynamic, spec.maxContext),
        list(longRope, spec.shortFactors), list(longRope, spec.longFactors));
}

RopeFrequencySpec RopeFrequenciesOp::getSpec() {
  RopeFrequencySpec spec;
  spec.scaling = static_cast<RopeFrequencySpec::Scaling>(getScaling());
  spec.base = getBase().convertToDouble();
  spec.dim = getDim();
  auto number = [](std::optional<APFloat> value, double &into) {
    if (value)
      into = value->convertToDouble();
  };
  number(getFactor(), spec.factor);
  number(getLowFreqFactor(), spec.lowFreqFactor);
  number(getHighFreqFactor(), spec.highFreqFactor);
  number(getBetaFast(), spec.betaFast);
  number(getBetaSlow(), spec.betaSlow);
  spec.truncate = !getKeepFraction();
  spec.originalContext = getOriginalContext().value_or(0);
  spec.maxContext = getMaxContext().value_or(0);
  if (getShortFactors())
    spec.shortFactors.assign(getShortFactors()->begin(), getShortFactors()->end());
  if (getLongFactors())
    spec.longFactors.assign(getLongFactors()->begin(), getLongFactors()->end());
  return spec;
}

LogicalResult RopeFrequenciesOp::verify() {
  RopeScaling scaling = getScaling();
  StringRef kind = stringifyRopeScaling(scaling);
  int64_t dim = getDim();
  bool dynamic = scaling == RopeScaling::Dynamic;
  if (dim < (dynamic ? 4 : 2) || dim % 2)
    return emitOpError() << "'dim' is " << dim << ", expected an even number of at least " << (dynamic ? 4 : 2); // (C1)
  if (!getBase().isFinite() || getBase().convertToDouble() <= 1)
    return emitOpError() << "'base' is " << getBase().convertToDouble()
                         << ", expected a finite number greater than 1"; // (C2)

  bool llama3 = scaling == RopeScaling::Llama3, yarn = scaling == RopeScaling::Yarn;
  bool longRope = scaling == RopeScaling::LongRope;
  bool scaled = scaling != RopeScaling::Default && !longRope;
  bool contextual = llama3 || yarn || dynamic || longRope;
  struct Field {
    StringRef name;
    bool present, used;
  };
  for (const Field &field : {Field{"factor", getFactor().has_value(), scaled},                        // (C3)
                             Field{"low_freq_factor", getLowFreqFactor().has_value(), llama3},        // (C4)
                             Field{"high_freq_factor", getHighFreqFactor().has_value(), llama3},      // (C4)
                             Field{"original_context", getOriginalContext().has_value(), contextual}, // (C5)
                             Field{"max_context", getMaxContext().has_value(), dynamic},              // (C6)
                             Field{"beta_fast", getBetaFast().has_value(), yarn},                     // (C7)
                             Field{"beta_slow", getBetaSlow().has_value(), yarn},                     // (C7)
                             Field{"short_factors", getShortFactors().has_value(), longRope},         // (C8)
                             Field{"long_factors", getLongFactors().has_value(), longRope}}) {        // (C8)
    if (field.used && !field.present)
      return emitOpError() << "of kind '" << kind << "' has no '" << field.name << "', expected one";
    if (!field.used && field.present)
      return emitOpError() << "of kind '" << kind << "' has '" << field.name << "', expected none"; // (C9)
  }
  if (getKeepFraction() && !yarn)
    return emitOpError() << "of kind '" << kind << "' has 'keep_fraction', expected none"; // (C9)
  for (auto [name, value] : {std::pair<StringRef, std::optional<APFloat>>("factor", getFactor()),
                             {"low_freq_factor", getLowFreqFactor()},
                             {"high_freq_factor", getHighFreqFactor()},
                             {"beta_fast", getBetaFast()},
                             {"beta_slow", getBetaSlow()}})
    if (value && failed(verifyFinite(*this, ("'" + name + "'").str(), *value, /*positive=*/true))) // (C3) (C4) (C7)
      return failure();
  if (llama3 && getLowFreqFactor()->convertToDouble() >= getHighFreqFactor()->convertToDouble())
    return emitOpError("'low_freq_factor' is not less than 'high_freq_factor'"); // (C4)
  for (auto [name, value] : {std::pair("original_context", getOriginalContext()), {"max_context", getMaxContext()}})
    if (value && (static_cast<int64_t>(*value) < 1 || static_cast<int64_t>(*value) > kMaxContext))
      return emitOpError() << "'" << name << "' is " << static_cast<int64_t>(*value) << ", expected 1 to "
                           << kMaxContext; // (C5) (C6)
  for (auto [name, factors] : {std::pair("short_factors", getShortFactors()), {"long_factors", getLongFactors()}}) {
    if (!factors)
      continue;
    if (static_cast<int64_t>(factors->size()) != dim / 2)
      return emitOpError() << "'" << name << "' has " << factors->size() << " numbers, expected " << dim / 2; // (C8)
    for (double factor : *factors)
      if (failed(verifyFinite(*this, name, APFloat(factor), /*positive=*/true))) // (C8)
        return failure();
  }
  return verifyShape(*this, "result", getResult(), {ropeFrequencyRows(getSpec()), dim / 2}); // (C10)
}
