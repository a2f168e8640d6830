# exact.py - lines about values: stories260k's text, SmolLM2's logits, the tiny checkpoints.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import importlib.machinery
import importlib.util
import re
import sys

import numpy as np

from .bench import DEV, REPOSITORY, Failure, Line

FULL = ("--dtype", "f32", "--kv", "f32")


def compare(a, b):
    """(largest error / range of b, mean KL divergence in nats, share of the same best token), by compare-logits."""
    loader = importlib.machinery.SourceFileLoader("compare_logits", str(DEV / "compare-logits"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare_logits", loader))
    loader.exec_module(module)
    return module.compare(a, b)


def stories260k(bench):
    expected = (bench.shared / "testdata" / "stories260K-llama2c" / "expected_t0_n200.txt").read_bytes()
    program = bench.compile(bench.model("stories260k"))
    got = bench.run(program, "--temp", "0", "-n", "200", "-p", "", text=False).stdout
    same = next((i for i, (x, y) in enumerate(zip(got, expected)) if x != y), min(len(got), len(expected)))
    holds = got == expected
    yield Line("stories260k: greedy text byte for byte llama2.c's", f"{len(got)} of {len(expected)} bytes, "
               + ("all equal" if holds else f"equal up to byte {same}"), holds)


def logits(bench, program, prompt):
    out = bench.work / "logits.npy"
    bench.run(program, "--ids", ",".join(map(str, prompt["ids"])), "--logits", out, "-n", "0")
    return np.load(out)


def smollm2_logits(bench):
    folder, prompts = bench.references()
    model = bench.model("smollm2-135m")
    full = bench.compile(model, "--weights", "f32", *FULL)
    worst, ours, positions = 0.0, {}, 0
    for prompt in prompts:
        reference = np.load(folder / f"{prompt['name']}.logits.npy", mmap_mode="r")
        ours[prompt["name"]] = logits(bench, full, prompt)
        if ours[prompt["name"]].shape != reference.shape:
            raise Failure(f"prompt '{prompt['name']}': logits {ours[prompt['name']].shape} (expected {reference.shape})")
        worst = max(worst, compare(ours[prompt["name"]], reference)[0])
        positions += len(reference)
    yield Line(f"smollm2 f32: logits at every position of {len(prompts)} prompts within 1e-4 of the range",
               f"{worst:.1e} at {positions} positions", worst <= 1e-4)

    same, told = 0, []
    for prompt in prompts:
        text = bench.run(full, "--ids", ",".join(map(str, prompt["ids"])), "--ids-only", "--temp", "0", "-n", "64").stdout
        got, want = [int(word) for word in re.findall(r"\d+", text)], prompt["greedy"]
        if got[: len(want)] == want and len(got) - len(want) in (0, 1):  # a stop token may be shown
            same += 1
        else:
            told.append(prompt["name"])
    yield Line("smollm2 f32: 64 greedy tokens the same", f"{same} of {len(prompts)} prompts" + "".join(f", not {n}" for n in told),
               same == len(prompts))

    for kind in ("bf16", "f16"):
        program = bench.compile(model, "--weights", kind, *FULL)
        total = count = agree = 0
        for prompt in prompts:
            _, divergence, same = compare(logits(bench, program, prompt), ours[prompt["name"]])
            rows = len(ours[prompt["name"]])
            total, agree, count = total + divergence * rows, agree + same * rows, count + rows
        yield Line(f"smollm2 {kind} weights: mean KL divergence against f32 below 2e-4",
                   f"{total / count:.1e} nats, same best token {agree / count:.1%}", total / count < 2e-4)


def tiny(bench):
    script = REPOSITORY / "test" / "e2e" / "check_tiny_models.py"
    done = bench.run(sys.executable, script, "--llmc", bench.llmc, limit=900, status=None)
    rows = [line.split() for line in done.stdout.splitlines()]
    errors = [float(row[1]) for row in rows if len(row) >= 3 and re.fullmatch(r"[\d.]+e[-+]\d+", row[1])]
    failed = [row[0] for row in rows if len(row) >= 3 and row[2] == "FAILED"]
    count = sum(1 for row in rows if len(row) >= 3 and row[2] in ("ok", "FAILED"))
    yield Line("tiny checkpoints: families, rope scalings, tying, biases, head_dim, window, uneven dims",
               f"{count - len(failed)} of {count}, largest error {max(errors, default=float('nan')):.1e} of the range"
               + (f"; not {', '.join(failed)}" if failed else ""), done.returncode == 0 and count >= 30)


LINES = [stories260k, smollm2_logits, tiny]
