#!/usr/bin/python3
# make_tokenizer_seeds.py - writes the small inputs from which the fuzzer of tokenizers begins.
#
#   test/fuzz/make_tokenizer_seeds.py        rewrites corpus/fuzz-tokenizer and corpus/fuzz-tokenizer-files beside it
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import base64
import json
import pathlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus" / "fuzz-tokenizer"
BYTES = {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4, "abab": 5, "1": 6, "Ċ": 7}
PIECES = {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x41>": 3, "<0xFF>": 4, "▁": 5, "a": 6, "b": 7, "ab": 8, "▁ab": 9}


def bpe(vocab, merges, **more):
    return {"type": "BPE", "dropout": None, "unk_token": None, "vocab": vocab, "merges": merges, **more}


def added(identifier, content, **flags):
    return {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True, **flags}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
# The compiled form of a few replacements, out of the tokenizer of the runtime's tests.
CHARSMAP = json.loads((CORPUS.parents[2] / "runtime/text/vectors/unigram.json").read_text())[
    "normalizer"]["normalizers"][3]["precompiled_charsmap"]
MERGES = ["a b", "ab ab", "Ġ a"]
SEEDS = {
    "byte-level": {"added_tokens": [added(8, "<s>"), added(9, " x", lstrip=True, rstrip=True, special=False)],
                   "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                       {"type": "Digits", "individual_digits": True}, dict(BYTE_LEVEL, add_prefix_space=True, use_regex=True)]},
                   "decoder": BYTE_LEVEL, "model": bpe(BYTES, MERGES)},
    "split": {"added_tokens": [added(8, "cat", single_word=True, normalized=True)], "normalizer": {"type": "NFC"},
              "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                  split(r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"), BYTE_LEVEL]},
              "post_processor": {"type": "RobertaProcessing", "sep": ["a", 0], "cls": ["b", 1]},
              "decoder": BYTE_LEVEL, "model": bpe(BYTES, [["a", "b"]], ignore_merges=True)},
    "patterns": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        split(r"[a-f&&[^c]]+?\d|x*+[ab]|\w{2}$", "Removed"), split(r"\p{Lu}++|[\x41-\u0050\-]", "MergedWithPrevious", True),
        split(r"(?=a)a|(?-i:b)c", "MergedWithNext"), split(r".", "Contiguous")]}, "model": bpe(BYTES, MERGES)},
    "pieces": {"added_tokens": [added(1, "<s>"), added(2, "</s>", normalized=True)],
               "normalizer": {"type": "Sequence", "normalizers": [
                   {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
               "post_processor": {"type": "TemplateProcessing", "single": [
                   {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                   "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
               "decoder": {"type": "Sequence", "decoders": [
                   {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                   {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
               "model": bpe(PIECES, ["a b", "▁ ab"], unk_token="<unk>", fuse_unk=True, byte_fallback=True)},
    "wordpiece": {"added_tokens": [added(0, "[UNK]")],
                  "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                                 "strip_accents": None, "lowercase": True},
                  "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                            "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "the": 3, "##": 4}}},
    "unigram": {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": CHARSMAP}, {"type": "NFKC"}, {"type": "Nmt"}, {"type": "StripAccents"},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        {"type": "Strip", "strip_left": True, "strip_right": True}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, METASPACE]},
        "decoder": METASPACE,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True,
                  "vocab": [["<unk>", 0.0], ["▁", -2.5], ["a", -3.25], ["ab", -4.0], ["<0xFF>", -9.0]]}},
    "word-end": {"normalizer": {"type": "Lowercase"},
                 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                     {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Contiguous"},
                     {"type": "FixedLength", "length": 5}, {"type": "CharDelimiterSplit", "delimiter": "-"}]},
                 "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
                 "model": bpe({"a": 0, "b</w>": 1, "ab</w>": 2, "##b</w>": 3}, ["a b</w>"], end_of_word_suffix="</w>",
                              continuing_subword_prefix="")},
    "words": {"pre_tokenizer": {"type": "WhitespaceSplit"},
              "model": {"type": "WordLevel", "vocab": {"a": 0, "the": 1}, "unk_token": "a"}},
    "after-bytes": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        BYTE_LEVEL, {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]")]},
        "decoder": BYTE_LEVEL, "model": bpe(BYTES, MERGES)},
    "metaspace": {"pre_tokenizer": METASPACE, "decoder": METASPACE, "model": bpe(PIECES, ["a b"], unk_token="<unk>")},
}


VECTORS = CORPUS.parents[2] / "runtime/text/vectors"
FILES = {
    "spm-unigram": b"s" + (VECTORS / "spm_unigram.model").read_bytes(),
    "spm-bpe": b"s" + (VECTORS / "spm_bpe.model").read_bytes(),
    "tiktoken": b"tIQ== 0\nIg== 1\nISI= 2\n",
    "tekken": b"k" + json.dumps({"config": {"pattern": "[a-z]+|.", "default_vocab_size": 258, "default_num_special_tokens": 2},
                                 "special_tokens": [{"rank": 0, "token_str": "<s>", "is_control": True}],
                                 "vocab": [{"rank": byte, "token_bytes": base64.b64encode(bytes([byte])).decode()}
                                           for byte in range(256)]}).encode(),
    "vocabulary-list": "v[UNK]\n[CLS]\n[SEP]\nthe\n##e\né\n".encode(),
    "vocabulary-merges": 'm{"a": 0, "b": 1, "ab": 2, "Ġ": 3, "<|endoftext|>": 4}\0#version: 0.2\na b\n'.encode(),
    "word-ends": b'm{"a": 0, "a</w>": 1, "b</w>": 2, "ab</w>": 3}\0a b</w>\n',
}


def main():
    files = CORPUS.parent / "fuzz-tokenizer-files"
    files.mkdir(parents=True, exist_ok=True)
    for name, seed in FILES.items():
        (files / name).write_bytes(seed)
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, seed in SEEDS.items():
        (CORPUS / name).write_text(json.dumps(seed, ensure_ascii=False) + "\n")
    (CORPUS / "edits-unigram").write_bytes(b"U" + bytes([60, 0, 0, 9]) + bytes([0, 4, 0, 255]))
    (CORPUS / "edits").write_bytes(b"E" + bytes([60, 0, 0, 9]) + bytes([0, 4, 0, 255]))


if __name__ == "__main__":
    main()
