# work.py - lines about kinds of work: batches, long contexts, a core that is taken away, f16 arithmetic, bits.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import contextlib
import os
import statistics
import subprocess
import sys

import numpy as np

from first_slice import bits
from first_slice.bench import REPOSITORY, Failure, Line
from first_slice.exact import compare

from .measure import Turns, counted, kernels, limits, matmul_rate, ours

BATCH, TIMES = 8, 5
LONG, CACHE_SHARE = 4096, 0.70
LOST = 0.9
F16_SHARE, F16_DIVERGENCE = 0.60, 1e-3


def batch(bench):
    program = bench.program("1.1b", "f16", "--max-sequences", str(BATCH))
    turns = Turns()
    for _ in range(bench.rounds):
        for threads in bench.threads:
            result = ours(bench, program, threads, 16, 32, "--batch", BATCH)
            turns.add(("one", threads), result["decode_tokens_per_second"])
            turns.add(("all", threads), result["batch_tokens_per_second"])
    bench.drop(program)
    for threads in bench.threads:
        one, together = turns.middle(("one", threads)), turns.middle(("all", threads))
        yield Line(f"1.1b f16, {counted(threads, 'thread')}: {BATCH} sequences give {TIMES} times the tokens of one",
                   f"{together / one:.2f} times: {together:.1f} and {one:.1f} tokens/s", together >= TIMES * one)


def long_context(bench):
    for shape in bench.models:
        program = bench.compile(bench.source(shape, "f16")[0], "--emit", "llmc", "--max-context", str(LONG + 64))
        turns = Turns()
        for _ in range(bench.rounds):
            for threads in bench.threads:
                read = limits(bench, threads)["read"]
                result = ours(bench, program, threads, LONG - 16, 16, "--profile")
                found = kernels(result, "decode", "attention")
                turns.add(("read", threads), read)
                turns.add(("cache", threads), sum(k["bytes"] for k in found) / sum(k["seconds"] for k in found))
        bench.drop(program)
        for threads in bench.threads:
            cache, read = turns.middle(("cache", threads)), turns.middle(("read", threads))
            yield Line(f"{shape} f16, {counted(threads, 'thread')}: attention at a context of {LONG} reads K and V at {CACHE_SHARE:.0%} of the "
                       "bandwidth", f"{cache / read:.0%}: {cache * 1e-9:.1f} of {read * 1e-9:.1f} GB/s", cache >= CACHE_SHARE * read)


@contextlib.contextmanager
def stolen(core):
    """A busy loop on one core."""
    thief = subprocess.Popen([sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"])
    try:
        yield
    finally:
        thief.kill()
        thief.wait()


def stolen_core(bench):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Failure("needs two cores")
    for kind in ("f16", "q8_0", "q4_0"):
        program = bench.program("smollm2", kind)
        ratios = {"prefill": [], "decode": []}
        with stolen(cores[-1]):
            for _ in range(max(bench.rounds, 3)):
                one, two = (ours(bench, program, threads, 512, 64) for threads in (1, 2))
                for what, found in ratios.items():
                    found.append(two[f"{what}_tokens_per_second"] / one[f"{what}_tokens_per_second"])
        for what, found in ratios.items():
            yield Line(f"smollm2 {kind}: with one core stolen two threads never fall below {LOST} of one, {what}",
                       f"least {min(found):.2f}, median {statistics.median(found):.2f} of {len(found)}", min(found) >= LOST)


def f16_arithmetic(bench):
    """Opt-in: `--dtype f16`."""
    text = (REPOSITORY / "docs" / "guide.md").read_text(encoding="utf-8")[:3000]
    try:
        program = bench.compile(bench.checkpoint("smollm2"), "--emit", "llmc", "--weights", "f16", "--dtype", "f16")
    except Failure as reason:
        yield Line(f"f16 arithmetic: {F16_SHARE:.0%} of its peak, mean KLD at most {F16_DIVERGENCE}", str(reason), False)
        return
    exact = bench.compile(bench.checkpoint("smollm2"), "--emit", "llmc", "--weights", "f16")
    rows = []
    (bench.work / "piece.txt").write_text(text, encoding="utf-8")
    for each in (program, exact):
        bench.run(bench.llmc, "run", each, "--raw", "-f", bench.work / "piece.txt", "--logits", bench.work / "piece.npy", "-n", "0", limit=900)
        rows.append(np.load(bench.work / "piece.npy"))
    divergence = compare(*rows)[1]
    yield Line(f"f16 arithmetic, smollm2: mean KLD to f32 arithmetic at most {F16_DIVERGENCE}", f"{divergence:.1e}", divergence <= F16_DIVERGENCE)
    for threads in bench.threads:
        turns = Turns()
        for _ in range(bench.rounds):
            turns.add("peak", limits(bench, threads).get("f16", float("inf")))
            turns.add("rate", matmul_rate(ours(bench, program, threads, 512, 0, "--profile"), 512))
        yield Line(f"f16 arithmetic, {counted(threads, 'thread')}: products at 512 rows, {F16_SHARE:.0%} of its peak",
                   f"{turns.middle('rate') / turns.middle('peak'):.0%}", turns.middle("rate") >= F16_SHARE * turns.middle("peak"))


def same_bits(bench):
    """Every kind gives the same logits for each thread count and each way of cutting a prompt."""
    ids = ",".join(str(i * 37 % 9001 + 1) for i in range(200))
    for kind in ("f32", "f16", "q8_0", "q4_0", "q8", "q4"):
        digests = {}
        for step in (512, 7):
            program = bench.program("smollm2", kind, "--max-step", str(step))
            for threads in (1, 2):
                out = bench.work / "bits.npy"
                bench.run(bench.llmc, "run", program, "-t", threads, "--ids", ids, "--logits", out, "-n", "0", limit=900)
                digests[f"{counted(threads, 'thread')}, steps of {step}"] = bits.sha256(out)
        different = [way for way, digest in digests.items() if digest != next(iter(digests.values()))]
        yield Line(f"smollm2 {kind}: the same bits for 1 and 2 threads, whole and in steps of 7",
                   "one result" if not different else "; ".join(different), not different)


GROUPS = {"batch": batch, "long-context": long_context, "stolen-core": stolen_core, "f16-arithmetic": f16_arithmetic, "same-bits": same_bits}
