// SessionFuzzer.cpp - saved sessions from random bytes: no crash, and what is accepted restores within its bounds.
//
// The first byte chooses: even, a file as it is, which is rarely accepted; odd, edits (two bytes of place, one of
// value) of a sound file, with its hashes made right again, so that mutations reach the rules behind them.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Hash.h"
#include "runtime/src/session/SavedSequence.h"
#include "test/fuzz/Promises.h"
#include "test/runtime/support/ContainerWriter.h"

#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace llmc::runtime;
using llmc::test::Bytes;
using llmc::test::require;

namespace {

/// The toy model, a session of it, and a file of 20 tokens of which 19 are computed.
struct Sound {
  Sound() {
    Bytes container = llmc::test::toyContainer();
    void *memory = std::aligned_alloc(64, (container.size() + 63) / 64 * 64);
    std::memcpy(memory, container.data(), container.size());
    Error error;
    llmc_session_options options = {};
    options.num_threads = 1;
    require(!openModelMemory(memory, container.size(), model, error));
    require(!openSession(*model, options, session, error));
    int32_t tokens[20];
    for (int i = 0; i < 20; ++i)
      tokens[i] = i * 7;
    llmc_logits logits;
    require(!runPrefill(*session, 0, tokens, 19, logits, error));
    char path[] = P_tmpdir "/llmc-fuzz-session-XXXXXX";
    int descriptor = mkstemp(path);
    require(descriptor >= 0 && !close(descriptor));
    require(!saveSequence(*session, 0, tokens, 20, {"more", 4}, path, error));
    file = llmc::test::readFile(path);
    unlink(path);
  }
  llmc_model *model = nullptr;
  llmc_session *session = nullptr;
  Bytes file;
};

void rehash(Bytes &file) {
  llmc_session_header header;
  std::memcpy(&header, file.data(), sizeof header);
  uint64_t head = sizeof header + uint64_t(header.num_parts) * sizeof(llmc_session_part);
  if (head > file.size())
    return;
  for (uint32_t i = 0; i < header.num_parts; ++i) {
    llmc_session_part part;
    uint8_t *at = file.data() + sizeof header + i * sizeof part;
    std::memcpy(&part, at, sizeof part);
    if (part.offset <= file.size() && part.size <= file.size() - part.offset)
      sha256(file.data() + part.offset, part.size, part.sha256);
    std::memcpy(at, &part, sizeof part);
  }
  uint8_t *hash = file.data() + offsetof(llmc_session_header, sha256), digest[32];
  std::memset(hash, 0, 32);
  sha256(file.data(), head, digest);
  std::memcpy(hash, digest, 32);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Sound sound;
  if (!size)
    return 0;
  Bytes file(data + 1, data + size);
  if (data[0] & 1) {
    file = sound.file;
    for (size_t i = 1; i + 3 <= size; i += 3)
      file[(data[i] | size_t(data[i + 1]) << 8) % file.size()] = data[i + 2];
    rehash(file);
  }
  Error error{};
  llmc_saved *saved = nullptr;
  if (openSavedMemory(*sound.model, file.data(), file.size(), saved, error)) {
    require(error.status != LLMC_OK && error.message[0] && !saved);
    for (const char *at = error.message; *at; ++at)
      require(uint8_t(*at) >= 0x20 && *at != 0x7f);
    return 0;
  }
  for (uint32_t i = 0; i < saved->header.num_parts; ++i)
    require(saved->part(i).offset + saved->part(i).size <= file.size());
  if (!restoreSequence(*saved, *sound.session, 0, error))
    require(sound.session->lengths[0] == saved->header.num_computed);
  closeSaved(saved);
  return 0;
}
