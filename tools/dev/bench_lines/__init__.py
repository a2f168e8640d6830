# __init__.py - the groups of lines that tools/dev/bench measures, by name.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
from . import formats, graphs, widths, work

# name -> function of a bench; formats has one group for each model and format.
GROUPS = {**formats.GROUPS, **work.GROUPS, **widths.GROUPS, **graphs.GROUPS}
