#!/usr/bin/python3
# check_compile.py - the command line of llmc: what is accepted, what goes where, exit codes, and that the bytes depend on the model alone.
#
# Not here: malformed models (test/error), and what the model answers (test/e2e).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "error"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import gguf_models  # noqa: E402
import tiny_checkpoint as tiny  # noqa: E402

STOPS = ["parse", "import", "raise", "shard", "fuse", "quantize", "lower", "schedule"]
LLMC = LLMC_OPT = None


class Compile(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="llmc-compile-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        tiny.write(self.root / "model")

    def llmc(self, *arguments, code=0, cwd=None, stdin=None, program=None, **options):
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.root), **options.pop("env", {})}
        done = subprocess.run([program or LLMC, *map(str, arguments)], cwd=cwd or self.root, env=environment, input=stdin,
                              capture_output=True, timeout=100, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[:500], done.stderr[:500]))
        return done

    def compiled(self, *arguments, **options):
        """The bytes of what a compile to `out` writes, which is then removed."""
        self.llmc("compile", *arguments, "-o", self.root / "out", **options)
        data = (self.root / "out").read_bytes()
        (self.root / "out").unlink()
        return data

    def test_executable_runs(self):
        done = self.llmc("compile", "model", "-o", "out")
        self.assertEqual(done.stdout, b"")
        for word in (b"weights", b"code", b"arena", b"kv_cache", b"time"):
            self.assertIn(word, done.stderr)
        self.assertTrue(os.access(self.root / "out", os.X_OK))
        self.assertEqual(self.llmc("--ids", "1", "-n", "3", "--ids-only", program=self.root / "out").stderr, b"")

    def test_default_name_does_not_take_the_models_folder(self):
        done = self.llmc("compile", "model", code=1)
        self.assertEqual(done.stderr, b"./model: error: cannot write: is a directory\nnote: name the output with -o\n")

    def test_default_name_is_the_models(self):
        shutil.move(self.root / "model", self.root / "models")
        (self.root / "work").mkdir()
        self.llmc("compile", "../models", cwd=self.root / "work")
        self.assertEqual(os.listdir(self.root / "work"), ["models"])
        self.llmc("compile", "../models", "--emit", "llmc", cwd=self.root / "work")
        self.assertEqual(sorted(os.listdir(self.root / "work")), ["models", "models.llmc"])

    def test_same_bytes_twice_elsewhere_and_on_one_core(self):
        away = self.root / "a longer way" / "model"
        shutil.copytree(self.root / "model", away)
        one = ["--cpu", "x86-64-v3"]  # code generation is most of a compile
        first = self.compiled("model", *one)
        self.assertEqual(self.compiled("model", *one), first, "twice")
        self.assertEqual(self.compiled("model", *one, cwd=away.parent), first, "elsewhere")
        self.assertEqual(self.compiled(away, *one), first, "by an absolute path")
        first = self.compiled("model")
        core = min(os.sched_getaffinity(0))
        self.assertEqual(self.compiled("model", preexec_fn=lambda: os.sched_setaffinity(0, [core])), first, "on one core")

    def test_every_stops_text_goes_on_to_the_same_bytes(self):
        one = ["--cpu", "x86-64-v3"]  # code generation is most of a compile
        for options, stops in ((one, STOPS), ([*one, "--weights", "bf16"], ["import", "quantize", "schedule"])):
            direct = self.compiled("model", *options)
            for stop in stops:
                with self.subTest(stop=stop, options=options):
                    text = self.llmc("compile", "model", *options, "--compile-to", stop, "--emit", "mlir", "-o", "-").stdout
                    self.assertEqual(self.compiled("-", *options, stdin=text), direct)

    def test_printed_pipelines_lead_from_text_to_text(self):
        texts = [self.llmc("compile", "model", "--compile-to", stop, "-o", "-").stdout for stop in STOPS]
        for before, after, stop in zip(texts, texts[1:], STOPS[1:]):
            with self.subTest(stop=stop):
                pipeline = self.llmc("compile", "-", "--print-pipeline", "--compile-to", stop, stdin=before).stdout.decode().strip()
                got = self.llmc(f"--pass-pipeline={pipeline}", "-", stdin=before, program=LLMC_OPT).stdout
                self.assertEqual(got, after)

    def test_weights_option_changes_their_size(self):
        one = ["--cpu", "x86-64-v3"]

        def kilobytes(kind):  # of the weights alone: code for smaller ones is larger
            told = self.llmc("compile", "model", "--weights", kind, "--emit", "llmc", *one, "-o", "out").stderr
            return float(re.search(rb"^ +weights +([0-9.]+) kB$", told, re.MULTILINE)[1])

        self.assertLess(kilobytes("bf16"), 0.6 * kilobytes("f32"))
        self.assertEqual(kilobytes("bf16"), kilobytes("f16"))
        self.assertEqual(self.compiled("model", "--weights", "keep", *one), self.compiled("model", "--weights", "f32", *one))

    def test_code_forms(self):
        self.assertIn(b"ymm", self.llmc("compile", "model", "--emit", "asm", "--cpu", "x86-64-v3", "-o", "-").stdout)
        self.assertIn(b"zmm", self.llmc("compile", "model", "--emit", "asm", "-march=x86-64-v4", "-o", "-").stdout)
        self.assertIn(b"define", self.llmc("compile", "model", "--emit", "llvm", "-o", "-").stdout)
        self.assertEqual(self.compiled("model", "--emit", "obj")[:4], b"\x7fELF")
        self.assertEqual(self.compiled("model", "--compile-to", "codegen")[:4], b"\x7fELF")

    def test_variants(self):
        both = self.llmc("compile", "model", "-o", "out").stderr
        self.assertIn(b"x86-64-v3", both)
        self.assertIn(b"x86-64-v4", both)
        one = self.llmc("compile", "model", "-o", "out", "--cpu", "x86-64-v3").stderr
        self.assertNotIn(b"x86-64-v4", one)

    def test_temps_and_printed_stop(self):
        done = self.llmc("compile", "model", "-o", "out", "--save-temps=temps", "--print-ir-after", "raise")
        self.assertIn(b"// after raise\n", done.stderr)
        self.assertIn(b"transformer.layers classes [0, 0]", done.stderr)
        names = sorted(os.listdir(self.root / "temps"))
        self.assertEqual([name.split(".", 1)[1] for name in names if name.endswith(".mlir")],
                         [f"{i + 1}-{stop}.mlir" for i, stop in enumerate(STOPS)])
        self.assertEqual(sum(name.endswith(".s") for name in names), 2)

    def test_usage_mistakes(self):
        for arguments, message in [
            ([], "no command given"),
            (["bake"], "unknown command 'bake'"),
            (["compile"], "MODEL is required"),
            (["compile", "model", "--weights", "q3"], "--weights"),
            (["compile", "model", "--kv", "q5"], "--kv"),
            (["compile", "model", "--max-step", "0"], "--max-step"),
            (["compile", "model", "--frobnicate"], "--frobnicate"),
            (["compile", "model", "--cpu", "z80"], "--cpu: unknown processor 'z80' (expected native, all, x86-64-v4-amx, x86-64-v4-fp16, x86-64-v4-vnni, x86-64-v4, x86-64-v3-vnni, x86-64-v3)"),
            (["compile", "model", "--dtype", "f16", "--weights", "bf16"], "--dtype f16 multiplies matrices of f16 (expected --weights keep, f16, q8 or q4, found bf16)"),
            (["compile", "model", "--dtype", "f16", "--cpu", "x86-64-v4"], "--dtype f16: x86-64-v4 does not add in f16 (expected --cpu x86-64-v4-fp16)"),
            (["compile", "model", "--target", "aarch64-linux-gnu"], "--target: no backend for 'aarch64-linux-gnu'"),
            (["compile", "model", "--target", "x86_64-windows-msvc"], "--target: no backend for 'x86_64-windows-msvc'"),
            (["compile", "model", "--emit", "mlir", "--compile-to", "pack"], "the stop 'pack' has no text form"),
            (["compile", "model", "--emit", "exe", "--compile-to", "raise"], "the stop 'raise' has no such form"),
            (["compile", "model", "-o", "-"], "--output: '-' takes text forms only"),
            (["compile", "model", "--emit", "llmc", "-o", "-"], "--output: '-' takes text forms only"),
            (["compile", "model", "--compile-to", "codegen", "-o", "-"], "--output: '-' takes text forms only"),
            (["compile", "model", "-o", ""], "--output: the name is empty"),
            (["compile", ""], "MODEL: the name is empty"),
            (["compile", "model", "--report=report.txt"], "--report: 'report.txt' ends neither with .json nor with .html"),
            (["compile", "model", "--emit", "asm", "--report=report.json"], "--report: a file tells of whole artifacts"),
            (["compile", "model", "--machine", "here.json"], "--machine: nothing is predicted without a report"),
            (["compile", "model", "--machine", ""], "--machine: the name is empty"),
            (["compile", "model", "--emit", "exe", "--compile-to", "codegen"], "the stop 'codegen' has no such form (expected obj, asm or llvm)"),
            (["inspect"], "no file given"),
            (["verify", "a", "b"], "surplus argument 'b'"),
            (["inspect", "--frob"], "unknown option '--frob'"),
            (["verify", ""], "the file's name is empty"),
        ]:
            with self.subTest(arguments=arguments):
                done = self.llmc(*arguments, code=2)
                self.assertEqual(done.stdout, b"")
                lines = done.stderr.decode().splitlines()
                self.assertEqual(len(lines), 2, lines)
                self.assertTrue(lines[0].startswith("llmc: error: "), lines)
                self.assertIn(message, lines[0])
                self.assertTrue(lines[1].startswith("note: all options: llmc "), lines)
        self.assertEqual(sorted(os.listdir(self.root)), ["model"])

    def test_reports_in_files(self):
        one = ["--cpu", "x86-64-v3", "--emit", "llmc"]
        self.llmc("compile", "model", *one, "-o", "out", "--report=report.json")
        report = json.loads((self.root / "report.json").read_text())
        self.assertEqual(report["file_bytes"], (self.root / "out").stat().st_size)
        self.assertLess(0, sum(weight["bytes"] for weight in report["weights"]))
        self.assertLessEqual(sum(weight["bytes"] for weight in report["weights"]), report["weights_bytes"])
        self.assertEqual([code["variant"] for code in report["code"]], ["x86-64-v3"])
        entry = report["entries"][0]
        self.assertEqual((entry["name"], sum(entry["slot_bytes"])), ("step", entry["arena_bytes"]))
        self.assertEqual(entry["states"][0]["name"], "kv_cache")
        self.assertIn("pack", report["seconds"])
        self.llmc("compile", "model", *one, "-o", "o<u>t", "--report=report.html")
        page = (self.root / "report.html").read_text()
        self.assertTrue(page.startswith("<!doctype html>") and "o&lt;u&gt;t" in page and "<u>" not in page)
        self.assertEqual(page.count("<table>"), page.count("</table>"))
        done = self.llmc("compile", "model", *one, "-o", "out", "--report=absent/report.json", code=1)
        self.assertIn(b"absent/report.json: error: cannot write: no such file or directory\n", done.stderr)

    MACHINE = {"type": "machine", "source": "by hand", "threads": [1, 3],
               "read_gigabytes_per_second": [{"bytes": 4096, "rates": [64, 128]}, {"bytes": 1 << 30, "rates": [2, 5]}],
               "giga_operations_per_second": {"f32": [1, 2], "i8": [8, 16]}}

    def test_reports_predict_on_a_described_machine(self):
        (self.root / "here.json").write_text(json.dumps(self.MACHINE))
        one = ["--cpu", "x86-64-v3", "--emit", "llmc", "--machine", "here.json"]
        self.llmc("compile", "model", *one, "-o", "out", "--report=report.json")
        report = json.loads((self.root / "report.json").read_text())
        self.assertEqual((report["machine"]["source"], report["machine"]["variant"]), ("by hand", "x86-64-v3"))
        self.assertEqual(report["machine"]["threads"], [1, 3])
        prefill, decode = report["phases"][0], report["phases"][1]
        self.assertRegex(prefill["name"], r"^prefill of \d+ tokens$")
        self.assertRegex(decode["name"], r"^a token behind \d+$")
        config = json.loads((self.root / "model" / "config.json").read_text())
        down = [kernel for kernel in prefill["kernels"] if "down_proj" in kernel["tensors"]]
        self.assertEqual(len(down), 1, "layers of one class have one kernel")
        down, layers = down[0], config["num_hidden_layers"]
        self.assertEqual(down["tensors"], "model.layers.*.mlp.down_proj.weight" if layers > 1 else "model.layers.0.mlp.down_proj.weight")
        self.assertEqual((down["kernel"], down["calls"], down["arithmetic"]), ("matmul", layers, "f32"))
        # All rows in all layers but the last, where one is wanted.
        self.assertEqual(down["rows"], (layers - 1) * prefill["tokens"] + 1)
        self.assertEqual(down["operations"], 2 * config["hidden_size"] * config["intermediate_size"] * down["rows"])
        for phase in (prefill, decode):
            read = sum(kernel["bytes"] for kernel in phase["kernels"])
            for i, threads in enumerate((1, 3)):
                rate = self.MACHINE["read_gigabytes_per_second"][0 if read <= 4096 else 1]["rates"][i] * 1e9
                for kernel in phase["kernels"]:
                    if not kernel["operations"]:
                        continue
                    computing = kernel["operations"] / self.MACHINE["giga_operations_per_second"][kernel["arithmetic"]][i] / 1e9
                    self.assertAlmostEqual(kernel["least_seconds"][i], max(computing, kernel["bytes"] / rate), msg=kernel)
                self.assertAlmostEqual(phase["least_seconds"][i], sum(kernel["least_seconds"][i] for kernel in phase["kernels"]))
        attention = next(kernel for kernel in decode["kernels"] if kernel["kernel"] == "attention")
        self.assertGreater(attention["bytes"], 0)
        self.llmc("compile", "model", *one, "-o", "out", "--report=report.html")
        page = (self.root / "report.html").read_text()
        self.assertEqual(page.count("<svg"), 2)
        self.assertEqual(page.count("<svg"), page.count("</svg>"))
        for part in ("by hand", "What the machine allows", "down_proj", "bound by", "ms, t3", prefill["name"]):
            self.assertIn(part, page)
        # A variant stands for a machine where none is described.
        self.llmc("compile", "model", *one[:4], "-o", "out", "--report=report.json")
        machine = json.loads((self.root / "report.json").read_text())["machine"]
        self.assertIn("x86-64-v3 at 2.8 GHz", machine["source"])
        self.assertEqual(machine["operations_per_second"]["f32"], [2.8e9 * 32, 2 * 2.8e9 * 32])

    def test_mistakes_in_machines(self):
        for wrong, message in [
            ("{", "is not JSON: "),
            ("[]", 'describes no machine (expected an object with "type": "machine")'),
            ({**self.MACHINE, "threads": [2, 1]}, "'threads' is no ascending list of thread counts"),
            ({**self.MACHINE, "threads": []}, "'threads' is no ascending list of thread counts"),
            ({**self.MACHINE, "read_gigabytes_per_second": []}, "has no 'read_gigabytes_per_second' (expected a row for each size of memory)"),
            ({**self.MACHINE, "read_gigabytes_per_second": [{"bytes": 5, "rates": [1]}]},
             "a row of 'read_gigabytes_per_second' is not 'bytes', ascending, and 'rates', a list of 2 positive numbers, one for each of 'threads'"),
            ({**self.MACHINE, "giga_operations_per_second": {"i8": [1, 2]}}, "has no 'giga_operations_per_second' of 'f32'"),
            ({**self.MACHINE, "giga_operations_per_second": {"f32": [1, 0]}},
             "'giga_operations_per_second' of 'f32' is not a list of 2 positive numbers, one for each of 'threads'"),
        ]:
            (self.root / "here.json").write_text(wrong if isinstance(wrong, str) else json.dumps(wrong))
            done = self.llmc("compile", "model", "--emit", "llmc", "-o", "out", "--report=report.json", "--machine", "here.json", code=1)
            self.assertIn(f"here.json: error: {message}", done.stderr.decode())
            self.assertIn("note: llmc bench --limits writes such a file", done.stderr.decode())
        done = self.llmc("compile", "model", "--emit", "llmc", "-o", "out", "--report=report.json", "--machine", "absent.json", code=1)
        self.assertIn(b"absent.json: error: ", done.stderr)
        self.assertFalse((self.root / "out").exists())

    def test_profiles_name_kernels_and_tensors(self):
        self.llmc("compile", "model", "--emit", "llmc", "--cpu", "native", "-o", "out", "--report=report.json")
        bench = ["bench", "out", "-t", "2", "--prompt-tokens", "13", "--new-tokens", "3", "--repetitions", "1", "--profile"]
        result = json.loads(self.llmc(*bench, "--json").stdout)
        report = json.loads((self.root / "report.json").read_text())
        self.assertEqual([phase["phase"] for phase in result["profile"]], ["prefill", "decode"])
        names = [(kernel["kernel"], kernel["tensors"]) for kernel in report["phases"][1]["kernels"]]
        for phase, runs in zip(result["profile"], (1, 3)):
            self.assertEqual([(kernel["kernel"], kernel["tensors"]) for kernel in phase["kernels"]], names)
            predicted = report["phases"][1]["kernels"]
            self.assertEqual([kernel["calls"] for kernel in phase["kernels"]], [runs * kernel["calls"] for kernel in predicted])
            spent = sum(kernel["seconds"] + kernel["waiting_seconds"] for kernel in phase["kernels"])
            self.assertLessEqual(spent, phase["seconds"])
            self.assertGreater(spent, 0.2 * phase["seconds"])
        products = [kernel for kernel in result["profile"][1]["kernels"] if kernel["kernel"] == "matmul"]
        for kernel in products:
            same = next(each for each in report["phases"][1]["kernels"] if each["tensors"] == kernel["tensors"])
            self.assertEqual(kernel["operations"], 3 * same["operations"])
            self.assertEqual(kernel["bytes"], 3 * same["bytes"])
        text = self.llmc(*bench).stdout.decode()
        for part in ("profile of prefill: ", "profile of decode: ", "down_proj.weight", "attention f32", "of limit", "GOP/s"):
            self.assertIn(part, text)

    def test_limits_describe_this_machine(self):
        described = self.llmc("bench", "--limits", "-t", "1").stdout
        machine = json.loads(described)
        self.assertEqual((machine["type"], machine["threads"]), ("machine", [1]))
        self.assertGreater(machine["giga_operations_per_second"]["f32"][0], 0.1)
        (self.root / "here.json").write_bytes(described)
        self.llmc("compile", "model", "--emit", "llmc", "-o", "out", "--report=report.json", "--machine", "here.json")
        self.assertEqual(json.loads((self.root / "report.json").read_text())["machine"]["threads"], [1])

    def test_a_device_takes_any_form(self):
        one = ["--cpu", "x86-64-v3"]
        for form in ("exe", "llmc", "obj", "asm", "mlir"):
            self.llmc("compile", "model", "--emit", form, *one, "-o", "/dev/null")
        done = self.llmc("compile", "model", *one, "-o", "/dev/full", code=1)
        self.assertEqual(done.stderr, b"/dev/full: error: cannot write: no space left on device\n")
        self.assertTrue(os.path.exists("/dev/null") and not os.path.isfile("/dev/null"))
        whole = self.compiled("model", *one)
        piped = subprocess.run(f"{LLMC} compile model --cpu x86-64-v3 -o /dev/stdout | cat", shell=True, cwd=self.root, capture_output=True, timeout=100)
        self.assertEqual(piped.stdout, whole)

    def test_messages_as_json(self):
        (self.root / "model" / "config.json").unlink()
        done = self.llmc("compile", "model", "-o", "out", "--diagnostics", "json", code=1)
        message = json.loads(done.stderr)
        self.assertEqual(message["severity"], "error")
        self.assertEqual(message["file"], "model/config.json")

    def on_terminal(self, *arguments, **env):
        """What llmc writes to a terminal."""
        ours, theirs = os.openpty()
        process = subprocess.Popen([LLMC, *arguments], cwd=self.root, stdin=subprocess.DEVNULL, stderr=theirs,
                                   env={"PATH": "/usr/bin:/bin", **env})
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 4096):
                written += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        process.wait(timeout=60)
        return written

    def test_colours_and_progress_are_for_terminals(self):
        self.assertIn(b"\x1b[1;31merror: \x1b[0m", self.on_terminal("compile", "absent", "-o", "out"))
        self.assertNotIn(b"\x1b[1", self.on_terminal("compile", "absent", "-o", "out", NO_COLOR="1"))
        progress = self.on_terminal("compile", "model", "--compile-to", "lower", "-o", "out")
        self.assertIn(b"lower: turn ops into kernels with packed weights", progress)
        self.assertTrue(progress.endswith(b"\r\x1b[K"), progress[-80:])
        self.assertEqual(self.llmc("compile", "model", "--compile-to", "lower", "-o", "out").stderr, b"")

    def test_text_with_a_mistake_is_located(self):
        done = self.llmc("compile", "-", "-o", "out", stdin=b"module {\n  frobnicate\n}\n", code=1)
        self.assertTrue(done.stderr.startswith(b"<stdin>:2:3: error: "), done.stderr)
        text = self.llmc("compile", "model", "--compile-to", "schedule", "-o", "-").stdout
        done = self.llmc("compile", "-", "-o", "out", stdin=text.replace(b"model.norm.weight", b"model.nrom.weight"), code=1)
        self.assertIn(b"error: the checkpoint has no tensor 'model.nrom.weight'\n", done.stderr)
        done = self.llmc("compile", "-", "--compile-to", "fuse", "-o", "-", stdin=text, code=1)
        self.assertIn(b"the module is at the stop 'schedule', past 'fuse'", done.stderr)
        self.assertEqual(sorted(os.listdir(self.root)), ["model"])

    def test_inspect_and_verify(self):
        self.llmc("compile", "model", "-o", "out", "--emit", "llmc")
        self.assertIn(b"kv_cache", self.llmc("inspect", "out").stdout)
        self.assertIn(b"\nchat        no template: a prompt is continued\n", self.llmc("inspect", "out").stdout)
        self.assertIn(b"2 in 1 class", self.llmc("inspect", "model").stdout)
        self.assertIn(b"match", self.llmc("verify", "out").stdout)
        data = bytearray((self.root / "out").read_bytes())
        data[-1] ^= 1
        (self.root / "out").write_bytes(data)
        self.llmc("verify", "out", code=3)

    def test_an_interrupt_leaves_nothing(self):
        # Code generation alone takes longer than the first signal needs.
        process = subprocess.Popen([LLMC, "compile", "model", "-o", "out"], cwd=self.root, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        process.wait(timeout=20)
        self.assertNotEqual(process.returncode, 0)
        self.assertEqual(sorted(os.listdir(self.root)), ["model"])

    def test_files_of_the_model_are_not_written_over(self):
        kept = {file.name: file.read_bytes() for file in (self.root / "model").iterdir()}
        os.symlink("model/config.json", self.root / "link")
        text = self.llmc("compile", "model", "--compile-to", "lower", "-o", "-").stdout
        for output in ("model/config.json", "model/../model/model.safetensors", "link"):
            for model in ("model", "-"):
                done = self.llmc("compile", model, "--compile-to", "lower", "-o", output, stdin=text, code=1)
                self.assertEqual(done.stderr.decode(), f"{output}: error: cannot write: is a file of the model\n"
                                                       "note: name another output with -o\n")
        self.assertEqual({file.name: file.read_bytes() for file in (self.root / "model").iterdir()}, kept)
        self.llmc("compile", "model", "--compile-to", "lower", "-o", "model/lower.mlir")

    def test_a_gguf_file_is_a_model(self):
        one = ["--cpu", "x86-64-v3"]
        gguf_models.convert("llama-gqa-tied", self.root / "tied.gguf")
        done = self.llmc("inspect", "tied.gguf")
        self.assertIn(b"tied\n  vocabulary  53 tokens\n  context     64 positions\n", done.stdout)
        done = self.llmc("compile", "tied.gguf", "-o", "tied.gguf", code=1)
        self.assertEqual(done.stderr, b"tied.gguf: error: cannot write: is a file of the model\n"
                                      b"note: name another output with -o\n")
        done = self.llmc("compile", "tied.gguf", *one, "--diagnostics", "text")  # By default under its name.
        self.assertIn(b"tied.gguf: warning: has no 'tokenizer.ggml.model'", done.stderr)
        ids = ("--ids", "1,2,3", "-n", "5", "--ids-only")
        wanted = self.llmc(*ids, program=self.root / "tied").stdout
        self.assertTrue(wanted)
        # By a link from elsewhere, and in parts.
        (self.root / "link.gguf").symlink_to(self.root / "tied.gguf")
        self.llmc("compile", "link.gguf", *one, "-o", "out")
        self.assertEqual(self.llmc(*ids, program=self.root / "out").stdout, wanted)
        first = gguf_models.convert("llama-gqa-tied", self.root / "split.gguf", 3)
        self.assertEqual(first.name, "split-00001-of-00003.gguf")
        self.llmc("compile", first.name, *one)
        self.assertEqual(self.llmc(*ids, program=self.root / "split").stdout, wanted)
        # Its text goes on, as any.
        text = self.llmc("compile", "tied.gguf", "--emit", "mlir", "--compile-to", "raise", "-o", "-").stdout
        self.llmc("compile", "-", *one, "-o", "out", stdin=text)
        self.assertEqual(self.llmc(*ids, program=self.root / "out").stdout, wanted)

    def test_text_nested_deeply_is_refused(self):
        for text, column in ((b"module {\n" * 300000, 8), (b"!t = " + b"tensor<" * 300000, None), (b"[" * 300000, 257)):
            done = self.llmc("compile", "-", "-o", "out", stdin=text, code=1)
            self.assertRegex(done.stderr.decode(), r"^<stdin>:\d+:%s: error: nested more than 256 deep\n$" % (column or r"\d+"))
        # Brackets in names and comments are none.
        done = self.llmc("compile", "-", "-o", "out", stdin=b'// ' + b"(" * 999 + b'\nmodule @"' + b"<" * 999 + b'" {}\n', code=1)
        self.assertIn(b"the module names no checkpoint", done.stderr)

    def test_a_message_has_two_lines_at_most(self):
        text = self.llmc("compile", "model", "--compile-to", "raise", "-o", "-").stdout
        done = self.llmc("compile", "-", "-o", "out", stdin=text.replace(b"slots [0, 1]", b"slots [0, 7]"), code=1)
        self.assertRegex(done.stderr, rb"^<stdin>:\d+:\d+: error: [^\n]*has slot 7, expected -1 to 1\n$")

    def test_closed_descriptors_are_not_taken_by_files(self):
        done = subprocess.run([LLMC, "compile", "model", "-o", "out"], cwd=self.root, stdin=subprocess.DEVNULL,
                              preexec_fn=lambda: [os.close(number) for number in (1, 2)], timeout=100)
        self.assertEqual(done.returncode, 0)
        self.llmc("verify", "out")
        done = subprocess.run([LLMC, "inspect", "model"], cwd=self.root, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1), timeout=60)
        self.assertEqual((done.returncode, done.stderr), (1, b"<stdout>: error: cannot write: bad file descriptor\n"))

    def test_a_closed_pipe_ends_quietly(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([LLMC, "compile", "model", "--compile-to", "lower", "-o", "-"], cwd=self.root, stdout=write,
                              stderr=subprocess.PIPE, timeout=60)
        os.close(write)
        self.assertEqual(done.stderr, b"")

    def test_a_full_stdout_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([LLMC, "compile", "model", "--compile-to", "lower", "-o", "-"], cwd=self.root, stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"<stdout>: error: cannot write: no space left on device\n")
        self.llmc("compile", "model", "-o", "out")
        for arguments in (["--help"], ["--version"], ["compile", "--help"], ["verify", "-h"], ["inspect", "out"], ["inspect", "model"], ["verify", "out"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([LLMC, *arguments], cwd=self.root, stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertRegex(done.stderr, rb"^(<stdout>|standard output): error: cannot (write|be written): no space left on device\n$", arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    parser.add_argument("--llmc-opt", required=True)
    arguments, rest = parser.parse_known_args()
    LLMC, LLMC_OPT = os.path.abspath(arguments.llmc), os.path.abspath(arguments.llmc_opt)
    unittest.main(argv=[sys.argv[0], *rest])
