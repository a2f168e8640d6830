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


def add(case, open_case, node):
    ranks(case, node)
    norms(case, node)
