"""Datagrams of every length come out of the reader's slots as they were sent."""

from __future__ import annotations

import socket
import time

from govnet.engine.udp import MAX_DATAGRAM, SLOT, BatchQueue, SocketReader, open_socket

LENGTHS = [0, 1, SLOT - 1, SLOT, SLOT + 1, 100, 40_000, SLOT, MAX_DATAGRAM - 29, 7]


def test_datagrams_longer_than_a_slot_disturb_no_neighbour() -> None:
    sent = [bytes([place + 1]) * length for place, length in enumerate(LENGTHS)]
    queue = BatchQueue(2**24)
    receiver = open_socket("127.0.0.1", 0, 2**22)
    reader = SocketReader(receiver, queue)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in sent:  # they wait in the kernel, so they come as one batch
            sender.sendto(datagram, receiver.getsockname())
    reader.start()
    got: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(got) < len(sent) and time.monotonic() < deadline:
        batch = queue.get(1.0)
        got += batch.datagrams if batch else []
    reader.close()
    assert got == sent
