// TeamSize.cpp - how many threads of a team take part in a job, when a core is taken away.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/threads/TeamSize.h"

namespace llmc::runtime {

void TeamSize::ended(uint64_t time, uint64_t asleep) {
  if (all == 1)
    return;
  windowTime += time;
  windowAsleep += asleep;
  if (size < all)
    paused += time;
  if (windowTime < kWindow)
    return;
  // Two of five: a thread that has half a core lets the others sleep for half the time and more, an uneven end of a
  // phase for a twentieth.
  bool late = size > 1 && windowAsleep > windowTime / 5 * 2;
  windowTime = windowAsleep = 0;
  if (late) {
    pause = !trying ? kShortestPause : pause * 2 < kLongestPause ? pause * 2 : kLongestPause;
    --size;
    paused = 0;
    trying = false;
    return;
  }
  if (trying) {
    trying = false;
    pause = kShortestPause;
  }
  if (size < all && paused >= pause) {
    ++size;
    paused = 0;
    trying = true;
  }
}

} // namespace llmc::runtime
