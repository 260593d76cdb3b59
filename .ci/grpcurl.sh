#!/usr/bin/env bash
# Calls a running server with grpcurl, which learns the interface by reflection, as any generic client can.
# Needs .venv (make venv) and Go.
set -euo pipefail
cd "$(dirname "$0")/.."

bash .ci/need.sh go:golang-go

work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT

# expect WHAT EXPRESSION <ANSWER: fails unless the Python expression is true; `a` in it is the answer, parsed from JSON.
expect() {
    .venv/bin/python -c '
import json, math, sys
a = json.load(sys.stdin)
norm = lambda vector: math.sqrt(sum(x * x for x in vector["element"]))
if not eval(sys.argv[2]):
    sys.exit(f"WRONG  {sys.argv[1]}: {sys.argv[2]} does not hold for {str(a)[:2000]}")
print("ok    ", sys.argv[1])' "$1" "$2"
}

GOBIN="$work" go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3 2>"$work/go.log" || {
    cat "$work/go.log" >&2
    exit 1
}

.venv/bin/python -u -m http.server 0 --bind 127.0.0.1 --directory docs >"$work/www.log" 2>&1 &
pids+=($!)
www=$(bash .ci/follow.sh "$work/www.log" $! 'http://127.0.0.1:[0-9]*')

OP_MODEL=mobilenetv2 OP_WEIGHTS=random OP_CACHE_DIR="$work/cache" OP_ENDPOINT=127.0.0.1:0 OP_FETCH_ALLOW=127.0.0.1 \
    .venv/bin/python server.py 2>"$work/server.log" &
pids+=($!)
listening=$(bash .ci/follow.sh "$work/server.log" $! 'listening=[0-9.:]*')
address=${listening#listening=}

call() { "$work/grpcurl" -plaintext "$@"; }
execute() { call -d @ "$address" omnisearch.Operator/Execute; }

call "$address" list | tee "$work/list"
grep -qx omnisearch.Operator "$work/list"
grep -qx grpc.health.v1.Health "$work/list"
call "$address" describe omnisearch.Operator
call "$address" describe omnisearch.ExecuteRequest

call "$address" omnisearch.Operator/Identity | tee "$work/identity"
expect "Identity" 'a["type"] == "encoder" and a["dimension"] == "1280" and a["fingerprint"]' <"$work/identity"
call "$address" omnisearch.Operator/Healthy | expect "Healthy" 'a == {"healthy": "healthy"}'
call "$address" grpc.health.v1.Health/Check | expect "Health/Check" 'a == {"status": "SERVING"}'

photo=$(base64 --wrap=0 docs/example.jpg)
unit='a["nums"] == "1" and len(a["vectors"][0]["element"]) == 1280 and abs(norm(a["vectors"][0]) - 1) < 1e-5'
printf '{"datas": ["%s"]}' "$photo" | execute | tee "$work/of-data" |
    expect "Execute, a JPEG as base64" "$unit"
printf '{"urls": ["%s/example.jpg"]}' "$www" | execute | tee "$work/of-url" | expect "Execute, a URL" "$unit"
cmp "$work/of-data" "$work/of-url"
echo "ok     a picture gets the same vector from its data and from its URL"

printf '{"datas": ["%s", "bm90IGFuIGltYWdl"], "partial": true}' "$photo" | execute |
    expect "Execute, partial" '[s.get("code", 0) for s in a["statuses"]] == [0, 3] and a["nums"] == "2"'

# grpcurl exits with 64 + the status: 3 is INVALID_ARGUMENT.
status=0
echo '{"datas": ["bm90IGFuIGltYWdl"]}' | execute >"$work/refused" 2>&1 || status=$?
cat "$work/refused"
if [ "$status" -ne 67 ] || ! grep -q 'datas\[0\]' "$work/refused"; then
    echo "WRONG  data that is not an image: expected INVALID_ARGUMENT that names datas[0], got $status" >&2
    exit 1
fi
echo "ok     data that is not an image is refused, by its name in the request"
