"""A network path with a set delay: a TUN device whose far end answers echoes late.

For kernels without netem. Run as ``python -m benchmarks.delayed_path tun0 0.009`` in a network
namespace of one's own; the device is up, and "ready" printed, when it may be used.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
PR_SET_TIMERSLACK = 29
NETWORK = "10.98.0.0/16"


def open_tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN_NO_PI))
    commands = (
        f"ip addr add 10.99.0.1/24 dev {name}",
        f"ip link set {name} txqueuelen 10000 up",
        f"ip route add {NETWORK} dev {name}",
    )
    for command in commands:
        subprocess.run(command.split(), check=True)
    return device


def as_reply(packet: bytes) -> bytes | None:
    """The answer to an IPv4 echo request: addresses swapped, type 0, checksum adjusted."""
    if len(packet) < 28 or packet[0] != 0x45 or packet[9] != 1 or packet[20] != 8:
        return None
    checksum = int.from_bytes(packet[22:24], "big") + 0x0800
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    swapped = packet[:12] + packet[16:20] + packet[12:16]
    return swapped + b"\0\0" + checksum.to_bytes(2, "big") + packet[24:]


def respond(device: int, delay_s: float) -> None:
    """Answers until it is killed."""
    waiting: deque[tuple[float, bytes]] = deque()
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([device], [], [], pause)
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            os.write(device, waiting.popleft()[1])
        if readable:
            reply = as_reply(os.read(device, 65535))
            if reply is not None:
                waiting.append((now + delay_s, reply))


if __name__ == "__main__":
    # The default slack of 50 us would be half of what the benchmark resolves.
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
    # The path's delay must not depend on what else runs, least of all on who is measured.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    tun = open_tun(sys.argv[1])
    print("ready", flush=True)
    respond(tun, float(sys.argv[2]))
