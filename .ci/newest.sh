#!/usr/bin/env bash
# Runs the fast tests on the newest Python of this machine, in a separate environment without TensorFlow; tests that
# need it run only on the oldest Python. Does nothing if no Python is newer than that of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest=$(.venv/bin/python -c 'import sys; print(sys.version_info[1])')

# newest: prints the command of the newest Python up to 3.13, including those of pyenv, that can create environments.
newest() {
    local minor python pyenv=${PYENV_ROOT:-$HOME/.pyenv}
    for minor in $(seq 13 -1 $((oldest + 1))); do
        for python in "python3.$minor" "$pyenv/versions/3.$minor".*/bin/python; do
            "$python" -c 'import ensurepip, sqlite3, ssl' 2>/dev/null && echo "$python" && return
        done
    done
}

python=$(newest)
if [ -z "$python" ]; then
    echo "this machine has no Python newer than 3.$oldest"
    exit 0
fi
"$python" --version
"$python" -m venv .venv-newest
# The tools have the versions that pyproject.toml pins for development.
mapfile -t tools < <(grep -oE '"(exifread|grpcio-tools|hypothesis|trustme|pytest[a-z-]*|httpx|pyyaml|schemathesis|scikit-image)[=>]=[^"]*"' pyproject.toml | tr -d '"')
.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check '.[analyses,heic,milvus-lite,s3,tracing,web]' "${tools[@]}" packaging
.venv-newest/bin/python -m pip uninstall --quiet --yes visop # the tests import the tree
.venv-newest/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal \
    --ignore tests/web/test_groups_browser.py --ignore tests/web/test_web_browser.py \
    tests/cli tests/client tests/collect tests/encoding tests/http tests/images tests/search tests/serving tests/tracing tests/web \
    tests/test_architecture.py tests/test_contract.py tests/test_custom_operator.py tests/test_settings.py
