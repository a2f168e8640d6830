# __init__.py - the groups of show-text: each module has a list LINES of functions that take a Bench and yield Lines.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import re

from first_slice.bench import Failure, Line


def tests(bench, pattern, build=None, environment=None):
    """(passed, skipped, failed) names of the CTest tests that match."""
    done = bench.run("/usr/bin/ctest", "--test-dir", build or bench.build, "-R", pattern, "-j2", limit=3000, status=None,
                     env={**os.environ, **(environment or {})})
    found = re.findall(r"Test +#\d+: (\S+).*?(Passed|\*\*\*\w+)[^\n]* sec$", done.stdout, re.M)
    if not found:
        raise Failure(f"no test matches {pattern} in {build or bench.build}: build it first")
    by = {"Passed": [], "***Skipped": []}
    failed = [name for name, result in found if by.get(result, None) is None]
    for name, result in found:
        by.get(result, []).append(name)
    return by["Passed"], by["***Skipped"], failed


def tested(bench, asked, pattern, least=1, **more):
    """A line that holds when so many tests pass and none fails or is skipped."""
    passed, skipped, failed = tests(bench, pattern, **more)
    measured = f"{len(passed)} tests pass" + "".join(f"; {name} fails" for name in failed[:4])
    if skipped:
        measured += f"; {len(skipped)} skipped for what is not there: " + ", ".join(skipped[:4])
    return Line(asked, measured, not failed and not skipped and len(passed) >= least)
