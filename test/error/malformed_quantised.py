#!/usr/bin/python3
# malformed_quantised.py - checkpoints with quantization_config that contradict it: exit code 1 and one tested message (numpy).
#
#   malformed_quantised.py --llmc PATH [--show] [CASE ...]
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.dont_write_bytecode = True
import quantised_models as models

LAYER = "model.layers.1."
UP, Q = LAYER + "mlp.up_proj", LAYER + "self_attn.q_proj"
TOGETHER = "note: config.json and the weights do not belong together\n"
NUMBERS = "note: quantization_config and the weights do not belong together\n"
WEIGHTS = "model/model.safetensors: error: "
CONFIG = "model/config.json:"


def cut(name, rows):
    return lambda tensors: tensors.update({name: tensors[name][:rows]})


def put(name, change):
    def edit(tensors):
        tensors[name] = tensors[name].copy()
        change(tensors[name])

    return edit


# name: kind, changes of quantization_config, edit of the stored tensors, arguments, message
CASES = {
    "scales-missing": ("gptq-sym", {}, lambda t: t.pop(UP + ".scales"), [],
        f"model: error: tensor '{UP}.scales' is missing (expected f16 of shape [3, 160])\n{TOGETHER}"),
    "codes-missing": ("gptq-sym", {}, lambda t: t.pop(UP + ".qweight"), [],
        f"model: error: tensor '{UP}.qweight' is missing (expected i32 of shape [12, 160])\n{TOGETHER}"),
    "codes-misshapen": ("gptq-sym", {}, cut(UP + ".qweight", 11), [],
        f"{WEIGHTS}tensor '{UP}.qweight' is i32 of shape [11, 160], expected i32 of shape [12, 160]\n{TOGETHER}"),
    "codes-of-another-type": ("gptq-sym", {}, lambda t: t.update({UP + ".qweight": np.zeros((12, 160), np.float32)}), [],
        f"{WEIGHTS}tensor '{UP}.qweight' is f32 of shape [12, 160], expected i32 of shape [12, 160]\n{TOGETHER}"),
    "scales-of-another-type": ("gptq-sym", {}, lambda t: t.update({UP + ".scales": np.zeros((3, 160), np.int32)}), [],
        f"{WEIGHTS}tensor '{UP}.scales' is i32 of shape [3, 160], expected f16 of shape [3, 160]\n{TOGETHER}"),
    "scale-that-is-no-number": ("gptq-sym", {}, put(UP + ".scales", lambda s: s.__setitem__((1, 7), np.nan)), [],
        f"{WEIGHTS}tensor '{UP}.scales': scale 167 is not a finite number\nnote: the checkpoint is damaged\n"),
    "infinite-scale": ("packed-4", {}, lambda t: t.update({UP + ".weight_scale": np.full((160, 3), np.inf, np.float32)}), [],
        f"{WEIGHTS}tensor '{UP}.weight_scale': scale 0 is not a finite number\nnote: the checkpoint is damaged\n"),
    "group-size-of-another": ("gptq-sym", {"group_size": 64}, None, [],
        f"{WEIGHTS}tensor 'model.layers.0.self_attn.q_proj.scales' is f16 of shape [3, 96], expected f16 of shape [2, 96]\n{TOGETHER}"),
    "zero-points-of-the-other-form": ("gptq-sym", {"checkpoint_format": "gptq_v2"}, None, [],
        f"{WEIGHTS}tensor 'model.layers.0.self_attn.q_proj.qzeros': has a zero point of 7, expected 8 of symmetric codes\n{NUMBERS}"),
    "group-of-a-column-out-of-range": ("gptq-act-order", {}, put(UP + ".g_idx", lambda g: g.__setitem__(5, 3)), [],
        f"{WEIGHTS}tensor '{UP}.g_idx': puts column 5 into group 3 (expected 0 to 2)\n{NUMBERS}"),
    "group-of-a-column-negative": ("gptq-act-order", {}, put(UP + ".g_idx", lambda g: g.__setitem__(5, -1)), [],
        f"{WEIGHTS}tensor '{UP}.g_idx': puts column 5 into group -1 (expected 0 to 2)\n{NUMBERS}"),
    "groups-of-uneven-size": ("gptq-act-order", {}, put(UP + ".g_idx", lambda g: g.__setitem__(slice(0, 33), 1)), [],
        "model/model.safetensors: error: tensor 'model.layers.1.mlp.up_proj.g_idx': has 21 columns in group 0, expected 32\n"
        "note: quantization_config and the weights do not belong together\n"),
    "zero-point-out-of-range": ("int-4-asym", {}, put(UP + ".weight_zero_point", lambda z: z.__setitem__((7, 0), 100)), [],
        f"{WEIGHTS}tensor '{UP}.weight_zero_point': has a zero point of 100 (expected -8 to 7)\n{NUMBERS}"),
    "shape-says-something-else": ("packed-4", {}, put(UP + ".weight_shape", lambda s: s.__setitem__(1, 192)), [],
        f"{WEIGHTS}tensor '{UP}.weight_shape': says [160, 192], expected [160, 96]\n{NUMBERS}"),
    "float-scales-missing": ("fp8-blocks", {}, lambda t: t.pop(UP + ".weight_scale_inv"), [],
        f"model: error: tensor '{UP}.weight_scale_inv' is missing (expected f32 of shape [3, 2])\n{TOGETHER}"),
    "bytes-of-another-kind": ("fp8-blocks", {}, lambda t: t.update({UP + ".weight": np.zeros((160, 96), np.int8)}), [],
        f"{WEIGHTS}tensor '{UP}.weight' is i8 of shape [160, 96], expected f8E4M3FN of shape [160, 96]\n{TOGETHER}"),
    "surplus-tensor": ("gptq-sym", {}, lambda t: t.update({UP + ".perm": np.zeros(96, np.int32)}), [],
        f"{WEIGHTS}tensor '{UP}.perm' (i32 of shape [96]) has no place in this 'llama' model\n{TOGETHER}"),
    "bias-that-is-not-zero": ("gptq-zero-bias", {}, put(UP + ".bias", lambda b: b.__setitem__(3, 1)), [],
        f"{WEIGHTS}tensor '{UP}.bias' (f16 of shape [160]) has no place in this 'llama' model\n{TOGETHER}"),
    "quantised-again": ("gptq-sym", {}, None, ["--weights", "q4"],
        "model: error: tensor 'model.layers.0.self_attn.q_proj.qweight' is stored in q4: rounding it to q4 would lose quality a second time\n"
        "note: compile the unquantised model, or use --weights keep, or --allow-requantize\n"),
    "three-bits": ("gptq-sym", {"bits": 3}, None, [],
        "model/config.json:23:13: error: 'quantization_config.bits' = 3 is not supported (expected 2, 4 or 8)\n"),
    "bits-that-are-text": ("gptq-sym", {"bits": "4"}, None, [],
        "model/config.json:23:13: error: 'quantization_config.bits' must be an integer, found a string \"4\"\n"),
    "group-size-of-seven": ("gptq-sym", {"group_size": 7}, None, [],
        "model/config.json:24:19: error: 'quantization_config.group_size' = 7 is not supported (expected -1 for a whole row, or a multiple of 16)\n"),
    "marlin": ("gptq-sym", {"checkpoint_format": "marlin"}, None, [],
        "model/config.json:28:26: error: 'quantization_config.checkpoint_format' = \"marlin\" is not supported (expected gptq or gptq_v2)\n"),
    "dynamic-rules": ("gptq-sym", {"dynamic": {"-:model.layers.0": {}, "+:lm_head": {"bits": 8}}}, None, [],
        "model/config.json:28:16: error: 'quantization_config.dynamic' has a rule of its own for '+:lm_head', which is not supported\n"),
    "unknown-key": ("gptq-sym", {"rotation": "hadamard"}, None, [],
        "model/config.json:28:5: error: unknown key 'quantization_config.rotation'\n"
        "note: a model quantised by 'gptq' may not ignore it, since it may change what the model computes; remove it if it does not\n"),
    "gemv": ("awq", {"version": "gemv"}, None, [],
        "model/config.json:26:16: error: 'quantization_config.version' = \"gemv\" is not supported (expected gemm)\n"),
    "no-zero-points": ("awq", {"zero_point": False}, None, [],
        "model/config.json:25:19: error: 'quantization_config.zero_point' = false is not supported (expected true)\n"),
    "bitsandbytes": ("gptq-sym", {"quant_method": "bitsandbytes", "load_in_4bit": True}, None, [],
        "model/config.json:21:26: error: quantised weights (method 'bitsandbytes') are not supported\n"
        "note: methods that are: gptq, awq, compressed-tensors, fp8; else use the model's f32, bf16 or f16 checkpoint\n"),
    "fp4": ("packed-4", {"format": "nvfp4-pack-quantized"}, None, [],
        "model/config.json:44:15: error: 'quantization_config.format' = \"nvfp4-pack-quantized\" is not supported (expected pack-quantized, int-quantized, float-quantized or naive-quantized)\n"),
    "two-schemes": ("packed-4", {"config_groups": {"a": {}, "b": {}}}, None, [],
        "model/config.json:22:22: error: 'quantization_config.config_groups' holds 2 schemes, expected one for all modules\n"),
    "scheme-without-weights": ("packed-4", {"config_groups": {"a": {"weights": None}}}, None, [],
        "model/config.json:24:20: error: 'quantization_config.config_groups.a.weights' is missing\n"),
    "five-bits": ("packed-4", {"config_groups": {"a": {"weights": {"num_bits": 5, "strategy": "channel"}}}}, None, [],
        "model/config.json:25:23: error: 'quantization_config.config_groups.a.weights.num_bits' = 5 is not supported (expected 2, 4 or 8)\n"),
    "block-without-sizes": ("packed-4", {"config_groups": {"a": {"weights": {"num_bits": 4, "strategy": "block"}}}}, None, [],
        "model/config.json:26:23: error: 'quantization_config.config_groups.a.weights.strategy' = \"block\" needs 'block_structure'\n"),
    "cache-scheme": ("packed-4", {"kv_cache_scheme": {"num_bits": 8}}, None, [],
        "model/config.json:45:24: error: 'quantization_config.kv_cache_scheme' is not supported\n"),
    "other-float": ("fp8-blocks", {"fmt": "e5m2"}, None, [],
        "model/config.json:24:12: error: 'quantization_config.fmt' = \"e5m2\" is not supported (expected e4m3)\n"),
    "block-of-zero": ("fp8-blocks", {"weight_block_size": [0, 128]}, None, [],
        "model/config.json:27:7: error: element 0 of 'quantization_config.weight_block_size' must be a number, 1 to 1.04858e+06, found 0\n"),
}


def main():
    parser = argparse.ArgumentParser(description="Runs cases of malformed quantised checkpoints.")
    parser.add_argument("--llmc", required=True)
    parser.add_argument("--show", action="store_true", help="write what the program says")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    failed = 0
    for name in args.cases or CASES:
        kind, changes, edit, arguments, expected = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            stored, _ = models.make(kind)
            if edit:
                edit(stored)
            models.write(root / "model", {**models.config_of(kind), "quantization_config": {**models.KINDS[kind][1], **changes}}, stored)
            done = subprocess.run([os.path.abspath(args.llmc), "compile", "model", "-o", "out", *arguments], cwd=root, capture_output=True,
                                  text=True, timeout=60, env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"})
            left = (root / "out").exists()
        if args.show:
            print(f"== {name} {done.returncode}\n{done.stderr}", end="")
        elif done.returncode != 1 or done.stderr != expected or left:
            failed += 1
            print(f"{name}: exit code {done.returncode}{', left a file' if left else ''}, message:\n{done.stderr}expected:\n{expected}")
    print(f"{len(args.cases or CASES) - failed} of {len(args.cases or CASES)} as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
