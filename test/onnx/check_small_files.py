#!/usr/bin/python3
# check_small_files.py - no ONNX file of a kilobyte takes the compiler more than 64 MB or 10 s beyond what a file with one
# node takes: files made to be as costly as they can, and files whose bytes were changed.
#
#   check_small_files.py --llmc PATH [--changed N] [--seed N] [--verbose]
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_onnx_messages import attribute, field, model, node, value  # noqa: E402

MOST_BYTES, MOST_SECONDS = 64 << 20, 10


def ints(name, values):
    return field(5, field(1, name) + b"".join(field(8, v) for v in values) + field(20, 7))


def text(name, content):
    return field(5, field(1, name) + field(4, content) + field(20, 3))


def real(name, number):
    import struct
    return field(5, field(1, name) + bytes([2 << 3 | 5]) + struct.pack("<f", number) + field(20, 1))


def graph(name, nodes, inputs, outputs):
    inner = b"".join(field(1, n) for n in nodes) + b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs)
    return field(5, field(1, name) + field(6, inner) + field(20, 5))


def tensor(name, dims, values, kind=7):
    """An int64 tensor as a Constant's value."""
    return node("Constant", [], [name], "", field(5, field(1, "value") + field(5, b"".join(field(1, d) for d in dims) + field(
        2, kind) + b"".join(field(7, v) for v in values)) + field(20, 4)))


def chain(op, count, start="x", more=b""):
    """y = op(y, y), again and again; the last is called y."""
    nodes, last = [], start
    for i in range(count):
        name = "y" if i + 1 == count else f"{i}"
        nodes.append(node(op, [last, last], [name], "", more))
        last = name
    return nodes


X, BIG = value("x", [3, 5]), [1 << 19, 1 << 19]
OPEN = [value(n, [n + "0", n + "1"]) for n in "ab"]


def costly():
    """Names and files."""
    line = tensor("n", [2], BIG)
    yield "doubled constants", model([tensor("x", [3], [1, 2, 3])] + chain("Concat", 24, more=attribute("axis", 0)), [], [value("y", [3], 7)])
    yield "doubled values", model(chain("Concat", 24, more=attribute("axis", 0)), [X], [value("y", [3, 5])])
    yield "products of outer products", model(
        [node("Add", ["a", "b"], ["x"])] + chain("MatMul", 24), OPEN, [value("y", ["u", "v"])])
    # Sizes of sizes: a product of sums with as many factors as a number of nodes can double.
    gather = [tensor("i0", [], [0]), tensor("i1", [], [1]), node("Shape", ["a"], ["s"]), node("Shape", ["b"], ["t"]),
              node("Gather", ["s", "i0"], ["g"]), node("Gather", ["s", "i1"], ["h"]), node("Gather", ["t", "i0"], ["k"]),
              node("Add", ["g", "h"], ["p"]), node("Add", ["p", "k"], ["x"])]
    yield "sizes multiplied", model(gather + chain("Mul", 14), OPEN, [value("y", [], 7)])
    for op, more in (("ConstantOfShape", b""), ("RandomNormal", ints("shape", BIG)), ("RandomUniform", ints("shape", [1 << 39]))):
        inputs = ["n"] if op == "ConstantOfShape" else []
        yield op, model([line, node(op, inputs, ["y"], "", more)], [], [value("y", BIG)])
    yield "Expand", model([line, tensor("x", [1, 1], [5]), node("Expand", ["x", "n"], ["y"])], [], [value("y", BIG, 7)])
    yield "Tile", model([line, tensor("x", [1, 1], [5]), node("Tile", ["x", "n"], ["y"])], [], [value("y", BIG, 7)])
    yield "Range", model([tensor("f", [], [0]), tensor("t", [], [1 << 39]), tensor("d", [], [1]), node("Range", ["f", "t", "d"], ["y"])],
                         [], [value("y", [1 << 39], 7)])
    yield "Pad", model([tensor("n", [4], [1 << 18] * 4), node("Pad", ["x", "n"], ["y"])], [X], [value("y", ["u", "v"])])
    yield "OneHot", model([tensor("i", [3], [0, 1, 2]), tensor("n", [], [1 << 37]), tensor("v", [2], [0, 1]),
                           node("OneHot", ["i", "n", "v"], ["y"])], [], [value("y", [3, 1 << 37], 7)])
    yield "EyeLike", model([line, node("ConstantOfShape", ["n"], ["x"]), node("EyeLike", ["x"], ["y"])], [], [value("y", BIG)])
    yield "Resize", model([tensor("n", [2], BIG), node("Resize", ["x", "", "", "n"], ["y"])], [X], [value("y", BIG)])
    yield "windows", model([tensor("n", [], [1 << 39]), node("HannWindow", ["n"], ["y"])], [], [value("y", [1 << 39])])
    yield "DFT", model([tensor("n", [], [1 << 30]), node("DFT", ["x", "n"], ["y"], "", attribute("axis", 1))],
                       [value("x", [1, 1 << 20, 1])], [value("y", [1, 1 << 30, 2])])
    yield "Conv", model([node("Conv", ["x", "w"], ["y"], "", ints("pads", [1 << 20, 1 << 20]) + ints("dilations", [1 << 20]))],
                        [value("x", [1, 1, 9]), value("w", [1, 1, 2])], [value("y", [1, 1, "u"])])
    yield "Einsum", model([node("Einsum", ["x"] * 12, ["y"], "", text("equation", ",".join("abcdefghijkl"[i:i + 2] + "z" for i in range(0, 12, 2)) + "->z"))],
                          [X], [value("y", [3])])
    yield "LSTM", model([node("LSTM", ["x", "w", "r"], ["y"], "", attribute("hidden_size", 1 << 10))],
                        [value("x", [1 << 20, 1, 1]), value("w", [1, 1 << 12, 1]), value("r", [1, 1 << 12, 1 << 10])], [value("y", ["u"] * 4)])
    yield "Attention", model([node("Attention", ["x", "x", "x"], ["y"])], [value("x", [1, 1, 1 << 19, 1])], [value("y", [1, 1, 1 << 19, 1])], 23)
    body = graph("body", [node("Neg", ["v"], ["w"]), node("Identity", ["c"], ["d"])],
                 [value("i", [], 7), value("c", [], 9), value("v", [3, 5])], [value("d", [], 9), value("w", [3, 5])])
    yield "Loop", model([tensor("n", [], [1 << 62]), node("Loop", ["n", "", "x"], ["y"], "", body)], [X], [value("y", [3, 5])])
    shrinking = graph("body", [node("Slice", ["v", "one", "end", "axis"], ["w"]), node("Identity", ["c"], ["d"])],
                      [value("i", [], 7), value("c", [], 9), value("v", ["r", 5])], [value("d", [], 9), value("w", ["s", 5])])
    yield "slices of slices", model([tensor("n", [], [100]), tensor("one", [1], [1]), tensor("end", [1], [1 << 31]), tensor("axis", [1], [0]),
                                     node("Loop", ["n", "", "x"], ["y"], "", shrinking)], [value("x", ["rows", 5])], [value("y", ["left", 5])])
    inner = b""
    for depth in range(5):
        nodes = [tensor("n", [], [40]), node("Loop", ["n", "", "v"], ["w"], "", inner)] if depth else [node("Neg", ["v"], ["w"])]
        inner = graph("body", nodes + [node("Identity", ["c"], ["d"])],
                      [value("i", [], 7), value("c", [], 9), value("v", [3])], [value("d", [], 9), value("w", [3])])
    yield "Loops in loops", model([tensor("n", [], [40]), node("Loop", ["n", "", "x"], ["y"], "", inner)], [value("x", [3])], [value("y", [3])])
    scan = graph("body", [node("Add", ["s", "v"], ["w"]), node("Neg", ["w"], ["o"])], [value("s", []), value("v", [])],
                 [value("w", []), value("o", [])])
    yield "Scan", model([tensor("n", [], [0]), node("Cast", ["n"], ["z"], "", attribute("to", 1)),
                         node("Scan", ["z", "x"], ["f", "y"], "", scan + attribute("num_scan_inputs", 1))],
                        [value("x", [1 << 30])], [value("y", [1 << 30])])
    # Turns of a Loop that each compute with other sizes, with the same ones, and so that no loop at run time can.
    def turns(count, nodes, states, made, constants=(), shape=(3, 5), outputs=("y",), more=()):
        body = graph("body", nodes + [node("Identity", ["c"], ["d"])], [value("i", [], 7), value("c", [], 9), *(value(s, ["r", "s"]) for s in states)],
                     [value("d", [], 9), *(value(m, ["t", "u"][:2 if k < len(states) else 0]) for k, m in enumerate(made))])
        return model([tensor("n", [], [count]), *constants, node("Loop", ["n", "", *("x" for _ in states)], list(outputs), "", body), *more],
                     [value("x", list(shape))], [value(o, ["v", "w"][:2 if k < len(states) else 1]) for k, o in enumerate(outputs)], 17)

    zero, axis = tensor("0", [1], [0]), attribute("axis", 0)
    attend = [node("Transpose", ["k"], ["t"]), node("MatMul", ["q", "t"], ["s"]), node("Softmax", ["s"], ["p"]), node("MatMul", ["p", "k"], ["m"])]
    yield "growing turns", turns(100, [node("Concat", ["a", "q"], ["k"], "", axis), *attend, node("ReduceMax", ["p"], ["e"], "", attribute("keepdims", 0))],
                                 ["a", "q"], ["k", "m", "e"], outputs=("y", "z", "w"))
    yield "turns of one size", turns(1600, [node("Transpose", ["k"], ["t"]), node("MatMul", ["k", "t"], ["s"]), node("Softmax", ["s"], ["p"]), node("MatMul", ["p", "k"], ["m"])], ["k"], ["m"])
    yield "turns that double", turns(20, [node("Concat", ["a", "a"], ["k"], "", axis), node("Softmax", ["k"], ["m"])], ["a"], ["m"])
    yield "turns by number", turns(100, [node("Unsqueeze", ["i", "0"], ["j"]), node("Slice", ["x", "0", "j", "0"], ["k"]), node("Softmax", ["k"], ["p"]), node("ReduceSum", ["p"], ["e"], "", attribute("keepdims", 0)), node("Add", ["a", "e"], ["m"])],
                                 ["a"], ["m"], [zero], shape=(200, 5))
    yield "longer sequences", turns(40, [node("Concat", ["a", "x"], ["k"], "", axis), node("Unsqueeze", ["k", "1"], ["l"]), node("RNN", ["l", "w", "r"], ["", "h"], "", attribute("hidden_size", 4)), node("ReduceMax", ["h"], ["e"], "", attribute("keepdims", 0))],
                                    ["a"], ["k", "e"], [tensor("1", [1], [1]), tensor("ws", [3], [1, 4, 5]), tensor("rs", [3], [1, 4, 4]), node("ConstantOfShape", ["ws"], ["w"]), node("ConstantOfShape", ["rs"], ["r"])], outputs=("y", "z"))
    rows = graph("body", [node("MatMul", ["s", "v"], ["w"]), node("Softmax", ["w"], ["o"])], [value("s", [5, 5]), value("v", [5, 5])], [value("w", [5, 5]), value("o", [5, 5])])
    yield "many rows", model([node("Scan", ["x", "z"], ["f", "y"], "", rows + attribute("num_scan_inputs", 1))],
                             [value("x", [5, 5]), value("z", [400, 5, 5])], [value("f", [5, 5]), value("y", [400, 5, 5])], 17)

    # Functions that call the next one twice, down to one that makes what it takes longer, or leaves its size.
    def doubling(depth, leaf):
        calls = lambda i: [node(f"f{i + 1}", ["k"], ["b"], "", field(7, "d")), node(f"f{i + 1}", ["b"], ["c"], "", field(7, "d"))]
        return model([node("f0", ["x"], ["y"], "", field(7, "d"))], [X], [value("y", ["u", 5])], 17) + b"".join(
            field(25, field(1, f"f{i}") + field(4, "k") + field(5, "c") + field(10, "d") + field(9, field(2, 17)) + b"".join(
                field(7, n) for n in (calls(i) if i + 1 < depth else leaf))) for i in range(depth))

    attend = [node("Transpose", ["k"], ["t"]), node("MatMul", ["k", "t"], ["s"]), node("Softmax", ["s"], ["p"]), node("MatMul", ["p", "k"], ["m"])]
    for depth in (4, 7, 8):
        yield f"functions that grow, {depth}", doubling(depth, [*attend, node("Concat", ["m", "m"] if depth == 4 else ["m", "k"], ["e"], "", axis), tensor("2", [1], [2]), tensor("0", [1], [0]),
                                                                tensor("-1", [1], [-1]), node("Slice", ["e", "0", "-1", "0"], ["c"])])
        yield f"functions alike, {depth}", doubling(depth, [*attend, node("Neg", ["m"], ["c"])])
    deep = [node("Neg", ["x"], ["y"])]
    for _ in range(7):
        deep = [node("If", ["c"], ["y"], "", graph("then_branch", deep, [], [value("y", [3, 5])]) + graph(
            "else_branch", [node("Abs", ["x"], ["y"])], [], [value("y", [3, 5])]))]
    yield "If in If", model(deep, [X, value("c", [], 9)], [value("y", [3, 5])])
    yield "many nodes", model([node("Neg", ["x"], ["0"])] + [node("Neg", [f"{i}"], [f"{i + 1}"]) for i in range(55)], [X], [value("55", [3, 5])])
    yield "two functions", model([node("f0", ["x"], ["y"], "", field(7, "d"))], [X], [value("y", [3, 5])]) + b"".join(
        field(25, field(1, f"f{i}") + field(4, "a") + field(5, "c") + field(10, "d") + field(9, field(2, 17)) + field(
            7, node(f"f{i + 1}" if i < 10 else "Neg", ["a"], ["b"], "", field(7, "d") if i < 10 else b"")) + field(
                7, node(f"f{i + 1}" if i < 10 else "Neg", ["b"], ["c"], "", field(7, "d") if i < 10 else b"")))
        for i in range(11))


def changed(count, seed):
    """Small cases with bytes changed, cut or doubled."""
    chance = random.Random(seed)
    files = [p for p in sorted((Path(__file__).resolve().parent / "cases").glob("*/model.onnx")) if p.stat().st_size <= 1024]
    for i in range(count):
        data = bytearray(chance.choice(files).read_bytes())
        for _ in range(chance.randrange(1, 4)):
            at, kind = chance.randrange(len(data)), chance.randrange(4)
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                del data[at:at + chance.randrange(1, 9)]
            else:
                data[at:at] = data[at:at + chance.randrange(1, 17)]
            if not data:
                data = bytearray(b"\x08")
        yield f"changed {i}", bytes(data[:1024])


def measure(llmc, path):
    """(exit code, peak bytes, seconds of processor time, what it said)."""
    process = subprocess.Popen([llmc, "compile", str(path), "--emit", "llmc", "-o", str(path.with_suffix(".llmc"))],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)))
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    code = status >> 8 if status & 0x7F == 0 else -(status & 0x7F)
    return code, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime, said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llmc", required=True)
    parser.add_argument("--changed", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print a line for each file")
    options = parser.parse_args()
    wrong = count = 0
    largest, longest = (0, ""), (0, "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(model([node("Neg", ["x"], ["y"])], [X], [value("y", [3, 5])]))
        code, base, _, said = measure(options.llmc, path)
        if code != 0:
            print(f"one node: exit code {code}: {said}")
            return 1
        for name, data in [*costly(), *changed(options.changed, options.seed)]:
            if len(data) > 1024:
                print(f"{name}: has {len(data)} bytes")
                wrong += 1
                continue
            path.write_bytes(data)
            code, peak, seconds, said = measure(options.llmc, path)
            count += 1
            if options.verbose:
                print(f"{name}: {len(data)} bytes, exit code {code}, {(peak - base) >> 20} MB more, {seconds:.1f} s: {said.strip()[:500] if code else str()}", flush=True)
            largest, longest = max(largest, (peak - base, name)), max(longest, (seconds, name))
            if code not in (0, 1) or peak - base > MOST_BYTES or seconds > MOST_SECONDS:
                wrong += 1
                print(f"{name}: exit code {code}, {(peak - base) >> 20} MB more, {seconds:.1f} s: {said.strip()[:300]}")
    print(f"{count} files, at most {largest[0] >> 20} MB more ({largest[1]}), {longest[0]:.1f} s ({longest[1]})")
    print("ok" if not wrong else f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
