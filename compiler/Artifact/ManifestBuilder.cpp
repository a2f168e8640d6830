// ManifestBuilder.cpp - entries from programs, states from pages, generation from transformer.text.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/ManifestBuilder.h"

#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Kernel/IR/Launches.h"
#include "dialects/Transformer/Formats/BlockCalibration.h"
#include "dialects/Transformer/IR/Transformer.h"

#include <algorithm>

using namespace mlir;

namespace llmc::artifact {

namespace {

/// Of graphs that are text decoders: a session takes longer steps in pieces, and sequences in turn.
constexpr uint64_t kMostStepTokens = 512, kMostSequences = 64;

llmc_element_type elementTypeOf(Type type) {
  if (type.isF16())
    return LLMC_F16;
  if (type.isBF16())
    return LLMC_BF16;
  if (type.isInteger(32))
    return LLMC_I32;
  if (isa<transformer::BlockType>(type))
    return LLMC_I8;
  return LLMC_F32;
}

/// The element type of a graph's input or output, with its sign.
llmc_element_type plainTypeOf(Type type) {
  if (type.isF64())
    return LLMC_F64;
  if (isa<Float8E4M3FNType>(type))
    return LLMC_F8E4M3FN;
  if (isa<Float8E4M3FNUZType>(type))
    return LLMC_F8E4M3FNUZ;
  if (isa<Float8E5M2Type>(type))
    return LLMC_F8E5M2;
  if (isa<Float8E5M2FNUZType>(type))
    return LLMC_F8E5M2FNUZ;
  if (isa<Float4E2M1FNType>(type))
    return LLMC_F4E2M1;
  if (isa<Float8E8M0FNUType>(type))
    return LLMC_F8E8M0;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return elementTypeOf(type);
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 2:
    return isUnsigned ? LLMC_U2 : LLMC_I2;
  case 4:
    return isUnsigned ? LLMC_U4 : LLMC_I4;
  case 1:
    return LLMC_BOOL;
  case 8:
    return isUnsigned ? LLMC_U8 : LLMC_I8;
  case 16:
    return isUnsigned ? LLMC_U16 : LLMC_I16;
  case 32:
    return isUnsigned ? LLMC_U32 : LLMC_I32;
  default:
    return isUnsigned ? LLMC_U64 : LLMC_I64;
  }
}

llmc_role roleOf(transformer::Role role) {
  switch (role) {
  case transformer::Role::Tokens:
    return LLMC_ROLE_TOKENS;
  case transformer::Role::Positions:
    return LLMC_ROLE_POSITIONS;
  case transformer::Role::Sequences:
    return LLMC_ROLE_SEQUENCES;
  case transformer::Role::Rows:
    return LLMC_ROLE_ROWS;
  case transformer::Role::Logits:
    return LLMC_ROLE_LOGITS;
  default:
    return LLMC_ROLE_NONE;
  }
}

/// An input or output. Its dynamic dimension is the logit rows where the role says so, else the tokens of the step.
FailureOr<Tensor> tensorOf(kernel::ProgramOp program, unsigned argument, const Manifest &manifest) {
  auto type = dyn_cast<MemRefType>(program.getBody().getArgument(argument).getType());
  auto role = dyn_cast<transformer::RoleAttr>(program.getRoles()[argument]);
  if (!type || !role)
    return program.emitOpError() << "argument " << argument
                                 << " is an input or output and needs a buffer type and a role";
  Tensor tensor;
  if (auto names = program->getAttrOfType<ArrayAttr>("onnx.names")) {
    auto shaped =
        cast<RankedTensorType>(cast<TypeAttr>(program->getAttrOfType<ArrayAttr>("onnx.types")[argument]).getValue());
    tensor.name = cast<StringAttr>(names[argument]).getValue().str();
    tensor.elementType = plainTypeOf(shaped.getElementType());
    if (auto roles = program->getAttrOfType<DenseI32ArrayAttr>("onnx.roles"))
      tensor.role = static_cast<llmc_role>(roles[argument]);
    // The encoding says which dim an open size is.
    auto open = dyn_cast_or_null<AffineMapAttr>(shaped.getEncoding());
    for (auto [i, size] : llvm::enumerate(shaped.getShape())) {
      if (!ShapedType::isDynamic(size)) {
        tensor.sizes.push_back({static_cast<uint64_t>(size)});
        continue;
      }
      auto dim = open ? dyn_cast<AffineSymbolExpr>(open.getAffineMap().getResult(i)) : AffineSymbolExpr(nullptr);
      if (!dim || dim.getPosition() >= manifest.dims.size())
        return program.emitOpError() << "size " << i << " of argument " << argument << " is no dim";
      tensor.sizes.push_back({dim.getPosition(), true});
    }
    tensor.rowStride = 1;
    if (!tensor.sizes.empty())
      tensor.rowStride =
          tensor.sizes.back().isDim ? manifest.dims[tensor.sizes.back().value].maximum : tensor.sizes.back().value;
    return tensor;
  }
  tensor.name = stringifyRole(role.getValue()).str();
  tensor.elementType = elementTypeOf(type.getElementType());
  tensor.role = roleOf(role.getValue());
  bool rows = tensor.role == LLMC_ROLE_ROWS || tensor.role == LLMC_ROLE_LOGITS;
  for (int64_t size : type.getShape()) {
    bool isDim = ShapedType::isDynamic(size);
    tensor.sizes.push_back({isDim ? (rows ? dimRows : dimTokens) : static_cast<uint64_t>(size), isDim});
  }
  if (type.getRank() >= 2)
    tensor.rowStride = static_cast<uint64_t>(kernel::rowStride(type));
  else if (type.getRank() == 1)
    tensor.rowStride = tensor.sizes[0].isDim ? manifest.dims[tensor.sizes[0].value].maximum : tensor.sizes[0].value;
  return tensor;
}

/// The page layout that the program's launches use for a state.
FailureOr<State> stateOf(kernel::ProgramOp program, BlockArgument argument, size_t number) {
  auto type = dyn_cast<transformer::StateType>(argument.getType());
  if (!type || !type.isKVCache())
    return program.emitOpError() << "argument " << argument.getArgNumber()
                                 << " is not a key-value cache: " << argument.getType();
  kernel::PageAttr page;
  for (Operation *user : argument.getUsers()) {
    auto found = user->getAttrOfType<kernel::PageAttr>("page");
    if (!found)
      continue;
    if (page && page != found)
      return user->emitOpError() << "uses pages " << found << ", but another op uses " << page << " for the same state";
    page = found;
  }
  if (!page)
    return program.emitOpError() << "no op says how the pages of argument " << argument.getArgNumber()
                                 << " are laid out";
  State state;
  state.name = stringifyStateKind(type.getKind()).str() + (number == 0 ? "" : std::to_string(number));
  state.elementType = elementTypeOf(page.getElement());
  state.slots = static_cast<uint32_t>(page.getSlots());
  state.pageTokens = static_cast<uint32_t>(page.getTokens());
  state.pageBytes = static_cast<uint64_t>(page.getPageBytes());
  return state;
}

FailureOr<Entry> entryOf(kernel::ProgramOp program, const Manifest &manifest) {
  Entry entry;
  entry.name = program.getSymName().str();
  unsigned inputs = program.getNumInputs(), outputs = program.getNumOutputs();
  for (unsigned i = 0; i < inputs + outputs; ++i) {
    FailureOr<Tensor> tensor = tensorOf(program, i, manifest);
    if (failed(tensor))
      return failure();
    (i < inputs ? entry.inputs : entry.outputs).push_back(std::move(*tensor));
  }
  for (BlockArgument argument : program.getBody().getArguments().drop_front(inputs + outputs)) {
    FailureOr<State> state = stateOf(program, argument, entry.states.size());
    if (failed(state))
      return failure();
    entry.states.push_back(std::move(*state));
  }
  ArrayRef<int64_t> pairs = program.getSlots();
  for (int64_t count : program.getSlotSizes()) {
    Slot slot;
    for (int64_t i = 0; i < count; ++i, pairs = pairs.drop_front(2)) {
      SizeTerm term = {static_cast<uint64_t>(pairs[0]), {}};
      auto kind = static_cast<kernel::DimKind>(pairs[1]);
      if (kind != kernel::DimKind::one)
        term.dims.push_back(kind == kernel::DimKind::tokens ? dimTokens : dimRows);
      slot.push_back({term});
    }
    entry.slots.push_back(std::move(slot));
  }
  return entry;
}

/// What a packed weight is made of: the keys of its recipe for one copy.
std::string nameOf(kernel::WeightOp weight, int64_t copy) {
  std::string name;
  for (auto source : weight.getRecipe().getOps<transformer::WeightOp>()) {
    if (source.getKey(0).starts_with(kInputStatistics))
      continue; // says how weights were rounded, is none itself
    int64_t layer = source.getNumLayers() == 1 ? 0 : std::min<int64_t>(copy, source.getNumLayers() - 1);
    name += (name.empty() ? "" : " + ") + source.getKey(layer).str();
  }
  return name.empty() ? weight.getSymName().str() : name;
}

/// Two keys as one, '*' where a part between dots differs; the second one's copy is another layer.
std::string patternOf(StringRef first, StringRef last) {
  SmallVector<StringRef> parts, others;
  first.split(parts, '.');
  last.split(others, '.');
  std::string pattern;
  for (auto [i, part] : llvm::enumerate(parts))
    pattern += (i ? "." : "") + (parts.size() == others.size() && part != others[i] ? "*" : part.str());
  return pattern;
}

/// The tensors that a launch multiplies with, or looks up; of graphs the node that it is made of.
std::string subjectOf(Operation *launch, const SymbolTable &symbols) {
  std::string subject;
  for (Value operand : launch->getOperands()) {
    auto get = operand.getDefiningOp<kernel::GetWeightOp>();
    auto weight = get ? symbols.lookup<kernel::WeightOp>(get.getWeight()) : kernel::WeightOp();
    if (!weight)
      continue;
    bool named = false;
    for (auto source : weight.getRecipe().getOps<transformer::WeightOp>())
      if (StringRef key = source.getKey(0); !key.starts_with(kInputStatistics)) {
        subject += (subject.empty() ? "" : " + ") + patternOf(key, source.getKey(source.getNumLayers() - 1));
        named = true;
      }
    if (!named)
      subject += (subject.empty() ? "" : " + ") + weight.getSymName().str();
  }
  if (!subject.empty() || !isa<kernel::GenericOp>(launch))
    return subject;
  launch->getLoc()->walk([&](Location part) {
    auto name = dyn_cast<NameLoc>(part);
    if (name)
      subject = name.getName().str();
    return name ? WalkResult::interrupt() : WalkResult::advance();
  });
  return subject;
}

/// The launches of all programs, as code numbers them.
void addLaunches(ModuleOp module, Manifest &manifest) {
  SymbolTable symbols(module);
  for (auto [entry, program] : llvm::enumerate(module.getOps<kernel::ProgramOp>()))
    for (const kernel::Launch &launch : kernel::launchesOf(program)) {
      kernel::LaunchCost cost = kernel::costOf(launch.op);
      Launch row;
      row.kernel = launch.op->getName().stripDialect().str();
      row.subject = subjectOf(launch.op, symbols);
      row.entry = static_cast<uint32_t>(entry);
      row.times = static_cast<uint32_t>(launch.times);
      if (launch.layerClass)
        row.layerClass = static_cast<uint32_t>(*launch.layerClass);
      row.rows = launch.rows == kernel::DimKind::tokens ? LLMC_DIM_TOKENS
                 : launch.rows == kernel::DimKind::rows ? LLMC_DIM_ROWS
                                                        : LLMC_DIM_NAMED;
      row.wantedRows = launch.wantedRows;
      row.arithmetic = cost.arithmetic == kernel::Arithmetic::int8  ? LLMC_ARITHMETIC_I8
                       : cost.arithmetic == kernel::Arithmetic::f32 ? LLMC_ARITHMETIC_F32
                       : cost.arithmetic == kernel::Arithmetic::f16 ? LLMC_ARITHMETIC_F16
                                                                    : LLMC_ARITHMETIC_NONE;
      row.weightBytes = cost.weightBytes;
      row.rowBytes = cost.rowBytes;
      row.rowOperations = cost.rowOperations;
      row.keyBytes = cost.keyBytes;
      row.keyOperations = cost.keyOperations;
      row.window = cost.window;
      manifest.launches.push_back(std::move(row));
    }
}

std::string formatOf(kernel::PackedType type) {
  if (kernel::CodesType codes = type.getCodes()) {
    std::string name = (codes.getTable().empty() ? "code" : "table") + std::to_string(codes.getBits());
    name += codes.hasMinimum() ? "+minimum" : "";
    name += " 16x4, group " + std::to_string(codes.getGroup());
    if (codes.getSuper())
      name += " of " + std::to_string(codes.getSuper());
    return type.getStreams() == 1 ? name : name + ", " + std::to_string(type.getStreams()) + " streams";
  }
  std::string name = type.getElement().isF32() ? "f32" : type.getElement().isF16() ? "f16" : "bf16";
  if (type.getLayout() == kernel::PackedLayout::table)
    return name + " table";
  name += type.getElement().isBF16() ? " panel16x2" : " panel16";
  return type.getStreams() == 1 ? name : name + ", " + std::to_string(type.getStreams()) + " streams";
}

void addWeights(ModuleOp module, Manifest &manifest) {
  for (auto weight : module.getOps<kernel::WeightOp>()) {
    auto type = cast<kernel::PackedType>(weight.getType());
    for (int64_t copy = 0; copy < static_cast<int64_t>(weight.getCopies()); ++copy)
      manifest.weights.push_back({nameOf(weight, copy), formatOf(type),
                                  static_cast<uint64_t>(weight.getOffset() + copy * weight.getStride()),
                                  static_cast<uint64_t>(type.getSizeInBytes())});
  }
}

void addGeneration(transformer::TextOp text, Generation &generation) {
  auto real = [](std::optional<APFloat> value) { return value ? static_cast<float>(value->convertToDouble()) : NAN; };
  generation.bosId = text.getBos() ? static_cast<int32_t>(*text.getBos()) : -1;
  generation.padId = text.getPad() ? static_cast<int32_t>(*text.getPad()) : -1;
  for (int64_t id : text.getEos())
    generation.eosIds.push_back(static_cast<int32_t>(id));
  generation.vocabSize = static_cast<uint32_t>(text.getVocabSize());
  generation.doSample = text.getDoSample();
  generation.temperature = real(text.getTemperature());
  generation.topP = real(text.getTopP());
  generation.minP = real(text.getMinP());
  generation.repetitionPenalty = real(text.getRepetitionPenalty());
  generation.topK =
      text.getTopK() ? static_cast<int32_t>(std::min<int64_t>(static_cast<int64_t>(*text.getTopK()), INT32_MAX)) : 0;
  generation.maxPosition =
      static_cast<uint32_t>(std::min<int64_t>(static_cast<int64_t>(text.getContextLength()), UINT32_MAX));
}

/// What a session may hold of a graph that is a text decoder: sequences one after the other, each up to the context.
void addTextBounds(transformer::TextOp text, Manifest &manifest) {
  auto context = static_cast<uint64_t>(text.getContextLength());
  uint64_t tokens = context;
  // Without a past a step reads all tokens of a sequence.
  for (const Tensor &input : manifest.entries.front().inputs)
    if (input.role == LLMC_ROLE_PAST)
      tokens = std::min<uint64_t>(context, kMostStepTokens);
  manifest.dims.push_back({"tokens", LLMC_DIM_TOKENS, 1, tokens, tokens});
  manifest.dims.push_back({"rows", LLMC_DIM_ROWS, 0, tokens, 1});
  manifest.dims.push_back({"sequences", LLMC_DIM_SEQUENCES, 1, kMostSequences, 1});
  manifest.dims.push_back({"context", LLMC_DIM_CONTEXT, 1, context, context});
  addGeneration(text, manifest.generation);
}

/// Of tensor graphs: entries, and dims of sizes that are known only at run time.
template <typename Programs> FailureOr<Manifest> buildGraphManifest(Programs programs, ModuleOp module) {
  Manifest manifest;
  for (kernel::ProgramOp program : programs) {
    if (auto dims = program->getAttrOfType<ArrayAttr>("onnx.dims"))
      for (auto dim : dims.getAsRange<DictionaryAttr>()) {
        auto maximum = static_cast<uint64_t>(dim.getAs<IntegerAttr>("maximum").getInt());
        manifest.dims.push_back({dim.getAs<StringAttr>("name").str(),
                                 dim.getAs<BoolAttr>("computed").getValue() ? LLMC_DIM_COMPUTED : LLMC_DIM_NAMED,
                                 static_cast<uint64_t>(dim.getAs<IntegerAttr>("minimum").getInt()), maximum, maximum});
      }
    FailureOr<Entry> entry = entryOf(program, manifest);
    if (failed(entry))
      return failure();
    manifest.entries.push_back(std::move(*entry));
  }
  for (auto constant : module.getOps<kernel::ConstantOp>())
    manifest.weights.push_back(
        {constant.getKey().str(), "as stored", constant.getOffset(), static_cast<uint64_t>(constant.getSizeInBytes())});
  if (auto text = transformer::lookupOnly<transformer::TextOp>(module))
    addTextBounds(text, manifest);
  addLaunches(module, manifest);
  return manifest;
}

} // namespace

FailureOr<Manifest> buildManifest(ModuleOp module) {
  auto programs = module.getOps<kernel::ProgramOp>();
  if (programs.empty())
    return module.emitError() << "the module has no kernel.program: it has not been scheduled";
  auto bounds = (*programs.begin())->getAttrOfType<transformer::BoundsAttr>("bounds");
  Manifest manifest;
  if (!bounds && (*programs.begin())->hasAttr("onnx.names"))
    return buildGraphManifest(programs, module);
  if (!bounds)
    return (*programs.begin())->emitOpError() << "has no bounds (expected #transformer.bounds<...>)";

  auto tokens = static_cast<uint64_t>(bounds.getMaxTokens());
  auto sequences = static_cast<uint64_t>(bounds.getMaxSequences()),
       context = static_cast<uint64_t>(bounds.getMaxContext());
  // No rows in the middle of a prompt; a caller that wants every position's logits asks for more than one.
  manifest.dims = {{"tokens", LLMC_DIM_TOKENS, 1, tokens, tokens},
                   {"rows", LLMC_DIM_ROWS, 0, tokens, 1},
                   {"sequences", LLMC_DIM_SEQUENCES, 1, sequences, 1},
                   {"context", LLMC_DIM_CONTEXT, 1, context, context}};
  for (kernel::ProgramOp program : programs) {
    FailureOr<Entry> entry = entryOf(program, manifest);
    if (failed(entry))
      return failure();
    manifest.entries.push_back(std::move(*entry));
  }
  addWeights(module, manifest);
  addLaunches(module, manifest);
  if (auto text = transformer::lookupOnly<transformer::TextOp>(module))
    addGeneration(text, manifest.generation);
  else
    for (const Tensor &output : manifest.entries.front().outputs)
      if (output.role == LLMC_ROLE_LOGITS && output.sizes.size() == 2)
        manifest.generation.vocabSize = static_cast<uint32_t>(output.sizes[1].value);
  return manifest;
}

} // namespace llmc::artifact
