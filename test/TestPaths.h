// TestPaths.h - where a test finds its inputs.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_TESTPATHS_H
#define LLMC_TEST_TESTPATHS_H

#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace llmc::test {

/// The folder test/ of the sources; `relative` is appended.
inline std::string testPath(const std::string &relative) { return std::string(LLMC_TEST_FOLDER) + "/" + relative; }

/// The build folder; `relative` ("bin/llmc") is appended.
inline std::string buildPath(const std::string &relative) { return std::string(LLMC_BUILD_FOLDER) + "/" + relative; }

/// The folder of test data beside the repository (LLMC_SHARED overrides); it may be absent: see LLMC_NEEDS_SHARED.
inline std::string sharedPath(const std::string &relative) {
  const char *chosen = std::getenv("LLMC_SHARED");
  std::string folder = chosen && *chosen ? chosen : std::string(LLMC_TEST_FOLDER) + "/../../shared";
  return folder + "/" + relative;
}

inline bool exists(const std::string &path) {
  struct stat facts;
  return ::stat(path.c_str(), &facts) == 0;
}

/// A new empty folder that is removed, with the plain files in it, when the object dies.
class TemporaryFolder {
public:
  TemporaryFolder() {
    const char *base = std::getenv("TMPDIR");
    path = std::string(base && *base ? base : P_tmpdir) + "/llmc-test-XXXXXX";
    if (!::mkdtemp(path.data()))
      std::abort();
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  ~TemporaryFolder() {
    std::string command = "rm -rf -- '" + path + "'";
    if (std::system(command.c_str()) != 0)
      ::rmdir(path.c_str());
  }
  std::string operator/(const std::string &name) const { return path + "/" + name; }
  const std::string &str() const { return path; }

private:
  std::string path;
};

} // namespace llmc::test

/// Skips the gtest case, naming what is missing, where the data beside the repository is absent.
#define LLMC_NEEDS_SHARED(relative)                                                                                    \
  do {                                                                                                                 \
    if (!llmc::test::exists(llmc::test::sharedPath(relative)))                                                         \
      GTEST_SKIP() << "needs shared/" << (relative);                                                                   \
  } while (false)

#endif // LLMC_TEST_TESTPATHS_H
