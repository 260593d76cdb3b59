#!/usr/bin/env bash
# Prints the first match of a pattern in the log of a running process, as soon as it is there.
# Fails, and shows the log, when the process ends before or 120 seconds pass.
# Usage: bash .ci/follow.sh LOG PID PATTERN
set -euo pipefail

grep --max-count=1 --only-matching "$3" < <(timeout 120 tail --lines=+1 --follow --pid="$2" "$1" 2>/dev/null) || {
    cat "$1" >&2
    exit 1
}
