#!/usr/bin/python3
# check_chat_template.py - the bundled model with a chat template beside it: the template goes into the file and is used.
#
#   check_chat_template.py --llmc build/dev/bin/llmc
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent / "models" / "storybook"
TEMPLATE = "{% for message in messages %}{{ 'Once ' if message.role == 'user' else '' }}{{ message.content }}\n{% endfor %}"


def run(*command):
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    llmc = parser.parse_args().llmc
    failures = []

    def check(what, got, wanted):
        if got != wanted:
            failures.append(f"{what}: got {got!r}, expected {wanted!r}")

    with tempfile.TemporaryDirectory() as scratch:
        model, program = pathlib.Path(scratch) / "model", pathlib.Path(scratch) / "program"
        shutil.copytree(MODEL, model)
        (model / "chat_template.jinja").write_text("{{ bos_token }}" + TEMPLATE)
        check("compiling", run(llmc, "compile", model, "--cpu", "x86-64-v3", "-o", program).returncode, 0)
        greedy = ["--temp", 0, "-n", 16, "--ids-only"]
        # The written text, as --raw reads it: the tokenizer puts the first token before it itself.
        check("a message", run(program, "upon a time", *greedy).stdout, run(program, "--raw", "Once upon a time\n", *greedy).stdout)
        check("a system message", run(program, "--system", "Lily", "upon a time", *greedy).stdout,
              run(program, "--raw", "Lily\nOnce upon a time\n", *greedy).stdout)
        check("they differ", run(program, "upon a time", *greedy).stdout != run(program, "--raw", "upon a time", *greedy).stdout, True)
        check("verify", run(llmc, "verify", program).returncode, 0)

        (model / "chat_template.jinja").write_text(TEMPLATE + "\n{{ messages | frobnicate }}")
        done = run(llmc, "compile", model, "-o", pathlib.Path(scratch) / "none")
        check("a template nobody can run", (done.returncode, done.stderr.splitlines()[:1], (pathlib.Path(scratch) / "none").exists()),
              (1, [f"{model}/chat_template.jinja:3:15: error: unknown filter 'frobnicate'"], False))
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
