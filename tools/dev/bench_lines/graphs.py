# graphs.py - BERT beside ONNX Runtime and OpenVINO: graphs are what these two read.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import re

from first_slice.bench import DEV, Failure, Line


def onnx_runtime(bench):
    done = bench.run(bench.python, DEV / "bench-onnx", "--build", bench.build, "--work", bench.work / "onnx", "--threads",
                     ",".join(map(str, bench.threads)), "--rounds", bench.rounds, "--only", "BERT", status=None, limit=3600)
    rows = re.findall(r"^(BERT.*?) +(\d) threads? +ONNX Runtime +([\d.]+) ms +llmc +([\d.]+) ms", done.stdout, re.M)
    if not rows:
        raise Failure(f"bench-onnx measured nothing: {(done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ['no message'])[-1]}")
    for name, threads, theirs, ours in rows:
        ratio = float(theirs) / float(ours)
        yield Line(f"{name}, threads {threads}: as fast as ONNX Runtime", f"{ratio:.2f} times: {ours} and {theirs} ms", ratio >= 1)


def openvino(bench):
    for batch in (1, 8):
        graph = bench.work / "onnx" / f"bert{batch}.onnx"
        if not graph.exists():
            raise Failure("no BERT graph: the group onnx-runtime makes it")
        for threads in bench.threads:
            done = bench.run(bench.python, DEV / "bench_lines" / "openvino_turns.py", bench.llmc, bench.work / "onnx" / f"bert{batch}.llmc", graph,
                             bench.work / "onnx" / "serve", threads, bench.rounds, limit=1800)
            theirs, ours = map(float, done.stdout.split()[-2:])
            yield Line(f"BERT-base batch {batch}, threads {threads}: beside OpenVINO, f32", f"{theirs / ours:.2f} times: {ours:.1f} and {theirs:.1f} ms",
                       None)


GROUPS = {"onnx-runtime": onnx_runtime, "openvino": openvino}
