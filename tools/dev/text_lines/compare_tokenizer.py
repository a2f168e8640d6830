#!/usr/bin/env python3
# compare_tokenizer.py - one tokenizer on megabytes of mixed text, beside Hugging Face's library: differences and speeds as JSON.
#
# Not a module of groups: b_tokenizers.py runs it with a Python that has the library.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The text: English, Korean, Chinese, Japanese, Arabic, emoji and code of check-tokenizers' mixture, the sources of this repository,
random bytes (what is no UTF-8 as U+FFFD), and 1 MB of one character."""
import argparse
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
ROOT = pathlib.Path(__file__).resolve().parents[3]


def check_tokenizers():
    loader = importlib.machinery.SourceFileLoader("check_tokenizers", str(ROOT / "tools" / "dev" / "check-tokenizers"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def texts_of(module, size, unwanted=()):
    """Texts of `size` bytes and some more together, the same every time; none holds a string of `unwanted`."""
    def wanted(text):
        return not any(string in text for string in unwanted)

    generator = random.Random(20261127)
    one = "a" * min(1_000_000, size // 4)
    noise = generator.randbytes(size // 10).decode("utf-8", "replace")
    texts = [one] + [noise[i : i + 4000] for i in range(0, len(noise), 4000)]
    total = sum(len(text.encode()) for text in texts)
    for path in sorted(ROOT.glob("**/*")):
        if total > size // 3:
            break
        if path.suffix in (".cpp", ".h", ".py", ".md", ".td") and "build" not in path.relative_to(ROOT).parts:
            text = path.read_text(errors="replace")
            if not wanted(text):
                continue
            texts.append(text)
            total += len(texts[-1].encode())
    pending = []
    for text in filter(wanted, module.mixed_texts(4 * size, [])):
        pending.append(text)
        total += len(text.encode())
        if sum(map(len, pending)) > 20000:  # few long texts: starting one costs their library more than ours
            texts.append("\n".join(pending))
            pending = []
            if total >= size:
                break
    return texts


def with_pairs(path):
    """The file with its merges as pairs: as strings, ones of blanks have too many of them for the library."""
    content = json.loads(path.read_text())
    model = content["model"]

    def pair(text):
        return next([text[:at], text[at + 1 :]] for at in range(1, len(text) - 1)
                    if text[at] == " " and text[:at] in model["vocab"] and text[at + 1 :] in model["vocab"])

    model["merges"] = [pair(merge) if isinstance(merge, str) else merge for merge in model["merges"]]
    return json.dumps(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("file", type=pathlib.Path)
    args = parser.parse_args()
    from tokenizers import Tokenizer

    module = check_tokenizers()
    try:
        theirs = Tokenizer.from_file(str(args.file))
    except Exception:  # the library raises nothing more special
        theirs = Tokenizer.from_str(with_pairs(args.file))
    theirs.no_truncation()
    theirs.no_padding()
    theirs.encode_special_tokens = True  # control tokens in text are text
    unigram = json.loads(theirs.to_str())["model"]["type"] == "Unigram"
    # With unigrams it finds them all the same, which ours never does.
    specials = [token.content for token in theirs.get_added_tokens_decoder().values() if token.special] if unigram else []
    texts = texts_of(module, args.megabytes * 1_000_000, specials)
    ours = module.Ours(args.build / "unittests" / "llmc-tokenize", args.file)
    size = sum(len(text.encode()) for text in texts)
    start = time.perf_counter()
    expected = [theirs.encode(text, add_special_tokens=False).ids for text in texts]
    middle = time.perf_counter()
    decoded = [theirs.decode(ids, skip_special_tokens=False) for ids in expected]
    end = time.perf_counter()
    differences, first = 0, ""
    for text, ids, back in zip(texts, expected, decoded):
        got = ours.encode(text, False, False)
        if got != ids or ours.decode(ids, True) != back:
            differences += 1
            at = next((i for i, (a, b) in enumerate(zip(got, ids)) if a != b), min(len(got), len(ids)))
            first = first or f"at token {at} of {text[:60]!r}: {got[at : at + 5]}, theirs {ids[at : at + 5]}"
    ours.close()
    whole = args.work / f"mixture-{args.megabytes}-{os.getpid()}.txt"
    whole.write_text("\n".join(texts))
    done = subprocess.run([args.build / "unittests" / "llmc-tokenizer-bench", args.file, whole], capture_output=True, text=True, check=True)
    whole.unlink()
    encode, decode = (float(number) for number in re.findall(r"([\d.]+) MB/s", done.stdout))
    print(json.dumps({"differences": differences, "first": first, "texts": len(texts), "tokens": sum(map(len, expected)), "bytes": size,
                      "encode": encode, "decode": decode, "their_encode": size / 1e6 / (middle - start),
                      "their_decode": size / 1e6 / (end - middle)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
