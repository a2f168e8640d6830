# late_cases.py - cases that came after the others, from a generator of their own: a new one changes no other's numbers.
# make_cases.py writes them.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import numpy as np


def floats(name, *shape):
    """By the case's name alone."""
    return np.random.default_rng(list(name.encode())).standard_normal(shape).astype("f4")


def ranks(case, node):
    x, z = floats("rank_twelve x", 1, 2, 1, 3, 1, 1, 2, 1, 1, 5, 1, 2), floats("rank_twelve z", 3, 1, 1, 1, 2, 1, 7, 5, 1, 1)
    case("rank_twelve", [node("Add", ["x", "z"], ["s"]), node("Transpose", ["s"], ["t"], perm=[11, 9, 7, 5, 3, 1, 0, 2, 4, 6, 8, 10]),
                         node("Softmax", ["t"], ["p"], axis=4), node("ReduceSum", ["p", "axes"], ["y"], keepdims=0)], [("x", x), ("z", z)],
         ["t", "y"], [("axes", np.array([0, 2, -1]))])


def add(case, open_case, node):
    ranks(case, node)
