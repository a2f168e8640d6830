#!/usr/bin/env python3
# check_dynamic.py - one artifact of a model serves several batches and lengths, with the outputs of ONNX Runtime.
#
#   check_dynamic.py [--llmc PATH] [--cpu NAME] [--match TEXT]
#
# Needs onnxruntime and the test data beside the repository (../shared, or LLMC_SHARED); exit code 77 without them.
# An output may differ by 1e-4 of the range that ONNX Runtime's has: f32 sums in another order. Prints one line a model
# and size, with the largest difference, and 'N passed, N failed' last.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = Path(os.environ.get("LLMC_SHARED", ROOT.parent / "shared")) / "testdata"
TINY = "ort-tiny-bert-gpt2-with-io/"
BATCHES = [(1, 1), (1, 7), (2, 5), (7, 8), (3, 16), (8, 31), (5, 64)]
# path, names of the dims of a batch and a sequence, bounds, ids are below
MODELS = [
    ("optimum-tiny-distilbert-onnx/model.onnx", ("batch", "sequence"), 64, 1000),
    (TINY + "bert_squad_pytorch1.4_opset10_fp32/BertForQuestionAnswering.onnx", ("batch_size", "max_seq_len"), 64, 1000),
    (TINY + "bert_squad_pytorch1.4_opset11/BertForQuestionAnswering_1.onnx", ("batch_size", None), 10, 1000),
    (TINY + "bert_mrpc_tensorflow2.1_opset10/TFBertForSequenceClassification_1.onnx", ("N", None), 7, 20),
    (TINY + "gpt2_pytorch1.4_opset11_no_past/GPT2Model.onnx", ("batch_size", "seq_len"), 8, 20),
    ("ort-toy-models/bert_toy_optimized.onnx", ("batch", "max_seq_len_in_batch"), 64, 30),
    ("vespa-dummy-bert-onnx/dummy_transformer.onnx", ("batch", "tokens"), 64, 20),
    ("vespa-dummy-bert-onnx/dummy_transformer_without_type_ids.onnx", ("batch", "tokens"), 64, 20),
]


def feeds_of(session, sizes, most, random):
    feeds = {}
    for value in session.get_inputs():
        shape = [sizes.get(d, 1) if isinstance(d, str) else d for d in value.shape]
        dtype = {"tensor(int64)": "i8", "tensor(int32)": "i4", "tensor(float)": "f4"}[value.type]
        if "mask" in value.name:
            array = np.ones(shape, dtype)
            array[..., 1 + shape[-1] // 2:] = 0 if shape[0] > 1 else 1
        elif dtype == "f4":
            array = random.standard_normal(shape).astype(dtype)
        else:
            array = random.integers(0, 2 if "type" in value.name or "segment" in value.name else most, shape, dtype)
        feeds[value.name] = array
    return feeds


def file_name(name):
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return "_" + plain if not plain or plain[0] == "." else plain


def check_model(model, dims, longest, most, options):
    """The number of sizes that hold and of those that do not."""
    path = DATA / model
    name = path.parent.name + "/" + path.name
    if not path.exists():
        print(f"{name}: is not there, skipped")
        return 0, 0
    try:
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes differ from version to version
        print(f"{name}: ONNX Runtime does not take it, skipped: {str(error)[:120]}")
        return 0, 0
    batch, sequence = dims
    random = np.random.default_rng(7)
    held = failed = 0
    with tempfile.TemporaryDirectory(prefix="llmc-dynamic-") as work:
        command = [options.llmc, "compile", str(path), "--emit", "llmc", "--cpu", options.cpu, "-o", f"{work}/m.llmc",
                   "--dim", f"{batch}=1..8"] + (["--dim", f"{sequence}=1..{longest}"] if sequence else [])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: {done.stderr.strip()}")
            return 0, 1
        for rows, length in BATCHES:
            if length > longest:
                continue
            feeds = feeds_of(session, {batch: rows, sequence: length}, most, random)
            try:
                expected = session.run(None, feeds)
            except Exception as error:
                print(f"{name} batch {rows} length {length}: ONNX Runtime fails, skipped: {str(error)[-120:]}")
                continue
            command = [options.llmc, "run", f"{work}/m.llmc", "--threads", "2", "--output-dir", f"{work}/out"]
            for key, array in feeds.items():
                np.save(f"{work}/{file_name(key)}.npy", array)
                command += ["--input", f"{key}={work}/{file_name(key)}.npy"]
            done = subprocess.run(command, capture_output=True, text=True)
            worst, reason = 0.0, done.stderr.strip() if done.returncode else ""
            for value, array in zip(session.get_outputs(), expected):
                if reason:
                    break
                found = np.load(f"{work}/out/{file_name(value.name)}.npy")
                if found.shape != array.shape:
                    reason = f"output '{value.name}' has shape {found.shape} (expected {array.shape})"
                    break
                spread = float(array.max() - array.min()) or 1.0
                worst = max(worst, float(np.abs(found - array).max()) / spread)
            if not reason and not worst <= 1e-4:
                reason = "differs too much"
            print(f"{name} batch {rows} length {length}: {reason or 'holds'}, largest difference {worst:.2g} of the range")
            held, failed = held + (not reason), failed + bool(reason)
    return held, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", default=str(ROOT / "build/dev/bin/llmc"))
    parser.add_argument("--cpu", default="native")
    parser.add_argument("--match", default="")
    options = parser.parse_args()
    held = failed = 0
    for model in MODELS:
        if options.match in model[0]:
            more = check_model(*model, options)
            held, failed = held + more[0], failed + more[1]
    print(f"{held} passed, {failed} failed")
    return 1 if failed or not held else 0


if __name__ == "__main__":
    try:
        import numpy as np
        import onnxruntime as ort
    except ImportError:
        print("skipped: needs the Python package onnxruntime")
        sys.exit(77)
    if not DATA.exists():
        print(f"skipped: needs {DATA}")
        sys.exit(77)
    sys.exit(main())
