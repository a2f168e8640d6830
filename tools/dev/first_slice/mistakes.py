# mistakes.py - lines about errors: the tests of malformed checkpoints, and the fuzzers.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import re
import tempfile

from .bench import REPOSITORY, Line

FUZZED = ["safetensors", "config", "tokenizer", "artifact"]


def errors(bench):
    done = bench.run("/usr/bin/ctest", "--test-dir", bench.build, "-R", r"^error\.", "--output-on-failure", limit=900, status=None)
    results = re.findall(r"Test +#\d+: (error\.\S+) \.+ *(Passed|Skipped|\*\*\*\S+)", done.stdout)
    failed = [name for name, result in results if result != "Passed"]
    yield Line("25 malformed checkpoints: exit code 1, one tested message, nothing left behind",
               f"{len(results) - len(failed)} of {len(results)} tests" + "".join(f"; not {name}" for name in failed[:4]),
               done.returncode == 0 and len(results) >= 25 and not failed)


def fuzzers(bench):
    found = {path.name: path for path in (bench.asan / "fuzz").glob("*") if path.is_file() and path.stat().st_mode & 0o100}
    for what in FUZZED:
        path = next((path for name, path in sorted(found.items()) if what in name), None)
        asked = f"libFuzzer under ASan and UBSan, {what}: a million runs without a finding"
        if not path:
            yield Line(asked, f"no fuzzer under {bench.asan / 'fuzz'}", False)
            continue
        seeds = REPOSITORY / "test" / "fuzz" / "corpus" / path.name
        with tempfile.TemporaryDirectory(dir=bench.work) as scratch:
            done = bench.run(path, f"-runs={bench.fuzz_runs}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                             f"-artifact_prefix={bench.work}/{path.name}-", scratch, *([seeds] if seeds.is_dir() else []),
                             limit=7200, status=None)
        runs = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
        linked = b"libMLIR" in path.read_bytes()
        count = int(runs.group(1)) if runs else 0
        yield Line(asked, f"{count} runs, exit code {done.returncode}" + (", linked with MLIR" if linked else ""),
                   done.returncode == 0 and count >= 1_000_000 and not linked)


LINES = [errors, fuzzers]
