#!/usr/bin/python3
# check_house.py - the rules of the house, each a CTest test.
#
#   check_house.py              all rules
#   check_house.py NAME…        some rules
#   check_house.py --list       their names, one a line
#
# Each run first proves the rule on its own samples: a rule that does not catch its bad ones fails.
# Exit status: 0 all kept, 1 broken, 2 usage, 77 not a git checkout (CTest counts it as skipped).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import subprocess
import sys

import content
import includes
import layout
from tree import Tree

RULES = {rule.name: rule for rule in includes.RULES + content.RULES + layout.RULES}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(RULES))
        return 0
    unknown = [name for name in arguments if name not in RULES]
    if unknown:
        print(f"check_house.py: no rule '{unknown[0]}' (see --list)", file=sys.stderr)
        return 2
    chosen = [RULES[name] for name in arguments] or list(RULES.values())
    wrong = [sentence for rule in chosen for sentence in rule.test_itself()]
    try:
        tree = Tree.of_repository(ROOT)
    except (OSError, subprocess.CalledProcessError):
        print("\n".join(wrong))
        print("skipped: the sources are not a git checkout")
        return 1 if wrong else 77
    for rule in chosen:
        broken = list(rule.check(tree))
        if broken:
            wrong.append(f"{rule.name}: {rule.claim}")
            wrong += [f"  {path}:{line}: {found}" if line else f"  {path}: {found}" for path, line, found in broken]
    print("\n".join(wrong) or f"{len(chosen)} rules hold over {len(tree.paths)} files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
