# peer.py - keeps one ONNX Runtime session ready and times it whenever it is asked to.
#
#   peer.py MODEL.onnx THREADS NAME=FILE.npy...
#
# The lines it reads and answers are those of serve.c. A process of its own, so that its threads can be stopped while the
# other one runs: idle threads of ONNX Runtime spin for a while after a call. Part of bench-onnx.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import sys
import time

import numpy as np
import onnxruntime


def main():
    model, threads, *files = sys.argv[1:]
    inputs = {name: np.load(file) for name, _, file in (word.partition("=") for word in files)}
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = int(threads)
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    outputs = None
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "run":
            times = []
            for _ in range(int(rest[0])):
                begin = time.perf_counter_ns()
                outputs = session.run(None, inputs)
                times.append(time.perf_counter_ns() - begin)
            print(*times, flush=True)
        elif word == "write":
            outputs[int(rest[0])].tofile(rest[1])
            print("written", flush=True)


if __name__ == "__main__":
    main()
