# quantised_blocks.py - weights rounded to own blocks, by an independent implementation of the rule in BlockSearch.h (numpy only).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import numpy as np

F = np.float32
FORMATS = {  # bits, least and greatest number that multiplies the scale, whether there is a minimum
    "q8": (8, -127, 127, False), "q4": (4, -8, 7, False), "q8_min": (8, 0, 255, True), "q4_min": (4, 0, 15, True),
}


def trials(bits):
    return [F(1) + F(i) * (F(1) / F(256)) for i in (0, 1)] if bits > 4 else [F(1) + F(i) * (F(1) / F(36)) for i in range(-6, 6)]


def half(values):
    return np.clip(values, F(-65504), F(65504)).astype(np.float16).astype(F)


def chain(terms):
    """Sums along the last axis in ascending order, each rounded to f32."""
    total = np.zeros(terms.shape[:-1], F)
    for i in range(terms.shape[-1]):
        total = total + terms[..., i]
    return total


def round_rows(weight, name, group):
    """The values of a matrix [N, K] after rounding; groups of `group` along K, f32 throughout."""
    bits, low, high, has_minimum = FORMATS[name]
    x = weight.astype(F).reshape(-1, group)
    scale, minimum = steps(x, name)
    code = np.rint(np.clip((x - minimum) / np.where(scale == 0, F(1), scale), F(low), F(high)))
    values = scale * np.where(scale == 0, F(0), code)
    return ((values + minimum) if has_minimum else values).reshape(weight.shape)


def round_rows_by(weight, gram, name, group):
    """The same by the second moments of what the matrix is multiplied with (their lower triangle): GPTQ as its authors write it, in f64,
    so that codes differ from BlockCalibration.h's where a value lies nearly between two."""
    _, low, high, _ = FORMATS[name]
    n = weight.shape[1]
    moments = np.zeros((n, n))
    moments[np.tril_indices(n)] = gram
    moments += np.tril(moments, -1).T
    moments[np.diag_indices(n)] += moments.trace() / n / 100
    upper = np.linalg.cholesky(np.linalg.inv(moments)).T
    left, out = weight.astype(np.float64), np.zeros(weight.shape)
    for i in range(n):
        if i % group == 0:
            scale, minimum = (s.astype(np.float64)[:, 0] for s in
                              steps(left[:, i : i + group].astype(F), name, (1 / upper.diagonal()[i : i + group] ** 2).astype(F)))
        code = np.rint(np.clip((left[:, i] - minimum) / np.where(scale == 0, 1, scale), low, high))
        out[:, i] = scale * np.where(scale == 0, 0, code) + minimum
        left[:, i + 1 :] -= np.outer((left[:, i] - out[:, i]) / upper[i, i], upper[i, i + 1 :])
    return out.astype(F)


def steps(x, name, weights=None):
    """Scale and minimum of each group, a row of x; `weights` count the errors of its values."""
    bits, low, high, has_minimum = FORMATS[name]
    w = np.ones(x.shape[1], F) if weights is None else weights
    least, greatest = x.min(1), x.max(1)
    best, scale, minimum = np.full(len(x), F(-1)), np.zeros(len(x), F), np.zeros(len(x), F)
    smallest = F(2.0**-25) * F(high)
    with np.errstate(all="ignore"):
        if has_minimum:
            y = x - least[:, None]
            total, n = chain(y * w), chain(w)
            base = F(high) / (greatest - least)
        else:
            extreme = np.where(-least > greatest, least, greatest)
            base = (np.where(extreme < 0, F(-high), F(high)) if bits == 8 else F(low)) / extreme
        for factor in trials(bits):
            inverse = base * factor
            if has_minimum:
                code = np.rint(np.clip(y * inverse[:, None], F(0), F(high)))
                p, q, c = chain(y * (code * w)), chain(code * (code * w)), chain(code * w)
                d = n * q - c * c
                s, m = (n * p - total * c) / d, (total * q - c * p) / d
                gain = s * p + m * total
            else:
                code = np.rint(np.clip(x * inverse[:, None], F(low), F(high)))
                p, q = chain(x * (code * w)), chain(code * (code * w))
                s = p / q
                m, gain = np.zeros_like(s), s * p
            better = gain > best
            best, scale, minimum = np.where(better, gain, best), np.where(better, s, scale), np.where(better, m, minimum)
        if has_minimum:
            flat = greatest - least < smallest
            scale, minimum = np.where(flat, F(0), scale), np.where(flat, least, minimum + least)
        else:
            scale = np.where(np.abs(extreme) < smallest, F(0), scale)
    return half(scale)[:, None], half(minimum)[:, None]
