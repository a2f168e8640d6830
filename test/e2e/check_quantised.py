#!/usr/bin/python3
# check_quantised.py - checkpoints of GPTQ, AWQ, compressed-tensors and fp8 give the logits of their decoded weights (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write each kind of quantised_models.py, compile it, run it; compare

    with the program of the same checkpoint whose weights numpy decoded to f32: the same bits;
    and, with rows quantised as they are by default, with its logits: off by at most TOLERANCE_Q8 of their range, root mean square;
    with the committed logits of Hugging Face transformers on the decoded weights: within the tolerance of check_tiny_models.py;
    and the parameters that `llmc inspect` counts with those of the decoded weights.

    check_quantised.py --llmc build/dev/bin/llmc [KIND ...]
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

sys.dont_write_bytecode = True
import quantised_models
from check_tiny_models import TINY, TOLERANCE, run

# Rows of 8 bits put noise of up to 1/254 of a segment's largest into each of some 100 products of a sum; two layers of random weights
# make of it 0.003 to 0.007 of the range, as root of the mean square: as much as products with the decoded weights in 8 bits, where nothing is
# special (0.004 to 0.007). A column out of its order, or a zero point that is not taken off, makes tenths.
TOLERANCE_Q8 = 0.012
IDS = [1, 5, 9, 52, 30, 7, 7, 21, 40, 2, 13, 33]


def logits(llmc, model, scratch, activations="f32"):
    program, out = scratch / "program", scratch / "logits.npy"
    for command in ([llmc, "compile", model, "--activations", activations, "-o", program], [program, "--ids", ",".join(map(str, IDS)), "--logits", out, "-n", "0"]):
        done, reason = run(command, 120)
        if not done:
            raise RuntimeError(reason)
    return np.load(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(quantised_models.KINDS)}")
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    args = parser.parse_args()
    expected = np.load(TINY / "quantised.logits.npz")
    failed = 0
    for kind in args.kinds or quantised_models.KINDS:
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            quantised_models.write_quantised(scratch / "stored", kind)
            quantised_models.write_decoded(scratch / "decoded", kind)
            try:
                found, decoded = logits(args.llmc, scratch / "stored", scratch), logits(args.llmc, scratch / "decoded", scratch)
                rounded = logits(args.llmc, scratch / "stored", scratch, "q8")
                told = subprocess.run([args.llmc, "inspect", scratch / "stored"], capture_output=True, text=True, check=True).stdout
            except (RuntimeError, subprocess.CalledProcessError) as reason:
                failed += 1
                print(f"{kind:20} FAILED {reason}", flush=True)
                continue
        same = np.array_equal(found.view(np.uint32), decoded.view(np.uint32))
        error = float(np.abs(found - expected[kind]).max() / np.ptp(expected[kind]))
        noise = float(np.sqrt(np.mean((rounded - found) ** 2)) / np.ptp(found))
        stored, plain = quantised_models.make(kind)
        surplus = [values for name, values in stored.items() if name.endswith(".bias") and name not in plain]
        parameters = sum(values.size for values in [*plain.values(), *surplus])
        matrices = sum(int(count) for count in re.findall(r"quantised +(\d+) matri", told))
        counted = f"parameters  {parameters}\n" in told and matrices == 14
        holds = same and counted and error <= TOLERANCE and noise <= TOLERANCE_Q8
        failed += not holds
        print(f"{kind:20} {'the same bits' if same else 'OTHER BITS'}{'' if counted else ', other parameters'}  {error:.1e}, rows of 8 bits {noise:.4f}  {'ok' if holds else 'FAILED'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
