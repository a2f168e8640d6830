#!/usr/bin/python3
# check_plan.py - llmc plan: counts that others published, what the compiled model then is, predictions by hand, mistakes.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MODELS = Path(__file__).resolve().parents[2] / "models"
TINY = Path(__file__).resolve().parents[2] / "e2e" / "reference" / "tiny"
LLMC = None
MACHINE = ["--bandwidth", "20", "--operations", "240"]
LLAMA = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
         "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "hidden_act": "silu",
         "tie_word_embeddings": False, "torch_dtype": "float16"}


class Plan(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="llmc-plan-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def llmc(self, *arguments, code=0):
        done = subprocess.run([LLMC, *map(str, arguments)], cwd=self.root, capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[:500], done.stderr[:500]))
        return done

    def plan(self, model, *arguments):
        return json.loads(self.llmc("plan", model, *MACHINE, "--json", *arguments).stdout)

    def config(self, **changes):
        (self.root / "config.json").write_text(json.dumps({**LLAMA, **changes}))
        return "config.json"

    def test_published_parameter_counts(self):
        """What Hugging Face's pages of the models say."""
        for count, changes in (
            (6_738_415_616, {}),  # LLaMA 2 7B
            (8_030_261_248, {"intermediate_size": 14336, "num_key_value_heads": 8, "vocab_size": 128256}),  # LLaMA 3 8B
            (7_248_023_552, {"model_type": "mistral", "intermediate_size": 14336, "num_key_value_heads": 8, "vocab_size": 32768}),  # 7B v0.3
            (1_100_048_384, {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_key_value_heads": 4}),  # TinyLlama
            (134_515_008, {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
                           "num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": True}),  # SmolLM2 135M
        ):
            self.assertEqual(self.plan(self.config(**changes))["parameters"], count)

    def test_rates_by_hand(self):
        plan = self.plan(self.config())
        layer = 4096 * 4096 * 4 + 4096 * 11008 * 3
        self.assertEqual(plan["operations_per_prompt_token"], 2 * 32 * layer)
        self.assertEqual(plan["operations_per_token"], 2 * (32 * layer + 4096 * 32000))
        self.assertEqual(plan["bytes_per_token"], 2 * (32 * layer + 4096 * 32000))  # f16, no column is padded
        self.assertEqual(plan["cache_bytes_per_position"], 2 * 32 * 4096 * 4)
        self.assertEqual(plan["operations_per_position"], 32 * 4 * 4096)
        self.assertAlmostEqual(plan["decode_tokens_per_second"], 20e9 / (plan["bytes_per_token"] + plan["cache_bytes_per_position"]))
        operations = 512 * 2 * 32 * layer + 2 * 4096 * 32000 + 512 * 513 / 2 * plan["operations_per_position"]
        self.assertAlmostEqual(plan["prefill_tokens_per_second"], 512 * 240e9 / operations)
        self.assertEqual(self.plan("config.json", "--kv", "f16")["cache_bytes_per_position"], 32 * 4096 * 4)
        self.assertEqual(self.plan("config.json", "--weights", "f32")["bytes_per_token"], 2 * plan["bytes_per_token"])

    def test_the_compiled_model_is_as_planned(self):
        for model, options in ((TINY / "llama-biases", []), (MODELS / "storybook", ["--weights", "q4", "--kv", "f16", "--max-context", "96"])):
            plan = self.plan(model, *options)
            self.llmc("compile", model, "--cpu", "x86-64-v3", "--emit", "llmc", "-o", "out", "--report=report.json", *options)
            report = json.loads((self.root / "report.json").read_text())
            self.assertEqual(plan["weights_bytes"], report["weights_bytes"])
            self.assertEqual([plan["arena_bytes"]], [entry["arena_bytes"] for entry in report["entries"]])
            self.assertEqual([plan["cache_bytes_per_sequence"]],
                             [state["bytes_of_a_sequence"] for state in report["entries"][0]["states"]])
            self.assertEqual(sum(plan["weights_by_format"].values()), sum(weight["bytes"] for weight in report["weights"]))

    def test_config_alone_says_as_much_as_the_checkpoint(self):
        for model in ("llama-gqa-tied", "llama-biases", "llama-head-dim", "llama-mqa-f16"):
            whole = self.plan(TINY / model)
            shutil.copy(TINY / model / "config.json", self.root / "config.json")
            dtype = "f16" if model.endswith("f16") else "bf16"
            alone = self.plan("config.json", "--weights", dtype)
            folder = self.plan(".", "--weights", dtype)
            self.assertEqual(folder, alone)
            for key in ("parameters", "operations_per_token", "cache_bytes_per_sequence", "arena_bytes", "context"):
                self.assertEqual(alone[key], whole[key], (model, key))

    def test_the_page(self):
        page = self.llmc("plan", self.config(), *MACHINE, "--weights", "q4").stdout
        for line in ("  parameters  6738415616\n", "  weights     3.9 GB\n", "  cache       1.0 MB a position, 4.3 GB for 4096 of a sequence\n",
                     "  prompt      13.0 GFLOP a token\n", "at 20.0 GB/s and 240 GFLOP/s, at most\n"):
            self.assertIn(line, page)
        measured = self.llmc("plan", self.config(hidden_size=256, intermediate_size=512, num_hidden_layers=2), "-t", "1").stdout
        self.assertRegex(measured, r"at [\d.]+ GB/s and \d+ GFLOP/s \(measured, 1 thread\), at most\n")
        shutil.copy(self.root / "config.json", self.root / "my-model.json")
        self.assertTrue(self.llmc("plan", "my-model.json", *MACHINE).stdout.startswith("my-model\n"))

    def test_mistakes(self):
        config = self.config()
        for arguments, code, message in (
            (["plan"], 2, "no config given"),
            (["plan", config, "more"], 2, "surplus argument 'more'"),
            (["plan", config, "--bandwidth", "fast"], 2, "--bandwidth: 'fast' is not what it takes (expected GB/s)"),
            (["plan", config, "--kv", "q4"], 2, "--kv: 'q4' is not what it takes (expected f32|f16|bf16|q8)"),
            (["plan", config, "--weights", "q3"], 2, "--weights: 'q3' is not what it takes (expected FORM)"),
            (["plan", config, "--max-context", "0"], 2, "--max-context: '0' is not what it takes (expected N)"),
            (["plan", "absent"], 1, "absent: error: no such directory"),
            (["plan", self.root], 1, "config.json"),
        ):
            if arguments[-1] == self.root:
                (self.root / "config.json").unlink()
            self.assertIn(message, self.llmc(*arguments, code=code).stderr)
        self.config(quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True})
        done = self.llmc("plan", "config.json", *MACHINE, code=1)
        self.assertEqual(done.stderr, "config.json: error: 'quantization_config' is set: how many tensors of which shapes hold the weights "
                                      "is known from the checkpoint alone\nnote: name the directory of the whole checkpoint, or leave the "
                                      "key out to plan the model in floats\n")
        self.config(num_key_value_heads=5)
        self.assertIn("config.json:1:", self.llmc("plan", "config.json", code=1).stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    options, rest = parser.parse_known_args()
    LLMC = options.llmc
    unittest.main(argv=[sys.argv[0], *rest])
