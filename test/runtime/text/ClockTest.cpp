// ClockTest.cpp - dates and time zones of chat templates, beside the C library's.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Clock.h"
#include "test/TestPaths.h"

#include <cstring>
#include <ctime>
#include <gtest/gtest.h>
#include <vector>

using namespace llmc::runtime::chat;

namespace {

/// Moments through more than a century, at all times of day.
std::vector<int64_t> moments() {
  std::vector<int64_t> all;
  for (int64_t seconds = -1500000000; seconds < 4200000000; seconds += 1234567)
    all.push_back(seconds);
  return all;
}

void setZone(const char *zone) {
  setenv("TZ", zone, 1);
  tzset();
}

TEST(ClockTest, DatesAreThoseOfTheCalendar) {
  setZone("UTC");
  for (int64_t seconds : moments()) {
    std::time_t when = seconds;
    std::tm wanted;
    ASSERT_TRUE(gmtime_r(&when, &wanted));
    Date got = dateOf(seconds, 0);
    ASSERT_EQ(got.year, wanted.tm_year + 1900) << seconds;
    ASSERT_EQ(got.month, wanted.tm_mon + 1) << seconds;
    ASSERT_EQ(got.day, wanted.tm_mday) << seconds;
    ASSERT_EQ(got.weekday, wanted.tm_wday) << seconds;
    ASSERT_EQ(got.yearDay, wanted.tm_yday) << seconds;
    ASSERT_EQ(got.hour * 3600 + got.minute * 60 + got.second,
              wanted.tm_hour * 3600 + wanted.tm_min * 60 + wanted.tm_sec)
        << seconds;
  }
}

TEST(ClockTest, RulesGiveWhatTheLibraryGives) {
  for (const char *rule : {"KST-9", "EST5EDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0545>-5:45",
                           "AEST-10AEDT,M10.1.0,M4.1.0/3", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1"}) {
    setZone(rule);
    for (int64_t seconds : moments()) {
      if (seconds < 0) // the library's own answer is in doubt there
        continue;
      std::time_t when = seconds;
      std::tm wanted;
      localtime_r(&when, &wanted);
      int64_t offset = -1;
      ASSERT_TRUE(ruleOffset(rule, seconds, offset)) << rule;
      ASSERT_EQ(offset, wanted.tm_gmtoff) << rule << " at " << seconds;
    }
  }
  int64_t offset;
  for (const char *rule : {"", "5", "AB5", "<AB", "<AB>", "ABC", "ABCx"})
    EXPECT_FALSE(ruleOffset(rule, 0, offset)) << rule;
}

TEST(ClockTest, ZoneFilesGiveWhatTheLibraryGives) {
  if (!llmc::test::exists("/usr/share/zoneinfo/Europe/Berlin"))
    GTEST_SKIP() << "needs the system's time zone files";
  for (const char *zone : {"Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Sao_Paulo",
                           "Asia/Kathmandu", "Africa/Casablanca", "UTC"}) {
    setZone(zone);
    for (int64_t seconds : moments()) {
      std::time_t when = seconds;
      std::tm wanted;
      localtime_r(&when, &wanted);
      ASSERT_EQ(localOffset(seconds), wanted.tm_gmtoff) << zone << " at " << seconds;
    }
  }
  setZone("Nowhere/At/All");
  EXPECT_EQ(localOffset(0), 0);
  setZone("UTC");
}

TEST(ClockTest, DamagedZoneFilesGiveNoOffset) {
  std::vector<uint8_t> bytes(200);
  std::memcpy(bytes.data(), "TZif2", 5);
  EXPECT_EQ(zoneOffset(bytes.data(), bytes.size(), 0), 0);
  for (size_t at = 20; at < 44; ++at) {
    bytes[at] = 0xff; // counts that lie outside of the file
    EXPECT_EQ(zoneOffset(bytes.data(), bytes.size(), 0), 0);
    EXPECT_EQ(zoneOffset(bytes.data(), at, 0), 0);
  }
}

} // namespace
