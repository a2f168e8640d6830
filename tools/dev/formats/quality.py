# quality.py - lines about what rounding costs: divergence from the f32 model on a book, beside ggml's formats; speed of rounding.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import shutil
import subprocess
import sys

import numpy as np

from first_slice.bench import DEV, REPOSITORY, Failure, Line
from first_slice.exact import compare

from . import shapes

sys.path.insert(0, str(DEV))
sys.path.insert(0, str(REPOSITORY / "test" / "e2e"))
from models.checkpoint import write_safetensors
from quantised_blocks import round_rows

GGML = {"q4_0": 2, "q4_1": 3, "q8_0": 8, "q4_k": 12}
BUNDLED = REPOSITORY / "test" / "models" / "storybook"


def text(bench, size, pieces):
    """Pieces of a book that the bundled model was not trained on."""
    book = (bench.shared / "data" / "public-domain-books" / bench.book).read_text(encoding="utf-8")
    step = len(book) // (pieces + 1)
    return [book[step * (i + 1) : step * (i + 1) + size] for i in range(pieces)]


EXACT = ("--activations", "f32")  # What the weights alone cost, as it is counted for ggml's.


def logits(bench, model, weights, pieces, *options):
    program = bench.compile(model, "--weights", weights, "--max-context", "512", *options)
    rows = []
    for piece in pieces:
        (bench.work / "piece.txt").write_text(piece, encoding="utf-8")
        out = bench.work / "piece.npy"
        bench.run(program, "--raw", "-f", bench.work / "piece.txt", "--logits", out, "-n", "0", limit=900)
        rows.append(np.load(out))
    return rows


def divergence(found, reference):
    count = sum(len(rows) for rows in reference)
    return sum(compare(a, b)[1] * len(b) for a, b in zip(found, reference)) / count


def tensors_of(folder):
    data = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    for name, info in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = info["data_offsets"]
            raw = data[8 + length + begin : 8 + length + end]
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32) if info["dtype"] == "BF16" else np.frombuffer(raw, "<f4")
            yield name, values.reshape(info["shape"])


def with_rounded(bench, model, label, function):
    """A copy of a checkpoint in f32 whose tensors went through `function(name, values)`."""
    out = bench.work / "rounded" / f"{model.name}-{label}"
    if not out.exists():
        made = {name: np.ascontiguousarray(function(name, values), np.float32) for name, values in tensors_of(model)}
        out.mkdir(parents=True)
        for file in model.iterdir():
            if file.suffix == ".json":
                shutil.copy(file, out)
        write_safetensors(out / "model.safetensors", made)
    return out


def ggml_round(bench):
    """The program that rounds by ggml's quantiser; a Failure without the peer."""
    if not bench.peer:
        raise Failure("no --peer DIR, the folder that bench-peer built in")
    out = bench.work / "ggml_round"
    header = next(bench.peer.rglob("ggml/include/ggml.h"), None)
    libraries = [next(bench.peer.rglob(name), None) for name in ("libggml.a", "libggml-cpu.a", "libggml-base.a")]
    if not header or None in libraries:
        raise Failure(f"no ggml.h or no static libraries of ggml under {bench.peer}")
    if not out.exists():
        bench.run("cc", "-O1", "-I", header.parent, DEV / "formats" / "ggml_round.c", "-o", out, "-Wl,--start-group", *libraries,
                  "-Wl,--end-group", "-lstdc++", "-lm", "-lpthread", "-fopenmp")

    def rounded(values, name):
        done = subprocess.run([out, str(GGML[name]), *map(str, values.shape)], input=values.tobytes(), stdout=subprocess.PIPE, check=True)
        return np.frombuffer(done.stdout, np.float32).reshape(values.shape)

    return rounded


def is_wide(name):
    return "embed_tokens" in name or "lm_head" in name


def kept_in_bytes(bench, model, weights, pieces, reference):
    """What a cache of bytes adds to a divergence."""
    without, within = (divergence(logits(bench, model, weights, pieces, "--kv", kind), reference) for kind in ("f32", "q8"))
    return Line(f"{model.name}, --weights {weights}: --kv q8 adds at most 0.001 nats", f"{within - without:+.6f} ({within:.6f} and {without:.6f})",
                within - without <= 1e-3)


def quality(bench):
    pieces = text(bench, 1100, 4)
    reference = logits(bench, BUNDLED, "keep", pieces)
    tokens = sum(map(len, reference))
    found = {form: divergence(logits(bench, BUNDLED, form, pieces), reference) for form in ("q8", "q4", "q4:64", "q4_min", "q4_min:64")}
    yield Line(f"bundled model, {tokens} tokens of {bench.book}: q8 diverges at most 0.001 nats from f32", f"{found['q8']:.5f}", found["q8"] <= 1e-3)
    yield Line("the others", ", ".join(f"{form} {value:.4f}" for form, value in found.items() if form != "q8"), None)
    yield kept_in_bytes(bench, BUNDLED, "keep", pieces, reference)
    yield kept_in_bytes(bench, BUNDLED, "q8", pieces, reference)
    round_by = ggml_round(bench)

    def theirs(form):
        folder = with_rounded(bench, BUNDLED, form, lambda name, values: values if values.ndim < 2
                              else round_by(values, "q8_0" if is_wide(name) else form))
        return divergence(logits(bench, folder, "keep", pieces), reference)

    def down_only(label, function):
        folder = with_rounded(bench, BUNDLED, label, lambda name, values: function(values) if "down_proj" in name else values)
        return divergence(logits(bench, folder, "keep", pieces), reference)

    for ours, other, bits in (("q8", "q8_0", 8.5), ("q4", "q4_0", 4.5), ("q4_min", "q4_1", 5)):
        peer, own = theirs(other), divergence(logits(bench, BUNDLED, ours, pieces, *EXACT), reference)
        yield Line(f"{ours}:32 beside ggml's {other}, both {bits} bits a weight, rows in f32: not worse", f"{own:.6f} and {peer:.6f}", own <= peer)
    # Rows of the bundled model are too short for Q4_K's blocks of 256, but for those of one matrix.
    ours = {label: down_only(f"down-{label}", lambda values, n=name, g=group: round_rows(values, n, g))
            for label, name, group in (("q4:32", "q4", 32), ("q4_min:64", "q4_min", 64))}
    peer = down_only("down-q4_k", lambda values: round_by(values, "q4_k"))
    yield Line("down_proj alone, 4.5 bits a weight, not calibrated (calibrated is asked below)",
               f"{', '.join(f'{label} {value:.5f}' for label, value in ours.items())}, ggml's Q4_K {peer:.5f}", None)


def smollm2(bench):
    """Its weights were blocks of 4 bits once, so formats with that grid come out too well: those are reported only."""
    model = bench.model("smollm2-135m")
    pieces = text(bench, 900, 2)
    reference = logits(bench, model, "keep", pieces)
    found = {form: divergence(logits(bench, model, form, pieces), reference) for form in ("q8", "q8_min", "q4", "q4:64")}
    yield kept_in_bytes(bench, model, "keep", pieces, reference)
    yield Line(f"smollm2-135m (from blocks of 4 bits), {sum(map(len, reference))} tokens", ", ".join(f"{f} {v:.4f}" for f, v in found.items()), None)


def speed(bench):
    folder = bench.work / "models" / "tinyllama-shape"
    if not (folder / "model.safetensors").exists():
        shapes.write(folder)
    program = bench.work / "quantise_speed"
    sources = [DEV / "formats" / "quantise_speed.cpp", REPOSITORY / "compiler" / "Weights" / "WeightValue.cpp"]
    formats = REPOSITORY / "dialects" / "Transformer" / "Formats"
    objects = []
    for name, level in (("BlockCalibration", "-O3"), ("BlockFormats", "-O2"), ("BlockSearch", "-O3")):  # As the build compiles them.
        objects.append(bench.work / f"{name}.o")
        bench.run("clang++-22", "-std=c++17", level, "-ffp-contract=off", "-fno-exceptions", "-I", REPOSITORY, "-c", formats / f"{name}.cpp", "-o",
                  objects[-1])
    bench.run("clang++-22", "-std=c++17", "-O2", "-I", REPOSITORY, "-I", "/usr/lib/llvm-22/include", *sources, *objects, "-o", program,
              "-L/usr/lib/llvm-22/lib", "-lLLVM-22", "-pthread", "-Wl,-rpath,/usr/lib/llvm-22/lib")
    for form, group in (("q4", 32), ("q4", 128), ("q8", 32), ("q4_min", 64)):
        rates = []
        for _ in range(bench.rounds):
            size, seconds, _ = bench.run(program, folder / "model.safetensors", form, group, 2).stdout.split()
            rates.append(int(size) / float(seconds) / 1e6)
        yield Line(f"1.1B weights of bf16 rounded to {form}:{group} by two threads: 500 MB/s of input", f"{np.median(rates):.0f} MB/s",
                   float(np.median(rates)) >= 500)
    out = bench.work / "tinyllama.llmc"
    done = bench.run(bench.llmc, "compile", folder, "--weights", "q4", "--cpu", "native", "--emit", "llmc", "-o", out, limit=900)
    seconds = float(done.stderr.split("pack ")[1].split(",")[0].split()[0])
    size, packed = (folder / "model.safetensors").stat().st_size, out.stat().st_size
    out.unlink()
    yield Line("the same with packing, hashing and writing the artifact", f"{size / seconds / 1e6:.0f} MB/s, {packed / 1e9:.1f} GB written",
               size / seconds / 1e6 >= 500)


LINES = [quality, smollm2, speed]
