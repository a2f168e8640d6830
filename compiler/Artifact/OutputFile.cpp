// OutputFile.cpp - temporary file, removal on every way out, rename.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/OutputFile.h"

#include "compiler/Artifact/Sha256.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace llvm;

namespace llmc::artifact {

static constexpr uint64_t kLargePage = 2 << 20;

static Error systemError(int number) {
  // The messages of this project are lower case: "no space left on device".
  std::string reason = std::error_code(number, std::generic_category()).message();
  if (!reason.empty())
    reason[0] = toLower(reason[0]);
  return createStringError(std::error_code(number, std::generic_category()), reason);
}

static Error refusal(std::errc code, const char *reason) {
  return createStringError(std::make_error_code(code), reason);
}

Expected<std::unique_ptr<OutputFile>> OutputFile::create(StringRef path, bool executable) {
  std::unique_ptr<OutputFile> file(new OutputFile);
  file->executable = executable;
  file->path = path.str();
  SmallString<256> resolved;
  if (!sys::fs::real_path(path, resolved))
    file->path = std::string(resolved);

  struct stat status;
  if (::stat(file->path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode))
      return refusal(std::errc::is_a_directory, "is a directory");
    file->isDevice = !S_ISREG(status.st_mode);
    if (::access(file->path.c_str(), W_OK) != 0)
      return systemError(errno);
  }

  SmallString<256> pattern = sys::path::parent_path(file->path);
  if (file->isDevice) { // which cannot be written in any order, nor read again
    pattern.clear();
    sys::path::system_temp_directory(/*ErasedOnReboot=*/true, pattern);
  }
  sys::path::append(pattern, "." + sys::path::filename(file->path) + ".XXXXXX");
  file->temporary = std::string(pattern);
  file->descriptor = ::mkostemp(file->temporary.data(), O_CLOEXEC);
  if (file->descriptor < 0) {
    int reason = errno;
    file->temporary.clear();
    return systemError(reason);
  }
  sys::RemoveFileOnSignal(file->temporary);
  return std::move(file);
}

OutputFile::~OutputFile() {
  unmap();
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporary.empty()) {
    ::unlink(temporary.c_str());
    sys::DontRemoveFileOnSignal(temporary);
  }
}

void OutputFile::cacheInLargePages(uint64_t offset, uint64_t size) {
#ifdef MADV_POPULATE_READ // says so where a file system has no room, and does not end the process as a touch would
  uint64_t begin = offset / kLargePage * kLargePage, end = std::min<uint64_t>(offset + size, view.size());
  if (begin < end)
    ::madvise(const_cast<uint8_t *>(view.data()) + begin, end - begin, MADV_POPULATE_READ);
#endif
}

Error OutputFile::write(uint64_t offset, ArrayRef<uint8_t> bytes) {
  cacheInLargePages(offset, bytes.size());
  while (!bytes.empty()) {
    ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return systemError(errno);
    if (written == 0)
      return systemError(ENOSPC);
    bytes = bytes.drop_front(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return Error::success();
}

Error OutputFile::resize(uint64_t size) {
  if (::ftruncate(descriptor, static_cast<off_t>(size)) != 0)
    return systemError(errno);
  unmap();
  void *start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (start != MAP_FAILED) { // else the file is made all the same
    ::madvise(start, size, MADV_HUGEPAGE);
    view = {static_cast<const uint8_t *>(start), static_cast<size_t>(size)};
  }
  return Error::success();
}

Expected<MutableArrayRef<uint8_t>> OutputFile::map(uint64_t size) {
  // All of it at once: where the disk is full a write to mapped memory would end the process.
  if (int reason = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size)))
    return systemError(reason);
  void *start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (start == MAP_FAILED)
    return systemError(errno);
  ::madvise(start, size, MADV_HUGEPAGE); // as in cacheInLargePages()
  mapped = {static_cast<uint8_t *>(start), static_cast<size_t>(size)};
  return mapped;
}

void OutputFile::unmap() {
  if (!mapped.empty())
    ::munmap(mapped.data(), mapped.size());
  if (!view.empty())
    ::munmap(const_cast<uint8_t *>(view.data()), view.size());
  mapped = {};
  view = {};
}

Error OutputFile::hash(uint64_t offset, uint64_t size, uint8_t digest[32]) {
  Sha256 hash;
  if (size > 0) {
    uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)), lead = offset % page;
    void *mapped = ::mmap(nullptr, lead + size, PROT_READ, MAP_SHARED, descriptor, static_cast<off_t>(offset - lead));
    if (mapped == MAP_FAILED)
      return systemError(errno);
    ::madvise(mapped, lead + size, MADV_SEQUENTIAL);
    hash.update({static_cast<const uint8_t *>(mapped) + lead, static_cast<size_t>(size)});
    ::munmap(mapped, lead + size);
  }
  hash.finish(digest);
  return Error::success();
}

/// Sends everything to a device such as /dev/null.
Error OutputFile::copyToDevice() {
  int device = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (device < 0)
    return systemError(errno);
  std::vector<char> buffer(1 << 20);
  off_t offset = 0;
  for (ssize_t size; (size = ::pread(descriptor, buffer.data(), buffer.size(), offset)) != 0;) {
    if (size < 0 && errno == EINTR)
      continue;
    ssize_t written = size < 0 ? -1 : ::write(device, buffer.data(), static_cast<size_t>(size));
    if (written < 0 && errno != EINTR) {
      int reason = errno;
      ::close(device);
      return systemError(reason);
    }
    offset += written > 0 ? written : 0;
  }
  return ::close(device) ? systemError(errno) : Error::success();
}

Error OutputFile::commit() {
  unmap();
  if (isDevice)
    return copyToDevice();
  mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(descriptor, (executable ? 0777 : 0666) & ~mask) != 0)
    return systemError(errno);
  // A network file system may report a failed write only here.
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return systemError(errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return systemError(errno);
  sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return Error::success();
}

} // namespace llmc::artifact
