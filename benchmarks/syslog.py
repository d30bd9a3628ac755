"""Syslog measured: ``uv run python -m benchmarks.syslog``.

Messages of switches, firewalls and servers (RFC 3164, UTF-8 and GB18030) go over loopback to the
receiver and through it into the store, paced; what is searched afterwards is made inside the
store (``INSERT … SELECT FROM numbers()``): sending 50 M messages would take an hour. Every
question is one of those that the page of logs asks, over all of it.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client
from tests.peers import free_port
from tests.store_process import StoreProcess, store_process

from benchmarks.receiving import HOST, MIB, Verdict, cpu_of, our_receiver, send, until
from govnet.telemetry.client import connect
from govnet.telemetry.log_queries import LogFilter, log_facets, log_histogram, log_search

OUT = Path(__file__).parent / "out"
AT_ONCE = 500_000
"""Messages of one made block: the store makes its text index in memory."""

DAYS = 30
LINES = [
    "<189>{at} sw{n} %%01IFNET/4/IF_STATE(l)[{k}]:Interface GigabitEthernet0/0/{p} has turned UP.",
    "<188>{at} sw{n} %%10SHELL/4/LOGINFAIL: -User=admin-IPAddr=10.{a}.{b}.{p}; login failed.",
    "<38>{at} srv{n} sshd[{k}]: Failed password for root from 10.{a}.{b}.{p} port {k} ssh2",
    "<30>{at} r{n} bgpd[{k}]: %ADJCHANGE: neighbor 10.{a}.{b}.1(Unknown) Up",
    "<134>{at} fw{n} session: src=10.{a}.{b}.{p} dst=203.0.113.{p} dport=443 action=permit",
    "<165>{at} sw{n} 端口 GigabitEthernet0/0/{p} 光功率低于门限 -{p}.{a} dBm",
    "<86>{at} srv{n} CRON[{k}]: (root) CMD (run-parts /etc/cron.hourly)",
    "<166>{at} ac{n} 用户 u{k} 从 10.{a}.{b}.{p} 登录成功",
]
SHAPES: tuple[tuple[str | tuple[int, int], ...], ...] = (
    ("Interface GigabitEthernet0/0/", (20, 48), " has turned into DOWN state"),
    ("Failed password for root from 10.", (20, 200), ".", (30, 250), ".", (40, 250), " ssh2"),
    ("session src=10.", (20, 200), ".", (30, 250), ".7 action=permit bytes=", (11, 90_000)),
    ("端口 GigabitEthernet0/0/", (20, 48), " 光功率低于门限 -", (30, 40), " dBm"),
    ("(root) CMD (run-parts /etc/cron.hourly) pid ", (13, 32_768)),
)
"""Texts of made messages: words, and bits of a hash (from which one on, below what)."""


def _made() -> str:
    def bits(start: int, below: int) -> str:
        return f"bitShiftRight(h, {start}) % {below}"

    def text(shape: tuple[str | tuple[int, int], ...]) -> str:
        parts = (f"'{p}'" if isinstance(p, str) else f"toString({bits(*p)})" for p in shape)
        return f"concat({', '.join(parts)})"

    kind = bits(3, len(SHAPES))
    texts = ", ".join(f"{kind} = {n}, {text(shape)}" for n, shape in enumerate(SHAPES))
    return (
        "INSERT INTO log_message (ts, device_id, source_id, severity, address, channel, facility,"
        " host, program, vendor, event, about, port_id, skew_s, head, text, raw)"
        " SELECT fromUnixTimestamp64Milli(toInt64({start:Int64} + place * {step:Float64}), 'UTC'),"
        f" h % 300 + 1, h % 300 + 1, {bits(9, 8)}, toIPv6('::ffff:10.0.0.1'), 'syslog', 23,"
        " concat('sw', toString(h % 300)),"
        f" ['sshd', 'CRON', 'bgpd', 'IFNET'][{bits(12, 4)} + 1], 'huawei', '', '', 0, 0.1, '',"
        f" multiIf({texts}, ''), ''"
        " FROM (SELECT number + {first:UInt64} AS place, cityHash64(place) AS h"
        " FROM numbers({count:UInt64}))"
    )


@dataclass
class Sent:
    """What came of a run.

    Attributes:
        growth_mib: of the receiver, from a third of the run to its end.
    """

    sent: int
    stored: int
    seconds: float
    cpu_us: float
    store_us: float
    resident_mib: float
    growth_mib: float


def messages(number: int) -> list[bytes]:
    chance, now = random.Random(1), time.strftime("%b %d %H:%M:%S")  # no secret
    made = []
    for _ in range(number):
        line = chance.choice(LINES).format(
            at=now, n=chance.randrange(60), k=chance.randrange(1, 60_000),
            p=chance.randrange(48), a=chance.randrange(200), b=chance.randrange(250),
        )  # fmt: skip
        made.append(line.encode(chance.choice(("utf-8", "utf-8", "gb18030"))))
    return made


def through(store: StoreProcess, rate: float, seconds: float) -> Sent:
    """Messages over loopback into the store, until the last one is in."""
    assert store.process
    port = free_port(socket.SOCK_DGRAM, HOST)
    client, its = connect(store.config), psutil.Process(store.process.pid)
    sent = messages(20_000)
    with our_receiver(store.config, syslog=port) as process:
        before = cpu_of(process), cpu_of(its)
        number, _ = send(port, sent, rate, seconds / 3)
        settled = process.memory_info().rss / MIB
        more, _ = send(port, sent, rate, seconds * 2 / 3)
        number += more
        until(lambda: _stored(client) >= number, 120)
        used = cpu_of(process) - before[0], cpu_of(its) - before[1]
        resident = process.memory_info().rss / MIB
    return Sent(
        number, _stored(client), seconds, used[0] / number * 1e6, used[1] / number * 1e6,
        resident, resident - settled,
    )  # fmt: skip


def _stored(client: Client) -> int:
    return int(client.query("SELECT count() FROM log_message").result_rows[0][0])


def make(client: Client, count: int) -> float:
    """So many messages of the last month, made in the store; bytes of each on disk."""
    start = datetime.now(UTC) - timedelta(days=DAYS)
    step = DAYS * 86_400_000 / count
    for first in range(0, count, AT_ONCE):
        client.command(
            _made(),
            {
                "start": round(start.timestamp() * 1000), "step": step, "first": first,
                "count": min(AT_ONCE, count - first),
            },
            settings={"max_execution_time": 600},
        )  # fmt: skip
        if first // AT_ONCE % 10 == 9:
            print(f"  {first + AT_ONCE:,} messages made", flush=True)
    size = "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts"
    answer = client.query(f"{size} WHERE active AND table = 'log_message'")
    return float(answer.result_rows[0][0])


def searches(client: Client, repeats: int = 3) -> dict[str, float]:
    """Seconds of each question of the page of logs over everything, medians."""
    now = datetime.now(UTC)
    start = now - timedelta(days=DAYS + 1)

    def wanted(words: str = "", **more: object) -> LogFilter:
        return LogFilter(start, now, words, **more)  # type: ignore[arg-type]

    questions: dict[str, Callable[[], object]] = {
        "the newest, no words": lambda: log_search(client, wanted()),
        "an address": lambda: log_search(client, wanted("10.17.33.7")),
        "two words": lambda: log_search(client, wanted("Failed root")),
        "an interface": lambda: log_search(client, wanted("GigabitEthernet0/0/31")),
        "Chinese": lambda: log_search(client, wanted("光功率低于门限")),
        "nothing found": lambda: log_search(client, wanted("nowhere")),
        "of one device": lambda: log_search(client, wanted("DOWN", devices=[17])),
        "facets of an address": lambda: log_facets(client, wanted("10.17.33.7")),
        "over time of an address": lambda: log_histogram(client, wanted("10.17.33.7")),
    }
    took = {}
    for name, ask in questions.items():
        seconds = []
        for _ in range(repeats):
            began = time.monotonic()
            ask()
            seconds.append(time.monotonic() - began)
        took[name] = statistics.median(seconds)
        print(f"  {name:26s} {took[name]:7.3f} s", flush=True)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20_000, help="messages a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--messages", type=int, default=50_000_000, help="to search")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as root,
        store_process(Path(root), store_memory_mib=2048) as store,
    ):
        run = through(store, args.rate, args.seconds)
        print(
            f"{run.sent:,} sent in {run.seconds:.0f} s, {run.stored:,} stored;"
            f" {run.cpu_us:.1f} µs CPU a message, the store {run.store_us:.1f} µs;"
            f" receiver {run.resident_mib:.0f} MiB",
            flush=True,
        )
        client = connect(store.config)
        octets = make(client, args.messages)
        total = _stored(client)
        print(f"{total:,} messages of {octets:.1f} bytes on disk", flush=True)
        took = searches(client)
    lost = 1 - run.stored / run.sent
    verdicts = [
        Verdict("lossless", f"share lost at {args.rate:,.0f} messages/s for {args.seconds:.0f} s",
                lost, 0.0),
        Verdict("memory", "MiB of the receiver", run.resident_mib, 400),
        Verdict("flat", "MiB that it grew in the last two thirds", run.growth_mib, 32),
        Verdict("search", f"s of the slowest search over {total:,} messages (made in the store)",
                max(took.values()), 2.0),
    ]  # fmt: skip
    for one in verdicts:
        print(f"{one.verdict:<13} {one.text}: {one.value:.3f} (target <= {one.limit:g})")
    OUT.mkdir(exist_ok=True)
    stored = [{**asdict(one), "verdict": one.verdict} for one in verdicts]
    result = {"verdicts": stored, "run": asdict(run), "searches": took}
    (OUT / "syslog.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    return int(any(one.verdict == "FAIL" for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
