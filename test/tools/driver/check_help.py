#!/usr/bin/python3
# check_help.py - what llmc says of itself: help, completions that complete, manual pages that format, messages as JSON.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LLMC = None
COMMANDS = ["compile", "run", "bench", "eval", "check", "plan", "inspect", "verify", "completion", "manual"]  # at least


def options_of(command):
    """The options that --help shows, but for those that take no part in completion."""
    text = subprocess.run([LLMC, command, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    text = text[text.index("\nUsage:") if "\nUsage:" in text else 0 :]
    return set(re.findall(r"(?<=[ ,])--[a-z][a-z-]*", " ".join(line for line in text.splitlines() if re.match(r" +-", line))))


class Help(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="llmc-help-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def llmc(self, *arguments, code=0):
        done = subprocess.run([LLMC, *map(str, arguments)], cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[:300], done.stderr[:300]))
        return done

    def test_every_command_begins_with_examples(self):
        for command in COMMANDS:
            text = self.llmc(command, "--help").stdout
            self.assertTrue(text.startswith(b"Examples:\n"), command)
            self.assertIn(b"\nUsage: ", text)
            self.assertEqual(self.llmc("help", command).stdout, text)
            self.assertIn(f"\n  {command} ".encode(), self.llmc("--help").stdout)
        self.assertIn(b"--emit", self.llmc("help", "compile").stdout)
        self.assertIn(b"unknown command 'bake'", self.llmc("help", "bake", code=2).stderr)

    def completed(self, *words, at=None):
        """What bash offers for the last word (or the word at a place)."""
        (self.root / "llmc.bash").write_bytes(self.llmc("completion", "bash").stdout)
        script = 'source ./llmc.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _llmc; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-euc", script, "bash", "llmc", *words], cwd=self.root, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout.split("\n")[:-1] if done.stdout.strip() else []

    def test_bash_completes(self):
        self.assertEqual(self.completed("comp"), ["compile", "completion"])
        self.assertTrue(set(COMMANDS) <= set(self.completed("")))
        self.assertEqual(self.completed("compile", "--em"), ["--emit"])
        self.assertEqual(self.completed("compile", "--emit", "l"), ["llmc", "llvm", "lib"])
        self.assertEqual(self.completed("compile", "--emit", "=", "m"), ["mlir"])
        self.assertEqual(self.completed("compile", "--emit", "="), ["exe", "llmc", "obj", "asm", "llvm", "mlir", "lib"])
        self.assertEqual(self.completed("compile", "--cpu", "n"), ["native"])
        self.assertEqual(self.completed("compile", "--weights", "q"), ["q8", "q4", "q8_min", "q4_min"])
        self.assertEqual(self.completed("run", "x", "--context-policy", ""), ["stop", "shift"])
        self.assertEqual(self.completed("run", "x", "--temp", ""), [])
        self.assertEqual(self.completed("completion", "f"), ["fish"])
        self.assertEqual(self.completed("help", "ver"), ["verify"])
        (self.root / "my model.llmc").touch()
        (self.root / "my folder").mkdir()
        self.assertEqual(sorted(self.completed("run", "my")), ["my folder", "my model.llmc"])
        self.assertEqual(self.completed("compile", "-o", "my m"), ["my model.llmc"])

    def test_bash_knows_every_option_that_help_shows(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                offered = set(self.completed(command, "--"))
                shown = options_of(command)
                self.assertEqual(shown - offered, set())
                self.assertTrue(offered)

    def test_fish_and_zsh_read_their_scripts(self):
        for shell in ("fish", "zsh"):
            script = self.root / f"llmc.{shell}"
            script.write_bytes(self.llmc("completion", shell).stdout)
            text = script.read_text()
            for word in ("context-policy", "stop shift", "exe llmc obj", "Compiles a trained transformer"):
                self.assertIn(word, text)
            if shutil.which(shell):
                self.assertEqual(subprocess.run([shell, "-n", script], capture_output=True, timeout=60).stderr, b"")
        if shutil.which("fish"):
            ask = lambda line: subprocess.run(["fish", "--no-config", "-c", f"source llmc.fish; complete -C '{line}'"], cwd=self.root, text=True,
                                              env={"HOME": str(self.root), "PATH": "/usr/bin:/bin"}, capture_output=True, timeout=60).stdout
            self.assertIn("compile\t", ask("llmc comp"))
            self.assertTrue(ask("llmc compile --em").startswith("--emit\t"))
            self.assertEqual([line.split("\t")[0] for line in ask("llmc run x --context-policy s").splitlines()], ["shift", "stop"])

    def test_manual_pages(self):
        self.llmc("manual", "man")
        pages = sorted(os.listdir(self.root / "man"))
        self.assertTrue({"llmc.1", *(f"llmc-{command}.1" for command in COMMANDS)} <= set(pages), pages)
        for page in pages:
            text = (self.root / "man" / page).read_text()
            for part in (".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH EXIT STATUS"):
                self.assertIn(part, text, page)
            self.assertNotRegex(text, r"(?m)^'")
            if shutil.which("groff"):
                done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", self.root / "man" / page], capture_output=True, timeout=60)
                self.assertEqual(done.stderr, b"", page)
        text = (self.root / "man" / "llmc-compile.1").read_text().replace("\\-", "-")
        for option in options_of("compile"):
            self.assertIn(f"\\fB{option}\\fR", text)
        if shutil.which("man") and shutil.which("groff"):
            done = subprocess.run(["man", "--warnings", "-l", self.root / "man" / "llmc-run.1"], capture_output=True, text=True, timeout=60,
                                  env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANPAGER": "cat", "MANWIDTH": "90", "HOME": str(self.root)})
            self.assertIn("--context-policy stop|shift", done.stdout)
            self.assertIn('llmc run FILE "Once upon a time"', done.stdout)
            self.assertEqual(done.stderr, "")

    def test_a_shell_nobody_has(self):
        self.assertEqual(self.llmc("completion", "csh", code=2).stderr,
                         b"llmc: error: unknown shell 'csh' (expected bash, zsh or fish)\nnote: all options: llmc completion --help\n")
        self.assertIn(b"no shell given", self.llmc("completion", code=2).stderr)
        (self.root / "file").touch()
        self.assertIn(b"file/llmc-compile.1: error: cannot write: not a directory", self.llmc("manual", "file", code=1).stderr)

    def test_every_commands_mistakes_as_json(self):
        for arguments, code, message in (
                (["--diagnostics", "json"], 2, "unknown command '--diagnostics'"),
                (["bake", "--diagnostics=json"], 2, "unknown command 'bake'"),
                (["compile", "--diagnostics", "json"], 2, "MODEL is required"),
                (["compile", "absent", "--diagnostics", "json", "--emit", "x"], 2, "--emit: "),
                (["compile", "./absent", "--diagnostics=json"], 1, "no such directory"),
                (["run", "--diagnostics", "json", "absent"], 1, "cannot be opened: no such file or directory"),
                (["run", "--frob", "--diagnostics", "json"], 2, "unknown or ambiguous option '--frob'"),
                (["bench", "--frob", "--diagnostics", "json"], 2, "unknown option '--frob'"),
                (["bench", "--limits", "model", "--diagnostics", "json"], 2, "--limits measures the machine, no file: surplus argument 'model'"),
                (["bench", "absent", "--diagnostics=json"], 1, "cannot be opened: no such file or directory"),
                (["eval", "--frob", "--diagnostics=json"], 2, "unknown option '--frob'"),
                (["eval", "absent", "--text", "absent", "--diagnostics=json"], 1, "cannot be opened: no such file or directory"),
                (["check", "--diagnostics=json"], 2, "no model file given"),
                (["check", "absent", "--against", "absent", "--diagnostics=json"], 1, "cannot be opened: no such file or directory"),
                (["inspect", "absent", "--diagnostics=json"], 1, "no such"),
                (["inspect", "--diagnostics=json"], 2, "no file given"),
                (["verify", "--diagnostics", "json", "absent"], 1, "cannot be opened: no such file or directory")):
            with self.subTest(arguments=arguments):
                done = self.llmc(*arguments, code=code)
                said = json.loads(done.stderr)
                self.assertEqual(said["severity"], "error")
                self.assertIn(message, said["message"])
                self.assertEqual(done.stderr.count(b"\n"), 1)
        for command in ("compile", "run", "bench", "eval", "check", "plan", "inspect", "verify"):
            self.assertIn(b"xml", self.llmc(command, "absent", "--diagnostics", "xml", code=2).stderr)


def main():
    global LLMC
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    args, rest = parser.parse_known_args()
    LLMC = args.llmc
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
