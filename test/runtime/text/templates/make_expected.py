#!/usr/bin/env python3
# make_expected.py - writes what Jinja2, set up as transformers does, makes of our snippets and templates.
#
#   test/runtime/text/templates/make_expected.py          rewrites expected.json beside it
#
# snippets.txt: one template a line; a line that starts with white space, or follows an unfinished tag, continues it (see
# `split`). failures.txt: templates that Jinja2 refuses or fails on. *.jinja: our own spellings of templates that models
# come with, each for every conversation of conversations.json. Published templates are in the data beside the repository: of those
# only a 64-bit FNV-1a of each text is kept (published.json). Needs transformers and jinja2 (see tools/dev/check-templates).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import importlib.machinery
import importlib.util
import json
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE.parents[3] / "tools" / "dev" / "check-templates"


def check_templates():
    loader = importlib.machinery.SourceFileLoader("check_templates", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_templates", loader))
    loader.exec_module(module)
    return module


def split(text):
    """Templates of a file: a line starts one unless the one before it is unfinished."""
    templates, open_tags = [], False
    for line in text.rstrip("\n").split("\n"):
        if templates and (open_tags or line[:1] in (" ", "\t") or line.startswith(("end ", "last", "line\""))):
            templates[-1] += "\n" + line
        else:
            templates.append(line)
        open_tags = templates[-1].count("{{") > templates[-1].count("}}")
    return templates


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def published(module, oracle, conversations):
    """A row for each template beside the repository, or nothing without that data."""
    shared = pathlib.Path(os.environ.get("LLMC_SHARED") or HERE.parents[4] / "shared") / "testdata"
    rows = []
    for name, text, variables in module.templates_of(shared) if shared.is_dir() else ():
        path = name.removesuffix(":default")
        if path.endswith((".jinja", ".json")):
            texts = [oracle(text, variables, conversation)[0] for conversation in conversations]
            rows.append({"file": str(pathlib.Path(path).relative_to(shared)), "texts": [text and fnv(text) for text in texts]})
    return rows


def main():
    module = check_templates()
    oracle = module.Oracle()
    conversations = json.loads((HERE / "conversations.json").read_text())
    first = conversations[0]
    snippets, failures, templates = [], [], []
    for template in split((HERE / "snippets.txt").read_text()):
        text, error = oracle(template, module.TOKENS, first)
        if error:
            raise SystemExit(f"a snippet fails: {template!r}: {error}")
        snippets.append([template, text])
    for template in (HERE / "failures.txt").read_text().rstrip("\n").split("\n"):
        text, error = oracle(template, module.TOKENS, first)
        if not error:
            raise SystemExit(f"a failure does not fail: {template!r}: {text!r}")
        failures.append(template)
    for path in sorted(HERE.glob("*.jinja")):
        row = {"name": path.name, "texts": []}
        for conversation in conversations:
            text, error = oracle(path.read_text(), module.TOKENS, conversation)
            row["texts"].append(text if error is None else None)
            if error and "TemplateError" not in error:
                print(f"{path.name}: {conversation['name']}: {error}")
        templates.append(row)
    (HERE / "expected.json").write_text(
        json.dumps({"snippets": snippets, "failures": failures, "templates": templates}, ensure_ascii=False, indent=0) + "\n")
    rows = published(module, oracle, conversations)
    if rows:
        (HERE / "published.json").write_text(json.dumps(rows, indent=0) + "\n")
    print(len(snippets), "snippets,", len(failures), "failures,", len(templates), "templates")


if __name__ == "__main__":
    main()
