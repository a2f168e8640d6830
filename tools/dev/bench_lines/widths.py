# widths.py - code for AVX2 alone beside llama.cpp built for AVX2 alone.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
from first_slice.bench import Line
from first_slice.speed import CachedCopies

from .formats import CACHE, beside
from .measure import Turns, counted, ours, theirs

VARIANT, PEER = "x86-64-v3", "llama-bench-avx2"
PREFILL, DECODE = 1.5, 1.0
KINDS = ("f32", "f16", "q8_0", "q4_0")


def avx2(bench):
    bench.llama_bench(PEER)
    for kind in KINDS:
        turns = Turns()
        with CachedCopies(bench) as copies:
            program, peer = copies.of(bench.program("smollm2", kind, "--cpu", VARIANT, *CACHE), bench.gguf("smollm2", kind))
            for _ in range(bench.rounds):
                for threads in bench.threads:
                    result = ours(bench, program, threads, 512, bench.new)
                    turns.add(("prefill", threads, 512), result["prefill_tokens_per_second"])
                    turns.add(("decode", threads, 512), result["decode_tokens_per_second"])
                    turns.add(("peer prefill", threads, 512), theirs(bench, peer, threads, 512, 0, name=PEER))
                    turns.add(("peer decode", threads, 512), theirs(bench, peer, threads, 0, bench.new, 512, name=PEER))
        for threads in bench.threads:
            where = f"smollm2 {kind}, {counted(threads, 'thread')}, AVX2 alone"
            yield Line(f"{where}: prefill of 512, {PREFILL} times llama.cpp", *beside(turns, "prefill", threads, 512, PREFILL))
            yield Line(f"{where}: decode ahead of llama.cpp", *beside(turns, "decode", threads, 512, DECODE))


GROUPS = {"avx2": avx2}
