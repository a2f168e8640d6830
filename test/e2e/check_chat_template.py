#!/usr/bin/python3
# check_chat_template.py - the bundled model with a chat template beside it, and a GGUF file with one in its metadata: the template
# goes into the file and is used.
#
#   check_chat_template.py --llmc build/dev/bin/llmc
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import gguf_models

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent / "models" / "storybook"
TEMPLATE = "{% for message in messages %}{{ 'Once ' if message.role == 'user' else '' }}{{ message.content }}\n{% endfor %}"


def run(*command):
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def write_gguf(path, template):
    """A tiny model with a vocabulary of its 53 tokens: letters, and what stands around texts."""
    tokens = ["<unk>", "<s>", "</s>", "\u2581", *map(chr, range(ord("a"), ord("z") + 1)), *map(chr, range(ord("A"), ord("W") + 1))]
    count = len(tokens)
    text = lambda value: (gguf_models.STRING, value)
    metadata = {
        "tokenizer.ggml.model": text("llama"),
        "tokenizer.ggml.tokens": (gguf_models.ARRAY, (gguf_models.STRING, tokens)),
        "tokenizer.ggml.scores": (gguf_models.ARRAY, (gguf_models.F32, [float(-i) for i in range(count)])),
        "tokenizer.ggml.token_type": (gguf_models.ARRAY, (gguf_models.I32, [2, 3, 3] + [1] * (count - 3))),
        "tokenizer.ggml.bos_token_id": (gguf_models.U32, 1),
        "tokenizer.ggml.add_space_prefix": (gguf_models.BOOL, False),
        "tokenizer.chat_template": text(template),
        "tokenizer.chat_templates": (gguf_models.ARRAY, (gguf_models.STRING, ["rag"])),
        "tokenizer.chat_template.rag": text("R"),
    }
    gguf_models.convert("llama-gqa-tied", path, more=metadata)
    return {token: number for number, token in enumerate(tokens)}


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
        for command in ([program, "--about"], [llmc, "inspect", program]):
            lines = run(*command).stdout.splitlines()
            check("the tokenizer and the template", ["tokenizer   byte-level BPE, 2048 tokens" in lines, "chat        template default" in lines],
                  [True, True])
        check("verify", run(llmc, "verify", program).returncode, 0)

        (model / "chat_template.jinja").write_text(TEMPLATE + "\n{{ messages | frobnicate }}")
        done = run(llmc, "compile", model, "-o", pathlib.Path(scratch) / "none")
        check("a template nobody can run", (done.returncode, done.stderr.splitlines()[:1], (pathlib.Path(scratch) / "none").exists()),
              (1, [f"{model}/chat_template.jinja:3:15: error: unknown filter 'frobnicate'"], False))

        # The same in a GGUF file.
        gguf = pathlib.Path(scratch) / "talk.gguf"
        ids = write_gguf(gguf, "{{ bos_token }}{% for m in messages %}U{{ m.content }}{{ eos_token }}{% endfor %}A")
        check("compiling a GGUF file", run(llmc, "compile", gguf, "--cpu", "x86-64-v3", "-o", program).returncode, 0)
        written = ",".join(str(ids[token]) for token in ["<s>", "U", "s", "e", "a", "</s>", "A"])
        got = run(program, "sea", *greedy).stdout
        check("a message to it", got, run(program, "--ids", written, *greedy).stdout)
        check("it differs from the text", got != run(program, "--raw", "sea", *greedy).stdout, True)
        write_gguf(gguf, "{{ bos_token }}\n  {{ messages | frobnicate }}")
        done = run(llmc, "compile", gguf, "-o", pathlib.Path(scratch) / "none")
        check("a template nobody can run in it", (done.returncode, done.stderr.splitlines()[:1]),
              (1, [f"{gguf}: error: chat_template, line 2, column 17: unknown filter 'frobnicate'"]))
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
