#!/usr/bin/python3
# check_same_bits.py - a model in every block format gives the same logits, bit for bit, however it is run (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile the model of gguf_models.write_mixed, and checkpoints with zero points and sorted columns, in several ways, run it by several teams, compare the files of logits.

    check_same_bits.py --llmc build/dev/bin/llmc --cpu CPU [--cpu CPU ...]

Every way must give the first one's bytes: processors, lengths of steps, numbers of threads; for quantised activations and for
f32, each with a cache of f32 and of q8.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile

import gguf_models
import quantised_models
from check_tiny_models import TINY, run


WAYS = (["--activations=q8"], ["--activations=q8", "--kv=q8"], ["--activations=f32", "--kv=q8"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"), help="the compiler (default: $LLMC, else llmc)")
    parser.add_argument("--cpu", action="append", required=True)
    args = parser.parse_args()
    prompt = max(json.loads((TINY / "prompts.json").read_text()), key=len)
    ids = ",".join(map(str, prompt))
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        models = [gguf_models.write_mixed(scratch / "mixed.gguf")]
        for kind in ("gptq-act-order", "gptq-8-asym", "awq"):
            models.append(scratch / kind)
            quantised_models.write_quantised(models[-1], kind)
        for file, options in [(models[0], options) for options in WAYS] + [(model, WAYS[0]) for model in models[1:]]:
            first = None
            for cpu, step in [(cpu, 512) for cpu in args.cpu] + [(args.cpu[0], 1), (args.cpu[0], 5)]:
                program, out = scratch / "model", scratch / "logits.npy"
                done, reason = run([args.llmc, "compile", file, f"--cpu={cpu}", f"--max-step={step}", *options, "-o", program], 240)
                for threads in ("1", "3"):
                    if done:
                        done, reason = run([program, "--ids", ids, "--logits", out, "-n", "0", "-t", threads], 60)
                    data = out.read_bytes() if done else b""
                    first = first or data
                    same = done and data == first
                    failed += not same
                    print(f"{file.name} {' '.join(options)} {cpu} steps of {step}, {threads} threads: {'same' if same else 'ANOTHER'} {reason}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
