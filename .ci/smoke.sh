#!/usr/bin/env bash
# Starts an image with docker or podman with as few rights as possible: no capabilities, a read-only file system. Waits
# until it serves, calls it with test_grpc.py and stops it. `make test-cpu` and `make test-gpu` run this.
# Usage: bash .ci/smoke.sh docker|podman IMAGE [OPTIONS OF RUN]...
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$1 image=$2
shift 2
container=$("$tool" run --detach --read-only --tmpfs /tmp --cap-drop=all --security-opt=no-new-privileges \
    --publish=127.0.0.1::50051 "$@" "$image")
log=$(mktemp)
"$tool" logs --follow "$container" >"$log" 2>&1 &
trap '"$tool" rm --force "$container" >/dev/null; rm -f "$log"' EXIT

bash .ci/follow.sh "$log" $! 'listening=.*'
"$tool" exec "$container" python -m visop health
.venv/bin/python test_grpc.py -e "$("$tool" port "$container" 50051/tcp)"

# Longer than OP_DRAIN_TIMEOUT_S, so that the server has time to drain and exit.
"$tool" stop -t 40 "$container" >/dev/null
status=$("$tool" inspect --format '{{.State.ExitCode}}' "$container")
[ "$status" -eq 0 ] || { echo "the server ended with status $status" >&2; exit 1; }
echo "$image: started, answered and stopped"
