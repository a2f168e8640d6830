// Clock.h - the local date for chat templates, without the C library's: that one would add a sixth to the runtime.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_TEMPLATE_CLOCK_H
#define LLMC_RUNTIME_SRC_TEXT_TEMPLATE_CLOCK_H

#include <cstddef>
#include <cstdint>

namespace llmc::runtime::chat {

/// A moment as calendars and clocks show it.
struct Date {
  int64_t year;
  int month;   ///< 1 .. 12
  int day;     ///< 1 .. 31
  int weekday; ///< 0: Sunday
  int yearDay; ///< 0 .. 365
  int hour, minute, second;
};

/// The date in UTC of a moment `offset` seconds east of it.
Date dateOf(int64_t seconds, int64_t offset);

/// Seconds east of UTC at a moment, as the environment's TZ or /etc/localtime say; 0 where neither can be read.
int64_t localOffset(int64_t seconds);

/// The same by the bytes of a time zone file (RFC 9636).
int64_t zoneOffset(const uint8_t *file, size_t size, int64_t seconds);

/// The same by a rule: "EST5EDT,M3.2.0,M11.1.0". False when it is not understood.
bool ruleOffset(const char *rule, int64_t seconds, int64_t &offset);

} // namespace llmc::runtime::chat

#endif // LLMC_RUNTIME_SRC_TEXT_TEMPLATE_CLOCK_H
