# inner_loops.py - reads assembly (AT&T) from stdin and tells about each innermost loop that multiplies and adds.
#
# One line a loop: its function, how many fused multiply-adds on zmm, ymm and xmm registers, how many instructions touch the
# stack, how many calls, how many dot products of bytes and multiply-adds of f16, and how many loads, products and stores of tiles, where there are any. Then one line with what the whole text calls and how many instructions use zmm registers.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import re
import sys

LABEL = re.compile(r"^(\.L\w+|[A-Za-z_]\w*):")
JUMP = re.compile(r"^\s+j\w+\s+(\.L\w+)")


def main():
    function, lines, places = None, [], {}
    loops, calls, zmm = [], set(), 0

    def finish():
        spans = []
        for end, line in enumerate(lines):
            jump = JUMP.match(line)
            if jump and places.get(jump.group(1), end) < end:
                spans.append((places[jump.group(1)], end))
        for start, end in sorted(set(spans)):
            # Innermost: no other loop lies within.
            if any(other != (start, end) and start <= other[0] and other[1] <= end for other in spans):
                continue
            body = lines[start : end + 1]
            fma = {width: sum("vfmadd" in l and "ps" in l and "%" + width in l for l in body) for width in ("zmm", "ymm")}
            fma["xmm"] = sum("vfmadd" in l and "%zmm" not in l and "%ymm" not in l for l in body)
            halves = {width: sum("vfmadd" in l and "ph" in l and "%" + width in l for l in body) for width in ("zmm", "ymm")}
            if not any(fma.values()) and not any(halves.values()):
                continue
            dots = {width: sum("vpdpbusd" in l and "%" + width in l for l in body) for width in ("zmm", "ymm")}
            stack = sum("(%rsp" in l for l in body)
            loops.append((function, fma, stack, sum("\tcall" in l for l in body), body, dots, halves))

    for line in sys.stdin:
        line = line.split("#")[0].rstrip()
        label = LABEL.match(line)
        if label and not label.group(1).startswith(".L"):
            finish()
            function, lines, places = label.group(1), [], {}
        elif label:
            places[label.group(1)] = len(lines)
        elif line.startswith("\t") and not line.startswith("\t."):
            lines.append(line)
            zmm += "%zmm" in line
            if "\tcall" in line:
                calls.add(line.split()[-1])
    finish()
    for function, fma, stack, called, body, dots, halves in loops:
        products = f", dots zmm {dots['zmm']} ymm {dots['ymm']}, stack {stack}" if any(dots.values()) else ""
        if any(halves.values()):
            products += f", halves zmm {halves['zmm']} ymm {halves['ymm']}, stack {stack}"
        tiles = [sum(name in l for l in body) for name in ("tileload", "tdp", "tilestore")]
        if any(tiles):
            products += f", tiles loaded {tiles[0]} multiplied {tiles[1]} stored {tiles[2]}, stack {stack}"
        print(
            f"{function}: fma zmm {fma['zmm']} ymm {fma['ymm']} xmm {fma['xmm']}, stack {stack}, calls {called},"
            f" vpslld {sum('vpslld' in l for l in body)}, vpandd {sum('vpand' in l for l in body)}{products}"
        )
    names = sorted(name for name in calls if not name.startswith("*"))
    print(f"all: zmm {zmm}, calls {' '.join(names)}")


main()
