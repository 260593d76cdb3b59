#!/usr/bin/env bash
# Builds the CPU image without a container engine, using buildah and a base image that debootstrap makes from this
# machine's package source. Then starts the image, calls it and stops it. Builds the image with the search page as well,
# and evaluates an encoder in it, and that of an own operator, which is called on port 80. Needs root, and .venv (make
# venv) for the client.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
    echo "debootstrap and buildah's chroot need root here. With docker or podman: make cpu test-cpu" >&2
    exit 1
fi
bash .ci/need.sh debootstrap buildah ip:iproute2 pgrep:procps

work=$(mktemp -d)
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/storage" --runroot "$work/runroot" "$@"; }
server=''
network=''
finish() {
    # shellcheck disable=SC2046  # one word per process
    [ -z "$server" ] || kill $(descendants "$server") 2>/dev/null || true
    [ -z "$network" ] || kill "$network" 2>/dev/null || true
    wait
    buildah rm --all >/dev/null 2>&1 || true
    awk -v work="$work/" 'index($5, work) == 1 {print $5}' /proc/self/mountinfo | xargs --no-run-if-empty umount
    rm -rf --one-file-system "$work"
}
trap finish EXIT

# descendants PID: the process itself, then all processes below it.
descendants() {
    local child
    echo "$1"
    for child in $(pgrep --parent "$1"); do descendants "$child"; done
}

# innermost PID: the process of the container. Those above it belong to buildah, those below it decode pictures, and
# let the signals of their group pass.
innermost() {
    local each found=$1
    for each in $(descendants "$1"); do
        grep --quiet decode_server "/proc/$each/cmdline" || found=$each
    done
    echo "$found"
}

ok() { echo "ok     $*"; }

wrong() {
    echo "WRONG  $*" >&2
    [ ! -e "$work/server.log" ] || cat "$work/server.log" >&2
    exit 1
}

stop_server() {
    local status=0
    kill -TERM "$(innermost "$server")"
    timeout 60 tail --pid="$server" --follow /dev/null || wrong "the server did not end within 60 seconds of SIGTERM"
    wait "$server" || status=$?
    server=
    [ "$status" -eq 0 ] || wrong "the server ended with status $status after SIGTERM"
    ok "the server ended with status 0 after SIGTERM"
}

# --- the base image: this machine's release of Debian or Ubuntu, with its access to the package registry ---

make_base() {
    local root="$work/root" release mirror container
    release=$(sed --quiet 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016  # apt-get expands these
    mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$release" '$1 == release && $2 == "main" {print $3; exit}')
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$release" "$root" "$mirror" \
        >"$work/debootstrap.log" 2>&1 || { tail "$work/debootstrap.log" >&2; wrong "debootstrap failed"; }

    copy_registry_access "$root"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" / >/dev/null
    buildah config --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$container"
    while read -r line; do buildah config --env "$line" "$container"; done < <(env | grep '^PIP_')
    buildah commit --quiet --rm "$container" visop-base >/dev/null
    rm -rf "$root"
}

# Copies the certificates that this machine trusts, its pip configuration, and the files and folders named in that.
copy_registry_access() {
    local path
    cp --dereference "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$1/etc/ssl/certs/ca-certificates.crt"
    while read -r path; do
        [ ! -e "$path" ] || cp --recursive --dereference --parents "$path" "$1"
    done < <(
        .venv/bin/python -m pip config debug | sed --quiet 's/^ *\(\/.*\), exists: True$/\1/p'
        .venv/bin/python -m pip config list | grep --only-matching "['= ]/[^' ]*" | cut --characters=2-
    )
}

# inspect TEMPLATE: prints a value of the image's configuration; a list has one line per entry.
inspect() { buildah inspect --type image --format "$1" visop; }

inside() { buildah run --env "OP_ENDPOINT=127.0.0.1:${port:-0}" "$container" -- "$@"; }

echo "a base from debootstrap"
make_base

# build TARGET [VARIABLE=VALUE]...: an image, by its target in the Makefile.
build() {
    echo "make $*"
    make --no-print-directory "$@" DOCKER="buildah --root $work/storage --runroot $work/runroot" IMAGE_NAME=visop \
        BASE_IMAGE=localhost/visop-base >"$work/build.log" 2>&1 || {
        tail -n 50 "$work/build.log" >&2
        wrong "the build failed"
    }
}

build cpu
echo "size: $(buildah images --format '{{.Name}} {{.Size}}' | sed 's/.*\///' | paste --serial --delimiters=';')"

container=$(buildah from visop)
inside python -c 'import importlib.util as u; assert not u.find_spec("tensorflow") and u.find_spec("openvino")' ||
    wrong "the image contains TensorFlow, or lacks OpenVINO"
ok "the image contains OpenVINO and no TensorFlow"
inside python -c 'import os; assert os.getuid() and not os.access("/app/server.py", os.W_OK)' ||
    wrong "the image runs as root, or can change its own code"
ok "the image runs as user $(inspect '{{.Docker.Config.User}}'), who cannot change the code"

compiled=$(inside ls /var/cache/visop)

mapfile -t command < <(inspect '{{range .Docker.Config.Cmd}}{{println .}}{{end}}' | sed '/^$/d')
mapfile -t health < <(inspect '{{range .Docker.Config.Healthcheck.Test}}{{println .}}{{end}}' | sed '1d;/^$/d')
inside "${command[@]}" 2>"$work/server.log" &
server=$!
listening=$(bash .ci/follow.sh "$work/server.log" "$server" 'listening=[0-9.:]*')
port=${listening##*:}
ok "the server has started: $(grep --only-matching 'start_s=.*' "$work/server.log")"

inside "${health[@]}" || wrong "the health check fails"
ok "the health check passes"
.venv/bin/python test_grpc.py -e "127.0.0.1:$port" || wrong "test_grpc.py failed"
ok "test_grpc.py passes"

if [ -z "$compiled" ] || [ "$(inside ls /var/cache/visop)" != "$compiled" ]; then
    wrong "the server had to compile its model"
fi
ok "the server started with the model that was compiled into the image"

stop_server
! inside "${health[@]}" >/dev/null 2>&1 || wrong "the health check passes although the server is down"
ok "the health check fails when the server is down"

# --- the image with the search page ---

build web
container=$(buildah from visop:latest-web)
inside python -m visop generate --out /tmp/pictures --count 12 --size 64 >/dev/null ||
    wrong "visop generate failed in the image with the search page"
inside python -m visop evaluate /tmp/pictures --encoder embedded --encoder phash --transformations mirror,jpeg-20 \
    --out /tmp/evaluation || wrong "visop evaluate failed in the image with the search page"
inside test -s /tmp/evaluation/report.html || wrong "visop evaluate wrote no report"
ok "visop evaluate runs to its report in the image with the search page"

# --- the image of an own operator, as the tutorial says, on the port that the original engine calls ---

own=$work/own
mkdir -p "$own"
git ls-files -z | xargs --null cp --parents --target-directory "$own"
mkdir "$own/colours"
echo 'webcolors==24.11.1' >>"$own/requirements-operator.txt"
touch "$own/colours/__init__.py"
cat >"$own/colours/nearest.py" <<'PYTHON'
import numpy as np
import webcolors

from visop import Encoder


class Nearest(Encoder):
    name, dimension, fingerprint = "nearest-colours", 16, "nearest-colours-1"

    def load(self):
        names = webcolors.names("html4")
        self.palette = np.array([webcolors.name_to_rgb(name) for name in names], np.float32)

    def preprocess(self, image):
        return image.reshape(-1, 3).mean(axis=0, dtype=np.float32)

    def infer(self, batch):
        return 1 / (1 + np.linalg.norm(batch[:, None] - self.palette[None], axis=2))
PYTHON
build cpu --directory="$own" OPERATOR=colours.nearest:Nearest PORT=80 TAG=own
container=$(buildah from visop:own)

# A network of its own, with what Docker sets in that of every container.
unshare --net sleep 600 &
network=$!
while [ "/proc/$network/ns/net" -ef /proc/self/ns/net ]; do sleep 0.1; done
in_network() { nsenter --target "$network" --net "$@"; }
in_network ip link set lo up
in_network sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
run_own() { in_network buildah --root "$work/storage" --runroot "$work/runroot" run "$container" -- "$@"; }

run_own "${command[@]}" 2>"$work/server.log" &
server=$!
bash .ci/follow.sh "$work/server.log" "$server" 'listening=0.0.0.0:80 .*operator=nearest-colours'
run_own "${health[@]}" || wrong "the health check of the own operator fails"
in_network .venv/bin/python test_grpc.py -e 127.0.0.1:80 || wrong "the own operator does not answer"
ok "an own operator, in a package folder, with a package of its own, serves on port 80 with no environment"
stop_server
