"""Which daemons a node has, and which Debian packages they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from govnet.lab.daemons import bandwidth, flows, frr, lldp, phones, portal, resolver, snmp, syslog
from govnet.lab.daemons.base import Daemon, Room

_ALL: Final = (syslog, snmp, frr, lldp, flows, portal, phones, resolver, bandwidth)

PROGRAMS: Final = {
    "/usr/sbin/ip": "iproute2",
    "/usr/lib/frr/zebra": "frr",
    "/usr/lib/x86_64-linux-gnu/frr/modules/ospfd_snmp.so": "frr-snmp",
    "/usr/sbin/snmpd": "snmpd",
    "/usr/bin/snmpget": "snmp",
    "/usr/sbin/lldpd": "lldpd",
    "/usr/sbin/softflowd": "softflowd",
    "/usr/sbin/rsyslogd": "rsyslog",
    "/usr/sbin/nginx": "nginx-light",
    "/usr/sbin/kamailio": "kamailio",
    "/usr/bin/sipp": "sip-tester",
    "/usr/sbin/dnsmasq": "dnsmasq-base",
    "/usr/bin/iperf3": "iperf3",
}


def missing_packages() -> list[str]:
    """Debian packages that a twin needs and that are not there."""
    return [package for program, package in PROGRAMS.items() if not _there(program)]


def _there(program: str) -> bool:
    if "x86_64" in program:  # the folder is named after the processor
        folder, _, rest = program.partition("x86_64-linux-gnu/")
        return any(Path(folder).glob(f"*-linux-gnu/{rest}"))
    return Path(program).exists()


def daemons_of(room: Room) -> list[Daemon]:
    """Write a node's configuration and say what runs there, in order of the waves."""
    room.open()
    found = [daemon for module in _ALL for daemon in module.daemons(room)]
    return sorted(found, key=lambda daemon: daemon.wave)
