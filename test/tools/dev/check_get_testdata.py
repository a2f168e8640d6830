#!/usr/bin/python3
# check_get_testdata.py - get-testdata against a server of our own: what is fetched, kept, refused and named.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import functools
import hashlib
import http.server
import io
import pathlib
import shutil
import subprocess
import sys
import tarfile
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
        self.assertIn("3 of 3 entries are in", self.get().stdout)
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
        self.assertIn("1 of 1 entries", self.get("--sets", "two").stdout)
        self.assertFalse((self.root / "out" / "testdata" / "one").exists())

    def test_a_file_that_is_another_is_refused(self):
        (self.served / "p" / "q" / "def" / "c").write_bytes(b"changed")
        done = self.get(code=1)
        self.assertRegex(done.stderr, r"^two/c: error: has the SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\n$")
        self.assertEqual(list((self.root / "out" / "testdata").glob("two/*")), [])
        (self.served / "p" / "q" / "def" / "c").unlink()
        self.assertRegex(self.get(code=1).stderr, r"^two/c: error: http://\S+/p/q/def/c: (File not found|Not Found)\n$")

    def add_folder(self, archive):
        """A folder 'cases/' in the list, of the commit whose archive is given: {path in the repository: bytes}."""
        inside = {name[len("data/cases/") :]: data for name, data in archive.items() if name.startswith("data/cases/")}
        lines = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(inside.items()))
        self.rows = [("four", "cases/", hashlib.sha256(lines.encode()).hexdigest(), "github:o/r@abc124:data/cases/")]
        path = self.served / "archives" / "o" / "r" / "abc124"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as tar:
            for name, data in archive.items():
                member = tarfile.TarInfo(f"r-abc124/{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return ["--archives", self.template.replace("{repository}", "archives/{repository}").replace("/{path}", "")]

    def test_a_folder_comes_whole(self):
        archive = {"data/cases/a/model": b"one", "data/cases/b": b"two", "data/cases.txt": b"no part of it", "other": b"nor this"}
        more = self.add_folder(archive)
        self.assertIn("0 were there, 1 are new", self.get(*more).stdout)
        place = self.root / "out" / "testdata" / "four" / "cases"
        self.assertEqual({str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}, {"a/model", "b"})
        self.assertEqual((place / "a" / "model").read_bytes(), b"one")
        self.assertIn("1 were there, 0 are new", self.get(*more).stdout)
        (place / "stranger").write_text("")
        self.assertIn("0 were there, 1 are new", self.get(*more).stdout)
        self.assertFalse((place / "stranger").exists())
        # One file of the archive is another, or missing: nothing is put there.
        for changed in ({**archive, "data/cases/b": b"three"}, {name: data for name, data in archive.items() if name != "data/cases/b"}):
            rows = self.rows
            self.add_folder(changed)
            self.rows = rows
            shutil.rmtree(place)
            self.assertRegex(self.get(*more, code=1).stderr, r"^four/cases/: error: has the SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\n$")
            self.assertFalse(place.exists())
            self.add_folder(archive)
            self.get(*more)
        (self.served / "archives" / "o" / "r" / "abc124").write_bytes(b"no archive")
        shutil.rmtree(place)
        self.assertRegex(self.get(*more, code=1).stderr, r"^four/cases/: error: o/r@abc124: ")

    def test_clones_serve_what_they_hold(self):
        clone = self.root / "clones" / "o" / "r"
        clone.mkdir(parents=True)
        (clone / "data" / "cases").mkdir(parents=True)
        (clone / "data" / "cases" / "b").write_bytes(b"two")
        run = functools.partial(subprocess.run, cwd=clone, check=True, capture_output=True, text=True)
        run(["git", "init", "-q"])
        run(["git", "add", "."])
        run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "data"])
        commit = run(["git", "rev-parse", "HEAD"]).stdout.strip()
        shutil.rmtree(self.served / "o")
        self.add_folder({"data/cases/b": b"two"})
        (self.served / "archives" / "o" / "r" / "abc124").unlink()
        self.rows = [(*self.rows[0][:3], f"github:o/r@{commit}:data/cases/"),
                     ("four", "b", hashlib.sha256(b"two").hexdigest(), f"github:o/r@{commit}:data/cases/b"),
                     ("four", "c", hashlib.sha256(b"third").hexdigest(), "github:p/q@def:c")]
        self.assertIn("3 of 3 entries", self.get("--clones", self.root / "clones").stdout)
        self.rows[1] = (*self.rows[1][:3], f"github:o/r@{commit}:data/missing")
        (self.root / "out" / "testdata" / "four" / "b").unlink()
        self.assertRegex(self.get("--clones", self.root / "clones", code=1).stderr, r"^four/b: error: \S+/clones/o/r: .*data/missing")

    def test_what_was_made_by_hand_is_named(self):
        self.add("three", "made.json", b"x", "github:o/r@abc123:tests/*/x.js (dumped as JSON)")
        self.add("three", "made.npy", b"y", "made here: by a program")
        done = self.get()
        self.assertIn("three: 2 entries made by hand, not fetched\n3 of 5 entries", done.stdout)

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
