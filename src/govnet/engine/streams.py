"""Receiving messages over TCP and TLS (RFC 6587, RFC 5425) into the queue that UDP goes to.

One thread and one event loop for each port. When the queue is full a stream waits, and with it
the sender: unlike a datagram nothing is lost. A connection costs little, and there are at most
``MAX_CONNECTIONS``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from typing import Final

from govnet.engine.syslog.framing import Framer
from govnet.engine.udp import Batch, BatchQueue

MAX_CONNECTIONS: Final = 1_000
READ_OCTETS: Final = 65_536
IDLE_S: Final = 3_600.0
HANDSHAKE_S: Final = 10.0
WAIT_S: Final = 0.05


def open_stream_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket; several processes may open it.

    Raises:
        OSError: the address is not of this machine, or another program has the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)  # its own signature
    except OSError:
        listener.close()
        raise
    return listener


class StreamReader:
    """The thread that reads all connections of one port.

    Args:
        listener: the listening socket; closed by :meth:`close`.
        queue: where messages go.
        channel: said of them.
        tls: the server's side of TLS, for a port that speaks it.
    """

    def __init__(
        self,
        listener: socket.socket,
        queue: BatchQueue,
        channel: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._queue = queue
        self._channel = channel
        self._tls = tls
        self._open = 0
        self._refused = 0
        self.error = ""
        self._loop = asyncio.new_event_loop()
        name = f"receive-{channel}-{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and all connections."""
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2.0)
        self._listener.close()

    def dropped(self) -> int:
        """Connections refused since the last call, because there were too many."""
        refused, self._refused = self._refused, 0
        return refused

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        timeout = HANDSHAKE_S if self._tls else None
        try:
            self._loop.run_until_complete(
                asyncio.start_server(
                    self._serve, sock=self._listener, ssl=self._tls, ssl_handshake_timeout=timeout
                )
            )
            self._loop.run_forever()
        except OSError as error:
            self.error = error.strerror or str(error)
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= MAX_CONNECTIONS:
            self._refused += 1
            writer.close()
            return
        self._open += 1
        try:
            address = _octets(writer.get_extra_info("peername")[0])
            await self._read(reader, address)
        except (OSError, ssl.SSLError, TimeoutError):  # the peer is gone, or never says anything
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, address: bytes) -> None:
        framer = Framer()
        while data := await asyncio.wait_for(reader.read(READ_OCTETS), IDLE_S):
            await self._put(framer.feed(data), address)
        await self._put(framer.end(), address)

    async def _put(self, messages: list[bytes], address: bytes) -> None:
        if not messages:
            return
        addresses, size = [address] * len(messages), sum(map(len, messages))
        batch = Batch(messages, addresses, time.time(), size, self._channel)
        while not self._queue.has_room(batch):  # noqa: ASYNC110  # the other side is a thread
            await asyncio.sleep(WAIT_S)
        self._queue.put(batch)


def _octets(host: str) -> bytes:
    """An address as 16 octets, IPv4 mapped."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.version == 4:
        return bytes(10) + b"\xff\xff" + address.packed
    return address.packed
