# steps.sh - what setup, demo and check share: saying, failing, and one progress line for a long command. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# The repository's root, the tools of Debian rather than whatever else is on PATH, messages in one language.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LC_ALL=C.UTF-8
cmake=/usr/bin/cmake
ctest=/usr/bin/ctest
ninja=/usr/bin/ninja
python=/usr/bin/python3
cores=$(nproc)
logs=$root/build/logs

say() { printf '%s\n' "$@"; }
fail() {
  printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
  shift
  [ $# -eq 0 ] || printf 'note: %s\n' "$@" >&2
  exit 1
}

on_terminal() { [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; }

# duration SECONDS -> "4 s" or "3 min 20 s"
duration() {
  if [ "$1" -lt 90 ]; then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

# bytes_text BYTES -> "5.1 MB"
bytes_text() { awk -v n="$1" 'BEGIN { if (n < 1e6) printf "%.0f KB", n / 1e3; else if (n < 1e9) printf "%.1f MB", n / 1e6; else printf "%.1f GB", n / 1e9 }'; }

# step LABEL COMMAND... : runs it with its output in a log; on a terminal one line shows how far it is. Returns its status.
# A counter like [12/80] or a percentage in the output becomes the progress.
step() {
  local label=$1
  local log=$logs/${1//[^A-Za-z0-9]/-}.log start=$SECONDS status=0
  shift
  mkdir -p "$logs"
  : >"$log"
  if on_terminal; then
    "$@" >"$log" 2>&1 </dev/null &
    local child=$! shown
    trap 'kill '"$child"' 2>/dev/null; printf "\n"; exit 130' INT TERM
    while kill -0 "$child" 2>/dev/null; do
      shown=$(tail -c 4000 "$log" | tr '\r' '\n' | grep -oE '\[ *[0-9]+/[0-9]+\]|[0-9]+%|[0-9]+/[0-9]+ Test' | tail -n 1 || true)
      printf '\r\033[K  %s … %s %s' "$label" "${shown% Test}" "$(duration $((SECONDS - start)))"
      sleep 0.5
    done
    wait "$child" || status=$?
    trap - INT TERM
    printf '\r\033[K'
  else
    "$@" >"$log" 2>&1 </dev/null || status=$?
  fi
  if [ "$status" -eq 0 ]; then
    say "  $label: $(duration $((SECONDS - start)))"
  else
    say "  $label: failed after $(duration $((SECONDS - start))), status $status; the log is ${log#"$root"/}"
  fi
  return "$status"
}

# up_to_date BUILD_FOLDER TARGETS... : true when ninja has nothing to do.
up_to_date() {
  local folder=$1
  shift
  [ -f "$folder/build.ninja" ] && [[ $("$ninja" -C "$folder" -n "$@" 2>/dev/null) == *'no work to do'* ]]
}
