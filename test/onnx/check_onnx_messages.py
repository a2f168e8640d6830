#!/usr/bin/python3
# check_onnx_messages.py - what llmc says of ONNX graphs that it cannot take, and of inputs that do not fit.
#
#   check_onnx_messages.py --llmc PATH
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
from protobuf import field  # noqa: E402


def value(name, dims, kind=1):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def node(op, inputs, outputs, name="", more=b""):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(3, name) + field(4, op) +
            more)


def attribute(name, number):
    return field(5, field(1, name) + field(3, number) + field(20, 2))


def model(nodes, inputs, outputs, opset=17):
    graph = b"".join(field(1, n) for n in nodes) + b"".join(field(11, i) for i in inputs) + b"".join(
        field(12, o) for o in outputs)
    return field(1, 8) + field(7, graph) + field(8, field(2, opset))


def graph_attribute(name, nodes, inputs, outputs):
    graph = b"".join(field(1, n) for n in nodes) + b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs)
    return field(5, field(1, name) + field(6, graph) + field(20, 5))


def search(kind, more=b""):
    """A search whose decoder has no pasts."""
    model_ = node("GreedySearch", ["ids", "n"], ["y"], "text", graph_attribute("decoder", [node("Identity", ["t"], ["l"])], [value("t", [1, 1], 6)], [value("l", [1, 1], 6)]) +
                  attribute("eos_token_id", 1) + attribute("pad_token_id", 0) + attribute("model_type", kind) + field(7, "com.microsoft"))
    return model([model_], [value("ids", [1, 3], 6), value("n", [1], 6)], [value("y", [1, 9], 6)]) + field(8, field(1, "com.microsoft") + field(2, 1))


def ints(name, numbers):
    return field(5, field(1, name) + b"".join(field(8, n) for n in numbers) + field(20, 7))


X = value("x", [3, 5])
MICROSOFT = field(7, "com.microsoft")
# z, b = f(a, b): the second is handed through.
FORWARDS = field(25, field(1, "f") + field(4, "a") + field(4, "b") + field(5, "z") + field(5, "b") + field(10, "d") + field(
    9, field(2, 17)) + field(7, node("Neg", ["a"], ["z"])))
TAKEN = ("m.onnx: remark: dimension 'batch' of input 'x' is taken to be 1 to 8; other bounds: "
         "--dim batch=LO..HI\n")
COMPILES = {
    search(2): "m.onnx: error: node 'text' (com.microsoft.GreedySearch, version 1): unsupported attribute 'model_type' = 2 (expected 0, a decoder alone, or 1, one behind "
               "an encoder)\n",
    search(0): "m.onnx: error: node 'text' (com.microsoft.GreedySearch, version 1): its decoder has 1 inputs and 1 outputs (expected tokens, positions, a "
               "mask and pasts; logits and as many presents)\n",
    # A branch takes nothing.
    model([node("If", ["c"], ["y"], "if", graph_attribute("then_branch", [node("Neg", ["a"], ["t"])], [value("a", [3, 5])], [value("t", [3, 5])]) +
                graph_attribute("else_branch", [node("Abs", ["x"], ["e"])], [], [value("e", [3, 5])]))], [value("c", [], 9), X], [value("y", [3, 5])]):
        "m.onnx: error: node 'if' (If, version 16): its branch has 1 inputs (expected none)\n",
    # What turns hand on has one rank.
    model([node("Loop", ["n", "", "x"], ["y"], "loop", graph_attribute("body", [node("ReduceSum", ["s"], ["t"]), node("Squeeze", ["t"], ["u"])],
                                                                       [value("i", [], 7), value("c", [], 9), value("s", [3, 5])],
                                                                       [value("c", [], 9), value("u", [])]))], [value("n", [], 7), X], [value("y", [3, 5])]):
        "m.onnx: error: node 'loop' (Loop, version 16): what turns hand on in place 0 is 'tensor<3x5xf32>' first and 'tensor<f32>' after a turn (expected one "
        "type and rank)\n",
    # Everything that is unknown, at once.
    model([node("Foo", ["x"], ["a"], "one"), node("StringNormalizer", ["a"], ["b"], "two"), node("Relu", ["b"], ["y"])], [X],
          [value("y", [3, 5])]):
        "m.onnx: error: operators that are not supported: node 'one' (Foo, opset 17), node 'two' (StringNormalizer, opset 17)\n"
        "note: StringNormalizer works on strings, which compiled programs do not have\n",
    model([node("Gemm", ["x", "x"], ["y"], "layer.3/Gemm", attribute("transB", 2))], [X], [value("y", [3, 3])], 13):
        "m.onnx: error: node 'layer.3/Gemm' (Gemm, version 13): unsupported attribute 'transB' = 2 (expected 0 or 1)\n",
    model([node("MatMul", ["x", "x"], ["y"], "p")], [X], [value("y", [3, 3])]):
        "m.onnx: error: node 'p' (MatMul, version 13): cannot multiply 'tensor<3x5xf32>' by 'tensor<3x5xf32>'\n",
    model([node("Softmax", ["x"], ["y"], "s", attribute("axis", 7))], [X], [value("y", [3, 5])]):
        "m.onnx: error: node 's' (Softmax, version 13): axis 7 is outside of rank 2 (expected -2 to 1)\n",
    model([node("Relu", ["x"], ["y"], "r")], [X], [value("y", [3, 5], 7)]):
        "m.onnx: error: output 'y' is declared as 'tensor<3x5xi64>', but its node makes 'tensor<3x5xf32>'\n",
    # Sizes known only at run time, where they cannot be taken; what is taken to be their bounds is said first.
    model([node("NegativeLogLikelihoodLoss", ["x", "z"], ["y"], "t")], [value("x", ["batch", 5]), value("z", [3], 7)], []):
        TAKEN + "m.onnx: error: node 't' (NegativeLogLikelihoodLoss, version 13): input 0 is 'tensor<(batch)x5xf32>', of a size known only at run time, "
        "which this operator is not compiled for\nnote: give the dimension one size: --dim NAME=N\n",
    model([node("MatMulInteger", ["x", "z", "p"], ["y"], "codes")], [value("x", [3, 5], 2), value("z", [5, 7], 2), value("p", [2, 5, 15], 2)], []):
        "m.onnx: error: node 'codes' (MatMulInteger, version 10): zero point 'tensor<2x5x15xui8>' does not fit 'tensor<3x5xui8>'\n",
    # 2^31 places become one: each is weighed where antialiasing is asked for.
    model([node("Constant", [], ["s"], "", field(5, field(1, "value_ints") + field(8, 1) + field(20, 7))),
           node("Resize", ["x", "", "", "s"], ["y"], "small", attribute("antialias", 1) + field(5, field(1, "mode") + field(4, "linear") + field(20, 3)))],
          [value("x", [1 << 31])], [value("y", [1])], 19):
        "m.onnx: error: node 'small' (Resize, version 19): makes 1 places of up to 8589934592 weights each, which is too many\n",
    model([node("Relu", ["x"], ["y"], "r", attribute("alpha", 7))], [X], [value("y", [3, 5])]):
        "m.onnx: error: node 'r' (Relu, opset 17): unknown attribute 'alpha' (expected one of: )\n",
    model([node("Identity", ["x"], ["y"])], [value("x", [3], 8)], [value("y", [3], 8)]):
        "m.onnx: error: input 'x' is of type string, which is not supported\n",
    model([node("Expand", ["x", "s"], ["y"], "flat")], [X, value("s", [2], 7)], [value("y", [3, 1])]):
        "m.onnx: error: node 'flat' (Expand, version 13): an output is declared with a dimension of 1 where the input has 5\n",
    model([node("Expand", ["x", "s"], ["y"], "wide")], [X, value("s", [2], 7)], [value("y", [5])]):
        "m.onnx: error: node 'wide' (Expand, version 13): an output is declared of rank 1 (expected at least 2, the input's)\n",
    # More starts than any tensor has dimensions.
    model([node("Slice", ["x", "s", "e"], ["y"], "cut")], [X, value("s", [1 << 40], 7), value("e", [1], 7)], []):
        "m.onnx: error: node 'cut' (Slice, version 13): input 1 is 'tensor<1099511627776xi64>' (expected at most 32 integers)\n",
    # 2^45 elements in 200 bytes: refused before anything is computed.
    model([node("Add", ["x", "z"], ["y"], "wide")], [value("x", [1 << 22, 1]), value("z", [1, 1 << 23])], []):
        "m.onnx: error: node 'wide' (Add, version 14): an output has more than 2^40 elements, or more than 16 dimensions\n",
    # A product of sizes that is 0 in 64 bits.
    model([node("Add", ["x", "z"], ["y"], "wide")], [value("x", [1 << 32, 1]), value("z", [1, 1 << 32])], []):
        "m.onnx: error: node 'wide' (Add, version 14): an output has more than 2^40 elements, or more than 16 dimensions\n",
    model([node("Relu", ["x"], ["y"])], [value("x", [1 << 62, 1 << 62])], []):
        "m.onnx: error: input 'x' has more than 2^40 elements\n",
    # Types that do not belong together, and one that the operator does not have.
    model([node("Add", ["x", "z"], ["y"], "mixed")], [X, value("z", [3, 5], 7)], []):
        "m.onnx: error: node 'mixed' (Add, version 14): inputs 0 and 1 are of types float and int64 (expected one type)\n",
    model([node("Sqrt", ["x"], ["y"], "whole")], [value("x", [3], 7)], []):
        "m.onnx: error: node 'whole' (Sqrt, version 13): input 0 is of type int64 (expected bfloat16|double|float|float16)\n",
    # An input in the middle that is left out.
    model([node("Add", ["", "x"], ["y"], "half")], [X], []):
        "m.onnx: error: node 'half' (Add, version 14): input 0 is left out, which it may not be\n",
    model([node("Concat", ["x", "", "x"], ["y"], "joint", attribute("axis", 0))], [X], []):
        "m.onnx: error: node 'joint' (Concat, version 13): input 1 is left out, which it may not be\n",
    # A version from before broadcasting, with a meaning of its own.
    model([node("Reshape", ["x"], ["y"], "old", field(5, field(1, "shape") + field(8, 15) + field(20, 7)))], [X], [], 4):
        "m.onnx: error: node 'old' (Reshape, opset 4): means something else since opset 7, and its old version is not supported\n"
        "note: convert it with onnx.version_converter\n",
    # A function's output that is an input which its call leaves out.
    model([node("f", ["x"], ["z", "y"], "", field(7, "d"))], [X], [value("y", [3, 5])]) + FORWARDS:
        "m.onnx: error: output 'y' of a graph is an input of a function that its call leaves out (expected a value)\n",
    model([node("f", ["x"], ["z", "h"], "", field(7, "d")), node("If", ["c"], ["y"], "", graph_attribute("then_branch", [], [], [value("h", [3, 5])]) + graph_attribute(
        "else_branch", [node("Neg", ["x"], ["q"])], [], [value("q", [3, 5])]))], [X, value("c", [], 9)], [value("y", [3, 5])]) + FORWARDS:
        "m.onnx: error: output 'h' of a graph is an input of a function that its call leaves out (expected a value)\n",
    # Numbers and lists that come at run time and are neither.
    model([node("Slice", ["x", "s", "s"], ["y"], "cut")], [X, value("s", [2, 2], 7)], []):
        "m.onnx: error: node 'cut' (Slice, version 13): input 1 is 'tensor<2x2xi64>' (expected a list, of one dimension)\n",
    model([node("OneHot", ["x", "n", "v"], ["y"], "hot")], [X, value("n", [2], 7), value("v", [2])], [value("y", [3, 5, 2])]):
        "m.onnx: error: node 'hot' (OneHot, version 11): input 1 is 'tensor<2xi64>' (expected one number)\n",
    model([node("OneHot", ["x", "n", "v"], ["y"], "hot")], [X, value("n", [], 7), value("v", [3])], [value("y", [3, 5, 2])]):
        "m.onnx: error: node 'hot' (OneHot, version 11): input 2 is 'tensor<3xf32>' (expected two values)\n",
    model([node("LSTM", ["x", "w", "w"], ["y"], "cell")], [X, value("w", [1, 4, 5])], []):
        "m.onnx: error: node 'cell' (LSTM, version 14): input 0 is 'tensor<3x5xf32>' (expected rank 3)\n",
    model([node("Pad", ["x", "p", "", "a"], ["y"], "p")], [X, value("p", [6], 7), value("a", [2], 7)], [], 18):
        "m.onnx: error: node 'p' (Pad, version 18): has 6 pads for 2 axes (expected two for each)\n",
    # What is declared is taken where sizes come at run time, if its elements are those that the node makes.
    model([node("Reshape", ["x", "s"], ["y"], "r")], [X, value("s", [1], 7)], [value("y", [15], 11)]):
        "m.onnx: error: node 'r' (Reshape, version 14): an output is declared as 'tensor<15xf64>' (expected the element type 'f32')\n",
    model([node("Attention", ["q", "q", "q", "", "", "", "n"], ["y"], "a")], [value("q", [3, 2, 7, 5]), value("n", [], 7)], [], 24):
        "m.onnx: error: node 'a' (Attention, version 24): input 6 is 'tensor<i64>' (expected a number of keys for each of 3 batches)\n",
    model([node("ConvInteger", ["x", "w", "p"], ["y"], "c")], [value("x", [1, 1, 5, 5], 2), value("w", [3, 1, 2, 2], 2), value("p", [3], 2)], []):
        "m.onnx: error: node 'c' (ConvInteger, version 10): input 2 is 'tensor<3xui8>' (expected one number)\n",
    model([node("ConvTranspose", ["x", "w", "b"], ["y"], "c")], [value("x", [1, 1, 5, 5]), value("w", [1, 3, 2, 2]), value("b", [2])], []):
        "m.onnx: error: node 'c' (ConvTranspose, version 11): adds a bias of 'tensor<2xf32>' to 3 channels\n",
    # Operators of ONNX Runtime: what they are made of takes fewer types than their own rows say.
    model([node("QLinearConcat", ["s", "p", "x", "s", "s"], ["y"], "j", MICROSOFT + attribute("axis", 0))],
          [value("x", [3, 5], 2), value("s", []), value("p", [], 2)], []):
        "m.onnx: error: node 'j' (com.microsoft.QLinearConcat, version 1): its part DequantizeLinear: input 2 is of type float "
        "(expected float4e2m1|float8e4m3fn|float8e4m3fnuz|float8e5m2|float8e5m2fnuz|int16|int32|int4|int8|uint16|uint4|uint8)\n",
    model([node("RotaryEmbedding", ["x", "p", "t", "t"], ["y"], "turn", MICROSOFT)],
          [value("x", [2, 7, 24]), value("p", [3], 7), value("t", [17, 4])], []):
        "m.onnx: error: node 'turn' (RotaryEmbedding, version 23): input 3 is 'tensor<3xi64>', which has no place for each token of "
        "'tensor<2x7x24xf32>'\n",
    model([node("GatherBlockQuantized", ["x", "i", "s"], ["y"], "rows", MICROSOFT)], [value("x", [], 2), value("i", [], 7), value("s", [])], []):
        "m.onnx: error: node 'rows' (com.microsoft.GatherBlockQuantized, version 1): axis 0 is outside of rank 0 (expected 0 to -1)\n",
    # Scores of 2^62 elements, of an output that is no larger than others.
    model([node("Attention", ["q", "q", "q"], ["y"], "a")], [value("q", [1, 1, 1 << 31, 8])], [value("y", [1, 1, 1 << 31, 8])], 24):
        "m.onnx: error: node 'a' (Attention, version 24): is computed with a tensor of more than 2^40 elements, which is not "
        "supported\n",
    # What there are no elements of.
    model([node("Unique", ["x"], ["y"], "u")], [value("x", [2, 0, 3])], []):
        "m.onnx: error: node 'u' (Unique, version 11): looks for what is unique in 'tensor<2x0x3xf32>' (expected elements)\n",
    model([node("Reshape", ["x", "s"], ["y"], "r")], [value("x", [2, 0, 3]), value("s", [1], 7)], []):
        "m.onnx: error: node 'r' (Reshape, version 14): reshapes no elements to a shape that is known only at run time, which is "
        "not supported\n",
    model([node("TopK", ["x", "k"], ["y", "i"], "best")], [X, value("k", [2], 7)], []):
        "m.onnx: error: node 'best' (TopK, version 11): input 1 is 'tensor<2xi64>' (expected one number)\n",
    # Numbers that stand for sizes known only at run time inside of the compiler, and products that come to one.
    model([node("ConvTranspose", ["x", "w"], ["y"], "c", ints("output_shape", [1 << 60, 3]))], [value("x", [1, 1, 5, 5]), value("w", [1, 3, 2, 2])], []):
        "m.onnx: error: node 'c' (ConvTranspose, version 11): gives 1152921504606846975 places\n",
    model([node("RandomNormal", [], ["y"], "r", ints("shape", [1 << 60]))], [], [value("y", ["n"])]):
        "m.onnx: error: node 'r' (RandomNormal, version 1): an output has more than 2^40 elements, or more than 16 dimensions\n",
    model([node("Constant", [], ["s"], "", ints("value_ints", [1 << 30, 1 << 30])), node("Reshape", ["x", "s"], ["y"], "r")], [X], [value("y", [15])]):
        "m.onnx: error: node 'r' (Reshape, version 14): reshapes 15 elements to 1152921504606846975\n",
    # Twenty functions that call the next one twice would be a million nodes.
    model([node("f0", ["x"], ["y"], "", field(7, "d"))], [X], []) + b"".join(
        field(25, field(1, f"f{i}") + field(4, "a") + field(5, "c") + field(10, "d") + field(9, field(2, 17)) + field(
            7, node(f"f{i + 1}" if i < 20 else "Neg", ["a"], ["b"], "", field(7, "d") if i < 20 else b"")) + field(
                7, node(f"f{i + 1}" if i < 20 else "Neg", ["b"], ["c"], "", field(7, "d") if i < 20 else b"")))
        for i in range(21)):
        "m.onnx: error: has more than 940 nodes when its functions are inlined and loops unrolled\n",
    # Turns that are all different, which no loop at run time can do.
    model([node("Constant", [], ["n"], "", ints("value_ints", [13])), node("Constant", [], ["0"], "", ints("value_ints", [0])), node("Loop", ["n", "", "x"], ["y"], "l", graph_attribute(
        "body", [node("Unsqueeze", ["v", "0"], ["0a"]), *(node("Softmax", [f"{i}a"], [f"{i + 1}a"]) for i in range(7)), node("Identity", ["c"], ["d"])],
        [value("i", [], 7), value("c", [], 9), value("v", ["r"])], [value("d", [], 9), value("7a", ["s"])]))], [X], []):
        "m.onnx: error: comes to more than 76 operations that differ in their sizes or numbers when its functions are inlined and loops unrolled, from 12 nodes\n"
        "note: one loop at run time, whatever the number of its turns, cannot do it: node 'l' (Loop, version 16): what turns hand on in place 0 is 'tensor<3x5xf32>' first and 'tensor<1x3x5xf32>' after a turn (expected one type and rank)\n",
}


def run(llmc, *arguments, folder):
    done = subprocess.run([llmc, *arguments], cwd=folder, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "NO_COLOR": "1"})
    return done.returncode, done.stderr


def check_bounds(llmc, path, expect):
    """One artifact for several sizes: what is out of bounds, or does not agree, is refused."""
    (path / "b.onnx").write_bytes(model([node("Add", ["x", "z"], ["y"], "a")],
                                        [value("x", ["batch", 5]), value("z", ["batch", 5])], [value("y", ["batch", 5])]))
    expect("bounds", run(llmc, "compile", "b.onnx", "-o", "b.llmc", "--emit", "llmc", "--dim", "batch=2..4", folder=path)[0], 0)
    for rows in (1, 2, 3, 4, 5):
        np.save(path / f"rows{rows}.npy", np.full((rows, 5), rows, "f4"))
    for x, z, message in [
        (5, 5, "rows5.npy: error: holds float32 [5, 5] (expected float32 [batch = 2 to 4, 5]), for input 'x'\n"),
        (2, 1, "rows1.npy: error: holds float32 [1, 5] (expected float32 [batch = 2 to 4, 5]), for input 'z'\n"),
        (3, 4, "b.llmc: error: input 'z': dimension 0 ('batch') is 4, but dimension 0 of input 'x', the same, is 3\n"),
    ]:
        expect(message, run(llmc, "run", "b.llmc", "--input", f"x=rows{x}.npy", "--input", f"z=rows{z}.npy", folder=path),
               (1, message))
    # Dimensions of two names that must be one.
    (path / "two.onnx").write_bytes(model([node("Add", ["x", "z"], ["y"], "a")],
                                          [value("x", ["batch", 5]), value("z", ["other", 5])], [value("y", ["batch", 5])]))
    run(llmc, "compile", "two.onnx", "-o", "two.llmc", "--emit", "llmc", folder=path)
    expect("two names", run(llmc, "run", "two.llmc", "--input", "x=rows3.npy", "--input", "z=rows4.npy", folder=path),
           (1, "two.llmc: error: the inputs' sizes do not fit: 'batch = other' does not hold\n"))
    expect("two names", run(llmc, "run", "two.llmc", "--input", "x=rows3.npy", "--input", "z=rows3.npy", "--output-dir", "two", folder=path),
           (0, ""))
    # A size that values decide, beyond its bound.
    (path / "range.onnx").write_bytes(model([node("Range", ["x", "z", "w"], ["y"], "a")], [value(n, [], 7) for n in "xzw"],
                                            [value("y", ["n"], 7)]))
    run(llmc, "compile", "range.onnx", "-o", "range.llmc", "--emit", "llmc", "--dim", "y.0=0..9", folder=path)
    for name, number in (("x", 0), ("z", 12), ("w", 1)):
        np.save(path / f"{name}.npy", np.array(number))
    expect("a size beyond its bound",
           run(llmc, "run", "range.llmc", *[a for n in "xzw" for a in ("--input", f"{n}={n}.npy")], folder=path),
           (1, "range.llmc: error: size 'y.0', which the model computes, is 12, expected 0 to 9\n"
               "note: compile the model with other bounds: --dim NAME=LO..HI\n"))
    for rows in (2, 3, 4):
        done = run(llmc, "run", "b.llmc", "--input", f"x=rows{rows}.npy", "--input", f"z=rows{rows}.npy", "--output-dir", "b",
                   folder=path)
        expect(f"{rows} rows", done, (0, ""))
        expect(f"{rows} rows", np.array_equal(np.load(path / "b/y.npy"), np.full((rows, 5), 2 * rows, "f4")), True)


def check_recordings(llmc, expect):
    """`llmc check` beside recorded tensors: equal, different, and not there."""
    case = Path(__file__).resolve().parent / "cases/mlp"
    with tempfile.TemporaryDirectory() as folder:
        code, said = run(llmc, "check", str(case / "model.onnx"), "--against", str(case / "test_data_set_0"), folder=folder)
        expect("check of a recording", (code, said), (0, ""))
        data = Path(folder) / "data"
        data.mkdir()
        for file in (case / "test_data_set_0").iterdir():
            (data / file.name).write_bytes(file.read_bytes())
        expected = bytearray((data / "output_0.pb").read_bytes())
        expected[-1] ^= 0x40  # of the exponent
        (data / "output_0.pb").write_bytes(expected)
        code, said = run(llmc, "check", str(case / "model.onnx"), "--against", "data", folder=folder)
        expect("check of a changed recording", (code, said.split(": ", 1)[1]), (3, "error: output 'y' is the first that differs\n"))
        (data / "input_0.pb").unlink()
        code, said = run(llmc, "check", str(case / "model.onnx"), "--against", "data", folder=folder)
        expect("check without an input", (code, said), (1, "data: error: holds no input 'x'\n"))
        code, said = run(llmc, "check", str(case / "model.onnx"), folder=folder)
        expect("check of a graph beside its own ops", (code, said), (0, ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    llmc = str(Path(parser.parse_args().llmc).resolve())
    wrong = 0

    def expect(what, found, expected):
        nonlocal wrong
        if found != expected:
            wrong += 1
            print(f"{what}:\n  found    {found}\n  expected {expected}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for bytes_, message in COMPILES.items():
            (path / "m.onnx").write_bytes(bytes_)
            expect(message.split("\n")[0], run(llmc, "compile", "m.onnx", "-o", "m.llmc", "--emit", "llmc", folder=folder),
                   (1, message))
            expect("nothing is left", sorted(p.name for p in path.iterdir()), ["m.onnx"])
        # Two terabytes: refused before the system kills the process for using what it promised.
        (path / "m.onnx").write_bytes(model([node("Relu", ["x"], ["y"])], [value("x", [1 << 20, 1 << 19])], [value("y", [1 << 20, 1 << 19])]))
        run(llmc, "compile", "m.onnx", "-o", "m.llmc", "--emit", "llmc", folder=folder)
        code, text = run(llmc, "run", "m.llmc", folder=folder)
        expect("more than memory", (code, re.sub(r"\d{13}", "N", text)),
               (1, "m.llmc: error: its tensors need N bytes, more than this machine's memory\n"))
        # Windows over sizes that may be too small for one: what is left of them has a bound.
        (path / "m.onnx").write_bytes(model([node("MaxPool", ["x"], ["y"], "", ints("kernel_shape", [2, 3]) + ints("strides", [2, 2]))],
                                            [value("x", [1, 3, "h", "w"])], [value("y", [1, 3, "u", "v"])]))
        expect("a pool of open sizes", run(llmc, "compile", "m.onnx", "-o", "m.llmc", "--emit", "llmc", folder=folder)[0], 0)
        # What was looked for and is not there, with -v alone.
        (path / "m.onnx").write_bytes(model([node("Transpose", ["x"], ["t"]), node("MatMul", ["x", "t"], ["s"]), node("Softmax", ["s"], ["p"], "soft"), node("MatMul", ["p", "x"], ["y"])], [X], [value("y", [3, 5])]))
        missed = "m.onnx: remark: node 'soft' is no attention: query, key and value are not all of rank 3 or 4\n"
        for verbose in (True, False):
            code, text = run(llmc, "compile", "m.onnx", "-o", "m.llmc", "--emit", "llmc", *["-v"] * verbose, folder=folder)
            expect(f"a miss, -v {verbose}", (code, missed in text), (0, verbose))
        # A dimension given by name and by place.
        (path / "m.onnx").write_bytes(
            model([node("Relu", ["x"], ["y"], "r")], [value("x", ["batch", 5])], [value("y", ["batch", 5])]))
        code, text = run(llmc, "compile", "m.onnx", "-o", "m.llmc", "--emit", "llmc", "--dim", "batch=3", folder=folder)
        expect("a dimension is given", code, 0)
        for given, message in [
            ("batch=4..1", "--dim batch=4..1: no size lies between (expected LO at most HI, and HI from 1 to 1073741824)"),
            ("batch=0", "--dim batch=0: no size lies between (expected LO at most HI, and HI from 1 to 1073741824)"),
            ("batch=a..4", "--dim: 'batch=a..4' is not NAME=LO..HI or NAME=N"),
        ]:
            code, text = run(llmc, "compile", "m.onnx", "--dim", given, folder=folder)
            expect(given, (code, message in text), (2, True))
        expect("a name of nothing", run(llmc, "compile", "m.onnx", "-o", "n.llmc", "--dim", "bacth=3", folder=folder)[1],
               TAKEN + "m.onnx: error: --dim bacth: no input has an open dimension of that name\n"
               "note: open dimensions: batch\n")
        check_bounds(llmc, path, expect)
        run_cases = [
            ([], "m.llmc: error: input 'x' is missing (float32 [3, 5])\nnote: give it: --input x=FILE.npy\n"),
            (["--input", "y=a.npy"], "m.llmc: error: --input: the entry has no input 'y'\nnote: inputs: x\n"),
            (["--input", "x=none.npy"], "none.npy: error: cannot be opened: no such file or directory, for input 'x'\n"),
            (["--input", "x=shape.npy"],
             "shape.npy: error: holds float32 [5, 3] (expected float32 [3, 5]), for input 'x'\n"),
            (["--input", "x=type.npy"],
             "type.npy: error: holds float64 [3, 5] (expected float32 [3, 5]), for input 'x'\n"),
            (["--input", "x=order.npy"],
             "order.npy: error: is stored column by column (expected numpy.ascontiguousarray), for input 'x'\n"),
            (["--input", "x=text.npy"], "text.npy: error: is no .npy file, for input 'x'\n"),
            (["--input", "x=cut.npy"],
             "cut.npy: error: has 56 bytes of elements (expected 60), for input 'x'\n"),
            (["--input", "x=text.pb"], "text.pb: error: is no TensorProto, or is damaged, for input 'x'\n"),
            (["--entry", "side"], "m.llmc: error: has no entry 'side'\n"),
        ]
        good = np.arange(15, dtype="f4").reshape(3, 5) - 7
        np.save(path / "good.npy", good)
        np.save(path / "shape.npy", good.reshape(5, 3))
        np.save(path / "type.npy", good.astype("f8"))
        np.save(path / "order.npy", np.asfortranarray(good))
        (path / "text.npy").write_text("no array")
        (path / "text.pb").write_text("no tensor")
        (path / "cut.npy").write_bytes((path / "good.npy").read_bytes()[:-4])
        for arguments, message in run_cases:
            expect(message.split("\n")[0], run(llmc, "run", "m.llmc", *arguments, folder=folder), (1, message))
        code, text = run(llmc, "run", "m.llmc", "--input", "x=good.npy", "--output-dir", "out", folder=folder)
        expect("it runs", (code, text), (0, ""))
        expect("outputs", np.array_equal(np.load(path / "out/y.npy"), np.maximum(good, 0)), True)
        # The same outputs from any number of threads.
        for threads in ("1", "2", "5"):
            run(llmc, "run", "m.llmc", "--input", "x=good.npy", "--output-dir", "t" + threads, "-t", threads, folder=folder)
            expect("threads " + threads, (path / f"t{threads}/y.npy").read_bytes(), (path / "out/y.npy").read_bytes())
    check_recordings(llmc, expect)
    print("ok" if not wrong else f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
