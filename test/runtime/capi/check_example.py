#!/usr/bin/env python3
# check_example.py - docs/examples/generate.c, compiled as C, continues a text and names a file that is wrong.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import pathlib
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["LLMC_BUILD"])


def run(*arguments):
    return subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60)


def main():
    example = BUILD / "examples" / "llmc-example-generate"
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model, program = folder / "toy.llmc", folder / "toy"
        run(BUILD / "unittests" / "llmc-test-write-toy", "--tokenizer", model)
        run(BUILD / "unittests" / "llmc-test-write-toy", "--tokenizer", program, BUILD / "bin" / "llmc-runtime")
        done = run(example, model, "the sea")
        wanted = run(program, "the sea", "-n", "32").stdout
        if done.returncode or done.stdout != wanted + b"\n" or not wanted:
            failures.append(f"the example wrote {done.stdout!r} ({done.stderr!r}), the executable {wanted!r}")
        if done.stderr != b"6 tokens read, 32 written in 32 pieces\n":  # <bos> the " " s e a
            failures.append(f"the example told {done.stderr!r}")
        done = run(example, folder / "nothing", "text")
        if (done.returncode, done.stderr) != (1, f"{folder}/nothing: error: cannot be opened: no such file or directory\n".encode()):
            failures.append(f"a missing file: {done.returncode}, {done.stderr!r}")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
