# f_install.py - lines about installing, models inside programs, licences, and llmc eval and check.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import re

from first_slice.bench import REPOSITORY, Line

STORYBOOK = REPOSITORY / "test" / "models" / "storybook"
TEST = REPOSITORY / "test" / "install" / "check_install.py"


def case(bench, name):
    """One part of the test of what is installed: (its words, whether it holds)."""
    done = bench.run("/usr/bin/python3", "-B", TEST, name, limit=600, status=None, env={"LLMC_BUILD": str(bench.build), "PATH": "/usr/bin:/bin"})
    words = (done.stdout.strip().splitlines() or ["no answer"])[-1]
    return words[:120], done.returncode == 0


def embedded(bench):
    for name, asked in (
        ("install_tree", "cmake --install, DESTDIR, and a C program that links libllmc.a alone"),
        ("compiled", "a C and a C++ program with an embedded model build from an installed llmc, moved, in a clean folder, and answer as the "
                     "model's executable does"),
        ("rebuilds", "the model is compiled again when a file, an option or the compiler changed, and only then"),
        ("cached", "org/name is taken from the local Hugging Face cache"),
        ("packages", "the same from the tarball with LLVM's folder hidden, the model being a prebuilt .llmc; Debian packages with the "
                     "right dependencies"),
        ("projects", "two models, a subfolder, -static, -fno-exceptions, a shared library, with g++ and clang++"),
        ("mistakes", "each mistake in a project gets a sentence"),
    ):
        words, holds = case(bench, name)
        yield Line(asked, words, holds)


def papers(bench):
    story = bench.work / "story"
    bench.run(bench.llmc, "compile", STORYBOOK, "--cpu=x86-64-v3", "-o", story)
    about, licences = bench.run(story, "--about").stdout, bench.run(story, "--licenses").stdout
    named = [word for word in ("tokenizer ", "chat ", "variant ") if f"\n{word}" in about]
    parts = [word for word in ("GNU C Library", "libmd", "GCC support libraries", "Apache License 2.0") if word in licences]
    yield Line("--about names tokenizer, chat template and variants, --licenses what is linked", f"{len(named)} of 3, {len(parts)} of 4",
               len(named) == 3 and len(parts) == 4)
    spdx = (bench.build / "package" / "llmc.spdx").read_text()
    links = re.findall(r"^Relationship: SPDXRef-llmc-(?:runtime|compiler) \w+_LINK (\S+)$", spdx, re.M)
    packages = set(re.findall(r"^SPDXID: (\S+)$", spdx, re.M))
    yield Line("llmc.spdx, SPDX 2.3: every linked package is described", f"{len(links)} links, {len(packages)} packages",
               spdx.startswith("SPDXVersion: SPDX-2.3\n") and len(links) >= 8 and set(links) <= packages)


def measures(bench):
    done = bench.run("/usr/bin/python3", "-B", REPOSITORY / "test/e2e/check_eval.py", "--llmc", bench.llmc, limit=300, status=None)
    yield Line("llmc eval: perplexity, KL divergence, top-1 agreement as transformers measure them, within 5e-5; thresholds, exit code 3",
               "; ".join(done.stdout.strip().splitlines()[:2])[:160], done.returncode == 0)
    done = bench.run("/usr/bin/python3", "-B", REPOSITORY / "test/e2e/check_comparison.py", "--llmc", bench.llmc, limit=300, status=None)
    yield Line("llmc check: sound models agree with the reference semantics op by op, of broken ones the first op and tensor are named",
               "; ".join(done.stdout.strip().splitlines()[:2])[:160], done.returncode == 0)


def real_model(bench):
    model = getattr(bench, "smollm2", None)
    if not model or not (model / "model.safetensors").exists():
        yield Line("llmc check of smollm2-135m", "not measured: --smollm2 names no model", None)
        return
    done = bench.run(bench.llmc, "check", model, "--tokens", "4", "--json", limit=600, status=None)
    found = json.loads(done.stdout.splitlines()[-1])
    yield Line("llmc check of smollm2-135m: every value within 1e-4 of its tensor's largest", f"{found['values']} values, at most "
               f"{found['largest']['relative']:.1e} ({found['largest']['op'][:60]})", done.returncode == 0)


LINES = [embedded, papers, measures, real_model]
