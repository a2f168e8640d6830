#!/usr/bin/python3
# check_op_docs.py - every op and pass says what it is, and every op shows an example.
#
# Reads the records behind the .td files, so inherited summaries count. The check is itself checked on made-up records.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import glob
import json
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TBLGEN = ["/usr/lib/llvm-22/bin/llvm-tblgen", "--dump-json", "-I", ROOT, "-I", "/usr/lib/llvm-22/include"]


def records(td):
    return json.loads(subprocess.run(TBLGEN + [td], check=True, stdout=subprocess.PIPE).stdout)


def undocumented_ops(found, dialects):
    """Sentences about ops of our dialects."""
    for name in found["!instanceof"].get("Op", []):
        op = found[name]
        dialect = found[op["opDialect"]["def"]]["name"]
        if dialect not in dialects:
            continue
        full = f"{dialect}.{op['opName']}"
        if not op["summary"].strip():
            yield f"{full}: no summary"
        elif op["summary"][0].isupper() and not op["summary"][:3].isupper() or op["summary"].rstrip().endswith("."):
            yield f"{full}: the summary is a noun phrase in lower case without a final period"
        example = re.search(r"```mlir\n(.*?)```", op["description"], re.S)
        if not example:
            yield f"{full}: no example (```mlir)"
        elif full not in example.group(1):
            yield f"{full}: its example does not show it"


def undocumented_passes(found):
    for name in found["!instanceof"].get("PassBase", []):
        item = found[name]
        if not item["summary"].strip():
            yield f"{item['argument']}: no summary"
        if len(item["description"].split()) < 15:
            yield f"{item['argument']}: its description does not show what it does (IR before and after, what it never does)"


class Documentation(unittest.TestCase):
    def test_every_op_has_a_summary_and_an_example(self):
        wrong, seen = [], 0
        for dialect in ("Transformer", "Kernel", "ONNX"):
            td = os.path.join(ROOT, "dialects", dialect, "IR", dialect + "Ops.td")
            if os.path.exists(td):
                found = records(td)
                wrong += undocumented_ops(found, {dialect.lower()})
                seen += len(found["!instanceof"]["Op"])
        self.assertGreater(seen, 0)
        self.assertEqual(wrong, [])

    def test_every_pass_says_what_it_does(self):
        wrong = []
        for td in glob.glob(os.path.join(ROOT, "*", "**", "Passes.td"), recursive=True):
            if not os.path.relpath(td, ROOT).startswith("build"):
                wrong += undocumented_passes(records(td))
        self.assertEqual(wrong, [])

    def test_bad_ops_are_found(self):
        good = {"opDialect": {"def": "D"}, "opName": "a", "summary": "sum of rows", "description": "```mlir\nkernel.a\n```"}
        for change, said in [
            ({}, 0),
            ({"summary": " "}, 1),
            ({"summary": "Sum of rows"}, 1),
            ({"summary": "sum of rows."}, 1),
            ({"description": "words"}, 1),
            ({"description": "```mlir\nkernel.b\n```"}, 1),
        ]:
            found = {"!instanceof": {"Op": ["A"]}, "A": {**good, **change}, "D": {"name": "kernel"}}
            self.assertEqual(len(list(undocumented_ops(found, {"kernel"}))), said, change)

    def test_bad_passes_are_found(self):
        item = {"argument": "llmc-x", "summary": "", "description": "Does it."}
        self.assertEqual(len(list(undocumented_passes({"!instanceof": {"PassBase": ["P"]}, "P": item}))), 2)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=0))
