# machine.py - what a table of figures has to say of where they come from: machine, versions, command.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import datetime
import os
import pathlib
import re
import shlex
import subprocess

from models import llama_cpp

from first_slice.bench import REPOSITORY

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_int8")


def processor():
    """(model, features that matter) of the first core."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    flags = re.search(r"^flags\s*: (.*)$", text, re.M)
    has = set(flags.group(1).split()) if flags else set()
    return model.group(1) if model else "unknown processor", [name for name in FEATURES if name in has]


def revision():
    done = subprocess.run(["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True)
    return done.stdout.strip() or "no git checkout"


def about(bench, arguments):
    """Lines of Markdown. Folders are not told: they say nothing to others."""
    model, features = processor()
    words, hides = [], {"--work", "--peer", "--build", "--python", "--markdown"}
    for word, before in zip(arguments[1:], arguments):
        if word in hides or before in hides or word.split("=")[0] in hides:
            continue
        words.append(word)
    version = bench.run(bench.llmc, "--version").stdout.splitlines()[0]
    return [f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores of {model} ({', '.join(features)}); {version} at {revision()}; llama.cpp of "
            f"{llama_cpp.PACKAGE} {llama_cpp.VERSION}.", "", f"    {shlex.join(['tools/dev/bench', *words])}"]
