#!/usr/bin/python3
# check_rules_listed.py - every rule that exists is a CTest test, and every test of that list exists.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import re
import sys

from check_house import RULES

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "CMakeLists.txt"), encoding="utf-8") as file:
    listed = set(re.search(r"foreach\(_rule\s+([^)]*)\)", file.read()).group(1).split())
different = listed.symmetric_difference(RULES)
print(f"{len(listed)} rules" if not different else f"only on one side: {sorted(different)}")
sys.exit(1 if different else 0)
