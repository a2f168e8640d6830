#!/usr/bin/python3
# check_own_blocks.py - --weights q8, q4, q8_min, q4_min are what an independent rounding of the checkpoint gives (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile a seeded checkpoint with --weights FORMAT, and the same checkpoint with its matrices rounded beforehand by
quantised_blocks.py; the logits of the two are the same bits.

    check_own_blocks.py --llmc build/dev/bin/llmc [FORMAT[:GROUP] ...]

The embedding and the head of q4 are q8, those of q4_min are q8_min. Also the bytes of the artifact are the same with one and with two
processors, and rounding changes the logits at all.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "error"))
sys.dont_write_bytecode = True
import json
import struct

import tiny_checkpoint as tiny

from quantised_blocks import FORMATS, round_rows

CONFIG = dict(tiny.CONFIG, hidden_size=192, intermediate_size=320, num_attention_heads=3, num_key_value_heads=1, vocab_size=37)
ALL = ["q8", "q4", "q8_min", "q4_min", "q4:64", "q4_min:16", "q8:row", "q4:row"]


def write(folder, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    tiny.write(folder, config=CONFIG, weights=struct.pack("<Q", len(text)) + text + data)


def rounded(tensors, text):
    name, _, group = text.partition(":")
    wide = name.replace("q4", "q8")
    result = {}
    for key, values in tensors.items():
        if values.ndim == 2:
            size = values.shape[1] if group == "row" else int(group or 32)
            values = round_rows(values, wide if key in ("model.embed_tokens.weight", "lm_head.weight") else name, size)
        result[key] = values
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", help=f"of {', '.join(FORMATS)}, with a group or without")
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    args = parser.parse_args()
    random = np.random.Generator(np.random.PCG64(20261127))
    tensors = {}
    for key, shape in tiny.tensors(CONFIG).items():
        scale = 0.3 if len(shape) == 1 else 1.5 / np.sqrt(shape[-1])
        tensors[key] = (scale * random.standard_normal(shape) + (len(shape) == 1)).astype(np.float32)
    # A group of zeros, one of a single value, and one that outliers rule.
    tensors["model.layers.0.mlp.up_proj.weight"][3, :64] = 0
    tensors["model.layers.0.mlp.up_proj.weight"][4, 64:128] = 0.125
    tensors["model.layers.1.mlp.gate_proj.weight"][5, 32:64:7] *= 40
    failed = 0

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)

        def logits(model, weights, prefix=()):
            program, out = scratch / "program", scratch / "logits.npy"
            subprocess.run([*prefix, args.llmc, "compile", model, "--weights", weights, "--activations", "f32", "--cpu", "x86-64-v3", "-o", program], check=True, stderr=subprocess.DEVNULL)
            subprocess.run([program, "--ids", "3,1,4,1,5,9,2,6,5,35", "--logits", out, "-n", "0"], check=True, stderr=subprocess.DEVNULL)
            return np.load(out), program.read_bytes()

        write(scratch / "plain", tensors)
        plain, _ = logits(scratch / "plain", "keep")
        for text in args.formats or ALL:
            write(scratch / "rounded", rounded(tensors, text))
            wanted, _ = logits(scratch / "rounded", "keep")
            found, program = logits(scratch / "plain", text)
            _, alone = logits(scratch / "plain", text, ["taskset", "-c", "0"])
            same = wanted.shape == found.shape and np.array_equal(wanted.view(np.uint32), found.view(np.uint32))
            moved = float(np.abs(found - plain).max() / np.ptp(plain))
            good = same and program == alone and 1e-4 < moved < 0.5
            failed += not good
            print(f"{text:10} {'the same bits' if same else 'DIFFERENT'}, {'the same bytes on one processor' if program == alone else 'OTHER BYTES'}, "
                  f"{moved:.1e} of the range from the unrounded model  {'ok' if good else 'FAILED'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
