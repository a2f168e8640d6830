// OutputFileTest.cpp - a file is there whole or not at all.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llmc::artifact;

namespace {

llvm::ArrayRef<uint8_t> bytes(llvm::StringRef text) { return {text.bytes_begin(), text.bytes_end()}; }

class OutputFileTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("llmc-output-file", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string path(llvm::StringRef name) const {
    llvm::SmallString<128> result = folder;
    llvm::sys::path::append(result, name);
    return std::string(result);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
      names.push_back(llvm::sys::path::filename(it->path()).str());
    return names;
  }
  std::string contents(llvm::StringRef name) const {
    auto buffer = llvm::MemoryBuffer::getFile(path(name));
    return buffer ? (*buffer)->getBuffer().str() : "(absent)";
  }
  std::unique_ptr<OutputFile> create(llvm::StringRef name, bool executable = false) const {
    return llvm::cantFail(OutputFile::create(path(name), executable));
  }
  llvm::SmallString<128> folder;
};

TEST_F(OutputFileTest, CommitGivesTheName) {
  auto file = create("out");
  llvm::cantFail(file->write(3, bytes("def")));
  llvm::cantFail(file->write(0, bytes("abc")));
  EXPECT_NE(files(), std::vector<std::string>{"out"}) << "not before it is whole";
  llvm::cantFail(file->commit());
  EXPECT_EQ(files(), std::vector<std::string>{"out"});
  EXPECT_EQ(contents("out"), "abcdef");
}

TEST_F(OutputFileTest, DroppedLeavesNothing) {
  llvm::cantFail(create("out")->write(0, bytes("abc")));
  EXPECT_TRUE(files().empty());
}

TEST_F(OutputFileTest, DroppedLeavesTheFormerFile) {
  {
    auto file = create("out");
    llvm::cantFail(file->write(0, bytes("first")));
    llvm::cantFail(file->commit());
  }
  llvm::cantFail(create("out")->write(0, bytes("second")));
  EXPECT_EQ(contents("out"), "first");
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(OutputFileTest, ModesRespectTheUmask) {
  mode_t before = umask(027);
  llvm::cantFail(create("program", true)->commit());
  llvm::cantFail(create("data", false)->commit());
  umask(before);
  struct stat status;
  ASSERT_EQ(stat(path("program").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
  ASSERT_EQ(stat(path("data").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST_F(OutputFileTest, LinksStay) {
  llvm::cantFail(create("target")->commit());
  ASSERT_EQ(symlink(path("target").c_str(), path("link").c_str()), 0);
  auto file = create("link");
  llvm::cantFail(file->write(0, bytes("new")));
  llvm::cantFail(file->commit());
  EXPECT_TRUE(llvm::sys::fs::is_symlink_file(path("link")));
  EXPECT_EQ(contents("target"), "new");
}

std::string refusal(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<OutputFile>> file = OutputFile::create(path, false);
  return file ? "(none)" : llvm::toString(file.takeError());
}

TEST_F(OutputFileTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(refusal(folder), "is a directory");
  EXPECT_EQ(refusal("/dev/null"), "(none)");
  EXPECT_EQ(refusal(path("absent/out")), "no such file or directory");
  EXPECT_TRUE(files().empty());
}

TEST_F(OutputFileTest, ReportsALimitOnSize) {
  // The same way out as a full disk: the system refuses a write in the middle.
  pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto file = create("out");
    std::vector<uint8_t> much(8192);
    std::string reason = llvm::toString(file->write(0, much));
    file.reset();
    _exit(reason == "file too large" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(files().empty());
}

TEST_F(OutputFileTest, SignalsRemoveIt) {
  for (int signal : {SIGINT, SIGTERM, SIGABRT, SIGSEGV}) {
    pid_t child = fork();
    if (child == 0) {
      rlimit none = {0, 0};
      setrlimit(RLIMIT_CORE, &none);
      close(STDERR_FILENO);
      auto file = create("out");
      llvm::cantFail(file->write(0, bytes("half")));
      raise(signal);
      pause();
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "signal " << signal;
    EXPECT_TRUE(files().empty()) << "signal " << signal;
  }
}

} // namespace
