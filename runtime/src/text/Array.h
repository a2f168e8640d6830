// Array.h - a growable block of plain values whose growth can fail: the text code's only allocation.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_SRC_TEXT_ARRAY_H
#define LLMC_RUNTIME_SRC_TEXT_ARRAY_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace llmc::runtime {

/// Values of a trivially copyable type, in one block of malloc. Growing returns false when memory is out and then
/// leaves what was there. `clear` keeps the block, so that a reused array stops allocating.
template <typename T> class Array {
  static_assert(std::is_trivially_copyable_v<T>, "values are moved by memcpy");

public:
  Array() = default;
  Array(Array &&other) noexcept : values(other.values), used(other.used), room(other.room) {
    other.values = nullptr;
    other.used = other.room = 0;
  }
  Array &operator=(Array &&other) noexcept {
    if (this != &other) {
      std::free(values);
      values = other.values, used = other.used, room = other.room;
      other.values = nullptr;
      other.used = other.room = 0;
    }
    return *this;
  }
  ~Array() { std::free(values); }

  size_t size() const { return used; }
  bool empty() const { return used == 0; }
  T *data() { return values; }
  const T *data() const { return values; }
  T &operator[](size_t index) { return values[index]; }
  const T &operator[](size_t index) const { return values[index]; }
  T *begin() { return values; }
  T *end() { return values + used; }
  const T *begin() const { return values; }
  const T *end() const { return values + used; }

  void clear() { used = 0; }
  /// Room for `count` values in all.
  [[nodiscard]] bool reserve(size_t count) {
    if (count <= room)
      return true;
    size_t larger = room + room / 2;
    if (larger < count)
      larger = count;
    if (larger < 16)
      larger = 16;
    if (larger > SIZE_MAX / sizeof(T))
      return false;
    void *grown = std::realloc(static_cast<void *>(values), larger * sizeof(T));
    if (!grown)
      return false;
    values = static_cast<T *>(grown);
    room = larger;
    return true;
  }
  [[nodiscard]] bool push(const T &value) {
    T copy = value; // it may lie in the block that moves
    if (used == room && !reserve(used + 1))
      return false;
    values[used++] = copy;
    return true;
  }
  /// Appends `count` values that do not lie in this array.
  [[nodiscard]] bool append(const T *from, size_t count) {
    if (count > room - used && !reserve(used + count))
      return false;
    if (count)
      std::memcpy(static_cast<void *>(values + used), from, count * sizeof(T));
    used += count;
    return true;
  }
  /// Sets the size; new values are unset.
  [[nodiscard]] bool resize(size_t count) {
    if (!reserve(count))
      return false;
    used = count;
    return true;
  }
  void truncate(size_t count) { used = count; }

private:
  T *values = nullptr;
  size_t used = 0;
  size_t room = 0;
};

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_SRC_TEXT_ARRAY_H
