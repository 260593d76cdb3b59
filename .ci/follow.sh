#!/usr/bin/env bash
# Waits for a pattern to appear in the log of a running process and prints the first match.
# Fails and shows the log if the process ends first, or after 120 seconds.
# Usage: bash .ci/follow.sh LOG PID PATTERN
set -euo pipefail

grep --max-count=1 --only-matching "$3" < <(timeout 120 tail --lines=+1 --follow --pid="$2" "$1" 2>/dev/null) || {
    cat "$1" >&2
    exit 1
}
