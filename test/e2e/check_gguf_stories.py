#!/usr/bin/python3
# check_gguf_stories.py - the stories260K GGUF beside the repository writes the text that llama2.c writes, byte for byte.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_gguf_stories.py --llmc build/dev/bin/llmc        exit code 77 when the files are not there"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SHARED = pathlib.Path(os.environ.get("LLMC_SHARED") or pathlib.Path(__file__).resolve().parents[3] / "shared") / "testdata"
MODEL = SHARED / "vespa-tinyllm-gguf" / "tinyllm.gguf"
TEXT = SHARED / "stories260K-llama2c" / "expected_t0_n200.txt"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    args = parser.parse_args()
    for path in (MODEL, TEXT):
        if not path.exists():
            print(f"skipped: needs {path}")
            return 77
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "stories"
        # The file says 128 positions, the text is longer.
        subprocess.run([args.llmc, "compile", MODEL, "--max-context", "512", "-o", program], check=True, timeout=120)
        found = subprocess.run([program, "--temp", "0", "-n", "200", ""], check=True, capture_output=True, timeout=60).stdout
    expected = TEXT.read_bytes()
    if found != expected:
        same = len(os.path.commonprefix([found, expected]))
        print(f"differs after {same} of {len(expected)} bytes: {found[same:same + 40]!r}, expected {expected[same:same + 40]!r}")
        return 1
    print(f"{len(expected)} bytes, as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
