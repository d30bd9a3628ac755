"""The whole demo as a person runs it: one command, real daemons, measured, stopped."""

from __future__ import annotations

import os
import random
import signal
import time
from ipaddress import IPv4Network
from pathlib import Path

import psutil
import pytest

from tests.peers import free_port, require
from tests.running import Installation, installation, until

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(420)]

STATES = """
from govnet.inventory.models import Unit
from govnet.monitor.models import Target
measured = Unit.objects.filter(
    access_points__targets__state__checked_at__isnull=False
).exclude(access_points__targets__state__state="unknown")
print(measured.distinct().count())
"""
EGRESS_PORT = """
from govnet.inventory.models import Port
port = Port.objects.select_related("device").get(alias="电信出口互联网")
print(port.device_id, port.if_index)
"""


class Demo:
    """``govnet demo`` in an installation and network of its own."""

    def __init__(self, site: Installation) -> None:
        self.site = site
        # Two of these may run at once under pytest-xdist.
        self.network = IPv4Network(f"127.{random.SystemRandom().randrange(64, 250)}.0.0/16")
        options = ("--loopback", "--no-faults", "--network", str(self.network))
        self.process = site.start("demo", *options, "--portal-port", str(free_port()))

    def family(self) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def sockets(self) -> list[str]:
        """Everything that still listens in the demo's network."""
        prefix = str(self.network.network_address).removesuffix("0.0")
        return [
            f"{found.laddr.ip}:{found.laddr.port}"
            for found in psutil.net_connections("inet")
            if found.laddr and found.laddr.ip.startswith(prefix) and not found.raddr
        ]

    def everything_measured(self) -> bool:
        return int(self.site.django(STATES)) == 163

    def interrupt(self) -> float:
        """Ctrl-C; seconds until it had ended."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(15) == 0, self.site.log_tail()
        return time.monotonic() - started


def gone(family: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)


@pytest.fixture
def site(tmp_path: Path) -> Installation:
    for program in ("snmpd", "nginx"):
        require(program)
    return installation(tmp_path)


def test_163_units_are_measured_within_90_seconds_and_ctrl_c_leaves_nothing(
    site: Installation,
) -> None:
    demo = Demo(site)
    try:
        until(site.log_path.exists, 5, "a log")
        until(lambda: "process started" in site.log_tail(), 60, "a start", site.log_tail)
        began = time.monotonic()
        until(lambda: site.status()["ok"], 90, "every process ok", site.log_tail)
        until(demo.everything_measured, 90, "163 measured units", site.log_tail)
        assert time.monotonic() - began < 90

        device, index = site.django(EGRESS_PORT).split()
        points = (
            "SELECT count() FROM interface_sample WHERE seconds > 0 AND in_octets > 0"
            f" AND device_id = {device} AND if_index = {index}"
        )
        until(lambda: int(site.sql(points)[0][0]) >= 2, 120, "two points of egress traffic")
        status = site.status()
        assert status["ok"]
        assert status["processes"]["engine"]["counters"]["samples_per_minute"] > 0

        family = demo.family()
        assert sum("snmpd" in p.name() for p in family) == 13
        assert demo.interrupt() < 5
        assert gone(family)
        assert demo.sockets() == []
    finally:
        demo.process.kill()


def test_it_starts_again_on_what_a_killed_one_left(site: Installation) -> None:
    first = Demo(site)
    second: Demo | None = None
    try:
        until(first.sockets, 90, "endpoints", site.log_tail)
        family = first.family()
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait(5)
        until(lambda: gone(family), 15, "everything died with it", site.log_tail)
        assert first.sockets() == []

        second = Demo(site)
        until(lambda: site.status()["ok"], 90, "every process ok", site.log_tail)
        until(second.everything_measured, 90, "163 units", site.log_tail)
        second.interrupt()
    finally:
        for demo in (first, second):
            if demo is not None:
                demo.process.kill()
