# e_fuzzers.py - lines about the fuzzers of everything that is read: tokenizers of every source, templates, saved sessions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import re
import tempfile

from . import Line
from first_slice.bench import REPOSITORY

FUZZED = ["fuzz-tokenizer", "fuzz-tokenizer-files", "fuzz-gguf", "fuzz-template", "fuzz-session"]


def fuzzers(bench):
    for name in FUZZED:
        path = bench.asan / "fuzz" / name
        asked = f"{name}, under ASan and UBSan: no finding in {bench.fuzz_seconds} s"
        if not path.exists():
            yield Line(asked, f"{path} is not built", False)
            continue
        with tempfile.TemporaryDirectory(dir=bench.work) as scratch:
            done = bench.run(path, f"-max_total_time={bench.fuzz_seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                             f"-artifact_prefix={bench.work}/{name}-", scratch, REPOSITORY / "test" / "fuzz" / "corpus" / name,
                             limit=bench.fuzz_seconds + 600, status=None)
        runs = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
        yield Line(asked, f"{runs[1] if runs else 0} runs, exit code {done.returncode}", done.returncode == 0 and bool(runs))


LINES = [fuzzers]
