#!/usr/bin/python3
# check_eval.py - llmc eval measures what Hugging Face transformers measure, keeps thresholds, and names each mistake.
#
# Expectations: reference/eval-storybook.json by reference/make_eval.py.
#
# The tolerance: logits of both sides differ by the order of float32 sums, at most 2e-5 of their range (check_tiny_models.py), here
# about 30: 6e-4 a logit at worst, of random sign. A mean over n tokens of such errors moves by 6e-4 / sqrt(n), n >= 159: 5e-5.
# A single token's divergence, which the largest one is, by 1e-3.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import checkpoint_edit

HERE = pathlib.Path(__file__).resolve().parent
STORYBOOK = HERE.parent / "models" / "storybook"
TEXT = HERE.parents[1] / "LICENSE"
failures = []


def run(*command, text=None):
    return subprocess.run([str(c) for c in command], input=text, capture_output=True, timeout=100, text=True)


def expect(what, found, wanted):
    if found != wanted:
        failures.append(f"{what}:\n  found    {found!r}\n  expected {wanted!r}")


class Checker:
    def __init__(self, llmc, folder):
        self.llmc, self.folder = llmc, folder

    def compile(self, model, name, *options):
        done = run(self.llmc, "compile", model, "--cpu=x86-64-v3", "-o", self.folder / name, *options)
        if done.returncode:
            raise SystemExit(f"compile {model}: {done.stderr}")
        return self.folder / name

    def eval(self, *arguments, text=None):
        return run(self.llmc, "eval", *arguments, text=text)

    def fails(self, what, code, message, *arguments, text=None):
        done = self.eval(*arguments, text=text)
        expect(what, (done.returncode, done.stderr, done.stdout), (code, message, ""))

    def numbers(self, story, other):
        worst = 0.0
        for case in json.loads((HERE / "reference/eval-storybook.json").read_text())["cases"]:
            done = self.eval(story, "--text", TEXT, "--against", other, "-c", case["window"], "--stride", case["stride"], "--tokens",
                             case["tokens"], "--json")
            expect("exit code", (done.returncode, done.stderr), (0, ""))
            found = json.loads(done.stdout)
            for key, wanted in case.items():
                error = abs(found[key] - wanted) / (abs(wanted) or 1)
                worst = max(worst, error)
                if error > (1e-3 if key == "kld_max" else 0 if isinstance(wanted, int) else 5e-5):
                    failures.append(f"window {case['window']}: {key} is {found[key]}, transformers have {wanted}")
            again = self.eval(story, "--text", TEXT, "--against", other, "-c", case["window"], "--stride", case["stride"], "--tokens",
                              case["tokens"], "--json", "-t", "1")
            expect("with one thread", again.stdout, done.stdout)
        print(f"largest relative difference from transformers: {worst:.1e}")

    def thresholds(self, story, other):
        short = (story, "--text", TEXT, "--tokens", 100)
        done = self.eval(*short, "--max-ppl", "1e9", "--against", other, "--max-kld", "100")
        expect("thresholds that hold", (done.returncode, done.stderr), (0, ""))
        expect("lines", [line.split()[0] for line in done.stdout.splitlines()], ["tokens", "perplexity", "against", "KL", "likeliest"])
        done = self.eval(*short, "--max-ppl", "2")
        expect("a perplexity above", (done.returncode, done.stderr.split(" perplexity ")[0], done.stderr.split(", ")[-1]),
               (3, f"{story}: error:", "at most 2 was asked for (--max-ppl)\n"))
        done = self.eval(*short, "--against", other, "--max-kld", "1e-9")
        expect("a divergence above", (done.returncode, done.stderr.split(" divergence ")[0], done.stderr.split(", ")[-1]),
               (3, f"{story}: error: mean KL", "at most 1e-09 was asked for (--max-kld)\n"))
        # A model does not differ from itself, whether it is an executable or a .llmc, and whatever the text's form.
        container = self.compile(STORYBOOK, "story.llmc", "--emit", "llmc")
        done = self.eval(container, "--text", "-", "--against", story, "--max-kld", "0", "--json", text=TEXT.read_text()[:3000])
        found = json.loads(done.stdout)
        expect("itself", (done.returncode, found["kld_mean"], found["kld_max"], found["same_top"]), (0, 0, 0, 1))
        # A text of one window, however long that is.
        sums = [self.eval(story, "--text", "-", "-c", window, "--json", text="Once upon a time there was a king") for window in (64, 512)]
        expect("a text shorter than a window", json.loads(sums[0].stdout)["perplexity"], json.loads(sums[1].stdout)["perplexity"])

    def mistakes(self, story):
        tiny = self.compile(HERE / "reference/tiny/llama-biases", "tiny")
        self.fails("no text", 2, "error: no text given (expected --text T)\nnote: all options: llmc eval --help\n", story)
        self.fails("an empty text", 1, "standard input: error: is empty\n", story, "--text", "-", text="")
        self.fails("a text of one token", 1, f"{tiny}: error: the text has 1 token, expected 2 at least\n", tiny, "--ids", "-",
                   text="5\n")
        self.fails("a missing text", 1, "nothing.txt: error: cannot be opened: no such file or directory\n", story, "--text", "nothing.txt")
        self.fails("a folder for a text", 1, f"{HERE}: error: cannot be read: is a directory\n", story, "--text", HERE)
        self.fails("a window past the context", 1, f"{story}: error: a window of 513 tokens, expected 2 to the context of 512\n", story,
                   "--text", TEXT, "-c", 513)
        self.fails("a stride of a window", 1, f"{story}: error: a stride of 64, expected 1 to 63, less than the window\n", story, "--text",
                   TEXT, "-c", 64, "--stride", 64)
        self.fails("no tokenizer", 1, f"{tiny}: error: the model has no tokenizer\nnote: give token ids: --ids FILE\n", tiny, "--text", TEXT)
        self.fails("another vocabulary", 1, f"{tiny}: error: a vocabulary of 53 tokens, the other model has 2048\n", tiny, "--ids", "-",
                   "--against", story, text="1, 2, 3")
        self.fails("no id", 1, "standard input: error: 'x3' is no token id\n", tiny, "--ids", "-", text="1 2 x3")
        self.fails("an id past the vocabulary", 1, f"{tiny}: error: token 1 is 53, the vocabulary has 53\n", tiny, "--ids", "-",
                   text="1 53")
        self.fails("a threshold without a model", 2,
                   "error: --max-kld needs a model to compare with (--against FILE2)\nnote: all options: llmc eval --help\n", story,
                   "--text", TEXT, "--max-kld", "1")
        self.fails("no number", 2, "error: --max-ppl: 'many' is no number from 0 up\nnote: all options: llmc eval --help\n", story,
                   "--text", TEXT, "--max-ppl", "many")
        self.fails("no model", 1, f"{TEXT}: error: is not a compiled model (no llmc container at its start or end)\n"
                   "note: a model is compiled by: llmc compile MODEL -o OUT\n", TEXT, "--text", TEXT)
        # The same vocabulary read in another way.
        other = checkpoint_edit.copy(STORYBOOK, self.folder / "other words")
        words = json.loads((other / "tokenizer.json").read_text())
        words["model"]["merges"] = words["model"]["merges"][:200]
        (other / "tokenizer.json").write_text(json.dumps(words))
        program = self.compile(other, "other")
        done = self.eval(story, "--text", TEXT, "--against", program)
        expect("another tokenizer", (done.returncode, done.stderr.startswith(
            f"{program}: error: its tokenizer reads the text in another way than that of {story}, from token ")), (1, True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        checker = Checker(args.llmc, pathlib.Path(scratch))
        story = checker.compile(STORYBOOK, "story")
        halved = checkpoint_edit.halve(checkpoint_edit.copy(STORYBOOK, checker.folder / "halved"), "model.layers.3.mlp.down_proj.weight")
        other = checker.compile(halved, "other story")
        checker.numbers(story, other)
        checker.thresholds(story, other)
        checker.mistakes(story)
    print("\n".join(failures) or "ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
