#!/usr/bin/python3
# check_get_model.py - get-model's stories260k writes llama2.c's own text, computed here with numpy from the converted files alone.
# Not the compiler's arithmetic: this is an independent, slow forward pass in the Hugging Face layout.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import os
import pathlib
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
SHARED = pathlib.Path(os.environ.get("LLMC_SHARED") or REPOSITORY.parent / "shared")
STORIES = SHARED / "testdata" / "stories260K-llama2c"
GET_MODEL = REPOSITORY / "tools" / "dev" / "get-model"


def get_model(*arguments):
    return subprocess.run(["/usr/bin/python3", str(GET_MODEL), *map(str, arguments)], capture_output=True, text=True)


def read_safetensors(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    return {
        name: np.frombuffer(data, "<f4", int(np.prod(t["shape"])), 8 + length + t["data_offsets"][0]).reshape(t["shape"])
        for name, t in header.items()
    }


class Llama:
    """One token at a time, float32, half rotation, grouped queries, tied embedding."""

    def __init__(self, directory):
        self.config = json.loads((directory / "config.json").read_text())
        self.weights = read_safetensors(directory / "model.safetensors")
        self.heads, self.kv_heads = self.config["num_attention_heads"], self.config["num_key_value_heads"]
        self.dim = self.config["hidden_size"] // self.heads
        self.keys = [[] for _ in range(self.config["num_hidden_layers"])]
        self.values = [[] for _ in range(self.config["num_hidden_layers"])]

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean() + np.float32(self.config["rms_norm_eps"])) * self.weights[name + ".weight"]

    def rotate(self, x, position):
        half = self.dim // 2
        angle = position / np.float32(self.config["rope_theta"]) ** (np.arange(half, dtype=np.float32) / half)
        a, b = x[:, :half], x[:, half:]
        return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=1)

    def step(self, token, position):
        weights = self.weights
        x = weights["model.embed_tokens.weight"][token]
        for i in range(self.config["num_hidden_layers"]):
            layer = f"model.layers.{i}."
            h = self.norm(x, layer + "input_layernorm")
            q, k, v = (weights[f"{layer}self_attn.{c}_proj.weight"] @ h for c in "qkv")
            q = self.rotate(q.reshape(self.heads, self.dim), position)
            self.keys[i].append(self.rotate(k.reshape(self.kv_heads, self.dim), position))
            self.values[i].append(v.reshape(self.kv_heads, self.dim))
            group = self.heads // self.kv_heads
            keys, values = (np.repeat(np.array(c), group, axis=1) for c in (self.keys[i], self.values[i]))  # [T, heads, dim]
            scores = np.einsum("hd,thd->ht", q, keys) / np.sqrt(np.float32(self.dim))
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            mixed = np.einsum("ht,thd->hd", scores / scores.sum(axis=1, keepdims=True), values)
            x = x + weights[layer + "self_attn.o_proj.weight"] @ mixed.reshape(-1)
            h = self.norm(x, layer + "post_attention_layernorm")
            gate = weights[layer + "mlp.gate_proj.weight"] @ h
            x = x + weights[layer + "mlp.down_proj.weight"] @ (gate / (1 + np.exp(-gate)) * (weights[layer + "mlp.up_proj.weight"] @ h))
        return weights["model.embed_tokens.weight"] @ self.norm(x, "model.norm")


class GetModel(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def test_greedy_text_of_stories260k(self):
        done = get_model("stories260k", self.folder / "m")
        self.assertEqual(done.returncode, 0, done.stderr)
        model, ids = Llama(self.folder / "m"), [1]
        for position in range(200):
            ids.append(int(model.step(ids[-1], position).argmax()))
        tokenizer = json.loads((self.folder / "m" / "tokenizer.json").read_text())
        pieces = {index: piece for piece, index in tokenizer["model"]["vocab"].items()}
        text = b"".join(bytes([i - 3]) if 3 <= i < 259 else pieces[i].encode() for i in ids[1:])
        text = text.decode().replace("\u2581", " ").removeprefix(" ")
        self.assertEqual(text, (STORIES / "expected_t0_n200.txt").read_text())

    def test_the_same_bytes_twice(self):
        for name in ("a", "b"):
            self.assertEqual(get_model("stories260k", self.folder / name).returncode, 0)
        for path in sorted((self.folder / "a").iterdir()):
            self.assertEqual(path.read_bytes(), (self.folder / "b" / path.name).read_bytes(), path.name)

    def test_merges_join_into_pieces_best_score_first(self):
        self.assertEqual(get_model("stories260k", self.folder / "m").returncode, 0)
        model = json.loads((self.folder / "m" / "tokenizer.json").read_text())["model"]
        joined = [model["vocab"][merge.replace(" ", "")] for merge in model["merges"]]
        self.assertEqual(joined, sorted(joined))  # in this vocabulary the ids after 258 go by falling score
        self.assertGreater(len(joined), 150)

    def test_an_existing_directory_is_left_alone(self):
        (self.folder / "m").mkdir()
        (self.folder / "m" / "precious").write_text("x")
        done = get_model("stories260k", self.folder / "m")
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists and is not an empty directory", done.stderr)
        self.assertEqual([p.name for p in self.folder.rglob("*")], ["m", "precious"])

    def test_nothing_is_left_behind_by_a_failure(self):
        (self.folder / "from").mkdir()
        (self.folder / "from" / "stories260K.bin").write_bytes((STORIES / "stories260K.bin").read_bytes()[:5000])
        done = get_model("stories260k", self.folder / "m", "--from", self.folder / "from")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ends inside a tensor", done.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["from"])

    def test_an_unknown_name_lists_the_known(self):
        done = get_model("gpt-5", self.folder / "m")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no model is called 'gpt-5' (expected one of stories260k, smollm2-135m)", done.stderr)

    def test_a_wrong_gguf_is_refused(self):
        (self.folder / "x.gguf").write_bytes(b"GGUF" + bytes(100))
        done = get_model("smollm2-135m", self.folder / "m", "--from", self.folder / "x.gguf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not the expected file (its SHA-256 differs)", done.stderr)


if __name__ == "__main__":
    if not STORIES.is_dir():
        print(f"skipped: {STORIES} is not there (LLMC_SHARED)")
        sys.exit(77)
    unittest.main()
