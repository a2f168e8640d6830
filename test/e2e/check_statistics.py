#!/usr/bin/python3
# check_statistics.py - llmc observe writes what matrices are multiplied with, compile --statistics and --max-kld use it, and each
# mistake has its sentence.
#
# What is observed is compared with numpy where it can be said in a few lines: the rows before the first layer's q, k and v are the
# normalised embeddings. The bundled model reads texts that it was not trained on: one is observed, another measured.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
STORYBOOK = HERE.parent / "models" / "storybook"
OBSERVED, MEASURED = REPOSITORY / "LICENSE", REPOSITORY / "docs" / "guide.md"
FIRST = "model.layers.0.self_attn.q_proj.weight"
failures = []


def run(*command, text=None):
    return subprocess.run([str(c) for c in command], input=text, capture_output=True, timeout=900, text=True)


def expect(what, found, wanted):
    if found != wanted:
        failures.append(f"{what}:\n  found    {found!r}\n  expected {wanted!r}")


def read(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header, data[8 + length :]


def write(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def tensor(header, data, key):
    begin, end = header[key]["data_offsets"]
    return np.frombuffer(data[begin:end], {"F32": "<f4", "I32": "<i4", "BF16": "<u2"}[header[key]["dtype"]]).reshape(header[key]["shape"])


class Checker:
    def __init__(self, llmc, folder):
        self.llmc, self.folder = llmc, folder

    def compile(self, name, *options):
        done = run(self.llmc, "compile", STORYBOOK, "--emit", "llmc", "--cpu", "x86-64-v3", "-o", self.folder / name, *options)
        if done.returncode:
            raise SystemExit(f"compile {options}: {done.stderr}")
        return self.folder / name

    def observe(self, name, *options):
        done = run(self.llmc, "observe", STORYBOOK, "-o", self.folder / name, *options)
        if done.returncode:
            raise SystemExit(f"observe {options}: {done.stderr}")
        return self.folder / name, done.stderr

    def fails(self, what, code, message, *arguments, text=None):
        done = run(self.llmc, *arguments, text=text)
        expect(what, (done.returncode, done.stderr, done.stdout), (code, message, ""))

    def moments(self):
        """The first input's against numpy, of 3 windows of 7 of the 4 that the ids make; the last is kept back."""
        ids = [(37 * i * i + 11 * i) % 2048 for i in range(30)]
        (self.folder / "ids").write_text(", ".join(map(str, ids)) + "\n")
        stats, said = self.observe("ids.stats", "--ids", self.folder / "ids", "--window", 7)
        expect("closing line", said, f"{stats}: 25 inputs over 21 tokens in windows of 7, 7 tokens kept back\n")
        header, data = read(stats)
        expect("facts", {k: v for k, v in header["__metadata__"].items() if k != "model"}, {"llmc.statistics": "1", "tokens": "21"})
        expect("kept back", tensor(header, data, "held_back").tolist(), ids[21:28])
        expect("keys", sum(k.startswith("inputs:") for k in header), 25)  # 4 a layer, and the head
        model, weights = read(STORYBOOK / "model.safetensors")

        def bf16(key):
            return (tensor(model, weights, key).astype(np.uint32) << 16).view(np.float32).astype(np.float64)

        x = bf16("model.embed_tokens.weight")[ids[:21]]
        x = x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * bf16("model.layers.0.input_layernorm.weight")
        wanted = (x.T @ x / 21)[np.tril_indices(192)]
        found = tensor(header, data, "inputs:" + FIRST)
        worst = np.abs(found - wanted).max() / np.abs(wanted).max()
        print(f"largest difference from numpy: {worst:.1e} of the largest moment")
        if not worst < 2e-6:  # sums of 21 products, and a norm, in f32
            failures.append(f"moments differ by {worst}")
        down = tensor(header, data, "inputs:model.layers.5.mlp.down_proj.weight")
        expect("the last down_proj's size", len(down), 512 * 513 // 2)
        if not (np.isfinite(down).all() and (down[np.cumsum(np.arange(1, 513)) - 1] > 0).all()):
            failures.append("the last down_proj's means of squares are not positive")

    def divergence(self, model, reference):
        done = run(self.llmc, "eval", model, "--text", MEASURED, "--against", reference, "--tokens", 600, "--json")
        return json.loads(done.stdout)["kld_mean"]

    def quality(self):
        """Measured: 0.65 of the plain rounding's divergence, with q8 0.7; a third more is allowed."""
        stats, _ = self.observe("story.stats", "--text", OBSERVED)
        exact = ("--activations", "f32")
        reference = self.compile("reference.llmc", *exact)
        for form in ("q4:64", "q8"):
            plain = self.divergence(self.compile("plain.llmc", "--weights", form, *exact), reference)
            calibrated = self.divergence(self.compile("calibrated.llmc", "--weights", form, "--statistics", stats, *exact), reference)
            print(f"{form}: {plain:.5f} nats from the stored weights, {calibrated:.5f} calibrated: {calibrated / plain:.2f}")
            if not calibrated < 0.85 * plain:
                failures.append(f"{form}: calibrated {calibrated}, plain {plain}")
        self.compile("q4.llmc", "--weights", "q4", "--statistics", stats)
        text = run(self.llmc, "compile", STORYBOOK, "--weights", "q4", "--statistics", stats, "--emit", "mlir", "--compile-to", "quantize", "-o", "-")
        again = run(self.llmc, "compile", "-", "--emit", "llmc", "--cpu", "x86-64-v3", "-o", self.folder / "again.llmc", text=text.stdout)
        expect("through text", (again.returncode, (self.folder / "again.llmc").read_bytes() == (self.folder / "q4.llmc").read_bytes()), (0, True))

    def choice(self):
        stats = self.folder / "story.stats"
        short = ("--weights", "q4:64", "--statistics", stats)
        facts = {}
        for limit in ("0.006", "10"):
            model = self.compile(f"limit-{limit}.llmc", *short, "--max-kld", limit)
            lines = run(self.llmc, "inspect", model).stdout.splitlines()
            facts[limit] = {line.split()[0]: line.split(None, 1)[1] for line in lines if line.startswith(("max_kld", "widened"))}
            facts[limit]["weights"] = [line for line in lines if line.startswith("weights ")]
            asked, measured = facts[limit]["max_kld"].split(" asked for, ")
            expect("what was asked for", float(asked), float(limit))
            if not float(measured.split()[0]) <= float(limit):
                failures.append(f"--max-kld {limit}: {facts[limit]}")
        print(facts["0.006"])
        expect("nothing to widen", facts["10"]["widened"], "0 of 24 linears to 8 bits")
        count = int(facts["0.006"]["widened"].split()[0])
        if not 0 < count < 24 or facts["0.006"]["weights"] == facts["10"]["weights"]:
            failures.append(f"widened {facts}")
        done = run(self.llmc, "compile", STORYBOOK, "-o", self.folder / "none", *short, "--max-kld", "1e-9")
        expect("unreachable", (done.returncode, done.stderr.split(" divergence ")[0], done.stderr.split(" with all ")[-1]),
               (3, f"{STORYBOOK}: error: mean KL", "linears in 8 bits, at most 1e-09 was asked for (--max-kld)\n"
                "note: ask for more, or take smaller groups, or --weights bf16\n"))
        expect("nothing left behind", (self.folder / "none").exists(), False)

    def mistakes(self):
        stats, f = self.folder / "story.stats", self.folder
        again = "note: observe the model again: llmc observe MODEL --text FILE -o STATS\n"
        header, data = read(stats)

        def compile_with(what, message, name):
            self.fails(what, 1, f"{f / name}: error: {message}", "compile", STORYBOOK, "--weights", "q4", "--statistics", f / name, "-o", f / "none")

        def changed(name, **facts):
            write(f / name, {**header, "__metadata__": {**header["__metadata__"], **facts}}, data)

        compile_with("no such file", "cannot be opened: no such file or directory\n", "absent")
        whole = stats.read_bytes()
        (f / "short").write_bytes(whole[:-4])
        done = run(self.llmc, "compile", STORYBOOK, "--weights", "q4", "--statistics", f / "short", "-o", f / "none")
        expect("truncated", (done.returncode, done.stderr.splitlines()[-1] + "\n", done.stderr.startswith(f"{f / 'short'}: error: ")), (1, again, True))
        (f / "tiny").write_bytes(whole[:5])
        compile_with("cut within the length", "holds 5 bytes, a safetensors file has at least 8\n" + again, "tiny")
        changed("newer", **{"llmc.statistics": "2"})
        compile_with("another version", "holds statistics of version '2' (expected '1')\n" + again, "newer")
        compile_with("a model in its place", "is no statistics file: '__metadata__' has no 'llmc.statistics'\n" + again, "model.safetensors")
        changed("other", model="ab" * 32)
        compile_with("another model", f"was observed of another model, {'ab' * 6}... (expected that of '{STORYBOOK}', "
                     f"{header['__metadata__']['model'][:12]}...)\nnote: observe this one: llmc observe {STORYBOOK} --text FILE -o STATS\n", "other")
        place = header["inputs:" + FIRST]["data_offsets"][0]
        for number, said in ((float("nan"), "nan for the columns 1 and 0"), (float("-inf"), "inf for the columns 1 and 0")):
            damaged = bytearray(data)
            damaged[place + 4 : place + 8] = struct.pack("<f", number)
            write(f / "damaged", header, bytes(damaged))
            compile_with(said, f"the statistics 'inputs:{FIRST}' hold {said}\n" + again, "damaged")
        damaged = bytearray(data)
        damaged[place : place + 4] = struct.pack("<f", -1)
        write(f / "damaged", header, bytes(damaged))
        compile_with("a negative square", f"the statistics 'inputs:{FIRST}' hold a mean of squares below zero, of column 0\n" + again, "damaged")
        less = {k.replace("layers.3.mlp.gate", "layers.9.mlp.gate"): v for k, v in header.items()}
        write(f / "less", less, data)
        compile_with("an input that was not observed", "there are no statistics of the inputs of tensor 'model.layers.3.mlp.gate_proj.weight'\n" + again,
                     "less")
        wrong = {**header, "inputs:" + FIRST: {**header["inputs:" + FIRST], "shape": [96 * 193, 1]}}
        write(f / "wrong", wrong, data)
        compile_with("a matrix", f"tensor 'inputs:{FIRST}' is F32 [18528, 1] (expected F32 [K * (K + 1) / 2])\n" + again, "wrong")

        # Options that contradict each other.
        def usage(what, message, *options):
            self.fails(what, 2, f"llmc: error: {message}\nnote: all options: llmc compile --help\n", "compile", STORYBOOK, "-o", f / "none", *options)

        usage("nothing is rounded", "--statistics: --weights keep rounds nothing by them (expected q8, q4, q8_min or q4_min)", "--statistics", stats)
        usage("no statistics", "--max-kld needs the statistics of the model (--statistics FILE)", "--weights", "q4", "--max-kld", "0.1")
        usage("nothing to choose", "--max-kld: --weights q8 leaves nothing to choose (expected q4 or q4_min)", "--weights", "q8", "--statistics", stats,
              "--max-kld", "0.1")
        usage("no whole model", "--max-kld measures whole models (expected --emit exe, llmc or lib)", "--weights", "q4", "--statistics", stats, "--max-kld",
              "0.1", "--emit", "asm")
        self.fails("statistics for text", 2, "llmc: error: --statistics: the text on standard input names its own\nnote: all options: llmc compile --help\n",
                   "compile", "-", "--weights", "q4", "--statistics", stats)

        # Observing.
        (f / "empty").write_text("")
        (f / "few").write_text("Once upon a time")
        self.fails("an empty text", 1, f"{f / 'empty'}: error: is empty\n", "observe", STORYBOOK, "--text", f / "empty", "-o", f / "none")
        done = run(self.llmc, "observe", STORYBOOK, "--text", f / "few", "-o", f / "none")
        expect("a short text", (done.returncode, done.stderr.split(" tokens, ")[-1]),
               (1, "less than one window of 512\nnote: give a longer text, or shorter windows: --window N\n"))
        self.fails("no text", 2, "error: no text given (expected --text FILE)\nnote: all options: llmc observe --help\n", "observe", STORYBOOK)
        self.fails("two texts", 2, "error: --text and --ids exclude each other\nnote: all options: llmc observe --help\n", "observe", STORYBOOK, "--text", "a",
                   "--ids", "b")
        self.fails("a window past the context", 1, f"{STORYBOOK}: error: --window 513: the model's context is 512 tokens\n", "observe", STORYBOOK, "--text",
                   OBSERVED, "--window", "513", "-o", f / "none")
        (f / "strange").write_text("1 2 2048")
        self.fails("a token of another model", 1, f"{f / 'strange'}: error: '2048' is no token of this model\nnote: its tokens are 0 to 2047\n", "observe",
                   STORYBOOK, "--ids", f / "strange", "-o", f / "none")
        # One window leaves nothing to keep back, and so nothing to measure on.
        one, _ = self.observe("one.stats", "--text", OBSERVED, "--tokens", "512")
        self.fails("nothing kept back", 1, f"{one}: error: holds no tokens that were kept back, which --max-kld measures on\n"
                   "note: observe a text of two windows or more\n", "compile", STORYBOOK, "--weights", "q4", "--statistics", one, "--max-kld", "1", "-o",
                   f / "none")
        expect("nothing left behind", (f / "none").exists(), False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True, type=pathlib.Path)
    llmc = parser.parse_args().llmc
    with tempfile.TemporaryDirectory() as name:
        checker = Checker(llmc, pathlib.Path(name))
        shutil.copy(STORYBOOK / "model.safetensors", name)
        checker.moments()
        checker.quality()
        checker.choice()
        checker.mistakes()
    print("\n".join(failures) or "all hold")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
