#!/usr/bin/python3
# check_surroundings.py - what may happen around a compile and a run: outputs that are inputs, files that are cut short, mistakes of our own.
#
# Not here: options and bytes (check_compile.py), malformed models (test/error).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "error"))
import tiny_checkpoint as tiny  # noqa: E402

LLMC = None
ONE = ["--cpu", "x86-64-v3"]  # code generation is most of a compile


class Surroundings(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="llmc-around-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.model = self.root / "model"
        tiny.write(self.model)

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.root), "TMPDIR": str(self.root)}

    def llmc(self, *arguments, code=0, program=None, **options):
        options.setdefault("env", self.environment())
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([program or LLMC, *(a if isinstance(a, bytes) else str(a) for a in arguments)], cwd=self.root, capture_output=True, timeout=100, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[:500], done.stderr[:500]))
        return done

    def refused(self, *arguments, message, code=1, **options):
        done = self.llmc(*arguments, code=code, **options)
        self.assertEqual((done.stdout, done.stderr.decode()), (b"", message), arguments)

    def files(self):
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    def wait_until_mapped(self, process, name):
        """Until the process has a file of this name in its memory."""
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if name in Path(f"/proc/{process.pid}/maps").read_text():
                return
            time.sleep(0.001)
        self.fail(f"{name} was not mapped; exit code {process.poll()}")

    def start(self, *arguments):
        return subprocess.Popen([LLMC, *arguments], cwd=self.root, env=self.environment(), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_files_of_the_model_are_no_output(self):
        (self.model / "LICENSE").write_text("terms")
        (self.model / "chat_template.jinja").write_text("{{ messages }}")
        (self.root / "hard").hardlink_to(self.model / "model.safetensors")
        (self.root / "soft").symlink_to("model/tokenizer.json")
        before = self.files()
        for output in ("model/LICENSE", "model/chat_template.jinja", "model/model.safetensors", "hard", "soft"):
            self.refused("compile", "model", "-o", output, message=f"{output}: error: cannot write: is a file of the model\n"
                                                                   "note: name another output with -o\n")
        self.assertEqual(self.files(), before)

    def test_the_text_that_is_compiled_is_no_output(self):
        self.llmc("compile", "model", "--compile-to", "lower", "-o", "lower.mlir")
        before = self.files()
        with open(self.root / "lower.mlir", "rb") as text:
            self.refused("compile", "-", "-o", "lower.mlir", stdin=text, message="lower.mlir: error: cannot write: is the text that is compiled\n"
                                                                                 "note: name another output with -o\n")
        self.assertEqual(self.files(), before)

    def test_logits_do_not_replace_the_model_or_the_prompt(self):
        self.llmc("compile", "model", "-o", "out", *ONE)
        self.llmc("compile", "model", "-o", "made.llmc", "--emit", "llmc", *ONE)
        (self.root / "hard").hardlink_to(self.root / "out")
        (self.root / "soft").symlink_to("made.llmc")
        (self.root / "prompt").write_text("the sea")
        before = self.files()
        out = self.root / "out"
        for arguments, program, taken in (
            (["--ids", "1", "--logits", "out"], out, "the model that runs"),
            (["--ids", "1", "--logits", "hard"], out, "the model that runs"),
            (["run", "made.llmc", "--ids", "1", "--logits", "soft"], LLMC, "the model that runs"),
            (["-f", "prompt", "--logits", "prompt"], out, "the file of the prompt"),
        ):
            self.refused(*arguments, program=program,
                         message=f"{arguments[-1]}: error: cannot be written: is {taken}\nnote: name another file\n")
        with open(self.root / "prompt", "rb") as prompt:
            self.refused("-", "--logits", "prompt", program=out, stdin=prompt,
                         message="prompt: error: cannot be written: is the file of the prompt\nnote: name another file\n")
        self.assertEqual(self.files(), before)

    def test_a_checkpoint_that_changed_under_its_text(self):
        text = self.llmc("compile", "model", "--compile-to", "lower", "-o", "-").stdout
        other = dict(tiny.CONFIG, intermediate_size=48)
        tiny.write(self.model, config=other, weights=tiny.safetensors(tiny.tensors(other)))
        note = "note: the module and the checkpoint do not belong together: import it again\n"
        self.refused("compile", "-", "-o", "out", input=text, message=(
            "model/model.safetensors: error: tensor 'model.layers.0.mlp.gate_proj.weight' is F32 [48, 24] (expected F32 [40, 24])\n" + note))
        shapes = tiny.tensors()
        del shapes["model.norm.weight"]
        tiny.write(self.model, weights=tiny.safetensors(shapes))
        self.refused("compile", "-", "-o", "out", input=text, message=(
            "model/model.safetensors: error: the checkpoint has no tensor 'model.norm.weight'\n" + note))

    def test_a_checkpoint_cut_short_while_it_is_compiled(self):
        text = self.llmc("compile", "model", "--compile-to", "schedule", "-o", "-").stdout
        process = self.start("compile", "-", "-o", "out")
        process.stdin.write(text)
        process.stdin.close()
        self.wait_until_mapped(process, "model.safetensors")  # once for good: code is made before weights are packed
        os.truncate(self.model / "model.safetensors", 0)
        process.wait(60)
        said = process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        self.assertEqual((process.returncode, said), (1, "llmc: error: a file of the model was cut short while it was read\n"))
        self.assertEqual(sorted(os.listdir(self.root)), ["model"])

    def test_a_compiled_model_cut_short_while_it_runs(self):
        self.llmc("compile", "model", "-o", "made.llmc", "--emit", "llmc", *ONE)
        process = self.start("run", "made.llmc", "-", "--logits", "logits.npy")
        self.wait_until_mapped(process, "made.llmc")
        os.truncate(self.root / "made.llmc", 0)
        done = process.communicate(b"the sea", timeout=60)
        self.assertEqual((process.returncode, done[1].decode()),
                         (1, "made.llmc: error: was cut short while it was in use\n"
                             "note: copy or compile it again; replace a model by renaming a new file over it\n"))
        self.assertEqual(sorted(os.listdir(self.root)), ["made.llmc", "model"])

    def test_mistakes_of_our_own_leave_a_reproducer(self):
        for stop, message in (("raise", "error: the stop 'raise' failed without saying why"),
                              ("codegen", "llmc: error: internal error: as --fail-at asks for")):
            with self.subTest(stop=stop):
                done = self.llmc("compile", "model", "-o", "out", "--fail-at", stop, code=70)
                lines = done.stderr.decode().splitlines()
                self.assertEqual((done.stdout, lines[0], len(lines)), (b"", message, 2))
                found = re.fullmatch(r"note: this is a mistake of llmc; reproduce with: llmc (compile --output out --fail-at \w+ -) "
                                     r"< (.*/llmc-reproducer-\w+\.mlir)", lines[1])
                self.assertTrue(found, lines[1])
                again = self.llmc(*found[1].split(), code=70 if stop == "codegen" else 1, input=Path(found[2]).read_bytes())
                self.assertIn(message.encode(), again.stderr)
                for name in os.listdir(self.root):  # the second reproducer
                    if name.startswith("llmc-reproducer") and name != os.path.basename(found[2]):
                        (self.root / name).unlink()
                found = [None, found[2]]
                self.assertEqual(sorted(os.listdir(self.root)), sorted([os.path.basename(found[1]), "model"]))
                text = Path(found[1]).read_bytes()
                self.llmc("compile", "-", "-o", "again", *ONE, input=text)
                self.llmc("compile", "model", "-o", "direct", *ONE)
                self.assertEqual((self.root / "again").read_bytes(), (self.root / "direct").read_bytes())
                for name in ("again", "direct", found[1]):
                    (self.root / name).unlink()
        done = self.llmc("compile", "model", "-o", "out", "--fail-at", "codegen", code=70, env={**self.environment(), "TMPDIR": "/does/not/exist"})
        self.assertIn(b"note: this is a mistake of llmc; its reproducer could not be saved in TMPDIR\n", done.stderr)
        self.assertEqual(sorted(os.listdir(self.root)), ["model"])

    def test_mistakes_of_our_own_as_json(self):
        for stop in ("raise", "codegen"):
            done = self.llmc("compile", "model", "-o", "o'ut", "--fail-at", stop, "--diagnostics", "json", code=70)
            said = [json.loads(line) for line in done.stderr.splitlines()]
            self.assertEqual([message["severity"] for message in said], ["error", "note"] if stop == "raise" else ["error"])
            note = said[1]["message"] if stop == "raise" else said[0]["note"]
            self.assertRegex(note, r"^this is a mistake of llmc; reproduce with: llmc compile --output 'o'\\''ut' --diagnostics json --fail-at "
                                   + stop + r" - < .*/llmc-reproducer-\w+\.mlir$")

    def test_faults_leave_a_reproducer(self):
        for number in (signal.SIGABRT, signal.SIGSEGV):
            for _ in range(5):  # until the signal comes before the end
                process = self.start("compile", "model", "-o", "out")
                self.wait_until_mapped(process, "model.safetensors")
                time.sleep(0.2)  # past the short look at the tensors while they are imported: code generation takes longer
                process.send_signal(number)
                _, said = process.communicate(timeout=60)
                if process.returncode != 0:
                    break
                (self.root / "out").unlink()
            self.assertEqual(process.returncode, 70, said)
            self.assertRegex(said.decode(), r"^llmc: error: internal error: (aborted|segmentation fault)\nnote: this is a mistake of llmc; "
                                            r"reproduce with: llmc compile --output out - < .*/llmc-reproducer-\w+\.mlir\n$")
            left = set(os.listdir(self.root)) - {"model"}
            self.assertEqual(len(left), 1, left)
            (self.root / left.pop()).unlink()

    def test_a_system_that_gives_no_threads(self):
        self.llmc("compile", "model", "-o", "many", *ONE)
        huge, most = 1 << 46, resource.getrlimit(resource.RLIMIT_STACK)[1]  # no thread gets a stack of this size
        if most != resource.RLIM_INFINITY and most < huge:
            self.skipTest("needs a stack limit that may be raised")
        self.llmc("compile", "model", "-o", "one", *ONE, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (huge, most)))
        self.assertEqual((self.root / "one").read_bytes(), (self.root / "many").read_bytes())

    def test_pointers_that_git_lfs_left(self):
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 42912\n"
        for name in ("model.safetensors", "tokenizer.json", "config.json"):
            with self.subTest(name=name):
                tiny.write(self.model)
                (self.model / name).write_text(pointer)
                self.refused("compile", "model", "-o", "out", message=(
                    f"model/{name}: error: is a Git LFS pointer, the file itself is not here\n"
                    "note: fetch it: git lfs pull (in the folder of the model)\n"))
        (self.root / "made.llmc").write_text(pointer)
        self.refused("run", "made.llmc", "hello", message=(
            "made.llmc: error: is not a compiled model (no llmc container at its start or end)\n"
            "note: it is a Git LFS pointer; fetch the file itself: git lfs pull\n"))

    def test_values_beyond_the_type_that_they_are_stored_in(self):
        weights = bytearray((self.model / "model.safetensors").read_bytes())
        weights[-4:] = struct.pack("<f", -65520)  # the last number of lm_head: rounded to infinity in f16
        (self.model / "model.safetensors").write_bytes(weights)
        self.refused("compile", "model", "-o", "out", "--weights", "f16", message=(
            "model/model.safetensors: error: tensor 'lm_head.weight' holds -65520, more than f16 can hold\n"
            "note: store it in a type of wider range: --weights bf16, or --weights f32\n"))
        self.llmc("compile", "model", "-o", "out", "--weights", "bf16", *ONE)
        weights[-4:] = struct.pack("<f", 3.4e38)
        (self.model / "model.safetensors").write_bytes(weights)
        self.refused("compile", "model", "-o", "again", "--weights", "bf16", message=(
            "model/model.safetensors: error: tensor 'lm_head.weight' holds 3.4e+38, more than bf16 can hold\n"
            "note: store it in a type of wider range: --weights f32\n"))
        for number in (65519, float("inf")):  # rounded to 65504; infinite as the checkpoint says
            weights[-4:] = struct.pack("<f", number)
            (self.model / "model.safetensors").write_bytes(weights)
            self.llmc("compile", "model", "-o", "out", "--weights", "f16", *ONE)

    def test_names_of_any_bytes(self):
        for name in (b"a b", b"a\nb", b"\xff\xfe", "\u00fc".encode(), b"it's \"q\"", b"-x"):
            with self.subTest(name=name):
                folder = os.fsencode(self.root) + b"/" + name
                shutil.copytree(os.fsencode(self.model), folder)
                self.llmc("compile", b"./" + name, "-o", b"of " + name, *ONE)
                out = os.fsencode(self.root) + b"/of " + name
                self.llmc("the", "-n", "1", "--logits", b"logits " + name, program=out)
                self.assertTrue(os.path.exists(os.fsencode(self.root) + b"/logits " + name))
                self.llmc("inspect", out)
                text = self.llmc("compile", b"./" + name, "--compile-to", "lower", "-o", "-").stdout
                self.llmc("compile", "-", "-o", "again", *ONE, input=text)
                self.assertEqual((self.root / "again").read_bytes(), Path(os.fsdecode(out)).read_bytes())

    def test_the_settings_at_their_bounds_run(self):
        for settings in ({"temperature": 1000, "repetition_penalty": 0.001}, {"temperature": 0, "repetition_penalty": 1000}):
            config = dict(tiny.CONFIG, do_sample=True, top_p=1e-30, min_p=1, top_k=2147483647, **settings)
            tiny.write(self.model, config=config)
            self.llmc("compile", "model", "-o", "out", *ONE)
            self.llmc("--ids", "1", "-n", "2", program=self.root / "out")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    arguments, rest = parser.parse_known_args()
    LLMC = os.path.abspath(arguments.llmc)
    unittest.main(argv=[sys.argv[0], *rest])
