#!/usr/bin/python3
# check_library.py - `--emit lib`: a program around object, header and weight image has the executable's logits, bit for bit.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import gguf_models

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "runtime" / "include"
IDS = ["1", "17", "5", "30", "2", "9", "41"]


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, timeout=100, check=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    llmc = parser.parse_args().llmc
    failures = []
    for name in ("qwen3", "llama-uneven-tied"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            common = ["compile", HERE / "reference" / "tiny" / name, "--cpu=x86-64-v3", "--max-step=11", "--max-sequences=1"]
            run(llmc, *common, "--emit", "lib", "-o", folder / "my-model")
            made = sorted(path.name for path in folder.iterdir())
            if made != ["my-model.h", "my-model.o", "my-model.weights"]:
                failures.append(f"{name}: {made} were made")
            undefined = run("nm", "-u", folder / "my-model.o").split()
            if undefined:
                failures.append(f"{name}: the object refers to {undefined}")
            (folder / "my_model.h").write_text((folder / "my-model.h").read_text())
            run("cc", "-O1", "-Wall", "-Wextra", "-Werror", "-I", folder, "-I", INCLUDE, HERE / "library_main.c", folder / "my-model.o",
                "-o", folder / "program")
            # The header is one of C++ as well.
            run("c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", INCLUDE, "-x", "c++", folder / "my_model.h")
            run(folder / "program", folder / "my-model.weights", folder / "found", *IDS)
            run(llmc, *common, "-o", folder / "executable")
            run(folder / "executable", "--ids", ",".join(IDS), "--logits", folder / "wanted.npy", "-n", "0")
            wanted = np.load(folder / "wanted.npy")
            found = np.fromfile(folder / "found", dtype=np.float32)
            if found.size != wanted.size or found.tobytes() != wanted.tobytes():
                failures.append(f"{name}: other logits than the executable's: {found[:4]}, {wanted.ravel()[:4]}")
    with tempfile.TemporaryDirectory() as scratch:
        # Nobody asks the system for the registers of tiles: they are used when they are named, and not as the best of this machine.
        model = gguf_models.write_mixed(pathlib.Path(scratch) / "mixed.gguf")
        for cpu, uses in (("native", False), ("x86-64-v4-amx", True)):
            out = pathlib.Path(scratch) / cpu.replace("-", "_")
            run(llmc, "compile", model, f"--cpu={cpu}", "--max-step=40", "--max-sequences=1", "--emit", "lib", "-o", out)
            if ("tdpbssd" in run("objdump", "-d", out.with_suffix(".o"))) != uses:
                failures.append(f"{cpu}: tiles are {'not ' if uses else ''}used")
    print("\n".join(failures) or "ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
