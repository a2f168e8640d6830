# speed.py - lines about speed: ours and llama.cpp in turns, each beside a probe of what the machine gives at that moment.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import mmap
import os
import shutil
import statistics
import time

import numpy as np

from .bench import DEV, Failure, Line

PROMPT, GENERATED = 512, 64
BLOCKS, BLOCK_BYTES = 12, 192 << 20


def work_of(config):
    """(bytes of the weights read for a token, operations of a prompt of PROMPT tokens), 2-byte weights.

    The embedding counts once, as the output matrix; of a prompt only the last row of logits is wanted; attention is causal.
    The bytes of the cache are left out: a smaller share of the bandwidth is claimed than is used.
    """
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    head_dim = config.get("head_dim") or hidden // config["num_attention_heads"]
    q, kv = head_dim * config["num_attention_heads"], head_dim * config["num_key_value_heads"]
    layer = hidden * (2 * q + 2 * kv + 3 * inner)
    head = hidden * config["vocab_size"]
    attention = layers * 2 * 2 * q * PROMPT * PROMPT / 2
    return 2 * (layers * layer + head), 2 * layers * layer * PROMPT + 2 * head + attention


def cache_anew(path):
    """Has the system read a file again, in large pages where it can: a file that was written piece by piece, or long ago,
    may lie in pages scattered all over memory, and whoever maps it reads at half the speed."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as whole:
            whole.madvise(mmap.MADV_HUGEPAGE)
            whole[::4096]  # one byte of each page


def read_rate(memory):
    """GB/s at which one thread reads what is mapped."""
    numbers, best = np.frombuffer(memory, np.int32, len(memory) // 4), 0.0
    for _ in range(4):
        begin = time.perf_counter()
        numbers.max()
        best = max(best, numbers.nbytes / (time.perf_counter() - begin) / 1e9)
    return best


def best_rate():
    """The same of the best of some blocks of new memory."""
    blocks = [mmap.mmap(-1, BLOCK_BYTES) for _ in range(BLOCKS)]  # all at a time, so that each lies elsewhere
    for block in blocks:
        block.madvise(mmap.MADV_HUGEPAGE)
        np.frombuffer(block, np.int32).fill(1)
    return max(map(read_rate, blocks))


class CachedCopies:
    """Copies of files, cached anew, that go when the block ends. On a shared machine parts of the memory are read at half the speed of others,
    for as long as one looks: whichever side's file lies there loses. So a copy that is read slower than others were is kept aside, where it
    holds that memory, and the file is copied again. Copies take half of the memory at most."""

    ENOUGH, TRIES = 0.85, 6  # of the best rate seen

    def __init__(self, bench):
        self.folder, self.made, self.best = bench.work / "turns", {}, best_rate()
        self.most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for path in self.made:
            path.unlink(missing_ok=True)

    def copy(self, path):
        size, tried = path.stat().st_size, []
        for _ in range(self.TRIES):
            tried.append(self.folder / f"{len(self.made)}-{path.name}")
            shutil.copy(path, tried[-1])
            cache_anew(tried[-1])
            with open(tried[-1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as whole:
                whole.madvise(mmap.MADV_HUGEPAGE)
                self.made[tried[-1]] = read_rate(whole)
            self.best = max(self.best, self.made[tried[-1]])
            held = sum(other.stat().st_size for other in self.made)
            if self.made[tried[-1]] >= self.ENOUGH * self.best or held + size > self.most:
                break
        return max(tried, key=self.made.get)

    def of(self, *paths):
        self.folder.mkdir(exist_ok=True)
        return [self.copy(path) for path in paths]

    def rates(self, copies):
        return " and ".join(f"{self.made[copy]:.1f}" for copy in copies) + " GB/s"


def ours(bench, program, threads):
    """(prefill, decode) in tokens a second."""
    text = bench.run(bench.llmc, "bench", program, "-t", threads, "--prompt-tokens", PROMPT, "--new-tokens", GENERATED,
                     "--repetitions", 3, "--json").stdout
    row = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
    return row["prefill_tokens_per_second"], row["decode_tokens_per_second"]


def theirs(bench, gguf, threads):
    """The same for llama-bench, which decodes behind a prompt only when asked (-d): ours do."""
    def rate(*what):
        text = bench.run(bench.peer / "bin" / "llama-bench", "-m", gguf, "-t", threads, "-fa", "0,1", "-r", 3, "-o", "json",
                         *what).stdout
        return max(row["avg_ts"] for row in json.loads(text))

    return rate("-p", PROMPT, "-n", 0), rate("-p", 0, "-n", GENERATED, "-d", PROMPT)


def speed(bench):
    if not bench.peer or not (bench.peer / "bin" / "llama-bench").exists():
        raise Failure("llama-bench is not there: tools/dev/bench-peer build PEER, then --peer PEER")
    model = bench.model("smollm2-135m")
    weights, operations = work_of(json.loads((model / "config.json").read_text()))
    mebibytes = round(weights / 2**20)
    for kind in ("bf16", "f16"):
        gguf = bench.peer / f"{model.name}-{kind}.gguf"
        if not gguf.exists():
            bench.run(DEV / "bench-peer", "convert", model, bench.peer)
        program = bench.compile(model, "--weights", kind)
        seen = {(who, threads): [] for who in ("ours", "theirs") for threads in (1, 2)}
        probes = []
        with CachedCopies(bench) as copies:
            own, peers = copies.of(program, gguf)
            for _ in range(bench.rounds):  # in turns, so that a busy neighbour does not fall on one of them only
                for threads in (1, 2):
                    probes.append(bench.roofline(mebibytes))
                    seen["ours", threads].append(ours(bench, own, threads))
                    seen["theirs", threads].append(theirs(bench, peers, threads))
        middle = {key: [statistics.median(column) for column in zip(*values)] for key, values in seen.items()}
        limit = {what: {t: statistics.median(p[what][t] for p in probes) for t in (1, 2)} for what in ("bandwidth", "fma")}
        for threads in (1, 2):
            (prefill, decode), (prefill_peer, decode_peer) = middle["ours", threads], middle["theirs", threads]
            share = decode * weights / 1e9 / limit["bandwidth"][threads]
            plural = "s" if threads > 1 else ""
            where = f"{kind}, {threads} thread{plural}"
            yield Line(f"{where}: decode at 70 % of the read bandwidth",
                       f"{share:.0%}: {decode:.1f} tokens/s, {limit['bandwidth'][threads]:.1f} GB/s measured", share >= 0.7)
            yield Line(f"{where}: decode 1.4 times llama.cpp", f"{decode / decode_peer:.2f} times {decode_peer:.1f}",
                       decode >= 1.4 * decode_peer)
            share = prefill / PROMPT * operations / 1e9 / limit["fma"][threads]
            yield Line(f"{where}: prefill of {PROMPT} at 60 % of the f32 FMA peak",
                       f"{share:.0%}: {prefill:.0f} tokens/s, {limit['fma'][threads]:.0f} GFLOP/s measured", share >= 0.6)
            yield Line(f"{where}: prefill twice llama.cpp", f"{prefill / prefill_peer:.2f} times {prefill_peer:.0f}",
                       prefill >= 2 * prefill_peer)
        for index, (name, what) in enumerate((("prefill", "fma"), ("decode", "bandwidth"))):
            gain = middle["ours", 2][index] / middle["ours", 1][index]
            possible = limit[what][2] / limit[what][1]
            yield Line(f"{kind}: two threads gain 0.9 of what the probe gains, {name}", f"{gain:.2f} of {possible:.2f}",
                       gain >= 0.9 * possible)


LINES = [speed]
