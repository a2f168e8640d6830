// Manifest.cpp - checks every number of a manifest, so that the rest of the runtime can trust them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "llmc/step_abi.h"
#include "runtime/src/artifact/Artifact.h"

#include <math.h>

namespace llmc::runtime {

using ull = unsigned long long;

namespace {

/// Walks the manifest once; each method checks one table and returns a status.
class ManifestCheck {
public:
  ManifestCheck(const Artifact &artifact, Error &error)
      : artifact(artifact), manifest(artifact.manifest), error(error) {}

  Status run() {
    if (Status status = dims())
      return status;
    if (Status status = entries())
      return status;
    if (Status status = variants())
      return status;
    if (Status status = generation())
      return status;
    if (Status status = factsAndWeights())
      return status;
    if (Status status = launches())
      return status;
    return symbols();
  }

private:
  const Artifact &artifact;
  const llmc_manifest &manifest;
  Error &error;
  uint64_t rowsSeen = 0;
  char where[160] = "";

  /// A run of rows lies in the manifest; counts them all against one budget.
  Status table(const char *what, llmc_range range, size_t rowSize, uint32_t most) {
    if (range.count > most)
      return fail(error, LLMC_INVALID_FILE, "manifest: %s%u %s, expected at most %u", where, range.count, what, most);
    if (uint64_t(range.offset) + uint64_t(range.count) * rowSize > manifest.size)
      return fail(error, LLMC_INVALID_FILE, "manifest: %s%s: %u rows at %u run past its end (%u bytes)", where, what,
                  range.count, range.offset, manifest.size);
    rowsSeen += range.count;
    if (rowsSeen > maxRows)
      return fail(error, LLMC_INVALID_FILE, "manifest: its tables have more than %llu rows", ull(maxRows));
    return LLMC_OK;
  }

  /// UTF-8 without control characters (they would reach terminals); facts may have lines.
  Status text(const char *what, llmc_text text, bool lines = false) {
    if (uint64_t(text.offset) + text.size > manifest.size)
      return fail(error, LLMC_INVALID_FILE, "manifest: %s%s: %u bytes of text at %u run past its end (%u bytes)", where,
                  what, text.size, text.offset, manifest.size);
    rowsSeen += text.size / 16;
    if (rowsSeen > maxRows)
      return fail(error, LLMC_INVALID_FILE, "manifest: its tables have more than %llu rows", ull(maxRows));
    const uint8_t *bytes = artifact.manifestBytes + text.offset;
    for (uint32_t i = 0; i < text.size;) {
      uint8_t lead = bytes[i];
      uint32_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
      bool valid = length && length <= text.size - i;
      for (uint32_t k = 1; valid && k < length; ++k)
        valid = (bytes[i + k] & 0xc0) == 0x80;
      valid = valid && !(lead == 0xe0 && bytes[i + 1] < 0xa0) && !(lead == 0xed && bytes[i + 1] > 0x9f) &&
              !(lead == 0xf0 && bytes[i + 1] < 0x90) && !(lead == 0xf4 && bytes[i + 1] > 0x8f);
      if (!valid)
        return fail(error, LLMC_INVALID_FILE, "manifest: %s%s is not UTF-8", where, what);
      if ((lead < 0x20 && !(lines && (lead == '\n' || lead == '\t'))) || lead == 0x7f)
        return fail(error, LLMC_INVALID_FILE, "manifest: %s%s has a control character", where, what);
      i += length;
    }
    return LLMC_OK;
  }

  /// Sets the place that messages name: "entry 'step', input 'tokens': ".
  void enter(const char *kind, uint32_t index, const char *inner = nullptr, uint32_t innerIndex = 0) {
    if (inner)
      formatText(where, sizeof where, "%s %u, %s %u: ", kind, index, inner, innerIndex);
    else
      formatText(where, sizeof where, "%s %u: ", kind, index);
  }
  void leave() { where[0] = 0; }

  Status dims() {
    if (Status status = table("dims", manifest.dims, sizeof(llmc_dim), maxDims))
      return status;
    uint32_t kindsSeen = 0;
    for (uint32_t i = 0; i < manifest.dims.count; ++i) {
      llmc_dim dim = artifact.dim(i);
      enter("dim", i);
      if (Status status = text("name", dim.name))
        return status;
      if (dim.kind > LLMC_DIM_COMPUTED)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sunknown kind %u", where, dim.kind);
      bool plain = dim.kind == LLMC_DIM_NAMED || dim.kind == LLMC_DIM_COMPUTED;
      if (!plain && kindsSeen >> dim.kind & 1)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sa second dim of kind %u", where, dim.kind);
      kindsSeen |= 1u << dim.kind;
      if (dim.reserved)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sreserved field is not zero", where);
      uint64_t most = plain ? maxDimValue : INT32_MAX;
      if (dim.minimum > dim.default_value || dim.default_value > dim.maximum || !dim.maximum || dim.maximum > most)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sminimum %llu, default %llu, maximum %llu are not in order",
                    where, ull(dim.minimum), ull(dim.default_value), ull(dim.maximum));
    }
    leave();
    return LLMC_OK;
  }

  Status tensor(const llmc_tensor &tensor, bool input) {
    if (Status status = text("name", tensor.name))
      return status;
    if (tensor.element_type < LLMC_F32 || tensor.element_type > LLMC_F8E8M0)
      return fail(error, LLMC_INVALID_FILE, "manifest: %sunknown element type %u", where, tensor.element_type);
    if (tensor.role > LLMC_ROLE_PRESENT)
      return fail(error, LLMC_INVALID_FILE, "manifest: %sunknown role %u", where, tensor.role);
    if (tensor.rank > LLMC_MAX_RANK)
      return fail(error, LLMC_INVALID_FILE, "manifest: %srank %u, expected at most %u", where, tensor.rank,
                  LLMC_MAX_RANK);
    if (tensor.reserved)
      return fail(error, LLMC_INVALID_FILE, "manifest: %sreserved field is not zero", where);
    for (uint32_t i = 0; i < tensor.rank; ++i) {
      uint64_t size = tensor.sizes[i], largest = size;
      if (size & LLMC_SIZE_IS_DIM) {
        size &= ~LLMC_SIZE_IS_DIM;
        if (size >= manifest.dims.count)
          return fail(error, LLMC_INVALID_FILE, "manifest: %ssize %u names dim %llu of %u", where, i, ull(size),
                      manifest.dims.count);
        llmc_dim dim = artifact.dim(uint32_t(size));
        largest = dim.maximum;
        // Nobody could say how large such an input is.
        if (input && dim.kind == LLMC_DIM_COMPUTED)
          return fail(error, LLMC_INVALID_FILE, "manifest: %ssize %u names dim %llu, which the step computes", where, i,
                      ull(size));
      } else if (size > maxDimValue) {
        return fail(error, LLMC_INVALID_FILE, "manifest: %ssize %u is %llu, expected at most %llu", where, i, ull(size),
                    ull(maxDimValue));
      }
      if (i + 1 == tensor.rank && (tensor.row_stride < largest || tensor.row_stride > maxDimValue))
        return fail(error, LLMC_INVALID_FILE, "manifest: %srow stride %llu, expected %llu to %llu", where,
                    ull(tensor.row_stride), ull(largest), ull(maxDimValue));
    }
    return role(tensor, input);
  }

  bool sizeIsDimOfKind(uint64_t size, uint32_t kind) {
    return (size & LLMC_SIZE_IS_DIM) && artifact.dim(uint32_t(size & ~LLMC_SIZE_IS_DIM)).kind == kind;
  }

  /// The session fills tensors with a role itself: their form is fixed.
  Status role(const llmc_tensor &tensor, bool input) {
    if (tensor.role == LLMC_ROLE_NONE)
      return LLMC_OK;
    if (input != (tensor.role != LLMC_ROLE_LOGITS && tensor.role != LLMC_ROLE_PRESENT))
      return fail(error, LLMC_INVALID_FILE, "manifest: %srole %u cannot be an %s", where, tensor.role,
                  input ? "input" : "output");
    if (tensor.role == LLMC_ROLE_PAST || tensor.role == LLMC_ROLE_PRESENT)
      return LLMC_OK; // how they belong together is checked by who runs them
    // Of a graph that is a text decoder: one sequence, sizes as the graph has them.
    bool isGraph = tensor.rank == (tensor.role == LLMC_ROLE_LOGITS ? 3u : 2u) &&
                   (tensor.role == LLMC_ROLE_LOGITS || tensor.role == LLMC_ROLE_TOKENS) && tensor.sizes[0] == 1;
    if (isGraph && tensor.role == LLMC_ROLE_TOKENS &&
        (tensor.element_type == LLMC_I32 || tensor.element_type == LLMC_I64) &&
        (tensor.sizes[1] == 1 || sizeIsDimOfKind(tensor.sizes[1], LLMC_DIM_NAMED)))
      return LLMC_OK;
    if (isGraph && tensor.role == LLMC_ROLE_LOGITS && tensor.element_type == LLMC_F32 &&
        tensor.sizes[2] == manifest.generation.vocab_size &&
        (tensor.sizes[1] == 1 || (tensor.sizes[1] & LLMC_SIZE_IS_DIM)))
      return LLMC_OK;
    if (tensor.role == LLMC_ROLE_LOGITS) {
      if (tensor.element_type != LLMC_F32 || tensor.rank != 2 || !sizeIsDimOfKind(tensor.sizes[0], LLMC_DIM_ROWS) ||
          tensor.sizes[1] != manifest.generation.vocab_size)
        return fail(error, LLMC_INVALID_FILE, "manifest: %slogits are not f32 [rows, vocab_size = %u]", where,
                    manifest.generation.vocab_size);
      return LLMC_OK;
    }
    uint32_t kind = tensor.role == LLMC_ROLE_ROWS ? LLMC_DIM_ROWS : LLMC_DIM_TOKENS;
    if (tensor.element_type != LLMC_I32 || tensor.rank != 1 || !sizeIsDimOfKind(tensor.sizes[0], kind))
      return fail(error, LLMC_INVALID_FILE, "manifest: %sa tensor of role %u is not i32 [%s]", where, tensor.role,
                  kind == LLMC_DIM_ROWS ? "rows" : "tokens");
    return LLMC_OK;
  }

  Status tensors(const char *what, uint32_t entry, llmc_range range, bool input) {
    enter("entry", entry);
    if (Status status = table(input ? "inputs" : "outputs", range, sizeof(llmc_tensor), maxTensors))
      return status;
    uint32_t rolesSeen = 0;
    for (uint32_t i = 0; i < range.count; ++i) {
      enter("entry", entry, what, i);
      llmc_tensor row = artifact.row<llmc_tensor>(range, i);
      if (Status status = tensor(row, input))
        return status;
      bool isOnly = row.role && row.role != LLMC_ROLE_PAST && row.role != LLMC_ROLE_PRESENT;
      if (isOnly && rolesSeen >> row.role & 1)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sa second tensor of role %u", where, row.role);
      rolesSeen |= 1u << row.role;
    }
    return LLMC_OK;
  }

  Status states(uint32_t entry, llmc_range range) {
    enter("entry", entry);
    if (Status status = table("states", range, sizeof(llmc_state), maxStates))
      return status;
    for (uint32_t i = 0; i < range.count; ++i) {
      llmc_state state = artifact.row<llmc_state>(range, i);
      enter("entry", entry, "state", i);
      if (Status status = text("name", state.name))
        return status;
      if (state.kind < LLMC_STATE_KV_CACHE || state.kind > LLMC_STATE_CONVOLUTION)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sunknown kind %u", where, state.kind);
      if (state.element_type < LLMC_F32 || state.element_type > LLMC_F8E8M0)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sunknown element type %u", where, state.element_type);
      if (!state.slots || !state.page_tokens || state.page_tokens > INT32_MAX)
        return fail(error, LLMC_INVALID_FILE, "manifest: %s%u slots and %u positions a page, expected at least 1",
                    where, state.slots, state.page_tokens);
      if (!state.page_bytes || state.page_bytes % LLMC_STEP_ALIGNMENT || state.page_bytes > maxDimValue)
        return fail(error, LLMC_INVALID_FILE, "manifest: %spages of %llu bytes, expected a multiple of %u", where,
                    ull(state.page_bytes), LLMC_STEP_ALIGNMENT);
    }
    return LLMC_OK;
  }

  Status slots(uint32_t entry, llmc_range range) {
    enter("entry", entry);
    if (Status status = table("slots", range, sizeof(llmc_slot), maxSlots))
      return status;
    for (uint32_t i = 0; i < range.count; ++i) {
      enter("entry", entry, "slot", i);
      llmc_slot slot = artifact.row<llmc_slot>(range, i);
      if (Status status = table("sizes", slot.sizes, sizeof(llmc_size), UINT32_MAX))
        return status;
      for (uint32_t j = 0; j < slot.sizes.count; ++j) {
        llmc_size size = artifact.row<llmc_size>(slot.sizes, j);
        if (Status status = table("terms", size.terms, sizeof(llmc_size_term), UINT32_MAX))
          return status;
        for (uint32_t k = 0; k < size.terms.count; ++k)
          for (uint32_t dim : artifact.row<llmc_size_term>(size.terms, k).dims)
            if (dim != LLMC_NO_DIM && dim >= manifest.dims.count)
              return fail(error, LLMC_INVALID_FILE, "manifest: %sits size names dim %u of %u", where, dim,
                          manifest.dims.count);
            else if (dim != LLMC_NO_DIM && artifact.dim(dim).kind == LLMC_DIM_COMPUTED)
              return fail(error, LLMC_INVALID_FILE, "manifest: %sits size names dim %u, which the step computes", where,
                          dim);
      }
    }
    return LLMC_OK;
  }

  Status entries() {
    if (Status status = table("entries", manifest.entries, sizeof(llmc_entry), maxEntries))
      return status;
    if (!manifest.entries.count)
      return fail(error, LLMC_INVALID_FILE, "manifest: no entries, expected at least one");
    for (uint32_t i = 0; i < manifest.entries.count; ++i) {
      llmc_entry entry = artifact.entry(i);
      enter("entry", i);
      if (Status status = text("name", entry.name))
        return status;
      if (Status status = tensors("input", i, entry.inputs, true))
        return status;
      if (Status status = tensors("output", i, entry.outputs, false))
        return status;
      if (Status status = states(i, entry.states))
        return status;
      if (Status status = slots(i, entry.slots))
        return status;
    }
    leave();
    return LLMC_OK;
  }

  Status variants() {
    if (Status status = table("variants", manifest.variants, sizeof(llmc_variant), LLMC_MAX_SECTIONS))
      return status;
    if (!manifest.variants.count)
      return fail(error, LLMC_INVALID_FILE, "manifest: no variants, expected at least one");
    for (uint32_t i = 0; i < manifest.variants.count; ++i) {
      llmc_variant variant = artifact.variant(i);
      enter("variant", i);
      if (Status status = text("name", variant.name))
        return status;
      if (variant.reserved)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sreserved field is not zero", where);
      const llmc_section *code = artifact.section(LLMC_SECTION_CODE, i);
      if (!code || !code->size)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sthe container has no code for it", where);
      if (Status status = table("entry offsets", variant.entry_offsets, sizeof(uint64_t), maxEntries))
        return status;
      if (variant.entry_offsets.count != manifest.entries.count)
        return fail(error, LLMC_INVALID_FILE, "manifest: %s%u entry offsets for %u entries", where,
                    variant.entry_offsets.count, manifest.entries.count);
      for (uint32_t j = 0; j < variant.entry_offsets.count; ++j) {
        uint64_t offset = artifact.row<uint64_t>(variant.entry_offsets, j);
        if (offset >= code->size)
          return fail(error, LLMC_INVALID_FILE, "manifest: %sentry %u at %llu lies past its code's end (%llu bytes)",
                      where, j, ull(offset), ull(code->size));
      }
    }
    leave();
    for (uint32_t i = 0; i < artifact.sectionCount; ++i)
      if (artifact.sections[i].kind == LLMC_SECTION_CODE && artifact.sections[i].index >= manifest.variants.count)
        return fail(error, LLMC_INVALID_FILE, "section %u is code of variant %u, but the manifest has %u variants", i,
                    artifact.sections[i].index, manifest.variants.count);
    return LLMC_OK;
  }

  /// NaN means "not given"; else the value lies in the range.
  Status setting(const char *what, float value, float least, float most) {
    if (isnan(value) || (value >= least && value <= most))
      return LLMC_OK;
    return fail(error, LLMC_INVALID_FILE, "manifest: generation: %s is %g, expected %g to %g", what, double(value),
                double(least), double(most));
  }

  Status tokenId(const char *what, int32_t id, int32_t least) {
    if (id >= least && (id < 0 || uint32_t(id) < manifest.generation.vocab_size))
      return LLMC_OK;
    return fail(error, LLMC_INVALID_FILE, "manifest: generation: %s %d is no token of %u", what, id,
                manifest.generation.vocab_size);
  }

  Status generation() {
    const llmc_generation &generation = manifest.generation;
    if (generation.vocab_size > INT32_MAX)
      return fail(error, LLMC_INVALID_FILE, "manifest: generation: vocab_size is %u, expected at most %d",
                  generation.vocab_size, INT32_MAX);
    if (Status status = tokenId("bos_id", generation.bos_id, -1))
      return status;
    if (Status status = tokenId("pad_id", generation.pad_id, -1))
      return status;
    if (Status status = table("eos_ids", generation.eos_ids, sizeof(int32_t), 1024))
      return status;
    for (uint32_t i = 0; i < generation.eos_ids.count; ++i)
      if (Status status = tokenId("eos_id", artifact.row<int32_t>(generation.eos_ids, i), 0))
        return status;
    if (generation.do_sample > 1)
      return fail(error, LLMC_INVALID_FILE, "manifest: generation: do_sample is %u, expected 0 or 1",
                  generation.do_sample);
    if (generation.top_k < -1)
      return fail(error, LLMC_INVALID_FILE, "manifest: generation: top_k is %d, expected at least -1",
                  generation.top_k);
    if (Status status = setting("temperature", generation.temperature, 0, 1000))
      return status;
    if (Status status = setting("top_p", generation.top_p, 0, 1))
      return status;
    if (Status status = setting("min_p", generation.min_p, 0, 1))
      return status;
    return setting("repetition_penalty", generation.repetition_penalty, 1e-3f, 1000);
  }

  Status factsAndWeights() {
    if (Status status = table("facts", manifest.facts, sizeof(llmc_fact), UINT32_MAX))
      return status;
    for (uint32_t i = 0; i < manifest.facts.count; ++i) {
      llmc_fact fact = artifact.row<llmc_fact>(manifest.facts, i);
      enter("fact", i);
      if (Status status = text("key", fact.key))
        return status;
      if (Status status = text("value", fact.value, /*lines=*/true))
        return status;
    }
    leave();
    if (Status status = table("weights", manifest.weights, sizeof(llmc_weight_info), UINT32_MAX))
      return status;
    const llmc_section *section = artifact.section(LLMC_SECTION_WEIGHTS);
    uint64_t room = section ? section->size : 0;
    for (uint32_t i = 0; i < manifest.weights.count; ++i) {
      llmc_weight_info weight = artifact.row<llmc_weight_info>(manifest.weights, i);
      enter("weight", i);
      if (Status status = text("name", weight.name))
        return status;
      if (Status status = text("format", weight.format))
        return status;
      if (weight.offset > room || weight.size > room - weight.offset)
        return fail(error, LLMC_INVALID_FILE, "manifest: %s%llu bytes at %llu run past the weights (%llu bytes)", where,
                    ull(weight.size), ull(weight.offset), ull(room));
    }
    leave();
    return LLMC_OK;
  }

  Status launches() {
    if (Status status = table("launches", manifest.launches, sizeof(llmc_launch), UINT32_MAX))
      return status;
    for (uint32_t i = 0, entry = 0; i < manifest.launches.count; ++i) {
      llmc_launch launch = artifact.row<llmc_launch>(manifest.launches, i);
      enter("launch", i);
      if (Status status = text("kernel", launch.kernel))
        return status;
      if (Status status = text("subject", launch.subject))
        return status;
      if (launch.entry < entry || launch.entry >= manifest.entries.count)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sof entry %u, expected %u to %u", where, launch.entry, entry,
                    manifest.entries.count - 1);
      entry = launch.entry;
      if (launch.rows > LLMC_DIM_ROWS || launch.wanted_rows > 1 || launch.arithmetic > LLMC_ARITHMETIC_F16)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sunknown rows %u, wanted rows %u or arithmetic %u", where,
                    launch.rows, launch.wanted_rows, launch.arithmetic);
    }
    leave();
    return LLMC_OK;
  }

  Status symbols() {
    if (Status status = table("symbols", manifest.symbols, sizeof(llmc_symbol), UINT32_MAX))
      return status;
    for (uint32_t i = 0; i < manifest.symbols.count; ++i) {
      llmc_symbol symbol = artifact.row<llmc_symbol>(manifest.symbols, i);
      enter("symbol", i);
      if (Status status = text("name", symbol.name))
        return status;
      if (symbol.variant >= manifest.variants.count)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sof variant %u of %u", where, symbol.variant,
                    manifest.variants.count);
      if (symbol.launch != LLMC_NO_LAUNCH && symbol.launch >= manifest.launches.count)
        return fail(error, LLMC_INVALID_FILE, "manifest: %sis the code of launch %u of %u", where, symbol.launch,
                    manifest.launches.count);
      uint64_t room = artifact.section(LLMC_SECTION_CODE, symbol.variant)->size;
      if (symbol.offset > room || symbol.size > room - symbol.offset)
        return fail(error, LLMC_INVALID_FILE, "manifest: %s%llu bytes at %llu run past its code's end (%llu bytes)",
                    where, ull(symbol.size), ull(symbol.offset), ull(room));
    }
    leave();
    return LLMC_OK;
  }
};

} // namespace

Status checkManifest(Artifact &artifact, Error &error) {
  const llmc_section *section = artifact.section(LLMC_SECTION_MANIFEST);
  if (section->size < sizeof(llmc_manifest))
    return fail(error, LLMC_INVALID_FILE, "manifest of %llu bytes, expected at least %zu", ull(section->size),
                sizeof(llmc_manifest));
  artifact.manifestBytes = artifact.bytes(section);
  memcpy(&artifact.manifest, artifact.manifestBytes, sizeof artifact.manifest);
  if (artifact.manifest.step_abi_version != LLMC_STEP_ABI_VERSION) {
    fail(error, LLMC_UNSUPPORTED, "its code speaks step ABI %u, this runtime speaks %u",
         artifact.manifest.step_abi_version, LLMC_STEP_ABI_VERSION);
    return addNote(error, "compile the model again, or use the runtime of the llmc that compiled it");
  }
  if (artifact.manifest.size != section->size)
    return fail(error, LLMC_INVALID_FILE, "manifest says %u bytes, its section has %llu", artifact.manifest.size,
                ull(section->size));
  return ManifestCheck(artifact, error).run();
}

} // namespace llmc::runtime
