"""Background load of a twin: what units fetch from the Internet, the portal and the name server.

One process holds both ends: a server's socket in each carrier's namespace, a client's in each
unit's. The kernel paces each connection to a share of the unit's line (SO_MAX_PACING_RATE,
tcp(7)), so that the load is bounded whatever happens. It ends with the twin.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dns.message

from govnet.demo.snmp_agent import OFFICE_BASE, Curve
from govnet.lab import kernel
from govnet.lab.daemons.portal import HOST
from govnet.lab.description import CABLE_ROOM, Description, Node, Role
from govnet.lab.faults.base import keep_running
from govnet.lab.twin import Twin

MODULE: Final = "govnet.lab.load"
PORT: Final = 8088
DEFAULT_SHARE: Final = 0.005
OFFICE: Final = Curve(OFFICE_BASE)
SO_MAX_PACING_RATE: Final = 47
LARGEST_SHARE: Final = 0.5
STEP_S: Final = 5.0
"""How often a rate is set anew: it wanders, as people do."""
RETRY_S: Final = 3.0
PORTAL_S: Final = 15.0
UPWARD: Final = 0.2
"""What a unit sends, of what it fetches."""
PAGE: Final = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
CHUNK: Final = bytes(32 * 1024)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: ``share`` of each unit's line; ``day`` lets it follow working hours."""

    share: float = DEFAULT_SHARE
    day: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share <= LARGEST_SHARE:
            raise ValueError(f"A share of the line is above 0 and at most {LARGEST_SHARE}.")

    def rate(self, mbps: int, at: float, chance: float) -> int:
        """Bytes a second for a line; ``chance`` in 0 to 1 is how the unit feels just now."""
        busy = OFFICE.share(at) if self.day else 1.0
        return max(2000, int(mbps * 125_000 * self.share * busy * (0.4 + 0.6 * chance)))


class Load:
    """The load of one twin while ``run`` runs."""

    def __init__(self, twin: Twin, plan: Plan) -> None:
        self.twin, self.city, self.plan = twin, twin.city, plan
        self.tasks: set[asyncio.Task[None]] = set()
        self.names = [f"{node.name}.city.example" for node in self.city.nodes]
        self.trust = ssl.create_default_context(cadata=(self._room_file("authority.pem")))

    def _room_file(self, name: str) -> str:
        portal = self.twin.room(self.city.of_role(Role.PORTAL)[0])
        return (portal.directory / "run" / "etc" / name).read_text(encoding="utf-8")

    async def run(self, seconds: float | None = None) -> None:
        """Serve and fetch, without end or for so many seconds."""
        servers = [await self._serve(node) for node in self.city.of_role(Role.ISP)]
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for number, unit in enumerate(self.city.of_role(Role.UNIT)):
                    group.create_task(self._again(self._fetch, unit, number))
                    group.create_task(self._again(self._browse, unit, number))
        except TimeoutError:
            return
        finally:
            for server in servers:
                server.close()

    @staticmethod
    async def _again(
        work: Callable[[Node, int], Coroutine[Any, Any, None]], unit: Node, number: int
    ) -> None:
        """A fault of the twin ends a connection, not the load."""
        while True:
            await asyncio.sleep(random.uniform(0, RETRY_S))  # noqa: S311  # spreads the units
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await work(unit, number)

    # -- bulk: both ways between a unit and a carrier's network ----------------------------

    async def _serve(self, isp: Node) -> asyncio.Server:
        with kernel.inside(self.twin.namespace(isp.name)):
            listener = socket.create_server(("", PORT), family=socket.AF_INET)
        return await asyncio.start_server(self._answer, sock=listener)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send as fast as the client asked for in its first line."""
        try:
            mbps = int(await asyncio.wait_for(reader.readline(), 10))
            await asyncio.gather(self._pour(writer, mbps, 1.0), _swallow(reader))
        except (OSError, TimeoutError, ValueError, asyncio.CancelledError):
            return  # cancelled at the end of the load, with nobody to tell
        finally:
            writer.close()

    async def _fetch(self, unit: Node, number: int) -> None:
        isps = self.city.of_role(Role.ISP)
        address = str(self.city.address_of(isps[number % len(isps)].name)[0])
        mbps = _line_of(self.city, unit)
        async with self._connection(unit, address, PORT) as (reader, writer):
            writer.write(f"{mbps}\n".encode())
            await asyncio.gather(_swallow(reader), self._pour(writer, mbps, UPWARD))

    async def _pour(self, writer: asyncio.StreamWriter, mbps: int, part: float) -> None:
        sender: socket.socket = writer.get_extra_info("socket")
        until = 0.0
        while True:
            if time.monotonic() >= until:
                until = time.monotonic() + STEP_S
                rate = self.plan.rate(mbps, time.time(), random.random()) * part  # noqa: S311
                sender.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, int(rate))
            writer.write(CHUNK)
            await writer.drain()

    # -- small: names and pages ------------------------------------------------------------

    async def _browse(self, unit: Node, number: int) -> None:
        """Ask for a name, read the portal's page; IPv4 and IPv6 in turn."""
        version = (number + int(time.monotonic() / PORTAL_S)) % 2
        await self._ask_name(unit)
        address = str(self.city.address_of("portal")[version])
        async with asyncio.timeout(PORTAL_S):
            async with self._connection(unit, address, 443, self.trust) as (reader, writer):
                writer.write(
                    f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
                )
                await reader.read()
        await asyncio.sleep(PORTAL_S)

    async def _ask_name(self, unit: Node) -> None:
        question = dns.message.make_query(random.choice(self.names), "A")  # noqa: S311
        resolver = str(self.city.address_of("resolver")[0])
        with kernel.inside(self.twin.namespace(unit.name)):
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        loop = asyncio.get_running_loop()
        with asker:
            await loop.sock_sendto(asker, question.to_wire(), (resolver, 53))
            async with asyncio.timeout(RETRY_S):
                await loop.sock_recv(asker, 2048)

    @asynccontextmanager
    async def _connection(
        self, unit: Node, address: str, port: int, trust: ssl.SSLContext | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection out of a unit's namespace."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with kernel.inside(self.twin.namespace(unit.name)):
            caller = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout(RETRY_S):
                await asyncio.get_running_loop().sock_connect(caller, (address, port))
                name = HOST if trust else None
                reader, writer = await asyncio.open_connection(
                    sock=caller, ssl=trust, server_hostname=name
                )
        except BaseException:
            caller.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.close()


def start(twin: Twin, plan: Plan) -> int:
    """Load a twin until it is taken down or ``stop``; the process's id. What ran before ends."""
    stop(twin)
    arguments = (twin.city.name, str(plan.share), str(int(plan.day)))
    return keep_running(twin, CABLE_ROOM, MODULE, *arguments)


def stop(twin: Twin) -> bool:
    """End the load; whether there was one."""
    found = False
    for pid in kernel.processes_in([twin.namespace(CABLE_ROOM)]):
        with contextlib.suppress(OSError):
            if MODULE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGTERM)
                found = True
    return found


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 20):
        pass
    raise ConnectionResetError("the other end closed")


def _line_of(city: Description, unit: Node) -> int:
    return city.plugs(unit.name)[0][2].mbps


def main() -> None:
    """Arguments: name of the twin, share of each line, whether it follows the day (0 or 1)."""
    _, name, share, day = sys.argv
    plan = Plan(float(share), day == "1")
    asyncio.run(Load(Twin.running(name), plan).run())


if __name__ == "__main__":
    main()
