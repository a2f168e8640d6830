#!/usr/bin/python3
# check_tiny_models.py - compiles the tiny checkpoints and compares their logits with Hugging Face transformers' (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile each checkpoint of reference/tiny, run it on the prompts, compare with the committed logits.

    check_tiny_models.py --llmc build/dev/bin/llmc [NAME ...]

Prints the largest error of each checkpoint relative to its range of logits; exit code 1 when one is above the tolerance or does
not compile or run.

The tolerance. Both sides sum products in float32 in their own order. A sum of n terms of similar size carries a relative error
of about sqrt(n) * 6e-8, here n <= 131, and passes through at most 4 blocks that double it at worst: 1e-5. transformers against itself
(a prompt as a whole and token by token: only the order of sums differs) is within 1.1e-6 of the range on every checkpoint. The
smallest effect of a mistake that the checkpoints are made to show (a wrong window, base, scaling, bias, norm weight) was
measured at 1e-2 of the range, that of an epsilon ten times too large at 3e-5. So 2e-5.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

TOLERANCE = 2e-5
TINY = pathlib.Path(__file__).resolve().parent / "reference" / "tiny"


def run(command, limit):
    """(True, "") or (False, what went wrong, one line)."""
    try:
        result = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return False, f"{pathlib.Path(command[0]).name}: no end after {limit} s"
    except OSError as error:
        return False, str(error)
    if result.returncode == 0:
        return True, ""
    text = result.stderr.decode(errors="replace").strip() or "no message"
    return False, f"exit code {result.returncode}: {text.splitlines()[0]}"


def check(llmc, name, prompts, compile_arguments, run_arguments):
    """(largest error relative to the range, "") or (None, reason)."""
    expected = np.load(TINY / f"{name}.logits.npy")
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "model"
        # Dynamic scaling is for positions past max_position_embeddings: the context has to be asked for.
        longest = max(map(len, prompts))
        config = json.loads((TINY / name / "config.json").read_text())
        if config.get("max_position_embeddings", config.get("n_positions")) < longest:
            compile_arguments = [f"--max-context={longest}", *compile_arguments]
        done, reason = run([llmc, "compile", TINY / name, "-o", program, *compile_arguments], 120)
        if not done:
            return None, "compile: " + reason
        worst, row = 0.0, 0
        for prompt in prompts:
            out = pathlib.Path(scratch) / "logits.npy"
            ids = ",".join(map(str, prompt))
            done, reason = run([program, "--ids", ids, "--logits", out, "-n", "0", *run_arguments], 60)
            if not done:
                return None, f"{len(prompt)} tokens: {reason}"
            got, want = np.load(out), expected[row : row + len(prompt)]
            row += len(prompt)
            if got.dtype != np.float32 or got.shape != want.shape:
                return None, f"{len(prompt)} tokens: {got.dtype} {got.shape} (expected float32 {want.shape})"
            if not np.isfinite(got).all():
                return None, f"{len(prompt)} tokens: not finite"
            worst = max(worst, float(np.abs(got - want).max() / np.ptp(expected)))
        return worst, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these checkpoints")
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"), help="the compiler (default: $LLMC, else llmc)")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    parser.add_argument("--compile-arg", action="append", default=[], help="handed to llmc compile, e.g. --compile-arg=--max-step=7")
    parser.add_argument("--run-arg", action="append", default=[], help="handed to the program, e.g. --run-arg=-t1")
    args = parser.parse_args()
    prompts = json.loads((TINY / "prompts.json").read_text())
    known = sorted(path.parent.name for path in TINY.glob("*/config.json"))
    unknown = set(args.names) - set(known)
    if unknown or not known:
        parser.error(f"no checkpoint called {', '.join(sorted(unknown)) or '(none at all)'} in {TINY}")
    failed = []
    for name in args.names or known:
        error, reason = check(args.llmc, name, prompts, args.compile_arg, args.run_arg)
        holds = error is not None and error <= args.tolerance
        if not holds:
            failed.append(name)
        print(f"{name:28} {'-' if error is None else format(error, '.1e'):>8}  {'ok' if holds else 'FAILED'}  {reason}", flush=True)
    print(f"{len(args.names or known) - len(failed)} of {len(args.names or known)} within {args.tolerance:g} of the logit range")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
