// HashTest.cpp - SHA-256 against libmd's and against the standard's examples, at every length near a block.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Hash.h"

#include <gtest/gtest.h>
#include <sha2.h>
#include <string>
#include <vector>

namespace {

std::string hex(const uint8_t *digest) {
  std::string text;
  for (int i = 0; i < 32; ++i) {
    char byte[3];
    snprintf(byte, sizeof byte, "%02x", digest[i]);
    text += byte;
  }
  return text;
}

std::string hashOf(const std::string &text) {
  uint8_t digest[32];
  llmc::runtime::sha256(reinterpret_cast<const uint8_t *>(text.data()), text.size(), digest);
  return hex(digest);
}

// Source: NIST's examples of FIPS 180-4.
TEST(HashTest, GivesTheStandardsExamples) {
  EXPECT_EQ(hashOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hashOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hashOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(HashTest, AgreesWithLibmdAtEveryLength) {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(i * 197 + 13);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    SHA2_CTX context;
    uint8_t expected[32], digest[32];
    SHA256Init(&context);
    SHA256Update(&context, bytes.data(), size);
    SHA256Final(expected, &context);
    llmc::runtime::sha256(bytes.data(), size, digest);
    ASSERT_EQ(hex(digest), hex(expected)) << size;
  }
}

} // namespace
