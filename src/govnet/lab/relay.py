"""Makes what listens inside a twin reachable from outside it, on the same loopback ports.

A socket stays in the network namespace in which it was made: this one listens outside, and
every connection it makes is made inside.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress

from govnet.lab import kernel

LOOPBACK = "127.0.0.1"
CHUNK = 64 * 1024


class Relay:
    """Listens from the moment it is made; ``start`` passes on what comes."""

    def __init__(self, namespace: str, host: str, ports: Iterable[int]) -> None:
        self._namespace = namespace
        self._listening = [(port, socket.create_server((host, port))) for port in ports]

    def start(self) -> None:
        """Serve in a thread of its own, which ends with the process."""
        threading.Thread(target=self._run, name="relay", daemon=True).start()

    def _run(self) -> None:
        kernel.move_into(self._namespace)
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        for port, listening in self._listening:

            async def connected(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port
            ) -> None:
                await _pass_on(reader, writer, port)

            await asyncio.start_server(connected, sock=listening)
        await asyncio.Event().wait()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:  # nothing listens inside yet: refused, as far as this side can say it
        writer.transport.abort()
        return
    await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.close()
