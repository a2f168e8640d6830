// TeamSize.cpp - how many threads of a team take part in a job, when a core is taken away.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/threads/TeamSize.h"

namespace llmc::runtime {

void TeamSize::Window::add(uint64_t jobTime, uint64_t jobAsleep, uint64_t jobKind) {
  alike = alike && (!jobs || jobKind == kind);
  kind = jobKind;
  time += jobTime;
  asleep += jobAsleep;
  ++jobs;
}

void TeamSize::Pause::longer() {
  length = length * 2 < kLongestPause ? length * 2 : kLongestPause;
  passed = 0;
}

uint32_t TeamSize::threads(uint64_t kind) {
  if (before > size && (last.alike ? last.kind != kind && !last.speaksFor(kind) : !last.isLate())) {
    size = before;
    before = 0;
    window = Window();
  }
  return size;
}

void TeamSize::ended(uint64_t time, uint64_t asleep, uint64_t kind) {
  if (all == 1)
    return;
  window.add(time, asleep, kind);
  untilFewer.passed += time;
  if (size < all)
    untilMore.passed += time;
  if (window.time < kWindow)
    return;
  if (before)
    judge();
  else if (size > 1 && window.isDoubtful() && untilFewer.isOver())
    change(size - 1);
  else if (size < all && untilMore.isOver())
    change(size + 1);
  last = window;
  window = Window();
}

/// Tries another number of threads.
void TeamSize::change(uint32_t threads) {
  before = size;
  size = threads;
}

/// Keeps the number that is being tried, or goes back.
void TeamSize::judge() {
  bool isMore = size > before, isLike = window.isLike(last);
  // Whoever was late, and whose jobs were of another kind, is left out.
  bool keeps = isLike ? window.isFasterThan(last) : isMore ? !window.isLate() : last.isLate();
  if (isMore && keeps)
    untilMore = Pause();
  else if (isMore)
    untilMore.longer();
  else if (keeps)
    untilMore.passed = 0, untilFewer = Pause::over();
  else if (isLike)
    untilFewer.longer();
  if (!keeps)
    size = before;
  before = 0;
}

} // namespace llmc::runtime
