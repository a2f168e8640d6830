#!/usr/bin/env python3
# kernel_cases.py - cases for the tiles of products and the rows of vectors: sizes around their edges. Writes cases/kernel_*.
#
#   kernel_cases.py      needs onnx, onnxruntime and numpy; outputs are ONNX Runtime's
#
# A matrix is made in the graph, of two vectors: m[i, k] = cos(a[i] * b[k]), so that files stay small and no place of it is
# like another.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import shutil

import numpy as np

import make_cases
from onnx import helper as h
from operator_cases import run_ort

RANDOM = np.random.default_rng(20261129)


class Graph:
    def __init__(self):
        self.nodes, self.inputs, self.weights, self.outputs = [], [], [], []

    def node(self, kind, inputs, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(h.make_node(kind, inputs, [name], **attributes))
        return name

    def input(self, array):
        self.inputs.append((f"x{len(self.inputs)}", np.asarray(array, "f4")))
        return self.inputs[-1][0]

    def weight(self, array):
        self.weights.append((f"w{len(self.weights)}", np.asarray(array)))
        return self.weights[-1][0]

    def tensor(self, *shape):
        """A value of that shape, each place another number."""
        rows = int(np.prod(shape[:-1]))
        a, b = self.input(RANDOM.uniform(-3, 3, (rows, 1))), self.input(RANDOM.uniform(-3, 3, (1, shape[-1])))
        flat = self.node("Cos", [self.node("Mul", [a, b])])
        return self.node("Reshape", [flat, self.weight(np.array(shape, np.int64))])

    def give(self, value):
        self.outputs.append(value)

    def write(self, name):
        shutil.rmtree(make_cases.HERE / name, ignore_errors=True)
        expected = run_ort(self.nodes, self.inputs, self.outputs, self.weights)
        make_cases.case(name, self.nodes, self.inputs, self.outputs, self.weights, expected=expected)


def products():
    # Rows and columns around tiles of 6, 12, 16 and 64; few rows; one column; sums longer than what is packed at once.
    g = Graph()
    for rows, steps, columns in ((1, 19, 67), (3, 31, 131), (7, 1, 61), (13, 37, 1), (8, 29, 64), (31, 17, 79), (5, 1709, 33), (2, 3301, 19)):
        g.give(g.node("MatMul", [g.tensor(rows, steps), g.tensor(steps, columns)]))
    g.write("kernel_products")
    # More rows than a block, and an epilogue that reads rows, columns and places.
    g = Graph()
    x = g.node("MatMul", [g.tensor(263, 23), g.tensor(23, 37)])
    x = g.node("Add", [x, g.weight(RANDOM.standard_normal(37).astype("f4"))])
    x = g.node("Mul", [g.node("Sigmoid", [x]), g.tensor(263, 1)])
    g.give(g.node("ReduceMean", [g.node("Tanh", [x])], axes=[0], keepdims=0))
    g.write("kernel_blocks")
    # Factors that are turned, on either side, with constant ones; batches that are spread.
    g = Graph()
    g.give(g.node("Gemm", [g.tensor(11, 41), g.weight(RANDOM.standard_normal((53, 41)).astype("f4")),
                           g.weight(RANDOM.standard_normal(53).astype("f4"))], transB=1, alpha=0.5))
    g.give(g.node("Gemm", [g.tensor(43, 17), g.tensor(43, 29)], transA=1))
    g.give(g.node("Gemm", [g.tensor(2, 23), g.tensor(71, 23)], transB=1))
    g.give(g.node("MatMul", [g.tensor(2, 3, 5, 7), g.tensor(3, 7, 19)]))
    keys = g.node("Transpose", [g.tensor(2, 23, 3, 20)], perm=[0, 2, 3, 1])
    queries = g.node("Transpose", [g.tensor(2, 19, 3, 20)], perm=[0, 2, 1, 3])
    scores = g.node("Softmax", [g.node("MatMul", [queries, keys])], axis=-1)
    values = g.node("Transpose", [g.tensor(2, 23, 3, 13)], perm=[0, 2, 1, 3])
    g.give(g.node("Transpose", [g.node("MatMul", [scores, values])], perm=[0, 2, 1, 3]))
    g.give(g.node("Einsum", [g.tensor(5, 7, 3), g.tensor(11, 3, 7)], equation="abc,dcb->ad"))
    g.write("kernel_batches")


def convolutions():
    g = Graph()

    def conv(x, w, **attributes):
        bias = g.weight(RANDOM.standard_normal(w[0]).astype("f4"))
        # No result is near 0, where a difference of sums in another order would be large beside it.
        return g.node("Sigmoid", [g.node("Conv", [g.tensor(*x), g.tensor(*w), bias], **attributes)])

    g.give(conv((2, 5, 13, 17), (7, 5, 3, 3), pads=[1, 1, 1, 1]))
    g.give(conv((1, 6, 11, 9), (19, 6, 1, 1)))
    g.give(conv((1, 3, 23, 19), (8, 3, 5, 2), strides=[2, 3], dilations=[2, 1], pads=[3, 0, 2, 1]))
    g.give(conv((1, 6, 9, 18), (6, 1, 3, 3), group=6, pads=[1, 1, 1, 1]))
    g.give(conv((1, 4, 7, 18), (10, 2, 3, 3), group=2))
    g.give(conv((2, 3, 71), (5, 3, 9), pads=[4, 4]))
    g.give(conv((1, 2, 5, 6, 7), (3, 2, 2, 3, 2)))
    g.write("kernel_convolutions")


def constants():
    # Constants that the compiler puts into panels: sizes around 16 and 64, few rows and many, turned ones, heads, one that two
    # products read, one that they read in two orders, one of too few columns, one that is looked up in, too.
    g = Graph()

    def constant(*shape):
        return g.weight(RANDOM.standard_normal(shape).astype("f4"))

    for rows, steps, columns in ((1, 19, 16), (2, 17, 17), (4, 13, 79), (5, 4, 64), (13, 7, 65), (261, 9, 40)):
        g.give(g.node("MatMul", [g.tensor(rows, steps), constant(steps, columns)]))
    g.give(g.node("Gemm", [g.tensor(7, 11), constant(37, 11), constant(37)], transB=1))
    heads = g.node("Reshape", [g.node("MatMul", [g.tensor(9, 12), constant(12, 48)]), g.weight(np.array([9, 3, 16], np.int64))])
    g.give(g.node("Transpose", [heads], perm=[1, 0, 2]))
    g.give(g.node("Einsum", [g.tensor(6, 9), constant(9, 2, 16)], equation="mk,khd->hmd"))
    g.give(g.node("Einsum", [g.tensor(6, 5, 3), constant(3, 21, 5)], equation="mkj,jnk->mn"))
    shared, turned, narrow, table = constant(18, 18), constant(18, 18), constant(18, 15), constant(20, 16)
    x = g.tensor(8, 18)
    g.give(g.node("Add", [g.node("MatMul", [x, shared]), g.node("MatMul", [g.node("Tanh", [x]), shared])]))
    g.give(g.node("Gemm", [g.node("MatMul", [x, turned]), turned], transB=1))
    g.give(g.node("MatMul", [g.tensor(8, 18), narrow]))
    looked = g.node("Gather", [table, g.weight(np.array([3, 19, 0], np.int64))])
    g.give(g.node("Add", [g.node("MatMul", [g.tensor(3, 20), table]), looked]))
    g.write("kernel_panels")


def rows():
    # Lengths around 16 and 64: whole vectors, parts of one, none.
    g = Graph()
    for length in (1, 7, 16, 23, 64, 131):
        x = g.tensor(9, length)
        g.give(g.node("Softmax", [x], axis=-1))
        g.give(g.node("LayerNormalization", [x, g.weight(RANDOM.standard_normal(length).astype("f4")),
                                             g.weight(RANDOM.standard_normal(length).astype("f4"))], epsilon=1e-3))
        for kind in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"):
            axes = {"axes": [-1]} if kind != "ReduceSum" else {}
            inputs = [x] if axes else [x, g.weight(np.array([-1]))]
            g.give(g.node(kind, inputs, keepdims=0, **axes))
    g.give(g.node("ReduceSum", [g.tensor(5, 7, 35), g.weight(np.array([0, 2]))], keepdims=0))
    g.give(g.node("ReduceMean", [g.tensor(3, 19, 35)], axes=[1]))
    g.write("kernel_rows")
    g = Graph()
    for shape, order in (((37, 53), (1, 0)), ((3, 17, 35), (0, 2, 1)), ((2, 19, 3, 33), (0, 2, 3, 1)), ((2, 3, 5, 7), (3, 1, 0, 2))):
        x = g.node("Transpose", [g.tensor(*shape)], perm=list(order))
        g.give(g.node("Add", [x, g.weight(RANDOM.standard_normal([shape[i] for i in order][-1:]).astype("f4"))]))
    g.write("kernel_turned")


if __name__ == "__main__":
    products()
    convolutions()
    rows()
    constants()
