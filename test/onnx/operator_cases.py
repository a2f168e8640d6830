# operator_cases.py - cases of operators that move, sample, transform, remember or draw; make_cases.py calls it.
#
# Outputs are those of onnx.reference, or of ONNX Runtime (`run_ort`) where that computes what the reference leaves out.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import math

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

KINDS = {"f4": T.FLOAT, "f8": T.DOUBLE, "i8": T.INT64, "b1": T.BOOL, "u1": T.UINT8, "i1": T.INT8, "i4": T.INT32, "f2": T.FLOAT16}
RANDOM = np.random.default_rng(20261128)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype("f4")


def run_ort(nodes, inputs, outputs, weights=(), opset=17):
    """What ONNX Runtime computes."""
    import onnxruntime
    value = lambda n, a: h.make_tensor_value_info(n, KINDS[a.dtype.str[1:]], a.shape)
    graph = h.make_graph(nodes, "g", [value(n, a) for n, a in inputs], [h.make_tensor_value_info(n, 0, None) for n in outputs],
                         [nh.from_array(a, n) for n, a in weights])
    for output in graph.output:
        output.ClearField("type")
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(list(outputs), dict(inputs))


def sampling(case, node):
    x = floats(1, 2, 5, 7)
    case("resize_linear", [node("Resize", ["x", "", "s"], ["y"], mode="linear")], [("x", x)], ["y"],
         [("s", np.array([1, 1, 1.7, 0.6], "f4"))], opset=19)
    case("resize_cubic", [node("Resize", ["x", "", "", "n"], ["y"], mode="cubic", antialias=1, axes=[2, 3], cubic_coeff_a=-0.5)],
         [("x", floats(1, 1, 11, 13))], ["y"], [("n", np.array([5, 17]))], opset=19)
    case("resize_nearest", [node("Resize", ["x", "", "", "n"], ["y"], mode="nearest", axes=[3, 2], keep_aspect_ratio_policy="not_larger",
                                 nearest_mode="ceil", coordinate_transformation_mode="half_pixel_symmetric")],
         [("x", (x * 40).astype("i1"))], ["y"], [("n", np.array([13, 13]))], opset=19)
    case("resize_region", [node("Resize", ["x", "r", "", "n"], ["y"], mode="linear", coordinate_transformation_mode="tf_crop_and_resize",
                                extrapolation_value=7.5, axes=[2, 3])], [("x", x)], ["y"],
         [("r", np.array([0.3, -0.2, 0.7, 1.1], "f4")), ("n", np.array([3, 11]))], opset=19)
    nodes = [node("Upsample", ["x", "s"], ["y"], mode="linear")]
    scales = [("s", np.array([1, 1, 2, 3], "f4"))]
    case("upsample_linear", nodes, [("x", x)], ["y"], scales, opset=9, expected=run_ort(nodes, [("x", x)], ["y"], scales, 9))
    grid = RANDOM.uniform(-1.4, 1.4, (2, 3, 5, 2)).astype("f4")
    case("grid_cubic", [node("GridSample", ["x", "g"], ["y"], mode="cubic", padding_mode="reflection")],
         [("x", floats(2, 3, 7, 5)), ("g", grid)], ["y"], opset=20)
    case("grid_border", [node("GridSample", ["x", "g"], ["y"], mode="nearest", padding_mode="border", align_corners=1)],
         [("x", floats(2, 3, 7, 5)), ("g", grid)], ["y"], opset=20)
    case("grid_volume", [node("GridSample", ["x", "g"], ["y"])],
         [("x", floats(1, 2, 3, 5, 4)), ("g", RANDOM.uniform(-1.1, 1.1, (1, 2, 3, 2, 3)).astype("f4"))], ["y"], opset=20)
    case("affine_grid", [node("AffineGrid", ["t", "n"], ["y"], align_corners=1)], [("t", floats(2, 2, 3))], ["y"],
         [("n", np.array([2, 1, 3, 5]))], opset=20)
    regions = np.array([[0.5, 1, 5, 6], [2, 2, 3, 3.5], [-3, 0, 9, 4]], "f4")
    images = np.array([0, 1, 0])
    for mode in ("avg", "max"):
        case(f"roi_align_{mode}", [node("RoiAlign", ["x", "r", "i"], ["y"], output_height=3, output_width=2, spatial_scale=0.75, mode=mode)],
             [("x", floats(2, 2, 7, 5)), ("r", regions), ("i", images)], ["y"], opset=16)
    pooled = [("x", floats(2, 3, 11, 7)), ("r", np.array([[1, 0, 1, 5, 9], [0, 2, 3, 2, 3], [0, 4, 4, 6, 10]], "f4"))]
    nodes = [node("MaxRoiPool", ["x", "r"], ["y"], pooled_shape=[3, 2], spatial_scale=0.8)]
    case("max_roi_pool", nodes, pooled, ["y"], expected=run_ort(nodes, pooled, ["y"]))
    case("deform_conv", [node("DeformConv", ["x", "w", "o", "b", "m"], ["y"], kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 1],
                              group=2, offset_group=2)],
         [("x", floats(2, 4, 7, 5)), ("o", floats(2, 24, 4, 5)), ("m", floats(2, 12, 4, 5))], ["y"],
         [("w", floats(6, 2, 3, 2)), ("b", floats(6))], opset=19)


def signals(case, node):
    case("dft_lengths", [node("DFT", ["x", "n", "a"], ["y"]), node("DFT", ["x", "", "b"], ["z"], onesided=1),
                         node("DFT", ["z", "", "b"], ["w"], inverse=1, onesided=1)],
         [("x", floats(2, 11, 30, 1))], ["y", "z", "w"],
         [("n", np.array(13)), ("a", np.array(1)), ("b", np.array(-2))], opset=20)
    case("dft_double", [node("DFT", ["x"], ["y"], axis=1), node("DFT", ["y", "n"], ["z"], axis=1, inverse=1)],
         [("x", RANDOM.standard_normal((1, 35, 2)))], ["y", "z"], [("n", np.array(28))], opset=17)
    case("stft", [node("STFT", ["x", "s", "w", "n"], ["y"], onesided=0)], [("x", floats(2, 50, 1)), ("w", floats(12))], ["y"],
         [("s", np.array(7)), ("n", np.array(12))], opset=17)
    case("windows", [node("HannWindow", ["n"], ["a"], periodic=0), node("HammingWindow", ["n"], ["b"]),
                     node("BlackmanWindow", ["n"], ["c"], output_datatype=T.DOUBLE), node("Mul", ["a", "x"], ["d"])],
         [("x", floats(13))], ["d", "b", "c"], [("n", np.array(13))], opset=17)
    case("mel_weights", [node("MelWeightMatrix", ["m", "n", "r", "l", "u"], ["w"]), node("MatMul", ["x", "w"], ["y"])],
         [("x", floats(3, 33))], ["y", "w"],
         [("m", np.array(7)), ("n", np.array(64)), ("r", np.array(16000)), ("l", np.array(20, "f4")), ("u", np.array(7600, "f4"))], opset=17)


def memories(case, node):
    lengths = ("l", np.array([5, 2, 4], "i4"))
    def cell(name, kind, gates, weights=(), **attributes):
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        inputs = [("x", floats(5, 3, 2)), lengths]
        given = [("w", floats(directions, gates * 7, 2)), ("r", floats(directions, gates * 7, 7)), ("b", floats(directions, 2 * gates * 7)),
                 ("h", floats(directions, 3, 7)), *weights]
        names = ["x", "w", "r", "b", "l", "h"] + [n for n, _ in weights]
        outputs = ["y", "yh"] + (["yc"] if kind == "LSTM" else [])
        nodes = [node(kind, names, outputs, hidden_size=7, **attributes)]
        case(name, nodes, inputs, outputs, given, opset=14, expected=run_ort(nodes, inputs, outputs, given, 14))
    cell("rnn", "RNN", 1, direction="bidirectional", activations=["Relu", "Tanh"], clip=1.5)
    cell("gru", "GRU", 3, direction="reverse", linear_before_reset=1)
    cell("gru_early", "GRU", 3, direction="bidirectional", activations=["HardSigmoid", "Softsign", "Sigmoid", "Tanh"])
    cell("lstm", "LSTM", 4, [("c", floats(2, 3, 7)), ("p", floats(2, 21))], direction="bidirectional")
    cell("lstm_coupled", "LSTM", 4, [("c", floats(1, 3, 7)), ("p", floats(1, 21))], direction="reverse", input_forget=1)
    case("gru_batch_first", [node("GRU", ["x", "w", "r"], ["y", "yh"], hidden_size=5, layout=1)],
         [("x", floats(3, 4, 2)), ("w", floats(1, 15, 2)), ("r", floats(1, 15, 5))], ["y", "yh"], opset=14)
    case("linear_attention", [node("LinearAttention", ["q", "k", "v", "s", "g", "b"], ["y", "t"], q_num_heads=4, kv_num_heads=2)],
         [("q", floats(2, 5, 12)), ("k", floats(2, 5, 6)), ("v", floats(2, 5, 10)), ("s", floats(2, 2, 3, 5)),
          ("g", -np.abs(floats(2, 5, 6))), ("b", floats(2, 5, 1))], ["y", "t"], opset=27)
    case("causal_conv", [node("CausalConvWithState", ["x", "w", "b", "s"], ["y", "t"], activation="silu")],
         [("x", floats(2, 3, 2)), ("s", floats(2, 3, 3))], ["y", "t"], [("w", floats(3, 1, 4)), ("b", floats(3))], opset=27)
    case("tensor_scatter", [node("TensorScatter", ["c", "u", "i"], ["y"], mode="circular", axis=1)],
         [("c", floats(2, 7, 3)), ("u", floats(2, 3, 3)), ("i", np.array([5, 2]))], ["y"], opset=24)


def pieces(case, node):
    case("swiglu", [node("SwiGLU", ["a", "b"], ["y"], alpha=1.5)], [("a", floats(3, 7)), ("b", floats(3, 7))], ["y"], opset=28)
    case("bitcast", [node("BitCast", ["x"], ["i"], to=T.INT32), node("BitCast", ["i"], ["y"], to=T.FLOAT)], [("x", floats(11))],
         ["i", "y"], opset=26)
    case("center_crop_pad", [node("CenterCropPad", ["x", "n"], ["y"], axes=[-1, 0])], [("x", floats(5, 3, 6))], ["y"],
         [("n", np.array([9, 2]))], opset=18)
    case("col2im", [node("Col2Im", ["x", "n", "k"], ["y"], strides=[2, 1], pads=[1, 0, 0, 1], dilations=[1, 2])],
         [("x", floats(2, 12, 25))], ["y"], [("n", np.array([9, 6])), ("k", np.array([2, 2]))], opset=18)
    case("det", [node("Det", ["x"], ["y"])], [("x", floats(2, 3, 5, 5))], ["y"], opset=11)
    case("max_unpool", [node("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 3], strides=[2, 3]),
                        node("MaxUnpool", ["p", "i"], ["y"], kernel_shape=[2, 3], strides=[2, 3])], [("x", floats(1, 1, 6, 9))], ["y"], opset=11)
    bytes_of = lambda *shape: RANDOM.integers(0, 256, shape).astype("u1")
    case("qlinear_conv", [node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"], pads=[1, 0, 1, 0], strides=[1, 2])],
         [("x", bytes_of(1, 3, 5, 7))], ["y"],
         [("xs", np.array(0.03, "f4")), ("xz", np.array(120, "u1")), ("w", bytes_of(5, 3, 3, 2)), ("ws", RANDOM.uniform(0.01, 0.05, 5).astype("f4")),
          ("wz", bytes_of(5)), ("ys", np.array(0.5, "f4")), ("yz", np.array(101, "u1")), ("b", RANDOM.integers(-999, 999, 5).astype("i4"))], opset=10)


def functions_of_double(case, node):
    """Each elementary function of double within 4e-15 of the exact value, relative where that is above 1e-3."""
    wide = {"Exp": (math.exp, -20, 20), "Log": (math.log, 1e-6, 50), "Sin": (math.sin, -40, 40), "Cos": (math.cos, -40, 40),
            "Tanh": (math.tanh, -5, 5), "Erf": (math.erf, -4, 4), "Atan": (math.atan, -9, 9), "Asin": (math.asin, -1, 1),
            "Acos": (math.acos, -1, 1), "Sinh": (math.sinh, -3, 3), "Cosh": (math.cosh, -3, 3), "Tan": (math.tan, -1.5, 1.5),
            "Asinh": (math.asinh, 0.1, 9), "Acosh": (math.acosh, 1.2, 9), "Atanh": (math.atanh, -0.9, 0.9)}
    nodes, weights, inputs, outputs = [], [("bound", np.array(4e-15))], [], []
    for name, (function, low, high) in wide.items():
        x = RANDOM.uniform(low, high, 101)
        exact = np.array([function(v) for v in x])
        inputs.append((f"x{name}", x))
        weights += [(f"e{name}", exact), (f"s{name}", np.maximum(np.abs(exact), 1e-3))]
        nodes += [node(name, [f"x{name}"], [f"f{name}"]), node("Sub", [f"f{name}", f"e{name}"], [f"d{name}"]),
                  node("Div", [f"d{name}", f"s{name}"], [f"r{name}"]), node("Abs", [f"r{name}"], [f"a{name}"]),
                  node("Less", [f"a{name}", "bound"], [name])]
        outputs.append(name)
    case("double_functions", nodes, inputs, outputs, weights, expected=[np.ones(101, bool)] * len(outputs))
    case("double_softmax", [node("Softmax", ["x"], ["s"], axis=0), node("ReduceLogSumExp", ["x", "a"], ["l"]), node("Gelu", ["x"], ["g"]),
                            node("LogSoftmax", ["x"], ["m"])],
         [("x", RANDOM.standard_normal((3, 7)))], ["s", "l", "g", "m"], [("a", np.array([1]))], opset=20)


def numbers(case, node):
    """What is drawn: with a seed the reference's own numbers; else what holds of any draw."""
    x = floats(7, 11)
    state = np.random.RandomState(5)
    mask = state.uniform(0, 1, x.shape) >= 0.25
    case("dropout_training", [node("Dropout", ["x", "r", "t"], ["y", "m"], seed=5)], [("x", x)], ["y", "m"],
         [("r", np.array(0.25, "f4")), ("t", np.array(True))], expected=[np.where(mask, x / np.float32(0.75), 0).astype("f4"), mask])
    case("dropout_plain", [node("Dropout", ["x", "r"], ["y", "m"], seed=5)], [("x", x)], ["y", "m"], [("r", np.array(0.25, "f4"))])
    # 4096 draws: the mean of a fair one is within 0.04 of its own, five times its deviation.
    share = [node("Cast", ["b"], ["f"], to=T.FLOAT), node("ReduceMean", ["f"], ["mean"], keepdims=0), node("Sub", ["mean", "p"], ["off"]),
             node("Abs", ["off"], ["size"]), node("Less", ["size", "bound"], ["fair"])]
    case("bernoulli_share", [node("Bernoulli", ["x"], ["b"]), *share], [("x", np.full(4096, 0.3, "f4"))], ["fair"],
         [("p", np.array(0.3, "f4")), ("bound", np.array(0.04, "f4"))], expected=[np.array(True)])
    # Two draws are not the same; the mean and the square's mean are a normal distribution's.
    case("normal_moments", [node("RandomNormal", [], ["b"], shape=[4096]), node("RandomNormal", [], ["c"], shape=[4096]),
                            node("Mul", ["b", "b"], ["q"]), node("ReduceMean", ["q"], ["square"], keepdims=0), node("Sub", ["square", "one"], ["far"]),
                            node("Abs", ["far"], ["width"]), node("Less", ["width", "wide"], ["round"]),
                            node("Sub", ["b", "c"], ["apart"]), node("Abs", ["apart"], ["gap"]), node("ReduceMin", ["gap"], ["least"], keepdims=0),
                            node("Greater", ["least", "p"], ["differ"]), *share], [("x", x)], ["fair", "round", "differ"],
         [("p", np.array(0, "f4")), ("bound", np.array(0.08, "f4")), ("one", np.array(1, "f4")), ("wide", np.array(0.12, "f4"))],
         expected=[np.array(True)] * 3)
    # The second of three classes has nearly all of the weight.
    case("multinomial", [node("Multinomial", ["x"], ["y"], sample_size=9, seed=3.0)], [("x", np.array([[-60, 5, -60], [40, 0, -9]], "f4"))], ["y"],
         expected=[np.array([[1] * 9, [0] * 9], "i4")])


def versions(case, node):
    """Opset 6: what is added stands from an axis on; a slope for each channel."""
    x, b, s = floats(2, 3, 5, 7), floats(3, 5), np.abs(floats(3))
    summed = x + b[:, :, None]
    case("opset_6", [node("Add", ["x", "b"], ["a"], broadcast=1, axis=1), node("PRelu", ["a", "s"], ["y"])], [("x", x)], ["y"],
         [("b", b), ("s", s)], opset=6, expected=[np.where(summed < 0, summed * s[:, None, None], summed)])


def windows(case, node):
    """Keys near a query only: behind it with a past, and on both sides; Scatter as it was named before opset 11."""
    q, k, v = floats(2, 4, 5, 8), floats(2, 2, 5, 8), floats(2, 2, 5, 6)
    past_k, past_v = floats(2, 2, 3, 8), floats(2, 2, 3, 6)
    case("attention_window_past", [node("Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "nk", "nv"], is_causal=1, left_window_size=2)],
         [("q", q), ("k", k), ("v", v), ("pk", past_k), ("pv", past_v)], ["y", "nk", "nv"], opset=25)
    case("attention_window", [node("Attention", ["q", "k", "v"], ["y"], left_window_size=1, right_window_size=2)],
         [("q", q), ("k", k), ("v", v)], ["y"], opset=25)
    data, places, new = floats(4, 5), RANDOM.permutation(5)[:3].astype("i8").reshape(1, 3), floats(1, 3)
    expected = data.copy()
    expected[0, places[0]] = new[0]
    case("scatter_old", [node("Scatter", ["x", "i", "u"], ["y"], axis=1)], [("x", data), ("u", new)], ["y"], [("i", places)], opset=10,
         expected=[expected])
    # More places than the kernel reaches: none in front, the rest behind.
    case("convtranspose_beyond", [node("ConvTranspose", ["x", "w"], ["y"], output_shape=[10, 8], strides=[3, 2])],
         [("x", floats(1, 1, 3, 3))], ["y"], [("w", floats(1, 2, 3, 3))], opset=22)


def bodies(case, node):
    value = lambda n, *shape: h.make_tensor_value_info(n, T.FLOAT, shape)
    body = h.make_graph([node("Add", ["a", "x"], ["b"]), node("Mul", ["b", "k"], ["o"])], "body", [value("a", 3), value("x", 3)],
                        [value("b", 3), value("o", 3)])
    inputs = [("i", floats(3)), ("x", floats(3, 5)), ("k", floats(1))]
    nodes = [node("Scan", ["i", "x"], ["y", "z"], body=body, num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1],
                  scan_output_axes=[-1])]
    case("scan_backwards", nodes, inputs, ["y", "z"], opset=16, expected=run_ort(nodes, inputs, ["y", "z"], opset=16))
    body = h.make_graph([node("Less", ["n", "four"], ["go"]), node("Cast", ["n"], ["f"], to=T.FLOAT), node("Add", ["a", "f"], ["b"])], "body",
                        [h.make_tensor_value_info("n", T.INT64, []), h.make_tensor_value_info("c", T.BOOL, []), value("a", 3)],
                        [h.make_tensor_value_info("go", T.BOOL, []), value("b", 3), value("f")])
    a = floats(3)
    # The condition is false after the turn of number 4: five turns of nine.
    case("loop_stops", [node("Loop", ["m", "", "a"], ["y", "z"], body=body)], [("a", a)], ["y", "z"],
         [("m", np.array(9)), ("four", np.array(4))], opset=16, expected=[a + np.float32(10), np.arange(5, dtype="f4")])
    scores = lambda n: h.make_tensor_value_info(n, T.FLOAT, ["B", "H", "L", "S"])
    cap = h.make_graph([node("Div", ["s", "c"], ["d"]), node("Tanh", ["d"], ["t"]), node("Mul", ["t", "c"], ["o"])], "cap", [scores("s")],
                       [scores("o")], [nh.from_array(np.array(2, "f4"), "c")])
    q, k, v = floats(1, 4, 3, 5), floats(1, 2, 7, 5), floats(1, 2, 7, 6)
    wide = lambda a: np.repeat(a, 2, axis=1)
    capped = 2 * np.tanh(q @ wide(k).swapaxes(2, 3) / math.sqrt(5) / 2)
    weights = np.exp(capped - capped.max(-1, keepdims=True))
    case("flex_attention", [node("FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview", score_mod=cap)],
         [("q", q), ("k", k), ("v", v)], ["y"], opset=26, opsets=["ai.onnx.preview"],
         expected=[(weights / weights.sum(-1, keepdims=True) @ wide(v)).astype("f4")])
    # One value under three names, once in another shape, and an input that is an output.
    case("given_twice", [node("Relu", ["x"], ["y"]), node("Identity", ["y"], ["z"]), node("Reshape", ["y", "s"], ["r"]), node("Identity", ["x"], ["w"])],
         [("x", floats(3, 5))], ["y", "z", "r", "w"], [("s", np.array([15]))])
    case("no_places", [node("LSTM", ["x", "v", "r"], ["y", "h", "c"], hidden_size=3), node("CenterCropPad", ["k", "n"], ["p"]),
                       node("Pow", ["k", "e"], ["q"])], [("x", np.zeros((4, 0, 2), "f4")), ("k", np.array([[2, 3, -4]], "i4"))],
         ["y", "h", "c", "p", "q"], [("v", floats(1, 12, 2)), ("r", floats(1, 12, 3)), ("n", np.array([0, 6])), ("e", np.array([3, 2, -1], "f4"))],
         opset=18)


def add(case, node):
    for group in (sampling, signals, memories, pieces, functions_of_double, numbers, versions, bodies, windows):
        group(case, node)
