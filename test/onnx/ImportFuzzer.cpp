// ImportFuzzer.cpp - ONNX files, changed at random, through import and lowering: no crash, one message for what is
// refused, and a verified module for what is not.
//
// The reader of the format has a fuzzer of its own under sanitizers (test/fuzz/OnnxFuzzer.cpp); this one is built with
// MLIR's shared libraries, which are not instrumented, with assertions on.
//
//   build/dev/test/onnx/fuzz-onnx-import -runs=1000000 -seed=1 test/onnx/cases test/onnx/microsoft
//
// `-first=N -runs=M -seed=S` runs files N to N + M of those that S makes; of one file alone it shows what is said of
// it.
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

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace llmc;

namespace {

using Random = std::mt19937_64;
size_t below(Random &random, size_t count) { return count ? random() % count : 0; }

/// A field of a message: a number, fixed bytes, or what is delimited by a length, apart where it reads as a message.
struct Field {
  uint32_t number = 0;
  unsigned wire = 0;
  uint64_t value = 0;
  std::string bytes;
  std::vector<Field> fields;
  bool isMessage = false;
};

bool readVarint(std::string_view &in, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    uint8_t byte = static_cast<uint8_t>(in[0]);
    in.remove_prefix(1);
    value |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

bool readFields(std::string_view in, std::vector<Field> &fields, unsigned depth) {
  while (!in.empty()) {
    Field field;
    uint64_t tag, size;
    if (!readVarint(in, tag) || tag < 8 || tag >> 3 > 32)
      return false;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wire = tag & 7;
    if (field.wire == 0) {
      if (!readVarint(in, field.value))
        return false;
    } else {
      size = field.wire == 1 ? 8 : 4;
      if ((field.wire != 1 && field.wire != 2 && field.wire != 5) || (field.wire == 2 && !readVarint(in, size)) ||
          size > in.size())
        return false;
      field.bytes = std::string(in.substr(0, size));
      in.remove_prefix(size);
      field.isMessage = field.wire == 2 && depth < 8 && size > 1 && readFields(field.bytes, field.fields, depth + 1);
      if (!field.isMessage)
        field.fields.clear();
    }
    fields.push_back(std::move(field));
  }
  return true;
}

void writeVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
std::string writeFields(const std::vector<Field> &fields) {
  std::string out;
  for (const Field &field : fields) {
    writeVarint(out, uint64_t(field.number) << 3 | field.wire);
    if (field.wire == 0) {
      writeVarint(out, field.value);
      continue;
    }
    const std::string bytes = field.isMessage ? writeFields(field.fields) : field.bytes;
    if (field.wire == 2)
      writeVarint(out, bytes.size());
    out += bytes;
  }
  return out;
}

/// All lists of fields in a message, itself first.
void listsOf(std::vector<Field> &fields, std::vector<std::vector<Field> *> &lists) {
  lists.push_back(&fields);
  for (Field &field : fields)
    if (field.isMessage)
      listsOf(field.fields, lists);
}

/// Changes files one field at a time; what is put in place of a field comes from a field of that number elsewhere.
struct Changer {
  std::vector<std::vector<Field>> files;
  std::map<uint32_t, std::vector<Field>> known; ///< by their number

  void add(std::string_view bytes) {
    std::vector<Field> fields;
    if (!readFields(bytes, fields, 0) || fields.empty())
      return;
    std::vector<std::vector<Field> *> lists;
    listsOf(fields, lists);
    for (const std::vector<Field> *list : lists)
      for (const Field &field : *list)
        known[field.number].push_back(field);
    files.push_back(std::move(fields));
  }

  static uint64_t oddNumber(Random &random) {
    constexpr uint64_t numbers[] = {0,         1,          2,        3,        7,          8,          16,
                                    127,       255,        1u << 20, 1u << 30, 0x7fffffff, 1ull << 40, 1ull << 62,
                                    INT64_MAX, 1ull << 63, ~0ull,    ~1ull,    ~7ull};
    return numbers[below(random, std::size(numbers))];
  }

  void change(std::vector<Field> &fields, Random &random) {
    std::vector<std::vector<Field> *> lists;
    listsOf(fields, lists);
    std::vector<Field> &list = *lists[below(random, lists.size())];
    if (list.empty())
      return;
    size_t place = below(random, list.size());
    Field &field = list[place];
    switch (below(random, 6)) {
    case 0:
      list.erase(list.begin() + static_cast<ptrdiff_t>(place));
      break;
    case 1: {
      Field copy = field;
      list.insert(list.begin() + static_cast<ptrdiff_t>(below(random, list.size())), std::move(copy));
      break;
    }
    case 2:
      std::swap(field, list[below(random, list.size())]);
      break;
    default:
      if (field.wire == 0)
        field.value = below(random, 2) ? oddNumber(random) : field.value + below(random, 5) - 2;
      else if (below(random, 3) == 0 && !field.isMessage && !field.bytes.empty())
        field.bytes[below(random, field.bytes.size())] = static_cast<char>(random());
      else if (const std::vector<Field> &others = known[field.number]; !others.empty())
        field = others[below(random, others.size())];
    }
  }

  std::string next(Random &random) {
    std::vector<Field> fields = files[below(random, files.size())];
    for (size_t changes = 1 + below(random, 4); changes > 0; --changes)
      change(fields, random);
    std::string bytes = writeFields(fields);
    // Now and then damage that no field has.
    if (below(random, 16) == 0 && !bytes.empty())
      bytes[below(random, bytes.size())] ^= static_cast<char>(1u << below(random, 8));
    return bytes;
  }
};

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

struct Importer {
  std::unique_ptr<MLIRContext> context;
  unsigned files = 0, errors = 0;
  long imported = 0, lowered = 0;
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
    ++imported;
    PassManager passes(context.get());
    passes.enableVerifier(true);
    passes.addPass(onnx_import::createLowerOnnxPass());
    bool done = succeeded(passes.run(*module));
    lowered += done;
    if (!done && errors == 0)
      fail("a graph is not lowered, and nothing is said");
  }
};

} // namespace

int main(int count, char **arguments) {
  long runs = 1000, seed = 1, first = 0, longest = 2048;
  Changer changer;
  for (int i = 1; i < count; ++i) {
    auto option = [&](const char *name, long &value) {
      size_t size = std::strlen(name);
      bool is = std::strncmp(arguments[i], name, size) == 0;
      if (is)
        value = std::strtol(arguments[i] + size, nullptr, 10);
      return is;
    };
    if (option("-runs=", runs) || option("-seed=", seed) || option("-first=", first) || option("-max_len=", longest))
      continue;
    std::vector<std::string> paths;
    std::error_code fault;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(arguments[i], fault))
      if (entry.path().extension() == ".onnx" && entry.file_size() <= static_cast<uintmax_t>(longest))
        paths.push_back(entry.path().string());
    llvm::sort(paths); // folders are read in any order
    for (const std::string &path : paths) {
      std::ifstream in(path, std::ios::binary);
      changer.add(std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()));
    }
  }
  if (changer.files.empty()) {
    std::fprintf(stderr, "no .onnx files to begin with\n");
    return 1;
  }
  for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    std::signal(number, onSignal);
  Importer importer;
  importer.shows = runs == 1;
  for (long run = first; run < first + runs; ++run) {
    currentRun = static_cast<sig_atomic_t>(run);
    Random random(static_cast<uint64_t>(seed) << 32 ^ static_cast<uint64_t>(run));
    std::string bytes = changer.next(random);
    if (bytes.size() > 2 * static_cast<size_t>(longest))
      bytes.resize(2 * static_cast<size_t>(longest));
    ::alarm(10);
    importer.run(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  }
  ::alarm(0);
  std::printf("Done %ld runs: %ld imported, %ld of them lowered\n", runs, importer.imported, importer.lowered);
  return 0;
}
