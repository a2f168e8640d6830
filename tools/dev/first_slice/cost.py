# cost.py - lines about what compiling, opening and running cost: time, memory, size, system calls.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import os
import re
import statistics
import subprocess
import time

from .bench import Failure, Line, need

# Names of system calls; what may appear after start-up is judged from strace's text.
NETWORK = {"socket", "connect", "bind", "listen", "accept", "accept4", "sendto", "recvfrom", "sendmsg", "recvmsg", "socketpair"}
GROWTH = {"brk", "mmap", "mremap"}


def largest_tensor(directory):
    with open(directory / "model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return max(t["data_offsets"][1] - t["data_offsets"][0] for key, t in header.items() if key != "__metadata__")


def compiling(bench):
    model, out = bench.model("smollm2-135m"), bench.work / "timed"
    begin, peak = time.monotonic(), 0
    process = subprocess.Popen([str(bench.llmc), "compile", str(model), "-o", str(out)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with open(f"/proc/{process.pid}/status") as status:
        while process.poll() is None:  # the kernel keeps no high-water mark of anonymous memory alone
            status.seek(0)
            found = re.search(r"RssAnon:\s+(\d+) kB", status.read())
            peak = max(peak, int(found.group(1)) * 1024 if found else 0)
            time.sleep(0.002)
    seconds = time.monotonic() - begin
    if process.returncode:
        raise Failure(f"llmc compile: exit code {process.returncode}: {process.stderr.read().strip()[:200]}")
    limit = 300e6 + 2 * largest_tensor(model)
    yield Line("compiling smollm2-135m takes at most 10 s", f"{seconds:.1f} s", seconds <= 10)
    yield Line("and 300 MB of anonymous memory beyond twice the largest tensor", f"{peak / 1e6:.0f} of {limit / 1e6:.0f} MB",
               peak <= limit)
    facts = json.loads(bench.run(bench.probe(), "facts", out).stdout)
    beyond = out.stat().st_size - facts["weights_size"] - facts["tokenizer_size"]
    yield Line("the executable is at most 2 MB beyond weights and tokenizer",
               f"{beyond / 1e6:.2f} MB beyond {facts['weights_size'] / 1e6:.1f} + {facts['tokenizer_size'] / 1e6:.1f}", beyond <= 2e6)


def first_token(program, times):
    """Milliseconds from starting the process to its end after one token, one reading a run."""
    readings = []
    for _ in range(times):
        begin = time.monotonic()
        done = subprocess.run([str(program), "--ids", "1", "--ids-only", "-n", "1"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        readings.append(1e3 * (time.monotonic() - begin))
        if done.returncode:
            raise Failure(done.stderr.decode(errors="replace").strip()[:200])
    return readings


def drop_from_cache(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def opening(bench):
    program = bench.compile(bench.model("smollm2-135m"))
    first_token(program, 1)
    rows = [json.loads(bench.run(bench.probe(), "open", program).stdout) for _ in range(11)]
    both = [row["model_ms"] + row["session_ms"] for row in rows]
    yield Line("opening takes under 30 ms with a warm cache", f"median {statistics.median(both):.1f} ms, worst {max(both):.1f} ms",
               statistics.median(both) < 30)
    warm = first_token(program, 11)
    cold = []
    for _ in range(3):
        drop_from_cache(program)
        cold += first_token(program, 1)
    yield Line("time to first token of a 1-token prompt, from starting the process", f"warm {statistics.median(warm):.0f} ms, "
               f"cold {statistics.median(cold):.0f} ms", None)
    process = subprocess.Popen([str(program), "--ids", "1", "--ids-only", "-n", "64"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    yield Line("peak memory of 64 tokens", f"{usage.ru_maxrss * 1024 / 1e6:.0f} MB resident, the mapped weights included", None)


def quiet(bench):
    program = bench.compile(bench.model("smollm2-135m"))
    ids = ",".join(str(i) for i in range(1, 41))
    counted = json.loads(bench.run(bench.probe(), "allocations", program, ids).stdout)
    need("strace")
    log = bench.work / "strace.txt"
    bench.run("strace", "-f", "-o", log, program, "--ids", ids, "--ids-only", "-n", "32")
    calls = [match.groups() for match in re.finditer(r"^\d+ +(\w+)\((.*)$", log.read_text(errors="replace"), re.M)]
    # Steps run between the first and the last word written: nothing may grow there.
    shown = [i for i, (name, rest) in enumerate(calls) if name in ("write", "writev") and rest.startswith("1,")]
    if len(shown) < 8:
        raise Failure(f"only {len(shown)} writes to stdout: tokens are not streamed")
    grown = [name for name, _ in calls[shown[0] : shown[-1]] if name in GROWTH]
    yield Line("no allocation after a session is open", f"{counted['allocations']} in {counted['steps']} steps, "
               f"{len(grown)} calls for memory between the first and the last token", counted["allocations"] == 0 and not grown)
    network = sorted({name for name, _ in calls if name in NETWORK})
    written = [f"{name}({rest[:40]}" for name, rest in calls
               if (name in ("write", "writev", "pwrite64") and not re.match(r"[12],", rest))
               or (name in ("open", "openat", "creat") and re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest))
               or name in ("unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "ftruncate", "truncate")]
    yield Line("no network call and no write (strace)", f"{len(calls)} calls, network: {', '.join(network) or 'none'}, writes: "
               + (", ".join(written[:3]) or "none"), not network and not written)


LINES = [compiling, opening, quiet]
