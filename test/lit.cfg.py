# lit.cfg.py - how lit finds and runs the text tests under test/.
#
# Tools come from the build folder and from LLVM 22; nothing else on PATH is preferred over them. Features say what a
# test may require: `REQUIRES: shared` needs the folder of test data beside the repository, `REQUIRES: avx512` a
# processor with AVX-512 (F, BW, DQ, VL, CD), and so on for each name in CPU_FEATURES.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import platform

import lit.formats
import lit.util

# Name of a lit feature -> flags of /proc/cpuinfo that all must be there.
CPU_FEATURES = {
    "avx2": ["avx2", "fma", "f16c", "bmi2"],
    "avx512": ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"],
    "avx512-vnni": ["avx512_vnni"],
    "avx512-bf16": ["avx512_bf16"],
    "avx512-fp16": ["avx512_fp16"],
    "amx": ["amx_tile"],
}


def cpu_flags():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


config.name = "llmc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# Inputs are data of tests; the fuzzers' corpora are not tests either.
config.excludes = ["Inputs", "fuzz", "data"]
config.test_source_root = os.path.join(config.llmc_source, "test")
config.test_exec_root = os.path.join(config.llmc_build, "test")

shared = os.environ.get("LLMC_SHARED") or os.path.join(config.llmc_source, "..", "shared")
shared = os.path.realpath(shared)

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.llmc_build, "bin"), config.llvm_tools, "/usr/bin", "/bin"]
)
config.environment["LLMC_SHARED"] = shared
# Messages are compared as text: no colours, one language.
config.environment["NO_COLOR"] = "1"
config.environment["LC_ALL"] = "C.UTF-8"

config.substitutions.append(("%shared", shared))
config.substitutions.append(("%python", "/usr/bin/python3"))

if os.path.isdir(os.path.join(shared, "testdata")):
    config.available_features.add("shared")
config.available_features.add(platform.machine().replace("_", "-"))  # x86-64, aarch64
flags = cpu_flags()
for feature, needed in CPU_FEATURES.items():
    if flags.issuperset(needed):
        config.available_features.add(feature)

# A test that hangs is a failure of that test alone; without psutil, of the whole run (CTest's own limit).
if lit.util.killProcessAndChildrenIsSupported()[0]:
    lit_config.maxIndividualTestTime = 120
