// TeamSizeTest.cpp - a team that sleeps at barriers gets smaller, and tries again.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/threads/TeamSize.h"

#include <gtest/gtest.h>

using namespace llmc::runtime;

namespace {

constexpr uint64_t kMillisecond = 1000 * 1000;

/// Jobs of 10 ms until the number of threads changes, at most `most`; returns how many it took.
int untilChange(TeamSize &size, uint64_t asleepMilliseconds, int most = 10000) {
  uint32_t before = size.threads();
  for (int jobs = 1; jobs <= most; ++jobs) {
    size.ended(10 * kMillisecond, asleepMilliseconds * kMillisecond);
    if (size.threads() != before)
      return jobs;
  }
  return most;
}

TEST(TeamSizeTest, KeepsAllWhileTheyMeetInTime) {
  TeamSize size(4);
  EXPECT_EQ(untilChange(size, 3, 1000), 1000); // 30 % asleep: uneven, but nobody is missing
  EXPECT_EQ(size.threads(), 4u);
}

TEST(TeamSizeTest, GoesOnWithFewerWhereOneIsLate) {
  TeamSize size(2);
  EXPECT_EQ(untilChange(size, 6), 2) << "two jobs of 10 ms are a window";
  EXPECT_EQ(size.threads(), 1u);
  EXPECT_EQ(untilChange(size, 0), 10) << "after 100 ms it tries again";
  EXPECT_EQ(size.threads(), 2u);
}

TEST(TeamSizeTest, TriesAgainLaterAndLater) {
  TeamSize size(2);
  untilChange(size, 6);
  int last = 0;
  for (int expected : {10, 20, 40, 80, 160, 320, 500, 500}) { // up to 5 s
    last = untilChange(size, 0);
    EXPECT_EQ(last, expected);
    EXPECT_EQ(untilChange(size, 6), 2);
  }
  // Once it does go well it is as if nothing had been.
  untilChange(size, 0);
  EXPECT_EQ(untilChange(size, 0, 100), 100);
  EXPECT_EQ(size.threads(), 2u);
  EXPECT_EQ(untilChange(size, 6), 2);
  EXPECT_EQ(untilChange(size, 0), 10);
}

TEST(TeamSizeTest, ManyCoresMayBeTaken) {
  TeamSize size(8);
  for (uint32_t threads = 7; threads >= 1; --threads) {
    EXPECT_EQ(untilChange(size, 6), 2);
    EXPECT_EQ(size.threads(), threads);
  }
  EXPECT_EQ(untilChange(size, 6, 9), 9) << "one thread waits for nobody";
  for (uint32_t threads = 2; threads <= 8; ++threads) {
    untilChange(size, 0);
    EXPECT_EQ(size.threads(), threads);
  }
}

TEST(TeamSizeTest, ShortStepsAreLookedAtTogether) {
  TeamSize size(2);
  for (int i = 0; i < 199; ++i) {
    size.ended(kMillisecond / 10, kMillisecond / 10 * 9 / 10);
    ASSERT_EQ(size.threads(), 2u);
  }
  size.ended(kMillisecond / 10, 0);
  EXPECT_EQ(size.threads(), 1u);
}

TEST(TeamSizeTest, OneThreadStaysOne) {
  TeamSize size(1);
  EXPECT_EQ(untilChange(size, 9, 100), 100);
  EXPECT_EQ(size.threads(), 1u);
}

} // namespace
