// Fields.h - protobuf messages as fields, and ONNX files changed field by field: for the fuzzers of the format and of
// import.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TEST_FUZZ_ONNX_FIELDS_H
#define LLMC_TEST_FUZZ_ONNX_FIELDS_H

#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace llmc::test {

using Random = std::mt19937_64;
inline size_t below(Random &random, size_t count) { return count ? random() % count : 0; }
/// True in `percent` of a hundred cases.
inline bool chance(Random &random, unsigned percent) { return below(random, 100) < percent; }
template <typename List> auto oneOf(Random &random, const List &list) {
  return *(std::begin(list) + static_cast<ptrdiff_t>(below(random, std::size(list))));
}
/// A number at an edge of something.
uint64_t oddNumber(Random &random);

/// A field of a message: a number, fixed bytes, or what is delimited by a length; `fields` are those of the latter,
/// where it was read as a message.
struct Field {
  uint32_t number = 0;
  unsigned wire = 0;
  uint64_t value = 0;
  std::string bytes;
  std::vector<Field> fields;
  bool isMessage = false;
};
using Message = std::vector<Field>;

/// The fields of a message; those in fields only where `deep` allows, and wherever they read as a message.
bool readFields(std::string_view in, Message &fields, unsigned deep = 0);
std::string writeFields(const Message &fields);

//===-- writing ------------------------------------------------------------------------------------------------===//
void writeVarint(std::string &out, uint64_t value);
std::string number(uint32_t id, uint64_t value);
std::string text(uint32_t id, std::string_view content);
std::string real(uint32_t id, float value);
Field numberField(uint32_t id, uint64_t value);
Field textField(uint32_t id, std::string content);

/// Changes files one field at a time; what is put in place of a field comes from a field of that number elsewhere.
class Changer {
public:
  /// Takes a file as one to begin with.
  void add(std::string_view bytes);
  bool empty() const { return files.empty(); }
  size_t count() const { return files.size(); }
  /// One of the files, as it is.
  std::string file(size_t i) const { return writeFields(files[i]); }
  /// A file with one to four changes.
  std::string next(Random &random) const;
  /// The same of a file that is not among them.
  std::string changed(std::string_view bytes, Random &random) const;

private:
  void change(Message &fields, Random &random) const;
  std::string changed(Message fields, Random &random) const;

  std::vector<Message> files;
  std::map<uint32_t, Message> known; ///< by their number
};

} // namespace llmc::test

#endif // LLMC_TEST_FUZZ_ONNX_FIELDS_H
