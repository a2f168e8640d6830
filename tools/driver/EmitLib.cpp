// EmitLib.cpp - a model as object, header and weight image.
//
// Bounds are those of the compile, so that all sizes are numbers in the header: a board's linker script can place them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/EmitLib.h"

#include "compiler/Artifact/OutputFile.h"
#include "compiler/Weights/WeightPacker.h"
#include "dialects/Kernel/IR/Kernel.h"
#include "tools/driver/Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

#include <map>

using namespace llvm;

namespace llmc::driver {

std::string libraryName(StringRef path) {
  std::string name;
  for (char byte : sys::path::filename(path))
    name += isAlnum(byte) ? byte : '_';
  return name.empty() || isDigit(name.front()) ? "_" + name : name;
}

void nameLibraryEntries(mlir::ModuleOp module, StringRef name) {
  for (auto program : module.getOps<kernel::ProgramOp>())
    program.setSymName((name + "_" + program.getSymName()).str());
}

/// What stands in the header's `inputs` for a role.
static const char *argumentOf(llmc_role role) {
  switch (role) {
  case LLMC_ROLE_TOKENS:
    return "tokens";
  case LLMC_ROLE_POSITIONS:
    return "positions";
  case LLMC_ROLE_SEQUENCES:
    return "sequences";
  case LLMC_ROLE_ROWS:
    return "rows";
  default:
    return nullptr;
  }
}

static bool writeHeader(raw_ostream &out, const artifact::Manifest &manifest, uint64_t weightBytes, StringRef name,
                        const std::string &path, Messages &messages) {
  const artifact::Entry &entry = manifest.entries.front();
  auto refuse = [&](const Twine &what) {
    return messages.error(path, ("has no form as a library: " + what).str()), false;
  };
  if (entry.states.size() != 1 || entry.outputs.size() != 1)
    return refuse(Twine(entry.states.size()) + " states and " + Twine(entry.outputs.size()) +
                  " outputs (expected 1 of each)");
  // Every dim at its largest: room for any step.
  std::vector<uint64_t> dims, offsets = {0};
  std::map<llmc_dim_kind, uint64_t> largest;
  std::string dimValues;
  for (const artifact::Dim &dim : manifest.dims) {
    dims.push_back(dim.maximum);
    largest[dim.kind] = dim.maximum;
    dimValues += dim.kind == LLMC_DIM_TOKENS ? "num_tokens, "
                 : dim.kind == LLMC_DIM_ROWS ? "num_rows, "
                                             : utostr(dim.maximum) + ", ";
  }
  for (size_t i = 0; i < entry.slots.size(); ++i) {
    artifact::Entry one;
    one.slots = {entry.slots[i]};
    offsets.push_back(offsets.back() + arenaBytes(one, dims));
  }
  std::string inputs;
  for (const artifact::Tensor &input : entry.inputs) {
    const char *argument = argumentOf(input.role);
    if (!argument)
      return refuse("the input '" + input.name + "' has no role that a step has a value for");
    inputs += std::string(argument) + ", ";
  }
  const artifact::State &state = entry.states.front();
  uint64_t pages = divideCeil(largest[LLMC_DIM_CONTEXT], state.pageTokens);
  std::string upper = name.upper();
  out << "/* " << name << ".h - a compiled model without an operating system; written by llmc " LLMC_VERSION ".\n"
      << " *\n"
      << " * The program places " << name
      << ".weights and the memory below, each aligned to LLMC_STEP_ALIGNMENT, and runs\n"
      << " * steps. The code calls nothing and keeps nothing. Lengths are bytes unless the name says else. */\n"
      << "#ifndef LLMC_LIBRARY_" << name << "\n#define LLMC_LIBRARY_" << name << "\n\n#include \"llmc/step_abi.h\"\n\n";
  auto define = [&](const char *what, uint64_t value, const char *comment) {
    out << "#define " << upper << "_" << what << " " << value << "u /* " << comment << " */\n";
  };
  define("VOCAB_SIZE", manifest.generation.vocabSize, "tokens; ids are 0 to this less one");
  define("MAX_TOKENS", largest[LLMC_DIM_TOKENS], "of a step");
  define("MAX_SEQUENCES", largest[LLMC_DIM_SEQUENCES], "at once");
  define("CONTEXT", largest[LLMC_DIM_CONTEXT], "positions of a sequence");
  define("WEIGHTS_BYTES", weightBytes, "the weight image, constant");
  define("ARENA_BYTES", offsets.back(), "activations; nothing is kept there between steps");
  define("STATE_BYTES", pages * largest[LLMC_DIM_SEQUENCES] * state.pageBytes,
         "the cache of all sequences, zero at first");
  define("PAGES_PER_SEQUENCE", pages, "of the cache");
  define("PAGES", pages * largest[LLMC_DIM_SEQUENCES],
         "elements of the page table: 0, 1, 2, ... for a cache in one piece");
  define("LOGITS_STRIDE", entry.outputs.front().rowStride, "floats from a row of logits to the next");
  offsets.pop_back();
  out << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n/* One step, for each of num_threads threads that meet at "
         "context->barrier. */\n"
      << "void " << entry.name << "(const llmc_step_context *context, uint32_t thread, uint32_t num_threads);\n\n"
      << "/* The memory of a running model. */\ntypedef struct " << name << "_memory {\n"
      << "  const void *weights;       /* [" << upper << "_WEIGHTS_BYTES] */\n  void *arena;               /* ["
      << upper << "_ARENA_BYTES] */\n  void *state;               /* [" << upper
      << "_STATE_BYTES] */\n  const int32_t *page_table; /* [" << upper << "_PAGES] */\n} " << name << "_memory;\n\n"
      << "static inline void " << name << "_alone(void *team, uint32_t thread) {\n  (void)team;\n  (void)thread;\n}\n\n"
      << "/* One step on one thread: num_tokens tokens with their positions and sequences, tokens of a sequence "
         "adjacent and in\n"
      << " * order. The logits of the num_rows tokens at the indices `rows`, ascending, go to logits[num_rows]["
      << upper << "_LOGITS_STRIDE]. */\n"
      << "static inline void " << name << "_run(const " << name
      << "_memory *memory, const int32_t *tokens, const int32_t *positions,\n"
      << "    const int32_t *sequences, uint32_t num_tokens, const int32_t *rows, uint32_t num_rows, float *logits) {\n"
      << "  static const uint64_t slot_offsets[] = {";
  interleaveComma(offsets, out);
  out << "};\n  uint64_t dims[] = {" << StringRef(dimValues).drop_back(2) << "};\n  const void *inputs[] = {"
      << StringRef(inputs).drop_back(2) << "};\n  void *outputs[] = {logits};\n"
      << "  const llmc_state_view states[] = {{(uint8_t *)memory->state, memory->page_table, " << pages << "}};\n"
      << "  const llmc_step_context context = {(const uint8_t *)memory->weights, (uint8_t *)memory->arena, "
         "slot_offsets, dims,\n"
      << "                                     inputs, outputs, states, " << name << "_alone, 0, 0};\n  " << entry.name
      << "(&context, 0, 1);\n}\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return true;
}

bool writeLibrary(PackageInput &input, ArrayRef<char> object, const std::string &path, Messages &messages) {
  std::string name = libraryName(path), header;
  uint64_t weightBytes = weights::weightsSectionSize(input.module);
  raw_string_ostream stream(header);
  if (!writeHeader(stream, input.manifest, weightBytes, name, path, messages))
    return false;
  auto cannot = [&](Error error) {
    return messages.error(path + ".weights", "cannot write: " + toString(std::move(error))), false;
  };
  auto file = artifact::OutputFile::create(path + ".weights", /*executable=*/false);
  if (!file)
    return cannot(file.takeError());
  if (Error error = (*file)->resize(weightBytes))
    return cannot(std::move(error));
  auto sink = [&](uint64_t offset, ArrayRef<uint8_t> bytes) { return (*file)->write(offset, bytes); };
  if (Error error = weights::packWeights(input.module, *input.checkpoint, sink))
    return cannot(std::move(error));
  if (Error error = (*file)->commit())
    return cannot(std::move(error));
  return writeWhole(path + ".o", StringRef(object.data(), object.size()), messages) &&
         writeWhole(path + ".h", header, messages);
}

} // namespace llmc::driver
