// MappedFile.cpp - opens, checks and maps the users' files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/formats/MappedFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc {

namespace {

Diagnostic cannot(const std::string &shown, const char *what) {
  return {shown, 0, 0, std::string(what) + ": " + systemReason(errno), {}};
}

/// What stands in place of a file that Git LFS has not fetched.
std::optional<Diagnostic> faultOfPointer(std::string_view bytes, const std::string &shown) {
  constexpr std::string_view start = "version https://git-lfs.github.com/spec/";
  if (bytes.substr(0, start.size()) != start)
    return std::nullopt;
  return Diagnostic{shown, 0, 0, "is a Git LFS pointer, the file itself is not here",
                    "fetch it: git lfs pull (in the folder of the model)"};
}

/// Opens a regular file and says how long it is. A pipe or a device must not block or be consumed: O_NONBLOCK.
Result<int> openRegular(const std::string &path, const std::string &shown, size_t &size) {
  if (path.find('\0') != std::string::npos)
    return Diagnostic{shown.substr(0, shown.find('\0')), 0, 0, "the file's name holds a NUL character", {}};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return cannot(shown, "cannot be opened");
  struct stat status;
  if (::fstat(file, &status) != 0) {
    Diagnostic mistake = cannot(shown, "cannot be examined");
    ::close(file);
    return mistake;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(file);
    return Diagnostic{
        shown, 0, 0, S_ISDIR(status.st_mode) ? "is a directory, expected a file" : "is not a regular file", {}};
  }
  size = size_t(status.st_size);
  return file;
}

} // namespace

std::string systemReason(int number) {
  std::string reason = std::strerror(number);
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z')
    reason[0] = char(reason[0] - 'A' + 'a');
  return reason;
}

Result<MappedFile> MappedFile::open(const std::string &path, std::string shownAs) {
  MappedFile result;
  result.opened = path;
  result.shown = shownAs.empty() ? path : std::move(shownAs);
  Result<int> file = openRegular(path, result.shown, result.length);
  if (!file)
    return file.takeError();
  if (result.length != 0) {
    void *address = ::mmap(nullptr, result.length, PROT_READ, MAP_PRIVATE, *file, 0);
    if (address == MAP_FAILED) {
      Diagnostic mistake = cannot(result.shown, "cannot be mapped");
      ::close(*file);
      result.length = 0;
      return mistake;
    }
    result.start = static_cast<const uint8_t *>(address);
  }
  ::close(*file);
  if (std::optional<Diagnostic> fault = faultOfPointer(result.bytes(), result.shown))
    return std::move(*fault);
  return result;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : start(std::exchange(other.start, nullptr)), length(std::exchange(other.length, 0)),
      opened(std::move(other.opened)), shown(std::move(other.shown)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(start, other.start);
  std::swap(length, other.length);
  std::swap(opened, other.opened);
  std::swap(shown, other.shown);
  return *this;
}

MappedFile::~MappedFile() {
  if (start)
    ::munmap(const_cast<uint8_t *>(start), length);
}

void MappedFile::release(size_t offset, size_t size) const {
  if (!start || offset >= length)
    return;
  size = std::min(size, length - offset);
  const size_t page = size_t(::sysconf(_SC_PAGESIZE));
  // Only whole pages inside the range: its neighbours may still be wanted.
  const size_t first = (offset + page - 1) / page * page;
  const size_t last = offset + size == length ? length : (offset + size) / page * page;
  if (first < last)
    ::madvise(const_cast<uint8_t *>(start) + first, last - first, MADV_DONTNEED);
}

Result<std::string> readFile(const std::string &path, const std::string &shownAs, size_t maxBytes) {
  const std::string &shown = shownAs.empty() ? path : shownAs;
  size_t size = 0;
  Result<int> file = openRegular(path, shown, size);
  if (!file)
    return file.takeError();
  if (size > maxBytes) {
    ::close(*file);
    return Diagnostic{
        shown, 0, 0, "holds " + std::to_string(size) + " bytes, expected at most " + std::to_string(maxBytes), {}};
  }
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(*file, &text[done], size - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      Diagnostic mistake = cannot(shown, "cannot be read");
      ::close(*file);
      return mistake;
    }
    if (got == 0)
      break; // Cut short since it was examined: what is left is judged as it is.
    done += size_t(got);
  }
  ::close(*file);
  text.resize(done);
  if (std::optional<Diagnostic> fault = faultOfPointer(text, shown))
    return std::move(*fault);
  return text;
}

} // namespace llmc
