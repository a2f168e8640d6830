# double_reference.py - what a graph of floats gives when each of its numbers is a double.
#
# Where values of some thousands are subtracted from each other, ONNX Runtime's own results are off by more than others may
# differ from them. run-onnx-models then judges by this evaluation, and asks for results that are no farther from it than
# ONNX Runtime's are. A graph with an operator or an attribute that is not written here has no such evaluation.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import struct

import numpy as np

FLOAT, DOUBLE, INT32, INT64 = 1, 11, 6, 7


class Unknown(Exception):
    pass


class Node:
    def __init__(self, message, fields):
        self.inputs, self.outputs, self.type, self.domain, self.given, self.read = [], [], "", "", {}, set()
        for number, value in fields(message):
            if number in (1, 2):
                (self.inputs if number == 1 else self.outputs).append(value.decode())
            elif number == 4:
                self.type = value.decode()
            elif number == 7:
                self.domain = value.decode()
            elif number == 5:
                parts = dict(fields(value))
                kind = parts.get(20, 0)
                if kind not in (1, 2):
                    raise Unknown
                self.given[parts[1].decode()] = struct.unpack("<f", parts[2])[0] if kind == 1 else parts.get(3, 0)

    def get(self, name, otherwise):
        self.read.add(name)
        value = self.given.get(name, otherwise)
        return value - 2**64 if isinstance(value, int) and value >= 2**63 else value


def normal(x, scale, bias, epsilon):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale
    return x if bias is None else x + bias


def cast(node, x):
    to = node.get("to", 0)
    if to not in (FLOAT, DOUBLE, INT32, INT64):
        raise Unknown
    return [x.astype({INT32: "i4", INT64: "i8"}.get(to, "f8"))]


def layer_norm(node, x, scale, bias=None):
    node.read.add("epsion")  # a misspelt name in some files, which means nothing
    if node.get("axis", -1) not in (-1, x.ndim - 1) or node.get("stash_type", 1) != 1:
        raise Unknown
    return [normal(x, scale, bias, node.get("epsilon", 1e-5))]


def skip_layer_norm(node, x, skip, scale, beta=None, bias=None):
    total = x + skip if bias is None else x + skip + bias
    return [normal(total, scale, beta, node.get("epsilon", 1e-12)), None, None, total]


def embed_layer_norm(node, ids, segments, words, positions, kinds=None, scale=None, bias=None, mask=None, places=None):
    if mask is not None or node.get("mask_index_type", 0):
        raise Unknown
    total = words[ids] + (positions[places] if places is not None else positions[:ids.shape[1]])
    if segments is not None and kinds is not None:
        total = total + kinds[segments]
    return [normal(total, scale, bias, node.get("epsilon", 1e-12)), np.zeros(ids.shape[0], "i4"), total]


def attention(node, x, weight, bias=None, mask=None, past=None, more=None):
    """Of com.microsoft: packed projections, a mask of places, a past."""
    if more is not None or (mask is not None and mask.ndim != 2):
        raise Unknown
    count, low = node.get("num_heads", 0), node.get("mask_filter_value", -10000.0)
    made = x @ weight if bias is None else x @ weight + bias
    q, k, v = (a.reshape(*a.shape[:2], count, -1).transpose(0, 2, 1, 3) for a in np.split(made, 3, -1))
    before = 0
    if past is not None:
        before = past.shape[3]
        k, v = np.concatenate([past[0], k], 2), np.concatenate([past[1], v], 2)
    scores = q @ k.swapaxes(2, 3) * node.get("scale", 1 / np.sqrt(q.shape[-1]))
    if mask is not None:
        if mask.shape[1] != k.shape[2]:
            raise Unknown
        scores = scores + np.where(mask != 0, 0.0, low)[:, None, None, :]
    if node.get("unidirectional", 0):
        ahead = np.arange(k.shape[2])[None] > before + np.arange(q.shape[2])[:, None]
        scores = np.where(ahead, -np.inf, scores)
    power = np.exp(scores - scores.max(-1, keepdims=True))
    y = (power / power.sum(-1, keepdims=True)) @ v
    return [y.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1), np.stack([k, v])]


OPERATORS = {
    "Add": lambda node, a, b: [a + b], "Sub": lambda node, a, b: [a - b], "Mul": lambda node, a, b: [a * b],
    "MatMul": lambda node, a, b: [a @ b], "Cast": cast, "LayerNormalization": layer_norm,
    "com.microsoft.EmbedLayerNormalization": embed_layer_norm, "com.microsoft.SkipLayerNormalization": skip_layer_norm, "com.microsoft.Attention": attention,
}


def evaluate(path, inputs, reader):
    """Outputs by name, or None; `reader` has functions that read protobuf."""
    wide = lambda a: a.astype("f8") if a.dtype == np.float32 else a
    try:
        graph = next(v for n, v in reader.fields(path.read_bytes()) if n == 7)
        values, nodes = {"": None}, []
        for number, message in reader.fields(graph):
            if number == 5:
                name = next(v for n, v in reader.fields(message) if n == 8).decode()
                values[name] = wide(reader.tensor_of(message))
            elif number == 1:
                nodes.append(Node(message, reader.fields))
        values.update({n: wide(a) for n, a in inputs.items()})
        while nodes:  # they may stand in any order
            node = next(node for node in nodes if all(i in values for i in node.inputs))
            nodes.remove(node)
            name = node.type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.type}"
            if name not in OPERATORS:
                raise Unknown
            made = OPERATORS[name](node, *(values[i] for i in node.inputs))
            if set(node.given) - node.read or len(node.outputs) > len(made):
                raise Unknown
            values.update({n: a for n, a in zip(node.outputs, made) if n})
        return values
    except (Unknown, KeyError, TypeError, ValueError, StopIteration):
        return None


def distances(exact, found, expected):
    """How far two results are from an evaluation in double, in parts of its range."""
    span = max(np.ptp(exact), np.abs(exact).max(), 1e-30)
    return np.abs(found - exact).max() / span, np.abs(expected - exact).max() / span
