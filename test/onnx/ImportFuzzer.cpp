// ImportFuzzer.cpp - ONNX files, changed at random, through import and lowering: no crash, one message for what is
// refused, and a verified module for what is not.
//
// The reader of the format has a fuzzer of its own under sanitizers (test/fuzz/OnnxFuzzer.cpp); this one is built with
// MLIR's shared libraries, which are not instrumented, with assertions on.
//
//   build/dev/bin/fuzz-onnx-import -runs=1000000 -seed=1 test/onnx/cases test/onnx/microsoft
//   build/dev/bin/fuzz-onnx-import -sweep=1 test/onnx/cases test/onnx/microsoft
//
// A third of the files is made up, an operator of the table each, and the others come of those in the folders by
// changes of fields. With `-sweep=1` it is each of those in the folders with one thing changed, in every way in turn
// (test/fuzz/onnx/Sweep.h). `-first=N -runs=M -seed=S` runs files N to N + M of those that S makes; of one file alone
// it shows what is said of it, and `-save=PATH` writes it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialects/Kernel/IR/Kernel.h"
#include "dialects/ONNX/IR/ONNX.h"
#include "dialects/Transformer/IR/Transformer.h"
#include "frontends/onnx/GraphImporter.h"
#include "frontends/onnx/Import.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "test/fuzz/onnx/Allocated.h"
#include "test/fuzz/onnx/Fields.h"
#include "test/fuzz/onnx/Maker.h"
#include "test/fuzz/onnx/Sweep.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace llmc;
using llmc::test::Random;

namespace {

volatile sig_atomic_t currentRun = 0;
extern "C" void onSignal(int number) {
  char text[64];
  int size = std::snprintf(text, sizeof text, "signal %d in run %d\n", number, static_cast<int>(currentRun));
  if (::write(2, text, static_cast<size_t>(size)) < 0) {
  }
  std::signal(number, SIG_DFL);
  std::raise(number);
}

[[noreturn]] void fail(const char *what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// A context keeps every type and attribute that was ever made in it: after some files there is a new one.
constexpr unsigned kFilesPerContext = 2000;
constexpr size_t kMostBytes = 64 << 20;

class Importer {
public:
  std::unique_ptr<MLIRContext> context;
  unsigned files = 0, errors = 0;
  long runs = 0, imported = 0, lowered = 0;
  bool shows = false; ///< what is said of files
  int file = ::memfd_create("m.onnx", 0);
  std::string path = "/proc/self/fd/" + std::to_string(file);

  void renew() {
    if (context && ++files < kFilesPerContext)
      return;
    files = 0;
    DialectRegistry registry;
    registry.insert<affine::AffineDialect, arith::ArithDialect, bufferization::BufferizationDialect, func::FuncDialect,
                    kernel::KernelDialect, linalg::LinalgDialect, math::MathDialect, onnx_ir::ONNXDialect,
                    scf::SCFDialect, tensor::TensorDialect, transformer::TransformerDialect>();
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    context->getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      if (shows)
        std::fprintf(stderr, "%s\n", diagnostic.str().c_str());
      return success();
    });
  }

  void run(const std::string &bytes) {
    renew();
    ++runs;
    test::resetPeak();
    ::alarm(10);
    import(bytes);
    ::alarm(0);
    if (bytes.size() <= 1024 && test::peakBytes() > kMostBytes)
      fail("a file of a kilobyte takes more than 64 MB");
  }

private:
  void import(const std::string &bytes) {
    if (::ftruncate(file, 0) != 0 ||
        ::pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      fail("the file cannot be written");
    Result<onnx::OpenedModel> opened = onnx::open(path);
    if (!opened) {
      if (shows)
        std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      return;
    }
    errors = 0;
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
    onnx_import::GraphImporter importer(*module, *opened, "m.onnx", {});
    if (failed(importer.run())) {
      if (errors != 1)
        fail("a file is refused with no message, or with more than one");
      return;
    }
    if (errors != 0 || failed(verify(*module)))
      fail("what is imported does not verify");
    ++imported;
    PassManager passes(context.get());
    passes.enableVerifier(false);
    passes.addPass(onnx_import::createLowerOnnxPass());
    bool done = succeeded(passes.run(*module));
    lowered += done;
    if (errors != (done ? 0 : 1))
      fail("a graph is not lowered with no message, or with more than one, or lowered with one");
    if (done && failed(verify(*module)))
      fail("what is lowered does not verify");
  }
};

std::string read(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

} // namespace

int main(int count, char **arguments) {
  long runs = 1000, seed = 1, first = 0, longest = 2048, sweeps = 0;
  const char *save = nullptr;
  test::Changer changer;
  for (int i = 1; i < count; ++i) {
    auto option = [&](const char *name, long &value) {
      size_t size = std::strlen(name);
      bool is = std::strncmp(arguments[i], name, size) == 0;
      if (is)
        value = std::strtol(arguments[i] + size, nullptr, 10);
      return is;
    };
    if (option("-runs=", runs) || option("-seed=", seed) || option("-first=", first) || option("-max_len=", longest) ||
        option("-sweep=", sweeps))
      continue;
    if (std::strncmp(arguments[i], "-save=", 6) == 0) {
      save = arguments[i] + 6;
      continue;
    }
    std::vector<std::string> paths;
    std::error_code fault;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(arguments[i], fault))
      if (entry.path().extension() == ".onnx" && entry.file_size() <= static_cast<uintmax_t>(longest))
        paths.push_back(entry.path().string());
    llvm::sort(paths); // folders are read in any order
    for (const std::string &path : paths)
      changer.add(read(path));
  }
  if (changer.empty()) {
    std::fprintf(stderr, "no .onnx files to begin with\n");
    return 1;
  }
  for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    std::signal(number, onSignal);
  Importer importer;
  importer.shows = runs == 1;
  auto run = [&](long number, std::string bytes) {
    if (number < first || number >= first + runs)
      return;
    currentRun = static_cast<sig_atomic_t>(number);
    if (bytes.size() > 2 * static_cast<size_t>(longest))
      bytes.resize(2 * static_cast<size_t>(longest));
    if (save)
      std::ofstream(save, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    importer.run(bytes);
  };
  if (sweeps) {
    long number = 0;
    for (size_t i = 0; i < changer.count() && number < first + runs; ++i)
      test::sweep(changer.file(i), [&](const std::string &bytes) { run(number++, bytes); });
  } else {
    for (long number = first; number < first + runs; ++number) {
      Random random(static_cast<uint64_t>(seed) << 32 ^ static_cast<uint64_t>(number));
      if (number % 3) {
        run(number, changer.next(random));
      } else {
        std::string made = test::makeModel(static_cast<size_t>(number) / 3, random);
        run(number, test::chance(random, 70) ? made : changer.changed(made, random));
      }
    }
  }
  std::printf("Done %ld runs: %ld imported, %ld of them lowered\n", importer.runs, importer.imported, importer.lowered);
  return 0;
}
