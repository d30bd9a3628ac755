"""The real endpoints behind the demo city: snmpd, nginx, TCP ports and a name server.

One process, a child of ``govnet demo``, started as ``python -m govnet.demo.endpoints``. Its
daemons die with it: each runs under ``setpriv --pdeathsig KILL``, so that even kill -9 leaves
nothing behind.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

import structlog

from govnet.demo.dns_server import NameServer
from govnet.demo.faults import Fault, played_faults
from govnet.demo.layout import (
    BANNER,
    DNS_PORT,
    LOOPBACK_V6,
    MANAGEMENT_PORT,
    Layout,
)
from govnet.demo.plan import AGENT_PORT, PlanDevice, PlanUnit
from govnet.runtime.logs import configure_logging
from govnet.runtime.supervisor import (
    Child,
    Program,
    StartError,
    Timing,
    end_with_supervisor,
    leave,
)

log = structlog.get_logger()

SBIN: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")
PACKAGES: Final = {"snmpd": "snmpd", "nginx": "nginx-light"}
TIMING: Final = Timing(grace_s=1.5)
SNMPD_MODULES: Final = "system_mib,snmp_mib,vacm_conf,vacm_vars,usmConf,pass,pass_persist"
"""What an agent needs; the rest would show this machine's own interfaces and cost memory."""


def find(program: str) -> str | None:
    """Path of a daemon; Debian keeps them where a user's PATH does not look."""
    return shutil.which(program) or shutil.which(program, path=":".join(SBIN))


def has_v6() -> bool:
    """Whether this machine has the IPv6 loopback address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK_V6, 0))
    except OSError:
        return False
    return True


def agent_program(layout: Layout, device: PlanDevice, snmpd: str) -> Program:
    """The command of one SNMP agent; its files are relative, so any directory name will do."""
    directory = layout.agent_dir(device.address)
    environment = ("MIBS=", "SNMPCONFPATH=.", "SNMP_PERSISTENT_DIR=state")
    daemon = (snmpd, "-f", "-LE", "3", "-C", "-c", "snmpd.conf", "-I", SNMPD_MODULES)
    return Program(device.name, _bound_to_us(directory, environment, daemon))


def nginx_program(layout: Layout, nginx: str) -> Program:
    """The command of the web servers."""
    directory = layout.directory / "nginx"
    daemon = (nginx, "-p", "./", "-e", "stderr", "-c", "nginx.conf")
    return Program("nginx", _bound_to_us(directory, (), daemon))


def _bound_to_us(
    directory: Path, environment: tuple[str, ...], daemon: tuple[str, ...]
) -> tuple[str, ...]:
    return ("env", "-C", str(directory), *environment, "setpriv", "--pdeathsig", "KILL", *daemon)


class Daemon:
    """A daemon that can be stopped and started again."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it and keep it running."""
        self._child = Child(self._program, TIMING)
        self._task = asyncio.create_task(self._child.keep_running(), name=self._program.name)

    async def stop(self) -> None:
        """Stop it for good, or until ``start``."""
        if self._child is not None and self._task is not None:
            await self._child.stop(TIMING.grace_s)
            await self._task
        self._child = self._task = None


class ManagementPort:
    """The management port of a unit's access device: says who it is and hangs up."""

    def __init__(self, unit: PlanUnit) -> None:
        self._address = str(unit.address)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._greet, self._address, MANAGEMENT_PORT)

    async def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _greet(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(BANNER.encode())
            await writer.drain()
        writer.close()


class Endpoints:
    """Everything that answers for the demo city."""

    def __init__(self, layout: Layout) -> None:
        self._city = layout.city
        self._ports = {unit.name: ManagementPort(unit) for unit in self._city.tcp_units}
        self._agents: dict[str, Daemon] = {}
        self._web: list[Daemon] = []
        self._names = NameServer(self._city, DNS_PORT)
        if snmpd := find("snmpd"):
            self._agents = {
                device.name: Daemon(agent_program(layout, device, snmpd))
                for device in self._city.devices
            }
        if nginx := find("nginx"):
            self._web = [Daemon(nginx_program(layout, nginx))]

    async def start(self) -> None:
        """Start all of them."""
        for port in self._ports.values():
            await port.start()
        await self._names.start()
        for daemon in (*self._agents.values(), *self._web):
            daemon.start()
        log.info("demo endpoints started", agents=len(self._agents), ports=len(self._ports))

    async def stop(self) -> None:
        """Stop all of them."""
        self._names.stop()
        daemons = (*self._agents.values(), *self._web)
        await asyncio.gather(
            *(port.stop() for port in self._ports.values()), *(d.stop() for d in daemons)
        )

    async def play_faults(self) -> None:
        """Let single endpoints fail from time to time, until cancelled."""
        for fault in played_faults(tuple(self._ports), tuple(self._agents)):
            await asyncio.sleep(fault.after_s)
            await self._play(fault)

    async def _play(self, fault: Fault) -> None:
        log.info("playing a fault", kind=fault.kind, at=fault.name, for_s=fault.for_s)
        if fault.kind == "port":
            port = self._ports[fault.name]
            await port.stop()
            await asyncio.sleep(fault.for_s)
            await port.start()
        else:
            agent = self._agents[fault.name]
            await agent.stop()
            await asyncio.sleep(fault.for_s)
            agent.start()
        log.info("played fault is over", kind=fault.kind, at=fault.name)


def missing_programs() -> list[str]:
    """What to tell a person whose machine lacks a daemon; the rest of the demo still runs."""
    return [
        f"{program} is not installed, so its part of the demo will be shown as down:"
        f" apt-get install --no-install-recommends {package}"
        for program, package in PACKAGES.items()
        if find(program) is None
    ]


def check_addresses(layout: Layout) -> None:
    """Find out now what would fail later: another demo on the same addresses.

    Raises:
        StartError: an address is taken; the message says what to change.
    """
    for kind, address, port in _addresses(layout):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            raise StartError(
                f"The demo cannot listen on {address} port {port}: {error.strerror}. If another"
                " demo runs on this machine, stop it, or give this one --network 127.60.0.0/16"
                " --portal-port 8444."
            ) from error


def _addresses(layout: Layout) -> Iterator[tuple[socket.SocketKind, str, int]]:
    city = layout.city
    yield from ((socket.SOCK_DGRAM, str(device.address), AGENT_PORT) for device in city.devices)
    yield from ((socket.SOCK_STREAM, str(unit.address), MANAGEMENT_PORT) for unit in city.tcp_units)
    web = [str(application.address) for application in city.applications]
    web += [LOOPBACK_V6] if has_v6() else []
    yield from ((socket.SOCK_STREAM, address, layout.portal_port) for address in web)
    yield socket.SOCK_DGRAM, str(city.resolver), DNS_PORT


async def run(layout: Layout, faults: bool) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    endpoints = Endpoints(layout)
    await endpoints.start()
    playing = asyncio.create_task(endpoints.play_faults()) if faults else None
    await stop.wait()
    if playing is not None:
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
    await endpoints.stop()


def arguments(layout: Layout, faults: bool) -> tuple[str, ...]:
    """The command that runs the endpoints as a process of their own."""
    argv = (
        sys.executable,
        "-m",
        "govnet.demo.endpoints",
        str(layout.directory),
        str(layout.network),
    )
    return (*argv, str(layout.portal_port), *(() if faults else ("--no-faults",)))


def main() -> None:
    """Parse the arguments that ``arguments`` made and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("network", type=IPv4Network)
    parser.add_argument("portal_port", type=int)
    parser.add_argument("--no-faults", action="store_true")
    given = parser.parse_args()
    configure_logging("demo")
    end_with_supervisor()
    layout = Layout(given.directory, given.network, given.portal_port)
    asyncio.run(run(layout, not given.no_faults))
    leave(0)


if __name__ == "__main__":
    main()
