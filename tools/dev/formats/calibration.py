# calibration.py - lines about rounding by statistics: one book is observed, another measured; beside plain rounding and ggml's formats.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import pathlib
import shutil
import sys

import numpy as np

from first_slice.bench import REPOSITORY, Failure, Line

from .quality import BUNDLED, ggml_round, is_wide, tensors_of, with_rounded

sys.path.insert(0, str(REPOSITORY / "test" / "e2e"))
from models.checkpoint import write_safetensors
from quantised_blocks import round_rows, round_rows_by

OBSERVED, TOKENS = "dickens-christmas-carol.txt", 4000
HERE = ("--cpu", "native")
EXACT = ("--activations", "f32", *HERE)  # What the weights alone cost.


def statistics(bench, model):
    out = bench.work / f"{model.name}.stats"
    if not out.exists():
        bench.run(bench.llmc, "observe", model, "--text", bench.shared / "data" / "public-domain-books" / OBSERVED, "-o", out, limit=900)
    return str(out)


def divergence(bench, model, *options, of=None, book=None):
    """Mean KL divergence of a model from `of` (itself) as it is stored, on the book that nothing was chosen by."""
    book = bench.shared / "data" / "public-domain-books" / (book or bench.book)
    found = bench.run(bench.llmc, "eval", bench.compile(model, *options), "--against", bench.compile(of or model, *EXACT), "--text", book,
                      "--tokens", TOKENS, "--json", limit=900)
    return json.loads(found.stdout)["kld_mean"]


def widened(bench):
    """The bundled model, computing the same, with rows that are whole groups of 128 and whole blocks of 256: channels of zeros beside
    its 192, and two heads of zeros beside its six, one for each key-value head."""
    out = bench.work / "rounded" / "storybook-widened"
    if out.exists():
        return out
    heads = np.concatenate([np.arange(32) + 32 * (head + head // 3) for head in range(6)])

    def place(values, shape, rows=None, columns=None):
        made = np.zeros(shape, np.float32)
        made[np.ix_(*(np.arange(size) if given is None else given for size, given in zip(values.shape, (rows, columns))))] = values
        return made

    made = {}
    for name, values in tensors_of(BUNDLED):
        if values.ndim == 1:  # The norm divides by the root of a mean, now over 256 channels.
            made[name] = place(values * np.float32(np.sqrt(192 / 256)), [256])
        elif "q_proj" in name:
            made[name] = place(values, [256, 256], heads)
        elif "o_proj" in name:
            made[name] = place(values, [256, 256], None, heads)
        else:
            made[name] = place(values, [256 if size == 192 else size for size in values.shape])
    out.mkdir(parents=True)
    for file in BUNDLED.iterdir():
        if file.suffix == ".json":
            shutil.copy(file, out)
    config = json.loads((BUNDLED / "config.json").read_text())
    config.update(hidden_size=256, num_attention_heads=8, rms_norm_eps=config["rms_norm_eps"] * 192 / 256, torch_dtype="float32")
    (out / "config.json").write_text(json.dumps(config))
    write_safetensors(out / "model.safetensors", made)
    return out


def calibrated(bench):
    wide = widened(bench)
    same = divergence(bench, wide, *EXACT, of=BUNDLED)
    yield Line("the bundled model with channels and heads of zeros beside its own computes the same: at most 1e-8 nats", f"{same:.1e}", same <= 1e-8)
    found = {}
    for model, forms in ((BUNDLED, ("q4:32", "q4:64", "q4_min:64", "q8:32")), (wide, ("q4:32", "q4:64", "q4:128"))):
        for form in forms:
            plain = divergence(bench, model, "--weights", form, *EXACT)
            by = divergence(bench, model, "--weights", form, "--statistics", statistics(bench, model), *EXACT)
            found[model, form] = (plain, by)
            asked = form in ("q4:64", "q4:128")
            yield Line(f"{model.name}, {TOKENS} tokens of {bench.book}, observed on {OBSERVED}: {form} calibrated"
                       + (" at most 0.7 times plain" if asked else " beside plain"), f"{by:.5f} and {plain:.5f}: {by / plain:.2f}",
                       by <= 0.7 * plain if asked else None)
    short = divergence(bench, BUNDLED, "--weights", "q4:64", "--statistics", statistics(bench, BUNDLED), *HERE)
    yield Line("q4:64 calibrated with rows of 8 bits, as it runs by default", f"{short:.5f}", None)
    round_by = ggml_round(bench)

    def theirs(model, form):
        folder = with_rounded(bench, model, form, lambda name, values: values if values.ndim < 2
                              else round_by(values, "q8_0" if is_wide(name) else form))
        return divergence(bench, folder, *EXACT, of=model)

    q4_0, q4_k = theirs(wide, "q4_0"), theirs(wide, "q4_k")
    plain, by = found[wide, "q4:32"]
    yield Line("q4:32 plain beside ggml's Q4_0, both 4.5 bits a weight: not worse", f"{plain:.5f} and {q4_0:.5f}", plain <= q4_0)
    yield Line("q4:32 calibrated beside ggml's Q4_K, both 4.5 bits a weight: not worse", f"{by:.5f} and {q4_k:.5f}", by <= q4_k)

    # One matrix alone: by an independent implementation of the rule, on the statistics that llmc wrote.
    grams = {name.removeprefix("inputs:"): values for name, values in stored(pathlib.Path(statistics(bench, BUNDLED))) if name.startswith("inputs:")}

    def down_only(label, function):
        folder = with_rounded(bench, BUNDLED, label, lambda name, values: function(name, values) if "down_proj" in name else values)
        return divergence(bench, folder, *EXACT, of=BUNDLED)

    ours = {"plain": down_only("down-q4:32", lambda name, values: round_rows(values, "q4", 32)),
            "calibrated": down_only("down-q4:32-by", lambda name, values: round_rows_by(values, grams[name], "q4", 32))}
    peer = down_only("down-q4_k", lambda name, values: round_by(values, "q4_k"))
    yield Line("down_proj alone, 4.5 bits a weight: q4:32 calibrated beside ggml's Q4_K: not worse",
               f"{', '.join(f'{label} {value:.5f}' for label, value in ours.items())}, Q4_K {peer:.5f}", ours["calibrated"] <= peer)


def stored(path):
    """Names and f32 tensors of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    for name, info in json.loads(data[8 : 8 + length]).items():
        if info.get("dtype") == "F32":
            begin, end = info["data_offsets"]
            yield name, np.frombuffer(data[8 + length + begin : 8 + length + end], "<f4")


def chosen(bench):
    """--max-kld: what it measured on the tokens it kept, and what another book says."""
    for limit in (0.012, 0.006):
        program = bench.compile(BUNDLED, "--weights", "q4:64", "--statistics", statistics(bench, BUNDLED), "--max-kld", str(limit), *HERE)
        facts = dict(line.split(None, 1) for line in bench.run(bench.llmc, "inspect", program).stdout.splitlines() if " " in line)
        measured = float(facts["max_kld"].split(" asked for, ")[1].split()[0])
        other = divergence(bench, BUNDLED, "--weights", "q4:64", "--statistics", statistics(bench, BUNDLED), "--max-kld", str(limit), *HERE)
        yield Line(f"q4:64 with --max-kld {limit}: measured below it on tokens kept back", f"{measured:.5f}, {facts['widened']}; {bench.book} {other:.5f}",
                   measured <= limit)


LINES = [calibrated, chosen]
