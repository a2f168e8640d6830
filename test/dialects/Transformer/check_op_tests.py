#!/usr/bin/python3
# check_op_tests.py - the ops' descriptions and their tests say the same: every labelled rule (C1), (C2), … of an op or type
# is broken under that label in an invalid-*.mlir, every label there exists, and every example stands in a test.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import glob
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
IR = os.path.normpath(os.path.join(HERE, "..", "..", "..", "dialects", "Transformer", "IR"))


def descriptions():
    """Yields (name, description) for each op, type and attribute."""
    for path in sorted(glob.glob(os.path.join(IR, "*.td"))):
        with open(path, encoding="utf-8") as source:
            text = source.read()
        for part in re.split(r"^(?=def |class )", text, flags=re.M):
            found = re.search(r"let description = \[\{(.*?)\}\];", part, re.S)
            if not found or not part.startswith("def Transformer_"):
                continue
            head = part.split("{", 1)[0]
            name = re.search(r'Transformer_(Op|OnWeights|NormOp|ElementwiseOp|Type)<(?:"\w+", )?"([\w.]*)"', head)
            if name:
                kind, mnemonic = name.groups()
                prefix = {"Type": "", "OnWeights": "transformer.weight" + ("." if mnemonic else "")}
                yield prefix.get(kind, "transformer.") + mnemonic, found.group(1)
            elif "AttrDef" in head:
                yield re.search(r'let mnemonic = "(\w+)"', part).group(1), found.group(1)


def labels(text):
    return set(re.findall(r"\((C\d+)\)", text))


def squeezed(text):
    """The code without line breaks and without the names of results."""
    return re.sub(r"\s+", " ", re.sub(r"%\w+(, %\w+)* = ", "", text)).strip()


class OpTests(unittest.TestCase):
    def setUp(self):
        self.broken, self.sources = {}, ""
        for path in sorted(glob.glob(os.path.join(HERE, "*.mlir"))):
            with open(path, encoding="utf-8") as source:
                text = source.read()
            if os.path.basename(path).startswith("invalid"):
                for name, label in re.findall(r"^// ([\w.]+) \((C\d+)\)", text, re.M):
                    self.broken.setdefault(name, set()).add(label)
            else:
                lines = [line for line in text.splitlines() if not line.strip().startswith("//")]
                self.sources += squeezed("\n".join(lines)) + "\n"

    def test_every_rule_is_broken_by_a_test_and_every_label_exists(self):
        seen = dict(descriptions())
        self.assertGreater(len(seen), 35)
        for name, text in seen.items():
            # "as `transformer.rms_norm`": the rules before that word are the other op's, tested there.
            shared = re.search(r"\(C(\d+)\)…\(C(\d+)\) as", text)
            own = text.replace(shared.group(0), "") if shared else text
            known = labels(text)
            if shared:
                known |= {f"C{n}" for n in range(int(shared.group(1)), int(shared.group(2)))}
            with self.subTest(name):
                self.assertEqual(sorted(labels(own) - self.broken.get(name, set())), [])
                self.assertEqual(sorted(self.broken.get(name, set()) - known), [])

    def test_every_example_stands_in_a_test(self):
        for name, text in descriptions():
            for example in re.findall(r"```mlir\n(.*?)```", text, re.S):
                code = "\n".join(line for line in example.splitlines() if not line.strip().startswith("//"))
                # A definition of a type or function may stand apart from the next one.
                pieces = code.splitlines() if code.lstrip().startswith("!") else [code]
                for piece in pieces:
                    with self.subTest(name):
                        self.assertTrue(squeezed(piece) in self.sources, f"not in a test: {squeezed(piece)}")


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
