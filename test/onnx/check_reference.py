#!/usr/bin/python3
# check_reference.py - llmc check of graphs: compiled code beside the same ops run one by one, on recorded inputs.
#
#   check_reference.py [--llmc PATH] [DIR...]
#
# Every case of a folder (model.onnx with test_data_set_0) that compiles agrees with the reference. Without a folder: a few
# of our own cases, and what is said of a difference, which --fault puts there.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("models", str(HERE / "run-onnx-models"))
models = importlib.util.module_from_spec(importlib.util.spec_from_loader("models", loader))
loader.exec_module(models)


def check_case(llmc, path):
    """A line of what went wrong, "" where all agree, None where the model is refused or has no inputs recorded."""
    data = path.parent / "test_data_set_0"
    model = models.Model(path)
    inputs = []
    for i, (name, _, _) in enumerate(model.inputs):
        if not (data / f"input_{i}.pb").exists():
            return None
        inputs += ["--input", f"{name}={data / f'input_{i}.pb'}"]
    with tempfile.TemporaryDirectory() as folder:
        dims = [a for name, size in models.bind(model, models.by_name(data, "input", [n for n, _, _ in model.inputs])).items()
                for a in ("--dim", f"{name}={size}")]
        known = subprocess.run([llmc, "compile", path, "--tensors", "--emit", "llmc", "-o", f"{folder}/m.llmc", *dims], capture_output=True)
        if known.returncode:
            return None
    done = subprocess.run([llmc, "check", path, *inputs, *dims], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    return f"{path.parent.name}: exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['?'])[-1]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR")
    options = parser.parse_args()
    paths = [path for folder in options.folders for path in sorted(folder.rglob("model.onnx"))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: check_case(options.llmc, path), paths))
    bad = [line for line in results if line]
    for line in bad:
        print(line)
    print(f"{results.count('')} agree, {len(bad)} do not, {results.count(None)} are refused or without inputs")
    return 1 if bad or not results.count("") else 0


if __name__ == "__main__":
    sys.exit(main())
