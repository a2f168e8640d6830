# gguf_writer.py - writes a LLaMA checkpoint directory as an f16 or bf16 GGUF, so that llama.cpp can be measured on the same weights.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads model.safetensors (f32, bf16, f16) and config.json of a LLaMA without rope scaling; rows of q and k go back into the order
of adjacent pairs. Norms are f32, as in every GGUF. bf16 weights become f16 by rounding; values below 6e-8 become zero there.
"""
import json
import mmap
import struct

import numpy as np

from .checkpoint import ModelError, to_bf16
from .smollm2_135m import LAYER_NAMES

ALIGNMENT = 32
U32, I32, F32, BOOL, STRING = 4, 5, 6, 7, 8
TYPES = {"f32": (0, 0), "f16": (1, 1), "bf16": (30, 32)}  # tensor type, general.file_type


class Checkpoint:
    """model.safetensors of a directory, mapped; `tensor(name)` is float32."""

    def __init__(self, directory):
        path = directory / "model.safetensors"
        if not path.exists():
            raise ModelError(f"{path}: not found", "a checkpoint in one file is expected")
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(self.data[:8], "little")
        self.header, self.start = json.loads(self.data[8 : 8 + length]), 8 + length

    def __contains__(self, name):
        return name in self.header

    def tensor(self, name):
        info = self.header[name]
        count, offset = int(np.prod(info["shape"])), self.start + info["data_offsets"][0]
        kind = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[info["dtype"]]
        values = np.frombuffer(self.data, dtype=kind, count=count, offset=offset)
        if info["dtype"] == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32).reshape(info["shape"])


def text(value):
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def pair(key, kind, payload):
    return text(key) + struct.pack("<I", kind) + payload


def array(key, kind, payloads):
    return pair(key, 9, struct.pack("<IQ", kind, len(payloads)) + b"".join(payloads))


def tokenizer_pairs(directory, vocab_size):
    """The vocabulary of a byte-level BPE; for any other none at all: speed does not need it."""
    path = directory / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"model": {"type": None}}
    kinds = json.dumps(tokenizer.get("pre_tokenizer"))
    if tokenizer["model"]["type"] != "BPE" or "ByteLevel" not in kinds:
        return [pair("tokenizer.ggml.model", STRING, text("no_vocab"))]
    ids = dict(tokenizer["model"]["vocab"])
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    ids.update({token["content"]: token["id"] for token in tokenizer["added_tokens"]})
    names = {index: name for name, index in ids.items()}
    tokens = [names.get(i, f"[unused{i}]") for i in range(vocab_size)]
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    return [
        pair("tokenizer.ggml.model", STRING, text("gpt2")),
        pair("tokenizer.ggml.pre", STRING, text("smollm" if "Digits" in kinds else "gpt-2")),
        array("tokenizer.ggml.tokens", STRING, [text(token) for token in tokens]),
        array("tokenizer.ggml.token_type", I32, [struct.pack("<i", 3 if token in special else 1) for token in tokens]),
        array("tokenizer.ggml.merges", STRING, [text(merge) for merge in merges]),
    ]


def write_gguf(directory, kind, path):
    config = json.loads((directory / "config.json").read_text())
    if config["model_type"] != "llama" or config.get("rope_scaling"):
        raise ModelError(f"{directory}/config.json: not a LLaMA without rope scaling", "llama.cpp's own converter reads others")
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or hidden // heads
    theta = config.get("rope_theta") or config.get("rope_parameters", {}).get("rope_theta") or 10000.0
    eos = config["eos_token_id"] if isinstance(config["eos_token_id"], int) else config["eos_token_id"][0]

    def number(key, value):
        return pair(key, U32, struct.pack("<I", value))

    pairs = [
        pair("general.architecture", STRING, text("llama")),
        pair("general.name", STRING, text(directory.resolve().name)),
        number("general.file_type", TYPES[kind][1]),
        number("general.quantization_version", 2),
        number("general.alignment", ALIGNMENT),
        number("llama.block_count", config["num_hidden_layers"]),
        number("llama.context_length", config["max_position_embeddings"]),
        number("llama.embedding_length", hidden),
        number("llama.feed_forward_length", config["intermediate_size"]),
        number("llama.attention.head_count", heads),
        number("llama.attention.head_count_kv", kv_heads),
        number("llama.attention.key_length", head_dim),
        number("llama.attention.value_length", head_dim),
        pair("llama.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", config["rms_norm_eps"])),
        number("llama.rope.dimension_count", head_dim),
        pair("llama.rope.freq_base", F32, struct.pack("<f", theta)),
        number("llama.vocab_size", config["vocab_size"]),
        number("tokenizer.ggml.bos_token_id", config["bos_token_id"]),
        number("tokenizer.ggml.eos_token_id", eos),
        pair("tokenizer.ggml.add_bos_token", BOOL, b"\0"),
    ] + tokenizer_pairs(directory, config["vocab_size"])

    checkpoint = Checkpoint(directory)
    names = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    for i in range(config["num_hidden_layers"]):
        for theirs, ours in LAYER_NAMES.items():
            names[f"blk.{i}.{theirs}.weight"] = f"model.layers.{i}.{ours}.weight"
    if not config.get("tie_word_embeddings") and "lm_head.weight" in checkpoint:
        names["output.weight"] = "lm_head.weight"

    def type_of(shape):
        return "f32" if len(shape) == 1 else kind

    infos, offset = [], 0
    for theirs, ours in names.items():
        shape = checkpoint.header[ours]["shape"]
        infos.append(text(theirs) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], TYPES[type_of(shape)][0], offset))
        size = int(np.prod(shape)) * (4 if type_of(shape) == "f32" else 2)
        offset += -(-size // ALIGNMENT) * ALIGNMENT
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(names), len(pairs)) + b"".join(pairs) + b"".join(infos)
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % ALIGNMENT))
        for theirs, ours in names.items():
            values = checkpoint.tensor(ours)
            if ".attn_q." in theirs or ".attn_k." in theirs:
                count = heads if ".attn_q." in theirs else kv_heads
                rows, columns = values.shape
                values = values.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)
            wanted = type_of(values.shape)
            data = values if wanted == "f32" else to_bf16(values) if wanted == "bf16" else values.astype(np.float16)
            data = np.ascontiguousarray(data).tobytes()
            file.write(data + b"\0" * (-len(data) % ALIGNMENT))
