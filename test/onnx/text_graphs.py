# text_graphs.py - tiny seeded decoders as ONNX files, in the forms that exporters give them, with their tokenizer.
#
#   write(folder, form)     a folder as a user would have it; gives the graph's path
#   FORMS                   the forms, by name
#
# All have the same weights: two layers, 3 heads of 5, a vocabulary of 61. Needs numpy alone: the bytes are written here.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import struct
from pathlib import Path

import numpy as np

from protobuf import field, varint

LAYERS, HEADS, DIM, VOCABULARY, POSITIONS = 2, 3, 5, 61, 48
HIDDEN = HEADS * DIM
EOS = 2


KINDS = {"f4": 1, "f2": 10, "i8": 7, "i4": 6, "b1": 9}


def value(name, dims, kind="f4"):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, KINDS[kind]) + field(2, shape)))


def tensor(name, array):
    array = np.ascontiguousarray(array)
    kind = "b1" if array.dtype == bool else array.dtype.str[1:]
    return b"".join(field(1, d) for d in array.shape) + field(2, KINDS[kind]) + field(8, name) + field(9, array.tobytes())


def attribute(name, content):
    if isinstance(content, bytes):  # a graph
        return field(5, field(1, name) + field(6, content) + field(20, 5))
    if isinstance(content, float):
        return field(5, field(1, name) + varint(2 << 3 | 5) + struct.pack("<f", content) + field(20, 1))
    if isinstance(content, list):
        return field(5, field(1, name) + b"".join(field(8, i) for i in content) + field(20, 7))
    return field(5, field(1, name) + field(3, content) + field(20, 2))


class Graph:
    """Nodes and initializers under way."""

    def __init__(self, prefix=""):
        self.nodes, self.initializers, self.prefix, self.count = [], [], prefix, 0

    def op(self, kind, *inputs, outputs=1, name=None, **attributes):
        self.count += 1
        made = [name or f"{self.prefix}{kind}_{self.count}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in made) +
                          field(3, f"{self.prefix}/{kind}_{self.count}") + field(4, kind) +
                          b"".join(attribute(k, v) for k, v in attributes.items()))
        return made[0] if outputs == 1 else made

    def constant(self, name, array):
        self.initializers.append(tensor(name, array))
        return name

    def integers(self, *values):
        self.count += 1
        return self.constant(f"{self.prefix}n{self.count}", np.array(values, "i8"))

    def bytes(self, inputs, outputs, name="decoder"):
        return (b"".join(field(1, n) for n in self.nodes) + field(2, name) + b"".join(field(5, t) for t in self.initializers) +
                b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs))


def weights(g):
    random = np.random.default_rng(7)
    draw = lambda *shape: random.standard_normal(shape).astype("f4")
    g.constant("wte", draw(VOCABULARY, HIDDEN))
    g.constant("wpe", 0.5 * draw(POSITIONS, HIDDEN))
    g.constant("head", 0.7 * draw(HIDDEN, VOCABULARY))
    for i in range(LAYERS):
        g.constant(f"h.{i}.qkv", draw(HIDDEN, 3 * HIDDEN) / 2)
        g.constant(f"h.{i}.bias", 0.1 * draw(3 * HIDDEN))
        g.constant(f"h.{i}.out", draw(HIDDEN, HIDDEN) / 2)
        g.constant(f"h.{i}.up", draw(HIDDEN, 31) / 3)
        g.constant(f"h.{i}.down", draw(31, HIDDEN) / 3)
        g.constant(f"h.{i}.norm", 1 + 0.1 * draw(HIDDEN))
        g.constant(f"h.{i}.shift", 0.1 * draw(HIDDEN))


def body(g, pasts, mask, positions, causal=True, last=False, half=False):
    """The decoder's nodes. `pasts` are pairs of names or empty; gives logits and pairs of presents. Without `causal` later
    tokens of a step are not hidden, as in graphs that were traced with one token."""
    at = lambda x, i: g.op("Gather", x, g.constant(f"{g.prefix}at{i}_{g.count}", np.array(i, "i8")), axis=0)
    fresh = at(g.op("Shape", "input_ids"), 1)
    before = at(g.op("Shape", pasts[0][0]), 2) if pasts else None
    total = g.op("Add", before, fresh) if pasts else fresh
    zero, one = g.constant(f"{g.prefix}zero", np.array(0, "i8")), g.constant(f"{g.prefix}one", np.array(1, "i8"))
    places = g.op("Range", before or zero, total, one)
    if not positions:
        positions = g.op("Unsqueeze", places, g.integers(0))
    rows = g.op("Unsqueeze", places, g.integers(1))
    columns = g.op("Unsqueeze", g.op("Range", zero, total, one), g.integers(0))
    seen = g.op("LessOrEqual", columns, rows if causal else total)
    if mask:
        shown = g.op("Unsqueeze", g.op("Cast", mask, to=9), g.integers(1, 2))
        seen = g.op("And", seen, shown)
    bias = g.op("Where", seen, g.constant(f"{g.prefix}nought", np.array(0, "f4")),
                g.constant(f"{g.prefix}hidden", np.array(-3.4028235e38, "f4")))
    x = g.op("Add", g.op("Gather", "wte", "input_ids", axis=0), g.op("Gather", "wpe", positions, axis=0))
    heads = g.integers(0, 0, HEADS, DIM)
    scale = g.constant(f"{g.prefix}scale", np.array(DIM**-0.5, "f4"))
    presents = []
    for i in range(LAYERS):
        norm = g.op("LayerNormalization", x, f"h.{i}.norm", f"h.{i}.shift", axis=-1, epsilon=1e-5)
        qkv = g.op("Add", g.op("MatMul", norm, f"h.{i}.qkv"), f"h.{i}.bias")
        q, k, v = (g.op("Transpose", g.op("Reshape", part, heads), perm=[0, 2, 1, 3])
                   for part in g.op("Split", qkv, g.integers(HIDDEN, HIDDEN, HIDDEN), outputs=3, axis=2))
        if half:
            k, v = (g.op("Cast", part, to=10) for part in (k, v))
        if pasts:
            k, v = g.op("Concat", pasts[i][0], k, axis=2), g.op("Concat", pasts[i][1], v, axis=2)
        presents.append((k, v))
        if half:
            k, v = (g.op("Cast", part, to=1) for part in (k, v))
        scores = g.op("Mul", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), scale)
        mixed = g.op("MatMul", g.op("Softmax", g.op("Add", scores, bias), axis=-1), v)
        flat = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), g.integers(0, 0, HIDDEN))
        x = g.op("Add", x, g.op("MatMul", flat, f"h.{i}.out"))
        up = g.op("Tanh", g.op("MatMul", x, f"h.{i}.up"))
        x = g.op("Add", x, g.op("MatMul", up, f"h.{i}.down"))
    if last:
        x = g.op("Slice", x, g.integers(-1), g.integers(2**31 - 1), g.integers(1))
    logits = g.op("MatMul", x, "head")
    return g.op("Cast", logits, to=10) if half else logits, presents


PAST, FRESH, BATCH = "past_sequence_length", "sequence_length", "batch_size"


def model(form):
    """The bytes of a graph."""
    kind = "f2" if form.get("half") else "f4"
    g = Graph()
    weights(g)
    hasPast = form.get("past", True)
    inputs = [value("input_ids", [BATCH, form.get("tokens", FRESH)], form.get("ids", "i8"))]
    names = form.get("names", ("past_key_values.{}.key", "past_key_values.{}.value", "present.{}.key", "present.{}.value"))
    mask = form.get("mask", True) and "attention_mask"
    if mask:
        inputs.append(value(mask, [BATCH, f"{PAST} + {FRESH}" if hasPast else FRESH], form.get("ids", "i8")))
    positions = form.get("positions", True) and "position_ids"
    if positions:
        inputs.append(value(positions, [BATCH, FRESH], form.get("ids", "i8")))
    pasts, outputs = [], [value("logits", [BATCH, FRESH, VOCABULARY], kind)]
    for i in range(LAYERS) if hasPast else ():
        if form.get("joined"):
            inputs.append(value(f"past_{i}", [2, BATCH, HEADS, PAST, DIM], kind))
            outputs.append(value(f"present_{i}", [2, BATCH, HEADS, "total", DIM], kind))
            pasts.append(g.op("Split", f"past_{i}", g.integers(1, 1), outputs=2, axis=0))
            pasts[-1] = [g.op("Squeeze", part, g.integers(0)) for part in pasts[-1]]
            continue
        pasts.append([n.format(i) for n in names[:2]])
        inputs += [value(n, [BATCH, HEADS, PAST, DIM], kind) for n in pasts[-1]]
        outputs += [value(n.format(i), [BATCH, HEADS, "total", DIM], kind) for n in names[2:]]
    if form.get("branches"):
        inputs.append(value("use_cache_branch", [1], "b1"))
        every = ["logits"] + [n.format(i) for i in range(LAYERS) for n in names[2:]]
        branches = {}
        for branch, own in (("then_branch", pasts), ("else_branch", [])):
            inner = Graph(branch[:4] + ".")
            logits, presents = body(inner, own, mask, positions, causal=not own)
            flat = [logits] + [n for pair in presents for n in pair]
            branches[branch] = inner.bytes([], [field(1, n) for n in flat], branch)
        g.nodes.append(field(1, "use_cache_branch") + b"".join(field(2, n) for n in every) + field(3, "merged") + field(4, "If") +
                       b"".join(attribute(k, v) for k, v in branches.items()))
    else:
        logits, presents = body(g, pasts, mask, positions, last=form.get("last"), half=form.get("half"))
        g.op("Identity", logits, name="logits")
        for i, pair in enumerate(presents if hasPast else ()):
            if form.get("joined"):
                parts = [g.op("Unsqueeze", part, g.integers(0)) for part in pair]
                g.op("Concat", *parts, axis=0, name=f"present_{i}")
                continue
            for part, name in zip(pasts[i] if form.get("stale") else pair, names[2:]):
                g.op("Identity", part, name=name.format(i))
    if form.get("extra"):
        inputs.append(value(form["extra"], [BATCH, 3]))
    inputs = [i for i in inputs if not form.get("without") or field(1, form["without"]) not in i]
    outputs = [o for o in outputs if not form.get("without") or field(1, form["without"]) not in o]
    return field(1, 8) + field(7, g.bytes(inputs, outputs)) + field(8, field(2, 17))


TOKENIZER = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                      "special": True} for i, c in enumerate(["<unk>", "<s>", "</s>"])],
    "normalizer": None,
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "unk_token": "<unk>",
              "vocab": {w: i for i, w in enumerate(["<unk>", "<s>", "</s>"] + [f"w{i}" for i in range(3, VOCABULARY)])}},
}
TEMPLATE = ("{% for m in messages %}{{ '<s> ' + m.role[:1].replace('u', 'w11').replace('a', 'w13').replace('s', 'w17') + ' ' + m.content "
            "+ ' ' }}{% endfor %}{% if add_generation_prompt %}<s> w13 {% endif %}")

FORMS = {
    "single": {},
    "joined": {"joined": True, "ids": "i4", "names": ()},
    "merged": {"branches": True, "file": "onnx/decoder_model_merged.onnx"},
    "whole": {"past": False},
    "half": {"half": True},
    "last": {"last": True},
    "bare": {"mask": False, "positions": False, "names": ("past.{}.key", "past.{}.value", "present.{}.key", "present.{}.value")},
    "one": {"file": "decoder_with_past_model.onnx"},
    "chat": {"chat": True},
}


def write(folder, form):
    """Writes one of FORMS, or a form of one's own; gives the path of the graph."""
    if isinstance(form, str):
        form = FORMS[form]
    folder = Path(folder)
    path = folder / form.get("file", "model.onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model(form))
    if form.get("tokenizer", True):
        (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    if form.get("chat"):
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "bos_token": "<s>", "eos_token": "</s>"}))
    if form.get("joined") and form.get("genai", True):
        (folder / "genai_config.json").write_text(json.dumps(
            {"model": {"type": "gpt2", "vocab_size": VOCABULARY, "context_length": POSITIONS, "bos_token_id": 1, "eos_token_id": EOS,
                       "pad_token_id": EOS, "decoder": {"filename": "model.onnx", "inputs": {"past_names": "past_%d"},
                                                        "outputs": {"present_names": "present_%d"}}},
             "search": {"do_sample": False, "past_present_share_buffer": False, "max_length": POSITIONS}}))
    elif form.get("config", True):
        (folder / "config.json").write_text(json.dumps(
            {"model_type": "seeded", "architectures": ["SeededForCausalLM"], "vocab_size": VOCABULARY, "n_positions": POSITIONS,
             "eos_token_id": EOS, "bos_token_id": 1}))
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [EOS]}))
    return path
