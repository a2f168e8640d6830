#!/usr/bin/python3
# check_lookup.py - what MODEL names: folders, GGUF files in them, org/name in the local Hugging Face cache.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "error"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import gguf_models  # noqa: E402
import tiny_checkpoint as tiny  # noqa: E402

LLMC = None


class Lookup(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="llmc-lookup-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        tiny.write(self.root / "model")

    def llmc(self, *arguments, code=0, env={}):
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.root), **env}
        done = subprocess.run([LLMC, *map(str, arguments)], cwd=self.root, env=environment, capture_output=True, timeout=100)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[:500], done.stderr[:500]))
        return done

    def compiled(self, *arguments, **options):
        """The bytes of what a compile to `out` writes, which is then removed."""
        self.llmc("compile", *arguments, "-o", self.root / "out", **options)
        data = (self.root / "out").read_bytes()
        (self.root / "out").unlink()
        return data

    def test_a_cached_model_is_found_by_name(self):
        snapshot = self.root / "hub" / "models--some--tiny" / "snapshots" / "abc123"
        snapshot.parent.mkdir(parents=True)
        shutil.move(self.root / "model", snapshot)
        self.llmc("compile", "some/tiny", env={"HF_HUB_CACHE": str(self.root / "hub")})
        self.assertTrue((self.root / "tiny").is_file())

    def test_the_caches_layout(self):
        """Links to blobs, the revision that refs/main names, and every variable that says where the cache is."""
        one = ["--cpu", "x86-64-v3", "--emit", "llmc"]
        shutil.copytree(self.root / "model", self.root / "elsewhere" / "tiny")  # the name is in the file
        wanted = self.compiled("elsewhere/tiny", *one)
        for variables, folder in (({"HF_HUB_CACHE": "a"}, "a"), ({"HUGGINGFACE_HUB_CACHE": "b"}, "b"), ({"HF_HOME": "c"}, "c/hub"),
                                  ({"XDG_CACHE_HOME": "d"}, "d/huggingface/hub"), ({}, ".cache/huggingface/hub")):
            with self.subTest(folder=folder):
                repository = self.root / folder / "models--some--tiny"
                for place in ("blobs", "snapshots/0a1b", "snapshots/ffff", "refs"):
                    (repository / place).mkdir(parents=True)
                for number, file in enumerate(sorted((self.root / "model").iterdir())):
                    shutil.copy(file, repository / "blobs" / f"{number:040x}")
                    (repository / "snapshots" / "0a1b" / file.name).symlink_to(f"../../blobs/{number:040x}")
                (repository / "snapshots" / "ffff" / "config.json").write_text("{}")
                (repository / "refs" / "main").write_text("0a1b")
                env = {name: str(self.root / value) for name, value in variables.items()}
                self.llmc("compile", "some/tiny", *one, env=env)
                self.assertEqual((self.root / "tiny.llmc").read_bytes(), wanted)
                (self.root / "tiny.llmc").unlink()
                done = self.llmc("compile", "some/absent", env=env, code=1)
                place = self.root / folder
                self.assertEqual(done.stderr.decode(), f"some/absent: error: no such directory, and not in the local Hugging Face cache ({place})\n"
                                                       "note: download it first: hf download some/absent\n")

    def snapshot(self):
        """The folder of some/tiny in the cache of the home folder."""
        folder = self.root / ".cache/huggingface/hub/models--some--tiny/snapshots/0a1b"
        folder.mkdir(parents=True)
        return folder

    def test_the_only_gguf_file_of_a_folder(self):
        folder = self.snapshot()
        gguf_models.convert("llama-gqa-tied", folder / "tiny-F32.gguf", 1)
        (folder / "README.md").write_text("A model.\n")
        (folder / "mmproj-tiny.gguf").write_bytes(b"of the vision part")
        for name in ("some/tiny", "some/tiny:f32", str(folder)):
            self.assertIn(b"parameters", self.llmc("plan", name, "--bandwidth", "1", "--operations", "1").stdout, name)
        self.llmc("compile", "some/tiny", "--cpu", "x86-64-v3", "--emit", "llmc")
        self.assertTrue((self.root / "tiny-F32.llmc").is_file())

    def test_one_of_several_gguf_files(self):
        folder = self.snapshot()
        for name in ("tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"):
            gguf_models.convert("llama-gqa-tied", folder / name, 1)
        done = self.llmc("plan", "some/tiny", code=1)
        self.assertEqual(done.stderr.decode(), "some/tiny: error: has 2 GGUF files (expected one; there are tiny-Q4_K_M.gguf, tiny-Q8_0.gguf)\n"
                                               "note: name the file, or a part of its name behind org/name: some/tiny:Q4_K_M\n")
        done = self.llmc("plan", "some/tiny:Q5", code=1)
        self.assertEqual(done.stderr.decode(), "some/tiny: error: has no GGUF files with 'Q5' in the name (expected one; there are "
                                               "tiny-Q4_K_M.gguf, tiny-Q8_0.gguf)\n")
        self.assertIn(b"tiny-Q8_0\n", self.llmc("plan", "some/tiny:q8_0", "--bandwidth", "1", "--operations", "1").stdout)
        # Beside config.json they are something else's.
        shutil.copytree(self.root / "model", folder, dirs_exist_ok=True)
        self.llmc("plan", "some/tiny", "--bandwidth", "1", "--operations", "1")
        self.assertEqual(self.llmc("compile", "no/such:Q4", code=1).stderr.decode().splitlines()[1],
                         "note: download it first: hf download no/such --include '*Q4*.gguf'")

    def test_a_model_in_parts_counts_once(self):
        folder = self.snapshot()
        gguf_models.convert("llama-gqa-tied", folder / "tiny.gguf", 2)
        parts = sorted(path.name for path in folder.glob("*.gguf"))
        self.assertEqual(len(parts), 2, parts)
        self.assertIn(b"parameters", self.llmc("plan", "some/tiny", "--bandwidth", "1", "--operations", "1").stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    options, rest = parser.parse_known_args()
    LLMC = options.llmc
    unittest.main(argv=[sys.argv[0], *rest])
