// GgufPreTokenizers.cpp - the patterns behind the names of tokenizer.ggml.pre.
//
// They are those of the models' own tokenizer.json, which llama.cpp rewrites for its engine; where the two differ, the
// model's own counts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/GgufPreTokenizers.h"

#include "llmc/tokenizer_format.h"

namespace llmc::text {

namespace {

using Patterns = std::vector<const char *>;

// What many have in common: English endings, and what follows words and numbers.
#define ENDINGS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WORD R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define SIGNS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define BLANKS R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define START R"([^\r\n\p{L}\p{N}]?)"
#define SLASHED R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"

constexpr const char *words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char *chinese = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";
constexpr const char *sentence = R"( ?[^(\s|.,!?…。，、।۔،)]+)";

// Letters of scripts with cases: Latin, Greek, Cyrillic and others.
constexpr const char *casedLetters = "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ"
                                     "Ⴀ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼ"
                                     "ℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓"
                                     "𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
constexpr const char *marksAndWords =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)" BLANKS;

const Patterns Words = {words};
const Patterns DigitsAndWords = {R"(\p{N})", words};
const Patterns Punctuation = {R"([\p{P}\$\+<=>\^~\|]+)", words, R"(\p{N}+)", "[0-9][0-9][0-9]"};
const Patterns Falcon = {R"([\p{P}\$\+<=>\^~\|`]+)", words, "[0-9][0-9][0-9]"};
const Patterns ThreeDigits = {ENDINGS "|" WORD R"(|\p{N}{1,3}|)" SIGNS "|" BLANKS};
const Patterns OneDigit = {ENDINGS "|" WORD R"(|\p{N}|)" SIGNS "|" BLANKS};
const Patterns OneDigitWithMarks = {ENDINGS
                                    R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" BLANKS};
const Patterns OneDigitFewLineEnds = {R"('(?i:[sdmt]|ll|ve|re)|)" WORD R"(|\p{N}|)" SIGNS
                                      R"(|\s*[\r\n]|\s+(?!\S)|\s+)"};
const Patterns OneDigitNoLineEnds = {ENDINGS "|" WORD R"(|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" BLANKS};
const Patterns DigitsThenWords = {R"(\p{N}{1,3})", ENDINGS "|" WORD R"(|\p{N}+|)" SIGNS "|" BLANKS};
const Patterns RunsOfBlanks = {ENDINGS "|" WORD R"(|\p{N}{1,3}|)" SIGNS
                                       R"(|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|)"
                                       R"(\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})"};
const Patterns LineEndsFirst = {R"([\r\n])", casedLetters, "\\s?[!-/:-~！-／：-～‘-‟　-。]+",
                                R"(\s+$)",   chinese,      R"(\p{N}+)"};
const Patterns WordsSignsChinese = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", chinese, R"(\p{N})"};
const Patterns ThreeDigitsChinese = {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", marksAndWords};
const Patterns Cased = {START UPPER "*" LOWER "+|" START UPPER "+" LOWER R"(*|\p{N}|)" SLASHED "|" BLANKS};
const Patterns CasedThreeDigits = {START UPPER "*" LOWER "+" ENDINGS "?|" START UPPER "+" LOWER "*" ENDINGS
                                               R"(?|\p{N}{1,3}|)" SLASHED "|" BLANKS};
const Patterns Youtu = {
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+",
    START UPPER "*" LOWER "+" ENDINGS "?|" START UPPER "+" LOWER "*" ENDINGS R"(?|\p{N}|)" SLASHED "|" BLANKS};
const Patterns Phrases = {ENDINGS R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|)"
                                  R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"};
const Patterns Bloom = {sentence};
const Patterns Viking = {sentence, R"(\p{N})"};
const Patterns Chameleon = {"<sentinel:[0-9]+>",       "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                            R"([\t\n]|    |  )",       R"(\p{N})",
                            R"([\p{P}!-/:-@\[-`{-~])", words};

const GgufPreTokenizer preTokenizers[] = {
#define LLMC_GGUF_PRE(name, cut, flags, begins) {name, cut, flags, begins},
#include "frontends/text/GgufNames.def"
};

} // namespace

const GgufPreTokenizer *findGgufPreTokenizer(std::string_view name) {
  for (const GgufPreTokenizer &each : preTokenizers)
    if (name == each.name)
      return &each;
  return nullptr;
}

std::string ggufPreTokenizerNames() {
  std::string names;
  for (const GgufPreTokenizer &each : preTokenizers)
    names += (names.empty() ? "" : ", ") + std::string(each.name);
  return names;
}

} // namespace llmc::text
