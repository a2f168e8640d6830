# late_cases.py - cases that came after the others, from a generator of their own: a new one changes no other's numbers.
# make_cases.py writes them.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import numpy as np
from onnx import TensorProto as T
from onnx import helper as h


def floats(name, *shape):
    """By the case's name alone."""
    return np.random.default_rng(list(name.encode())).standard_normal(shape).astype("f4")


def ranks(case, node):
    x, z = floats("rank_twelve x", 1, 2, 1, 3, 1, 1, 2, 1, 1, 5, 1, 2), floats("rank_twelve z", 3, 1, 1, 1, 2, 1, 7, 5, 1, 1)
    case("rank_twelve", [node("Add", ["x", "z"], ["s"]), node("Transpose", ["s"], ["t"], perm=[11, 9, 7, 5, 3, 1, 0, 2, 4, 6, 8, 10]),
                         node("Softmax", ["t"], ["p"], axis=4), node("ReduceSum", ["p", "axes"], ["y"], keepdims=0)], [("x", x), ("z", z)],
         ["t", "y"], [("axes", np.array([0, 2, -1]))])


def norms(case, node):
    """Values that lie close together and far from 0: the mean as a float is off by a part of what they differ by."""
    x = 1e5 + floats("far_from_zero x", 3, 6, 7, 11)
    w, b = floats("far_from_zero w", 11), floats("far_from_zero b", 11)
    s, o = floats("far_from_zero s", 6), floats("far_from_zero o", 6)
    wide = x.astype("f8")
    def normal(values, axes, epsilon=1e-5):
        mean = values.mean(axes, keepdims=True)
        return (values - mean) / np.sqrt(((values - mean) ** 2).mean(axes, keepdims=True) + epsilon), mean
    layer, mean = normal(wide, (-1,))
    beside = lambda a: a[:, None, None]
    grouped = normal(wide.reshape(3, 2, 3, 7, 11), (2, 3, 4))[0].reshape(x.shape)
    case("far_from_zero", [node("LayerNormalization", ["x", "w", "b"], ["y", "m"]), node("InstanceNormalization", ["x", "s", "o"], ["i"]),
                           node("GroupNormalization", ["x", "s", "o"], ["g"], num_groups=2), node("MeanVarianceNormalization", ["x"], ["v"])],
         [("x", x)], ["y", "m", "i", "g", "v"], [("w", w), ("b", b), ("s", s), ("o", o)], opset=21,
         expected=[a.astype("f4") for a in (layer * w + b, mean, normal(wide, (2, 3))[0] * beside(s) + beside(o), grouped * beside(s) + beside(o),
                                           normal(wide, (0, 2, 3), 0)[0])])


def growing(open_case, node):
    """What a turn hands on becomes longer: two of one length that are multiplied, one of another, and one that is cut."""
    info = lambda name, kind, dims: h.make_tensor_value_info(name, kind, dims)
    body = h.make_graph(
        [node("Concat", ["keys", "row"], ["more_keys"], axis=0), node("Concat", ["values", "twice"], ["more_values"], axis=0),
         node("Transpose", ["more_keys"], ["turned"]), node("MatMul", ["row", "turned"], ["scores"]), node("Softmax", ["scores"], ["p"]),
         node("MatMul", ["p", "more_values"], ["next"]), node("Add", ["next", "next"], ["doubled"]),
         node("Concat", ["trace", "next", "next"], ["more_trace"], axis=0), node("Slice", ["rest", "one", "end", "axis"], ["less"]),
         node("Identity", ["go"], ["on"])],
        "body", [info("i", T.INT64, []), info("go", T.BOOL, []), info("keys", T.FLOAT, None), info("values", T.FLOAT, None),
                 info("row", T.FLOAT, None), info("twice", T.FLOAT, None), info("trace", T.FLOAT, None), info("rest", T.FLOAT, None)],
        [info("on", T.BOOL, []), *(info(n, T.FLOAT, None) for n in ("more_keys", "more_values", "next", "doubled", "more_trace", "less")),
         info("p0", T.FLOAT, None)])
    body.node.append(node("ReduceMax", ["p"], ["p0"], keepdims=0))
    nodes = [node("Loop", ["turns", "", "x", "z", "row", "row", "none", "w"], ["k", "v", "r", "d", "t", "w1", "peaks"], body=body),
             node("MatMul", ["r", "v2"], ["y"]), node("Transpose", ["v"], ["v2"])]
    nodes = [nodes[0], nodes[2], nodes[1]]
    values = lambda name, *shape: floats("growing " + name, *shape)
    sets = [{"turns": np.array(t), "x": values(f"x{t}", n, 5), "z": values(f"z{t}", n, 5), "row": values(f"r{t}", 1, 5), "w": values(f"w{t}", m, 2)}
            for t, n, m in ((3, 2, 7), (0, 4, 1), (11, 1, 17), (5, 7, 2))]

    def turned(model, outputs, given):
        keys, values_, row, twice, trace, rest, peaks = *(given[n] for n in ("x", "z", "row", "row")), np.zeros((0, 5), "f4"), given["w"], []
        for _ in range(given["turns"]):
            keys, values_ = np.concatenate([keys, row]), np.concatenate([values_, twice])
            scores = np.exp(row @ keys.T - (row @ keys.T).max())
            p = scores / scores.sum()
            row = p @ values_
            twice, trace, rest = row + row, np.concatenate([trace, row, row]), rest[1:]
            peaks.append(p.max())
        return [keys, values_, row, trace, rest, np.array(peaks, "f4"), row @ values_.T]

    open_case("growing", nodes, {"turns": [], "x": ["n", 5], "z": ["n", 5], "row": [1, 5], "w": ["m", 2]}, sets,
              ["k", "v", "r", "t", "w1", "peaks", "y"],
              [("none", np.zeros((0, 5), "f4")), ("one", np.array([1])), ("end", np.array([2**31])), ("axis", np.array([0]))],
              arguments=["n=1..7", "m=1..17", "k.0=0..18", "t.0=0..22", "w1.0=0..17", "peaks.0=0..16"], compute=turned)


def declared(open_case, node):
    """A turn's number as a list of one, a place that comes at run time and is squeezed, a number in one branch that is a list in the
    other, and powers that are whole."""
    info = lambda name, kind, dims: h.make_tensor_value_info(name, kind, dims)
    body = h.make_graph([node("Gather", ["table", "i"], ["row"]), node("Squeeze", ["row", "zero"], ["r"]), node("Add", ["s", "r"], ["t"]),
                         node("Add", ["at", "one"], ["behind"]), node("Slice", ["table", "at", "behind"], ["part"]),
                         node("Squeeze", ["part", "zero"], ["p"]), node("Identity", ["go"], ["on"])], "body",
                        [info("i", T.INT64, [1]), info("go", T.BOOL, [1]), info("s", T.FLOAT, [5])],
                        [info("on", T.BOOL, [1]), info("t", T.FLOAT, [5]), info("p", T.FLOAT, [5])])
    branch = lambda name, *nodes: h.make_graph(list(nodes), name, [], [info(name, T.FLOAT, None)])
    nodes = [node("Loop", ["three", "", "x"], ["sum", "parts"], body=body), node("ReduceMax", ["x"], ["most"], keepdims=0),
             node("Greater", ["most", "far"], ["c"]),
             node("If", ["c"], ["f"], then_branch=branch("yes", node("Neg", ["most"], ["yes"])),
                  else_branch=branch("no", node("Reshape", ["most", "one"], ["no"]))),
             node("Mul", ["x", "f"], ["y"]), node("Pow", ["n", "e"], ["power"]), node("Cast", ["power"], ["whole"], to=T.INT64)]
    table = floats("declared table", 7, 5)

    def made(model, outputs, given):
        x, most = given["x"], given["x"].max()
        return [x + table[:3].sum(0), np.stack(3 * [table[given["at"][0]]]), x * (-most if most > 1 else most),
                (given["n"].astype("i8") ** given["e"].astype("i8")).astype("i8")]

    sets = [{"x": floats(f"declared {a}", 5), "at": np.array([a]), "n": np.arange(1, 14, dtype="f4"), "e": np.full(13, 2 + a / 2 % 5, "f4") // 1} for a in (0, 3, 6)]
    open_case("declared_numbers", nodes, {"x": [5], "at": [1], "n": [13], "e": [13]}, sets, ["sum", "parts", "y", "whole"],
              [("table", table), ("zero", np.array([0])), ("one", np.array([1])), ("three", np.array(3)), ("far", np.array(1, "f4"))], compute=made)


def add(case, open_case, node):
    ranks(case, node)
    norms(case, node)
    growing(open_case, node)
    declared(open_case, node)
