// ImportFuzzer.cpp - ONNX files from random bytes through import and lowering: no crash, one message for what is
// refused, and a verified module for what is not.
//
// The reader of the format has a fuzzer of its own under sanitizers (test/fuzz/OnnxFuzzer.cpp); this one is built with
// MLIR's shared libraries, which are not instrumented, with assertions on.
//
//   build/dev/test/onnx/fuzz-onnx-import -runs=1000000 -max_len=2048 FOLDER test/onnx/cases
//
// New inputs go to FOLDER.
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

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace llmc;

namespace {

[[noreturn]] void fail(const char *what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// A context keeps every type and attribute that was ever made in it: after some files there is a new one.
constexpr unsigned kFilesPerContext = 2000;

struct Importer {
  std::unique_ptr<MLIRContext> context;
  unsigned files = 0, errors = 0;
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
      return success();
    });
  }

  void run(const uint8_t *data, size_t size) {
    renew();
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
      fail("the file cannot be written");
    Result<onnx::OpenedModel> opened = onnx::open(path);
    if (!opened)
      return;
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
    PassManager passes(context.get());
    passes.enableVerifier(true);
    passes.addPass(onnx_import::createLowerOnnxPass());
    if (failed(passes.run(*module)) && errors == 0)
      fail("a graph is not lowered, and nothing is said");
  }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Importer importer;
  importer.run(data, size);
  return 0;
}
