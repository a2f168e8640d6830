# a_vectors.py - lines about published vectors, streaming, and tokenizer files that are wrong.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
from . import tested

SETS = [
    ("transformers.js", r"^llmc-runtime-text-test\..*TransformersJs", 9),
    ("swift-transformers", r"^llmc-runtime-text-test\.SharedVectors\.Swift", 5),
    ("ggml and llama.cpp", r"^llmc-runtime-text-test\.(SharedVectors\.(GgmlTexts|LlamaCppTexts)|GgufVectors)", 3),
    ("Mistral and tiktoken", r"^llmc-runtime-text-test\.SharedVectors\.(Mistral|Tiktoken)", 3),
    ("real tokenizers' round trips", r"^llmc-runtime-text-test\.SharedVectors\.RoundTrips", 1),
    ("those in the clone", r"^llmc-runtime-text-test\.(Sources|Splits|Normalizer|Characters|Tiny)", 5),
]


def vectors(bench):
    for name, pattern, least in SETS:
        yield tested(bench, f"vectors, {name}: exact ids, exact round trip", pattern, least)


def streaming(bench):
    yield tested(bench, "streaming: characters split over tokens come out whole, and no replacement character that is not in the text",
                 r"(Vectors\.StreamsWholeCharactersThatJoinToTheText|CApiTest\.StreamedText|HardText)", 5)


def wrong_tokenizers(bench):
    yield tested(bench, "hostile tokenizer files: one tested message each, valid ones accepted", r"^llmc-text-test\.", 20)
    yield tested(bench, "hostile configs: one tested message each, valid ones accepted (test/error/hostile_configs.txt lists them)",
                 r"^error\.hostile-configs$")


LINES = [vectors, streaming, wrong_tokenizers]
