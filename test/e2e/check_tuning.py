#!/usr/bin/python3
# check_tuning.py - schedules change no bit of the logits, and --tune writes one that a compile takes (no other packages).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile the bundled model by schedules with every choice that a variant has, compare the files of logits; then tune a tiny one.

    check_tuning.py --llmc build/dev/bin/llmc
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from check_tiny_models import TINY, run

STORYBOOK = pathlib.Path(__file__).resolve().parent.parent / "models" / "storybook"
# Of a variant that every machine of these tests runs, as the dialect's text says in its errors.
FLOATS, BYTES = [[6, 1], [4, 1], [2, 2]], [[2, 1], [1, 2], [1, 1]]


def products(command):
    """What a schedule calls a model's products, from the text of its step program."""
    text = subprocess.run([str(part) for part in (*command, "--emit", "mlir", "--compile-to", "schedule", "-o", "-")], check=True,
                          capture_output=True, text=True).stdout
    found = []
    # The operands' types close the op, behind the end of its epilogue.
    for match in re.finditer(r"kernel\.matmul [^\n]* \{\n(?:[^\n]*\n)*?\s*\}[^\n]* : \(memref<\?x\d+x(f32|i8)[^\n]*?>, <([^\n]*)>\)\n", text):
        name = {"rows": match[1], "weight": match[2]}
        if name not in found:
            found.append(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"), help="the compiler (default: $LLMC, else llmc)")
    args = parser.parse_args()
    ids = ",".join(str(3 + 7 * i % 500) for i in range(70))
    failed = 0

    def judge(what, holds, reason=""):
        nonlocal failed
        failed += not holds
        print(f"{what}: {'ok' if holds else 'FAILED ' + reason}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        program, out, schedule = (pathlib.Path(scratch) / name for name in ("model", "logits.npy", "schedule.json"))

        def logits(command):
            done, reason = run([*command, "-o", program], 120)
            if done:
                done, reason = run([program, "--ids", ids, "--logits", out, "-n", "0"], 60)
            return (out.read_bytes() if done else None), reason

        for weights, many in (("bf16", FLOATS), ("q4", BYTES)):
            base = [args.llmc, "compile", STORYBOOK, "--weights", weights, "--cpu", "x86-64-v3", "--max-context", "128"]
            names = products(base)
            judge(f"{weights}: products found", len(names) > 3, str(names))
            plain, reason = logits(base)
            judge(f"{weights} without a schedule", plain is not None, reason)
            for panels, group, ahead, tile in zip((1, 2, 1), (1, 3, 32), (0, 64, 4096), many):
                choice = {"panels": panels, "group": group, "ahead": ahead, "many": tile}
                # The head has two tiles of one stream, products of two streams others: what each has.
                entries = [{**name, **(choice if ", 2, " not in name["weight"] else {"panels": 1, "group": group, "ahead": ahead})}
                           for name in names]
                schedule.write_text(json.dumps({"llmc_schedule": 1, "variant": "x86-64-v3", "products": entries}))
                found, reason = logits([*base, "--schedule", schedule])
                judge(f"{weights} {choice}: the same bits", found == plain, reason)

        # Whatever wins on this machine: the file is taken, and changes no bit.
        base = [args.llmc, "compile", TINY / "llama-mha-f32", "--weights", "bf16", "--cpu", "native"]
        done, reason = run([*base, "--tune", schedule, "-o", program], 240)
        judge("--tune", done, reason)
        if done:
            done, reason = run([program, "--ids", "1,2,3", "--logits", out, "-n", "0"], 60)
            tuned, written = out.read_bytes(), json.loads(schedule.read_text())
            names = [{key: entry[key] for key in ("rows", "weight")} for entry in written["products"]]
            judge("the schedule names the products", sorted(map(str, names)) == sorted(map(str, products(base))), str(names))
            judge("and what a token and a prompt took", all(len(entry["microseconds"][part]) == 2 for entry in written["products"] for part in ("token", "prompt")))
            ids = "1,2,3"
            judge("a compile without it: the same bits", logits(base)[0] == tuned)
            judge("a compile by it: the same bits", logits([*base, "--schedule", schedule])[0] == tuned)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
