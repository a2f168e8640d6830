// Clock.cpp - the local date for chat templates: days to dates, and time zones.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/text/template/Clock.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace llmc::runtime::chat {

static constexpr int64_t day = 86400;

static int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/// Days from 1970-01-01 to a date; years begin in March here, so that a leap day ends one.
static int64_t daysOf(int64_t year, int month, int dayOfMonth) {
  year -= month <= 2;
  int64_t era = floorDivide(year, 400), yearOfEra = year - era * 400;
  int64_t dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + dayOfMonth - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

Date dateOf(int64_t seconds, int64_t offset) {
  constexpr int64_t most = int64_t(1) << 55; // a thousand million years
  seconds = (seconds > most ? most : seconds < -most ? -most : seconds) + offset;
  int64_t days = floorDivide(seconds, day), rest = seconds - days * day;
  int64_t shifted = days + 719468, era = floorDivide(shifted, 146097), dayOfEra = shifted - era * 146097;
  int64_t yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  int64_t dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  int64_t shiftedMonth = (5 * dayOfYear + 2) / 153;
  Date date;
  date.day = int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1);
  date.month = int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9);
  date.year = yearOfEra + era * 400 + (date.month <= 2);
  date.weekday = int(((days + 4) % 7 + 7) % 7);
  date.yearDay = int(days - daysOf(date.year, 1, 1));
  date.hour = int(rest / 3600);
  date.minute = int(rest / 60 % 60);
  date.second = int(rest % 60);
  return date;
}

// ------------------------------------------------------------ rules

namespace {

/// Reads a rule from left to right.
class Rule {
public:
  explicit Rule(const char *text) : at(text) {}

  bool offset(int64_t seconds, int64_t &found) {
    int64_t standard, summer;
    if (!name() || !clock(standard))
      return false;
    found = -standard; // rules count west of UTC
    if (!*at || *at == '\n')
      return true;
    summer = standard - 3600;
    if (!name() || (*at && *at != ',' && *at != '\n' && !clock(summer)))
      return false;
    if (*at != ',')
      return true;
    int64_t year = dateOf(seconds, -standard).year, begin, end;
    if (!change(year, begin) || !change(year, end))
      return true; // another kind of rule: without summer time
    begin += standard;
    end += summer;
    bool isSummer = begin < end ? seconds >= begin && seconds < end : seconds >= begin || seconds < end;
    if (isSummer)
      found = -summer;
    return true;
  }

private:
  bool name() {
    if (*at == '<') {
      while (*at && *at != '>')
        ++at;
      return *at && *at++ == '>';
    }
    const char *start = at;
    while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
      ++at;
    return at - start >= 3;
  }

  bool number(int64_t &value) {
    const char *start = at;
    for (value = 0; *at >= '0' && *at <= '9' && at - start < 6; ++at)
      value = value * 10 + (*at - '0');
    return at != start;
  }

  /// [+-]hours[:minutes[:seconds]] in seconds.
  bool clock(int64_t &value) {
    bool isNegative = *at == '-';
    at += *at == '-' || *at == '+';
    int64_t part;
    if (!number(value))
      return false;
    value *= 3600;
    for (int64_t unit = 60; unit && *at == ':'; unit /= 60) {
      ++at;
      if (!number(part))
        return false;
      value += part * unit;
    }
    value = isNegative ? -value : value;
    return true;
  }

  /// ",Mmonth.week.weekday[/time]" of a year, in seconds of that place's clock.
  bool change(int64_t year, int64_t &value) {
    int64_t month, week, weekday, time = 7200;
    if (*at++ != ',' || *at++ != 'M' || !number(month) || *at++ != '.' || !number(week) || *at++ != '.' ||
        !number(weekday) || month < 1 || month > 12 || week < 1 || week > 5 || weekday > 6)
      return false;
    if (*at == '/' && (++at, !clock(time)))
      return false;
    int64_t first = daysOf(year, int(month), 1);
    int64_t next = month == 12 ? daysOf(year + 1, 1, 1) : daysOf(year, int(month) + 1, 1);
    int64_t found = first + (weekday - ((first + 4) % 7 + 7) % 7 + 7) % 7 + (week - 1) * 7;
    while (found >= next)
      found -= 7; // the fifth is the last
    value = found * day + time;
    return true;
  }

  const char *at;
};

/// A number of big-endian bytes.
int64_t bigEndian(const uint8_t *bytes, size_t size) {
  uint64_t value = bytes[0] & 0x80 ? ~uint64_t(0) : 0;
  for (size_t i = 0; i < size; ++i)
    value = value << 8 | bytes[i];
  return int64_t(value);
}

} // namespace

bool ruleOffset(const char *rule, int64_t seconds, int64_t &offset) { return Rule(rule).offset(seconds, offset); }

int64_t zoneOffset(const uint8_t *file, size_t size, int64_t seconds) {
  constexpr size_t head = 44;
  size_t width = 4;
  for (const uint8_t *block = file;; width = 8) {
    if (size < head || std::memcmp(block, "TZif", 4) != 0)
      return 0;
    uint64_t counts[6], sum = 0; // of UTC marks, standard marks, leap seconds, changes, types, characters
    for (int i = 0; i < 6; ++i) {
      counts[i] = uint64_t(bigEndian(block + 20 + 4 * i, 4)) & 0xffffffff;
      if (counts[i] > 1 << 20)
        return 0;
    }
    sum = head + counts[3] * (width + 1) + counts[4] * 6 + counts[5] + counts[2] * (width + 4) + counts[1] + counts[0];
    if (sum > size || !counts[4])
      return 0;
    bool hasWider = width == 4 && block[4] >= '2';
    if (hasWider) { // the same again with more bits
      block += sum;
      size -= sum;
      continue;
    }
    const uint8_t *changes = block + head, *kinds = changes + counts[3] * width, *types = kinds + counts[3];
    uint64_t before = 0;
    while (before < counts[3] && bigEndian(changes + before * width, width) <= seconds)
      ++before;
    const char *rule = reinterpret_cast<const char *>(block + sum);
    size_t left = size - sum;
    if (before == counts[3] && width == 8 && left > 2 && rule[0] == '\n') { // after the last change a rule goes on
      char copy[128];
      size_t length = 0;
      while (length + 1 < left && length + 1 < sizeof copy && rule[length + 1] != '\n') {
        copy[length] = rule[length + 1];
        ++length;
      }
      copy[length] = 0;
      int64_t offset;
      if (length && ruleOffset(copy, seconds, offset))
        return offset;
    }
    uint64_t kind = before ? kinds[before - 1] : 0;
    return kind < counts[4] ? bigEndian(types + kind * 6, 4) : 0;
  }
}

int64_t localOffset(int64_t seconds) {
  const char *zone = std::getenv("TZ");
  int64_t offset;
  if (zone && *zone == ':')
    ++zone;
  char path[512] = "/etc/localtime";
  if (zone) {
    if (!*zone || std::strstr(zone, "..") || std::strlen(zone) > 400)
      return 0;
    std::snprintf(path, sizeof path, *zone == '/' ? "%s" : "/usr/share/zoneinfo/%s", zone);
  }
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return zone && ruleOffset(zone, seconds, offset) ? offset : 0;
  static constexpr size_t largest = 65536;
  auto *bytes = static_cast<uint8_t *>(std::malloc(largest));
  size_t size = 0;
  for (ssize_t got; bytes && size < largest && (got = ::read(file, bytes + size, largest - size)) > 0;)
    size += size_t(got);
  ::close(file);
  offset = zoneOffset(bytes, size, seconds);
  std::free(bytes);
  return offset;
}

} // namespace llmc::runtime::chat
