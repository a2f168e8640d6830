# openvino_turns.py - a compiled graph and OpenVINO on the graph, in turns; prints the medians in milliseconds: theirs, ours.
#
#   openvino_turns.py LLMC COMPILED.llmc GRAPH.onnx SERVE THREADS ROUNDS      SERVE: the program that bench-onnx builds
#
# Needs the Python packages openvino and numpy.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import openvino

BURST = 4


def main():
    _, compiled, graph, serve, threads, rounds = sys.argv[1:]
    core = openvino.Core()
    model = core.compile_model(graph, "CPU", {"INFERENCE_NUM_THREADS": int(threads), "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1})
    random = np.random.default_rng(2)
    inputs, files = [], []
    for port in model.inputs:
        shape = [int(size) for size in port.shape]
        mask = "mask" in port.get_any_name()
        value = np.ones(shape, np.int64) if mask else random.integers(0, 30522, shape, dtype=np.int64)
        path = pathlib.Path(compiled).with_suffix(f".{len(inputs)}.raw")
        value.tofile(path)
        inputs.append(value)
        files += ["x".join(map(str, shape)), str(path)]
    server = subprocess.Popen([serve, compiled, threads, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    theirs, ours = [], []
    for _ in range(int(rounds)):
        server.stdin.write(f"run {BURST + 1}\n")
        server.stdin.flush()
        ours += [int(word) * 1e-6 for word in server.stdout.readline().split()[1:]]
        model(inputs)
        for _ in range(BURST):
            begin = time.perf_counter()
            model(inputs)
            theirs.append((time.perf_counter() - begin) * 1e3)
    server.stdin.close()
    server.wait()
    print(statistics.median(theirs), statistics.median(ours))


if __name__ == "__main__":
    main()
