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


def folded(open_case, node):
    """Determinants, blocks, pools and regions whose sizes come at run time."""
    sets = [{"m": floats(f"folded m{a}", a, n, n), "x": floats(f"folded x{a}", a, 5, 3 + n)} for a, n in ((1, 1), (3, 2), (2, 5))]
    open_case("sized_det", [node("Det", ["m"], ["d"])], {"m": ["a", "n", "n"]}, [{"m": s["m"]} for s in sets], ["d"], arguments=["a=1..3", "n=1..5"],
              compute=lambda model, outputs, given: [np.linalg.det(given["m"].astype("f8")).astype("f4")])

    def middle(x, sizes):
        y = np.zeros(sizes, "f4")
        source = [slice(max(0, s - t) // 2, max(0, s - t) // 2 + min(s, t)) for s, t in zip(x.shape, sizes)]
        target = [slice(max(0, t - s) // 2, max(0, t - s) // 2 + min(s, t)) for s, t in zip(x.shape, sizes)]
        y[tuple(target)] = x[tuple(source)]
        return y

    crops = [{"x": s["x"], "size": np.array(size)} for s, size in zip(sets, ([5, 7], [2, 3], [11, 6]))]
    open_case("sized_crop", [node("CenterCropPad", ["x", "four"], ["y"], axes=[2]), node("CenterCropPad", ["x", "size"], ["z"], axes=[1, -1])],
              {"x": ["a", 5, "w"], "size": [2]}, crops, ["y", "z"], [("four", np.array([4]))], opset=18,
              arguments=["a=1..3", "w=3..8", "z.1=0..11", "z.2=0..11"],
              compute=lambda model, outputs, given: [middle(given["x"], [*given["x"].shape[:2], 4]),
                                                     middle(given["x"], [given["x"].shape[0], *given["size"]])])
    # Blocks that a convolution would see, put together again: each place as often as blocks hold it.
    def spread(model, outputs, given):
        blocks, (h, w) = given["b"], given["x"].shape[1:]
        y = np.zeros((blocks.shape[0], 3, h + 2, w + 2), "f4")
        columns = (w + 2 - 3) // 2 + 1
        for k in range(blocks.shape[2]):
            i, j = 2 * (k // columns), 2 * (k % columns)
            y[:, :, i:i + 2, j:j + 3] += blocks[:, :, k].reshape(-1, 3, 2, 3)
        return [y[:, :, 1:-1, 1:-1]]

    sizes = [(1, 3, 4), (2, 6, 5), (3, 7, 7)]
    count = lambda h, w: (h // 2 + 1) * ((w + 2 - 3) // 2 + 1)
    sets = [{"b": floats(f"folded b{a}", a, 18, count(h, w)), "x": np.zeros((1, h, w), "f4")} for a, h, w in sizes]
    open_case("sized_blocks", [node("Shape", ["x"], ["s"], start=1), node("Col2Im", ["b", "s", "block"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])],
              {"b": ["a", 18, "blocks"], "x": [1, "h", "w"]}, sets, ["y"], [("block", np.array([2, 3]))], opset=18,
              arguments=["a=1..3", "blocks=1..16", "h=3..7", "w=4..7"], compute=spread)

    # A pool's values back to their places.
    def unpooled(model, outputs, given):
        x = given["x"]
        a, c, h, w = x.shape
        y = np.zeros((a, c, h // 2 * 2, w // 2 * 2), "f4")
        for i in np.ndindex(a, c, h // 2, w // 2):
            part = x[i[0], i[1], 2 * i[2]:2 * i[2] + 2, 2 * i[3]:2 * i[3] + 2]
            k = np.unravel_index(part.argmax(), (2, 2))
            y[i[0], i[1], 2 * i[2] + k[0], 2 * i[3] + k[1]] = part.max()
        return [y]

    open_case("sized_unpool", [node("MaxPool", ["x"], ["v", "i"], kernel_shape=[2, 2], strides=[2, 2]), node("MaxUnpool", ["v", "i"], ["y"], kernel_shape=[2, 2], strides=[2, 2])],
              {"x": ["a", 3, "h", "w"]}, [{"x": floats(f"folded u{a}", a, 3, h, w)} for a, h, w in ((1, 2, 4), (2, 6, 8), (3, 10, 2))], ["y"],
              arguments=["a=1..3", "h=2..10", "w=2..8"], compute=unpooled)

    def pooled(model, outputs, given):
        x, y = given["x"], np.zeros((len(given["r"]), 3, 2, 3), "f4")
        for n, (image, x0, y0, x1, y1) in enumerate(given["r"].astype(int)):
            tall, wide = max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1)
            for i, j in np.ndindex(2, 3):
                part = x[image, :, y0 + i * tall // 2:y0 - (-(i + 1) * tall // 2), x0 + j * wide // 3:x0 - (-(j + 1) * wide // 3)]
                y[n, :, i, j] = part.max((1, 2)) if part.size else 0
        return [y]

    regions = lambda a, h, w, n: np.array([[k % a, k % 2, k % 3, w - 1 - k % 2, h - 1] for k in range(n)], "f4")
    open_case("sized_regions_max", [node("MaxRoiPool", ["x", "r"], ["y"], pooled_shape=[2, 3])], {"x": ["a", 3, "h", "w"], "r": ["n", 5]},
              [{"x": floats(f"folded r{a}", a, 3, h, w), "r": regions(a, h, w, n)} for a, h, w, n in ((1, 5, 7, 2), (2, 4, 9, 5), (3, 11, 6, 1))], ["y"],
              arguments=["a=1..3", "h=4..11", "w=6..9", "n=1..5"], compute=pooled)

    def deformed(model, outputs, given):
        """Offsets that are whole move the places that a convolution reads."""
        x, w, o, k = given["x"], weights, given["o"], given["m"]
        a, _, h, v = x.shape
        y = np.zeros((a, 4, *o.shape[2:]), "f8")
        for n, i, j, t in np.ndindex(a, *o.shape[2:], 4):
            r, c = i + t // 2 + int(o[n, 2 * t, i, j]), j + t % 2 + int(o[n, 2 * t + 1, i, j])
            if 0 <= r < h and 0 <= c < v:
                y[n, :, i, j] += k[n, t, i, j] * (w[:, :, t // 2, t % 2] @ x[n, :, r, c])
        return [y.astype("f4")]

    weights = floats("folded weights", 4, 3, 2, 2)
    whole = lambda name, *shape: np.round(floats(name, *shape))
    open_case("sized_deform", [node("DeformConv", ["x", "w", "o", "", "m"], ["y"], kernel_shape=[2, 2])],
              {"x": ["a", 3, "h", "v"], "o": ["a", 8, "p", "q"], "m": ["a", 4, "p", "q"]},
              [{"x": floats(f"folded d{a}", a, 3, h, v), "o": whole(f"folded o{a}", a, 8, h - 1, v - 1), "m": floats(f"folded k{a}", a, 4, h - 1, v - 1)}
               for a, h, v in ((1, 2, 3), (2, 5, 4), (3, 3, 7))], ["y"], [("w", weights)], opset=19,
              arguments=["a=1..3", "h=2..5", "v=3..7", "p=1..4", "q=2..6"], compute=deformed)


def fits(open_case, node):
    """A part that is as long as the whole in every case that happens, and need not be."""
    sets = [{"x": floats(f"may_fit {n}", n, 3)} for n in (1, 3, 4)]
    open_case("may_fit", [node("Slice", ["x", "zero", "four", "zero"], ["part"]), node("Shape", ["x"], ["s"]), node("Neg", ["part"], ["less"]),
                          node("Reshape", ["less", "s"], ["y"])], {"x": ["n", 3]}, sets, ["y"],
              [("zero", np.array([0])), ("four", np.array([4]))], arguments=["n=1..9"], compute=lambda model, outputs, given: [-given["x"]])


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def long_loops(case, open_case, node):
    """Bodies that would become long if each turn were written out: they are loops at run time, whose sizes follow from the number of
    turns. The first three have turns that grow, shrink and go by their number; then turns of one size; then a Scan."""
    info = lambda name, kind, dims=None: h.make_tensor_value_info(name, kind, dims)
    inputs = lambda *states: [info("i", T.INT64, []), info("go", T.BOOL, []), *(info(n, T.FLOAT) for n in states)]
    outputs = lambda *values: [info("on", T.BOOL, []), *(info(n, T.FLOAT) for n in values)]
    on = node("Identity", ["go"], ["on"])
    x, rest = floats("long x", 3, 5), floats("long rest", 90, 5)
    body = h.make_graph(
        [node("Concat", ["all", "row"], ["more"], axis=0), node("Transpose", ["more"], ["turned"]), node("MatMul", ["row", "turned"], ["s"]),
         node("Softmax", ["s"], ["p"]), node("MatMul", ["p", "more"], ["next"]), node("Slice", ["rest", "two", "end", "zero"], ["less"]),
         node("ReduceMean", ["less"], ["mean"], axes=[0], keepdims=1), node("Add", ["next", "mean"], ["row1"]),
         node("Add", ["i", "one"], ["count"]), node("Unsqueeze", ["count", "zero"], ["last"]), node("Slice", ["table", "zero", "last", "zero"], ["part"]),
         node("ReduceSum", ["part", "zero"], ["sum"], keepdims=0), on], "body", inputs("all", "row", "rest"),
        outputs("more", "row1", "less", "p0", "sum"))
    body.node.append(node("ReduceMax", ["p"], ["p0"], keepdims=0))
    table = floats("long table", 40, 5)

    def grown(*_):
        every, row, less, peaks, sums = x, floats("long row", 1, 5), rest, [], []
        for i in range(40):
            every, less = np.concatenate([every, row]), less[2:]
            p = softmax(row @ every.T)
            row = p @ every + less.mean(0, keepdims=True)
            peaks.append(p.max())
            sums.append(table[:i + 1].sum(0))
        return [every, row, less, np.array(peaks, "f4"), np.array(sums, "f4"), (every @ every.T).astype("f4")]

    case("long_growing", [node("Loop", ["turns", "", "x", "row", "rest"], ["all", "last_row", "less", "peaks", "sums"], body=body),
                          node("Transpose", ["all"], ["t"]), node("MatMul", ["all", "t"], ["y"])],
         [("x", x), ("row", floats("long row", 1, 5)), ("rest", rest)], ["all", "last_row", "less", "peaks", "sums", "y"],
         [("turns", np.array(40)), ("two", np.array([2])), ("end", np.array([2**31])), ("zero", np.array([0])), ("one", np.array(1)), ("table", table)],
         opset=13, expected=grown())

    w = floats("long w", 7, 7) / 4
    same = h.make_graph([node("MatMul", ["s", "w"], ["a"]), node("Tanh", ["a"], ["b"]), node("Softmax", ["b"], ["p"]), node("Transpose", ["p"], ["q"]),
                         node("MatMul", ["q", "b"], ["c"]), node("Gather", ["v", "i"], ["g"]), node("Add", ["c", "g"], ["s1"]), on], "body", inputs("s"),
                        outputs("s1", "g1"))
    same.node.append(node("Neg", ["g"], ["g1"]))
    v = floats("long v", 200, 7)

    def repeated(*_):
        s = floats("long s", 7, 7)
        for i in range(200):
            b = np.tanh(s @ w)
            s = softmax(b).T @ b + v[i]
        return [s, -v]

    case("long_loop", [node("Loop", ["turns", "true", "s"], ["y", "parts"], body=same)], [("s", floats("long s", 7, 7)), ("v", v)], ["y", "parts"],
         [("turns", np.array(200)), ("true", np.array(True)), ("w", w)], opset=13, expected=repeated())

    scan = lambda: h.make_graph([node("MatMul", ["s", "w"], ["a"]), node("Add", ["a", "e"], ["b"]), node("Mul", ["f", "b"], ["c"]), node("Tanh", ["c"], ["s1"]),
                                 node("Softmax", ["b"], ["o"]), node("ReduceSum", ["s1", "zero"], ["sum"], keepdims=0)], "body",
                                [info("s", T.FLOAT, [2, 7]), info("e", T.FLOAT, [2, 7]), info("f", T.FLOAT, [2, 7])],
                                [info("s1", T.FLOAT), info("o", T.FLOAT), info("sum", T.FLOAT)])
    settings = dict(num_scan_inputs=2, scan_input_axes=[1, 0], scan_input_directions=[0, 1], scan_output_axes=[-1, 1], scan_output_directions=[1, 0])

    def scanned(given):
        s, e, f = given["s"], given["e"], given["f"]
        rows, sums = [], []
        for i in range(f.shape[0]):
            b = s @ w + e[:, i]
            s = np.tanh(f[f.shape[0] - 1 - i] * b)
            rows.insert(0, softmax(b))
            sums.append(s.sum(0))
        return [s, np.stack(rows, -1), np.stack(sums, 1)]

    given = {"s": floats("long scan s", 2, 7), "e": floats("long e", 2, 120, 7), "f": floats("long f", 120, 2, 7)}
    case("long_scan", [node("Scan", ["s", "e", "f"], ["last", "rows", "sums"], body=scan(), **settings)], list(given.items()), ["last", "rows", "sums"],
         [("w", w), ("zero", np.array([0]))], opset=13, expected=scanned(given))
    sets = [{"s": floats(f"open scan s{n}", 2, 7), "e": floats(f"open e{n}", 2, n, 7), "f": floats(f"open f{n}", n, 2, 7)} for n in (1, 4, 19)]
    open_case("open_scan", [node("Scan", ["s", "e", "f"], ["last", "rows", "sums"], body=scan(), **settings)],
              {"s": [2, 7], "e": [2, "n", 7], "f": ["n", 2, 7]}, sets, ["last", "rows", "sums"], [("w", w), ("zero", np.array([0]))],
              arguments=["n=1..32"], compute=lambda model, outputs, given: scanned(given))


def nested(case, node):
    """A long body in a long body, with a branch and a size that grows and is cut again."""
    info = lambda name, kind, dims=None: h.make_tensor_value_info(name, kind, dims)
    branch = lambda name, *nodes: h.make_graph(list(nodes), name, [], [info(name, T.FLOAT)])
    inner = h.make_graph([node("Mul", ["s2", "h"], ["u"]), node("Tanh", ["u"], ["v"]), node("Add", ["v", "x"], ["w"]), node("Identity", ["go2"], ["on2"])],
                         "inner", [info("j", T.INT64, []), info("go2", T.BOOL, []), info("s2", T.FLOAT)], [info("on2", T.BOOL, []), info("w", T.FLOAT)])
    outer = h.make_graph(
        [node("Loop", ["turns", "", "s"], ["t"], body=inner), node("Mod", ["i", "two"], ["odd"]), node("Cast", ["odd"], ["c"], to=T.BOOL),
         node("If", ["c"], ["f"], then_branch=branch("yes", node("Sin", ["t"], ["yes"])), else_branch=branch("no", node("Neg", ["t"], ["no"]))),
         node("Concat", ["f", "x"], ["long"], axis=0), node("Slice", ["long", "from", "to"], ["s1"]), node("ReduceMax", ["s1"], ["most"], axes=[0], keepdims=0),
         node("Identity", ["go"], ["on"])],
        "outer", [info("i", T.INT64, []), info("go", T.BOOL, []), info("s", T.FLOAT)], [info("on", T.BOOL, []), info("s1", T.FLOAT), info("most", T.FLOAT)])
    x = floats("long_nested x", 3, 5)

    def computed():
        s, most = x, []
        for i in range(150):
            for _ in range(200):
                s = np.tanh(s * np.float32(0.3)) + x
            s = np.concatenate([np.sin(s) if i % 2 else -s, x])[1:4]
            most.append(s.max(0))
        return [s, np.stack(most)]

    case("long_nested", [node("Loop", ["outer_turns", "", "x"], ["y", "peaks"], body=outer)], [("x", x)], ["y", "peaks"],
         [("turns", np.array(200)), ("outer_turns", np.array(150)), ("h", np.array(0.3, "f4")), ("two", np.array(2)), ("from", np.array([1])), ("to", np.array([4]))],
         expected=computed())


def edges(case, node):
    """Rows that hold what is no number, or no finite one, and numbers too far below the greatest to count."""
    x = floats("softmax_edges x", 9, 37)
    x[0, 3], x[1, 36], x[2], x[3], x[4, :36], x[5, 20], x[6, 5] = np.nan, np.nan, np.nan, -np.inf, -np.inf, np.inf, 200
    x[7] *= 100
    x[8, :20] = -np.inf
    wide = x.astype("f8")
    with np.errstate(all="ignore"):
        shares = softmax(wide)
        logs = wide - wide.max(-1, keepdims=True) - np.log(np.exp(wide - wide.max(-1, keepdims=True)).sum(-1, keepdims=True))
    case("softmax_edges", [node("Softmax", ["x"], ["y"]), node("LogSoftmax", ["x"], ["l"])], [("x", x)], ["y", "l"],
         expected=[shares.astype("f4"), logs.astype("f4")])


def add(case, open_case, node):
    ranks(case, node)
    norms(case, node)
    growing(open_case, node)
    declared(open_case, node)
    folded(open_case, node)
    fits(open_case, node)
    long_loops(case, open_case, node)
    edges(case, node)
    nested(case, node)
