#!/usr/bin/python3
# check_logit_tools.py - compare-logits computes what it says, and bench-peer's GGUF holds the checkpoint's weights.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEV = REPOSITORY / "tools" / "dev"
BUNDLED = REPOSITORY / "test" / "models" / "storybook"
sys.path.insert(0, str(DEV))
sys.dont_write_bytecode = True
from models.checkpoint import rope_rows_to_halves  # noqa: E402
from models.gguf_file import GGUFFile  # noqa: E402
from models.gguf_writer import Checkpoint, write_gguf  # noqa: E402


class LogitTools(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def compare(self, a, b, *options):
        np.save(self.folder / "a.npy", np.array(a, dtype=np.float32))
        np.save(self.folder / "b.npy", np.array(b, dtype=np.float32))
        done = subprocess.run([str(DEV / "compare-logits"), str(self.folder / "a.npy"), str(self.folder / "b.npy"), *options],
                              capture_output=True, text=True, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        return done.returncode, [float(x) for x in re.findall(r"(\d\.\d+e[-+]\d+|inf|nan)", done.stdout)], done

    def test_divergence_of_two_coins(self):
        # b is a fair coin, a gives 3/4 and 1/4: KLD(b || a) = ln(1/2 / 3/4)/2 + ln(1/2 / 1/4)/2; the second row is equal.
        rows_a, rows_b = [[math.log(3), 0], [0, 2]], [[0, 0], [0, 2]]
        code, (error, divergence), _ = self.compare(rows_a, rows_b)
        self.assertEqual(code, 0)
        self.assertAlmostEqual(error, math.log(3) / 2, delta=0.005)  # the range of b is 2
        self.assertAlmostEqual(divergence, (math.log(2 / 3) / 2 + math.log(2) / 2) / 2, delta=0.0005)

    def test_an_exceeded_bound_is_exit_code_3(self):
        self.assertEqual(self.compare([[1, 0]], [[0, 0.5]], "--max-error", "3")[0], 0)
        self.assertEqual(self.compare([[1, 0]], [[0, 0.5]], "--max-error", "1")[0], 3)
        self.assertEqual(self.compare([[1, 0]], [[0, 0.5]], "--max-kld", "0.01")[0], 3)

    def test_nan_is_never_within_bounds(self):
        self.assertEqual(self.compare([[float("nan"), 0]], [[0, 0.5]], "--max-error", "1")[0], 3)

    def test_unequal_shapes_are_an_error(self):
        code, _, done = self.compare([[1, 0, 0]], [[0, 0.5]])
        self.assertEqual(code, 1)
        self.assertIn("expected two equal shapes", done.stderr)

    def test_the_gguf_of_a_checkpoint_holds_its_weights(self):
        config = json.loads((BUNDLED / "config.json").read_text())
        for kind in ("bf16", "f16"):
            write_gguf(BUNDLED, kind, self.folder / "m.gguf")
            gguf = GGUFFile((self.folder / "m.gguf").read_bytes())
            self.assertEqual(gguf.metadata["llama.attention.head_count_kv"], config["num_key_value_heads"])
            self.assertEqual(len(gguf.metadata["tokenizer.ggml.tokens"]), config["vocab_size"])
            checkpoint = Checkpoint(BUNDLED)
            for theirs, ours, heads in (("attn_q", "self_attn.q_proj", config["num_attention_heads"]),
                                        ("attn_k", "self_attn.k_proj", config["num_key_value_heads"]),
                                        ("ffn_down", "mlp.down_proj", None), ("ffn_norm", "post_attention_layernorm", None)):
                got = gguf.tensor(f"blk.5.{theirs}.weight")
                want = checkpoint.tensor(f"model.layers.5.{ours}.weight")
                if kind == "f16" and want.ndim == 2:
                    want = want.astype(np.float16).astype(np.float32)
                got = rope_rows_to_halves(got, heads) if heads else got
                np.testing.assert_array_equal(got, want, err_msg=f"{kind} {theirs}")


if __name__ == "__main__":
    unittest.main()
