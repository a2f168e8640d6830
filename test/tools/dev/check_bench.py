#!/usr/bin/python3
# check_bench.py - tools/dev/bench without a machine to measure: what it lists, refuses, and makes of readings.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BENCH = ROOT / "tools" / "dev" / "bench"
sys.path.insert(0, str(ROOT / "tools" / "dev"))
sys.dont_write_bytecode = True
try:
    from bench_lines import GROUPS, formats, measure
    from bench_lines.models import KINDS, tensors_of, token_bytes
    from first_slice.bench import Failure
except ImportError as reason:  # numpy
    print(f"skipped: {reason}")
    sys.exit(77)


def bench(*arguments):
    return subprocess.run([str(BENCH), *map(str, arguments)], capture_output=True, text=True, timeout=60)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path, tensors):
    """A header that says these (name, shape, type) and some metadata of every form."""
    pairs = [text("general.architecture") + struct.pack("<I", 8) + text("none"), text("a") + struct.pack("<II", 4, 7), text("b") + struct.pack("<IB", 7, 1),
             text("c") + struct.pack("<IIQ", 9, 8, 2) + text("x") + text("yz"), text("d") + struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3)]
    infos = [text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, 0) for name, shape, kind in tensors]
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos))


class CommandLine(unittest.TestCase):
    def test_every_format_of_every_model_has_a_group(self):
        done = bench("--list")
        self.assertEqual(done.returncode, 0)
        names = done.stdout.split()
        for shape, kinds in KINDS.items():
            for kind in kinds:
                self.assertIn(f"{shape}-{kind}", names)
        for name in ("batch", "long-context", "stolen-core", "f16-arithmetic", "same-bits", "avx2", "onnx-runtime", "openvino"):
            self.assertIn(name, names)

    def test_groups_can_be_chosen(self):
        self.assertEqual(bench("--list", "--only", "q4_0$").stdout.split(), ["smollm2-q4_0", "1.1b-q4_0"])
        self.assertEqual(bench("--list", "--models", "1.1b", "--only", "q4_0$").stdout.split(), ["1.1b-q4_0"])

    def test_mistakes(self):
        for arguments, message in [
            ([], "--work is needed"),
            (["--models", "7b", "--list"], "--models: no model '7b' (expected smollm2, 1.1b)"),
            (["--only", "(", "--list"], "--only: '(' is no regular expression"),
            (["--only", "absent", "--work", "x"], "--only: no group matches 'absent' (see --list)"),
            (["--threads", "0", "--list"], "'0' is not a list of numbers from 1 on"),
            (["--setup"], "--setup needs --peer DIR"),
        ]:
            done = bench(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(message, done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            done = bench("--work", folder, "--build", folder, "--only", "batch")
            self.assertEqual(done.returncode, 1)
            self.assertIn("llmc: not found (build it", done.stderr)


class Sources(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "m.gguf"

    def test_bytes_of_a_token_are_those_of_the_matrices(self):
        layer = [("blk.0.ffn_up.weight", [7, 256], 12), ("blk.0.attn_norm.weight", [256], 0)]
        gguf(self.path, [("token_embd.weight", [11, 256], 8), *layer])
        self.assertEqual(tensors_of(self.path)[0], ("token_embd.weight", [11, 256], 11 * 8 * 34))
        self.assertEqual(token_bytes(self.path), 11 * 8 * 34 + 7 * 144)
        gguf(self.path, [("token_embd.weight", [11, 256], 8), ("output.weight", [11, 256], 1), *layer])
        self.assertEqual(token_bytes(self.path), 11 * 256 * 2 + 7 * 144)  # rows of the embedding are looked up

    def test_other_files_are_refused(self):
        self.path.write_bytes(b"something else")
        with self.assertRaises(Failure):
            tensors_of(self.path)


class Readings(unittest.TestCase):
    def turns(self, **readings):
        turns = measure.Turns()
        for key, values in readings.items():
            for value in values:
                turns.add((key.replace("_", " "), 1, 512), value)
        return turns

    def test_ratios_are_of_medians(self):
        turns = self.turns(prefill=[30, 10, 20], peer_prefill=[5, 10, 20])
        text, holds = formats.beside(turns, "prefill", 1, 512, 2)
        self.assertEqual(text, "2.00 times: 20.0 and 10.0 tokens/s (of the best 1.50)")
        self.assertIs(holds, True)
        self.assertIs(formats.beside(turns, "prefill", 1, 512, 2.01)[1], False)
        self.assertIsNone(formats.beside(turns, "prefill", 1, 512, None)[1])

    def test_without_the_peer_nothing_holds(self):
        self.assertEqual(formats.beside(self.turns(prefill=[7]), "prefill", 1, 512, 2), ("7.0 tokens/s, llama.cpp not measured", False))

    def test_products_are_those_of_many_rows(self):
        kernel = {"kernel": "matmul", "calls": 2, "rows": 1024, "operations": 6e9, "seconds": 2}
        result = {"profile": [{"phase": "decode", "kernels": []},
                              {"phase": "prefill", "kernels": [kernel, {**kernel, "operations": 2e9, "seconds": 2, "rows": 513},
                                                               {**kernel, "calls": 1, "rows": 1, "seconds": 100}, {**kernel, "kernel": "rope"}]}]}
        self.assertEqual(measure.matmul_rate(result, 512), 2e9)
        with self.assertRaises(Failure):
            measure.matmul_rate({"profile": []}, 512)

    def test_every_kind_says_what_is_asked_of_its_products(self):
        for kinds in KINDS.values():
            for kind in kinds:
                self.assertIn(kind, formats.PRODUCTS)
        self.assertEqual(len(GROUPS), sum(map(len, KINDS.values())) + 8)


if __name__ == "__main__":
    unittest.main()
