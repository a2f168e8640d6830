// EvalTest.cpp - windows over a text: each token scored once, with enough before it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Eval.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace llmc::runtime;

TEST(EvalWindows, NoneForFewerThanTwoTokens) {
  EXPECT_TRUE(evalWindows(0, 7, 3).empty());
  EXPECT_TRUE(evalWindows(1, 7, 3).empty());
}

TEST(EvalWindows, OneForATextThatFits) {
  for (uint64_t count : {2, 3, 7}) {
    std::vector<EvalWindow> windows = evalWindows(count, 7, 3);
    ASSERT_EQ(windows.size(), 1u) << count;
    EXPECT_EQ(windows[0].begin, 0u);
    EXPECT_EQ(windows[0].end, count);
    EXPECT_EQ(windows[0].first, 1u);
  }
}

TEST(EvalWindows, EveryTokenButTheFirstIsScoredOnceWithEnoughBeforeIt) {
  for (uint64_t count = 2; count < 60; ++count)
    for (uint32_t window = 2; window < 14; ++window)
      for (uint32_t stride = 1; stride < window; ++stride) {
        uint64_t next = 1;
        for (const EvalWindow &part : evalWindows(count, window, stride)) {
          ASSERT_EQ(part.first, next);
          ASSERT_LE(part.end - part.begin, window);
          for (; next < part.end; ++next)
            ASSERT_GE(next - part.begin, std::min<uint64_t>(next, window - stride))
                << count << " " << window << " " << stride;
          ASSERT_GT(part.end, part.first);
        }
        ASSERT_EQ(next, count);
      }
}
