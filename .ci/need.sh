#!/usr/bin/env bash
# Makes sure that commands exist. As root on Debian it installs the packages of missing ones; otherwise it names them
# and fails.
# Usage: bash .ci/need.sh COMMAND[:PACKAGE]...   (PACKAGE defaults to COMMAND)
set -euo pipefail

missing=()
for want in "$@"; do
    command -v "${want%%:*}" >/dev/null || missing+=("${want##*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing on this machine: ${missing[*]}. On Debian and Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "installing ${missing[*]}"
# An unreachable third-party package list is not an error: only the installation below has to work.
apt-get update -qq || true
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
