# formats.py - one group for each model and format: products, prefill and decode beside the limits and beside llama.cpp, quality.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import functools
import json

import numpy as np

from first_slice.bench import REPOSITORY, Failure, Line
from first_slice.exact import compare
from first_slice.speed import CachedCopies
from formats.beside_peer import library

from .measure import Turns, counted, limits, matmul_rate, ours, theirs
from .models import KINDS, OWN, PLAIN, token_bytes

ROWS = 512
# Of products at 512 rows: the peak that counts, and the share of it that is asked.
PRODUCTS = {**{kind: ("f32", 0.85) for kind in PLAIN}, "q8": ("i8", 0.70), "q4": ("i8", 0.65),
            **{kind: ("i8", 0.60) for kind in ("q4_0", "q8_0", "iq4_nl")},
            **{kind: ("i8", 0.40) for kind in ("q2_k", "q3_k", "q4_k", "q5_k", "q6_k")}}
# Times llama.cpp's prefill of 512 tokens of the same kind; own formats beside the one that has as many bits.
PREFILL = {"f32": 2, "f16": 2, "q8_0": 3, "q4_0": 3, "q8": 4, "q4": 4}
PEERS_KIND = {"q8": "q8_0", "q4": "q4_0"}
# Times llama.cpp's decode.
DECODE = {("1.1b", "f16"): 1.6, ("1.1b", "q8_0"): 1.6, ("1.1b", "q4_0"): 1.6, ("smollm2", "f16"): 1.7, ("smollm2", "q8_0"): 2.5,
          ("smollm2", "q4_0"): 2.5}
DECODE_SHARE = 0.85  # of the read bandwidth, 1.1B
GAIN = 0.9           # of what the probe gains by a second thread
QUALITY_BYTES, QUALITY_PIECES = 1500, 3
CACHE = ("--kv", "f16")  # on both sides: llama.cpp's by itself


def measure(bench, shape, kind, program, peer):
    """Turns over threads, prompts and contexts: keys are (what, threads, size)."""
    turns = Turns()
    for _ in range(bench.rounds):  # in turns, so that a busy neighbour does not fall on one of them only
        for threads in bench.threads:
            for name, rate in limits(bench, threads).items():
                turns.add((name, threads), rate)
            for prompt in sorted({ROWS, *bench.prompts}):
                result = ours(bench, program, threads, prompt, bench.new if prompt == ROWS else 0, *(["--profile"] if prompt == ROWS else []))
                turns.add(("prefill", threads, prompt), result["prefill_tokens_per_second"])
                if prompt == ROWS:
                    turns.add(("product", threads), matmul_rate(result, ROWS))
                    turns.add(("decode", threads, ROWS), result["decode_tokens_per_second"])
                    turns.add(("packed", threads), result["bytes_per_token"])
                if peer:
                    turns.add(("peer prefill", threads, prompt), theirs(bench, peer, threads, prompt, 0))
            for context in sorted({ROWS, *bench.contexts}):
                if context != ROWS:
                    result = ours(bench, program, threads, context, bench.new)
                    turns.add(("decode", threads, context), result["decode_tokens_per_second"])
                if peer:
                    turns.add(("peer decode", threads, context), theirs(bench, peer, threads, 0, bench.new, context))
    return turns


def beside(turns, what, threads, size, asked):
    """(text, holds) of our rate over llama.cpp's."""
    rate, key = turns.middle((what, threads, size)), (f"peer {what}", threads, size)
    if not turns.all(key):
        return f"{rate:.1f} tokens/s, llama.cpp not measured", False if asked else None
    peer = turns.middle(key)
    best = max(turns.all((what, threads, size))) / max(turns.all(key))
    return f"{rate / peer:.2f} times: {rate:.1f} and {peer:.1f} tokens/s (of the best {best:.2f})", rate >= asked * peer if asked else None


def divergences(bench, shape, program, peer):
    """(mean KL divergences to our f32 logits of the weights before rounding, ours and llama.cpp's, tokens) on pieces of the guide."""
    kept = program.with_name(program.name + ".kld.json")  # of this program: it does not change
    if kept.exists():
        return json.loads(kept.read_text())
    text = (REPOSITORY / "docs" / "guide.md").read_text(encoding="utf-8")
    exact = bench.program(shape, "f32", "--kv", "f32")
    totals, count = {"ours": 0.0, "llama.cpp": 0.0}, 0
    for i in range(QUALITY_PIECES):
        begin = len(text) // QUALITY_PIECES * i
        piece, out = bench.work / "piece.txt", bench.work / "piece.npy"
        piece.write_text(text[begin : begin + QUALITY_BYTES], encoding="utf-8")
        raw = bench.work / "piece.f32"
        ids = bench.run(library(bench, "llama_logits.c"), peer, piece, raw, 2, limit=900).stdout.split()

        def logits(of):
            bench.run(bench.llmc, "run", of, "--ids", ",".join(ids), "--logits", out, "-n", "0", limit=900)
            return np.load(out)

        reference = logits(exact)
        found = {"ours": logits(program), "llama.cpp": np.fromfile(raw, np.float32).reshape(len(ids), -1)}
        for who, rows in found.items():
            totals[who] += compare(rows, reference)[1] * len(ids)
        count += len(ids)
        raw.unlink()
    means = {who: total / count for who, total in totals.items()}
    kept.write_text(json.dumps([means, count]))
    return means, count


def quality(bench, shape, kind, program, peer):
    if shape != "smollm2":
        return  # random weights
    means, count = divergences(bench, shape, program, peer)
    yield Line(f"{shape} {kind}: mean KLD to f32 weights, {count} tokens of the guide", ", ".join(f"{who} {mean:.2e}" for who, mean in means.items()),
               None)


def group(shape, kind, bench):
    peer_kind = PEERS_KIND.get(kind, kind)
    try:
        bench.llama_bench()
        peer = bench.gguf(shape, peer_kind)
    except Failure as reason:
        yield Line(f"{shape} {kind}: llama.cpp beside ours", str(reason), False)
        peer = None
    program = bench.program(shape, kind, *CACHE)
    if bench.prepare:
        yield from quality(bench, shape, kind, program, peer) if peer else ()
        return
    try:
        with CachedCopies(bench) as copies:
            turns = measure(bench, shape, kind, *(copies.of(program, peer) if peer else (*copies.of(program), None)))
        unit, share = PRODUCTS[kind]
        source = token_bytes(peer) if peer and kind not in OWN else turns.middle(("packed", bench.threads[0]))
        for threads in bench.threads:
            where = f"{shape} {kind}, {counted(threads, 'thread')}"
            rate, peak = turns.middle(("product", threads)), turns.middle((unit, threads))
            yield Line(f"{where}: products at {ROWS} rows, {share:.0%} of the {'f32 FMA' if unit == 'f32' else 'VNNI'} peak",
                       f"{rate / peak:.0%}: {rate * 1e-9:.0f} of {peak * 1e-9:.0f} G/s", rate >= share * peak)
            for prompt in sorted({ROWS, *bench.prompts}):
                asked = PREFILL.get(kind) if prompt == ROWS else None
                label = f"{asked} times llama.cpp's {peer_kind}" if asked else f"beside llama.cpp's {peer_kind}"
                yield Line(f"{where}: prefill of {prompt}, {label}", *beside(turns, "prefill", threads, prompt, asked))
            for context in sorted({ROWS, *bench.contexts}):
                asked = DECODE.get((shape, kind)) if context == ROWS else None
                label = f"{asked} times llama.cpp" if asked else "beside llama.cpp"
                yield Line(f"{where}: decode behind {context}, {label}", *beside(turns, "decode", threads, context, asked))
            decoded, read = turns.middle(("decode", threads, ROWS)) * source, turns.middle(("read", threads))
            asked = f"{DECODE_SHARE:.0%} of" if shape == "1.1b" else "of"
            yield Line(f"{where}: decode, {asked} the read bandwidth", f"{decoded / read:.0%}: {decoded * 1e-9:.1f} of {read * 1e-9:.1f} GB/s",
                       decoded >= DECODE_SHARE * read if shape == "1.1b" else None)
        if {1, 2} <= set(bench.threads):
            for what, limit in (("prefill", unit), ("decode", "read")):
                gain = turns.middle((what, 2, ROWS)) / turns.middle((what, 1, ROWS))
                probe = turns.middle((limit, 2)) / turns.middle((limit, 1))
                yield Line(f"{shape} {kind}: two threads gain {GAIN} of what the probe gains, {what}", f"{gain:.2f} of {probe:.2f}",
                           gain >= GAIN * probe)
        if peer:
            yield from quality(bench, shape, kind, program, peer)
    finally:
        bench.drop(program, peer)


GROUPS = {f"{shape}-{kind}": functools.partial(group, shape, kind) for shape, kinds in KINDS.items() for kind in kinds}
