#!/usr/bin/python3
# check_hostile_configs.py - each config.json of a published set of hostile ones: one message, or a model.
#
#   check_hostile_configs.py --llmc LLMC [--write]     compares with hostile_configs.txt, or writes it anew
#
# Needs mlxd-hostile-configs of the shared test data. A name of model_type that is not supported yet has its message as well: the list
# grows true models with the families.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "hostile_configs.txt"
SHARED = Path(os.environ.get("LLMC_SHARED") or HERE.parents[2] / "shared") / "testdata" / "mlxd-hostile-configs"


def outcome(llmc, folder):
    """The first line of what is said, or the number of parameters."""
    done = subprocess.run([llmc, "plan", "config.json", "--bandwidth", "1", "--operations", "1"], cwd=folder, capture_output=True, text=True,
                          timeout=60)
    lines = done.stderr.splitlines()
    if done.returncode == 0 and not lines:
        return "accepted, " + re.search(r"parameters +(\d+)", done.stdout)[1] + " parameters"
    if done.returncode != 1 or not 1 <= len(lines) <= 2 or not re.match(r"(\./)?[a-z_]+\.json(:\d+:\d+)?: error: ", lines[0]):
        return f"EXIT CODE {done.returncode}: {done.stderr[:200]!r}"
    return lines[0].removeprefix("./")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print(f"needs {SHARED.name} of the test data beside the repository (LLMC_SHARED)")
        return 77
    found = {path.parent.name: outcome(options.llmc, path.parent) for path in sorted(SHARED.glob("*/config.json"))}
    if options.write:
        TABLE.write_text("".join(f"{name}: {text}\n" for name, text in found.items()))
        return 0
    expected = dict(line.split(": ", 1) for line in TABLE.read_text().splitlines())
    # Others of the set have their outcome judged by form alone.
    wrong = [f"{name}: {text}\n  expected {expected.get(name, 'a message, or a model')}" for name, text in found.items()
             if text != expected.get(name, text) or text.startswith("EXIT CODE")]
    print("\n".join(wrong) or f"{len(found)} configs: {sum(text.startswith('accepted') for text in found.values())} accepted, "
                              "each other with one message")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
