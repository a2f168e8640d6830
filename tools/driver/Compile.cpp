// Compile.cpp - a model's way from its files to an artifact, stop by stop.
//
// Not here: what runs between stops (compiler/Pipelines), and how the artifact is put together (Package.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Compile.h"

#include "compiler/Targets/TargetBackend.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/formats/TensorIndex.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/models/Import.h"
#include "mlir/Parser/Parser.h"
#include "runtime/src/platform/CpuFeatures.h"
#include "tools/driver/ChooseFormats.h"
#include "tools/driver/Crash.h"
#include "tools/driver/EmitLib.h"
#include "tools/driver/ModelLookup.h"
#include "tools/driver/Package.h"
#include "tools/driver/Registration.h"
#include "tools/driver/Report.h"
#include "tools/driver/Statistics.h"
#include "tools/driver/Tune.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/TargetParser/Triple.h"

#include <chrono>
#include <unistd.h>

using namespace mlir;

namespace llmc::driver {

Result<std::vector<std::string>> chooseVariants(const std::string &triple, const std::string &cpu, bool entersByRuntime,
                                                bool addsHalves) {
  llvm::Triple target(llvm::Triple::normalize(triple));
  if (!triple.empty() && (target.getArch() != llvm::Triple::x86_64 ||
                          (target.getOS() != llvm::Triple::Linux && target.getOS() != llvm::Triple::UnknownOS)))
    return Diagnostic{"", 0, 0, "--target: no backend for '" + triple + "' (expected x86_64-linux-gnu)", ""};
  std::vector<std::string> all, wanted; // a variant that adds in f16 is for what asks for it
  for (StringRef name : targetBackendNames()) {
    all.push_back(name.str());
    if (targetBackend(name)->addsHalves() == addsHalves)
      wanted.push_back(name.str());
  }
  if (cpu.empty() || cpu == "all")
    return wanted;
  uint64_t host = runtime::platform::hostFeatures();
  bool wantsTiles = cpu == "native" && (host & runtime::platform::tileFeatures);
  if (wantsTiles && (!entersByRuntime || !runtime::platform::allowTiles()))
    host &= ~runtime::platform::tileFeatures;
  for (const std::string &name : all) {
    const TargetBackend *backend = targetBackend(name);
    bool runs =
        backend->architecture() == runtime::platform::hostArchitecture() && !(backend->requiredFeatures() & ~host);
    if (addsHalves && cpu == name && !backend->addsHalves())
      return Diagnostic{
          "", 0, 0, "--dtype f16: " + name + " does not add in f16 (expected --cpu " + llvm::join(wanted, ", ") + ")",
          ""};
    if (cpu == name || (cpu == "native" && runs && backend->addsHalves() == addsHalves))
      return std::vector<std::string>{name};
  }
  if (cpu == "native" && addsHalves)
    return Diagnostic{
        "", 0, 0, "--dtype f16: this machine does not add in f16 (expected AVX512-FP16, or --cpu x86-64-v4-fp16)", ""};
  if (cpu == "native")
    return Diagnostic{"", 0, 0,
                      "--cpu: this machine is none that code can be emitted for (expected AVX2, FMA and F16C)", ""};
  return Diagnostic{"", 0, 0,
                    "--cpu: unknown processor '" + cpu + "' (expected native, all, " + llvm::join(all, ", ") + ")", ""};
}

namespace {

/// MLIR's parser takes a call of itself for each bracket that is open. Where too many are, an offset; else npos.
size_t findTooDeep(StringRef text) {
  constexpr size_t most = 256;
  size_t depth = 0;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (quote) {
      if (byte == '\\')
        ++i;
      else if (byte == quote || byte == '\n')
        quote = 0;
    } else if (byte == '"') {
      quote = byte;
    } else if (text.substr(i).starts_with("//")) {
      i = text.find('\n', i);
      if (i == StringRef::npos)
        break;
    } else if (StringRef("([{<").contains(byte)) {
      if (++depth > most)
        return i;
    } else if (StringRef(")]}>").contains(byte) && depth > 0 && !(byte == '>' && i > 0 && text[i - 1] == '-')) {
      --depth;
    }
  }
  return StringRef::npos;
}

class CompileJob {
public:
  CompileJob(const CompileOptions &options, Messages &messages) : options(options), messages(messages) {}

  ExitCode run() {
    context = makeContext();
    MessageHandler handler(context.get(), messages);
    if (options.verbose)
      tellMissed(*context, messages);

    if (options.tempsFolder)
      if (std::error_code error = llvm::sys::fs::create_directories(*options.tempsFolder))
        return messages.error(*options.tempsFolder, "cannot make the folder: " + reasonOf(error)), exitInput;
    if (!load())
      return exitInput;
    if (pipeline().graph.isGraph && options.pipeline.lower.sums == "f16")
      return messages.error(options.model, "--dtype f16: a graph says itself what its products are added in",
                            "compile it with --dtype f32"),
             exitInput;
    if (options.printPipeline)
      return printPasses() ? exitDone : exitInput;
    if (!readMachineFile())
      return exitInput;
    if (!checkOutput())
      return exitInput;
    for (const StopInfo &info : allStops())
      if (info.stop > at && info.stop <= std::min(options.to, Stop::Schedule) && !advance(info.stop))
        return failure;
    bool done = options.to <= Stop::Schedule ? writeModule() : finish();
    messages.clearProgress();
    return done ? exitDone : failure;
  }

private:
  const CompileOptions &options;
  Messages &messages;
  std::unique_ptr<MLIRContext> context;
  OwningOpRef<ModuleOp> module;
  Stop at = Stop::Parse;
  std::string name;             // of the model
  ExitCode failure = exitInput; // whose mistake it is that a compile failed
  Report report;
  std::optional<MachineDescription> machine; // of a file

  bool readMachineFile() {
    if (options.machineFile.empty())
      return true;
    Result<MachineDescription> read = readMachine(options.machineFile);
    if (!read)
      return messages.error(read.error()), false;
    machine = std::move(*read);
    return true;
  }

  /// Times what leads to a stop, and shows it while it runs.
  template <typename Work> auto timed(Stop stop, Work work, StringRef part = "") {
    const StopInfo &info = allStops()[static_cast<size_t>(stop)];
    std::string place = std::to_string(static_cast<int>(stop) + 1) + "/" + std::to_string(allStops().size());
    messages.progress(
        ("[" + place + "] " + info.name + ": " + info.description + (part.empty() ? "" : ": ") + part).str());
    auto start = std::chrono::steady_clock::now();
    auto result = work();
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    auto known = llvm::find_if(report.seconds, [&](const auto &entry) { return entry.first == stop; });
    if (known == report.seconds.end())
      report.seconds.push_back({stop, seconds});
    else
      known->second += seconds;
    return result;
  }

  bool load() {
    if (options.model == "-")
      return timed(Stop::Parse, [&] { return readText(); });
    Result<std::string> directory = findModel(options.model);
    if (!directory)
      return messages.error(directory.error()), false;
    module = timed(Stop::Parse, [&] { return models::parseCheckpoint(*directory, context.get()); });
    if (!module)
      return false;
    name = modelName(*directory);
    // A graph that was found in a folder is called like the folder: most are model.onnx.
    if (llvm::StringRef folder = llvm::sys::path::parent_path(*directory);
        *directory != options.model && onnx::isOnnxPath(*directory)) {
      if (llvm::sys::path::filename(folder) == "onnx")
        folder = llvm::sys::path::parent_path(folder);
      name = modelName(folder.empty() ? "." : folder.str());
    }
    if (!options.statistics.empty()) {
      Checked checked = timed(Stop::Parse, [&] { return checkStatistics(options.statistics, *directory); });
      if (!checked)
        return messages.error(checked.error()), false;
      transformer::lookupOnly<transformer::CheckpointOp>(*module).setStatistics(options.statistics);
    }
    return saved();
  }

  /// A module as text, at whatever stop it is.
  bool readText() {
    auto text = llvm::MemoryBuffer::getSTDIN();
    if (!text)
      return messages.error("<stdin>", "cannot read: " + reasonOf(text.getError())), false;
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy((*text)->getBuffer(), "<stdin>");
    if (size_t at = findTooDeep(buffer->getBuffer()); at != StringRef::npos) {
      StringRef before = buffer->getBuffer().take_front(at);
      size_t lineStart = before.rfind('\n') + 1; // 0 where there is none
      return messages.error({"<stdin>", unsigned(before.count('\n') + 1), unsigned(at - lineStart + 1),
                             "nested more than 256 deep", ""}),
             false;
    }
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
    module = parseSourceFile<ModuleOp>(sources, context.get());
    if (!module)
      return false;
    at = stopOfModule(*module);
    auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(*module);
    if (!checkpoint)
      return messages.error("<stdin>", "the module names no checkpoint",
                            "llmc compile MODEL --emit mlir --compile-to STOP -o - writes such text"),
             false;
    name = modelName(checkpoint.getDirectory().str());
    if (at > options.to)
      return messages.error("<stdin>", "the module is at the stop '" + stopName(at).str() + "', past '" +
                                           stopName(options.to).str() + "'"),
             false;
    return true;
  }

  /// As llmc-opt prints it.
  std::string moduleText() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    return text + "\n";
  }

  /// Writes this stop's text where it was asked for.
  bool saved() {
    if (options.printAfter == at)
      llvm::errs() << "// after " << stopName(at) << "\n" << moduleText();
    if (!options.tempsFolder)
      return true;
    return saveTemp(std::to_string(static_cast<int>(at) + 1) + "-" + stopName(at) + ".mlir", moduleText());
  }

  /// A mistake of ours, not of the user: the file is sound once it is imported, and what no kernel can do is refused
  /// while lowering, and weights that cannot be stored as asked while quantising. Text that came in may be anything.
  bool internalError(Stop stop, StringRef before) {
    bool theirs = options.model == "-" || stop == Stop::Import || stop == Stop::Quantize || stop == Stop::Lower ||
                  (stop == Stop::Schedule && !options.pipeline.schedule.file.empty());
    if (!messages.sawError())
      messages.error("", "the stop '" + stopName(stop).str() + "' failed without saying why");
    if (theirs)
      return false;
    failure = exitInternal;
    messages.note(reproducerNote(before));
    return false;
  }

  /// The options, with what the module says of itself.
  PipelineOptions pipeline() {
    PipelineOptions known = options.pipeline;
    auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(*module);
    known.graph.isGraph = checkpoint && checkpoint.getFormat() == transformer::CheckpointFormat::Onnx;
    return known;
  }

  bool advance(Stop stop) {
    PassManager manager(context.get());
    addPipeline(manager, stop, pipeline());
    std::string before = moduleText();
    CrashText text(before);
    if (!timed(stop, [&] { return options.failAt != stop && succeeded(manager.run(*module)); }))
      return internalError(stop, before);
    at = stop;
    return saved();
  }

  /// One pipeline for all stops on the way.
  bool printPasses() {
    PassManager manager(context.get(), ModuleOp::getOperationName());
    for (const StopInfo &info : allStops())
      if (info.stop > at && info.stop <= std::min(options.to, Stop::Schedule))
        addPipeline(manager, info.stop, pipeline());
    std::string text;
    llvm::raw_string_ostream stream(text);
    manager.printAsTextualPipeline(stream);
    return toStdout(text + "\n");
  }

  std::string outputPath(StringRef suffix) const {
    return options.output.empty() ? "./" + name + suffix.str() : options.output;
  }

  /// Mistakes that a long compile should not end with.
  bool checkOutput() {
    if (options.output == "-")
      return true;
    std::string path = outputPath(suffixOf());
    if (isModelFile(path))
      return messages.error(path, "cannot write: is a file of the model", "name another output with -o"), false;
    if (options.model == "-" && isStdin(path))
      return messages.error(path, "cannot write: is the text that is compiled", "name another output with -o"), false;
    bool clash = options.output.empty() && llvm::sys::fs::is_directory(path);
    return clash ? (messages.error(path, "cannot write: is a directory", "name the output with -o"), false)
                 : canWrite(path, options.to == Stop::Pack && options.emit == Emit::Exe, messages);
  }

  /// Whether a path leads to one of the files that the model is read from, or that say what it is.
  bool isModelFile(StringRef path) {
    auto checkpoint = transformer::lookupOnly<transformer::CheckpointOp>(*module);
    if (!checkpoint || !llvm::sys::fs::exists(path))
      return false;
    auto isModels = [](StringRef file) {
      StringRef suffix = llvm::sys::path::extension(file), stem = llvm::sys::path::stem(file);
      return llvm::is_contained({".json", ".safetensors", ".model", ".jinja", ".txt", ".md"}, suffix) ||
             stem.starts_with("LICEN");
    };
    std::error_code error;
    StringRef folder = checkpoint.getDirectory();
    if (checkpoint.getFormat() == transformer::CheckpointFormat::Onnx)
      return isOnnxModelFile(folder, path);
    if (checkpoint.getFormat() == transformer::CheckpointFormat::Gguf) {
      // The file may lie among anything; its parts are beside it.
      folder = llvm::sys::path::has_parent_path(folder) ? llvm::sys::path::parent_path(folder) : ".";
      for (llvm::sys::fs::directory_iterator file(folder, error), end; file != end && !error; file.increment(error))
        if (llvm::sys::path::extension(file->path()) == ".gguf" && llvm::sys::fs::equivalent(file->path(), path))
          return true;
      return llvm::sys::fs::equivalent(checkpoint.getDirectory(), path);
    }
    for (llvm::sys::fs::recursive_directory_iterator file(folder, error), end; file != end && !error;
         file.increment(error)) {
      if (file.level() > 3) // shards lie in the folder, seldom in one inside it
        file.no_push();
      if (isModels(file->path()) && llvm::sys::fs::equivalent(file->path(), path))
        return true;
    }
    return false;
  }

  /// The graph itself, or a file beside it that holds tensors of it.
  static bool isOnnxModelFile(StringRef model, StringRef path) {
    if (llvm::sys::fs::equivalent(model, path))
      return true;
    Result<TensorIndex> index = openCheckpoint(model.str());
    return index && llvm::any_of(index->files(),
                                 [&](const MappedFile &file) { return llvm::sys::fs::equivalent(file.path(), path); });
  }

  static bool isStdin(StringRef path) {
    llvm::sys::fs::file_status input, output;
    return !llvm::sys::fs::status(STDIN_FILENO, input) && !llvm::sys::fs::status(path, output) &&
           input.type() == llvm::sys::fs::file_type::regular_file && llvm::sys::fs::equivalent(input, output);
  }

  StringRef suffixOf() const {
    if (options.to <= Stop::Schedule)
      return ".mlir";
    switch (options.emit) {
    case Emit::Exe:
    case Emit::Lib: // the start of three names
      return "";
    case Emit::Llmc:
      return ".llmc";
    case Emit::Obj:
      return ".o";
    case Emit::Asm:
      return ".s";
    case Emit::LLVM:
      return ".ll";
    case Emit::MLIR:
      return ".mlir";
    }
    llvm_unreachable("no such form");
  }

  bool writeText(StringRef text) {
    return options.output == "-" ? toStdout(text) : writeWhole(outputPath(suffixOf()), text, messages);
  }

  bool toStdout(StringRef text) {
    llvm::outs() << text;
    llvm::outs().flush();
    if (!llvm::outs().has_error())
      return true;
    std::string reason = reasonOf(llvm::outs().error());
    bool closed = llvm::outs().error() == std::errc::broken_pipe;
    llvm::outs().clear_error();
    return closed || (messages.error("<stdout>", "cannot write: " + reason), false);
  }

  bool writeModule() { return writeText(moduleText()); }

  bool hasIntegerProducts() {
    WalkResult found = module->walk(
        [](kernel::MatmulOp matmul) { return matmul.isQuantized() ? WalkResult::interrupt() : WalkResult::advance(); });
    return found.wasInterrupted();
  }

  /// Code for each variant, then the artifact or the form of code that was asked for.
  bool finish() {
    bool library = options.emit == Emit::Lib;
    bool packs = options.emit == Emit::Exe || options.emit == Emit::Llmc || library;
    if (library)
      nameLibraryEntries(*module, libraryName(outputPath(suffixOf())));
    PackageInput input;
    input.module = *module;
    input.name = name;
    input.facts = options.facts;
    if (packs && options.to == Stop::Pack && !timed(Stop::Pack, [&] { return input.open(messages); }))
      return false;
    std::string dump, before = moduleText();
    CrashText text(before);
    std::vector<char> object;
    for (const std::string &variant : options.variants) {
      // Of two variants that differ in products of integers alone a model without them needs one.
      if (options.variants.size() > 1 && targetBackend(variant)->isForIntegers() && !hasIntegerProducts())
        continue;
      CodegenDumps dumps;
      bool keepsAll = options.tempsFolder.has_value();
      std::string llvmIR, assembly;
      if (options.emit == Emit::LLVM || keepsAll)
        dumps.llvmIR = &llvmIR;
      if (options.emit == Emit::Asm || keepsAll)
        dumps.assembly = &assembly;
      if (options.emit == Emit::Obj || library)
        dumps.object = &object;
      FailureOr<CompiledCode> code = timed(
          Stop::Codegen,
          [&] {
            if (options.failAt == Stop::Codegen)
              llvm::report_fatal_error("as --fail-at asks for");
            return compilePrograms(*module, *targetBackend(variant), dumps);
          },
          variant);
      if (failed(code))
        return internalError(Stop::Codegen, before);
      report.codeBytes.push_back({variant, code->image.size()});
      input.codes.push_back(std::move(*code));
      dump += options.emit == Emit::LLVM ? llvmIR : options.emit == Emit::Asm ? assembly : "";
      if (keepsAll && (!saveCode(variant, "ll", llvmIR) || !saveCode(variant, "s", assembly)))
        return false;
    }
    if (options.to == Stop::Codegen && packs)
      return true;
    if (options.emit == Emit::Obj)
      return writeText(StringRef(object.data(), object.size()));
    if (!packs)
      return writeText(dump);

    report.output = outputPath(suffixOf());
    if (library)
      return timed(Stop::Pack, [&] { return writeLibrary(input, object, report.output, messages); });
    bool written = timed(
        Stop::Pack, [&] { return writePackage(input, report.output, options.emit == Emit::Exe, report, messages); });
    messages.clearProgress();
    if (!written ||
        (options.tempsFolder &&
         !saveTemp(std::to_string(static_cast<int>(Stop::Pack) + 1) + "-pack.manifest", input.manifest.bytes())))
      return false;
    if (!options.quiet)
      printReport(llvm::errs(), report, input.manifest);
    if (options.report || options.verbose)
      printDetails(llvm::errs(), input.manifest);
    if (!options.reportFile.empty())
      return writeWhole(options.reportFile,
                        reportFile(options.reportFile, report, input.manifest,
                                   machine ? *machine : machineOfVariant(input.manifest.variants.front().name)),
                        messages);
    return true;
  }

  bool saveCode(StringRef variant, StringRef suffix, StringRef text) {
    return saveTemp(std::to_string(static_cast<int>(Stop::Codegen) + 1) + "-codegen." + variant + "." + suffix, text);
  }

  bool saveTemp(const Twine &what, StringRef bytes) {
    llvm::SmallString<256> path(*options.tempsFolder);
    llvm::sys::path::append(path, name + "." + what);
    return writeWhole(std::string(path), bytes, messages);
  }
};

} // namespace

ExitCode compile(const CompileOptions &options, Messages &messages) {
  if (options.maxDivergence >= 0) {
    CompileOptions chosen = options;
    ExitCode code = chooseFormats(chosen, messages);
    chosen.maxDivergence = -1;
    return code ? code : compile(chosen, messages);
  }
  if (!options.tuneFile.empty()) {
    CompileOptions tuned = options;
    ExitCode code = tune(tuned, messages);
    tuned.tuneFile.clear();
    return code ? code : compile(tuned, messages);
  }
  CrashGuard guard;
  nameOptions(options.words);
  return CompileJob(options, messages).run();
}

} // namespace llmc::driver
