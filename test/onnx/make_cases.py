#!/usr/bin/env python3
# make_cases.py - writes the small cases in cases/: graphs of our own with inputs and outputs, in the layout of ONNX's node tests.
#
#   make_cases.py        needs the Python packages onnx and numpy; outputs are those of onnx.reference;
#                        operator_cases.py takes some of onnxruntime's
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx.reference import ReferenceEvaluator

import late_cases
import open_cases as more_cases
import operator_cases
import sized_cases

HERE = Path(__file__).resolve().parent / "cases"
RANDOM = np.random.default_rng(20261127)
KINDS = {"f4": T.FLOAT, "f8": T.DOUBLE, "i8": T.INT64, "b1": T.BOOL, "u1": T.UINT8, "i1": T.INT8, "i4": T.INT32, "f2": T.FLOAT16}


def floats(*shape):
    return RANDOM.standard_normal(shape).astype("f4")


def value(name, array):
    return h.make_tensor_value_info(name, KINDS[array.dtype.str[1:]], array.shape)


def case(name, nodes, inputs, outputs, weights=(), opset=17, functions=(), opsets=(), expected=None):
    """Writes one case; `expected` are the outputs where the reference does not compute them."""
    feeds, names = dict(inputs), outputs
    any_shape = [h.make_tensor_value_info(n, 0, None) for n in names]
    graph = h.make_graph(nodes, name, [value(n, a) for n, a in feeds.items()], any_shape,
                         [nh.from_array(a, n) for n, a in weights])
    imports = [h.make_opsetid("", opset)] + [h.make_opsetid(d, 1) for d in opsets]
    model = h.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=10)
    results = expected or ReferenceEvaluator(model).run(names, feeds)
    for i, result in enumerate(results):
        graph.output[i].CopyFrom(value(names[i], np.asarray(result)))
    model.graph.CopyFrom(graph)
    folder = HERE / name / "test_data_set_0"
    folder.mkdir(parents=True)
    (HERE / name / "model.onnx").write_bytes(model.SerializeToString())
    for kind, arrays in (("input", feeds.values()), ("output", results)):
        for i, array in enumerate(arrays):
            (folder / f"{kind}_{i}.pb").write_bytes(nh.from_array(np.asarray(array)).SerializeToString())


def open_case(name, nodes, dims, sets, outputs, weights=(), opset=17, arguments=(), opsets=(), compute=None):
    """One graph for inputs of several sizes: a data set each. `dims` names each input's dimensions; `arguments` are
    --dim's, one a line in the file dims.txt. `compute` makes the outputs of a model and its inputs where the reference
    does not."""
    inputs = [h.make_tensor_value_info(n, KINDS[sets[0][n].dtype.str[1:]], d) for n, d in dims.items()]
    kinds = [h.make_tensor_value_info(n, 0, None) for n in outputs]
    graph = h.make_graph(nodes, name, inputs, kinds, [nh.from_array(a, n) for n, a in weights])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)] + [h.make_opsetid(d, 1) for d in opsets], ir_version=10)
    (HERE / name).mkdir(parents=True)
    for s, feeds in enumerate(sets):
        results = compute(model, outputs, feeds) if compute else ReferenceEvaluator(model).run(outputs, feeds)
        folder = HERE / name / f"test_data_set_{s}"
        folder.mkdir()
        for kind, arrays in (("input", [feeds[n] for n in dims]), ("output", results)):
            for i, array in enumerate(arrays):
                (folder / f"{kind}_{i}.pb").write_bytes(nh.from_array(np.asarray(array)).SerializeToString())
    for i, result in enumerate(results):
        info = h.make_tensor_value_info(outputs[i], KINDS[np.asarray(result).dtype.str[1:]], [None] * np.ndim(result))
        graph.output[i].CopyFrom(info)
    model.graph.CopyFrom(graph)
    (HERE / name / "model.onnx").write_bytes(model.SerializeToString())
    if arguments:
        (HERE / name / "dims.txt").write_text("".join(a + "\n" for a in arguments))


def main():
    for folder in HERE.glob("*"):
        if not folder.name.startswith("kernel_"):  # kernel_cases.py writes those
            shutil.rmtree(folder)
    node = h.make_node
    case("add_broadcast", [node("Add", ["a", "b"], ["y"])], [("a", floats(3, 1, 5)), ("b", floats(7, 1))], ["y"])
    # One weight above the size that is kept in the IR, one below.
    case("mlp", [node("MatMul", ["x", "w1"], ["h1"]), node("Add", ["h1", "b1"], ["h2"]), node("Relu", ["h2"], ["h3"]),
                 node("Gemm", ["h3", "w2", "b2"], ["h4"], transB=1, alpha=0.5), node("Softmax", ["h4"], ["y"])],
         [("x", floats(3, 17))], ["y"],
         [("w1", floats(17, 29)), ("b1", floats(29)), ("w2", floats(11, 29)), ("b2", floats(11))])
    # What exporters write around Reshape: shapes of shapes, folded; and a batch that is moved through it.
    case("shape_of_shape",
         [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Unsqueeze", ["n", "first"], ["n1"]),
          node("Concat", ["n1", "rest"], ["shape"], axis=0), node("Reshape", ["x", "shape"], ["r"]),
          node("Transpose", ["r"], ["t"], perm=[1, 0, 2]), node("Slice", ["t", "from", "to", "axes", "step"], ["y"])],
         [("x", floats(5, 6, 7))], ["y"],
         [("zero", np.array(0)), ("first", np.array([0])), ("rest", np.array([-1, 3])), ("from", np.array([-1])),
          ("to", np.array([-100])), ("axes", np.array([0])), ("step", np.array([-3]))])
    # A function with an attribute of its caller's, called twice, once with the default.
    leak = node("LeakyRelu", ["a"], ["b"])
    leak.attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope")
    function = h.make_function("own", "Leak", ["a"], ["b"], [leak], [h.make_opsetid("", 17)],
                               attribute_protos=[h.make_attribute("slope", 0.25)])
    x = floats(13)
    case("functions", [node("Leak", ["x"], ["h"], domain="own", slope=0.5), node("Leak", ["h"], ["y"], domain="own")],
         [("x", x)], ["y"], functions=[function], opsets=["own"],
         expected=[np.where(x < 0, np.float32(0.125) * x, x)])
    # Memory of three values of a chain is shared; a value that is read twice must outlive its neighbour.
    case("long_lived", [node("Neg", ["x"], ["a"]), node("Exp", ["a"], ["b"]), node("ReduceSum", ["b", "axis"], ["c"]),
                        node("Div", ["b", "c"], ["d"]), node("MatMul", ["d", "a"], ["e"]), node("Add", ["e", "x"], ["y"]),
                        node("Identity", ["x"], ["z"])],
         [("x", floats(11, 11))], ["y", "z", "c"], [("axis", np.array([1]))])
    case("integers", [node("Div", ["a", "b"], ["q"]), node("Mod", ["a", "b"], ["r"]), node("Cast", ["r"], ["c"], to=T.UINT8),
                      node("Less", ["a", "b"], ["l"])],
         [("a", np.array([7, -7, 0, 2**31 - 1, -(2**31)], "i4")), ("b", np.array([3, 3, -5, -1, 2], "i4"))],
         ["q", "r", "c", "l"])
    case("halves", [node("Mul", ["a", "b"], ["m"]), node("Sigmoid", ["m"], ["y"])],
         [("a", floats(3, 5).astype("f2")), ("b", floats(5).astype("f2"))], ["y"])
    case("convolution", [node("Conv", ["x", "w", "b"], ["c"], group=2, strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 2]),
                         node("MaxPool", ["c"], ["y"], kernel_shape=[2, 3], strides=[1, 2])],
         [("x", floats(2, 6, 9, 11))], ["y"], [("w", floats(10, 3, 3, 3)), ("b", floats(10))])
    case("gather_scatter", [node("Gather", ["x", "i"], ["g"], axis=1), node("ScatterND", ["g", "p", "u"], ["y"]),
                            node("TopK", ["y", "k"], ["v", "w"], axis=0)],
         [("x", floats(5, 7)), ("i", np.array([[0, -1, 3]])), ("p", np.array([[0], [4]])), ("u", floats(2, 1, 3))],
         ["y", "v", "w"], [("k", np.array([2]))])
    case("quantized", [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), node("MatMulInteger", ["q", "w", "z"], ["m"]),
                       node("Cast", ["m"], ["f"], to=T.FLOAT), node("Mul", ["f", "s"], ["y"])],
         [("x", floats(3, 13))], ["y"], [("w", RANDOM.integers(-128, 128, (13, 5)).astype("i1"))])
    case("nothing", [node("Concat", ["x", "e"], ["y"], axis=0), node("ReduceSum", ["e"], ["z"], keepdims=0)],
         [("x", floats(2, 3)), ("e", floats(0, 3))], ["y", "z"])
    case("constant_branch", [node("Equal", ["n", "two"], ["c"]),
                             node("If", ["c"], ["y"],
                                  then_branch=h.make_graph([node("Neg", ["x"], ["t"])], "t", [],
                                                           [h.make_tensor_value_info("t", T.FLOAT, [5])]),
                                  else_branch=h.make_graph([node("Abs", ["x"], ["e"])], "e", [],
                                                           [h.make_tensor_value_info("e", T.FLOAT, [5])]))],
         [("x", floats(5))], ["y"], [("n", np.array(2)), ("two", np.array(2))])
    open_cases(node)
    operator_cases.add(case, node)
    more_cases.add(case, open_case, node)
    sized_cases.add(case, open_case, node)
    late_cases.add(case, open_case, node)


def open_cases(node):
    """Sizes that are known only at run time."""
    # Attention as PyTorch writes it: heads by shapes of shapes, a mask of the lengths, positions from a table.
    nodes = [
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "0"], ["b"]), node("Gather", ["s", "1"], ["t"]),
        node("Unsqueeze", ["b", "axis0"], ["b1"]), node("Unsqueeze", ["t", "axis0"], ["t1"]),
        node("Concat", ["b1", "t1", "heads", "rest"], ["split"], axis=0),
        node("Concat", ["b1", "t1", "rest"], ["join"], axis=0),
        node("Slice", ["table", "from", "t1", "axis0"], ["positions"]), node("Add", ["x", "positions"], ["h"]),
        node("Reshape", ["h", "split"], ["r"]), node("Transpose", ["r"], ["q"], perm=[0, 2, 1, 3]),
        node("Transpose", ["r"], ["k"], perm=[0, 2, 3, 1]), node("MatMul", ["q", "k"], ["scores"]),
        node("Range", ["zero", "t", "one"], ["line"]), node("Unsqueeze", ["line", "axis1"], ["column"]),
        node("LessOrEqual", ["line", "column"], ["causal"]), node("Where", ["causal", "scores", "low"], ["masked"]),
        node("Softmax", ["masked"], ["p"]), node("MatMul", ["p", "q"], ["o"]),
        node("Transpose", ["o"], ["back"], perm=[0, 2, 1, 3]), node("Reshape", ["back", "join"], ["y"])]
    weights = [("0", np.array(0)), ("1", np.array(1)), ("axis0", np.array([0])), ("axis1", np.array([1])),
               ("heads", np.array([3])), ("rest", np.array([-1])), ("table", floats(17, 21)), ("from", np.array([0])),
               ("zero", np.array(0)), ("one", np.array(1)), ("low", np.array(-1e9, "f4"))]
    open_case("open_attention", nodes, {"x": ["batch", "sequence", 21]},
              [{"x": floats(b, t, 21)} for b, t in [(1, 1), (2, 5), (1, 17), (5, 3), (8, 11)]], ["y"], weights,
              arguments=["batch=1..8", "sequence=1..17"])
    # Sums of sizes, products of them, quotients, and slices that count from the end.
    nodes = [
        node("Concat", ["x", "z"], ["c"], axis=0), node("Shape", ["c"], ["s"]), node("Slice", ["s", "0", "1"], ["n"]),
        node("Mul", ["n", "three"], ["m"]), node("Expand", ["line", "m"], ["e"]), node("ReduceSum", ["e"], ["sum"], keepdims=0),
        node("Div", ["n", "two"], ["half"]), node("Slice", ["c", "0", "half"], ["first"]),
        node("Slice", ["c", "minus2", "end", "0", "1"], ["last"]), node("Slice", ["c", "end", "least", "0", "minus1"], ["turned"]),
        node("Pad", ["first", "pads"], ["padded"]), node("Tile", ["last", "twice"], ["tiled"]),
        node("ReduceMean", ["c"], ["mean"], axes=[0], keepdims=0), node("Flatten", ["c"], ["flat"], axis=2),
        node("ConstantOfShape", ["s"], ["filled"]), node("Cast", ["n"], ["float"], to=T.FLOAT), node("Mul", ["mean", "float"], ["scaled"])]
    weights = [("0", np.array([0])), ("1", np.array([1])), ("two", np.array([2])), ("three", np.array([3])),
               ("line", np.ones(1, "f4")), ("minus2", np.array([-2])), ("end", np.array([2**63 - 1])), ("minus1", np.array([-1])),
               ("least", np.array([-(2**63)])), ("pads", np.array([1, 0, 2, 1])), ("twice", np.array([2, 3]))]
    open_case("open_sizes", nodes, {"x": ["n", 3], "z": ["k", 3]},
              [{"x": floats(n, 3), "z": floats(k, 3)} for n, k in [(1, 2), (7, 1), (4, 4), (13, 5)]],
              ["sum", "first", "last", "turned", "padded", "tiled", "mean", "flat", "filled", "scaled"], weights,
              arguments=["n=1..13", "k=1..5"])
    computed_cases(node)


def computed_cases(node):
    """Sizes that values decide, and branches and loops whose conditions come at run time."""
    nodes = [node("Greater", ["x", "zero"], ["m"]), node("NonZero", ["m"], ["places"]), node("Transpose", ["places"], ["rows"]),
             node("GatherND", ["x", "rows"], ["picked"]), node("ReduceSum", ["picked"], ["sum"], keepdims=1),
             node("ReduceMax", ["x"], ["peak"], axes=[1], keepdims=0), node("Greater", ["peak", "one"], ["high"]),
             node("Compress", ["x", "high"], ["kept"], axis=0), node("Cast", ["x"], ["whole"], to=T.INT64),
             node("Unique", ["whole"], ["u", "first", "back", "count"])]
    open_case("computed_sizes", nodes, {"x": ["n", 5]}, [{"x": 2 * floats(n, 5)} for n in (1, 2, 7, 13)] + [{"x": -np.ones((3, 5), "f4")}],
              ["places", "picked", "sum", "kept", "u", "first", "back", "count"], [("zero", np.array(0, "f4")), ("one", np.array(1, "f4"))],
              arguments=["n=1..13"])
    nodes = [node("Range", ["from", "to", "by"], ["line"]), node("Expand", ["row", "shape"], ["wide"]),
             node("Slice", ["line", "low", "high"], ["part"]), node("ConstantOfShape", ["shape"], ["filled"]),
             node("Reshape", ["x", "form"], ["formed"])]
    sets = [{"from": np.array(a), "to": np.array(b), "by": np.array(c), "shape": np.array(s), "low": np.array([l]), "high": np.array([u]),
             "x": floats(6, 4), "form": np.array(f)}
            for a, b, c, s, l, u, f in [(0, 10, 3, [2, 5], 1, 9, [-1, 8]), (5, -7, -2, [3, 1], -3, -1, [0, 4]), (4, 4, 1, [1, 7], 0, 5, [24, -1])]]
    open_case("run_time_shapes", nodes, {"from": [], "to": [], "by": [], "shape": [2], "low": [1], "high": [1], "x": [6, 4], "form": [2]}, sets,
              ["line", "wide", "part", "filled", "formed"], [("row", np.array([[1.5]], "f4"))],
              arguments=["line.0=0..64", "wide.0=0..8", "wide.1=0..8", "filled.0=0..8", "filled.1=0..8"])
    # A branch reads what is around it; its outputs differ in size.
    info = lambda name, kind, dims: h.make_tensor_value_info(name, kind, dims)
    yes = h.make_graph([node("MatMul", ["x", "w"], ["t"]), node("Relu", ["t"], ["yes"])], "yes", [], [info("yes", T.FLOAT, None)])
    no = h.make_graph([node("Concat", ["x", "x"], ["c"], axis=0), node("Neg", ["c"], ["no"])], "no", [], [info("no", T.FLOAT, None)])
    nodes = [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Greater", ["s", "zero"], ["c"]),
             node("If", ["c"], ["r"], then_branch=yes, else_branch=no), node("Exp", ["r"], ["y"])]
    open_case("run_time_branch", nodes, {"x": ["n", 5]}, [{"x": floats(n, 5) + shift} for n, shift in ((1, 3), (4, -3), (7, 3), (7, -3))],
              ["y"], [("zero", np.array(0, "f4")), ("w", floats(5, 5))], arguments=["n=1..7"])
    # A loop hands on a matrix and adds a row a turn, until the trip count or its own condition ends it.
    body = h.make_graph([node("MatMul", ["state", "w"], ["m"]), node("Tanh", ["m"], ["next"]), node("ReduceSum", ["next", "axis"], ["row"], keepdims=0),
                         node("ReduceMax", ["next"], ["most"], keepdims=0), node("Less", ["most", "limit"], ["again"])], "body",
                        [info("i", T.INT64, []), info("goes_on", T.BOOL, []), info("state", T.FLOAT, None)],
                        [info("again", T.BOOL, []), info("next", T.FLOAT, None), info("row", T.FLOAT, None)])
    nodes = [node("Loop", ["turns", "start", "x"], ["last", "rows"], body=body), node("Neg", ["rows"], ["y"])]
    open_case("run_time_loop", nodes, {"turns": [], "start": [], "limit": [], "x": ["n", 5]},
              [{"turns": np.array(t), "start": np.array(c), "limit": np.array(l, "f4"), "x": floats(n, 5)}
               for t, c, l, n in [(3, True, 9, 2), (11, True, 9, 1), (20, True, 0.5, 4)]],
              ["last", "y"], [("w", floats(5, 5)), ("axis", np.array([0]))], arguments=["n=1..4", "rows.0=0..32"])


if __name__ == "__main__":
    main()
