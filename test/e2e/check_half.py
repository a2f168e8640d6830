#!/usr/bin/python3
# check_half.py - `--dtype f16`: logits near those of transformers, the same bits however a model is run, and what is refused.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile checkpoints of reference/tiny with sums in f16 and compare their logits with the committed ones.

    check_half.py --llmc build/dev/bin/llmc

The tolerance. A row and a matrix are rounded to 11 bits, as are the partial sums: each relative to what they are, 5e-4. Sums of 131 terms and
two layers of random weights make a few times that of the range of the logits; 3e-7 is what the same models have in f32.
"""
import argparse
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "error"))
import tiny_checkpoint
from check_tiny_models import TINY, check, run

TOLERANCE = 4e-3
NAMES = ("llama-uneven-f32", "llama-mixed-dtypes", "gpt2")


def with_number(key, number):
    """The bytes of the seeded checkpoint's tensors, with one number of a tensor changed."""
    data = bytearray(tiny_checkpoint.safetensors(tiny_checkpoint.tensors()))
    (length,) = struct.unpack_from("<Q", data)
    begin = json.loads(data[8 : 8 + length])[key]["data_offsets"][0]
    struct.pack_into("<f", data, 8 + length + begin + 12, number)
    return bytes(data)


def message(command, code):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return done.stderr if done.returncode == code else f"exit code {done.returncode}: {done.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"), help="the compiler (default: $LLMC, else llmc)")
    args = parser.parse_args()
    failed = 0

    def tell(what, holds, found=""):
        nonlocal failed
        failed += not holds
        print(f"{what}: {'ok' if holds else 'FAILED'} {found}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        program, out = scratch / "model", scratch / "logits.npy"

        # What needs no such processor.
        shutil.copytree(TINY / "llama-gqa-tied", scratch / "plain")
        done, reason = run([args.llmc, "compile", scratch / "plain", "--dtype=f16", "-o", program], 120)
        tell("a file for another machine is made anywhere", done, reason)
        key = "model.layers.0.mlp.up_proj.weight"
        for number, holds in ((-481, False), (-480, True)):
            tiny_checkpoint.write(scratch / "large", weights=with_number(key, number))
            said = message([args.llmc, "compile", scratch / "large", "--dtype=f16", "-o", scratch / "large.out"], 0 if holds else 1)
            refused = f"tensor '{key}' holds {number}, more than sums in f16 can hold\nnote: add products in f32: --dtype f32" in said
            tell(f"a matrix that holds {number}", refused != holds and (scratch / "large.out").exists() == holds, said.strip().splitlines()[0])
        said = message([args.llmc, "compile", pathlib.Path(__file__).resolve().parents[1] / "onnx" / "cases" / "add_broadcast" / "model.onnx", "--dtype=f16"], 1)
        tell("a graph says what it adds in", "--dtype f16: a graph says itself what its products are added in" in said, said.strip())

        done, reason = run([args.llmc, "compile", scratch / "plain", "--dtype=f16", "--cpu=native", "-o", program], 120)
        if not done and "this machine does not add in f16" in reason:
            said = message([program, "--ids", "1", "-n", "1"], 1)
            tell("another processor is told", "x86-64-v4-fp16" in said, said.strip())
            print("skipped: this machine does not add in f16")
            return 1 if failed else 77
        prompts = json.loads((TINY / "prompts.json").read_text())
        for name in NAMES:
            worst, reason = check(args.llmc, name, prompts, ["--dtype=f16"], [])
            exact, _ = check(args.llmc, name, prompts, ["--weights=f16"], [])
            tell(name, worst is not None and exact < worst <= TOLERANCE, reason or f"{worst:.1e} of the range, {exact:.1e} added in f32")
        longest = max(prompts, key=len)
        for name in NAMES[:1]:
            first = None
            for step in (512, 5):
                done, reason = run([args.llmc, "compile", TINY / name, "--dtype=f16", f"--max-step={step}", "-o", program], 120)
                for threads in (1, 3):
                    if done:
                        done, reason = run([program, "--ids", ",".join(map(str, longest)), "--logits", out, "-n", "0", "-t", threads], 60)
                    data = out.read_bytes() if done else b""
                    first = first or data
                    tell(f"{name}, steps of {step}, {threads} threads: the same bits", done and data == first, reason)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
