#!/usr/bin/python3
# make_template_seeds.py - writes the small inputs from which the fuzzer of chat templates begins.
#
#   test/fuzz/make_template_seeds.py        rewrites corpus/fuzz-template beside it
#
# One seed a snippet of the template tests, a few of the templates there, an edit of a section and a message in JSON.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent / "runtime" / "text" / "templates"
CORPUS = HERE / "corpus" / "fuzz-template"


def seeds():
    expected = json.loads((TESTS / "expected.json").read_text())
    for number, (template, _) in enumerate(expected["snippets"]):
        yield f"snippet-{number:02}", template.encode()
    yield "failures", "\n".join("{% if false %}" + text + "{% endif %}" for text in expected["failures"]).encode()
    for name in ("call-block", "command-like", "harmony-like", "xml-tools-like"):
        yield name, (TESTS / f"{name}.jinja").read_bytes()
    yield "edit", b"E\x60\x00\x00\x01\x80\x00\x00\x05\x00\x01\x00\xff"
    yield "message", b'J{"role": "user", "content": "x", "a": [1, -2.5e3, true, null, {"b": "\\u00e9\\n"}]}'


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    for name, data in seeds():
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()
