#!/usr/bin/python3
# tally.py - adds up test results and ends with the line 'N passed, N failed, N skipped'.
#
#   tally.py [--step NAME=STATUS]… FILE.xml…
#
# FILE.xml is JUnit's form as ctest --output-junit and lit --xunit-xml-output write it. A ctest entry named `lit` stands
# for the cases of lit's own file and is not counted beside them. A file that is not there counts as one failure: a run
# that ended early must not look like one that passed. Exit status: 0 when nothing failed and something passed.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import collections
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

Case = collections.namedtuple("Case", "name outcome reason")  # outcome: passed, failed, skipped


def reason_of(case, element):
    """Why a case was skipped: lit says it in the message, gtest and scripts in their output."""
    message = element.get("message") or ""
    if message and "SKIP_REGULAR_EXPRESSION" not in message and "SKIP_RETURN_CODE" not in message:
        return message
    output = case.findtext("system-out") or ""
    for line in reversed(output.splitlines()):
        if re.search(r"\bneeds?\b|^skipped:", line):
            return line.strip()
    return ""


def cases_of(path):
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as mistake:
        return [Case(os.path.basename(path), "failed", f"no results: {mistake}")]
    cases = []
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
    for case in root.iter("testcase"):
        group, name = case.get("classname") or "", case.get("name") or ""
        if group and group != name:  # lit: classname is the folder
            name = group.replace(".", "/", 1) + "/" + name
        if folder in ("asan", "runtime-only", "release"):  # the same case may run in several builds
            name = folder + ": " + name
        skipped, failure, error = case.find("skipped"), case.find("failure"), case.find("error")
        if failure is not None or error is not None:
            cases.append(Case(name, "failed", ""))
        elif skipped is not None:
            cases.append(Case(name, "skipped", reason_of(case, skipped)))
        elif case.get("status") in (None, "run"):
            cases.append(Case(name, "passed", ""))
        else:  # ctest: notrun without a skip is a program that is not there
            cases.append(Case(name, "failed", f"status {case.get('status')}"))
    return cases


def tally(steps, files):
    cases = [Case(name, "passed" if status == "0" else "failed", "") for name, status in steps]
    results = {path: cases_of(path) for path in files}
    lit_counted = any(not cases_are_missing(r) for p, r in results.items() if os.path.basename(p) == "lit.xml")
    for found in results.values():
        cases += [c for c in found if not (c.name == "lit" and lit_counted)]
    return cases


def cases_are_missing(found):
    return len(found) == 1 and found[0].reason.startswith("no results")


def report(cases):
    count = collections.Counter(case.outcome for case in cases)
    reasons = collections.defaultdict(list)
    for case in cases:
        if case.outcome == "skipped":
            reasons[case.reason or "no reason given"].append(case.name)
    for reason, names in sorted(reasons.items()):
        print(f"skipped ({reason}): {len(names)}")
        for name in names:
            print(f"    {name}")
    for case in cases:
        if case.outcome == "failed":
            print(f"failed: {case.name}" + (f" ({case.reason})" if case.reason else ""))
    line = f"{count['passed']} passed, {count['failed']} failed"
    print(line + (f", {count['skipped']} skipped" if count["skipped"] else ""))
    return 0 if count["passed"] and not count["failed"] else 1


def main(arguments):
    steps, files = [], []
    while arguments:
        argument = arguments.pop(0)
        if argument == "--step" and arguments:
            steps.append(arguments.pop(0).rsplit("=", 1))
        else:
            files.append(argument)
    return report(tally(steps, files))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
