#!/usr/bin/env python3
# make_tiny_models.py - writes the tiny seeded checkpoints of test/e2e/reference/tiny and their expected logits.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Make the tiny checkpoints and what Hugging Face transformers computes on them.

    make_tiny_models.py DIR [NAME ...]       (development only: torch 2.13, transformers 5.23, safetensors, numpy)

For each case below, DIR/NAME is a checkpoint directory with random weights: config.json as written here, in the old form of
transformers 4 (rope_theta and rope_scaling at the root, torch_dtype) or in the new form of transformers 5 (rope_parameters,
dtype), and one or more safetensors files. DIR/NAME.logits.npy is float32 [tokens, vocab]: the logits at every position of the
prompts of DIR/prompts.json, one prompt after the other, computed by transformers in float32 on the weights as stored
(bf16 and f16 values are widened). transformers reads the very config.json that the compiler reads.

Weights are drawn with numpy's PCG64, seeded by the name's CRC-32, so that a case does not depend on the others. Norm weights and
biases are far from 1 and 0, and scores are spread enough for attention to be sharp, so that an ignored weight shows.

The rope scalings `dynamic` and `longrope` make the frequencies depend on how many tokens a call sees. llmc's meaning does not
depend on how a prompt is cut into steps: position p always uses the frequencies of length p + 1. That is what transformers computes
when it is fed one token after the other with a cache, so the expected logits of these cases are made so. For all other cases
the script checks that both ways agree.
"""
import argparse
import json
import pathlib
import sys
import zlib

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, DynamicCache

# Every vocabulary below has at least 53 tokens. 36 tokens pass every window and every original context below.
PROMPTS = [[7], [1, 2, 3, 5, 8, 13, 21, 34, 2], [(i * i * 7 + 11 * i + 3) % 53 for i in range(36)]]

# What a case leaves out: 2 layers, hidden 24, 4 heads of 6, 2 key-value heads, inner 29, vocabulary 53, untied, bf16, new config form.
DEFAULTS = dict(
    family="llama",
    hidden=24,
    intermediate=29,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=None,  # a number: written to the config; None: hidden / heads, not written
    vocab=53,
    tied=False,
    dtype="bfloat16",
    old=False,  # config in the form of transformers 4
    rope=None,  # scaling parameters; {} writes only theta; None writes nothing about rope
    theta=10000.0,
    context=64,
    shards=1,
    extra={},  # further config keys
    extra_tensors=(),  # "inv_freq": old buffers; "lm_head": a copy of the tied embedding; "f32_norms": norms kept in f32
)

LONGROPE_SHORT = [1.0, 1.125, 1.375]
LONGROPE_LONG = [1.5, 3.25, 7.0]

CASES = {
    # Shapes and element types.
    "llama-mha-f32": dict(kv_heads=4, dtype="float32", old=True, extra_tensors=("inv_freq",)),
    "llama-gqa-tied": dict(heads=6, hidden=36, tied=True, rope={}, theta=500000.0),
    "llama-mqa-f16": dict(heads=5, kv_heads=1, hidden=40, dtype="float16", rope={}),
    "llama-tied-duplicate-head": dict(tied=True, extra_tensors=("lm_head",)),
    "llama-mixed-dtypes": dict(extra_tensors=("f32_norms",), old=True, theta=25000.0, rope={}),
    "llama-sharded-f32": dict(shards=3, dtype="float32", layers=3, rope={}),
    "llama-biases": dict(extra=dict(attention_bias=True, mlp_bias=True)),
    "llama-head-dim": dict(head_dim=14, heads=5, kv_heads=5, hidden=20),
    "llama-uneven-f32": dict(hidden=39, intermediate=53, heads=3, kv_heads=1, head_dim=10, vocab=61, dtype="float32"),
    "llama-uneven-tied": dict(hidden=45, intermediate=71, heads=9, kv_heads=3, head_dim=6, vocab=67, tied=True),
    "llama-uneven-f16": dict(hidden=74, intermediate=67, heads=2, kv_heads=1, head_dim=34, vocab=53, layers=1, dtype="float16"),
    "llama-gelu": dict(extra=dict(hidden_act="gelu_pytorch_tanh", rms_norm_eps=1e-3)),
    # Rope scalings, in both forms.
    "llama-linear-old": dict(old=True, rope=dict(type="linear", factor=2.5)),
    "llama-linear": dict(rope=dict(rope_type="linear", factor=4.0), theta=20000.0),
    "llama-dynamic-old": dict(old=True, rope=dict(type="dynamic", factor=2.0), context=16),
    "llama-dynamic": dict(rope=dict(rope_type="dynamic", factor=3.0), context=12, head_dim=8),
    "llama-yarn-old": dict(old=True, rope=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16), head_dim=12),
    "llama-yarn": dict(
        rope=dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=512, beta_fast=24.0, beta_slow=2.0,
                  attention_factor=1.25),
        context=4096, head_dim=16,
    ),
    "llama-yarn-no-truncate": dict(
        rope=dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=512, beta_slow=2.0, truncate=False, mscale=1.0,
                  mscale_all_dim=0.5),
        context=4096, head_dim=16,
    ),
    "llama-longrope-old": dict(
        old=True, rope=dict(type="longrope", short_factor=LONGROPE_SHORT, long_factor=LONGROPE_LONG),
        extra=dict(original_max_position_embeddings=16),
    ),
    "llama-longrope": dict(
        rope=dict(rope_type="longrope", factor=2.0, original_max_position_embeddings=24, short_factor=LONGROPE_SHORT,
                  long_factor=LONGROPE_LONG),
    ),
    "llama-llama3-old": dict(
        old=True, head_dim=16, theta=500000.0, context=256,
        rope=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32),
        extra=dict(eos_token_id=[2, 5, 7]),
    ),
    "llama-llama3": dict(
        head_dim=20, context=256,
        rope=dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
    ),
    # The other families.
    "mistral-window": dict(family="mistral", old=True, rope={}, head_dim=8, extra=dict(sliding_window=7)),
    "mistral-prime": dict(family="mistral", hidden=37, intermediate=59, heads=3, kv_heads=3, head_dim=14, vocab=73),
    "mistral-no-window": dict(family="mistral", rope={}, theta=1000000.0, extra=dict(sliding_window=None)),
    "qwen2": dict(family="qwen2", old=True, rope={}, theta=1000000.0, tied=True,
                  extra=dict(use_sliding_window=False, sliding_window=8, max_window_layers=1)),
    "qwen2-window": dict(family="qwen2", rope={}, layers=3,
                         extra=dict(use_sliding_window=True, sliding_window=7, max_window_layers=1)),
    "qwen3": dict(family="qwen3", old=True, rope={}, theta=1000000.0, tied=True, head_dim=10),
    "qwen3-bias-yarn": dict(family="qwen3", head_dim=8, extra=dict(attention_bias=True),
                            rope=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)),
    "qwen3-window": dict(family="qwen3", rope={}, head_dim=8, layers=2,
                         extra=dict(use_sliding_window=True, sliding_window=5,
                                    layer_types=["sliding_attention", "full_attention"])),
}

# Of another shape: learned positions, layer norms, matrices stored as [inputs, outputs].
CASES.update({
    "gpt2": dict(family="gpt2", hidden=36, heads=3, layers=3, tied=True, dtype="float32", prefix="transformer."),
    "gpt2-bare": dict(family="gpt2", hidden=20, heads=5, tied=True, dtype="bfloat16", prefix="", extra_tensors=("masks",),
                      extra=dict(n_inner=31, activation_function="gelu", scale_attn_by_inverse_layer_idx=True)),
    "gpt2-head": dict(family="gpt2", hidden=28, heads=2, tied=False, dtype="float16", prefix="transformer.",
                      extra=dict(scale_attn_weights=False, layer_norm_epsilon=1e-3, activation_function="relu")),
})

ARCHITECTURES = dict(llama="Llama", mistral="Mistral", qwen2="Qwen2", qwen3="Qwen3")


def gpt2_config(case):
    config = dict(
        architectures=["GPT2LMHeadModel"], model_type="gpt2", n_embd=case["hidden"], n_layer=case["layers"], n_head=case["heads"],
        n_positions=case["context"], n_ctx=case["context"], vocab_size=case["vocab"], layer_norm_epsilon=1e-5,
        activation_function="gelu_new", tie_word_embeddings=case["tied"], torch_dtype=case["dtype"], bos_token_id=1, eos_token_id=2,
    )
    config.update(case["extra"])
    return config


def gpt2_weights(name, case):
    random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    hidden, prefix = case["hidden"], case["prefix"]
    inner = case["extra"].get("n_inner", 4 * hidden)
    tensors = {}

    def norm(key):
        tensors[key + ".weight"] = 1 + 0.3 * random.standard_normal(hidden)
        tensors[key + ".bias"] = 0.3 * random.standard_normal(hidden)

    def linear(key, inputs, outputs, gain=1.0):
        tensors[key + ".weight"] = random.standard_normal((inputs, outputs)) * (gain / np.sqrt(inputs))
        tensors[key + ".bias"] = 0.4 * random.standard_normal(outputs)

    tensors[prefix + "wte.weight"] = 0.3 * random.standard_normal((case["vocab"], hidden))
    tensors[prefix + "wpe.weight"] = 0.3 * random.standard_normal((case["context"], hidden))
    for i in range(case["layers"]):
        layer = f"{prefix}h.{i}."
        norm(layer + "ln_1")
        linear(layer + "attn.c_attn", hidden, 3 * hidden, 1.5)
        linear(layer + "attn.c_proj", hidden, hidden)
        norm(layer + "ln_2")
        linear(layer + "mlp.c_fc", hidden, inner)
        linear(layer + "mlp.c_proj", inner, hidden)
        if "masks" in case["extra_tensors"]:
            tensors[layer + "attn.bias"] = np.tril(np.ones((1, 1, case["context"], case["context"])))
    norm(prefix + "ln_f")
    if not case["tied"]:
        tensors["lm_head.weight"] = random.standard_normal((case["vocab"], hidden)) / np.sqrt(hidden)
    return {key: value.astype(np.float32) for key, value in tensors.items()}


def config_of(case):
    if case["family"] == "gpt2":
        return gpt2_config(case)
    config = dict(
        architectures=[ARCHITECTURES[case["family"]] + "ForCausalLM"],
        model_type=case["family"],
        hidden_size=case["hidden"],
        intermediate_size=case["intermediate"],
        num_hidden_layers=case["layers"],
        num_attention_heads=case["heads"],
        num_key_value_heads=case["kv_heads"],
        vocab_size=case["vocab"],
        max_position_embeddings=case["context"],
        hidden_act="silu",
        rms_norm_eps=1e-6,
        tie_word_embeddings=case["tied"],
        bos_token_id=1,
        eos_token_id=2,
    )
    if case["head_dim"]:
        config["head_dim"] = case["head_dim"]
    config["torch_dtype" if case["old"] else "dtype"] = case["dtype"]
    if case["rope"] is not None:
        if case["old"]:
            config["rope_theta"] = case["theta"]
            config["rope_scaling"] = case["rope"] or None
        else:
            config["rope_parameters"] = dict({"rope_type": "default"}, rope_theta=case["theta"], **case["rope"])
    config.update(case["extra"])
    return config


def weights_of(name, case):
    """name -> float32 array, in the order of the layers."""
    if case["family"] == "gpt2":
        return gpt2_weights(name, case)
    random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    hidden, inner = case["hidden"], case["intermediate"]
    head_dim = case["head_dim"] or hidden // case["heads"]
    q, kv = case["heads"] * head_dim, case["kv_heads"] * head_dim
    attention_bias = case["extra"].get("attention_bias", False)
    qkv_bias = attention_bias or case["family"] == "qwen2"
    tensors = {}

    def norm(key, size):
        tensors[key + ".weight"] = 1 + 0.3 * random.standard_normal(size)

    def linear(key, rows, columns, bias, gain=1.0):
        tensors[key + ".weight"] = random.standard_normal((rows, columns)) * (gain / np.sqrt(columns))
        if bias:
            tensors[key + ".bias"] = 0.4 * random.standard_normal(rows)

    tensors["model.embed_tokens.weight"] = 0.3 * random.standard_normal((case["vocab"], hidden))
    for i in range(case["layers"]):
        layer = f"model.layers.{i}."
        norm(layer + "input_layernorm", hidden)
        linear(layer + "self_attn.q_proj", q, hidden, qkv_bias, 1.5)
        linear(layer + "self_attn.k_proj", kv, hidden, qkv_bias, 1.5)
        linear(layer + "self_attn.v_proj", kv, hidden, qkv_bias)
        linear(layer + "self_attn.o_proj", hidden, q, attention_bias)
        if case["family"] == "qwen3":
            norm(layer + "self_attn.q_norm", head_dim)
            norm(layer + "self_attn.k_norm", head_dim)
        norm(layer + "post_attention_layernorm", hidden)
        mlp_bias = case["extra"].get("mlp_bias", False)
        linear(layer + "mlp.gate_proj", inner, hidden, mlp_bias)
        linear(layer + "mlp.up_proj", inner, hidden, mlp_bias)
        linear(layer + "mlp.down_proj", hidden, inner, mlp_bias)
    norm("model.norm", hidden)
    if not case["tied"]:
        linear("lm_head", case["vocab"], hidden, False)
    return {key: value.astype(np.float32) for key, value in tensors.items()}


def write_checkpoint(directory, name, case):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config_of(case), indent=2) + "\n")
    dtype = getattr(torch, case["dtype"])
    tensors = {}
    for key, value in weights_of(name, case).items():
        keep = "f32_norms" in case["extra_tensors"] and "norm" in key
        tensors[key] = torch.from_numpy(value).to(torch.float32 if keep else dtype)
    if "lm_head" in case["extra_tensors"]:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    if "inv_freq" in case["extra_tensors"]:
        dim = case["hidden"] // case["heads"]
        for i in range(case["layers"]):
            tensors[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = 1 / 10000 ** (torch.arange(0, dim, 2) / dim)
    count = case["shards"]
    if count == 1:
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        return
    files = {key: f"model-{i % count + 1:05}-of-{count:05}.safetensors" for i, key in enumerate(tensors)}
    for file in sorted(set(files.values())):
        save_file({key: tensors[key] for key in tensors if files[key] == file}, directory / file, metadata={"format": "pt"})
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = dict(metadata=dict(total_size=total), weight_map=files)
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def expected_logits(directory, by_token):
    """float32 [tokens of all prompts, vocab]."""
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    with torch.no_grad():
        for prompt in PROMPTS:
            if not by_token:
                rows.append(model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0])
                continue
            cache = DynamicCache(config=model.config)
            for position, token in enumerate(prompt):
                out = model(
                    input_ids=torch.tensor([[token]]), past_key_values=cache, use_cache=True,
                    position_ids=torch.tensor([[position]]),
                )
                rows.append(out.logits[0])
    return torch.cat(rows).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="only these cases")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.directory.mkdir(parents=True, exist_ok=True)
    (args.directory / "prompts.json").write_text(json.dumps(PROMPTS) + "\n")
    for name in args.names or CASES:
        case = dict(DEFAULTS, **CASES[name])
        write_checkpoint(args.directory / name, name, case)
        stepwise = expected_logits(args.directory / name, True)
        depends_on_length = (case["rope"] or {}).get("rope_type", (case["rope"] or {}).get("type")) in ("dynamic", "longrope")
        logits = stepwise if depends_on_length else expected_logits(args.directory / name, False)
        difference = np.abs(logits - stepwise).max() / np.ptp(logits)
        if not np.isfinite(logits).all() or difference > 1e-5:
            sys.exit(f"{name}: a prompt as a whole and by token differ by {difference:.1e} of the range")
        np.save(args.directory / f"{name}.logits.npy", logits)
        print(f"{name:28} range {np.ptp(logits):6.2f}  by token {difference:.1e}")


if __name__ == "__main__":
    main()
