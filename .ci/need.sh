#!/usr/bin/env bash
# Makes sure that commands exist: installs what is missing from Debian's packages where we may, else names it.
# Usage: bash .ci/need.sh COMMAND[:PACKAGE]...   (the package is named like the command, if not given)
set -euo pipefail

missing=()
for want in "$@"; do
    command -v "${want%%:*}" >/dev/null || missing+=("${want##*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing here: ${missing[*]}. On Debian and Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
# A third-party list that cannot be reached must not stop us: the install below is what has to work.
apt-get update -qq || true
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
