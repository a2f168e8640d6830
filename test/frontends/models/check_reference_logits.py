#!/usr/bin/python3
# check_reference_logits.py - imports the tiny checkpoints, interprets the modules, and compares with transformers' logits.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The importer against Hugging Face transformers: what it builds is run with the dialect's reference semantics by llmc-opt, so that
no lowering can hide or make a mistake of its own.

    LLMC_BUILD=build/dev check_reference_logits.py [NAME ...]

Prints the largest error of each checkpoint relative to its range of logits; exit code 1 when one is above the tolerance, which is that of
test/e2e/check_tiny_models.py: both sides sum the same products in float32 in another order.
"""
import json
import os
import pathlib
import struct
import subprocess
import sys

TOLERANCE = 2e-5
HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE.parent.parent / "e2e" / "reference" / "tiny"
TOOL = pathlib.Path(os.environ.get("LLMC_BUILD", "build/dev")) / "bin" / "llmc-opt"


def load_npy(path):
    """A float32 .npy of two dimensions as a list of rows; the format is numpy's version 1 or 2."""
    data = path.read_bytes()
    assert data[:6] == b"\x93NUMPY", path
    size, start = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (struct.unpack("<I", data[8:12])[0], 12)
    header = data[start : start + size].decode()
    assert "'<f4'" in header and "'fortran_order': False" in header, header
    rows, columns = (int(n) for n in header.split("(")[1].split(")")[0].split(","))
    flat = struct.unpack(f"<{rows * columns}f", data[start + size :])
    return [flat[i * columns : (i + 1) * columns] for i in range(rows)]


def interpret(checkpoint, prompt, context):
    """Logits of every position of the prompt, a list of rows."""
    command = [
        TOOL, "-", f"--llmc-parse=directory={checkpoint}", f"--llmc-import=max-context={context}",
        "--llmc-interpret=ids=" + ",".join(map(str, prompt)), "-o", os.devnull,
    ]
    result = subprocess.run(command, input="module {}", capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip().splitlines()[0])
    lines = result.stdout.splitlines()
    assert lines[0].startswith("result 0:"), lines[0]
    return [[float(x) for x in line.split()] for line in lines[1 : 1 + len(prompt)]]


def check(checkpoint, prompts):
    """The largest error relative to the range of the logits."""
    expected = load_npy(TINY / f"{checkpoint.name}.logits.npy")
    config = json.loads((checkpoint / "config.json").read_text())
    positions = config.get("max_position_embeddings") or config["n_positions"]
    found = []
    for prompt in prompts:
        found += interpret(checkpoint, prompt, max(positions, len(prompt)))
    if [len(row) for row in found] != [len(row) for row in expected]:
        raise RuntimeError(f"{len(found)} rows of {len(found[0])} logits, expected {len(expected)} of {len(expected[0])}")
    spread = max(map(max, expected)) - min(map(min, expected))
    # A NaN compares as no maximum: count it as an error of its own.
    errors = [abs(a - b) for x, y in zip(found, expected) for a, b in zip(x, y)]
    return float("inf") if any(e != e for e in errors) else max(errors) / spread


def main(names):
    prompts = json.loads((TINY / "prompts.json").read_text())
    checkpoints = sorted(p for p in TINY.iterdir() if p.is_dir() and (not names or p.name in names))
    if not checkpoints:
        sys.exit("no checkpoint of that name")
    bad = 0
    for checkpoint in checkpoints:
        try:
            error = check(checkpoint, prompts)
            bad += error > TOLERANCE
            print(f"{checkpoint.name:28} {error:.1e}{'' if error <= TOLERANCE else ' above ' + str(TOLERANCE)}")
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as mistake:
            bad += 1
            print(f"{checkpoint.name:28} {mistake}")
    print(f"{len(checkpoints)} checkpoints, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
