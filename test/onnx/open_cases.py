# open_cases.py - cases of open sizes for make_cases.py: attention whose masks multiply or replace scores, windows that
# slide over images of any size, quantised products, the largest of some, operators of ONNX Runtime.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import numpy as np
from onnx import TensorProto as T

RANDOM = np.random.default_rng(20261128)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype("f4")


def attention(open_case, node):
    """Masks with rows that see nothing: there the number that stands for a score decides what comes out."""
    heads = [node("Reshape", ["x", "split"], ["r"]), node("Transpose", ["r"], ["q"], perm=[0, 2, 1, 3]),
             node("Transpose", ["r"], ["k"], perm=[0, 2, 3, 1]), node("MatMul", ["q", "k"], ["s"])]
    tail = [node("Softmax", ["m"], ["p"]), node("MatMul", ["p", "q"], ["o"]), node("Transpose", ["o"], ["t"], perm=[0, 2, 1, 3]),
            node("Reshape", ["t", "join"], ["y"])]
    weights = [("split", np.array([0, 0, 3, 7])), ("join", np.array([0, 0, 21])), ("root", np.array(2.6457513, "f4")),
               ("large", np.array(10000, "f4")), ("one", np.array(1, "f4")), ("fill", np.array(-10000, "f4"))]
    sizes = [(1, 1), (2, 5), (3, 11)]

    def seen(b, t):
        mask = RANDOM.random((b, 1, t, t)) < 0.6
        mask[0, 0, t // 2] = False
        return mask

    nodes = heads + [node("Div", ["s", "root"], ["d"]), node("Where", ["seen", "d", "fill"], ["w"]), node("Add", ["w", "late"], ["m"])] + tail
    # Scores are large here, so that some are seen beside -10000.
    open_case("replaced_scores", nodes, {"x": ["batch", "sequence", 21], "seen": ["batch", 1, "sequence", "sequence"], "late": ["batch", 1, 1, "sequence"]},
              [{"x": floats(b, t, 21), "seen": seen(b, t), "late": floats(b, 1, 1, t)} for b, t in sizes], ["y"],
              [w for w in weights if w[0] in ("split", "join", "root", "fill")], arguments=["batch=1..3", "sequence=1..11"])
    nodes = heads + [node("Mul", ["s", "mask"], ["w"]), node("Sub", ["one", "mask"], ["hidden"]), node("Mul", ["hidden", "large"], ["less"]),
                     node("Sub", ["w", "less"], ["m"])] + tail
    open_case("multiplied_scores", nodes, {"x": ["batch", "sequence", 21], "mask": ["batch", 1, "sequence", "sequence"]},
              [{"x": floats(b, t, 21), "mask": seen(b, t).astype("f4")} for b, t in sizes], ["y"],
              [w for w in weights if w[0] in ("split", "join", "large", "one")], arguments=["batch=1..3", "sequence=1..11"])


def windows(open_case, node):
    nodes = [node("Conv", ["x", "w", "b"], ["c"], group=2, strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 2]),
             node("MaxPool", ["c"], ["peak"], kernel_shape=[2, 3], strides=[1, 2]),
             node("AveragePool", ["c"], ["mean"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]),
             node("GlobalAveragePool", ["c"], ["whole"]), node("ConvTranspose", ["c", "u"], ["spread"], strides=[2, 1], pads=[1, 0, 0, 1]),
             node("Conv", ["x", "w"], ["same"], group=2, strides=[2, 3], auto_pad="SAME_UPPER")]
    open_case("open_windows", nodes, {"x": ["batch", 6, "rows", "columns"]},
              [{"x": floats(b, 6, h, w)} for b, h, w in [(1, 7, 11), (3, 5, 8), (2, 12, 7)]],
              ["c", "peak", "mean", "whole", "spread", "same"],
              [("w", floats(10, 3, 3, 3)), ("b", floats(10)), ("u", floats(10, 3, 3, 2))],
              arguments=["batch=1..3", "rows=5..12", "columns=7..11"])


def quantized(open_case, node):
    nodes = [node("Dropout", ["x"], ["d"]), node("DynamicQuantizeLinear", ["d"], ["q", "s", "z"]), node("MatMulInteger", ["q", "w", "z"], ["m"]),
             node("Cast", ["m"], ["f"], to=T.FLOAT), node("Mul", ["f", "s"], ["y"]),
             node("QuantizeLinear", ["x", "scale", "point"], ["codes"]), node("DequantizeLinear", ["codes", "scale", "point"], ["again"]),
             node("TopK", ["x", "k"], ["most", "places"], axis=1)]
    open_case("open_quantized", nodes, {"x": ["batch", "sequence", 13], "k": [1]},
              [{"x": floats(b, t, 13), "k": np.array([k])} for b, t, k in [(1, 1, 1), (2, 5, 2), (3, 7, 7)]],
              ["y", "codes", "again", "most", "places"], opset=21,
              weights=[("w", RANDOM.integers(-128, 128, (13, 5)).astype("i1")), ("scale", np.array(0.03, "f4")), ("point", np.array(121, "u1"))],
              arguments=["batch=1..3", "sequence=1..7"])


def folds(case, node):
    """Operators of several tensors from before they broadcast."""
    a, b, c = (np.arange(15, dtype="f4").reshape(3, 5) * k % 7 for k in (3, 5, 6))
    case("opset_6_folds", [node("Max", ["a", "b"], ["h"]), node("Min", ["h", "c"], ["l"]), node("Sum", ["l", "a", "b"], ["s"]),
                           node("Mean", ["s", "c"], ["y"])], [("a", a), ("b", b), ("c", c)], ["h", "l", "s", "y"], opset=6,
         expected=[np.maximum(a, b), np.minimum(np.maximum(a, b), c), np.minimum(np.maximum(a, b), c) + a + b,
                   (np.minimum(np.maximum(a, b), c) + a + b + c) / np.float32(2)])


def by_onnxruntime(model, outputs, feeds):
    """What ONNX Runtime computes; it wants outputs of a type."""
    import onnxruntime
    copy = type(model)()
    copy.CopyFrom(model)
    for output in copy.graph.output:
        output.ClearField("type")
    session = onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(list(outputs), feeds)


def microsoft(open_case, node):
    """A layer of BERT and two decoders' attentions as ONNX Runtime's optimiser writes them."""
    own = lambda op, inputs, outputs, **more: node(op, inputs, outputs, domain="com.microsoft", **more)
    more = {"opsets": ["com.microsoft"], "compute": by_onnxruntime}
    nodes = [own("EmbedLayerNormalization", ["ids", "segments", "words", "places", "kinds", "gamma", "beta", "mask"], ["e", "count"]),
             own("Attention", ["e", "qkv", "qkv_bias", "mask"], ["a"], num_heads=3), node("MatMul", ["a", "up"], ["m"]),
             own("FastGelu", ["m", "up_bias"], ["g"]), own("SkipLayerNormalization", ["g", "e", "gamma", "beta", "bias"], ["n"]),
             own("MatMulNBits", ["n", "codes", "scales"], ["y"], K=24, N=16, bits=4, block_size=16)]

    def masks(b, t):
        mask = np.ones((b, t), "i4")
        mask[-1, t - t // 3:] = 0
        return mask

    open_case("open_bert", nodes, {n: ["batch", "sequence"] for n in ("ids", "segments", "mask")},
              [{"ids": RANDOM.integers(0, 31, (b, t)).astype("i4"), "segments": RANDOM.integers(0, 2, (b, t)).astype("i4"), "mask": masks(b, t)}
               for b, t in [(1, 1), (2, 5), (3, 17)]], ["y", "count"],
              [("words", floats(31, 24)), ("places", floats(17, 24)), ("kinds", floats(2, 24)), ("gamma", floats(24)), ("beta", floats(24)),
               ("qkv", floats(24, 72)), ("qkv_bias", floats(72)), ("up", floats(24, 24)), ("up_bias", floats(24)), ("bias", floats(24)),
               ("codes", RANDOM.integers(0, 256, (16, 2, 8)).astype("u1")), ("scales", floats(32))],
              arguments=["batch=1..3", "sequence=1..17"], **more)
    angles = np.arange(32)[:, None] * 0.1 ** np.arange(8)[None]
    tables = [("cos", np.cos(angles).astype("f4")), ("sin", np.sin(angles).astype("f4"))]
    nodes = [own("GroupQueryAttention", ["q", "k", "v", "past_k", "past_v", "lengths", "total", "cos", "sin"], ["y", "present_k", "present_v"],
                 num_heads=4, kv_num_heads=2, do_rotary=1)]
    open_case("open_grouped", nodes, {"q": ["batch", "sequence", 64], "k": ["batch", "sequence", 32], "v": ["batch", "sequence", 32],
                                      "past_k": ["batch", 2, "past", 16], "past_v": ["batch", 2, "past", 16], "lengths": ["batch"], "total": []},
              [{"q": floats(b, t, 64), "k": floats(b, t, 32), "v": floats(b, t, 32), "past_k": floats(b, 2, p, 16), "past_v": floats(b, 2, p, 16),
                "lengths": np.full(b, p + t - 1, "i4"), "total": np.array(p + t, "i4")} for b, t, p in [(1, 3, 4), (2, 1, 6), (3, 1, 1)]],
              ["y", "present_k", "present_v"], tables, arguments=["batch=1..3", "sequence=1..3", "past=1..6"], **more)
    nodes = [own("RotaryEmbedding", ["q", "positions", "cos", "sin"], ["r"], num_heads=3),
             own("MultiHeadAttention", ["r", "k", "v", "", "mask", "", "past_k", "past_v"], ["y", "present_k", "present_v"], num_heads=3)]
    open_case("open_heads", nodes, {"q": ["batch", "sequence", 48], "k": ["batch", "sequence", 48], "v": ["batch", "sequence", 48],
                                    "positions": ["batch", "sequence"], "mask": ["batch", "past + sequence"],
                                    "past_k": ["batch", 3, "past", 16], "past_v": ["batch", 3, "past", 16]},
              [{"q": floats(b, t, 48), "k": floats(b, t, 48), "v": floats(b, t, 48), "mask": masks(b, p + t),
                "positions": np.tile(np.arange(p, p + t), (b, 1)), "past_k": floats(b, 3, p, 16), "past_v": floats(b, 3, p, 16)}
               for b, t, p in [(1, 3, 4), (2, 1, 6), (2, 5, 1)]],
              ["y", "present_k", "present_v"], tables, arguments=["batch=1..2", "sequence=1..5", "past=1..6"], **more)


def add(case, open_case, node):
    attention(open_case, node)
    windows(open_case, node)
    quantized(open_case, node)
    folds(case, node)
    microsoft(open_case, node)
