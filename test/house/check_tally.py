#!/usr/bin/python3
# check_tally.py - tools/dev/tally.py counts what ctest and lit report, and never takes a broken run for a good one.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_spec = importlib.util.spec_from_file_location("tally", os.path.join(ROOT, "tools", "dev", "tally.py"))
tally = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tally)

CTEST = """<testsuite name="x">
<testcase name="a.One" classname="a.One" status="run"/>
<testcase name="a.Two" classname="a.Two" status="fail"><failure message=""/></testcase>
<testcase name="a.Three" classname="a.Three" status="notrun">
  <skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>x
needs shared/testdata
[  SKIPPED ] a.Three</system-out></testcase>
<testcase name="a.Absent" classname="a.Absent" status="notrun"/>
<testcase name="lit" classname="lit" status="run"/>
</testsuite>"""
LIT = """<testsuites><testsuite name="llmc">
<testcase classname="llmc.dialects" name="ops.mlir"/>
<testcase classname="llmc.dialects" name="bad.mlir"><failure>x</failure></testcase>
<testcase classname="llmc.e2e" name="big.test"><skipped message="Missing required feature(s): shared"/></testcase>
</testsuite></testsuites>"""


class Tally(unittest.TestCase):
    def run_tally(self, files, *steps):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, text in files.items():
                paths.append(os.path.join(folder, name))
                if text is not None:
                    with open(paths[-1], "w", encoding="utf-8") as file:
                        file.write(text)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                status = tally.main([w for step in steps for w in ("--step", step)] + paths)
            return status, output.getvalue().splitlines()

    def test_adds_up_both_and_counts_lit_by_its_cases(self):
        status, lines = self.run_tally({"ctest.xml": CTEST, "lit.xml": LIT})
        self.assertEqual(lines[-1], "2 passed, 3 failed, 2 skipped")
        self.assertEqual(status, 1)

    def test_names_what_failed_and_why_cases_were_skipped(self):
        _, lines = self.run_tally({"ctest.xml": CTEST, "lit.xml": LIT})
        self.assertIn("failed: a.Two", lines)
        self.assertIn("failed: llmc/dialects/bad.mlir", lines)
        self.assertIn("skipped (needs shared/testdata): 1", lines)
        self.assertIn("skipped (Missing required feature(s): shared): 1", lines)

    def test_a_missing_file_is_a_failure(self):
        status, lines = self.run_tally({"ctest.xml": '<t><testcase name="a" status="run"/></t>', "lit.xml": None})
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_a_cut_file_is_a_failure(self):
        status, lines = self.run_tally({"ctest.xml": CTEST[:100]})
        self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed"))

    def test_a_failed_step_is_a_failure(self):
        status, lines = self.run_tally({}, "format=0", "fuzz=77")
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_nothing_run_is_not_success(self):
        self.assertEqual(self.run_tally({})[0], 1)

    def test_good_is_good(self):
        status, lines = self.run_tally({"ctest.xml": '<t><testcase name="a" status="run"/></t>'}, "format=0")
        self.assertEqual((status, lines), (0, ["2 passed, 0 failed"]))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=0))
