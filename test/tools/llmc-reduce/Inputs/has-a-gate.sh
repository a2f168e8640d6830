#!/bin/sh
# has-a-gate.sh - 1 when the module is still interesting: it has a gate.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
! grep -q 'transformer.gated' "$1"
