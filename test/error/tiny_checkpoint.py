# tiny_checkpoint.py - writes a seeded checkpoint of a few kilobytes with the standard library alone.
#
#   tiny_checkpoint.py FOLDER [KEY=JSON ...]    config keys that differ
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import random
import struct
import sys
from pathlib import Path

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 37,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "attention_bias": False,
    "torch_dtype": "float32",
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def tensors(config=CONFIG):
    """{key: shape} of what the config needs."""
    hidden, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = hidden // config["num_attention_heads"]
    cached = head * config["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": [vocab, hidden]}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = [hidden]
        shapes[prefix + "self_attn.q_proj.weight"] = [hidden, hidden]
        shapes[prefix + "self_attn.k_proj.weight"] = [cached, hidden]
        shapes[prefix + "self_attn.v_proj.weight"] = [cached, hidden]
        shapes[prefix + "self_attn.o_proj.weight"] = [hidden, hidden]
        if config["attention_bias"]:
            shapes[prefix + "self_attn.q_proj.bias"] = [hidden]
            shapes[prefix + "self_attn.k_proj.bias"] = [cached]
            shapes[prefix + "self_attn.v_proj.bias"] = [cached]
            shapes[prefix + "self_attn.o_proj.bias"] = [hidden]
        shapes[prefix + "post_attention_layernorm.weight"] = [hidden]
        shapes[prefix + "mlp.gate_proj.weight"] = [inner, hidden]
        shapes[prefix + "mlp.up_proj.weight"] = [inner, hidden]
        shapes[prefix + "mlp.down_proj.weight"] = [hidden, inner]
    shapes["model.norm.weight"] = [hidden]
    shapes["lm_head.weight"] = [vocab, hidden]
    return shapes


def safetensors(shapes, header_edit=None):
    """Bytes of a file with seeded f32 values; `header_edit` may change the header before it is written."""
    random.seed(7)
    header, data = {}, bytearray()
    for key, shape in shapes.items():
        count = 1
        for size in shape:
            count *= size
        begin = len(data)
        data += struct.pack(f"<{count}f", *(random.uniform(-0.5, 0.5) for _ in range(count)))
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    if header_edit:
        header_edit(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def tokenizer(vocab_size=CONFIG["vocab_size"]):
    """A byte-level BPE tokenizer.json of letters and one merge."""
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for letter in "abcdefghijklmnopqrstuvwxyz.,!?":
        vocab[letter] = len(vocab)
    vocab["\u0120"] = len(vocab)
    vocab["th"] = len(vocab)
    while len(vocab) < vocab_size:
        vocab[f"<extra_{len(vocab)}>"] = len(vocab)
    special = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for i, token in enumerate(["<unk>", "<s>", "</s>"])]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": ["t h"]},
    }


def write(folder, config=CONFIG, weights=None, tokens=None):
    """Writes a whole checkpoint; what is given replaces the sound part: bytes or text as they are, else JSON."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config, indent=2))
    (folder / "tokenizer.json").write_text(tokens if isinstance(tokens, str) else json.dumps(tokens or tokenizer()))
    (folder / "model.safetensors").write_bytes(safetensors(tensors()) if weights is None else weights)


if __name__ == "__main__":
    chosen = dict(CONFIG)
    for change in sys.argv[2:]:
        name, value = change.split("=", 1)
        chosen[name] = json.loads(value)
    write(sys.argv[1], config=chosen, weights=safetensors(tensors(chosen)))
