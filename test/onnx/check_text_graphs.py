#!/usr/bin/python3
# check_text_graphs.py - graphs with past and present become text programs that say what ONNX Runtime's loop says.
#
#   check_text_graphs.py --llmc PATH
#
# The graphs are those of text_graphs.py; text_expected.json holds ONNX Runtime's tokens (make_text_expected.py).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import text_graphs

HERE = Path(__file__).resolve().parent
EXPECTED = json.loads((HERE / "text_expected.json").read_text())
FAILURES = []


def check(what, found, expected):
    if found != expected:
        FAILURES.append(f"{what}: found {found}, expected {expected}")


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


def ids(text):
    return [int(i) for i in re.findall(r"\d+", text)]


def joined(list_of_ids):
    return ",".join(map(str, list_of_ids))


class Tests:
    def __init__(self, llmc, work):
        self.llmc, self.work = llmc, Path(work)

    def program(self, form, *options, name=None):
        """A form compiled; the path of the artifact."""
        own = self.work / (name or (form if isinstance(form, str) else "own"))
        path = text_graphs.write(own, form)
        made = run(self.llmc, "compile", path, "--cpu", "native", "--emit", "llmc", "-o", own / "m.llmc", *options)
        if made.returncode:
            raise SystemExit(f"{form}: {made.stderr}")
        self.said = made.stderr
        return own / "m.llmc"

    def run(self, program, *options, **more):
        done = run(self.llmc, "run", program, *options, **more)
        if done.returncode:
            FAILURES.append(f"{program.parent.name} {' '.join(map(str, options))}: {done.stderr.strip()}")
        return done

    def forms(self):
        prompt, second = EXPECTED["prompt"], EXPECTED["second"]
        for form, expected in EXPECTED["forms"].items():
            program = self.program(form)
            for cut in ((), ("--max-step", 3), ("--sequences-beside", 2), ("-t", 1)):
                done = self.run(program, "--ids", joined(prompt), "-n", len(expected["ids"]), "--ids-only", "--temp", 0, *cut)
                check(f"{form} {cut}", ids(done.stdout), expected["ids"])
            # A conversation kept in a file between its turns.
            saved = self.work / "saved"
            done = self.run(program, "--ids", joined(prompt), "-n", 5, "--ids-only", "--temp", 0, "--save", saved)
            check(f"{form}, first turn", ids(done.stdout), expected["turns"][0])
            done = self.run(program, "--load", saved, "--ids", joined(second), "-n", 5, "--ids-only", "--temp", 0)
            check(f"{form}, second turn", ids(done.stdout), expected["turns"][1])

    def logits(self):
        """Of every position, whichever way they come."""
        prompt, expected = EXPECTED["prompt"], np.array(EXPECTED["logits"])
        for form in ("single", "whole", "last", "merged", "joined"):
            for cut in ((), ("--max-step", 2)):
                file = self.work / "logits.npy"
                self.run(self.work / form / "m.llmc", "--ids", joined(prompt), "-n", 1, "--ids-only", "--logits", file, *cut)
                found = np.load(file)[:len(prompt)]
                # Both sum up to some hundred products in floats; six digits are kept.
                worst = float(np.abs(found - expected).max() / np.abs(expected).max())
                if worst > 2e-5:
                    FAILURES.append(f"{form} {cut}: logits differ by {worst:.2g} of the largest")

    def texts(self):
        expected = EXPECTED["forms"]["single"]["ids"]
        words = lambda numbers: " ".join(f"w{i}" for i in numbers)
        program = self.work / "single/m.llmc"
        done = self.run(program, words(EXPECTED["prompt"]), "-n", len(expected), "--temp", 0, "--raw", "--stats")
        check("text", done.stdout.split(), words(expected).split())
        check("statistics", bool(re.search(r"prompt +7 tokens", done.stderr)), True)
        a, b = (self.run(program, words(EXPECTED["prompt"]), "-n", 12, "--temp", 1.5, "--seed", seed, "--ids-only").stdout
                for seed in (3, 3))
        check("drawn twice with one seed", a, b)
        check("drawn", ids(a) != expected[:12], True)
        # It ends at the tokens that generation_config.json names, and at texts.
        stops = self.program({**text_graphs.FORMS["single"]}, name="stops")
        config = self.work / "stops/generation_config.json"
        config.write_text(json.dumps({"eos_token_id": [2, expected[3]], "do_sample": False}))
        run(self.llmc, "compile", self.work / "stops/model.onnx", "--cpu", "native", "--emit", "llmc", "-o", stops)
        done = self.run(stops, "--ids", joined(EXPECTED["prompt"]), "--ids-only", "-n", 20)
        check("ends at a token", ids(done.stdout)[:3], expected[:3])
        check("ends at a token, and no later", len(ids(done.stdout)) <= 4, True)
        done = self.run(program, words(EXPECTED["prompt"]), "-n", 20, "--temp", 0, "--stop", f"w{expected[4]}")
        check("ends at a text", done.stdout.split(), words(expected[:4]).split())
        # A text that is longer than the context goes on when the middle is dropped.
        done = self.run(program, words(EXPECTED["prompt"]), "-n", 70, "--temp", 0, "--context-policy", "shift", "--ids-only")
        check("past the context", len(ids(done.stdout)), 70)
        done = self.run(program, words(EXPECTED["prompt"]), "-n", 70, "--temp", 0, "--ids-only", "-c", 20)
        check("within a context", ids(done.stdout), expected[:14])

    def evaluation(self):
        program = self.work / "single/m.llmc"
        numbers = EXPECTED["prompt"] + EXPECTED["forms"]["single"]["ids"]
        text = self.work / "text"
        text.write_text(" ".join(f"w{i}" for i in numbers))
        file = self.work / "logits.npy"
        self.run(program, "--ids", joined(numbers), "-n", 1, "--ids-only", "--logits", file)
        logits = np.load(file).astype("f8")
        logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        expected = float(np.exp(-np.mean([logp[i, n] for i, n in enumerate(numbers[1:])])))
        done = run(self.llmc, "eval", program, "--text", text, "--json")
        found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
        if abs(found.get("perplexity", 0) / expected - 1) > 1e-4:
            FAILURES.append(f"eval: {done.stdout} {done.stderr}, expected {expected}")
        done = run(self.llmc, "bench", program, "--prompt-tokens", 8, "--new-tokens", 4, "--repetitions", 1, "--batch", 2)
        check("bench", done.returncode, 0)
        # A graph beside logits of another runtime, and beside itself in another form.
        np.save(file, np.array(EXPECTED["logits"], "f4"))
        done = run(self.llmc, "check", self.work / "single/model.onnx", "--against", file, "--ids", joined(EXPECTED["prompt"]))
        check("check beside logits", (done.returncode, done.stderr.count("error")), (0, 0))
        done = run(self.llmc, "check", self.work / "joined/m.llmc", "--against", self.work / "whole/m.llmc")
        check("check beside another form", done.returncode, 0)

    def conversation(self):
        """On a terminal: the second turn computes what is new alone."""
        script = HERE.parent / "runtime/runner/check_command_line.py"
        spec = importlib.util.spec_from_file_location("check_command_line", script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        program = self.work / "chat/exe"
        run(self.llmc, "compile", self.work / "chat", "--cpu", "native", "-o", program)
        shown, code = module.on_terminal(program, "-n", 4, "--temp", 0, "--ids-only",
                                         say=b"w5 w23\n/stats\nw53\n/stats\n/exit\n", limit=60)
        check("conversation ends", code, 0)
        answers = [ids(a) for a in re.findall(r"^(?:> )*([\d,]+)\r?$", shown, re.M)]
        computed = [int(n) for n in re.findall(r"prompt +(\d+) tokens", shown)]
        prompts = [[1, 11, 5, 23, 1, 13]]
        prompts.append([1, 11, 5, 23, 1, 13] + (answers[0] if answers else []) + [1, 11, 53, 1, 13])
        for turn, prompt in enumerate(prompts):
            done = self.run(self.work / "single/m.llmc", "--ids", joined(prompt), "-n", 4, "--temp", 0, "--ids-only")
            check(f"turn {turn + 1}", answers[turn] if turn < len(answers) else None, ids(done.stdout))
        check("tokens computed in each turn", computed, [6, 6])  # the last token of an answer is read with the next turn

    def folders(self):
        """A folder with a graph in it is a model, called like the folder."""
        done = run(self.llmc, "compile", self.work / "merged", "--cpu", "native", cwd=self.work)
        check("an executable named after the folder", done.returncode, 1)  # a folder of that name is there
        check("its message", "is a directory" in done.stderr, True)
        (self.work / "elsewhere").mkdir()
        done = run(self.llmc, "compile", self.work / "merged", "--cpu", "native", cwd=self.work / "elsewhere")
        check("compiles in another folder", done.returncode, 0)
        done = run("./merged", "--ids", joined(EXPECTED["prompt"]), "-n", 20, "--ids-only", "--temp", 0, cwd=self.work / "elsewhere")
        check("an executable", ids(done.stdout), EXPECTED["forms"]["merged"]["ids"])
        done = run(self.llmc, "compile", "-", "--cpu", "native", "--emit", "llmc", "-o", self.work / "again.llmc",
                   input=run(self.llmc, "compile", self.work / "single", "--emit", "mlir", "--compile-to=lower", "-o", "-").stdout)
        check("from text", done.returncode, 0)
        done = self.run(self.work / "again.llmc", "--ids", joined(EXPECTED["prompt"]), "-n", 20, "--ids-only", "--temp", 0)
        check("a program from text", ids(done.stdout), EXPECTED["forms"]["single"]["ids"])

    def messages(self):
        """What is said, and what becomes of the graph."""
        tensors = "stays a graph on tensors: "
        cases = [
            ("single", [], 0, ""),
            ("merged", [], 0, "remark: was exported to read one token at a time behind its past: prompts are read so"),
            ("one", [], 0, "remark: was exported to read one token at a time behind its past"),
            ("whole", [], 0, "remark: takes no past: each token reads the whole text again"),
            ({"tokenizer": False}, [], 0, f"remark: {tensors}it looks like a text decoder, but no tokenizer lies beside it"),
            ({"tokenizer": False, "config": False}, [], 0, f"remark: {tensors}it looks like a text decoder, but no tokenizer"),
            ({"config": False}, [], 0, "remark: nothing beside it says which tokens end a text"),
            ({"config": False}, [], 0, "remark: nothing beside it says how many positions it was made for: taken to be 2048"),
            ({"extra": "pixel_values"}, [], 0, f"remark: {tensors}a text program would not know what to give its input 'pixel_values'"),
            ({}, ["--dim", "batch_size=1"], 0, f"remark: {tensors}--dim bounds its dimensions"),
            ({}, ["--tensors"], 0, ""),
            ({"tokens": 4}, [], 0, f"remark: {tensors}input 'input_ids' has 4 tokens, no more and no fewer"),
            ({"without": "present.1.value"}, [], 1,
             "error: input 'past_key_values.1.value' has no output that is its present (expected 'present.1.value')\n"
             "note: --tensors compiles the graph without joining its past and present"),
            ({"stale": True}, [], 1, "error: output 'present.0.key' is "),
            ({"stale": True}, [], 1, "which does not continue its past 'past_key_values.0.key' (expected "),
            ({}, ["--max-context", "49"], 1, "error: --max-context = 49, but the model was made for 48 positions ("),
            ({"eos": 61}, [], 1, "'eos_token_id' = 61 is not a token (expected 0 to 60)"),
            ({"words": 99}, [], 0, "tokenizer.json: warning: has token ids up to 98, the graph's logits are of 0 to 60\n"
                                   "note: texts with other tokens are refused when they are read"),
        ]
        for number, (form, options, code, said) in enumerate(cases):
            own = self.work / f"case{number}"
            form = text_graphs.FORMS[form] if isinstance(form, str) else form
            path = text_graphs.write(own, form)
            if "eos" in form:
                (own / "generation_config.json").write_text(json.dumps({"eos_token_id": form["eos"]}))
            if "words" in form:
                tokenizer = json.loads(json.dumps(text_graphs.TOKENIZER))
                tokenizer["model"]["vocab"].update({f"w{i}": i for i in range(61, form["words"])})
                (own / "tokenizer.json").write_text(json.dumps(tokenizer))
            done = run(self.llmc, "compile", path, "--cpu", "native", "--emit", "llmc", "-o", own / "m.llmc", *options)
            check(f"{form} {options}: exit code", (done.returncode, done.stderr if done.returncode != code else ""), (code, ""))
            if said not in done.stderr:
                FAILURES.append(f"{form} {options}: said {done.stderr!r}, expected {said!r}")
            elif not said and re.search(r"remark|warning|error", done.stderr.replace("remark: dimension", "")):
                FAILURES.append(f"{form} {options}: said {done.stderr!r}, expected nothing")
            if code == 0:
                isGraph = bool(run(self.llmc, "run", own / "m.llmc", "--ids", "3,4", "-n", 1, "--ids-only").returncode)
                check(f"{form} {options}: stays a graph", isGraph, "stays a graph" in said or options == ["--tensors"])
        done = run(self.llmc, "run", self.work / f"case{len(cases) - 1}/m.llmc", "w3 w70", "--raw", "-n", 1)
        check("a token without logits", (done.returncode, "token 1 of sequence 0 is 70, expected 0 to 60" in done.stderr), (1, True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        tests = Tests(os.path.abspath(options.llmc), work)
        os.environ.setdefault("LLMC_BUILD", str(Path(tests.llmc).parent.parent))
        for test in (tests.forms, tests.logits, tests.texts, tests.evaluation, tests.conversation, tests.folders, tests.messages):
            test()
    for failure in FAILURES:
        print(failure)
    print("text graphs:", "failed" if FAILURES else f"{len(EXPECTED['forms'])} forms, as ONNX Runtime's loop has them")
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
