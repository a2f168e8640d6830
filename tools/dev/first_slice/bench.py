# bench.py - what the lines of show-first-slice share: where things are, compiling once, running, reporting.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEV = REPOSITORY / "tools" / "dev"


class Failure(Exception):
    """A line could not be measured; the text says why. The line does not hold."""


class Line:
    """One row of the table: what is asked, what came out, whether it holds (None: reported only, nothing is asked)."""

    def __init__(self, asked, measured, holds):
        self.asked, self.measured, self.holds = asked, measured, holds


class Bench:
    """Folders, programs, and the models and executables made on the way. `work` keeps them between runs."""

    def __init__(self, args):
        self.build = args.build.resolve()
        self.llmc = self.build / "bin" / "llmc"
        self.llmc_opt = self.build / "bin" / "llmc-opt"
        self.work = args.work.resolve()
        self.reference = args.reference and args.reference.resolve()
        self.peer = args.peer and args.peer.resolve()
        self.python = args.python
        self.rounds = args.rounds
        self.fuzz_runs = args.fuzz_runs
        self.asan = args.asan.resolve()
        self.shared = pathlib.Path(os.environ.get("LLMC_SHARED") or REPOSITORY.parent / "shared")
        self.work.mkdir(parents=True, exist_ok=True)
        if not self.llmc.exists():
            raise Failure(f"{self.llmc}: not found (build it: cmake --preset release && ninja -C build/release)")
        state = self.llmc.stat()
        self.stamp = f"{state.st_size} {state.st_mtime_ns}"

    # ------------------------------------------------------------- programs

    def run(self, *command, limit=300, status=0, text=True, **more):
        """The finished process; a Failure when its exit code is not `status` (None: any)."""
        command = [str(part) for part in command]
        more.setdefault("stdin", subprocess.DEVNULL)
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text, timeout=limit, **more)
        except subprocess.TimeoutExpired:
            raise Failure(f"{pathlib.Path(command[0]).name}: no end after {limit} s") from None
        except OSError as error:
            raise Failure(str(error)) from None
        if status is not None and done.returncode != status:
            message = done.stderr if text else done.stderr.decode(errors="replace")
            lines = message.strip().splitlines() or ["no message"]
            raise Failure(f"{' '.join(map(short, command[:3]))} …: exit code {done.returncode}: {lines[0]}")
        return done

    # ------------------------------------------------------------ materials

    def model(self, name):
        """The checkpoint directory of a model that get-model knows."""
        directory = self.work / "models" / name
        if not directory.exists():
            directory.parent.mkdir(exist_ok=True)
            self.run(sys.executable, DEV / "get-model", name, directory, limit=600)
        return directory

    def compile(self, model, *options):
        """The executable made of a checkpoint directory, kept while the compiler and the options stay the same."""
        key = hashlib.sha256(json.dumps([str(model), self.stamp, options]).encode()).hexdigest()[:12]
        out = self.work / "programs" / f"{pathlib.Path(model).name}-{key}"
        if not out.exists():
            out.parent.mkdir(exist_ok=True)
            self.run(self.llmc, "compile", model, "-o", out, *options)
        return out

    def references(self):
        """The folder made by reference-logits for smollm2-135m, and its prompts."""
        folder = self.reference or self.work / "reference-smollm2"
        if not (folder / "prompts.json").exists():
            self.run(self.python, DEV / "reference-logits", self.model("smollm2-135m"), folder, limit=900)
        return folder, json.loads((folder / "prompts.json").read_text())

    def probe(self):
        """The C program that drives the C API, linked with the runtime of the build."""
        out = self.work / "first_slice_probe"
        source = DEV / "first_slice" / "probe.c"
        libraries = [path for path in self.build.rglob("libllmc-runtime-*.a")]
        if not libraries:
            raise Failure(f"no libllmc-runtime-*.a under {self.build}")
        newest = max(path.stat().st_mtime for path in [source, *libraries])
        if not out.exists() or out.stat().st_mtime < newest:
            self.run("cc", "-O1", "-Wall", "-I", REPOSITORY / "runtime" / "include", source, "-o", out, "-Wl,--start-group", *libraries,
                     "-Wl,--end-group", "-lmd", "-lzstd", "-lstdc++", "-lm", "-ldl", "-pthread", "-rdynamic")
        return out

    def roofline(self, mebibytes):
        """This machine's limits now: {"bandwidth": {threads: GB/s}, "fma": {threads: GFLOP/s}} for a working set of that size."""
        program = self.work / "roofline"
        if not program.exists():
            self.run("cc", "-O2", "-pthread", self.shared / "bench" / "roofline.c", "-o", program)
        text = self.run(program, "--json", "--quick", "--big", mebibytes, "--reps", 3, "--threads", "1,2").stdout
        data = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
        bandwidth, fma = {}, {}
        for row in data["bandwidth"]:
            if row["mib"] == mebibytes:
                bandwidth[row["threads"]] = max(row["best_gbs"], bandwidth.get(row["threads"], 0))
        for row in data["compute"]:
            if row["id"] in ("f32_avx512", "f32_avx2"):
                fma[row["threads"]] = max(row["best_gops"], fma.get(row["threads"], 0))
        return {"bandwidth": bandwidth, "fma": fma}


def short(part):
    return pathlib.Path(part).name if os.sep in part else part


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def need(program):
    if not shutil.which(program):
        raise Failure(f"{program} is not installed (apt-get install {program})")
