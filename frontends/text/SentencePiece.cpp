// SentencePiece.cpp - reads SentencePiece's tokenizer.model: unigram, BPE and character models.
//
// The file is a protocol buffer of three messages; the few fields that matter are read here, every length checked
// against what is left (sentencepiece_model.proto of the project names them).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/TokenizerFiles.h"
#include "frontends/text/TokenizerJson.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace llmc::text {

namespace {

/// Fields of one message, in the order of the file.
class Message {
public:
  explicit Message(std::string_view bytes) : bytes(bytes) {}

  struct Field {
    uint32_t number = 0;
    uint64_t value = 0;    ///< Of a varint; the bits of a fixed one.
    std::string_view text; ///< Of a length-delimited one.
    unsigned wire = 0;
  };
  /// The next field. False at the end, and when the bytes are no message: `damaged` tells.
  bool next(Field &field) {
    if (at == bytes.size() || damaged)
      return false;
    uint64_t key = 0;
    field = {};
    damaged = !varint(key) || key >> 3 == 0 || key >> 3 > 0x1fffffff;
    if (damaged)
      return false;
    field.number = static_cast<uint32_t>(key >> 3);
    field.wire = key & 7;
    switch (field.wire) {
    case 0:
      damaged = !varint(field.value);
      break;
    case 1:
    case 5: {
      size_t size = field.wire == 1 ? 8 : 4;
      damaged = bytes.size() - at < size;
      if (!damaged)
        std::memcpy(&field.value, bytes.data() + at, size);
      at += damaged ? 0 : size;
      break;
    }
    case 2: {
      uint64_t size = 0;
      damaged = !varint(size) || size > bytes.size() - at;
      if (!damaged)
        field.text = bytes.substr(at, size);
      at += damaged ? 0 : static_cast<size_t>(size);
      break;
    }
    default:
      damaged = true;
    }
    return !damaged;
  }
  bool damaged = false;

private:
  bool varint(uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
      auto byte = static_cast<uint8_t>(bytes[at++]);
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }

  std::string_view bytes;
  size_t at = 0;
};

float asFloat(uint64_t bits) {
  auto low = static_cast<uint32_t>(bits);
  float value;
  std::memcpy(&value, &low, sizeof(value));
  return value;
}

bool isUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    size_t start = at;
    if (nextCodepoint(text, at) == 0xfffd && at - start != 3)
      return false;
  }
  return true;
}

class Reader {
public:
  Reader(std::string_view bytes, std::string file) : bytes(bytes), file(std::move(file)) {}

  Result<SpecBuilder> read(const TokenizerConfig &config) {
    if (!parse())
      return error("is not a SentencePiece model: its bytes are no protocol buffer of one",
                   "a tokenizer.model is expected to be SentencePiece's or tiktoken's");
    if (pieces.empty())
      return error("has no pieces", "");
    if (std::string mistake = build(config); !mistake.empty())
      return error(std::move(mistake), "");
    return std::move(builder);
  }

private:
  enum Type : uint64_t { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };
  struct Piece {
    std::string_view text;
    float score = 0;
    uint64_t type = Normal;
  };

  Diagnostic error(std::string what, std::string note) const {
    Diagnostic mistake;
    mistake.file = file;
    mistake.message = std::move(what);
    mistake.note = std::move(note);
    return mistake;
  }

  bool parse() {
    Message model(bytes);
    for (Message::Field field; model.next(field);) {
      if (field.wire != 2)
        continue;
      bool well = true;
      if (field.number == 1)
        well = piece(field.text);
      else if (field.number == 2)
        well = trainer(field.text);
      else if (field.number == 3)
        well = normalizer(field.text);
      if (!well)
        return false;
    }
    return !model.damaged;
  }

  bool piece(std::string_view message) {
    Message fields(message);
    Piece piece;
    for (Message::Field field; fields.next(field);) {
      if (field.number == 1 && field.wire == 2)
        piece.text = field.text;
      else if (field.number == 2 && field.wire == 5)
        piece.score = asFloat(field.value);
      else if (field.number == 3 && field.wire == 0)
        piece.type = field.value;
    }
    constexpr size_t maxPieces = size_t(1) << 22;
    if (fields.damaged || pieces.size() == maxPieces)
      return false;
    pieces.push_back(piece);
    return true;
  }

  bool trainer(std::string_view message) {
    Message fields(message);
    for (Message::Field field; fields.next(field);) {
      if (field.wire == 0 && field.number == 3)
        modelType = field.value;
      else if (field.wire == 0 && field.number == 24)
        suffixed = field.value;
      else if (field.wire == 0 && field.number == 35)
        byteFallback = field.value;
      else if (field.wire == 0 && field.number == 41)
        bos = static_cast<int32_t>(field.value);
      else if (field.wire == 0 && field.number == 42)
        eos = static_cast<int32_t>(field.value);
      else if (field.wire == 2 && field.number == 44)
        unknownSurface = field.text;
    }
    return !fields.damaged;
  }

  bool normalizer(std::string_view message) {
    Message fields(message);
    for (Message::Field field; fields.next(field);) {
      if (field.wire == 2 && field.number == 2)
        charsmap = field.text;
      else if (field.wire == 0 && field.number == 3)
        dummyPrefix = field.value;
      else if (field.wire == 0 && field.number == 4)
        fewBlanks = field.value;
      else if (field.wire == 0 && field.number == 5)
        escapes = field.value;
    }
    return !fields.damaged;
  }

  std::string build(const TokenizerConfig &config) {
    if (suffixed)
      return "'trainer_spec.treat_whitespace_as_suffix' is not supported (expected false)";
    constexpr uint64_t unigram = 1, bpe = 2, characters = 4;
    if (modelType != unigram && modelType != bpe && modelType != characters)
      return "'trainer_spec.model_type' = " + std::to_string(modelType) +
             " is not supported (expected 1, unigram, 2, bpe, or 4, char)";
    TokenizerSpec &spec = builder.spec;
    spec.model = modelType == unigram ? LLMC_TOKENIZER_UNIGRAM : LLMC_TOKENIZER_BPE;
    spec.flags = LLMC_TOKENIZER_FUSE_UNK | (byteFallback ? LLMC_TOKENIZER_BYTE_FALLBACK : 0u) |
                 (modelType == unigram ? LLMC_TOKENIZER_SINGLE_SUMS : 0u) |
                 (fewBlanks ? LLMC_TOKENIZER_FIRST_TEXT : 0u);
    if (std::string mistake = pipeline(); !mistake.empty())
      return mistake;
    if (std::string mistake = tokens(); !mistake.empty())
      return mistake;
    if (std::string mistake = modelType == unigram ? scores() : modelType == bpe ? merges() : ""; !mistake.empty())
      return mistake;
    if (std::string mistake = addConfigTokens(config, builder); !mistake.empty())
      return mistake;
    // As the models of either kind were trained, where nothing says so.
    auto frame = [&](bool wanted, int32_t id, std::vector<uint32_t> &list) {
      if (wanted && id >= 0 && static_cast<size_t>(id) < pieces.size())
        list.push_back(static_cast<uint32_t>(id));
    };
    frame(config.addBos.value_or(modelType != unigram), bos, spec.prefix);
    frame(config.addEos.value_or(modelType == unigram), eos, spec.suffix);
    return {};
  }

  std::string pipeline() {
    TokenizerSpec &spec = builder.spec;
    if (!charsmap.empty()) {
      std::optional<OperationSpec> operation = charsmapOperation(charsmap, false);
      if (!operation)
        return "'normalizer_spec.precompiled_charsmap' is not a table of replacements: it is damaged";
      spec.normalizer.push_back(std::move(*operation));
    }
    if (fewBlanks)
      spec.normalizer.push_back({LLMC_NORMALIZE_BLANKS, {}, {}});
    if (dummyPrefix) {
      spec.normalizer.push_back({LLMC_NORMALIZE_PREPEND, " ", {}});
      spec.normalizer.back().flags = LLMC_OPERATION_AT_START;
    }
    if (escapes)
      spec.normalizer.push_back({LLMC_NORMALIZE_REPLACE, " ", "\u2581"});
    if (escapes && fewBlanks) // blanks at the end go when they are escaped already, with what looks like them
      spec.normalizer.push_back({LLMC_NORMALIZE_TRIM, "\u2581", {}});
    using Action = DecoderSpec::Action;
    builder.decoder.actions.push_back({Action::Kind::Replace, "\u2581", " "});
    builder.decoder.actions.push_back({Action::Kind::ByteFallback});
    return {};
  }

  std::string tokens() {
    TokenizerSpec &spec = builder.spec;
    bool fallbackComplete = true;
    for (size_t number = 0; number < pieces.size(); ++number) {
      const Piece &piece = pieces[number];
      auto id = static_cast<uint32_t>(number);
      std::string place = "piece " + std::to_string(number);
      if (piece.text.empty())
        return place + " is empty";
      if (!isUtf8(piece.text))
        return place + " is not UTF-8";
      if (piece.type < Normal || piece.type > Byte)
        return place + " (" + quoted(piece.text) + ") has the type " + std::to_string(piece.type) +
               " (expected 1 to 6)";
      if (piece.type == Unused && spec.model == LLMC_TOKENIZER_BPE)
        return place + " (" + quoted(piece.text) + ") is unused, which is not supported in a BPE";
      if (builder.find(piece.text) != LLMC_NO_TOKEN)
        return place + " is " + quoted(piece.text) + " again";
      bool ofModel = piece.type == Normal || piece.type == UserDefined || piece.type == Byte;
      if (std::string mistake = builder.addToken(id, piece.text, true); !mistake.empty())
        return mistake;
      TokenSpec &token = spec.tokens[id];
      token.searched = piece.type == Normal || piece.type == UserDefined;
      if (!ofModel)
        token.flags &= static_cast<uint16_t>(~LLMC_TOKEN_MODEL);
      // The first piece of a text loses the blank that encoding put there.
      if ((dummyPrefix || fewBlanks) && (piece.type == Normal || piece.type == UserDefined) &&
          piece.text.substr(0, 3) == "\u2581")
        token.first = token.piece.substr(1);
      if (piece.type == Unknown) {
        if (spec.unk != LLMC_NO_TOKEN)
          return place + " is the second unknown one";
        spec.unk = id;
        token.piece = unknownSurface;
      } else if (piece.type == Control || piece.type == UserDefined) {
        uint16_t flags = LLMC_TOKEN_ADDED;
        if (piece.type == Control)
          flags |= LLMC_TOKEN_SPECIAL;
        if (piece.text.size() > LLMC_TOKENIZER_MAX_ADDED_BYTES)
          return place + " has " + std::to_string(piece.text.size()) + " bytes (expected at most 1024)";
        // Control pieces are looked for in the text as it comes; user-defined ones resist the normaliser, and a search
        // behind it finds them whole.
        if (piece.type == Control || spec.model == LLMC_TOKENIZER_BPE) {
          token.flags |= flags;
          spec.added.push_back({id, std::string(piece.text), piece.type == UserDefined});
        }
      } else if (piece.type == Byte && !(token.flags & LLMC_TOKEN_BYTE)) {
        return place + " (" + quoted(piece.text) + ") is not a byte (expected \"<0x00>\" to \"<0xFF>\")";
      }
      if (piece.type != Byte && (token.flags & LLMC_TOKEN_BYTE))
        fallbackComplete = false;
    }
    if (!fallbackComplete)
      return "a piece looks like a byte but is none";
    if (spec.unk == LLMC_NO_TOKEN)
      return "no piece is the unknown one";
    return {};
  }

  /// Unigram: the scores, with SentencePiece's own for what users define and for the unknown.
  std::string scores() {
    float least = std::numeric_limits<float>::max(), largest = std::numeric_limits<float>::min();
    for (size_t id = 0; id < pieces.size(); ++id) {
      if (!(pieces[id].score >= -1e30f && pieces[id].score <= 1e30f))
        return "the score of piece " + std::to_string(id) + " is out of bounds (expected -1e30 to 1e30)";
      if (pieces[id].type != Normal)
        continue;
      least = std::min(least, pieces[id].score);
      largest = std::max(largest, pieces[id].score);
    }
    for (size_t id = 0; id < pieces.size(); ++id)
      builder.spec.tokens[id].score =
          pieces[id].type == UserDefined
              ? static_cast<double>(static_cast<float>(pieces[id].text.size()) * largest) - 0.1
              : static_cast<double>(pieces[id].score);
    constexpr float unknownPenalty = 10;
    builder.spec.unkScore = least > 1e30f ? 0 : static_cast<double>(least - unknownPenalty);
    return {};
  }

  /// BPE: two neighbours merge when a piece is their join; the piece with the best score first, among equals the left.
  std::string merges() {
    std::vector<float> distinct;
    for (const Piece &piece : pieces) {
      if (!(piece.score >= -1e30f && piece.score <= 1e30f))
        return "the score of " + quoted(piece.text) + " is out of bounds (expected -1e30 to 1e30)";
      distinct.push_back(piece.score);
    }
    std::sort(distinct.begin(), distinct.end(), std::greater<float>());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    std::vector<uint32_t> ranks(builder.spec.tokens.size(), LLMC_NO_TOKEN);
    for (size_t id = 0; id < pieces.size(); ++id)
      if (pieces[id].type == Normal || pieces[id].type == UserDefined)
        ranks[id] = static_cast<uint32_t>(
            std::lower_bound(distinct.begin(), distinct.end(), pieces[id].score, std::greater<float>()) -
            distinct.begin());
    return builder.mergesOfRanks(ranks);
  }

  std::string_view bytes;
  std::string file;
  SpecBuilder builder;
  std::vector<Piece> pieces;
  uint64_t modelType = 1;
  bool suffixed = false, byteFallback = false, dummyPrefix = true, fewBlanks = true, escapes = true;
  int32_t bos = 1, eos = 2;
  std::string_view charsmap;
  std::string unknownSurface = " \u2047 ";
};

} // namespace

Result<TokenizerSpec> readSentencePiece(std::string_view bytes, const std::string &file,
                                        const TokenizerConfig &config) {
  Result<SpecBuilder> builder = Reader(bytes, file).read(config);
  if (!builder)
    return builder.takeError();
  return std::move(builder->spec);
}

} // namespace llmc::text
