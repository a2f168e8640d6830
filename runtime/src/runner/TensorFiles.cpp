// TensorFiles.cpp - reads and writes tensors in files.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/TensorFiles.h"

#include "llmc/artifact_format.h"
#include "runtime/src/runner/Messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace llmc::runtime {

namespace {

struct TypeFacts {
  uint32_t type;
  const char *name;
  const char *npy;   ///< NumPy's descr; null where it has none
  uint32_t onnx;     ///< number in TensorProto
  uint32_t bits = 8; ///< of an element there; a file packs those below 8, memory does not
};
const TypeFacts types[] = {
    {LLMC_F32, "float32", "<f4", 1},
    {LLMC_U8, "uint8", "|u1", 2},
    {LLMC_I8, "int8", "|i1", 3},
    {LLMC_U16, "uint16", "<u2", 4},
    {LLMC_I16, "int16", "<i2", 5},
    {LLMC_I32, "int32", "<i4", 6},
    {LLMC_I64, "int64", "<i8", 7},
    {LLMC_BOOL, "bool", "|b1", 9},
    {LLMC_F16, "float16", "<f2", 10},
    {LLMC_F64, "float64", "<f8", 11},
    {LLMC_U32, "uint32", "<u4", 12},
    {LLMC_U64, "uint64", "<u8", 13},
    {LLMC_BF16, "bfloat16", nullptr, 16},
    {LLMC_F8E4M3FN, "float8e4m3fn", "|u1", 17},
    {LLMC_F8E4M3FNUZ, "float8e4m3fnuz", "|u1", 18},
    {LLMC_F8E5M2, "float8e5m2", "|u1", 19},
    {LLMC_F8E5M2FNUZ, "float8e5m2fnuz", "|u1", 20},
    {LLMC_U4, "uint4", "|u1", 21, 4},
    {LLMC_I4, "int4", "|i1", 22, 4},
    {LLMC_F4E2M1, "float4e2m1", "|u1", 23, 4},
    {LLMC_F8E8M0, "float8e8m0", "|u1", 24},
    {LLMC_U2, "uint2", "|u1", 25, 2},
    {LLMC_I2, "int2", "|i1", 26, 2},
};

const TypeFacts *factsOf(uint32_t type) {
  for (const TypeFacts &facts : types)
    if (facts.type == type)
      return &facts;
  return nullptr;
}

/// What a file holds: a type and shape, and where its elements are.
struct Found {
  const TypeFacts *type = nullptr;
  std::vector<uint64_t> sizes;
  std::string bytes; ///< elements, row-major
};

bool readWhole(const std::string &path, uint64_t most, std::string &bytes, std::string &mistake) {
  FILE *file = fopen(path.c_str(), "rb");
  struct stat facts;
  if (!file || fstat(fileno(file), &facts) < 0) {
    mistake = std::string("cannot be opened: ") + systemReason(errno);
    if (file)
      fclose(file);
    return false;
  }
  if (!S_ISREG(facts.st_mode) || uint64_t(facts.st_size) > most) {
    mistake = S_ISREG(facts.st_mode) ? "is larger than the tensor that it should hold" : "is not a regular file";
    fclose(file);
    return false;
  }
  bytes.resize(size_t(facts.st_size));
  bool whole = fread(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (!whole)
    mistake = "cannot be read";
  fclose(file);
  return whole;
}

/// The text after `key` in a .npy header's dictionary.
const char *valueOf(const std::string &header, const char *key) {
  size_t at = header.find(key);
  if (at == std::string::npos)
    return nullptr;
  at = header.find(':', at);
  return at == std::string::npos ? nullptr : header.c_str() + header.find_first_not_of(" ", at + 1);
}

bool parseNpy(std::string &bytes, Found &found, std::string &mistake) {
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) {
    mistake = "is no .npy file";
    return false;
  }
  size_t wide = bytes[6] == 1 ? 2 : 4, length = 0;
  for (size_t i = 0; i < wide && 8 + i < bytes.size(); ++i)
    length |= size_t(uint8_t(bytes[8 + i])) << (8 * i);
  size_t start = 8 + wide;
  if (start > bytes.size() || length > bytes.size() - start) {
    mistake = "is cut short";
    return false;
  }
  std::string header = bytes.substr(start, length);
  const char *descr = valueOf(header, "'descr'"), *order = valueOf(header, "'fortran_order'"),
             *shape = valueOf(header, "'shape'");
  if (!descr || !order || !shape || *shape != '(') {
    mistake = "has no .npy header that is understood";
    return false;
  }
  if (strncmp(order, "True", 4) == 0) {
    mistake = "is stored column by column (expected numpy.ascontiguousarray)";
    return false;
  }
  for (const TypeFacts &facts : types)
    if (!found.type && facts.npy && strncmp(descr + 1, facts.npy, strlen(facts.npy)) == 0)
      found.type = &facts; // the first of those that NumPy has one name for
  if (!found.type) {
    mistake = "has the type " + std::string(descr, strcspn(descr, ",}")) + ", which is not supported";
    return false;
  }
  for (const char *at = shape + 1; *at && *at != ')';) {
    char *end;
    if (*at < '0' || *at > '9') {
      ++at;
      continue;
    }
    found.sizes.push_back(strtoull(at, &end, 10));
    at = end;
  }
  found.bytes = bytes.substr(start + length);
  return true;
}

/// Reads protobuf's fields; every read is bounded.
class Fields {
public:
  Fields(const char *data, size_t size) : at(data), end(data + size) {}
  bool next() {
    uint64_t key;
    if (at == end || !varint(key))
      return false;
    id = uint32_t(key >> 3);
    kind = uint32_t(key & 7);
    uint64_t size = kind == 1 ? 8 : 4;
    if (kind == 0)
      return varint(number);
    if (kind == 2 && !varint(size))
      return false;
    if ((kind != 1 && kind != 2 && kind != 5) || size > size_t(end - at)) {
      broken = true;
      return false;
    }
    data = at;
    length = size_t(size);
    at += size;
    return true;
  }
  bool varint(uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
      uint8_t byte = uint8_t(*at++);
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    broken = true;
    return false;
  }
  bool done() const { return at == end; }

  uint32_t id = 0, kind = 0;
  uint64_t number = 0;
  const char *data = nullptr;
  size_t length = 0;
  bool broken = false;

private:
  const char *at, *end;
};

bool parsePb(const std::string &bytes, Found &found, std::string &mistake) {
  Fields fields(bytes.data(), bytes.size());
  uint64_t type = 0;
  std::vector<uint64_t> varints;
  std::string fixed;
  const char *raw = nullptr;
  size_t rawSize = 0;
  auto numbers = [&](std::vector<uint64_t> &to) {
    if (fields.kind == 0) {
      to.push_back(fields.number);
      return;
    }
    Fields packed(fields.data, fields.length);
    for (uint64_t value; !packed.done() && packed.varint(value);)
      to.push_back(value);
    fields.broken |= packed.broken;
  };
  while (fields.next()) {
    if (fields.id == 1)
      numbers(found.sizes);
    else if (fields.id == 2)
      type = fields.number;
    else if (fields.id == 4 || fields.id == 10)
      fixed.append(fields.data, fields.kind == 0 ? 0 : fields.length);
    else if (fields.id == 5 || fields.id == 7 || fields.id == 11)
      numbers(varints);
    else if (fields.id == 9)
      raw = fields.data, rawSize = fields.kind == 2 ? fields.length : 0;
  }
  if (fields.broken) {
    mistake = "is no TensorProto, or is damaged";
    return false;
  }
  for (const TypeFacts &facts : types)
    if (facts.onnx == type)
      found.type = &facts;
  if (!found.type) {
    mistake = "holds elements of ONNX's type " + std::to_string(type) + ", which is not supported";
    return false;
  }
  if (raw) {
    found.bytes.assign(raw, rawSize);
  } else if (!varints.empty()) {
    uint32_t size = llmc_element_size(found.type->type);
    for (uint64_t value : varints)
      found.bytes.append(reinterpret_cast<const char *>(&value), size); // the low bytes
  } else {
    found.bytes = std::move(fixed);
  }
  if (found.type->bits < 8) {
    uint64_t count = 1;
    for (uint64_t size : found.sizes)
      if (__builtin_mul_overflow(count, size, &count))
        count = UINT64_MAX;
    std::string wide;
    unsigned each = 8 / found.type->bits, spare = 8 - found.type->bits;
    bool isSigned = found.type->type == LLMC_I4 || found.type->type == LLMC_I2;
    for (uint64_t i = 0; i < count && i / each < found.bytes.size(); ++i) {
      uint8_t high = uint8_t(uint8_t(found.bytes[i / each]) >> (i % each * found.type->bits) << spare);
      wide += char(isSigned ? int8_t(high) >> spare : high >> spare);
    }
    found.bytes = std::move(wide);
  }
  return true;
}

bool isProtobuf(const std::string &path) { return path.size() > 3 && path.compare(path.size() - 3, 3, ".pb") == 0; }

/// Reads a file with at most `most` bytes of elements.
bool readFile(const std::string &path, uint64_t most, Found &found, std::string &mistake) {
  std::string bytes;
  // Varints take up to ten bytes where an element has one.
  if (!readWhole(path, most * 10 + (1 << 16), bytes, mistake))
    return false;
  return isProtobuf(path) ? parsePb(bytes, found, mistake) : parseNpy(bytes, found, mistake);
}

} // namespace

const char *elementTypeName(uint32_t type) {
  const TypeFacts *facts = factsOf(type);
  return facts ? facts->name : "?";
}

std::string describeTensor(uint32_t type, const uint64_t *sizes, uint32_t rank) {
  std::string text = std::string(elementTypeName(type)) + " [";
  for (uint32_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + "]";
}

std::string describeTensor(const llmc_tensor_info &info) {
  std::string text = std::string(elementTypeName(info.element_type)) + " [";
  for (uint32_t i = 0; i < info.rank; ++i) {
    text += i ? ", " : "";
    if (info.dims[i].size)
      text += std::string(info.dims[i].data, info.dims[i].size) + " = " + std::to_string(info.minimums[i]) + " to ";
    text += std::to_string(info.sizes[i]);
  }
  return text + "]";
}

bool readTensorFile(const std::string &path, const llmc_tensor_info &info, void *to, uint64_t *sizes,
                    std::string &mistake) {
  Found found;
  if (!readFile(path, info.bytes, found, mistake))
    return false;
  bool isPb = isProtobuf(path);
  // A .npy file has bytes for what NumPy has no type for.
  const TypeFacts *wanted = factsOf(info.element_type);
  bool sameType = found.type->type == info.element_type ||
                  (!isPb && wanted->npy && found.type->npy && !strcmp(wanted->npy, found.type->npy));
  bool same = sameType && found.sizes.size() == info.rank;
  uint64_t expected = llmc_element_size(info.element_type);
  for (uint32_t i = 0; same && i < info.rank; ++i) {
    same = found.sizes[i] >= info.minimums[i] && found.sizes[i] <= info.sizes[i];
    sizes[i] = found.sizes[i];
    expected *= same ? found.sizes[i] : 0; // no more than the largest tensor
  }
  if (!same) {
    mistake = "holds " + describeTensor(found.type->type, found.sizes.data(), uint32_t(found.sizes.size())) +
              " (expected " + describeTensor(info) + ")";
    return false;
  }
  if (found.bytes.size() != expected) {
    mistake =
        "has " + std::to_string(found.bytes.size()) + " bytes of elements (expected " + std::to_string(expected) + ")";
    return false;
  }
  if (expected)
    memcpy(to, found.bytes.data(), expected);
  return true;
}

bool readTokenFile(const std::string &path, uint64_t most, std::vector<int32_t> &tokens, std::string &mistake) {
  Found found;
  if (!readFile(path, most * sizeof(int64_t), found, mistake))
    return false;
  const std::vector<uint64_t> &sizes = found.sizes;
  bool isWide = found.type->type == LLMC_I64;
  bool oneText = sizes.size() == 1 || (sizes.size() == 2 && sizes[0] == 1);
  uint64_t count = oneText ? sizes.back() : 0, each = isWide ? sizeof(int64_t) : sizeof(int32_t);
  if ((!isWide && found.type->type != LLMC_I32) || count < 1 || count > most) {
    mistake = "holds " + describeTensor(found.type->type, sizes.data(), uint32_t(sizes.size())) +
              " (expected int32 or int64 [tokens], 1 to " + std::to_string(most) + " of them)";
    return false;
  }
  if (found.bytes.size() != count * each) {
    mistake = "has " + std::to_string(found.bytes.size()) + " bytes of elements (expected " +
              std::to_string(count * each) + ")";
    return false;
  }
  tokens.resize(count);
  for (uint64_t i = 0; i < count; ++i) {
    int64_t id = 0;
    if (isWide)
      memcpy(&id, &found.bytes[i * each], each);
    else
      memcpy(&tokens[i], &found.bytes[i * each], each), id = tokens[i];
    tokens[i] = id < 0 || id > INT32_MAX ? -1 : int32_t(id);
  }
  return true;
}

bool writeNpy(const std::string &path, const llmc_tensor_info &info, const void *from, std::string &mistake) {
  const TypeFacts *facts = factsOf(info.element_type);
  std::string shape;
  for (uint32_t i = 0; i < info.rank; ++i)
    shape += std::to_string(info.sizes[i]) + (info.rank == 1 || i + 1 < info.rank ? ", " : "");
  std::string header = std::string("{'descr': '") + (facts->npy ? facts->npy : "<f4") +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string text =
      std::string("\x93NUMPY\x01\x00", 8) + char(header.size() & 0xff) + char(header.size() >> 8) + header;
  std::string temporary = path + ".part";
  FILE *file = fopen(temporary.c_str(), "wb");
  bool whole = file && fwrite(text.data(), 1, text.size(), file) == text.size();
  if (whole && facts->npy) {
    whole = !info.bytes || fwrite(from, 1, info.bytes, file) == info.bytes;
  } else if (whole) {
    for (uint64_t i = 0; whole && i < info.bytes; i += 2) {
      uint32_t wide = 0;
      memcpy(reinterpret_cast<uint8_t *>(&wide) + 2, static_cast<const uint8_t *>(from) + i, 2);
      whole = fwrite(&wide, 1, 4, file) == 4;
    }
  }
  int reason = errno;
  if (file && fclose(file) != 0)
    whole = false, reason = errno;
  if (whole && rename(temporary.c_str(), path.c_str()) == 0)
    return true;
  mistake = std::string("cannot be written: ") + systemReason(whole ? errno : reason);
  if (file)
    unlink(temporary.c_str());
  return false;
}

} // namespace llmc::runtime
