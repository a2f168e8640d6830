#!/usr/bin/env python3
# check_conversation.py - a conversation of five turns with SmolLM2-135M-Instruct on a terminal: the ids of each answer are those
# of Hugging Face transformers (reference/conversation-smollm2.json, made by tools/dev/reference-conversation), and each turn
# computes only what is new.
#
# Needs the model: LLMC_SMOLLM2 names its directory, made by tools/dev/get-model.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["LLMC_BUILD"])
HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE.parent / "runtime" / "runner" / "check_command_line.py"


def on_terminal(*arguments, **options):
    spec = importlib.util.spec_from_file_location("check_command_line", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.on_terminal(*arguments, **options)


def main():
    model = os.environ.get("LLMC_SMOLLM2")
    if not model or not pathlib.Path(model).is_dir():
        print("needs smollm2-135m: LLMC_SMOLLM2=DIRECTORY, made by tools/dev/get-model smollm2-135m DIRECTORY")
        return 77
    reference = json.loads((HERE / "reference" / "conversation-smollm2.json").read_text())
    turns = reference["turns"]
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "smol"
        subprocess.run([BUILD / "bin" / "llmc", "compile", model, "--cpu", "native", "-o", program], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        say = "".join(turn["said"] + "\n/stats\n" for turn in turns) + "/exit\n"
        shown, code = on_terminal(program, "-n", reference["new_tokens"], "--temp", 0, "--ids-only", say=say.encode(), limit=100)
    answers = [list(map(int, ids.split(","))) for ids in re.findall(r"^(?:> )*([\d,]+)$", shown, re.M)]
    computed = [int(count) for count in re.findall(r"prompt +(\d+) tokens", shown)]
    failures = [f"exit code {code}"] if code else []
    cached = []  # the tokens whose keys and values are kept: all but the last one chosen
    for number, turn in enumerate(turns):
        got = answers[number] if number < len(answers) else None
        if got != turn["answer"]:
            failures.append(f"turn {number + 1}: answered {got}, expected {turn['answer']}")
        same = 0
        while same < min(len(cached), len(turn["prompt"]) - 1) and cached[same] == turn["prompt"][same]:
            same += 1
        wanted = len(turn["prompt"]) - same
        if number >= len(computed) or computed[number] != wanted:
            failures.append(f"turn {number + 1}: computed {computed[number:number + 1]} tokens, expected {wanted}")
        if number and wanted >= len(turn["prompt"]) // 2:
            failures.append(f"turn {number + 1}: {wanted} of {len(turn['prompt'])} tokens are new: the reference does not show what it should")
        cached = turn["prompt"] + turn["answer"][:-1]
    for failure in failures:
        print(failure)
    if not failures:
        print("computed", computed, "of", [len(turn["prompt"]) for turn in turns], "tokens")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
