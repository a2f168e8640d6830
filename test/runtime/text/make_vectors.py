#!/usr/bin/env python3
# make_vectors.py - trains the tiny tokenizers of these tests and writes what Hugging Face tokenizers makes of texts.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes into vectors/ beside this file:

    byte_level.json      a tokenizer.json: Digits and ByteLevel, as SmolLM2's
    llama3_like.json     a tokenizer.json: Split by a pattern, NFC, ignore_merges, a template, added tokens of all kinds
    sentencepiece.json   a tokenizer.json: Prepend, Replace, byte fallback, as LLaMA-2's
    metaspace.json       a tokenizer.json: Metaspace before and after the model, unknown characters fused
    wordpiece.json       a tokenizer.json: BERT's normalizer, pre-tokenizer, model and decoder
    unigram.json         a tokenizer.json: a unigram model, replacements compiled by SentencePiece, as T5's
    word_end.json        a tokenizer.json: BPE with "</w>" at the ends of words, as GPT-1's
    falcon_like.json     a tokenizer.json: splits after ByteLevel, as Falcon's
    words.json           a tokenizer.json: WordLevel, no decoder
    spm_unigram.model    SentencePiece's own files: unigram with replacements and user-defined symbols, BPE with byte
    spm_bpe.model        fallback
    spm.json             for each of those: texts, SentencePiece's ids, decoded texts
    expected.json        for each of the others: texts, ids with and without special tokens parsed, decoded texts
    splits.json          published patterns, texts, and the pieces they are cut into
    nfc.json             texts and their NFC forms
    characters.json      digests of what normalizers and pre-tokenizers make of every character

Run by hand: python3 make_vectors.py. Needs the PyPI packages tokenizers (0.23.3 wrote the files) and
sentencepiece (0.2.3, with protobuf). Tokenizers
that are there already are kept; the rest is the same every time.
"""
import base64
import json
import pathlib
import random
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

FOLDER = pathlib.Path(__file__).resolve().parent / "vectors"

SAMPLE = """The cat sat on the mat and looked at the moon. It was a warm night; the stars were out, and nobody wanted to sleep.
"Shall we go down to the river?" asked the boy. "We shall," said his sister, "but we mustn't be late: it's nine o'clock."
They walked through the long grass, past the old mill, over the bridge with its 3 arches, built in 1847 for 12,500 pounds.
for (int i = 0; i < 10; ++i) { total += values[i] * weights[i]; }
    return total / count;
def walk(tree):
    for node in tree.children:
        yield from walk(node)
달이 밝은 밤에 아이들이 강으로 내려갔다. 고양이는 풀밭에 앉아 달을 보았다. 밤은 따뜻했고 아무도 자고 싶어하지 않았다.
月亮很亮，孩子们走到河边去。猫坐在草地上看月亮。
Le garçon déçu s'était assis près de la forêt. Über den Fluß führte eine Brücke.
القمر ساطع والأطفال ذهبوا إلى النهر
Луна светила ярко, и дети пошли к реке. 😀 🌙 ✨
"""


def added(identifier, content, **flags):
    token = {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
    token.update(flags)
    return token


def byte_level_model(size, pre_tokenizer):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SAMPLE.split("\n"), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    model["ignore_merges"] = False
    return model


def byte_level():
    split = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False)])
    model = byte_level_model(420, split)
    end = len(model["vocab"])
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(end, "<|end|>"), added(end + 1, "<|user|>"),
                         added(end + 2, "    ", special=False, normalized=True)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": model}


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")


def llama3_like():
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    model = byte_level_model(400, split)
    model["ignore_merges"] = True
    model["vocab"]["Ġriver?"] = len(model["vocab"])  # a token that no merges make
    model["merges"] = [f"{a} {b}" for a, b in model["merges"]]  # the older spelling
    begin = len(model["vocab"])
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(begin, "<|begin|>"), added(begin + 1, "<|end|>"),
                         added(begin + 2, "<|strip|>", lstrip=True, rstrip=True),
                         added(begin + 3, "moon", special=False, single_word=True),
                         added(begin + 4, "café", special=False, normalized=True),
                         added(begin + 5, "<|end|><|end|>", special=False)],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                        {"SpecialToken": {"id": "<|end|>", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"<|begin|>": {"id": "<|begin|>", "ids": [begin], "tokens": ["<|begin|>"]},
                                "<|end|>": {"id": "<|end|>", "ids": [begin + 1], "tokens": ["<|end|>"]}}}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": model}


def sentencepiece_model(size, byte_fallback):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False)
    # Without the lines in other scripts: their characters stay unknown.
    tokenizer.train_from_iterator([line for line in SAMPLE.split("\n") if line.isascii() or "ç" in line], trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + ([f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else [])
    order = sorted(trained["vocab"], key=trained["vocab"].get)
    model = dict(trained, unk_token="<unk>", fuse_unk=True, byte_fallback=byte_fallback, ignore_merges=False)
    model["vocab"] = {text: number for number, text in enumerate(names + order)}
    return model


def make_sentencepiece():
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [begin, text], "pair": [begin, text, begin, text],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": sentencepiece_model(480, True)}


def metaspace():
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
        "normalizer": None, "pre_tokenizer": space, "post_processor": None, "decoder": dict(space),
        "model": sentencepiece_model(200, False)}


BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}


def framed(begin, end):
    text = {"Sequence": {"id": "A", "type_id": 0}}
    parts = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in (begin, end)]
    return {"type": "TemplateProcessing", "single": [parts[0], text, parts[1]], "pair": [text, text],
            "special_tokens": {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in (begin, end)}}


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(SAMPLE.split("\n"), trainers.WordPieceTrainer(vocab_size=400, special_tokens=names,
                                                                               show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    model["max_input_chars_per_word"] = 20
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(number, name) for number, name in enumerate(names)],
        "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": framed(("[CLS]", 2), ("[SEP]", 3)),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}, "model": model}


# SentencePiece's trainer makes the replacements below into the compiled form; source and target as code points.
RULES = "FB01\t66 69\nFF21\t41\n65 301\tE9\n9\t20\n3000\t20\nA0\t20\n200B\t\nFDFA\t635 644 649\nAC00 11A8\tAC01\nD A\t20\n"


def charsmap():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "rules.tsv").write_text(RULES)
        (pathlib.Path(folder) / "text").write_text(SAMPLE)
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=200, hard_vocab_limit=False, num_threads=1,
            normalization_rule_tsv=f"{folder}/rules.tsv", minloglevel=2)
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString((pathlib.Path(folder) / "m.model").read_bytes())
        return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    names = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=names, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator([line for line in SAMPLE.split("\n") if line.isascii() or "\u00e7" in line], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    model["unk_id"] = 2
    space = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(number, name) for number, name in enumerate(names)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"String": "``"}, "content": "\""}, {"type": "Nmt"}, {"type": "NFKC"},
            {"type": "Precompiled", "precompiled_charsmap": charsmap()},
            {"type": "Strip", "strip_left": False, "strip_right": True},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]},
        "post_processor": {"type": "TemplateProcessing", "single": [text, end], "pair": [text, end, text, end],
                           "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
        "decoder": space, "model": model}


def word_end():
    """GPT-1 and CLIP: words end with a mark of their own."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<unk>"], end_of_word_suffix="</w>",
                                  show_progress=False)
    tokenizer.train_from_iterator(SAMPLE.split("\n")[:7], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [added(0, "<unk>")],
        "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
        "decoder": {"type": "BPEDecoder", "suffix": "</w>"}, "model": model}


def falcon_like():
    """Splits that work on the alphabet of bytes, after ByteLevel."""
    steps = [{"type": "Punctuation", "behavior": "Contiguous"},
             {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
             {"type": "Digits", "individual_digits": False},
             {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": False}]
    split = pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(),
                                     pre_tokenizers.Digits(), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    model = byte_level_model(330, split)
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "NFD"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}, "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": model}


def words():
    """WordLevel, and a tokenizer without a decoder."""
    vocab = {text: number for number, text in enumerate(["[UNK]", "the", "cat", "moon", ".", ",", "a", "b", "x", "y"])}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(0, "[UNK]"), added(10, "river", special=False, normalized=True)],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "StripAccents"},
                                                           {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}}


TEXTS = [
    "", " ", "  ", "a", " a", "a ", "   a   b  ", "\n", "\n\n \n", "\t\tx", "The cat sat on the mat.",
    "We shall, we mustn't; IT'S 12,500 o'clock!", "    return total / count;\n        yield", "12345678901234567890 3.14 ²½Ⅷ",
    "달이 밝은 밤에", "고양이 뷁 한", "月亮很亮，孩子们", "القمر ساطع كِتَابٌ", "Луна светила", "garçon déçu garc\u0327on de\u0301c\u0327u",
    "😀 👍🏽 👨‍👩‍👧‍👦 🇰🇷", "a\u00a0b\u3000c\u2028d", "<|end|>", "x <|end|> y", "<|end|><|end|> z", "a  <|strip|>  b<|strip|>", "<|user|>hi    there<|end|>",
    "moon moonlight moon-lit the moon.", "café cafe\u0301 cafés", " river? river?s", "<s>", "a</s>b", "<s> x <unk> y", "▁▁a▁", "Ġa Ċ", "<0x41>",
    "\u0000\u0001\u007f", "x" * 50 + " " * 40 + "y" + "가" * 30, "é" * 20 + "e\u0301" * 20 + "\u0301\u0323" * 5, "'s 'S 'ſ 'LL don'T",
    "Héllo, WORLD! İstanbul straße ǅ Ⅷ ﬁne \u1e9b\u0323", "do not do n't 's . , ' x", "[CLS] cat [MASK] [SEP]", "ah博推zz㐀𠀀豈",
    "a\u200bb\u00adc\ufeffd\ufffde\u2028f\x07g", "antidisestablishmentarianism " + "ab" * 30, "cafe\u0301 e\u0301\u0323 \ufb01\u0301 \ufdfa가\u11a8\r\n x",
    "``quoted'' ｆｕｌｌ　ｗｉｄｔｈ ①②③ ㍿ ½", "12345 678 9012 in 1847 ²³¹ ৪৫৬", "...!!!???--- <<>> «a» 。。。", "The moon. \t \n ", "RIVER river rivers",
]


def expectations():
    generator = random.Random(7)
    alphabet = "aAbcdE'  \n\t1٣,.<>|é\u0301▁달月😀ق\u00a0"
    texts = TEXTS + ["".join(generator.choice(alphabet) for _ in range(generator.randrange(1, 30))) for _ in range(40)]
    result = {}
    for name in NAMES:
        tokenizer = Tokenizer.from_file(str(FOLDER / f"{name}.json"))
        rows = []
        for text in texts:
            tokenizer.encode_special_tokens = True
            plain = tokenizer.encode(text, add_special_tokens=False).ids
            # The library's unigram finds control tokens in text that should not be parsed for them; ours never does.
            if name == "unigram" and any(special in text for special in ("</s>", "<unk>")):
                plain = None
            tokenizer.encode_special_tokens = False
            full = tokenizer.encode(text, add_special_tokens=True).ids
            rows.append({"text": text, "plain": plain, "full": full,
                         "decoded": tokenizer.decode(full, skip_special_tokens=True),
                         "decoded_full": tokenizer.decode(full, skip_special_tokens=False)})
        result[name] = rows
    return result


# Patterns of published tokenizers, and some that try the corners of the pattern compiler.
PATTERNS = {
    "gpt2": (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", "isolated", False),
    "llama3": (LLAMA3, "isolated", False),
    "qwen2": (LLAMA3.replace("{1,3}", ""), "isolated", False),
    "cl100k": (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
               r"\s+(?!\S)|\s", "isolated", False),
    "o200k": (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
              r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
              r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+", "isolated", False),
    "deepseek": (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
                 r"\s*[\r\n]+|\s+(?!\S)|\s+", "isolated", False),
    "deepseek_cjk": ("[一-龥ࠀ-一가-퟿]+", "isolated", False),
    "deepseek_end": (r"\s+$", "isolated", False),
    "bloom": (r" ?[^(\s|[.,!?…。，、।۔،])]+", "isolated", False),
    "falcon": ("[0-9][0-9][0-9]", "isolated", False),
    "clip": (r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "removed", True),
    "words_merged_next": (r"\s", "merged_with_next", False),
    "words_merged_previous": (r"[aeiou\s]", "merged_with_previous", False),
    "words_contiguous": (r"\s", "contiguous", False),
    "alternatives_in_order": (r"(?:a|ab)(?:c|bcd)d*|[a-d]+?(?=\s)|(?i)x|\w+\d|\W", "isolated", False),
    "lazy": (r"a+?b|[^a]{2,4}?|a", "isolated", False),
    "line_ends": (r"\s+$|\S+$", "isolated", False),
    "possessive": (r"\p{L}?+\p{N}|\p{L}*+[ab']|.", "isolated", False),
    "folded_case": (r"(?i:straße|k|[a-f]+)|\p{Lu}\p{^Ll}|\P{L}", "isolated", False),
    "intersection": (r"[\p{L}&&[^a-z]]+|[a-f&&[^c]]+", "isolated", False),
    "kimi": (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
             r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
             r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
             r"\s*[\r\n]+|\s+(?!\S)|\s+", "isolated", False),
    "tekken": (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
               r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
               r"\s+(?!\S)|\s+", "isolated", False),
    "qwen_marks": (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"
                   r"\s*[\r\n]+|\s+(?!\S)|\s+", "isolated", False),
    "deepseek_coder": (r"[\r\n]", "isolated", False),
    "deepseek_coder_words": (r"\s?\p{L}+", "isolated", False),
    "deepseek_coder_marks": (r"\s?\p{P}+", "isolated", False),
    "deepseek_v3_digits": (r"\p{N}{1,3}", "isolated", False),
    "gemma": (" ", "merged_with_previous", False),
    "scripts": (r"[\p{Hiragana}\p{Katakana}]+|\p{Hangul}+|\p{Latin}+|\p{Cyrillic}+|\p{Arabic}+", "isolated", False),
    "word_classes": (r"\w+|[^\w\s]+", "isolated", False),
}
BEHAVIORS = {"isolated": "Isolated", "removed": "Removed", "merged_with_next": "MergedWithNext",
             "merged_with_previous": "MergedWithPrevious", "contiguous": "Contiguous"}


def splits():
    generator = random.Random(11)
    alphabet = "aabbcdexXkK'’.-+[]sS 12٣\n\r\t é가\u0301²\u212a"
    texts = [line for line in SAMPLE.split("\n")[:4]] + [text for text in TEXTS if text] + [
        "HelloWorld's XMLHttp'RE ABC'll", "  \n  x", "end  ", "end \n", "abcbcd x", "1 22 333 4444"]
    texts += ["".join(generator.choice(alphabet) for _ in range(generator.randrange(1, 14))) for _ in range(30)]
    rows = []
    for name, (pattern, behavior, invert) in PATTERNS.items():
        split = pre_tokenizers.Split(Regex(pattern), behavior, invert)
        pieces = [[piece for piece, _ in split.pre_tokenize_str(text)] for text in texts]
        rows.append({"name": name, "pattern": pattern, "behavior": BEHAVIORS[behavior], "invert": invert,
                     "pieces": pieces})
    return {"texts": texts, "patterns": rows}


def nfc():
    generator = random.Random(13)
    # Letters that compose, marks of several classes (some without composites), Hangul, exclusions and singletons, marks
    # younger than Unicode 9.
    letters = "aeouAcdsKq\u1ea1\u00e4\u03b1\u0915\u09c7\u0dd9\u1025\u304b\uac00\u1100\u1112"
    marks = ("\u0300\u0301\u0302\u0304\u0307\u0308\u030d\u0315\u031b\u0323\u0327\u0331\u0338\u0345\u0344\u093c\u09be\u0dcf\u0dca\u102e"
             "\u3099\u309a\u1161\u1175\u11a8\u11c2\u1df9\U00011943")
    others = "\u212b\u2126\u0958\ufb1d\u2adc\U0001d15e\uf900\ud7a3 x.\ufffd"
    texts = ["".join(generator.choice(generator.choice([letters, marks, marks, others])) for _ in range(length))
             for length in [2, 3, 4, 5, 6, 9] for _ in range(60)]
    return [[text, normalizers.NFC().normalize_str(text)] for text in texts]


def spm():
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "rules.tsv").write_text(RULES)
        (pathlib.Path(folder) / "text").write_text("\n".join(SAMPLE.split("\n")[:8]))
        for name, options in (
                ("spm_unigram", dict(model_type="unigram", vocab_size=120, normalization_rule_tsv=f"{folder}/rules.tsv",
                                     user_defined_symbols=["moon", "<sep>"])),
                ("spm_bpe", dict(model_type="bpe", vocab_size=400, byte_fallback=True, normalization_rule_name="identity",
                                 remove_extra_whitespaces=False, user_defined_symbols=["\u2581\u2581", "<sep>"],
                                 control_symbols=["<tool>"]))):
            sentencepiece.SentencePieceTrainer.train(
                input=f"{folder}/text", model_prefix=f"{folder}/{name}", hard_vocab_limit=False, num_threads=1,
                minloglevel=2, **options)
            blob = (pathlib.Path(folder) / f"{name}.model").read_bytes()
            model = sentencepiece_model_pb2.ModelProto()
            model.ParseFromString(blob)
            model.trainer_spec.input[:] = []  # the folder's name is not the same every time
            model.trainer_spec.model_prefix = ""
            model.normalizer_spec.normalization_rule_tsv = ""
            blob = model.SerializeToString(deterministic=True)
            (FOLDER / f"{name}.model").write_bytes(blob)
            processor = sentencepiece.SentencePieceProcessor(model_proto=blob)
            result[name] = []
            for text in TEXTS + ["  a<sep>b  moon", "<sep>", "\u2581", "x \u2581 ", "a    b     c", "\u200b", "the<sep> <tool>moons"]:
                ids = processor.encode(text)
                result[name].append({"text": text, "ids": ids, "decoded": processor.decode(ids)})
    return result


NAMES = ["byte_level", "llama3_like", "sentencepiece", "metaspace", "wordpiece", "unigram", "word_end", "falcon_like", "words"]
NORMALIZERS = {
    "clean": dict(BERT, handle_chinese_chars=False, strip_accents=False, lowercase=False),
    "chinese": dict(BERT, clean_text=False, strip_accents=False, lowercase=False),
    "accents": dict(BERT, clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
    **{name.lower(): {"type": name} for name in ("Lowercase", "StripAccents", "Nmt", "NFC", "NFD", "NFKC", "NFKD")}}
SPLITTERS = {"digits": {"type": "Digits", "individual_digits": True},
             "punctuation": {"type": "Punctuation", "behavior": "Isolated"},
             **{name.lower(): {"type": name} for name in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")}}


def fnv(digest, text):
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest


def characters():
    """For each normalizer and pre-tokenizer a digest of what it makes of every character, block by block of 4,096."""
    result = {}
    for name, part in {**NORMALIZERS, **SPLITTERS}.items():
        kind = "normalizer" if name in NORMALIZERS else "pre_tokenizer"
        tokenizer = Tokenizer.from_str(json.dumps({kind: part, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}))
        digests = []
        for block in range(0, 0x110000, 4096):
            digest = 0xCBF29CE484222325
            for c in range(block, block + 4096):
                if 0xD800 <= c < 0xE000:
                    continue
                text = f"a{chr(c)}."
                if kind == "normalizer":
                    digest = fnv(digest, tokenizer.normalizer.normalize_str(text))
                else:
                    digest = fnv(digest, "|".join(piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)))
            digests.append(f"{digest:016x}")
        result[name] = {"kind": kind, "json": json.dumps(part), "digests": digests}
    return result


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    # A line per entry of the outer lists keeps differences readable.
    text = text.replace('},{"text"', '},\n{"text"').replace('},{"name"', '},\n{"name"').replace("],[", "],\n[")
    (FOLDER / name).write_text(text + "\n")


def main():
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        # The library's trainers break ties differently every time: what is there stays.
        if not (FOLDER / f"{name}.json").exists():
            write(f"{name}.json", globals()[f"make_{name}" if name == "sentencepiece" else name]())
    write("expected.json", expectations())
    write("splits.json", splits())
    write("nfc.json", nfc())
    write("characters.json", characters())
    write("spm.json", spm())


if __name__ == "__main__":
    main()
