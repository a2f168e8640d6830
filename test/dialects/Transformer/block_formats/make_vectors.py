#!/usr/bin/env python3
# make_vectors.py - blocks of each format that is only read, and the values that others' code decodes them to.
#
#   make_vectors.py             writes vectors.txt beside itself
#   make_vectors.py COUNT FILE  writes COUNT random blocks a format to FILE, for a longer run of BlockVectorsTest
#                               (LLMC_BLOCK_VECTORS=FILE)
#
#   make_vectors.py goldens FOLDER   prints the digests of BlockVectorsTest's table: 64-bit FNV-1a over the f32 values of
#                               each file of ggml's quantised bytes in FOLDER (shared/testdata/ggml-quant-goldens)
#
# A line is: format, bytes of the block in hexadecimal, its values as the bits of f32 in hexadecimal ("nan" for any NaN).
# Values are those of the `gguf` package 0.19 (gguf.quants) and, for fp8_e4m3, of torch 2; of q8_zero and q4_zero, which no file
# holds as such, of the formula.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize

# Where a block keeps its f16 numbers.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [], "NVFP4": []}
# Ordinary, the smallest subnormal, the largest subnormal, the largest number, infinities, a NaN, minus zero.
SCALES = [0x2C35, 0x0001, 0x83FF, 0x7BFF, 0x7C00, 0xFC00, 0x7E01, 0x8000]


def blocks_of(name, count, random):
    size = GGML_QUANT_SIZES[Type[name]][1]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for row in range(count):
        for place, at in enumerate(HALVES[name]):
            if row < 2 * len(SCALES) or not row % 4:  # the rest keep their random bits
                bits = SCALES[(row + 3 * place) % len(SCALES)]
                blocks[row, at:at + 2] = [bits & 255, bits >> 8]
    if name == "MXFP4":
        for row, scale in enumerate([127, 0, 1, 2, 254, 255, 120][:count]):
            blocks[row, 0] = scale
    if name == "NVFP4":
        for row, scales in enumerate([[0x38, 0x00, 0x7F, 0x01], [0x80, 0xFF, 0x7E, 0x08]][:count]):
            blocks[row, :4] = scales
    return blocks


def shown(values):
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return " ".join("nan" if np.isnan(v) else f"{b:x}" for v, b in zip(values, bits))


def write(path, few, many):
    random = np.random.default_rng(20261127)
    with open(path, "w") as out, np.errstate(all="ignore"):
        for name in HALVES:
            group = GGML_QUANT_SIZES[Type[name]][0]
            blocks = blocks_of(name, few if group == 256 else many, random)
            for block, values in zip(blocks, dequantize(blocks, Type[name]).reshape(-1, group)):
                print(name.lower(), block.tobytes().hex(), shown(values), file=out)
        import torch
        for scale in [0.0123, 1e-44, float("inf"), 3e38][:max(few, 4)]:
            codes = random.integers(0, 256, 32, dtype=np.uint8)
            factor = np.float32(scale)
            values = torch.from_numpy(codes).view(torch.float8_e4m3fn).float().numpy() * factor
            print("fp8_e4m3", factor.tobytes().hex() + codes.tobytes().hex(), shown(values), file=out)
        random = np.random.default_rng(20261128)
        for name, high in (("q8_zero", 256), ("q4_zero", 16)):
            for scale in [0.0123, 1e-44, float("inf"), -3e38][:max(few, 4)]:
                zero, codes = int(random.integers(0, high)), random.integers(0, high, 32, dtype=np.uint8)
                factor = np.float32(scale)
                values = factor * (codes.astype(np.float32) - np.float32(zero))
                raw = codes if high == 256 else codes[:16] | codes[16:] << 4
                print(name, factor.tobytes().hex() + bytes([zero]).hex() + raw.tobytes().hex(), shown(values), file=out)


def print_goldens(folder):
    for file in sorted(os.listdir(folder)):
        if file.endswith("_expected.bin"):
            name = file.rsplit("_", 3)[0]
            data = np.fromfile(os.path.join(folder, file), np.uint8).reshape(-1, GGML_QUANT_SIZES[Type[name.upper()]][1])
            digest = 0xCBF29CE484222325
            for byte in dequantize(data, Type[name.upper()]).astype("<f4").tobytes():
                digest = (digest ^ byte) * 0x100000001B3 % 2**64
            print(file, hex(digest))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "goldens":
        print_goldens(sys.argv[2])
    elif len(sys.argv) == 3:
        write(sys.argv[2], int(sys.argv[1]), int(sys.argv[1]))
    else:
        write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.txt"), few=5, many=8)
