# d_command_line.py - lines about the command line: help, completions, manual pages, messages, exit codes.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
from . import tested


def command_line(bench):
    yield tested(bench, "help with examples, completions that complete, manual pages without a warning, messages as JSON", r"^tools\.help$")
    yield tested(bench, "options, exit codes, the cache's layout, nothing half-written", r"^tools\.(compile|surroundings)$", 2)


LINES = [command_line]
