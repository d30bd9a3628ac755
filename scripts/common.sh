# Shared by the scripts; to be sourced.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# Runs a command as root: directly, or by sudo when it will not ask for a password, or when
# there is a person at the terminal who can give it. Returns 1 where neither is possible.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo "$@"
  else
    return 1
  fi
}

# Installs Debian packages without starting their services and without touching services that
# already run. Returns 1 where it may not or cannot.
apt_install() {
  command -v apt-get >/dev/null || return 1
  say "Installing Debian packages: $*"
  # invoke-rc.d and deb-systemd-invoke start nothing when this exists and ends with 101.
  local policy=/usr/sbin/policy-rc.d ours=0 result=0
  if [ ! -e "$policy" ]; then
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy" || return 1
    ours=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" \
    >/dev/null 2>&1 || {
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
      "$@" >/dev/null || result=1
  }
  if [ "$ours" -eq 1 ]; then as_root rm -f "$policy"; fi
  return "$result"
}
