"""Real peers of the tests: found or the test skips with the reason; on CI it fails."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

PACKAGE = {
    "snmpd": "snmpd",
    "snmpbulkwalk": "snmp",
    "snmpget": "snmp",
    "snmptrap": "snmp",
    "nginx": "nginx-light",
    "fping": "fping",
    "chromium": "chromium",
    "ip": "iproute2",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "iperf3": "iperf3",
    "msgfmt": "gettext",
    "softflowd": "softflowd",
    "softflowctl": "softflowd",
    "tshark": "tshark",
    "nfcapd": "nfdump",
    "nfacctd": "pmacct",
}


def require(program: str) -> str:
    """Path of a peer program; skips the test without it, fails on CI.

    Raises:
        pytest.fail.Exception: the program is missing and ``CI`` is set.
    """
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found:
        return found
    reason = f"{program} is not installed: apt-get install {PACKAGE.get(program, program)}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_root(why: str) -> None:
    """Skip without root; fail on CI, where nothing skips."""
    if os.geteuid() == 0:
        return
    if os.environ.get("CI"):
        pytest.fail(f"needs root: {why}")
    pytest.skip(f"needs root: {why}")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
