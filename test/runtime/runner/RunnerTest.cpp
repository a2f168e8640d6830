// RunnerTest.cpp - parts of the command line that need no process: stop texts, JSON, bench, inspect.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/generate/StopTexts.h"
#include "runtime/src/runner/Bench.h"
#include "runtime/src/runner/Inspect.h"
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "test/runtime/support/ContainerWriter.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <string>
#include <unistd.h>
#include <vector>

using namespace llmc::runtime;
using namespace llmc::test;

namespace {

/// Feeds pieces and gives what was shown, "|" between calls, "!" at a stop.
std::string feed(const std::vector<const char *> &stops, const std::vector<std::string> &pieces) {
  StopTexts texts;
  texts.start(stops.data(), stops.size());
  std::string shown;
  const char *text;
  size_t size;
  for (const std::string &piece : pieces) {
    EXPECT_TRUE(texts.push(piece.data(), piece.size()));
    bool stopped = texts.take(false, text, size);
    shown.append(text, size);
    if (stopped)
      return shown + "!";
    shown += "|";
  }
  bool stopped = texts.take(true, text, size);
  shown.append(text, size);
  return shown + (stopped ? "!" : "");
}

TEST(StopTextsTest, WithoutStopsTextPassesAtOnce) { EXPECT_EQ(feed({}, {"ab", "c"}), "ab|c|"); }

TEST(StopTextsTest, AStopIsNeverShownInPart) {
  EXPECT_EQ(feed({"END"}, {"one E", "N", "D two"}), "one ||!");
  EXPECT_EQ(feed({"END"}, {"one END two"}), "one !");
}

TEST(StopTextsTest, HeldTextComesOutWhenItCannotBecomeAStop) {
  EXPECT_EQ(feed({"END"}, {"EN", "ergy", "."}), "|ENergy|.|");
  EXPECT_EQ(feed({"END"}, {"E", "E", "ND"}), "|E|!");
}

TEST(StopTextsTest, HeldTextComesOutAtTheEnd) { EXPECT_EQ(feed({"END"}, {"the EN"}), "the |EN"); }

TEST(StopTextsTest, TheLeftmostStopWinsHoweverTextIsCut) {
  std::string text = "xabcdey";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    std::string shown = feed({"bcde", "cd"}, {text.substr(0, cut), text.substr(cut)});
    shown.erase(std::remove(shown.begin(), shown.end(), '|'), shown.end());
    EXPECT_EQ(shown, "xa!") << cut;
  }
  EXPECT_EQ(feed({"bcde", "cd"}, {"xabcd"}), "xa|b!") << "at the end, what cannot become a stop any more gives way";
}

TEST(StopTextsTest, EmptyStopsAreIgnored) { EXPECT_EQ(feed({""}, {"a"}), "a|"); }

TEST(InterruptsTest, ASignalBeforeTheWaitEndsTheWait) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  noticeInterrupts();
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_TRUE(waitForInput(ends[0]));
  char byte;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  raise(SIGINT);
  EXPECT_FALSE(waitForInput(ends[0])); // nothing to read: without the signal it would wait for ever
  EXPECT_EQ(interruption(), SIGINT);
  forgetInterruption();
  close(ends[1]);
  EXPECT_TRUE(waitForInput(ends[0])); // the end can be read
  close(ends[0]);
  signal(SIGINT, SIG_DFL);
}

TEST(OutputTest, JsonStringsAreEscaped) {
  std::string out;
  std::string text("a\"\\\n\x01\x7f\xc3\xa4", 8);
  appendJsonString(out, text.data(), text.size());
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa4\"");
}

/// Files of the build folder whose names begin so.
int filesNamed(const std::string &start) {
  int count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(LLMC_BUILD_FOLDER))
    count += entry.path().filename().string().rfind(start, 0) == 0;
  return count;
}

TEST(OutputTest, AnUnfinishedNpyFileIsRemoved) {
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/unfinished.npy";
  {
    NpyWriter writer;
    ASSERT_TRUE(writer.open(path, 3));
    float row[3] = {1, 2, 3};
    ASSERT_TRUE(writer.row(row));
    EXPECT_EQ(filesNamed("unfinished.npy"), 1);
  }
  EXPECT_EQ(filesNamed("unfinished.npy"), 0);
}

TEST(OutputTest, AnUnfinishedNpyFileLeavesTheOneThatWasThere) {
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/earlier.npy";
  std::ofstream(path) << "earlier";
  {
    NpyWriter writer;
    ASSERT_TRUE(writer.open(path, 3));
  }
  EXPECT_EQ(filesNamed("earlier.npy"), 1);
  EXPECT_EQ(readFile(path).size(), 7u);
  {
    NpyWriter writer;
    ASSERT_TRUE(writer.open(path, 3));
    ASSERT_TRUE(writer.close());
  }
  EXPECT_EQ(filesNamed("earlier.npy"), 1);
  EXPECT_EQ(readFile(path).size(), 128u);
  unlink(path.c_str());
}

TEST(OutputTest, NpyFilesHoldTheirShapeAndRows) {
  std::string path = std::string(LLMC_BUILD_FOLDER) + "/finished.npy";
  NpyWriter writer;
  ASSERT_TRUE(writer.open(path, 2));
  float rows[3][2] = {{1, 2}, {3, 4}, {5, 6}};
  for (auto &row : rows)
    ASSERT_TRUE(writer.row(row));
  ASSERT_TRUE(writer.close());
  Bytes bytes = readFile(path);
  ASSERT_EQ(bytes.size(), 128 + sizeof rows);
  std::string head(bytes.begin() + 10, bytes.begin() + 128);
  EXPECT_EQ(head.substr(0, 61), "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }  ");
  EXPECT_EQ(head.back(), '\n');
  EXPECT_EQ(std::memcmp(bytes.data() + 128, rows, sizeof rows), 0);
  unlink(path.c_str());
}

class FileTest : public testing::Test {
protected:
  // One for each case: they run side by side.
  FileTest() : path(std::string(LLMC_BUILD_FOLDER) + "/runner-test-" + std::to_string(getpid()) + ".llmc") {
    writeFile(path, toyContainer());
  }
  ~FileTest() override { unlink(path.c_str()); }
  std::string path;
};

TEST_F(FileTest, BenchMeasuresEveryRate) {
  BenchOptions options;
  options.threads = 2;
  options.promptTokens = 100000; // cut to the context
  options.newTokens = 5;
  options.repetitions = 1;
  options.batch = 3;
  BenchResult result;
  llmc_error error;
  ASSERT_EQ(measureModel(path.c_str(), options, result, error), LLMC_OK) << error.message;
  EXPECT_EQ(result.variant, "plain");
  EXPECT_EQ(result.threads, 2u);
  EXPECT_EQ(result.promptTokens, 504u);
  EXPECT_GT(result.prefillRate, 0);
  EXPECT_GT(result.decodeRate, 0);
  EXPECT_GT(result.batchRate, 0);
  EXPECT_GT(result.readBandwidth, 1e8);
  EXPECT_GT(result.firstTokenSeconds, 0);
  EXPECT_EQ(result.weightsBytes, 1052u);
  EXPECT_EQ(result.bytesPerToken, 1052u);
}

TEST_F(FileTest, BenchNamesWhatIsWrong) {
  BenchResult result;
  llmc_error error;
  EXPECT_EQ(measureModel("/does/not/exist", BenchOptions(), result, error), LLMC_NOT_FOUND);
  EXPECT_STREQ(error.message, "cannot be opened: no such file or directory");
}

TEST_F(FileTest, InspectPrintsEveryPart) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(inspectArtifact(path.c_str()), exitDone);
  std::string text = testing::internal::GetCapturedStdout();
  for (const char *part :
       {"name        toy", "vocabulary 263 tokens", "eos 257", "variant     plain", "input     tokens [tokens] i32",
        "output    logits [rows, 263] f32", "kv_cache of f32, 1 slots, pages of 16 positions and 64 bytes",
        "dim         context: 1 to 1009, default 509", "arena     2 slots, 448 bytes", "f32 row: 1 tensors, 1052 bytes",
        "section     licences"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST_F(FileTest, VerifyTellsDamageByItsExitCode) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(verifyArtifactFile(path.c_str()), exitDone);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("4 sections, 256.0 KiB: all hashes match"), std::string::npos);
  Bytes damaged = toyContainer();
  damaged[196608 + 40] ^= 1; // in the weights
  writeFile(path, damaged);
  testing::internal::CaptureStderr();
  EXPECT_EQ(verifyArtifactFile(path.c_str()), exitBelowThreshold);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), path + ": error: section 2 (weights) is damaged (its SHA-256 does "
                                                           "not match)\nnote: copy or compile it again\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(verifyArtifactFile("/does/not/exist"), exitFailed);
  testing::internal::GetCapturedStderr();
}

} // namespace
