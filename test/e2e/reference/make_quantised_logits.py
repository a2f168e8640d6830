#!/usr/bin/env python3
# make_quantised_logits.py - logits of transformers for check_quantised.py, and the packers of quantised_models.py against others' code.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write tiny/quantised.logits.npz: float32 [tokens, vocab] of each kind, on its decoded weights (torch, transformers).

    make_quantised_logits.py [--sources FOLDER] [--check]

FOLDER holds the unpacked sources of autoawq 0.2.9, gptqmodel 7.7.0 and compressed-tensors 0.20.0. Their own unpacking then has to give
the values that quantised_models.py says a kind has: awq.utils.packing_utils; the formula of gptqmodel (shifts, one added to each
zero point), which needs no class of it; compressed_tensors.compressors.pack_quantized.helpers.
"""
import argparse
import importlib.util
import pathlib
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
import quantised_models as models
from check_quantised import IDS


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def theirs(kind, part, shape, sources):
    """The values of one matrix by others' code; None where they have none for the kind."""
    config = models.KINDS[kind][1]
    torched = {name: torch.from_numpy(np.array(values)) for name, values in part.items() if not isinstance(values, models.Typed)}
    if config["quant_method"] == "awq":
        awq = load(next(sources.glob("autoawq*/awq/utils/packing_utils.py")))
        return awq.dequantize_gemm(torched["qweight"], torched["qzeros"], torched["scales"].float(), 4, 32).T.numpy()
    if config["quant_method"] == "gptq":
        bits = config["bits"]
        qzeros = torched["qzeros"]
        if config.get("checkpoint_format") != "gptq_v2":
            qzeros = qzeros + torch.tensor(sum(1 << at for at in range(0, 32, bits)), dtype=torch.int64).to(torch.int32)
        shifts = torch.arange(0, 32, bits, dtype=torch.int32)
        zeros = (qzeros[:, :, None] >> shifts[None, None]) & (2**bits - 1)
        weight = ((torched["qweight"][:, None, :] >> shifts[None, :, None]) & (2**bits - 1)).reshape(shape[1], shape[0])
        zeros, group = zeros.reshape(qzeros.shape[0], -1), torched["g_idx"].long()
        return (torched["scales"].float()[group] * (weight - zeros[group])).T.numpy()
    if config.get("format") == "pack-quantized":
        helpers = load(next(sources.glob("compressed_tensors*/src/compressed_tensors/compressors/pack_quantized/helpers.py")))
        bits = config["config_groups"]["group_0"]["weights"]["num_bits"]
        codes = helpers.unpack_from_int32(torched["weight_packed"], bits, torch.Size(shape)).float()
        scale = part["weight_scale"]
        if isinstance(scale, models.Typed):
            scale = (np.frombuffer(scale.raw, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(scale.shape)
        scale = torch.from_numpy(np.array(scale, np.float32))
        zero = torch.zeros_like(scale)
        if "weight_zero_point" in torched:
            zero = helpers.unpack_from_int32(torched["weight_zero_point"], bits, torch.Size(scale.shape), packed_dim=0).float()
        group = torched["weight_g_idx"].long() if "weight_g_idx" in torched else torch.arange(shape[1]) // (shape[1] // scale.shape[1])
        return ((codes - zero[:, group]) * scale[:, group]).numpy()
    if "weight" in part and isinstance(part["weight"], models.Typed):
        codes = torch.from_numpy(np.frombuffer(part["weight"].raw, np.uint8).copy()).view(torch.float8_e4m3fn).float().numpy()
        scale = np.asarray(part.get("weight_scale", part.get("weight_scale_inv")), np.float32)
        scale = np.broadcast_to(scale.reshape(1, 1), shape) if scale.size == 1 else scale
        down, across = (-(-shape[i] // scale.shape[i]) for i in (0, 1))
        if config.get("weight_block_size"):
            down, across = config["weight_block_size"]
        return codes.reshape(shape) * scale[np.arange(shape[0])[:, None] // down, np.arange(shape[1])[None] // across]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="compare with the sources and write nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    result = {}
    for kind in models.KINDS:
        stored, decoded = models.make(kind)
        checked = 0
        for name, values in decoded.items() if args.sources else ():
            module = name.removesuffix(".weight")
            part = {key.removeprefix(module + "."): value for key, value in stored.items() if key.startswith(module + ".")}
            if not module.endswith("_proj"):
                continue
            other = theirs(kind, part, values.shape, args.sources)
            if other is not None:
                assert np.array_equal(np.asarray(other, np.float32), values), (kind, name)
                checked += 1
        if args.check:
            print(f"{kind}: {checked} matrices as others decode them", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            models.write_decoded(folder, kind)
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
            with torch.no_grad():
                result[kind] = model(input_ids=torch.tensor([IDS])).logits[0].numpy()
        print(f"{kind}: {checked} matrices as others decode them, logits {result[kind].min():.2f} to {result[kind].max():.2f}", flush=True)
    if not args.check:
        np.savez_compressed(HERE / "tiny" / "quantised.logits.npz", **result)


if __name__ == "__main__":
    main()
