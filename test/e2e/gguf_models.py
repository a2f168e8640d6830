# gguf_models.py - GGUF files for tests: the tiny checkpoints converted, and a model of every block format (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import math
import pathlib
import struct

import numpy as np

TINY = pathlib.Path(__file__).resolve().parent / "reference" / "tiny"
U16, U32, I32, F32, BOOL, STRING, ARRAY = 2, 4, 5, 6, 7, 8, 9
PACKED = {U16: "<H", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}
FLOAT_TYPES = {"F32": 0, "F16": 1, "BF16": 30}

NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def payload(kind, value):
    if kind == STRING:
        return text(value)
    if kind == ARRAY:
        element, values = value
        return struct.pack("<IQ", element, len(values)) + b"".join(payload(element, each) for each in values)
    return struct.pack(PACKED[kind], value)


def write(path, metadata, tensors, alignment=32):
    """`metadata`: key -> (kind, value). `tensors`: (name, shape with the slowest first, ggml's type, bytes)."""
    table, data = b"", b""
    for name, shape, kind, raw in tensors:
        table += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(data))
        data += raw + bytes(-len(raw) % alignment)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    head += b"".join(text(key) + struct.pack("<I", kind) + payload(kind, value) for key, (kind, value) in metadata.items())
    head += table
    path.write_bytes(head + bytes(-len(head) % alignment) + data)


def checkpoint_tensors(folder):
    """name -> (element type, shape, bytes), of all files."""
    result = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        for name, info in json.loads(data[8 : 8 + length]).items():
            if name != "__metadata__":
                begin, end = info["data_offsets"]
                result[name] = info["dtype"], info["shape"], data[8 + length + begin : 8 + length + end]
    return result


def pairs_of_rows(raw, shape, heads):
    """Rows of heads in the order of interleaved turning, from i, i + d/2."""
    rows = np.frombuffer(raw, np.uint8).reshape(heads, 2, shape[0] // heads // 2, -1)
    return rows.swapaxes(1, 2).tobytes()


def rope_factors(rope, theta, head_dim):
    """What rope_freqs.weight holds: by how much each frequency is divided."""
    factors = []
    low, high, context = rope["low_freq_factor"], rope["high_freq_factor"], rope["original_max_position_embeddings"]
    for i in range(head_dim // 2):
        wavelength = 2 * math.pi * theta ** (2 * i / head_dim)
        smooth = min(max((context / wavelength - low) / (high - low), 0), 1)
        factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, np.float32)


def hyperparameters(config, architecture):
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    kind = rope.get("rope_type", rope.get("type", "default"))
    theta = rope.get("rope_theta") or config.get("rope_theta") or 10000.0
    values = {
        "block_count": (U32, config["num_hidden_layers"]), "context_length": (U32, config["max_position_embeddings"]),
        "embedding_length": (U32, config["hidden_size"]), "feed_forward_length": (U32, config["intermediate_size"]),
        "attention.head_count": (U32, heads), "attention.head_count_kv": (U32, config["num_key_value_heads"]),
        "attention.layer_norm_rms_epsilon": (F32, config["rms_norm_eps"]), "rope.freq_base": (F32, theta),
        "vocab_size": (U32, config["vocab_size"]), "rope.dimension_count": (U32, head_dim),
    }
    if config.get("head_dim"):
        values["attention.key_length"] = values["attention.value_length"] = (U32, head_dim)
    if config["model_type"] == "mistral" and config.get("sliding_window", 4096):
        values["attention.sliding_window"] = (U32, config.get("sliding_window", 4096))
    if kind in ("linear", "yarn"):
        values["rope.scaling.type"] = (STRING, kind)
        values["rope.scaling.factor"] = (F32, rope["factor"])
    if kind == "yarn":
        values["rope.scaling.original_context_length"] = (U32, rope["original_max_position_embeddings"])
    metadata = {"general.architecture": (STRING, architecture)}
    metadata.update({f"{architecture}.{key}": value for key, value in values.items()})
    metadata["tokenizer.ggml.eos_token_id"] = (U32, 2)
    factors = rope_factors(rope, theta, head_dim) if kind == "llama3" else None
    return metadata, factors


def convert(name, path, parts=1, more=None):
    """Writes a checkpoint of reference/tiny as GGUF, with `more` metadata; in `parts` files beside `path`, the first of which is
    returned."""
    config = json.loads((TINY / name / "config.json").read_text())
    architecture = "llama" if config["model_type"] == "mistral" else config["model_type"]
    metadata, factors = hyperparameters(config, architecture)
    metadata.update(more or {})
    tensors = []
    for key, (dtype, shape, raw) in checkpoint_tensors(TINY / name).items():
        key = key.removeprefix("model.")
        if key.endswith("inv_freq") or (key == "lm_head.weight" and config["tie_word_embeddings"]):
            continue
        stem, ending = key.rsplit(".", 1)
        if stem.startswith("layers."):
            _, layer, part = stem.split(".", 2)
            if architecture == "llama" and part in ("self_attn.q_proj", "self_attn.k_proj"):
                heads = config["num_attention_heads" if "q_proj" in part else "num_key_value_heads"]
                raw = pairs_of_rows(raw, shape, heads)
            stem = f"blk.{layer}.{NAMES[part]}"
        else:
            stem = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[stem]
        tensors.append((f"{stem}.{ending}", shape, FLOAT_TYPES[dtype], raw))
    if factors is not None:
        tensors.append(("rope_freqs.weight", list(factors.shape), 0, factors.tobytes()))
    if parts == 1:
        write(path, metadata, tensors)
        return path
    for number in range(parts):
        own = dict(metadata) if number == 0 else {}
        own.update({"split.no": (U16, number), "split.count": (U16, parts), "split.tensors.count": (I32, len(tensors))})
        part = path.with_name(f"{path.stem}-{number + 1:05}-of-{parts:05}.gguf")
        write(part, own, tensors[number::parts])
    return path.with_name(f"{path.stem}-00001-of-{parts:05}.gguf")


# Block formats: ggml's number, values and bytes of a block, and where its scales stand: f16 ones with a factor on `step`.
# Codes are random; the steps are such that weights are of the size that trained ones have, around zero.
BLOCKS = {
    "Q4_0": (2, 32, 18, {0: 1 / 8}), "Q4_1": (3, 32, 20, {0: 1 / 8, 2: -1}), "Q5_0": (6, 32, 22, {0: 1 / 16}),
    "Q5_1": (7, 32, 24, {0: 1 / 16, 2: -1}), "Q8_0": (8, 32, 34, {0: 1 / 128}), "Q2_K": (10, 256, 84, {80: 1 / 24, 82: 1 / 16}),
    "Q3_K": (11, 256, 110, {108: 1 / 128}), "Q4_K": (12, 256, 144, {0: 1 / 512, 2: 1 / 64}),
    "Q5_K": (13, 256, 176, {0: 1 / 1024, 2: 1 / 64}), "Q6_K": (14, 256, 210, {208: 1 / 4096}),
    "IQ4_NL": (20, 32, 18, {0: 1 / 128}), "IQ4_XS": (23, 256, 136, {0: 1 / 4096}), "MXFP4": (39, 32, 17, None),
    "NVFP4": (40, 64, 36, None),
}
MIXED = dict(hidden=256, inner=512, heads=4, kv_heads=2, layers=2, vocab=53)


def random_blocks(name, rows, columns, step, random):
    number, group, size, scales = BLOCKS[name]
    blocks = random.integers(0, 256, (rows * columns // group, size), dtype=np.uint8)
    if name == "MXFP4":
        blocks[:, 0] = 127 - 6 + random.integers(0, 2, len(blocks))
    elif name == "NVFP4":
        blocks[:, :4] = random.integers(8, 24, (len(blocks), 4))  # 2^-6 to 2^-4, the half of it
    else:
        for at, factor in scales.items():
            values = (step * factor * random.uniform(0.5, 1, len(blocks))).astype("<f2")
            blocks[:, at : at + 2] = values.view(np.uint8).reshape(-1, 2)
    return number, blocks.tobytes()


def mixed_tensors():
    """Every matrix in another format: (name, shape, ggml's type, bytes), norms as f32."""
    random = np.random.Generator(np.random.PCG64(20261127))
    m = MIXED
    kv = m["hidden"] // m["heads"] * m["kv_heads"]
    formats = list(BLOCKS)
    tensors = []

    def matrix(name, rows, columns):
        kind = formats[len([t for t in tensors if len(t[1]) == 2]) % len(formats)]
        number, raw = random_blocks(kind, rows, columns, 2.5 / math.sqrt(columns), random)
        tensors.append((name + ".weight", [rows, columns], number, raw))

    def norm(name):
        values = (1 + 0.3 * random.standard_normal(m["hidden"])).astype(np.float32)
        tensors.append((name + ".weight", [m["hidden"]], 0, values.tobytes()))

    matrix("token_embd", m["vocab"], m["hidden"])
    for i in range(m["layers"]):
        norm(f"blk.{i}.attn_norm")
        matrix(f"blk.{i}.attn_q", m["hidden"], m["hidden"])
        matrix(f"blk.{i}.attn_k", kv, m["hidden"])
        matrix(f"blk.{i}.attn_v", kv, m["hidden"])
        matrix(f"blk.{i}.attn_output", m["hidden"], m["hidden"])
        norm(f"blk.{i}.ffn_norm")
        matrix(f"blk.{i}.ffn_gate", m["inner"], m["hidden"])
        matrix(f"blk.{i}.ffn_up", m["inner"], m["hidden"])
        matrix(f"blk.{i}.ffn_down", m["hidden"], m["inner"])
    norm("output_norm")
    matrix("output", m["vocab"], m["hidden"])
    return tensors


def mixed_config():
    m = MIXED
    return dict(model_type="llama", num_hidden_layers=m["layers"], max_position_embeddings=64, hidden_size=m["hidden"],
                intermediate_size=m["inner"], num_attention_heads=m["heads"], num_key_value_heads=m["kv_heads"],
                rms_norm_eps=1e-5, vocab_size=m["vocab"], tie_word_embeddings=False)


def write_mixed(path):
    write(path, hyperparameters(mixed_config(), "llama")[0], mixed_tensors())
    return path
