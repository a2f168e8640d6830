#!/usr/bin/env python3
# make_text_expected.py - what ONNX Runtime gives for the decoders of text_graphs.py, driven as their exporters do.
#
#   make_text_expected.py        writes text_expected.json; needs onnxruntime
#
# Each form reads the prompt at once, then the likeliest token again and again; one with two branches takes the first without
# a past. `turns` are a conversation: the second prompt comes behind the first answer, token by token where a graph asks for it.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

import text_graphs

PROMPT, SECOND, NEW = [11, 29, 3, 53, 17, 41, 7], [23, 5, 59], 20


class Decoder:
    def __init__(self, path, form):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.form, self.pasts, self.all = form, None, []
        self.names = {i.name: i for i in self.session.get_inputs()}

    def read(self, ids):
        """The logits of each of these tokens, behind those before."""
        whole = not self.form.get("past", True)
        before = 0 if whole else len(self.all)
        self.all += ids
        ids = self.all if whole else ids
        integers = "i4" if self.form.get("ids") == "i4" else "i8"
        given = {"input_ids": np.array([ids], integers)}
        if "attention_mask" in self.names:
            given["attention_mask"] = np.ones((1, before + len(ids)), integers)
        if "position_ids" in self.names:
            given["position_ids"] = np.arange(before, before + len(ids), dtype=integers)[None]
        if "use_cache_branch" in self.names:
            given["use_cache_branch"] = np.array([before > 0])
        outputs = [o.name for o in self.session.get_outputs()]
        for name, info in self.names.items():
            if "past" not in name or name in given:
                continue
            kind = "f2" if "16" in info.type else "f4"
            shape = [d if isinstance(d, int) else 1 if d == "batch_size" else 0 for d in info.shape]
            present = name.replace("past_key_values", "present").replace("past", "present")
            given[name] = np.zeros(shape, kind) if self.pasts is None else self.pasts[present]
        found = dict(zip(outputs, self.session.run(None, given)))
        self.pasts = found
        return found["logits"][0].astype("f4")

    def answer(self, ids, count):
        steps = [ids]
        if self.form.get("branches") and self.all:
            steps = [[i] for i in ids]
        chosen = []
        for step in steps:
            row = self.read(step)[-1]
        for i in range(count):
            chosen.append(int(row.argmax()))
            if i + 1 < count:
                row = self.read([chosen[-1]])[-1]
        return chosen


def main():
    expected = {"prompt": PROMPT, "second": SECOND, "forms": {}}
    for name, form in text_graphs.FORMS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = text_graphs.write(folder, name)
            decoder = Decoder(path, form)
            ids = decoder.answer(PROMPT, NEW)
            talk = Decoder(path, form)
            first = talk.answer(PROMPT, 5)
            second = talk.answer(first[-1:] + SECOND, 5)
            expected["forms"][name] = {"ids": ids, "turns": [first, second]}
            if name == "single":
                logits = Decoder(path, form).read(PROMPT)
                expected["logits"] = [[float(f"{x:.6g}") for x in row] for row in logits]
    out = Path(__file__).with_name("text_expected.json")
    out.write_text(json.dumps(expected) + "\n")
    for name, one in expected["forms"].items():
        print(name, one["ids"], one["turns"])


if __name__ == "__main__":
    main()
