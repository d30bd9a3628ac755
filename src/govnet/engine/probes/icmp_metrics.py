"""Counters of the ICMP client, read by Prometheus at scrape time.

Plain integers: a ``prometheus_client.Counter`` takes a lock for each increment, which would cost
a tenth of a whole ping.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from prometheus_client import REGISTRY, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


@dataclass(slots=True)
class IcmpCounts:
    """What happened to the echoes of one address family since the process started.

    Attributes:
        sent: echo requests that the kernel took.
        received: answers that counted.
        lost: echoes without an answer in time.
        unreachable: echoes that an ICMP error with our cookie ended.
        unsent: echoes that this host's kernel refused to send.
        retried: sends put off because a buffer or queue of this host was full.
        duplicate: further answers to an answered echo.
        late: answers after the time-out.
        malformed: truncated or otherwise unusable datagrams.
        forged: replies with the wrong cookie, or to nothing that was asked.
        wrong_source: replies with the right cookie from another address.
        clock_jumps: answers whose RTT was discarded because the wall clock was stepped.
        overflowed: datagrams the kernel dropped because our receive buffer was full.
    """

    sent: int = 0
    received: int = 0
    lost: int = 0
    unreachable: int = 0
    unsent: int = 0
    retried: int = 0
    duplicate: int = 0
    late: int = 0
    malformed: int = 0
    forged: int = 0
    wrong_source: int = 0
    clock_jumps: int = 0
    overflowed: int = 0


COUNTS: Final = {socket.AF_INET: IcmpCounts(), socket.AF_INET6: IcmpCounts()}
"""The process's counts; several clients add to the same ones."""
FAMILY_NAME: Final = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}


class _IcmpCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        for name in (field.name for field in fields(IcmpCounts)):
            family = CounterMetricFamily(
                f"govnet_icmp_{name}_packets", f"ICMP echoes: {name}", labels=["family"]
            )
            for key, counts in COUNTS.items():
                family.add_metric([FAMILY_NAME[key]], getattr(counts, name))
            yield family


REGISTRY.register(_IcmpCollector())
