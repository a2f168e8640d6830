#!/usr/bin/env python3
# make_eval.py - what Hugging Face transformers measure on the bundled model: expectations of check_eval.py. Needs torch and
# transformers; run by hand:
#
#   make_eval.py > eval-storybook.json
#
# The loop is that of Hugging Face's guide "Perplexity of fixed-length models", with the losses summed in double precision and
# divided by the number of scored tokens. The other model is the same with one matrix halved, which bf16 does exactly.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import math
import pathlib

import numpy as np
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODEL = ROOT / "test" / "models" / "storybook"
CASES = [(256, 128, 1500), (512, 256, 1500), (100, 1, 160), (512, 511, 300), (64, 63, 500)]


def log_probabilities(model, ids):
    with torch.no_grad():
        return torch.log_softmax(model(ids[None]).logits[0].double(), dim=-1)


def measure(model, other, ids, window, stride):
    scored, losses, other_losses, divergences, same = 1, [], [], [], 0
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        mine, theirs = log_probabilities(model, ids[begin:end]), log_probabilities(other, ids[begin:end])
        for target in range(scored, end):
            own, right = mine[target - 1 - begin], theirs[target - 1 - begin]
            losses.append(-float(own[ids[target]]))
            other_losses.append(-float(right[ids[target]]))
            divergences.append(float((right.exp() * (right - own)).sum()))
            same += int(own.argmax() == right.argmax())
        scored = end
        if end == len(ids):
            break
    return {
        "window": window, "stride": stride, "tokens": len(ids), "scored": len(losses),
        "perplexity": math.exp(np.mean(losses)), "mean_loss_error": float(np.std(losses, ddof=1) / math.sqrt(len(losses))),
        "other_perplexity": math.exp(np.mean(other_losses)), "kld_mean": float(np.mean(divergences)),
        "kld_99": float(np.percentile(divergences, 99)), "kld_max": max(divergences), "same_top": same / len(losses),
    }


def main():
    load = lambda: transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    model, other = load(), load()
    other.model.layers[3].mlp.down_proj.weight.data *= 0.5
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    ids = torch.tensor(tokenizer((ROOT / "LICENSE").read_text()).input_ids)
    print(json.dumps({"made_with": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
                      "cases": [measure(model, other, ids[:count], *case) for *case, count in CASES]}, indent=1))


if __name__ == "__main__":
    main()
