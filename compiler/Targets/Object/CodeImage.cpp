// CodeImage.cpp - from scheduled programs to a flat image: MLIR conversions, LLVM, the linker, all in this process.
//
// The linker resolves every PC-relative reference, and whatever would need the loader's help is an error: a relocation
// that stays, an import, writable data.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Targets/Passes.h"
#include "compiler/Targets/TargetBackend.h"
#include "dialects/Kernel/IR/Kernel.h"

#include "lld/Common/Driver.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Utils/Cloning.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace llmc;

namespace {

/// Entry functions first in the image's symbol table, code and constants together, nothing else.
constexpr llvm::StringLiteral linkerScript = R"(SECTIONS {
  . = 0;
  .image : { *(.text .text.*) *(.rodata .rodata.* .data.rel.ro .data.rel.ro.*) }
  .bad : { *(.data .data.* .bss .bss.* .tdata* .tbss* .init_array*) }
  ASSERT(SIZEOF(.bad) == 0, "writable data in the code image")
  /DISCARD/ : { *(.comment .note* .eh_frame* .dynsym .gnu.hash .hash .dynstr .dynamic .llvm_addrsig) }
}
)";

LogicalResult lowerToLLVM(ModuleOp module, const TargetBackend &backend) {
  PassManager pm(module.getContext());
  EmitProgramsPassOptions options;
  options.variant = backend.name().str();
  pm.addPass(createEmitProgramsPass(options));
  // Generic launches hold what the emitters never write.
  bool isGraph = false;
  module.walk([&](kernel::GenericOp) { isGraph = true; });
  if (isGraph) {
    // Equal places are seen to be equal.
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    pm.addPass(createVectorizeLoopsPass());
    ExpandMathPassOptions math;
    math.variant = options.variant;
    pm.addPass(createExpandMathPass(math));
    // Narrow floats are widened and rounded by integer arithmetic: converting them would be calls.
    arith::ArithExpandOpsPassOptions narrow;
    narrow.includeBf16 = true;
    pm.addPass(arith::createArithExpandOpsPass(narrow));
  }
  pm.addPass(createCanonicalizerPass()); // folds address arithmetic on constants
  pm.addPass(createCSEPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass()); // canonicalization leaves ub.poison behind
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

std::unique_ptr<llvm::TargetMachine> targetMachine(const TargetBackend &backend, std::string &error) {
  static const bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple(backend.triple());
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // products and sums fuse only where the emitter says fma
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, backend.cpu(), backend.features(), options, llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  // The emitters have unrolled and vectorised what is worth it; LLVM doing so again only grows the code.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

bool emitFile(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType kind,
              llvm::SmallVectorImpl<char> &bytes) {
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, kind))
    return false;
  passes.run(module);
  return true;
}

/// A file in the temporary directory that goes away with the object.
struct TemporaryFile {
  llvm::SmallString<128> path;
  llvm::FileRemover remover;

  LogicalResult create(llvm::StringRef suffix) {
    if (llvm::sys::fs::createTemporaryFile("llmc", suffix, path))
      return failure();
    remover.setFile(path);
    return success();
  }
  LogicalResult write(llvm::ArrayRef<char> bytes) {
    std::error_code error;
    llvm::raw_fd_ostream stream(path, error);
    if (error)
      return failure();
    stream.write(bytes.data(), bytes.size());
    stream.close();
    return failure(stream.has_error());
  }
};

/// The functions of a linked file, sorted.
void findSymbols(const llvm::object::ELFObjectFileBase &elf, const llvm::StringMap<int64_t> &launches,
                 CompiledCode &code) {
  for (const llvm::object::ELFSymbolRef &symbol : elf.symbols()) {
    auto name = symbol.getName();
    auto address = symbol.getAddress();
    if (name && address && symbol.getELFType() == llvm::ELF::STT_FUNC) {
      auto launch = launches.find(*name);
      code.symbols.push_back({name->str(), launch == launches.end() ? -1 : launch->second, *address, symbol.getSize()});
    }
    llvm::consumeError(name.takeError());
    llvm::consumeError(address.takeError());
  }
  llvm::sort(code.symbols, [](const auto &a, const auto &b) { return a.offset < b.offset; });
}

/// Links an object into one section and finds the entry functions in it.
LogicalResult linkImage(llvm::ArrayRef<char> object, llvm::ArrayRef<std::string> entries,
                        const llvm::StringMap<int64_t> &launches, CompiledCode &code, std::string &error) {
  TemporaryFile input, script, output;
  if (failed(input.create("o")) || failed(script.create("ld")) || failed(output.create("elf")) ||
      failed(input.write(object)) || failed(script.write(llvm::ArrayRef(linkerScript.data(), linkerScript.size())))) {
    error = "cannot write to the temporary directory";
    return failure();
  }
  std::vector<const char *> arguments = {"ld.lld",
                                         "-T",
                                         script.path.c_str(),
                                         "-pie",
                                         "--no-dynamic-linker",
                                         "--no-undefined",
                                         "--threads=1",
                                         "-o",
                                         output.path.c_str(),
                                         input.path.c_str()};
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0) {
    error = "linking the code image failed: " + messages;
    return failure();
  }
  auto buffer = llvm::MemoryBuffer::getFile(output.path);
  if (!buffer) {
    error = "cannot read the linked code image";
    return failure();
  }
  auto elf = llvm::object::ObjectFile::createELFObjectFile((*buffer)->getMemBufferRef());
  if (!elf) {
    error = llvm::toString(elf.takeError());
    return failure();
  }
  for (const llvm::object::SectionRef &section : (*elf)->sections()) {
    auto name = section.getName();
    auto contents = section.getContents();
    if (!name || !contents) {
      llvm::consumeError(name.takeError());
      llvm::consumeError(contents.takeError());
      continue;
    }
    if (*name == ".image")
      code.image.assign(contents->begin(), contents->end());
    else if (name->starts_with(".rela") && !contents->empty()) {
      error = "the code image needs relocations at run time";
      return failure();
    }
  }
  for (const std::string &entry : entries) {
    bool found = false;
    for (const llvm::object::SymbolRef &symbol : (*elf)->symbols()) {
      auto name = symbol.getName();
      if (!name || *name != entry) {
        if (!name)
          llvm::consumeError(name.takeError());
        continue;
      }
      auto address = symbol.getAddress();
      if (!address) {
        llvm::consumeError(address.takeError());
        continue;
      }
      code.entryOffsets.push_back(*address);
      found = true;
    }
    if (!found) {
      error = "the code image lacks entry '" + entry + "'";
      return failure();
    }
  }
  findSymbols(*llvm::cast<llvm::object::ELFObjectFileBase>(elf->get()), launches, code);
  return success();
}

} // namespace

FailureOr<CompiledCode> llmc::compilePrograms(ModuleOp module, const TargetBackend &backend,
                                              const CodegenDumps &dumps) {
  CompiledCode code;
  code.backend = &backend;
  std::vector<std::string> entries;
  for (auto program : module.getOps<kernel::ProgramOp>())
    entries.push_back(program.getSymName().str());

  OwningOpRef<ModuleOp> clone(module.clone());
  if (failed(lowerToLLVM(*clone, backend)))
    return failure();
  llvm::StringMap<int64_t> launches; // by function
  for (auto function : clone->getOps<LLVM::LLVMFuncOp>())
    if (auto number = function->getAttrOfType<IntegerAttr>(kLaunchAttr)) {
      launches[function.getSymName()] = number.getInt();
      function->removeAttr(kLaunchAttr);
    }
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(*clone, context, "llmc");
  if (!translated)
    return module.emitError() << "translation to LLVM IR failed";
  clone.release().erase();

  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = targetMachine(backend, error);
  if (!machine)
    return module.emitError() << "no code generator for " << backend.triple() << ": " << error;
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *translated) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", backend.cpu());
    if (unsigned bits = backend.preferredVectorBits())
      function.addFnAttr("prefer-vector-width", std::to_string(bits));
  }
  optimize(*translated, *machine);
  if (dumps.llvmIR) {
    llvm::raw_string_ostream stream(*dumps.llvmIR);
    translated->print(stream, nullptr);
  }
  if (dumps.assembly) {
    // Printing assembly changes the module, so it gets a copy of its own.
    llvm::SmallVector<char, 0> text;
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*translated);
    if (!emitFile(*copy, *machine, llvm::CodeGenFileType::AssemblyFile, text))
      return module.emitError() << "cannot emit assembly for " << backend.name();
    dumps.assembly->assign(text.begin(), text.end());
  }
  llvm::SmallVector<char, 0> object;
  if (!emitFile(*translated, *machine, llvm::CodeGenFileType::ObjectFile, object))
    return module.emitError() << "cannot emit an object for " << backend.name();
  if (dumps.object)
    dumps.object->assign(object.begin(), object.end());
  if (failed(linkImage(object, entries, launches, code, error)))
    return module.emitError() << error;
  return code;
}
