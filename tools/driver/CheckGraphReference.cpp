// CheckGraphReference.cpp - a compiled graph beside the same graph run op by op.
//
// The outputs of the compiled code are compared first. Where one differs, the graph is compiled again with values in
// between as outputs, a run of nodes at a time, until one is found that differs as well.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Check.h"

#include "compiler/Pipelines/Pipelines.h"
#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/formats/onnx/Operators.h"
#include "frontends/models/Import.h"
#include "llmc/artifact_format.h"
#include "llmc/entry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "runtime/src/runner/TensorFiles.h"
#include "tools/driver/Compile.h"
#include "tools/driver/GraphReference.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Temporary.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <map>
#include <random>

using namespace mlir;

namespace llmc::driver {

namespace {

/// Values that one compile hands out: an artifact has 256 outputs and dims, and a value up to LLMC_MAX_RANK dims.
constexpr int64_t kValuesAtOnce = 24;

llmc_tensor_info blank() {
  llmc_tensor_info info = {};
  info.struct_size = sizeof info;
  return info;
}

/// A compiled graph, open.
struct Compiled {
  Temporary file;
  llmc_model *model = nullptr;
  llmc_call *call = nullptr;
  ~Compiled() {
    llmc_call_close(call);
    llmc_model_close(model);
  }
};

/// An input as it is handed in.
struct Given {
  std::vector<uint64_t> sizes;
  std::vector<char> bytes;
};

bool isFloat(uint32_t type) { return type == LLMC_F32 || type == LLMC_F64 || type == LLMC_F16 || type == LLMC_BF16; }

class ReferenceCheck {
public:
  ReferenceCheck(const CheckOptions &options, Messages &messages) : options(options), messages(messages) {}

  ExitCode run(const llmc_model &model) {
    Result<TensorIndex> opened = openCheckpoint(options.file);
    if (!opened)
      return messages.error(opened.error()), exitInput;
    weights.emplace(std::move(*opened));
    llmc_error error;
    Compiled whole;
    if (llmc_call_open(&model, nullptr, nullptr, &whole.call, &error))
      return messages.error(options.file, error.message, error.note), exitInput;
    if (!chooseInputs(model, llmc_call_entry(whole.call)))
      return exitInput;
    bool same = true;
    size_t compared = 0;
    if (!compare(model, whole.call, 0, 0, 0, same, compared))
      return exitInput;
    if (same && !options.all)
      return exitDone;
    return lookInside(same, compared);
  }

private:
  /// The values between inputs and outputs, a run of nodes after the other.
  ExitCode lookInside(bool outputsAgree, size_t numOutputs) {
    for (int64_t first = 0;; first += kValuesAtOnce) {
      Compiled part;
      if (!compilePart(first, part))
        return exitInput;
      bool same = true;
      size_t compared = 0;
      if (!compare(*part.model, part.call, first, kValuesAtOnce, numOutputs, same, compared))
        return exitInput;
      if (!same && !options.all)
        return exitThreshold;
      outputsAgree &= same;
      if (isLast)
        break;
    }
    if (outputsAgree)
      return exitDone;
    if (!named)
      messages.error(options.file, "no value in between differs when it is an output itself",
                     "what differs is in what was fused: see --emit mlir --compile-to schedule");
    return exitThreshold;
  }

  bool compilePart(int64_t first, Compiled &part) {
    CompileOptions compileOptions;
    compileOptions.model = options.file;
    compileOptions.emit = Emit::Llmc;
    compileOptions.quiet = true;
    compileOptions.pipeline.graph.dims = options.dims;
    compileOptions.pipeline.graph.isText = false;
    compileOptions.pipeline.graph.exposeFirst = first;
    compileOptions.pipeline.graph.exposeCount = kValuesAtOnce;
    Result<std::vector<std::string>> variants = chooseVariants("", "native");
    if (!variants)
      return messages.error(variants.error()), false;
    compileOptions.variants = *variants;
    if (!part.file.make(messages))
      return false;
    compileOptions.output = part.file.path;
    if (compile(compileOptions, messages))
      return false;
    llmc_error error;
    if (llmc_model_open(part.file.path.c_str(), &part.model, &error) ||
        llmc_call_open(part.model, nullptr, nullptr, &part.call, &error))
      return messages.error(options.file, error.message, error.note), false;
    return true;
  }

  /// The graph as it is lowered, unraised and unfused.
  OwningOpRef<ModuleOp> lowered(MLIRContext &context, int64_t first, int64_t count) {
    OwningOpRef<ModuleOp> module = models::parseCheckpoint(options.file, &context);
    if (!module)
      return {};
    PassManager manager(&context, ModuleOp::getOperationName());
    GraphOptions graph;
    graph.isGraph = true;
    graph.isText = false;
    graph.dims = options.dims;
    graph.exposeFirst = first;
    graph.exposeCount = count;
    addGraphImportPipeline(manager, graph, {});
    [[maybe_unused]] LogicalResult parsed = parsePassPipeline("llmc-lower-onnx", manager);
    assert(succeeded(parsed) && "the frontends' passes are registered");
    if (failed(manager.run(*module)))
      return {};
    return module;
  }

  /// Runs compiled code and reference on the same inputs and compares their outputs from number `skip` on.
  bool compare(const llmc_model &model, llmc_call *call, int64_t first, int64_t count, size_t skip, bool &same,
               size_t &compared) {
    llmc_error error;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (llmc_call_set_sizes(call, i, inputs[i].sizes.data(), inputs[i].sizes.size(), &error))
        return messages.error(options.file, error.message, error.note), false;
      std::memcpy(llmc_call_input(call, i), inputs[i].bytes.data(), inputs[i].bytes.size());
    }
    if (llmc_call_run(call, &error)) {
      messages.error(options.file, error.message, "sizes and inputs of your own: --dim NAME=N, --input NAME=FILE");
      return false;
    }
    std::unique_ptr<MLIRContext> owned = makeContext();
    MLIRContext &context = *owned;
    MessageHandler handler(&context, messages);
    // What compiling has said once.
    ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &diagnostic) {
      return success(diagnostic.getSeverity() != DiagnosticSeverity::Error);
    });
    OwningOpRef<ModuleOp> module = lowered(context, first, count);
    if (!module)
      return false;
    auto entry = *(*module).getOps<func::FuncOp>().begin();
    std::vector<PlainTensor> arguments, expected;
    for (auto [given, type] : llvm::zip(inputs, entry.getArgumentTypes())) {
      PlainTensor tensor;
      tensor.shape.assign(given.sizes.begin(), given.sizes.end());
      tensor.element = cast<RankedTensorType>(type).getElementType();
      tensor.bytes = given.bytes;
      arguments.push_back(std::move(tensor));
    }
    if (failed(runGraphReference(entry, *weights, std::move(arguments), expected)))
      return false;
    auto names = entry->getAttrOfType<ArrayAttr>("onnx.names");
    if (auto values = entry->getAttrOfType<IntegerAttr>("onnx.values"))
      isLast = first + count >= values.getInt();
    for (size_t i = skip; i < expected.size(); ++i) {
      std::string name = cast<StringAttr>(names[inputs.size() + i]).getValue().str();
      std::string shown = count ? describe(name) : "output '" + name + "'";
      llmc_tensor_info info = blank();
      llmc_call_output_info(call, i, &info);
      ++compared;
      if (expected[i].bytes.size() != info.bytes ||
          !std::equal(expected[i].shape.begin(), expected[i].shape.end(), info.sizes, info.sizes + info.rank)) {
        same = false;
        messages.error(options.file, shown + " is " +
                                         runtime::describeTensor(info.element_type, info.sizes, info.rank) +
                                         ", the reference's has other sizes");
        continue;
      }
      if (compareOutput(options, info, llmc_call_output(call, i), expected[i].bytes.data(), name, shown))
        continue;
      same = false;
      llvm::outs().flush();
      if (count && !named) {
        messages.error(options.file, shown + " is the first that differs");
        named = true;
        if (!options.all)
          return true;
      }
    }
    llvm::outs().flush();
    return true;
  }

  /// "node 'h.0/MatMul' (MatMul, opset 17): value 'x'".
  std::string describe(const std::string &name) {
    Result<onnx::OpenedModel> opened = onnx::open(options.file);
    if (opened)
      for (const onnx::Node &node : opened->model.graph.nodes)
        for (std::string_view output : node.outputs)
          if (json::printable(output, 200) == name)
            return onnx::describeNode(node, opened->model.opset()) + ": value '" + name + "'";
    return "value '" + name + "'";
  }

  //===-- inputs -------------------------------------------------------------------------------------------------===//

  bool chooseInputs(const llmc_model &model, uint32_t entry) {
    std::map<std::string, std::string> files;
    for (const std::string &input : options.inputs) {
      auto [name, path] = StringRef(input).split('=');
      files[name.str()] = path.str();
    }
    std::vector<llmc_tensor_info> infos;
    for (llmc_tensor_info info; llmc_entry_input(&model, entry, infos.size(), &(info = blank())) == LLMC_OK;)
      infos.push_back(info);
    inputs.resize(infos.size());
    // Files first: their sizes are those of dims that others share.
    for (size_t i = 0; i < infos.size(); ++i) {
      llmc_tensor_info &info = infos[i];
      auto file = files.find(std::string(info.name.data, info.name.size));
      if (file == files.end())
        continue;
      uint64_t sizes[LLMC_MAX_RANK] = {};
      std::string mistake;
      inputs[i].bytes.resize(std::max<uint64_t>(info.bytes, 1));
      if (!runtime::readTensorFile(file->second, info, inputs[i].bytes.data(), sizes, mistake))
        return messages.error(file->second, mistake + ", for input '" + file->first + "'"), false;
      setSizes(info, sizes, inputs[i]);
      for (uint32_t d = 0; d < info.rank; ++d)
        if (info.dims[d].size)
          dims[std::string(info.dims[d].data, info.dims[d].size)] = sizes[d];
      files.erase(file);
    }
    if (!files.empty())
      return messages.error(options.file, "--input " + files.begin()->first + ": no input has that name"), false;
    for (size_t i = 0; i < infos.size(); ++i)
      if (inputs[i].bytes.empty())
        draw(infos[i], inputs[i], i);
    return true;
  }

  static void setSizes(const llmc_tensor_info &info, const uint64_t *sizes, Given &given) {
    given.sizes.assign(sizes, sizes + info.rank);
    uint64_t bytes = llmc_element_size(info.element_type);
    for (uint64_t size : given.sizes)
      bytes *= size;
    given.bytes.resize(bytes);
  }

  /// A size for a dim: small, and a sum where the name says one.
  uint64_t sizeOf(const std::string &name, uint64_t least, uint64_t most) {
    if (auto known = dims.find(name); known != dims.end())
      return known->second;
    StringRef text = name;
    uint64_t size = 3 + dims.size() % 3;
    auto of = [&](StringRef part) { // the dim whose name has it
      for (const auto &[other, value] : dims)
        if (StringRef(other).contains_insensitive(part) && !StringRef(other).contains_insensitive("total"))
          return value;
      return uint64_t(0);
    };
    if (text.contains('+')) {
      SmallVector<StringRef> terms;
      text.split(terms, '+');
      size = 0;
      for (StringRef term : terms) {
        uint64_t number;
        size += !term.trim().getAsInteger(10, number) ? number : sizeOf(term.trim().str(), 1, 64);
      }
    } else if (text.contains_insensitive("total")) {
      size = of("past") + of("seq");
    } else if (text.contains_insensitive("batch")) {
      size = 2;
    }
    return dims[name] = std::min(std::max(size, least), most);
  }

  void draw(const llmc_tensor_info &info, Given &given, size_t number) {
    uint64_t sizes[LLMC_MAX_RANK];
    for (uint32_t d = 0; d < info.rank; ++d)
      sizes[d] = info.dims[d].size
                     ? sizeOf(std::string(info.dims[d].data, info.dims[d].size), info.minimums[d], info.sizes[d])
                     : info.sizes[d];
    setSizes(info, sizes, given);
    std::mt19937_64 random(options.seed * 1000003 + number);
    StringRef name(info.name.data, info.name.size);
    const unsigned size = llmc_element_size(info.element_type);
    const size_t count = given.bytes.size() / size;
    const uint64_t last = info.rank ? given.sizes[info.rank - 1] : 1;
    for (size_t i = 0; i < count; ++i) {
      // The sum of twelve is near enough to a normal one, and the same everywhere.
      double real = -6;
      for (int k = 0; k < 12; ++k)
        real += double(random() >> 11) / double(uint64_t(1) << 53);
      uint64_t bits = name.contains_insensitive("mask")       ? 1
                      : name.contains_insensitive("position") ? i % last
                      : info.element_type == LLMC_BOOL        ? random() % 2
                                                              : random() % 5;
      if (isFloat(info.element_type))
        bits = bitsOf(real, info.element_type);
      std::memcpy(&given.bytes[i * size], &bits, size);
    }
  }

  static uint64_t bitsOf(double value, uint32_t type) {
    llvm::APFloat number(value);
    bool lost;
    number.convert(type == LLMC_F16    ? llvm::APFloat::IEEEhalf()
                   : type == LLMC_BF16 ? llvm::APFloat::BFloat()
                   : type == LLMC_F32  ? llvm::APFloat::IEEEsingle()
                                       : llvm::APFloat::IEEEdouble(),
                   llvm::APFloat::rmNearestTiesToEven, &lost);
    return number.bitcastToAPInt().getZExtValue();
  }

  const CheckOptions &options;
  Messages &messages;
  std::optional<TensorIndex> weights;
  std::vector<Given> inputs;
  std::map<std::string, uint64_t> dims;
  bool named = false, isLast = false;
};

} // namespace

ExitCode checkGraphReference(const CheckOptions &options, const llmc_model &model, Messages &messages) {
  return ReferenceCheck(options, messages).run(model);
}

} // namespace llmc::driver
