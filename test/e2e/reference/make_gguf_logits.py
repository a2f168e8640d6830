#!/usr/bin/env python3
# make_gguf_logits.py - writes the logits of the model of every block format (../gguf_models.py, write_mixed).
#
#   make_gguf_logits.py        rewrites tiny/gguf-mixed.logits.npy beside it
#
# The blocks are decoded by the `gguf` package (0.19), the model is Hugging Face transformers' (5), in float32.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import pathlib
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import gguf_models  # noqa: E402


def main():
    torch.set_num_threads(1)
    config = gguf_models.mixed_config()
    config.pop("model_type")
    model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager")).eval()
    ours = {theirs: ours for ours, theirs in gguf_models.NAMES.items()}
    state = {}
    for name, shape, number, raw in gguf_models.mixed_tensors():
        kind = GGMLQuantizationType(number)
        data = np.frombuffer(raw, np.uint8)
        values = data.view(np.float32) if number == 0 else dequantize(data.reshape(shape[0], -1), kind)
        values = values.reshape(shape).copy()
        stem = name.removesuffix(".weight")
        if stem.endswith(("attn_q", "attn_k")):
            heads = config["num_attention_heads" if stem.endswith("q") else "num_key_value_heads"]
            values = values.reshape(heads, shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(shape)
        if stem.startswith("blk."):
            _, layer, part = stem.split(".")
            key = f"model.layers.{layer}.{ours[part]}.weight"
        else:
            key = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}[stem] + ".weight"
        state[key] = torch.from_numpy(np.ascontiguousarray(values))
        print(f"{name:28} {kind.name:7} deviation {values.std():.4f}")
    model.load_state_dict(state)
    rows = []
    with torch.no_grad():
        for prompt in json.loads((HERE / "tiny" / "prompts.json").read_text()):
            rows.append(model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0])
    logits = torch.cat(rows).numpy()
    np.save(HERE / "tiny" / "gguf-mixed.logits.npy", logits)
    print(f"range {np.ptp(logits):.2f}")


if __name__ == "__main__":
    main()
