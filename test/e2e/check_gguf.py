#!/usr/bin/python3
# check_gguf.py - GGUF files of the tiny models give the logits of Hugging Face transformers (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convert each tiny checkpoint to GGUF, compile that, run it on the prompts, compare with the committed logits.

    check_gguf.py --llmc build/dev/bin/llmc [--compile-arg=ARG ...] [--tolerance X] [NAME ...]

NAME is a checkpoint of reference/tiny, or "mixed": a model whose matrices are in every block format. The tolerance and its reason
are those of check_tiny_models.py; the sums of the mixed model have up to 512 terms and half the layers.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

import gguf_models
from check_tiny_models import TINY, TOLERANCE, run

# Two and three files.
PARTS = {"llama-sharded-f32": 3, "llama-biases": 2}
NAMES = [
    "llama-mha-f32", "llama-gqa-tied", "llama-mqa-f16", "llama-tied-duplicate-head", "llama-mixed-dtypes", "llama-sharded-f32",
    "llama-biases", "llama-head-dim", "llama-uneven-f32", "llama-uneven-tied", "llama-uneven-f16", "llama-linear", "llama-yarn-old",
    "llama-llama3", "llama-llama3-old", "mistral-window", "mistral-prime", "mistral-no-window", "qwen2", "qwen3", "qwen3-bias-yarn",
    "mixed",
]


def check(llmc, name, prompts, extra):
    """(largest error relative to the range, "") or (None, reason)."""
    mixed = name == "mixed"
    expected = np.load(TINY / ("gguf-mixed.logits.npy" if mixed else f"{name}.logits.npy"))
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / f"{name}.gguf"
        file = gguf_models.write_mixed(path) if mixed else gguf_models.convert(name, path, PARTS.get(name, 1))
        program = pathlib.Path(scratch) / "model"
        done, reason = run([llmc, "compile", file, *extra, "-o", program], 120)
        if not done:
            return None, "compile: " + reason
        worst, row = 0.0, 0
        for prompt in prompts:
            out = pathlib.Path(scratch) / "logits.npy"
            done, reason = run([program, "--ids", ",".join(map(str, prompt)), "--logits", out, "-n", "0"], 60)
            if not done:
                return None, f"{len(prompt)} tokens: {reason}"
            got, want = np.load(out), expected[row : row + len(prompt)]
            row += len(prompt)
            if got.shape != want.shape or not np.isfinite(got).all():
                return None, f"{len(prompt)} tokens: {got.shape} (expected {want.shape}), or not finite"
            worst = max(worst, float(np.abs(got - want).max() / np.ptp(expected)))
        return worst, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"), help="the compiler (default: $LLMC, else llmc)")
    parser.add_argument("--compile-arg", action="append", default=[], help="handed to the compiler")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    args = parser.parse_args()
    prompts = json.loads((TINY / "prompts.json").read_text())
    failed = 0
    for name in args.names or NAMES:
        error, reason = check(args.llmc, name, prompts, args.compile_arg)
        if "needs at least variant" in reason:  # code for another processor than this one
            print(f"{name}: {reason}")
            return 77
        holds = error is not None and error <= args.tolerance
        failed += not holds
        print(f"{name:28} {'-' if error is None else format(error, '.1e'):>8}  {'ok' if holds else 'FAILED'}  {reason}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
