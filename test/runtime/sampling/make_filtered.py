#!/usr/bin/env python3
# make_filtered.py - writes which tokens Hugging Face's logits processors leave, and how likely they are.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes filtered.json beside this file: rows of logits, options, tokens seen, and the tokens left with their probabilities.

Run by hand: python3 make_filtered.py. Needs the PyPI packages torch and transformers (5.23.0 wrote the file). The logits are
multiples of 1/64, so that they stand exactly in the file; the options keep away from values where rounding decides.
"""
import json
import pathlib
import random

import torch
from transformers.generation.logits_process import (LogitsProcessorList, MinPLogitsWarper,
                                                    RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper,
                                                    TopKLogitsWarper, TopPLogitsWarper)

VOCABULARY = 61


def processors(options):
    """In the order of GenerationMixin._get_logits_processor."""
    chain = LogitsProcessorList()
    if options["repetition_penalty"] != 1.0:
        chain.append(RepetitionPenaltyLogitsProcessor(penalty=options["repetition_penalty"]))
    if options["temperature"] != 1.0:
        chain.append(TemperatureLogitsWarper(options["temperature"]))
    if options["top_k"]:
        chain.append(TopKLogitsWarper(top_k=options["top_k"]))
    if options["top_p"] < 1.0:
        chain.append(TopPLogitsWarper(top_p=options["top_p"]))
    if options["min_p"]:
        chain.append(MinPLogitsWarper(min_p=options["min_p"]))
    return chain


def main():
    generator = random.Random(17)
    cases = []
    for number in range(120):
        spread = generator.choice([40, 150, 600])
        logits = [round(generator.gauss(0, spread)) / 64 for _ in range(VOCABULARY)]
        if number % 5:  # all different: the order of equal ones is not the processors' claim
            while len(set(logits)) < VOCABULARY:
                logits = [logit + generator.randrange(0, 3) / 64 for logit in logits]
        options = {
            "temperature": generator.choice([1.0, 0.25, 0.7, 1.5, 4.0]),
            "top_k": generator.choice([0, 1, 2, 7, 40, 60]),
            "top_p": 1.0 if number % 5 == 0 else generator.choice([1.0, 0.95, 0.9, 0.5, 0.1]),
            "min_p": generator.choice([0.0, 0.0, 0.05, 0.3]),
            "repetition_penalty": generator.choice([1.0, 1.0, 1.1, 1.8]),
        }
        seen = [generator.randrange(VOCABULARY) for _ in range(generator.choice([1, 5, 30]))]
        scores = processors(options)(torch.tensor([seen]), torch.tensor([logits], dtype=torch.float32))[0]
        shares = torch.softmax(scores.double(), -1)
        left = [i for i in range(VOCABULARY) if scores[i] > -float("inf")]
        cases.append({"logits": logits, "seen": seen, "options": options, "left": left,
                      "shares": [float(f"{shares[i]:.7g}") for i in left]})
    text = "[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]\n"
    (pathlib.Path(__file__).resolve().parent / "filtered.json").write_text(text)


if __name__ == "__main__":
    main()
