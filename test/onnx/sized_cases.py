# sized_cases.py - cases for make_cases.py of operators whose inputs' sizes are known only at run time: resizing,
# sampling, transforms, recurrence, states, mixtures of experts, what ONNX Runtime's decoders use.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import math

import numpy as np

from open_cases import by_onnxruntime

RANDOM = np.random.default_rng(20261129)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype("f4")


def resizing(open_case, node):
    """Scales and sizes that are known, that come from another tensor's shape, and that are inputs."""
    nodes = [node("Resize", ["x", "", "twice"], ["near"], mode="nearest"), node("Resize", ["x", "", "part"], ["linear"], mode="linear"),
             node("Shape", ["z"], ["s"]), node("Slice", ["s", "two", "four"], ["hw"]),
             node("Resize", ["x", "", "", "hw"], ["like"], mode="cubic", axes=[2, 3], coordinate_transformation_mode="align_corners"),
             node("Resize", ["x", "", "", "hw"], ["kept"], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
             node("Resize", ["x", "", "", "hw"], ["smooth"], mode="linear", axes=[2, 3], antialias=1)]
    open_case("sized_resize", nodes, {"x": ["batch", 3, "rows", "columns"], "z": [1, 1, "h", "w"]},
              [{"x": floats(b, 3, r, c), "z": floats(1, 1, h, w)} for b, r, c, h, w in [(1, 5, 7, 11, 3), (2, 4, 4, 4, 4), (2, 8, 3, 2, 9)]],
              ["near", "linear", "like", "kept", "smooth"],
              [("twice", np.array([1, 1, 2, 3], "f4")), ("part", np.array([1, 1, 1.5, 0.75], "f4")), ("two", np.array([2])), ("four", np.array([4]))],
              opset=19, arguments=["batch=1..2", "rows=2..8", "columns=3..7", "h=2..11", "w=3..9"])
    nodes = [node("Resize", ["x", "", "scales"], ["scaled"], mode="linear", axes=[1, 2]),
             node("Resize", ["x", "", "", "sizes"], ["sized"], mode="nearest", axes=[1, 2])]
    open_case("computed_resize", nodes, {"x": [2, "rows", "columns"], "scales": [2], "sizes": [2]},
              [{"x": floats(2, r, c), "scales": np.array(s, "f4"), "sizes": np.array(n)}
               for r, c, s, n in [(5, 7, [2, 0.5], [3, 11]), (4, 3, [0.5, 3], [7, 2])]], ["scaled", "sized"], opset=19,
              arguments=["rows=2..5", "columns=3..7", "scaled.1=1..16", "scaled.2=1..16", "sized.1=1..16", "sized.2=1..16"])


def sampling(open_case, node):
    nodes = [node("GridSample", ["x", "g"], ["border"], padding_mode="border"),
             node("GridSample", ["x", "g"], ["mirror"], mode="cubic", padding_mode="reflection", align_corners=1),
             node("Shape", ["x"], ["size"]), node("AffineGrid", ["t", "size"], ["grid"]),
             node("AffineGrid", ["t", "size"], ["aligned"], align_corners=1)]
    open_case("sized_grid", nodes, {"x": ["batch", 3, "rows", "columns"], "g": ["batch", "h", "w", 2], "t": ["batch", 2, 3]},
              [{"x": floats(b, 3, r, c), "g": RANDOM.uniform(-1.4, 1.4, (b, h, w, 2)).astype("f4"), "t": floats(b, 2, 3)}
               for b, r, c, h, w in [(1, 5, 7, 2, 3), (2, 7, 2, 5, 1)]], ["border", "mirror", "grid", "aligned"], opset=20,
              arguments=["batch=1..2", "rows=2..7", "columns=2..7", "h=1..5", "w=1..5"])
    nodes = [node("RoiAlign", ["x", "r", "i"], ["y"], output_height=3, output_width=2, spatial_scale=0.75)]
    open_case("sized_regions", nodes, {"x": ["batch", 3, "rows", "columns"], "r": ["regions", 4], "i": ["regions"]},
              [{"x": floats(b, 3, r, c), "r": np.array([[0.5, 1, 5, 6], [2, 2, 3, 3.5], [-3, 0, 9, 4]], "f4")[:n], "i": np.arange(n) % b}
               for b, r, c, n in [(2, 7, 5, 3), (1, 5, 6, 1)]], ["y"], opset=16,
              arguments=["batch=1..2", "rows=5..7", "columns=5..6", "regions=1..3"])
    nodes = [node("DepthToSpace", ["x"], ["wide"], blocksize=2), node("DepthToSpace", ["x"], ["turned"], blocksize=2, mode="CRD"),
             node("SpaceToDepth", ["wide"], ["deep"], blocksize=2),
             node("GroupNormalization", ["x", "scale", "bias"], ["normal"], num_groups=4)]
    open_case("sized_depth", nodes, {"x": ["batch", 12, "rows", "columns"]},
              [{"x": floats(b, 12, r, c)} for b, r, c in [(1, 3, 5), (2, 1, 4)]], ["wide", "turned", "deep", "normal"],
              [("scale", floats(12)), ("bias", floats(12))], opset=21, arguments=["batch=1..2", "rows=1..3", "columns=4..5"])


def sums(open_case, node):
    nodes = [node("Einsum", ["x", "z"], ["scores"], equation="bihd,bjhd->bhij"), node("Einsum", ["scores", "z"], ["mixed"], equation="bhij,bjhd->bihd"),
             node("Einsum", ["x", "m"], ["turned"], equation="...d,de->...e")]
    open_case("sized_einsum", nodes, {"x": ["batch", "queries", 3, 5], "z": ["batch", "keys", 3, 5]},
              [{"x": floats(b, q, 3, 5), "z": floats(b, k, 3, 5)} for b, q, k in [(1, 2, 7), (2, 5, 1)]], ["scores", "mixed", "turned"],
              [("m", floats(5, 5))], arguments=["batch=1..2", "queries=1..5", "keys=1..7"])
    nodes = [node("DFT", ["x", "", "axis"], ["whole"]), node("DFT", ["x", "", "axis"], ["half"], onesided=1),
             node("DFT", ["x", "", "first"], ["across"]), node("STFT", ["signal", "step", "window"], ["frames"])]
    open_case("sized_transforms", nodes, {"x": ["batch", 6, "places", 1], "signal": ["batch", "samples", 1]},
              [{"x": floats(b, 6, p, 1), "signal": floats(b, s, 1)} for b, p, s in [(1, 5, 12), (2, 8, 50)]], ["whole", "half", "across", "frames"],
              [("axis", np.array(2)), ("first", np.array(1)), ("step", np.array(7)), ("window", floats(12))], opset=20,
              arguments=["batch=1..2", "places=2..8", "samples=12..50"])


def states(open_case, node):
    def cell(kind, gates, **attributes):
        nodes = [node(kind, ["x", "w", "r", "b", "lengths"], ["y", "yh"] + (["yc"] if kind == "LSTM" else []), hidden_size=7, **attributes)]
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        open_case(f"sized_{kind.lower()}", nodes, {"x": ["time", "batch", 2], "lengths": ["batch"]},
                  [{"x": floats(t, b, 2), "lengths": (1 + np.arange(b) % t).astype("i4")} for t, b in [(5, 3), (1, 1), (4, 2)]],
                  nodes[0].output, [("w", floats(directions, gates * 7, 2)), ("r", floats(directions, gates * 7, 7)), ("b", floats(directions, 2 * gates * 7))],
                  opset=14, arguments=["time=1..5", "batch=1..3"], compute=by_onnxruntime)
    cell("LSTM", 4, direction="bidirectional")
    cell("GRU", 3, direction="reverse", linear_before_reset=1)
    nodes = [node("LinearAttention", ["q", "k", "v", "s", "g", "b"], ["y", "t"], q_num_heads=4, kv_num_heads=2)]
    open_case("sized_linear_attention", nodes,
              {"q": ["batch", "time", 12], "k": ["batch", "time", 6], "v": ["batch", "time", 10], "s": ["batch", 2, 3, 5], "g": ["batch", "time", 6], "b": ["batch", "time", 1]},
              [{"q": floats(b, t, 12), "k": floats(b, t, 6), "v": floats(b, t, 10), "s": floats(b, 2, 3, 5), "g": -np.abs(floats(b, t, 6)), "b": floats(b, t, 1)}
               for b, t in [(1, 1), (2, 5)]], ["y", "t"], opset=27, arguments=["batch=1..2", "time=1..5"])
    nodes = [node("CausalConvWithState", ["x", "w", "bias", "past"], ["y", "t"], activation="silu"),
             node("TensorScatter", ["cache", "update", "at"], ["linear"]), node("TensorScatter", ["cache", "update", "at"], ["circular"], mode="circular")]
    open_case("sized_states", nodes, {"x": ["batch", 3, "time"], "past": ["batch", 3, 3], "cache": ["batch", 2, "room", 5], "update": ["batch", 2, "fresh", 5], "at": ["batch"]},
              [{"x": floats(b, 3, t), "past": floats(b, 3, 3), "cache": floats(b, 2, r, 5), "update": floats(b, 2, f, 5), "at": np.arange(b)}
               for b, t, r, f in [(1, 7, 4, 1), (2, 1, 6, 3)]], ["y", "t", "linear", "circular"], [("w", floats(3, 1, 4)), ("bias", floats(3))],
              opset=27, arguments=["batch=1..2", "time=1..7", "room=4..6", "fresh=1..3"])
    nodes = [node("ScatterElements", ["x", "i", "u"], ["spread"], axis=1, reduction="add"), node("ScatterND", ["x", "p", "w"], ["rows"])]
    open_case("sized_scatter", nodes, {"x": ["n", 7], "i": ["k", "m"], "u": ["k", "m"], "p": ["r", 1], "w": ["r", 7]},
              [{"x": floats(n, 7), "i": RANDOM.integers(0, 7, (k, m)), "u": floats(k, m), "p": RANDOM.permutation(n)[:r, None], "w": floats(r, 7)}
               for n, k, m, r in [(5, 3, 2, 1), (3, 3, 4, 3)]], ["spread", "rows"], opset=18, arguments=["n=3..5", "k=1..3", "m=1..4", "r=1..3"])
    # What is drawn is nobody else's business; that it has the input's size is.
    nodes = [node("RandomNormalLike", ["x"], ["n"], seed=3.0), node("RandomUniformLike", ["x"], ["u"], seed=3.0), node("Sub", ["n", "n"], ["zero"]),
             node("Abs", ["u"], ["size"]), node("Less", ["size", "limit"], ["below"]), node("Shape", ["x"], ["shape"]),
             node("Expand", ["limit", "shape"], ["one"]), node("Bernoulli", ["one"], ["b"])]
    open_case("sized_draws", nodes, {"x": ["batch", 5]}, [{"x": floats(b, 5)} for b in (1, 3)], ["zero", "below", "b"], [("limit", np.array(1, "f4"))],
              arguments=["batch=1..3"])


def microsoft(open_case, node):
    own = lambda op, inputs, outputs, **more: node(op, inputs, outputs, domain="com.microsoft", **more)
    more = {"opsets": ["com.microsoft"], "compute": by_onnxruntime}
    nodes = [own("MoE", ["x", "scores", "w1", "b1", "w2", "b2"], ["y"], activation_type="gelu", k=2, normalize_routing_weights=1),
             own("GatherBlockQuantized", ["codes", "ids", "scales"], ["rows"], block_size=16, quantize_axis=1)]
    open_case("sized_experts", nodes, {"x": ["tokens", 8], "scores": ["tokens", 4], "ids": ["batch", "words"]},
              [{"x": floats(t, 8), "scores": floats(t, 4), "ids": RANDOM.integers(0, 7, (b, w))} for t, b, w in [(1, 2, 3), (5, 1, 1)]], ["y", "rows"],
              [("w1", floats(4, 12, 8)), ("b1", floats(4, 12)), ("w2", floats(4, 8, 12)), ("b2", floats(4, 8)),
               ("codes", RANDOM.integers(0, 256, (7, 16)).astype("u1")), ("scales", floats(7, 2))],
              opset=21, arguments=["tokens=1..5", "batch=1..2", "words=1..3"], **more)
    nodes = [own("DecoderMaskedMultiHeadAttention", ["q", "k", "v", "", "", "past_k", "past_v", "length"], ["y", "present_k", "present_v"], num_heads=2, past_present_share_buffer=1)]
    open_case("sized_decoder", nodes, {"q": ["batch", 1, 16], "k": ["batch", 1, 16], "v": ["batch", 1, 16], "past_k": ["batch", 2, "room", 8], "past_v": ["batch", 2, "room", 8], "length": [1]},
              [{"q": floats(b, 1, 16), "k": floats(b, 1, 16), "v": floats(b, 1, 16), "past_k": floats(b, 2, r, 8), "past_v": floats(b, 2, r, 8),
                "length": np.array([p], "i4")} for b, r, p in [(1, 5, 2), (3, 8, 7)]], ["y", "present_k", "present_v"], arguments=["batch=1..3", "room=5..8"], **more)
    codes = lambda *shape: RANDOM.integers(0, 256, shape).astype("u1")
    nodes = [own("QLinearSoftmax", ["x", "s", "z", "t", "zero"], ["p"], axis=-1, opset=13),
             own("QLinearConcat", ["s", "z", "x", "t", "z", "x", "s", "z"], ["c"], axis=1)]
    open_case("sized_codes", nodes, {"x": ["batch", 3, "places"]}, [{"x": codes(b, 3, p)} for b, p in [(1, 5), (2, 7)]], ["p", "c"],
              [("s", np.array(0.05, "f4")), ("z", np.array(120, "u1")), ("t", np.array(1 / 256, "f4")), ("zero", np.array(0, "u1"))],
              arguments=["batch=1..2", "places=5..7"], **more)

    def by_distance(model, outputs, feeds):
        """As the T5 paper and its authors' code have it."""
        table = next(w for w in model.graph.initializer if w.name == "table")
        table = np.frombuffer(table.raw_data, "f4").reshape(8, 3)
        distance = np.arange(feeds["z"].shape[0])[None] - np.arange(feeds["x"].shape[0])[:, None]
        def bucket(d):
            base, d = (4 if d > 0 else 0), abs(d)
            return base + (d if d < 2 else min(3, 2 + int(math.log(d / 2) / math.log(16 / 2) * 2)))
        return [table[np.vectorize(bucket)(distance)].transpose(2, 0, 1)[None]]

    nodes = [node("Shape", ["x"], ["n"]), node("Shape", ["z"], ["m"]),
             own("RelativePositionBias", ["table", "n", "m"], ["y"], max_distance=16, is_bidirectional=1)]
    open_case("sized_buckets", nodes, {"x": ["queries"], "z": ["keys"]}, [{"x": floats(q), "z": floats(k)} for q, k in [(1, 1), (3, 23), (19, 5)]],
              ["y"], [("table", floats(8, 3))], arguments=["queries=1..19", "keys=1..23"], opsets=["com.microsoft"], compute=by_distance)


def limits(case, node):
    """As many dimensions as an artifact can say, and an output that is named twice."""
    x, z = floats(1, 2, 1, 2, 1, 1, 5), floats(3, 1, 1, 1, 2, 1, 7, 5)
    case("rank_eight", [node("Add", ["x", "z"], ["s"]), node("Transpose", ["s"], ["t"], perm=[7, 5, 3, 1, 0, 2, 4, 6]),
                        node("Softmax", ["t"], ["p"], axis=4), node("ReduceSum", ["p", "axes"], ["y"], keepdims=0)], [("x", x), ("z", z)], ["t", "y"],
         [("axes", np.array([0, 2, -1]))])
    # One window that does not reach all of its input.
    case("one_window", [node("AveragePool", ["x"], ["mean"], kernel_shape=[4], strides=[2]), node("MaxPool", ["x"], ["peak"], kernel_shape=[2], dilations=[2], strides=[9]),
                        node("Conv", ["x", "w"], ["y"], strides=[3])], [("x", floats(2, 3, 5))], ["mean", "peak", "y"], [("w", floats(7, 3, 3))])
    # A product of one place that is read in several.
    case("spread_product", [node("MatMulInteger", ["a", "b"], ["i"]), node("Cast", ["i"], ["f"], to=1), node("Add", ["c", "f"], ["y"])],
         [("a", np.array([[3]], "u1")), ("b", np.array([[-4]], "i1"))], ["y"], [("c", floats(3, 5))])
    # Exporters take the lesser of two sizes in floats.
    case("sizes_in_floats", [node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["f"], to=1), node("Min", ["f", "most"], ["m"]), node("Cast", ["m"], ["end"], to=7),
                             node("Slice", ["table", "from", "end"], ["t"]), node("Expand", ["t", "s"], ["y"])], [("x", floats(3, 5))], ["y"],
         [("most", np.array([1, 9999], "f4")), ("table", floats(1, 11)), ("from", np.array([0, 0]))])
    # A mask of no key at all: what it adds to the scores is so large that each rounding counts.
    q, kv, mask = floats(1, 5, 12), floats(1, 7, 12), np.full((5, 7), -1e4, "f4")
    case("no_key_seen", [node("Attention", ["q", "k", "v", "m"], ["y"], q_num_heads=3, kv_num_heads=3)], [("q", 4 * q), ("k", kv), ("v", floats(1, 7, 12)), ("m", mask)], ["y"], opset=23)
    case("named_twice", [node("Relu", ["x"], ["y"])], [("x", floats(3, 5))], ["y", "y"])


def add(case, open_case, node):
    limits(case, node)
    resizing(open_case, node)
    sampling(open_case, node)
    sums(open_case, node)
    states(open_case, node)
    microsoft(open_case, node)
