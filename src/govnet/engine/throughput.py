"""What a line really carries: a bounded TCP transfer each way, by iperf3.

The far end runs ``iperf3 -s``: a device of the unit, or an engineer's notebook at the hand-over.
Goodput of TCP is at most 94 to 95 % of an Ethernet's rate (1,448 of 1,538 bytes), so a line of
a tier is proven from ``PROVEN_SHARE`` of the tier on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

PORT: Final = 5201
TIERS: Final = (10, 100, 1000, 10_000)
"""Rates that lines are contracted for, Mbit/s."""

PROVEN_SHARE: Final = 0.9
SLOW_START_S: Final = 1
"""Seconds left out at the beginning, while TCP looks for the rate."""

LONGEST_S: Final = 30
HEADROOM: Final = 1.5
"""The transfer is held to this multiple of the contracted rate: a faster line is recognised, a
shared backbone is not filled."""


class ThroughputError(Exception):
    """The line could not be measured; the text says why."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was measured.

    Attributes:
        up_mbps: from the far end to here, received, Mbit/s.
        down_mbps: from here to the far end, received, Mbit/s.
        seconds: of each direction, counted.
        method: program, version and options.
        intervals: Mbit/s of each second, by direction.
        retransmits: TCP segments sent again, by direction; None where the sender did not say.
    """

    up_mbps: float
    down_mbps: float
    seconds: int
    method: str
    intervals: dict[str, list[float]]
    retransmits: dict[str, int | None]


def measure(
    address: str, contracted_mbps: int, *, seconds: int = 5, port: int = PORT
) -> Throughput:
    """Measure both directions of the line to an address, one after the other.

    Raises:
        ThroughputError: iperf3 is missing, nobody answers there, or the transfer broke off.
        ValueError: it is no IP address, or the time is not 1 to ``LONGEST_S`` seconds.
    """
    if not 1 <= seconds <= LONGEST_S:
        raise ValueError(f"a direction is measured for 1 to {LONGEST_S} s, not {seconds}")
    program = shutil.which("iperf3")
    if program is None:
        raise ThroughputError("iperf3 is not installed: apt-get install iperf3")
    options = ["-t", str(seconds), "-O", str(SLOW_START_S), "-p", str(port)]
    options += ["-b", f"{int(contracted_mbps * HEADROOM)}M"]
    command = [program, "-J", "-c", str(ip_address(address)), *options]
    down = _run(command, seconds)
    up = _run([*command, "-R"], seconds)
    return Throughput(
        up_mbps=_received(up),
        down_mbps=_received(down),
        seconds=seconds,
        method=f"{down['start']['version']}, TCP, {' '.join(options)}",
        intervals={"up": _intervals(up), "down": _intervals(down)},
        retransmits={"up": _retransmits(up), "down": _retransmits(down)},
    )


def _run(command: list[str], seconds: int) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603  # fixed options and a parsed address
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + SLOW_START_S + 15,
        )
    except subprocess.TimeoutExpired as error:
        raise ThroughputError("The transfer did not end: the line hangs.") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise ThroughputError(f"iperf3 said nothing usable: {done.stderr.strip()}") from error
    if "error" in answer:
        raise ThroughputError(f"iperf3: {answer['error']}")
    return answer


def _received(answer: dict[str, Any]) -> float:
    return round(float(answer["end"]["sum_received"]["bits_per_second"]) / 1e6, 3)


def _intervals(answer: dict[str, Any]) -> list[float]:
    counted = (part["sum"] for part in answer["intervals"] if not part["sum"]["omitted"])
    return [round(float(part["bits_per_second"]) / 1e6, 3) for part in counted]


def _retransmits(answer: dict[str, Any]) -> int | None:
    found = answer["end"]["sum_sent"].get("retransmits")
    return None if found is None else int(found)


def proven_tier(throughput: Throughput) -> int | None:
    """The highest tier that both directions reach; None below the lowest."""
    slower = min(throughput.up_mbps, throughput.down_mbps)
    reached = [tier for tier in TIERS if slower >= PROVEN_SHARE * tier]
    return max(reached, default=None)
