#!/usr/bin/python3
# check_session.py - the bundled model: a session saved and loaded, and a full context that drops tokens, go on bit for bit (numpy only).
#
#   check_session.py --llmc build/dev/bin/llmc
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

MODEL = pathlib.Path(__file__).resolve().parent.parent / "models" / "storybook"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    llmc = parser.parse_args().llmc
    failures = []

    def check(what, got, wanted):
        if got != wanted:
            failures.append(f"{what}: got {got!r}, expected {wanted!r}")

    with tempfile.TemporaryDirectory() as scratch:
        program, saved = pathlib.Path(scratch) / "program", pathlib.Path(scratch) / "saved"
        subprocess.run([llmc, "compile", MODEL, "-o", program], check=True, capture_output=True, timeout=120)

        def ids(*arguments):
            done = subprocess.run([program, *map(str, arguments), "--temp", "0", "--ids-only"], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=120)
            check(f"exit code with {arguments}", done.returncode, 0)
            return [int(word) for word in done.stdout.split(",")] if done.stdout.strip() else []

        listed = lambda tokens: ",".join(map(str, tokens))
        # A text cut in two, and the logits of what follows.
        story, more = "Once upon a time there was a", ["-n", 40]
        whole = ids(story, "-n", 65, "--logits", f"{scratch}/whole.npy")
        check("an answer of some length", len(whole), 65)
        for threads in (1, 2):
            first = ids(story, "-n", 25, "--save", saved, "-t", threads)
            rest = ids("", *more, "--load", saved, "--logits", f"{scratch}/rest.npy", "-t", 3 - threads, "--max-step", 3)
            check("the text goes on", first + rest, whole)
            rows, all_rows = np.load(f"{scratch}/rest.npy"), np.load(f"{scratch}/whole.npy")
            check("the logits are the same bits", (len(rows), np.array_equal(rows, all_rows[-len(rows) :])), (41, True))
        # A context that is full: each part is what a fresh start with what stays gives.
        context, prompt = 48, [0, *range(40, 70)]  # the first token of every text stays
        got = ids("--ids", listed(prompt), "-c", context, "-n", 90, "--context-policy", "shift")
        check("it went on", len(got), 90)
        tokens, at, shifts = prompt, 0, 0
        while at < len(got):
            count = min(context - len(tokens) + 1, len(got) - at)
            fresh = ids("--ids", listed(tokens), "-c", context, "-n", count)
            check(f"what follows after {shifts} shifts", got[at : at + count], fresh)
            at += count
            tokens = tokens + fresh
            tokens = tokens[:1] + tokens[-((context - 1) // 2) :]
            shifts += 1
        check("more than one shift", shifts > 2, True)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
