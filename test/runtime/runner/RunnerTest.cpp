// RunnerTest.cpp - parts of the command line that need no process: stop texts, JSON, bench, inspect.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/generate/StopTexts.h"
#include "runtime/src/runner/Bench.h"
#include "runtime/src/runner/Inspect.h"
#include "runtime/src/runner/Interrupts.h"
#include "runtime/src/runner/LaunchWork.h"
#include "runtime/src/runner/MachineProbe.h"
#include "runtime/src/runner/Options.h"
#include "runtime/src/runner/Output.h"
#include "test/runtime/support/ContainerWriter.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
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

TEST_F(FileTest, ProfilesTimeEveryLaunchOnEveryThread) {
  BenchOptions options;
  options.threads = 2;
  options.promptTokens = 73; // steps of 61 and 12
  options.newTokens = 5;
  options.repetitions = 1;
  options.batch = 3;
  options.profile = true;
  BenchResult result;
  llmc_error error;
  ASSERT_EQ(measureModel(path.c_str(), options, result, error), LLMC_OK) << error.message;
  ASSERT_EQ(result.launches.size(), 2u);
  EXPECT_EQ(result.launches[0].kernel, "scale");
  EXPECT_EQ(result.launches[1].subject, "table");
  ASSERT_EQ(result.profile.size(), 3u);
  const double keys[] = {73, 73 + 1 + 73 + 2 + 73 + 3 + 73 + 4 + 73 + 5, 3 * (17 + 18 + 19 + 20 + 21)};
  const uint64_t calls[] = {2, 5, 5};
  const double rows[] = {73, 5, 15}, wanted[] = {1, 5, 15};
  for (size_t i = 0; i < 3; ++i) {
    const PhaseProfile &phase = result.profile[i];
    SCOPED_TRACE(phase.name);
    ASSERT_EQ(phase.launches.size(), 2u);
    const LaunchTime &scale = phase.launches[0], &sums = phase.launches[1];
    EXPECT_EQ(scale.calls, calls[i]);
    EXPECT_EQ(sums.calls, calls[i]);
    EXPECT_EQ(scale.work.rows, rows[i]);
    EXPECT_EQ(scale.work.rowBytes, 8 * rows[i]);
    EXPECT_EQ(sums.work.rows, wanted[i]);
    EXPECT_EQ(sums.work.bytes, 1052 * (i == 0 ? 1 : 5) + 4 * keys[i]);
    EXPECT_GT(scale.seconds, 0);
    EXPECT_GT(sums.seconds, 0);
    // Means over the threads: busy and waiting together are no longer than the whole.
    EXPECT_LE(scale.seconds + scale.waiting + sums.seconds + sums.waiting, phase.seconds);
  }
}

TEST_F(FileTest, TheProfileNamesKernelsAndLimits) {
  BenchOptions options;
  options.threads = 1;
  options.promptTokens = 31;
  options.newTokens = 2;
  options.repetitions = 1;
  options.profile = true;
  BenchResult result;
  llmc_error error;
  ASSERT_EQ(measureModel(path.c_str(), options, result, error), LLMC_OK) << error.message;
  testing::internal::CaptureStdout();
  printProfile(result);
  std::string text = testing::internal::GetCapturedStdout();
  for (const char *part : {"profile of prefill: ", "profile of decode: ", "ms a prompt", "ms a step",
                           "waiting at barriers", "sums f32", "table", "of limit", "GB/s read"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  std::string json = profileJson(result);
  EXPECT_NE(
      json.find(
          "{\"kernel\":\"sums\",\"tensors\":\"table\",\"arithmetic\":\"f32\",\"launch\":1,\"calls\":1,\"rows\":1,"),
      std::string::npos)
      << json;
  result.profile.clear();
  EXPECT_EQ(profileJson(result), "");
}

TEST_F(FileTest, PerfIsToldWhereFunctionsLie) {
  BenchOptions options;
  options.promptTokens = 3;
  options.newTokens = options.repetitions = 1;
  options.perfMap = true;
  BenchResult result;
  llmc_error error;
  ASSERT_EQ(measureModel(path.c_str(), options, result, error), LLMC_OK) << error.message;
  EXPECT_EQ(result.perfMapFile, P_tmpdir "/perf-" + std::to_string(getpid()) + ".map");
  std::ifstream map(result.perfMapFile);
  uintptr_t start = 0;
  uint64_t size = 0;
  std::string name;
  map >> std::hex >> start >> size >> name;
  EXPECT_GT(start, 0u);
  EXPECT_EQ(size, 16u);
  EXPECT_EQ(name, "toyStep");
  std::filesystem::remove(result.perfMapFile);
}

TEST(LaunchWork, SumsAreThoseOfEachRowByItself) {
  for (uint64_t window : {0, 1, 7, 23, 1000})
    for (uint32_t before : {0u, 5u, 40u})
      for (uint32_t count : {1u, 3u, 30u})
        for (uint32_t rows : {0u, 1u}) {
          llmc_launch launch = {};
          launch.times = 5;
          launch.rows = LLMC_DIM_TOKENS;
          launch.wanted_rows = 1;
          launch.weight_bytes = 11;
          launch.row_bytes = 3;
          launch.row_operations = 2;
          launch.key_bytes = 13;
          launch.key_operations = 17;
          launch.window = window;
          double expectedRows = 0, pairs = 0, keys = 0;
          for (uint32_t layer = 0; layer < 5; ++layer)
            for (uint32_t i = 0; i < count; ++i) {
              uint64_t seen = before + i + 1;
              seen = window && seen > window ? window : seen;
              keys += i + 1 == count ? double(seen) : 0;
              if (layer == 4 && rows && i + 1 < count)
                continue; // the last layer computes what is wanted
              ++expectedRows;
              pairs += double(seen);
            }
          LaunchWork work = workOf(launch, {1, count, before, rows});
          EXPECT_EQ(work.rows, expectedRows) << window << " " << before << " " << count << " " << rows;
          EXPECT_EQ(work.rowBytes, 3 * expectedRows);
          EXPECT_EQ(work.operations, 2 * expectedRows + 17 * pairs)
              << window << " " << before << " " << count << " " << rows;
          EXPECT_EQ(work.bytes, 5 * 11 + 13 * keys);
        }
}

TEST(LaunchWork, NobodyWantsRows) {
  llmc_launch launch = {};
  launch.times = 1;
  launch.rows = LLMC_DIM_ROWS;
  launch.weight_bytes = 11;
  EXPECT_EQ(workOf(launch, {1, 5, 0, 0}).bytes, 0);
  EXPECT_EQ(workOf(launch, {1, 5, 0, 2}).bytes, 11);
  EXPECT_EQ(workOf(launch, {4, 1, 9, 4}).rows, 4);
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
