// TransformerTypes.cpp - states, block formats and attributes: parsing, printing, rules.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Transformer/IR/Transformer.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace llmc;
using namespace llmc::transformer;

#include "dialects/Transformer/IR/TransformerEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Transformer/IR/TransformerAttrs.cpp.inc"

/// A block format by the name in its descriptor.
static ParseResult parseBlockFormat(AsmParser &parser, BlockFormatId &format) {
  SMLoc start = parser.getCurrentLocation();
  std::string name;
  if (parser.parseKeywordOrString(&name))
    return failure();
  if (std::optional<BlockFormatId> found = blockFormatFromName(name)) {
    format = *found;
    return success();
  }
  std::string known;
  for (size_t i = 0; i < kNumBlockFormats; ++i)
    known += (i ? ", " : "") + std::string(blockFormat(static_cast<BlockFormatId>(i)).name);
  return parser.emitError(start, "unknown block format '" + name + "'; expected one of " + known);
}

static void printBlockFormat(AsmPrinter &printer, BlockFormatId format) { printer << blockFormat(format).name; }

#define GET_TYPEDEF_CLASSES
#include "dialects/Transformer/IR/TransformerTypes.cpp.inc"

void TransformerDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Transformer/IR/TransformerTypes.cpp.inc"
      >();
}

void TransformerDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Transformer/IR/TransformerAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// BoundsAttr
//===----------------------------------------------------------------------===//

LogicalResult BoundsAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t maxTokens, int64_t maxSequences,
                                 int64_t maxContext) {
  for (auto [name, value] :
       {std::pair("max_tokens", maxTokens), {"max_sequences", maxSequences}, {"max_context", maxContext}})
    if (value < 1)
      return emitError() << "'" << name << "' is " << value << ", expected at least 1"; // (C1)
  return success();
}

//===----------------------------------------------------------------------===//
// StateType
//===----------------------------------------------------------------------===//

StateType StateType::getKVCache(MLIRContext *context, int64_t slots, int64_t heads, int64_t headDim, Type elementType,
                                int64_t window) {
  return get(context, StateKind::KVCache, slots, heads, headDim, headDim, window, /*latent=*/false, elementType);
}

// kind, slots = S, (heads = H, head_dim = D (, value_dim = V)? (, window = W)? (, latent)? | channels = C, taps = N),
// type
Type StateType::parse(AsmParser &parser) {
  SMLoc start = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  std::optional<StateKind> kind = symbolizeStateKind(keyword);
  if (!kind)
    return parser.emitError(start,
                            "unknown kind of state '" + keyword + "'; expected kv_cache, recurrent or convolution"),
           Type();
  auto parseNumber = [&](StringRef name, int64_t &value) -> ParseResult {
    return failure(parser.parseComma() || parser.parseKeyword(name) || parser.parseEqual() ||
                   parser.parseInteger(value));
  };
  int64_t slots = 0, heads = 0, headDim = 0, valueDim = 0, window = 0;
  bool latent = false;
  if (parseNumber("slots", slots))
    return {};
  if (*kind == StateKind::Convolution) {
    if (parseNumber("channels", heads) || parseNumber("taps", headDim))
      return {};
    valueDim = headDim;
  } else {
    if (parseNumber("heads", heads) || parseNumber("head_dim", headDim))
      return {};
    valueDim = headDim;
  }
  if (parser.parseComma())
    return {};
  // What is left are optional fields in this order, then the element type.
  auto parseOptionalNumber = [&](StringRef name, int64_t &value) -> ParseResult {
    if (failed(parser.parseOptionalKeyword(name)))
      return success();
    return failure(parser.parseEqual() || parser.parseInteger(value) || parser.parseComma());
  };
  if (*kind != StateKind::Convolution &&
      (parseOptionalNumber("value_dim", valueDim) || parseOptionalNumber("window", window)))
    return {};
  if (*kind == StateKind::KVCache && succeeded(parser.parseOptionalKeyword("latent"))) {
    latent = true;
    if (parser.parseComma())
      return {};
  }
  Type elementType;
  if (parser.parseType(elementType) || parser.parseGreater())
    return {};
  return parser.getChecked<StateType>(start, parser.getContext(), *kind, slots, heads, headDim, valueDim, window,
                                      latent, elementType);
}

void StateType::print(AsmPrinter &printer) const {
  printer << "<" << stringifyStateKind(getKind()) << ", slots = " << getSlots();
  if (getKind() == StateKind::Convolution) {
    printer << ", channels = " << getChannels() << ", taps = " << getTaps();
  } else {
    printer << ", heads = " << getHeads() << ", head_dim = " << getHeadDim();
    if (getValueDim() != getHeadDim())
      printer << ", value_dim = " << getValueDim();
    if (getWindow())
      printer << ", window = " << getWindow();
    if (getLatent())
      printer << ", latent";
  }
  printer << ", " << getElementType() << ">";
}

LogicalResult StateType::verify(function_ref<InFlightDiagnostic()> emitError, StateKind kind, int64_t slots,
                                int64_t heads, int64_t headDim, int64_t valueDim, int64_t window, bool latent,
                                Type elementType) {
  bool convolution = kind == StateKind::Convolution;
  for (auto [name, value] : {std::pair("slots", slots),
                             {convolution ? "channels" : "heads", heads},
                             {convolution ? "taps" : "head_dim", headDim},
                             {"value_dim", valueDim}})
    if (value < 1)
      return emitError() << "'" << name << "' is " << value << ", expected at least 1"; // (C1)
  auto block = dyn_cast<BlockType>(elementType);
  if (!block && !elementType.isF32() && !elementType.isF16() && !elementType.isBF16())
    return emitError() << "element type is " << elementType << ", expected f32, f16, bf16 or a block format"; // (C2)
  if (block && !canEncodeBlock(block.getFormat()))
    return emitError() << "element type is " << elementType
                       << ", expected a format that values can be rounded to"; // (C2)
  if (window < 0)
    return emitError() << "'window' is " << window << ", expected at least 0"; // (C3)
  if (kind != StateKind::KVCache && (window || latent))
    return emitError() << "a " << stringifyStateKind(kind) << " state has a window, expected none"; // (C4)
  if (latent && (heads != 1 || valueDim > headDim))
    return emitError() << "a latent cache has " << heads << " heads, 'head_dim' " << headDim << " and 'value_dim' "
                       << valueDim << ", expected one head and values no wider than keys"; // (C5)
  if (kind != StateKind::KVCache && block)
    return emitError() << "element type is " << elementType << ", expected f32, f16 or bf16"; // (C6)
  if (block && (headDim % block.getGroup() || valueDim % block.getGroup()))
    return emitError() << "group " << block.getGroup() << " does not divide 'head_dim' = " << headDim
                       << " and 'value_dim' = " << valueDim; // (C7)
  return success();
}

//===----------------------------------------------------------------------===//
// BlockType
//===----------------------------------------------------------------------===//

LogicalResult BlockType::verify(function_ref<InFlightDiagnostic()> emitError, BlockFormatId format, int64_t group) {
  if (isBlockGroup(format, group))
    return success();
  InFlightDiagnostic diagnostic = emitError();
  diagnostic << "'group' is " << group << ", expected "; // (C1)
  if (int64_t fixed = blockFormat(format).group)
    return diagnostic << fixed << " for " << blockFormat(format).name;
  return diagnostic << "a multiple of 16 from 16 to " << kMaxBlockGroup;
}

FloatType BlockType::getExactFloat() const {
  switch (getFormat()) {
  case BlockFormatId::MXFP4: // 2 bits times a power of two.
  case BlockFormatId::NVFP4: // 2 bits times 4.
    return BFloat16Type::get(getContext());
  default: // A scale of f16 has 11 bits alone.
    return Float32Type::get(getContext());
  }
}
