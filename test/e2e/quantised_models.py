# quantised_models.py - checkpoints with quantization_config for tests: packed from seeded codes, and decoded (numpy only).
#
# The packers and the decoder know nothing of each other: codes, scales and zero points are drawn, packed word by word as the
# methods lay down, and the values are `scale * (code - zero)` of what was drawn.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "error"))
import tiny_checkpoint as tiny

DTYPES = {"float32": "F32", "float16": "F16", "int32": "I32", "int64": "I64", "int8": "I8"}


def bf16(values):
    """f32 with the lower half cut to zero: exact in bf16."""
    return (values.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


class Typed:
    """Bytes with a safetensors type of their own."""

    def __init__(self, dtype, shape, raw):
        self.dtype, self.shape, self.raw = dtype, list(shape), raw


def as_bf16(values):
    return Typed("BF16", values.shape, (values.view(np.uint32) >> 16).astype("<u2").tobytes())


def into_words(fields, bits):
    """i32 of codes along the last axis, the first in the lowest bits."""
    per = 32 // bits
    fields = np.pad(fields, [(0, 0), (0, -fields.shape[1] % per)]).astype(np.uint64).reshape(fields.shape[0], -1, per)
    words = np.zeros(fields.shape[:2], np.uint64)
    for i in range(per):
        words |= fields[:, :, i] << np.uint64(bits * i)
    return words.astype(np.uint32).view(np.int32)


def e4m3(codes):
    sign, exponent, mantissa = codes >> 7, codes >> 3 & 15, codes & 7
    values = np.where(exponent == 0, mantissa / 512.0, (8 + mantissa) * 2.0 ** (exponent.astype(np.float64) - 10))
    return np.where(sign == 1, -values, values).astype(np.float32)


def spread(rows, columns, bits, down, across):
    """Scales for tiles such that weights are of the size that trained ones have."""
    return 2.0 / np.sqrt(columns) / 2 ** (bits - 1) * random.uniform(0.5, 1.5, (down, across))


random = np.random.Generator(np.random.PCG64(0))


def draw(rows, columns, bits, group, asymmetric, half_scales=True, sort=None):
    """(codes, scales, zeros, values); group 0: a row."""
    across = columns // group if group else 1
    codes = random.integers(0, 2**bits, (rows, columns))
    scales = spread(rows, columns, bits, rows, across)
    scales = scales.astype(np.float16).astype(np.float32) if half_scales else bf16(scales)
    middle = 2 ** (bits - 1)
    zeros = np.clip(random.integers(middle - 3, middle + 4, (rows, across)), 0, 2**bits - 1) if asymmetric else np.full((rows, across), middle)
    if asymmetric:
        zeros[0, 0], zeros[1, 0] = 0, 2**bits - 1
    of = np.arange(columns) // (group or columns) if sort is None else sort
    values = scales[:, of] * (codes - zeros[:, of]).astype(np.float32)
    return codes, scales, zeros, values.astype(np.float32)


def gptq(rows, columns, bits=4, group=32, asymmetric=False, version=1, act_order=False, bias=False):
    of = random.permutation(np.arange(columns) // group) if act_order else None
    codes, scales, zeros, values = draw(rows, columns, bits, group, asymmetric, sort=of)
    words = into_words(zeros.T, bits).view(np.uint32).astype(np.uint64)
    if version == 1:  # One less in each field, as one subtraction from the word.
        words = (words - sum(1 << at for at in range(0, 32, bits))) % 2**32
    made = {"qweight": np.ascontiguousarray(into_words(codes, bits).T), "qzeros": words.astype(np.uint32).view(np.int32),
            "scales": np.ascontiguousarray(scales.T).astype(np.float16),
            "g_idx": (of if act_order else np.arange(columns) // (group or columns)).astype(np.int32)}
    if bias:
        made["bias"] = np.zeros(rows, np.float16)
    return made, values


def awq(rows, columns, group=32):
    codes, scales, zeros, values = draw(rows, columns, 4, group, True)

    def packed(matrix):  # [.., N]: of eight neighbours those of even numbers first
        order = np.arange(matrix.shape[1]).reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(-1)
        return into_words(matrix[:, order], 4)

    return {"qweight": packed(codes.T), "qzeros": packed(zeros.T), "scales": np.ascontiguousarray(scales.T).astype(np.float16)}, values


def packed_quantized(rows, columns, bits=4, group=32, asymmetric=False, half_scales=False, act_order=False):
    of = random.permutation(np.arange(columns) // group) if act_order else None
    codes, scales, zeros, values = draw(rows, columns, bits, group, asymmetric, half_scales, sort=of)
    made = {"weight_packed": into_words(codes, bits), "weight_shape": np.array([rows, columns], np.int64),
            "weight_scale": scales.astype(np.float16) if half_scales else as_bf16(scales)}
    if asymmetric:
        made["weight_zero_point"] = np.ascontiguousarray(into_words(zeros.T, bits).T)
    if act_order:
        made["weight_g_idx"] = of.astype(np.int32)
    return made, values


def int_quantized(rows, columns, asymmetric, bits=8):
    codes, scales, zeros, values = draw(rows, columns, bits, 0, asymmetric, half_scales=False)
    middle = 2 ** (bits - 1)
    made = {"weight": (codes - middle).astype(np.int8), "weight_scale": scales}
    if asymmetric:
        made["weight_zero_point"] = (zeros - middle).astype(np.int8)
    return made, values


def float8(rows, columns, name, down=0, across=0, scalar=()):
    """Tiles of [down, across]; 0: all. `scalar`: the shape of a single scale."""
    codes = random.integers(0, 256, (rows, columns)).astype(np.uint8)
    codes[(codes & 127) == 127] = 0x31
    codes = np.where((codes >> 3 & 15) > 9, codes - 0x20, codes).astype(np.uint8)  # magnitudes up to 8
    tiles = (-(-rows // (down or rows)), -(-columns // (across or columns)))
    scales = (0.3 / np.sqrt(columns) * random.uniform(0.5, 1.5, tiles)).astype(np.float32)
    values = e4m3(codes) * scales[np.arange(rows)[:, None] // (down or rows), np.arange(columns)[None] // (across or columns)]
    return {"weight": Typed("F8_E4M3", codes.shape, codes.tobytes()), name: scales if tiles != (1, 1) else scales.reshape(scalar)}, values


def scheme(**weights):
    return {"config_groups": {"group_0": {"targets": ["Linear"], "input_activations": None, "output_activations": None,
                                          "weights": {"num_bits": 4, "type": "int", "symmetric": True, "dynamic": False, **weights}}},
            "quant_method": "compressed-tensors", "quantization_status": "compressed", "ignore": ["lm_head"]}


GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True, "desc_act": False, "damp_percent": 0.01}
# name: model type, quantization_config, a function of rows and columns
KINDS = {
    "gptq-sym": ("llama", GPTQ, gptq),
    "gptq-zero-bias": ("llama", GPTQ, lambda n, k: gptq(n, k, bias=True)),
    "gptq-asym": ("llama", {**GPTQ, "sym": False}, lambda n, k: gptq(n, k, asymmetric=True)),
    "gptq-v2-asym": ("qwen3", {**GPTQ, "sym": False, "checkpoint_format": "gptq_v2"}, lambda n, k: gptq(n, k, asymmetric=True, version=2)),
    "gptq-act-order": ("qwen2", {**GPTQ, "desc_act": True, "sym": False}, lambda n, k: gptq(n, k, asymmetric=True, act_order=True)),
    "gptq-8-row": ("llama", {**GPTQ, "bits": 8, "group_size": -1}, lambda n, k: gptq(n, k, bits=8, group=0)),
    "gptq-8-asym": ("llama", {**GPTQ, "bits": 8, "sym": False}, lambda n, k: gptq(n, k, bits=8, asymmetric=True)),
    "gptq-2-asym": ("llama", {**GPTQ, "bits": 2, "sym": False}, lambda n, k: gptq(n, k, bits=2, asymmetric=True)),
    "awq": ("mistral", {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"}, awq),
    "packed-4": ("llama", {**scheme(strategy="group", group_size=32), "format": "pack-quantized"}, packed_quantized),
    "packed-4-asym": ("llama", {**scheme(strategy="group", group_size=32, symmetric=False), "format": "pack-quantized"},
                      lambda n, k: packed_quantized(n, k, asymmetric=True, half_scales=True)),
    "packed-4-act-order": ("qwen3", {**scheme(strategy="group", group_size=32, actorder="group"), "format": "pack-quantized"},
                           lambda n, k: packed_quantized(n, k, act_order=True)),
    "packed-8-channel": ("llama", {**scheme(strategy="channel", num_bits=8), "format": "pack-quantized"},
                         lambda n, k: packed_quantized(n, k, bits=8, group=0)),
    "int-8": ("llama", {**scheme(strategy="channel", num_bits=8), "format": "int-quantized"}, lambda n, k: int_quantized(n, k, False)),
    "int-8-asym": ("llama", {**scheme(strategy="channel", num_bits=8, symmetric=False), "format": "int-quantized"},
                   lambda n, k: int_quantized(n, k, True)),
    "int-4-asym": ("llama", {**scheme(strategy="channel", symmetric=False), "format": "int-quantized"},
                   lambda n, k: int_quantized(n, k, True, bits=4)),
    "float-8-channel": ("llama", {**scheme(strategy="channel", num_bits=8, type="float"), "format": "float-quantized"},
                        lambda n, k: float8(n, k, "weight_scale", 1, 0)),
    "fp8-blocks": ("qwen3", {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [64, 64]},
                   lambda n, k: float8(n, k, "weight_scale_inv", 64, 64)),
    "fp8-tensor": ("llama", {"quant_method": "fp8", "activation_scheme": "static"}, lambda n, k: float8(n, k, "weight_scale")),
}


def config_of(kind):
    family = KINDS[kind][0]
    config = dict(tiny.CONFIG, model_type=family, hidden_size=96, intermediate_size=160, num_attention_heads=3, num_key_value_heads=1,
                  vocab_size=53)
    if family == "mistral":
        config.update(sliding_window=None, architectures=["MistralForCausalLM"])
    elif family != "llama":
        config["architectures"] = [{"qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}[family]]
    if family == "qwen3":
        config["head_dim"] = 32
    if family in ("qwen2", "mistral"):
        del config["attention_bias"]
    return config


def make(kind):
    """(tensors as stored, tensors decoded to f32), by name."""
    global random
    random = np.random.Generator(np.random.PCG64(list(map(ord, kind))))
    config = config_of(kind)
    shapes = tiny.tensors({**config, "attention_bias": False})
    for layer in range(config["num_hidden_layers"]):
        attention = f"model.layers.{layer}.self_attn."
        if config["model_type"] == "qwen3":
            shapes.update({attention + "q_norm.weight": [32], attention + "k_norm.weight": [32]})
        if config["model_type"] == "qwen2":
            shapes.update({attention + "q_proj.bias": [96], attention + "k_proj.bias": [32], attention + "v_proj.bias": [32]})
    stored, decoded = {}, {}
    for name, shape in shapes.items():
        module = name.removesuffix(".weight")
        if module.endswith("_proj"):
            parts, decoded[name] = KINDS[kind][2](*shape)
            stored.update({f"{module}.{part}": values for part, values in parts.items()})
            continue
        values = random.standard_normal(shape).astype(np.float32) * (0.3 if len(shape) == 1 else 1 / np.sqrt(shape[-1]))
        stored[name] = decoded[name] = (values + (len(shape) == 1 and "norm" in name)).astype(np.float32)
    return stored, decoded


def write(folder, config, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        if not isinstance(values, Typed):
            values = Typed(DTYPES[str(values.dtype)], values.shape, np.ascontiguousarray(values).tobytes())
        header[name] = {"dtype": values.dtype, "shape": values.shape, "data_offsets": [len(data), len(data) + len(values.raw)]}
        data += values.raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    tiny.write(folder, config=config, weights=struct.pack("<Q", len(text)) + text + data)


def write_quantised(folder, kind, **changes):
    """`changes` are keys of quantization_config."""
    write(folder, {**config_of(kind), "quantization_config": {**KINDS[kind][1], **changes}}, make(kind)[0])


def write_decoded(folder, kind):
    write(folder, config_of(kind), make(kind)[1])
