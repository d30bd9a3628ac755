#!/usr/bin/env bash
# Sets up .venv from uv.lock: finds Python 3.11 or newer, gets uv if there is none, installs
# what the lock file says. Quick when there is nothing to do.
#   scripts/setup.sh        what running needs
#   scripts/setup.sh dev    and what tests, checks and benchmarks need
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

UV_MINIMUM=0.8

is_new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null && is_new_enough "$name"; then
      command -v "$name"
      return
    fi
  done
  say "GovNet needs Python 3.11 or newer and found none. On Debian 12 or Ubuntu 24.04:"
  say "  apt-get install python3 python3-venv"
  return 1
}

has_uv() {
  local version
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#uv }
  [ "$(printf '%s\n%s\n' "$UV_MINIMUM" "${version%% *}" | sort -V | head -n 1)" = "$UV_MINIMUM" ]
}

get_uv() {
  local python=$1
  say "Getting uv into .uv"
  rm -rf .uv
  if ! "$python" -m venv .uv >/dev/null 2>&1; then
    rm -rf .uv
    apt_install python3-venv || {
      say "Python's venv module is missing: apt-get install python3-venv"
      return 1
    }
    "$python" -m venv .uv
  fi
  .uv/bin/pip install --quiet --disable-pip-version-check "uv>=$UV_MINIMUM"
}

python=$(find_python)
if ! has_uv .uv/bin/uv && ! has_uv uv; then
  get_uv "$python"
fi
# Never another Python than this machine's.
export UV_PYTHON_DOWNLOADS=never
sync=(scripts/uv sync --frozen --quiet)
if [ "${1:-}" != dev ]; then
  sync+=(--no-dev --inexact) # inexact: what `make test` installed stays
fi
if [ ! -x .venv/bin/python ] || ! is_new_enough .venv/bin/python; then
  say "Setting up .venv with $python"
  sync+=(--python "$python")
fi
"${sync[@]}"
