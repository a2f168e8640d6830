#!/usr/bin/env python3
# check_budget.py - the runtime's library uses no C++ library, and the runtime's program is static and at most 1.2 MB.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(os.environ["LLMC_BUILD"])
LIMIT = 1_200_000  # of which the C library has two thirds, and chat templates 130,000
FOREIGN = re.compile(r"\bstd::|operator (new|delete)|__cxa_|__gxx_personality|\b_Unwind_")


def main():
    if "-fsanitize=" in (BUILD / "CMakeCache.txt").read_text():
        print("skipped: needs a build without sanitizers, which bring libraries of their own")
        return 77
    failures = []
    # What programs in C link: the core and the parts above it.
    for part in ("core", "text", "sampling", "api"):
        library = BUILD / "lib" / f"libllmc-runtime-{part}.a"
        for line in subprocess.run(["nm", "-u", "-C", library], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
            if FOREIGN.search(line):
                failures.append(f"{library.name} refers to {line.split('U ', 1)[-1]}")
    program = BUILD / "bin" / "llmc-runtime"
    size = program.stat().st_size
    if size > LIMIT:
        failures.append(f"{program.name} has {size} bytes, at most {LIMIT} were agreed")
    headers = subprocess.run(["readelf", "-lW", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "INTERP" in headers or "DYNAMIC" in headers:
        failures.append(f"{program.name} is not static")
    for failure in failures:
        print(failure)
    if not failures:
        print(f"{program.name}: {size} bytes")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
