#!/usr/bin/python3
# check_reference.py - llmc check of graphs: compiled code beside the same ops run one by one, on recorded inputs.
#
#   check_reference.py [--llmc PATH] [DIR...]
#
# Every case of a folder (model.onnx with test_data_set_0) that compiles agrees with the reference. What is said of a difference
# is tried with no tolerance at all, which a function's last bit does not survive.
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

import text_graphs

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


def check_messages(llmc):
    """Lines of what is not said as it should be."""
    g = text_graphs.Graph()
    twice = g.op("Add", "x", "x")
    g.op("Mul", g.op("Erf", twice, name="b"), "b", name="y")
    model = text_graphs.field(1, 8) + text_graphs.field(7, g.bytes([text_graphs.value("x", ["n", 143])],
                                                                   [text_graphs.value("y", ["n", 143])])) + text_graphs.field(
                                                                       8, text_graphs.field(2, 17))
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "m.onnx").write_bytes(model)
        def check(*options):
            done = subprocess.run([llmc, "check", "m.onnx", *options], capture_output=True, text=True, cwd=folder)
            return done.returncode, done.stdout, "".join(line for line in done.stderr.splitlines(True) if "remark" not in line)
        named = "m.onnx: error: node '/Erf_2' (Erf, opset 17): value 'b' is the first that differs\n"
        for options, code, shown, said in [
            ((), 0, "output 'y' float32 [3, 143]: largest difference", ""),
            (("--dim", "n=7", "--seed", "5"), 0, "output 'y' float32 [7, 143]", ""),
            (("--tolerance", "0"), 3, "differs\n", named),
            (("--tolerance", "0", "--all"), 3, "node '/Add_1' (Add, opset 17): value 'Add_1' float32 [3, 143]: largest difference 0 of",
             named),
            (("--all",), 0, "value 'b'", ""),
            (("--input", "z=z.npy"), 1, "", "m.onnx: error: --input z: no input has that name\n"),
            (("--input", "x=none.npy"), 1, "", "none.npy: error: "),
        ]:
            found = check(*options)
            if found[0] != code or shown not in found[1] or (found[2] != said if not said.endswith(": ") else not found[2].startswith(said)):
                wrong.append(f"{' '.join(options)}: found {found}, expected {(code, shown, said)}")
        if check()[1] == check("--seed", "2")[1]:
            wrong.append("--seed draws nothing else")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", default=os.environ.get("LLMC", "llmc"))
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR")
    options = parser.parse_args()
    paths = [path for folder in options.folders for path in sorted(folder.rglob("model.onnx"))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: check_case(options.llmc, path), paths))
    bad = [line for line in results if line] + check_messages(os.path.abspath(options.llmc))
    for line in bad:
        print(line)
    print(f"{results.count('')} agree, {len(bad)} do not, {results.count(None)} are refused or without inputs")
    return 1 if bad or not results.count("") else 0


if __name__ == "__main__":
    sys.exit(main())
