# b_tokenizers.py - lines about ten real tokenizers beside Hugging Face's library: no difference, and speed.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json

from . import Failure, Line
from first_slice.bench import DEV

REAL = ["20B_tokenizer.json", "bert/tokenizer.json", "gpt2/tokenizer.json", "llama2/tokenizer.json", "tokenizer/clip/tokenizer.json",
        "tokenizer/roberta-base/tokenizer.json", "tokenizer/t5-small/tokenizer.json", "tokenizer/whisper.tiny/tokenizer.json"]


def real_tokenizers(bench):
    data = bench.shared / "testdata"
    files = [data / "tokenizers-hf-json" / name for name in REAL] + [data / "npm-qwen3-tokenizer" / "tokenizer.json"]
    smollm2 = bench.smollm2 or bench.model("smollm2-135m")
    files.append(smollm2 / "tokenizer.json")
    missing = [path for path in files if not path.exists()]
    if missing:
        raise Failure(f"{missing[0]} is not there")
    for path in files:
        name = path.parent.name if path.name == "tokenizer.json" else path.stem
        done = bench.run(bench.python, DEV / "text_lines" / "compare_tokenizer.py", "--build", bench.fast, "--work", bench.work,
                         "--megabytes", bench.megabytes, path, limit=3600, status=None)
        if done.returncode:
            yield Line(f"{name}: as Hugging Face tokenizers", f"not measured: {done.stderr.strip().splitlines()[-1:]}", False)
            continue
        got = json.loads(done.stdout)
        yield Line(f"{name}: no difference from Hugging Face tokenizers on {bench.megabytes} MB",
                   f"{got['differences']} differences in {got['texts']} texts, {got['tokens']} tokens, {got['bytes'] / 1e6:.1f} MB"
                   + (f"; first: {got['first']}" if got["differences"] else ""), got["differences"] == 0)
        times = got["encode"] / got["their_encode"]
        yield Line(f"{name}: encoding 5 times theirs on one thread, or 20 MB/s",
                   f"{got['encode']:.1f} MB/s, theirs {got['their_encode']:.1f}: {times:.1f} times", times >= 5 or got["encode"] >= 20)
        yield Line(f"{name}: decoding 200 MB/s", f"{got['decode']:.0f} MB/s, theirs {got['their_decode']:.1f}", got["decode"] >= 200)


LINES = [real_tokenizers]
