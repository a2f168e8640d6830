# measure.py - times ours and llama.cpp in turns, each measurement behind a probe of what the machine gives at that moment.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import re
import statistics

from first_slice.bench import Failure

PROBE_MIB = 512  # past any cache that one guest has to itself


def last_json(text):
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def limits(bench, threads):
    """{"read": bytes a second, "f32", "f16", "bf16", "i8": operations a second} of now: the better of two probes for each, the one of `llmc
    bench --limits` and, where it is beside the repository, roofline.c's, so that no share is of too low a limit."""
    own = json.loads(bench.run(bench.llmc, "bench", "--limits", "-t", threads).stdout)
    found = {"read": own["read_gigabytes_per_second"][-1]["rates"][0]}
    found |= {name: rates[0] for name, rates in own["giga_operations_per_second"].items() if name != "i8_tiles"}
    if (bench.shared / "bench" / "roofline.c").exists():
        program = bench.work / "roofline"
        if not program.exists():
            bench.run("cc", "-O2", "-pthread", bench.shared / "bench" / "roofline.c", "-o", program)
        other = last_json(bench.run(program, "--json", "--quick", "--big", PROBE_MIB, "--reps", 3, "--threads", threads).stdout)
        rates = [("read", row["best_gbs"]) for row in other["bandwidth"] if row["mib"] == PROBE_MIB]
        rates += [(re.sub("_avx.*", "", row["id"]), row["best_gops"]) for row in other["compute"]]
        for name, rate in rates:
            found[name] = max(rate, found.get(name, 0))
    return {name: rate * 1e9 for name, rate in found.items()}


def ours(bench, program, threads, prompt, new, *more, repetitions=1, limit=1800):
    """What `llmc bench` measures, its JSON."""
    return last_json(bench.run(bench.llmc, "bench", program, "-t", threads, "--prompt-tokens", prompt, "--new-tokens", new, "--repetitions",
                               repetitions, "--json", *more, limit=limit).stdout)


def theirs(bench, gguf, threads, prompt, new, depth=0, name="llama-bench"):
    """Tokens a second of llama-bench, by its better way of attention: of a prompt (`new` 0), or decoded behind `depth` tokens."""
    what = ("-p", prompt, "-n", 0) if not new else ("-p", 0, "-n", new, "-d", depth)
    text = bench.run(bench.llama_bench(name), "-m", gguf, "-t", threads, "-fa", "0,1", "-r", 1, "-o", "json", *what, limit=3600).stdout
    return max(row["avg_ts"] for row in json.loads(text))


class Turns:
    """Readings by key, taken in turns; the middle of each."""

    def __init__(self):
        self.readings = {}

    def add(self, key, value):
        self.readings.setdefault(key, []).append(value)

    def middle(self, key):
        if key not in self.readings:
            raise Failure(f"nothing measured for {key}")
        return statistics.median(self.readings[key])

    def all(self, key):
        return self.readings.get(key, [])


def kernels(result, phase, kind):
    """The launches of a kernel in a phase of a profile."""
    for found in result.get("profile", []):
        if found["phase"] == phase:
            return [kernel for kernel in found["kernels"] if kernel["kernel"] == kind]
    raise Failure(f"the profile has no phase {phase}")


def matmul_rate(result, rows):
    """Operations a second of the products with at least that many rows: the output matrix sees one row only."""
    found = [kernel for kernel in kernels(result, "prefill", "matmul") if kernel["rows"] >= rows * kernel["calls"] / 2]
    if not found:
        raise Failure(f"no product of {rows} rows in the profile")
    return sum(kernel["operations"] for kernel in found) / sum(kernel["seconds"] for kernel in found)


def counted(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"
