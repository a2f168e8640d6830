#!/usr/bin/python3
# check_get_testdata.py - get-testdata against a server of our own: what is fetched, kept, refused and named.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import functools
import hashlib
import http.server
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "tools" / "dev" / "get-testdata"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class GetTestdata(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        self.served = self.root / "served"
        self.rows = []
        self.add("one", "a.txt", b"first", "github:o/r@abc123:data/a file.txt")
        self.add("one", "deep/b.bin", bytes(range(256)), "github:o/r@abc123:b.bin")
        self.add("two", "c", b"third", "github:p/q@def:c")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(self.served)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.template = f"http://127.0.0.1:{server.server_port}/{{repository}}/{{commit}}/{{path}}"

    def add(self, name, file, data, source):
        self.rows.append((name, file, hashlib.sha256(data).hexdigest(), source))
        if source.startswith("github:"):
            repository, rest = source[7:].split("@")
            path = self.served / repository / rest.replace(":", "/", 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def get(self, *arguments, code=0):
        manifest = self.root / "manifest.tsv"
        manifest.write_text("\n".join("\t".join(row) for row in [("set", "file", "sha256", "source"), *self.rows]) + "\n")
        done = subprocess.run(["/usr/bin/python3", SCRIPT, self.root / "out", "--manifest", manifest, "--github", self.template,
                               *map(str, arguments)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_files_are_fetched_once(self):
        place = self.root / "out" / "testdata"
        self.assertIn("3 of 3 files are in", self.get().stdout)
        self.assertEqual((place / "one" / "a.txt").read_bytes(), b"first")
        self.assertEqual((place / "one" / "deep" / "b.bin").read_bytes(), bytes(range(256)))
        (place / "two" / "c").write_bytes(b"damaged")
        self.assertIn("2 were there, 1 are new, 0 could not be had", self.get().stdout)
        self.assertEqual((place / "two" / "c").read_bytes(), b"third")
        # And from there to elsewhere.
        copy = subprocess.run(["/usr/bin/python3", SCRIPT, self.root / "copy", "--manifest", self.root / "manifest.tsv", "--from", place],
                              capture_output=True, text=True, timeout=60)
        self.assertIn("3 are new", copy.stdout)

    def test_only_some_sets(self):
        self.assertIn("1 of 1 files", self.get("--sets", "two").stdout)
        self.assertFalse((self.root / "out" / "testdata" / "one").exists())

    def test_a_file_that_is_another_is_refused(self):
        (self.served / "p" / "q" / "def" / "c").write_bytes(b"changed")
        done = self.get(code=1)
        self.assertRegex(done.stderr, r"^two/c: error: has the SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\n$")
        self.assertEqual(list((self.root / "out" / "testdata").glob("two/*")), [])
        (self.served / "p" / "q" / "def" / "c").unlink()
        self.assertRegex(self.get(code=1).stderr, r"^two/c: error: http://\S+/p/q/def/c: (File not found|Not Found)\n$")

    def test_what_was_made_by_hand_is_named(self):
        self.add("three", "made.json", b"x", "github:o/r@abc123:tests/*/x.js (dumped as JSON)")
        self.add("three", "made.npy", b"y", "made here: by a program")
        done = self.get()
        self.assertIn("three: 2 files made by hand, not fetched\n3 of 5 files", done.stdout)

    def test_the_projects_own_list_is_sound(self):
        done = subprocess.run(["/usr/bin/python3", SCRIPT, "--list"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        for name in ("tokenizers-hf-json", "llamacpp-vocab", "stories260K-llama2c"):
            self.assertRegex(done.stdout, rf"(?m)^ +\d+ {name}$")
        rows = [line.split("\t") for line in SCRIPT.with_name("testdata.tsv").read_text().splitlines()[1:]]
        for name, file, digest, _ in rows:
            self.assertRegex(digest, r"^[0-9a-f]{64}$")
            self.assertNotIn("..", pathlib.PurePosixPath(file).parts)
        self.assertEqual(len({(row[0], row[1]) for row in rows}), len(rows))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
