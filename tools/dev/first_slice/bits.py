# bits.py - lines about equal bits: threads, cut prompts, company, repeated compilation, text forms of the stops.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import shutil

from .bench import Failure, Line, sha256

STOPS = ["parse", "import", "raise", "fuse", "quantize", "lower", "schedule"]
VARIANTS = ["x86-64-v3", "x86-64-v4"]


def same_bits(bench):
    folder, prompts = bench.references()
    ids = max((prompt["ids"] for prompt in prompts), key=len)
    token_list = ",".join(map(str, ids))
    for variant in VARIANTS:
        program = bench.compile(bench.model("smollm2-135m"), "--cpu", variant, "--max-sequences", "4", "--max-step", "512")
        asked = f"{variant}: the same bits for 1 and 2 threads, steps of 1, 7, 64 and whole, alone and beside three"
        runs = [(1, len(ids), 0), (2, len(ids), 0), (1, 1, 0), (2, 7, 0), (1, 64, 0), (1, len(ids), 3), (2, 7, 3)]
        digests = []
        for threads, step, others in runs:
            out = bench.work / "bits.raw"
            bench.run(bench.probe(), "bits", program, threads, step, others, token_list, out, limit=300)
            digests.append(sha256(out))
        different = [f"{t} threads steps of {s} beside {o}" for (t, s, o), d in zip(runs, digests) if d != digests[0]]
        yield Line(asked, f"{len(runs)} ways, {len(ids)} positions: " + ("one result" if not different else "; ".join(different)),
                   not different)


def reproducible(bench):
    model = bench.model("smollm2-135m")
    away = bench.work / "elsewhere" / "deeper"
    shutil.rmtree(away.parent, ignore_errors=True)
    (away / "out").mkdir(parents=True)
    shutil.copytree(model, away / model.name)
    digests = {}
    for label, source, cores, folder in (("first", model, None, bench.work), ("again", model, None, bench.work / "again"),
                                         ("elsewhere", away / model.name, None, away / "out"), ("one core", model, {0}, away)):
        folder.mkdir(exist_ok=True)
        out = folder / "same.bin"
        bench.run(bench.llmc, "compile", source, "-o", out, cwd=folder,
                  preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None)
        digests[label] = sha256(out)
        out.unlink()
    different = [label for label, digest in digests.items() if digest != digests["first"]]
    shutil.rmtree(away.parent)
    yield Line("artifacts byte-identical when compiled twice, elsewhere, on one core",
               "one file" if not different else "different: " + ", ".join(different), not different)


def stops(bench):
    model = bench.model("stories260k")
    direct = bench.work / "direct"
    bench.run(bench.llmc, "compile", model, "-o", direct)
    wrong, texts = [], {}
    for stop in STOPS:
        texts[stop] = bench.run(bench.llmc, "compile", model, "--emit", "mlir", f"--compile-to={stop}", "-o", "-", text=False).stdout
        again = bench.work / "again.bin"
        again.unlink(missing_ok=True)
        try:
            bench.run(bench.llmc, "compile", "-", "-o", again, input=texts[stop], stdin=None, text=False)
            if sha256(again) != sha256(direct):
                wrong.append(stop)
        except Failure as reason:
            wrong.append(f"{stop} ({reason})")
    yield Line("the text of every stop up to schedule compiles to a byte-identical executable",
               f"{len(STOPS) - len(wrong)} of {len(STOPS)}" + "".join(f"; not {w}" for w in wrong), not wrong)

    wrong = []
    for stop, following in zip(STOPS, STOPS[1:]):
        try:
            pipeline = bench.run(bench.llmc, "compile", "-", "--print-pipeline", f"--compile-to={following}", input=texts[stop],
                                 stdin=None, text=False).stdout.decode().strip()
            got = bench.run(bench.llmc_opt, f"--pass-pipeline={pipeline}", "-", input=texts[stop], stdin=None, text=False).stdout
            if got != texts[following]:
                wrong.append(f"{stop} to {following}")
        except Failure as reason:
            wrong.append(f"{stop} to {following} ({reason})")
    yield Line("llmc-opt with the printed pipeline turns each stop's text into the next one's",
               f"{len(STOPS) - 1 - len(wrong)} of {len(STOPS) - 1}" + "".join(f"; not {w}" for w in wrong), not wrong)


LINES = [same_bits, reproducible, stops]
