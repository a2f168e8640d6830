// Sha256Test.cpp - the hash against LLVM's, at every length around the block size and in pieces.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/Sha256.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

#include <gtest/gtest.h>
#include <vector>

using llmc::artifact::Sha256;

namespace {

std::string hashOf(llvm::ArrayRef<uint8_t> bytes, size_t piece, bool portable = false) {
  Sha256 hash(portable);
  while (bytes.size() > piece) {
    hash.update(bytes.take_front(piece));
    bytes = bytes.drop_front(piece);
  }
  hash.update(bytes);
  uint8_t digest[32];
  hash.finish(digest);
  return llvm::toHex(digest, /*LowerCase=*/true);
}

TEST(Sha256, KnownAnswers) { // FIPS 180-2, appendix B
  auto bytes = [](llvm::StringRef text) { return llvm::ArrayRef<uint8_t>(text.bytes_begin(), text.bytes_end()); };
  EXPECT_EQ(hashOf(bytes("abc"), 64), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hashOf(bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), 64),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hashOf({}, 64), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, EveryLengthAndPiece) {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(i * 7 + 3);
  for (size_t length = 0; length <= bytes.size(); ++length) {
    llvm::ArrayRef<uint8_t> part(bytes.data(), length);
    std::string expected = llvm::toHex(llvm::SHA256::hash(part), /*LowerCase=*/true);
    for (size_t piece : {1, 63, 64, 65, 300})
      for (bool portable : {false, true})
        ASSERT_EQ(hashOf(part, piece, portable), expected) << length << " bytes in pieces of " << piece;
  }
}

} // namespace
