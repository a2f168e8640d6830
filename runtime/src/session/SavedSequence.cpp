// SavedSequence.cpp - writes sequences, and checks every number of a file before it is used.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/session/SavedSequence.h"

#include "runtime/src/artifact/Hash.h"
#include "runtime/src/memory/SizeExpressions.h"
#include "runtime/src/platform/Platform.h"
#include "runtime/src/platform/WholeFile.h"

#include <errno.h>
#include <new>

namespace llmc::runtime {

namespace {

constexpr uint32_t otherParts = 2; // tokens and application stand before the states
constexpr uint32_t maxParts = maxTensors + otherParts;
static_assert(maxTensors >= maxStates, "a part for each state, or each past");
constexpr uint64_t maxApplication = 1u << 30; // so that a small damaged file, or one with holes, cannot keep us busy

/// Header and part table as they stand in a file.
struct Head {
  llmc_session_header header{};
  llmc_session_part parts[maxParts] = {};

  uint64_t size() const { return sizeof header + header.num_parts * sizeof *parts; }
};

/// What the header's hash is of; changes nothing.
void hashHead(Head head, uint8_t (&digest)[32]) {
  memset(head.header.sha256, 0, sizeof head.header.sha256);
  sha256(reinterpret_cast<const uint8_t *>(&head), head.size(), digest);
}
static_assert(sizeof(llmc_session_header) == 128 && sizeof(llmc_session_part) == 64, "the layout of files");

void modelHash(const llmc_model &model, uint8_t (&digest)[32]) {
  memcpy(digest, model.artifact.container + offsetof(llmc_artifact_header, section_table_sha256), sizeof digest);
}

/// Parts that hold states: of a graph, its pasts.
uint32_t statesOf(const llmc_model &model, const llmc_entry &entry) {
  uint32_t pasts = 0;
  for (uint32_t i = 0; i < entry.inputs.count; ++i)
    pasts += model.artifact.row<llmc_tensor>(entry.inputs, i).role == LLMC_ROLE_PAST;
  return isGraphStep(model.artifact, entry) ? pasts : entry.states.count;
}

/// Sets kinds, offsets and sizes of all parts, and the file's size, from the counts in the header. False when a number
/// does not fit.
bool layOut(const llmc_model &model, const llmc_entry &entry, Head &head) {
  llmc_session_header &header = head.header;
  uint64_t end = head.size();
  for (uint32_t i = 0; i < header.num_parts; ++i) {
    llmc_session_part &part = head.parts[i];
    if (i == 0) {
      part.kind = LLMC_SESSION_TOKENS;
      part.size = uint64_t(header.num_tokens) * sizeof(int32_t);
    } else if (i == 1) {
      part.kind = LLMC_SESSION_APPLICATION;
      part.size = header.application_size;
    } else {
      part.kind = LLMC_SESSION_STATE;
      part.index = i - otherParts;
      if (isGraphStep(model.artifact, entry)) {
        if (!graphPastBytes(graphPair(model.artifact, entry, part.index), header.num_computed, part.size))
          return false;
        if (!alignUp(end, LLMC_SESSION_ALIGNMENT, part.offset) || !add(part.offset, part.size, end))
          return false;
        continue;
      }
      StateMemory memory;
      memory.state = model.artifact.row<llmc_state>(entry.states, part.index);
      if (!multiply(memory.pagesUsed(header.num_computed), memory.state.page_bytes, part.size))
        return false;
    }
    if (!alignUp(end, LLMC_SESSION_ALIGNMENT, part.offset) || !add(part.offset, part.size, end))
      return false;
  }
  header.size = end;
  return true;
}

/// First page of a sequence; its pages lie one after the other.
uint8_t *pagesOf(const StateMemory &memory, uint32_t sequence) {
  return memory.view.base +
         uint64_t(memory.pageTable[sequence * memory.view.pages_per_sequence]) * memory.state.page_bytes;
}

/// Where the state `index` of a sequence lies.
uint8_t *stateOf(const llmc_session &session, uint32_t sequence, uint32_t index) {
  if (session.graph)
    return graphPast(session, sequence, session.graph->pairs[index]);
  return pagesOf(session.states[index], sequence);
}

Status cannotWrite(Error &error) {
  char reason[128];
  return fail(error, LLMC_IO_ERROR, "cannot be written: %s", platform::reasonOf(errno, reason));
}

} // namespace

Status saveSequence(const llmc_session &session, uint32_t sequence, const int32_t *tokens, uint32_t numTokens,
                    llmc_text_view application, const char *path, Error &error) {
  if (sequence >= session.maxSequences)
    return fail(error, LLMC_INVALID_ARGUMENT, "sequence %u, the session has %u", sequence, session.maxSequences);
  uint32_t length = session.lengths[sequence];
  if ((numTokens != length && numTokens != length + 1) || (numTokens && !tokens))
    return fail(error, LLMC_INVALID_ARGUMENT, "%u tokens, the sequence has %u (expected as many, or one more)",
                numTokens, length);
  if (application.size > maxApplication)
    return fail(error, LLMC_INVALID_ARGUMENT, "%llu bytes of the application, expected at most %llu",
                (unsigned long long)application.size, (unsigned long long)maxApplication);
  for (uint32_t i = 0; i < numTokens; ++i)
    if (uint32_t(tokens[i]) >= session.vocabSize)
      return fail(error, LLMC_INVALID_ARGUMENT, "token %u is %d, expected 0 to %u", i, tokens[i],
                  session.vocabSize - 1);
  const llmc_model &model = *session.model;
  Head head;
  llmc_session_header &header = head.header;
  memcpy(header.magic, LLMC_SESSION_MAGIC, sizeof header.magic);
  header.major = LLMC_SESSION_MAJOR;
  header.minor = LLMC_SESSION_MINOR;
  header.architecture = model.artifact.variant(model.variant).architecture;
  const uint32_t states = statesOf(model, session.entry);
  header.num_parts = states + otherParts;
  header.num_tokens = numTokens;
  header.num_computed = length;
  header.application_size = application.size;
  modelHash(model, header.model_sha256);
  if (!layOut(model, session.entry, head))
    return fail(error, LLMC_INVALID_ARGUMENT, "the sequence is too large for a file");
  const uint8_t *bytes[maxParts] = {reinterpret_cast<const uint8_t *>(tokens),
                                    reinterpret_cast<const uint8_t *>(application.data)};
  for (uint32_t i = 0; i < states; ++i)
    bytes[otherParts + i] = stateOf(session, sequence, i);
  for (uint32_t i = 0; i < header.num_parts; ++i)
    sha256(bytes[i], head.parts[i].size, head.parts[i].sha256);
  hashHead(head, header.sha256);

  platform::WholeFile file;
  if (!file.open(path) || !file.write(&head, head.size()))
    return cannotWrite(error);
  uint64_t end = head.size();
  for (uint32_t i = 0; i < header.num_parts; ++i) {
    constexpr uint8_t zeros[LLMC_SESSION_ALIGNMENT] = {};
    if (!file.write(zeros, head.parts[i].offset - end) || !file.write(bytes[i], head.parts[i].size))
      return cannotWrite(error);
    end = head.parts[i].offset + head.parts[i].size;
  }
  return file.commit(/*sync=*/true) ? LLMC_OK : cannotWrite(error);
}

namespace {

/// Everything that can be said of a file from its header: then `head` is laid out, its hashes yet unknown.
Status checkHeader(const llmc_model &model, const llmc_session_header &header, uint64_t size, Head &head,
                   Error &error) {
  if (memcmp(header.magic, LLMC_SESSION_MAGIC, sizeof header.magic)) {
    fail(error, LLMC_INVALID_FILE, "is not a saved session");
    return addNote(error, "one is written by --save FILE");
  }
  if (header.major != LLMC_SESSION_MAJOR)
    return fail(error, LLMC_UNSUPPORTED, "is a saved session of version %u.%u, this program reads %u", header.major,
                header.minor, LLMC_SESSION_MAJOR);
  uint8_t hash[32];
  modelHash(model, hash);
  if (memcmp(header.model_sha256, hash, sizeof hash)) {
    fail(error, LLMC_INVALID_FILE, "was saved with another model");
    return addNote(error, "a saved session belongs to the compiled file, byte for byte, that wrote it");
  }
  if (header.architecture != model.artifact.variant(model.variant).architecture)
    return fail(error, LLMC_UNSUPPORTED, "was saved on another kind of processor");
  uint32_t entryIndex;
  if (Status status = findStepEntry(model, entryIndex, error))
    return status;
  llmc_entry entry = model.artifact.entry(entryIndex);
  GraphForm form;
  if (isGraphStep(model.artifact, entry))
    if (Status status = readGraphForm(model.artifact, entry, form, error))
      return status;
  if (header.num_parts != statesOf(model, entry) + otherParts)
    return fail(error, LLMC_INVALID_FILE, "is damaged: %u parts, expected %u", header.num_parts,
                statesOf(model, entry) + otherParts);
  uint64_t positions = UINT32_MAX - 1;
  for (uint32_t i = 0; i < model.artifact.manifest.dims.count; ++i)
    if (llmc_dim dim = model.artifact.dim(i); dim.kind == LLMC_DIM_CONTEXT && dim.maximum < positions)
      positions = dim.maximum;
  if (header.num_computed > positions || header.num_computed > header.num_tokens ||
      header.num_tokens - header.num_computed > 1)
    return fail(error, LLMC_INVALID_FILE, "is damaged: %u tokens, of which %u are computed", header.num_tokens,
                header.num_computed);
  if (header.application_size > maxApplication)
    return fail(error, LLMC_INVALID_FILE, "is damaged: %llu bytes of the application, expected at most %llu",
                (unsigned long long)header.application_size, (unsigned long long)maxApplication);
  head.header = header;
  if (!layOut(model, entry, head))
    return fail(error, LLMC_INVALID_FILE, "is damaged: a part's size does not fit an address");
  if (header.size != head.header.size)
    return fail(error, LLMC_INVALID_FILE, "is damaged: it says it has %llu bytes, expected %llu",
                (unsigned long long)header.size, (unsigned long long)head.header.size);
  if (size != header.size) {
    fail(error, LLMC_INVALID_FILE, "has %llu bytes, expected %llu: it was cut short or added to",
         (unsigned long long)size, (unsigned long long)header.size);
    return error.status;
  }
  return LLMC_OK;
}

/// The rest: part table, hashes, tokens. `head` is laid out.
Status checkParts(const llmc_saved &saved, const Head &laidOut, Error &error) {
  Head head;
  memcpy(&head, saved.bytes, laidOut.size());
  uint8_t digest[32];
  hashHead(head, digest);
  if (memcmp(digest, saved.header.sha256, sizeof digest))
    return fail(error, LLMC_INVALID_FILE, "is damaged: the SHA-256 of its header does not match");
  for (uint32_t i = 0; i < head.header.num_parts; ++i) {
    const llmc_session_part &part = head.parts[i], &expected = laidOut.parts[i];
    if (part.kind != expected.kind || part.index != expected.index || part.offset != expected.offset ||
        part.size != expected.size)
      return fail(error, LLMC_INVALID_FILE, "is damaged: part %u is not where it should be", i);
    sha256(saved.bytes + part.offset, part.size, digest);
    if (memcmp(digest, part.sha256, sizeof digest))
      return fail(error, LLMC_INVALID_FILE, "is damaged: the SHA-256 of part %u does not match", i);
  }
  uint32_t vocabulary = saved.model->artifact.manifest.generation.vocab_size;
  for (uint32_t i = 0; i < head.header.num_tokens; ++i) {
    int32_t token;
    memcpy(&token, saved.bytes + head.parts[0].offset + uint64_t(i) * sizeof token, sizeof token);
    if (uint32_t(token) >= vocabulary)
      return fail(error, LLMC_INVALID_FILE, "is damaged: token %u is %d, expected 0 to %u", i, token, vocabulary - 1);
  }
  return LLMC_OK;
}

/// Where bytes come from: a file or memory.
struct Source {
  const platform::ReadFile *file;
  const uint8_t *memory;
  uint64_t size;

  bool read(uint64_t offset, void *to, uint64_t count) const {
    if (file)
      return platform::readFile(*file, offset, to, count);
    memcpy(to, memory + offset, count);
    return true;
  }
};

Status openFrom(const llmc_model &model, const Source &source, llmc_saved *&saved, Error &error) {
  llmc_session_header header;
  char reason[128];
  if (source.size < sizeof header) {
    fail(error, LLMC_INVALID_FILE, "is not a saved session (%llu bytes)", (unsigned long long)source.size);
    return addNote(error, "one is written by --save FILE");
  }
  if (!source.read(0, &header, sizeof header))
    return fail(error, LLMC_IO_ERROR, "cannot be read: %s", platform::reasonOf(errno, reason));
  Head head;
  if (Status status = checkHeader(model, header, source.size, head, error))
    return status;
  void *memory = platform::allocate(sizeof(llmc_saved));
  uint8_t *bytes = memory ? static_cast<uint8_t *>(platform::reserveMemory(source.size)) : nullptr;
  if (!bytes) {
    platform::release(memory);
    return fail(error, LLMC_OUT_OF_MEMORY, "no memory for %llu bytes", (unsigned long long)source.size);
  }
  llmc_saved *opened = new (memory) llmc_saved();
  opened->model = &model;
  opened->bytes = bytes;
  opened->header = header;
  Status status = LLMC_OK;
  if (!source.read(0, bytes, source.size))
    status = fail(error, LLMC_IO_ERROR, "cannot be read: %s", platform::reasonOf(errno, reason));
  else if (memcmp(bytes, &header, sizeof header))
    status = fail(error, LLMC_IO_ERROR, "changes while it is read");
  else
    status = checkParts(*opened, head, error);
  if (status)
    closeSaved(opened);
  else
    saved = opened;
  return status;
}

} // namespace

Status openSaved(const llmc_model &model, const char *path, llmc_saved *&saved, Error &error) {
  platform::ReadFile file;
  if (Status status = platform::openFile(path, file, error)) {
    error.note[0] = 0; // it speaks of models
    return status;
  }
  Status status = openFrom(model, {&file, nullptr, file.size}, saved, error);
  platform::closeFile(file);
  return status;
}

Status openSavedMemory(const llmc_model &model, const uint8_t *bytes, uint64_t size, llmc_saved *&saved, Error &error) {
  return openFrom(model, {nullptr, bytes, size}, saved, error);
}

void closeSaved(llmc_saved *saved) {
  if (!saved)
    return;
  platform::releaseMemory(saved->bytes, saved->header.size);
  platform::release(saved);
}

Status restoreSequence(const llmc_saved &saved, llmc_session &session, uint32_t sequence, Error &error) {
  if (session.model != saved.model)
    return fail(error, LLMC_INVALID_ARGUMENT, "the session runs another model than the one it was opened for");
  uint32_t length = saved.header.num_computed;
  if (length > session.contextLength) {
    fail(error, LLMC_CONTEXT_FULL, "holds %u tokens, the context has %u positions", length, session.contextLength);
    return addNote(error, "ask for a larger context");
  }
  if (Status status = truncateSequence(session, sequence, 0, error))
    return status;
  for (uint32_t i = otherParts; length && i < saved.header.num_parts; ++i) {
    llmc_session_part part = saved.part(i);
    memcpy(stateOf(session, sequence, i - otherParts), saved.bytes + part.offset, part.size);
  }
  if (length && session.graph && session.graph->history)
    memcpy(session.graph->history + uint64_t(sequence) * session.contextLength, saved.bytes + saved.part(0).offset,
           length * sizeof(int32_t));
  session.lengths[sequence] = length;
  return LLMC_OK;
}

} // namespace llmc::runtime
