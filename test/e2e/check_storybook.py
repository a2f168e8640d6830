#!/usr/bin/python3
# check_storybook.py - the bundled model as a program: text in, text out, as Hugging Face transformers and tokenizers have it.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile test/models/storybook and compare greedy continuations with reference/storybook.json.

    check_storybook.py --llmc build/dev/bin/llmc

reference/storybook.json is prompts.json of `tools/dev/reference-logits test/models/storybook OUT --tokens 32 --prompts
test/e2e/reference/storybook-prompts.json`. A continuation is asked for twice: from ids, and from text, which is encoded and decoded by the
compiled tokenizer. Logits there lead by at least the recorded margin (1e-3 is demanded), far above float32's error (1e-5).
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent / "models" / "storybook"


def run(*command):
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    args = parser.parse_args()
    prompts = json.loads((HERE / "reference" / "storybook.json").read_text(encoding="utf-8"))
    wrong = 0

    def check(what, holds, told):
        nonlocal wrong
        wrong += not holds
        print(f"{what:24} {'ok' if holds else 'FAILED'}  {'' if holds else told}")

    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "storybook"
        done = run(args.llmc, "compile", MODEL, "-o", program)
        if done.returncode:
            print(f"llmc compile: exit code {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
            return 1
        for prompt in prompts:
            assert prompt["margin"] > 1e-3, prompt["name"]
            count = len(prompt["greedy"])
            greedy = ["--temp", "0", "-n", count]
            done = run(program, "--ids", ",".join(map(str, prompt["ids"])), "--ids-only", *greedy)
            got = [int(word) for word in re.findall(rb"\d+", done.stdout)]
            check(f"{prompt['name']}, ids", done.returncode == 0 and got == prompt["greedy"],
                  f"exit code {done.returncode}, {got} (expected {prompt['greedy']}) {done.stderr.decode(errors='replace').strip()}")
            done = run(program, "-p", prompt["text"], *greedy)
            want = prompt["greedy_text"].encode()
            check(f"{prompt['name']}, text", done.returncode == 0 and done.stdout in (want, want + b"\n"),
                  f"exit code {done.returncode}, {done.stdout!r} (expected {want!r}) {done.stderr.decode(errors='replace').strip()}")
    print(f"{2 * len(prompts) - wrong} of {2 * len(prompts)} as transformers has them")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
