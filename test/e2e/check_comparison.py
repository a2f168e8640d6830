#!/usr/bin/python3
# check_comparison.py - llmc check agrees where a model is right, and names the first op and tensor where one is broken.
#
# A sound model's values are within 1e-5 of a tensor's largest value: the order of sums is the reference's, what differs is exp and
# division. What is broken here differs by 1e-3 at least.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import checkpoint_edit
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE / "reference" / "tiny"
STORYBOOK = HERE.parent / "models" / "storybook"
failures = []


def expect(what, found, wanted):
    if found != wanted:
        failures.append(f"{what}:\n  found    {found!r}\n  expected {wanted!r}")


class Checker:
    def __init__(self, llmc, folder):
        self.llmc, self.folder, self.worst = llmc, folder, 0.0

    def run(self, *command, text=None):
        return subprocess.run([str(c) for c in (self.llmc, *command)], capture_output=True, text=True, timeout=100, input=text)

    def compile(self, model, name, *options):
        done = self.run("compile", model, "--cpu=x86-64-v3", "--emit", "llmc", "-o", self.folder / name, *options)
        if done.returncode:
            raise SystemExit(f"compile {model}: {done.stderr}")
        return self.folder / name

    def fails(self, what, code, message, *arguments):
        done = self.run("check", *arguments)
        expect(what, (done.returncode, done.stderr), (code, message))

    def sound(self, *arguments):
        """The values that were looked at, all of them right."""
        done = self.run("check", *arguments, "--json", "--all")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        errors = [line for line in done.stderr.splitlines() if "warning: has no tokenizer file" not in line]
        expect(f"{arguments}: exit code", (done.returncode, errors), (0, []))
        summary = lines[-1]
        expect(f"{arguments}: first, weights", (summary["first"], summary["weights"]), (None, []))
        self.worst = max(self.worst, summary["largest"]["relative"])
        expect(f"{arguments}: within 1e-5", summary["largest"]["relative"] <= 1e-5, True)
        return [line["op"] for line in lines[:-1]]

    def broken(self, what, folder, layer, tensor, packed, model=STORYBOOK):
        """The first op that differs reads `tensor`; `packed` are the weights that are not the model's."""
        program = self.compile(folder, "broken.llmc")
        done = self.run("check", program, "--model", model, "--json")
        summary = json.loads(done.stdout)
        expect(f"{what}: exit code", done.returncode, 3)
        found = summary["first"] or {"layer": None, "op": ""}
        expect(f"{what}: layer", found["layer"], layer)
        expect(f"{what}: {found['op']} names {tensor}", tensor in found["op"], True)
        expect(f"{what}: packed", summary["weights"], packed)
        return done.stderr

    def agreement(self):
        for name in ("llama-mha-f32", "llama-mqa-f16", "llama-uneven-f16", "mistral-window", "qwen2", "qwen3-bias-yarn"):
            self.sound(TINY / name, "--tokens", 11)
        ops = self.sound(STORYBOOK)
        # Every layer's norms, products, ropes and attention, then the embedding, the last norm and the logits.
        expect("values of the bundled model", len(ops), 6 * 9 + 3)
        for layer in range(6):
            for part in ("input_layernorm", "self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"):
                key = f"model.layers.{layer}.{part}.weight"
                expect(f"values that read {key}", sum(key in op for op in ops), 1)
        # However it was compiled, and however many tokens there are.
        for options in (["--weights", "f32"], ["--weights", "f16", "--max-step", "17", "--max-context", "40", "--max-sequences", "1"]):
            program = self.compile(STORYBOOK, "story", *options)
            for tokens in (1, 17):
                self.sound(program, "--model", STORYBOOK, "--tokens", tokens)
        print(f"largest difference of a sound model: {self.worst:.1e} of the largest value")

    def faults(self):
        for layer, tensor in ((3, "mlp.down_proj"), (5, "self_attn.q_proj"), (0, "input_layernorm"), (2, "mlp.up_proj")):
            name = f"model.layers.{layer}.{tensor}.weight"
            folder = checkpoint_edit.halve(checkpoint_edit.copy(STORYBOOK, self.folder / name), name)
            packed = {"self_attn.q_proj": [f"model.layers.{layer}.self_attn.{p}_proj.weight" for p in "qkv"],
                      "mlp.up_proj": [f"model.layers.{layer}.mlp.{p}_proj.weight" for p in ("gate", "up")]}.get(tensor, [name])
            text = self.broken(name, folder, layer, name, [" + ".join(packed)])
            expect(f"{name}: message", (f": error: layer {layer}: transformer." in text, "is the first to differ, by" in text,
                                        f"packed weights that are not the model's: {' + '.join(packed)}\n" in text), (True, True, True))
        name = "model.norm.weight"
        folder = checkpoint_edit.halve(checkpoint_edit.copy(STORYBOOK, self.folder / name), name)
        self.broken(name, folder, -1, name, [name])
        # A mistake in a fact, not in a tensor: all weights are right.
        folder = checkpoint_edit.copy(STORYBOOK, self.folder / "epsilon")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.1}))
        text = self.broken("epsilon", folder, 0, "rms_norm (model.layers.0.input_layernorm.weight", [])
        expect("epsilon: message", "; all packed weights are the model's\n" in text, True)
        (folder / "config.json").write_text(json.dumps({**config, "rope_theta": 100.0}))
        # The table of frequencies has no key in the checkpoint: it is called by its place in the program.
        self.broken("theta", folder, 0, "transformer.rope", ["w1"])
        # One bit of the packed weights of a file that was right.
        program = self.compile(STORYBOOK, "bit.llmc")
        data = bytearray(program.read_bytes())
        data[-5000] ^= 0x40
        program.write_bytes(data)
        done = self.run("check", program, "--model", STORYBOOK)
        expect("a bit", (done.returncode, "packed weights" in done.stderr), (3, True))

    def logits(self):
        story, halved = self.compile(STORYBOOK, "story"), checkpoint_edit.copy(STORYBOOK, self.folder / "half")
        other = self.compile(checkpoint_edit.halve(halved, "model.layers.3.mlp.down_proj.weight"), "other")
        ids = "1,2,3,500,7"
        subprocess.run([self.llmc, "run", story, "--ids", ids, "--logits", self.folder / "l.npy", "-n", "0"], check=True,
                       capture_output=True)
        done = self.run("check", story, "--against", self.folder / "l.npy", "--ids", ids, "--tolerance", "0", "--json")
        expect("recorded logits", (done.returncode, json.loads(done.stdout)["absolute"], json.loads(done.stdout)["same_top"]), (0, 0, 5))
        done = self.run("check", other, "--against", story, "--ids", ids)
        expect("another model", (done.returncode, done.stdout.startswith("position 0: largest difference"),
                                 "error: the logits of position 0 are the first to differ" in done.stderr), (3, True, True))
        logits = np.load(self.folder / "l.npy")
        logits[3, 1234] += 1
        np.save(self.folder / "l.npy", logits)
        done = self.run("check", story, "--against", self.folder / "l.npy", "--ids", ids, "--json")
        expect("one changed logit", (done.returncode, json.loads(done.stdout)["first"]), (3, 3))
        self.fails("another number of tokens", 1, f"{self.folder}/l.npy: error: has logits of 5 tokens, 2 were given\n"
                   "note: give the ids that were recorded (--ids)\n", story, "--against", self.folder / "l.npy", "--ids", "1,2")
        np.save(self.folder / "d.npy", logits.astype(np.float64))
        self.fails("float64", 1, f"{self.folder}/d.npy: error: holds no rows of float32 in row-major order: {{'descr': '<f8', "
                   "'fortran_order': False, 'shape': (5, 2048), }\n", story, "--against", self.folder / "d.npy")
        (self.folder / "cut.npy").write_bytes((self.folder / "l.npy").read_bytes()[:999])
        self.fails("a cut file", 1, f"{self.folder}/cut.npy: error: holds 871 bytes, expected 5 rows of 2048\n", story, "--against",
                   self.folder / "cut.npy")

    def mistakes(self):
        story, tiny = self.folder / "story", self.compile(TINY / "qwen3", "tiny")
        self.fails("no model named", 2, f"error: the model that '{story}' was compiled from is not named (--model MODEL)\n"
                   "note: all options: llmc check --help\n", story)
        done = self.run("check", tiny, "--model", STORYBOOK)
        expect("another model's", (done.returncode, done.stderr.startswith(
            f"{tiny}: error: was not compiled from '{STORYBOOK}' by this llmc: "), done.stderr.endswith(
            "note: name the model it was compiled from (--model), or compile it again\n")), (1, True, True))
        done = self.run("check", tiny, "--against", story)
        expect("another vocabulary", (done.returncode, f"{story}: error: has 2048 logits a token, '{tiny}' has " in done.stderr), (1, True))
        self.fails("no ids", 2, "error: --ids: '1,x' is no list of token ids (expected 1,2,3)\nnote: all options: llmc check --help\n",
                   story, "--ids", "1,x")
        self.fails("an id past the vocabulary", 1, f"{story}: error: --ids: 9999 is no token of this model\nnote: its tokens are 0 to 2047\n", story,
                   "--model", STORYBOOK, "--ids", "1,9999")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        checker = Checker(pathlib.Path(args.llmc).resolve(), pathlib.Path(scratch))
        for part in (checker.agreement, checker.faults, checker.logits, checker.mistakes):
            part()
    print("\n".join(failures) or "ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
