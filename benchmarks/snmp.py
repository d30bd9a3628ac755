"""SNMP polling beside Zabbix proxy and snmp_exporter: CPU per stored sample, in one run.

    uv run python -m benchmarks.snmp

1,000 simulated agents with 24 interfaces; a sample is one of eight counters of one interface.
Ours has rates, the writer's fsynced spool and the column store's own process, merges included.
The proxy's SQLite counts too. The exporter is measured alone, without the Prometheus that would
scrape and store. Results: benchmarks/out/snmp.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
from tests.store_process import store_process

from benchmarks import snmp_peers
from benchmarks.snmp_agents import OUT, address, is_dead, octets_base, octets_rate, running
from benchmarks.snmp_peers import Measured, PeerMissingError
from govnet.config import get_config
from govnet.engine.result import Outcome
from govnet.engine.snmp import CounterHistory, DevicePoll, SnmpDevice, SnmpPoller, V2cCredential
from govnet.engine.snmp.rates import COUNTERS, Deltas
from govnet.runtime.collector import calm_collector
from govnet.telemetry.writer import Writer

AGENTS, INTERFACES = 1000, 24
TIMEOUT_S, TRIES = 2.0, 2
DEAD_EVERY = 10
CHUNK = 200  # polls whose rates are computed together; the engine collects for a moment too


# --- our side, in a process of its own -------------------------------------------------------


def devices(port: int, agents: int) -> list[SnmpDevice]:
    credential = V2cCredential("public")
    return [
        SnmpDevice(n, address(n), credential, port, TIMEOUT_S, TRIES) for n in range(1, agents + 1)
    ]


class Storing:
    """Rates and writer behind the poller."""

    def __init__(self) -> None:
        self.history = CounterHistory()
        self.writer = Writer("bench", get_config())
        self.waiting: list[DevicePoll] = []
        self.rows = 0

    def take(self, poll: DevicePoll) -> None:
        self.waiting.append(poll)
        if len(self.waiting) >= CHUNK:
            self.store()

    def store(self) -> Deltas:
        deltas = self.history.deltas(*self.waiting)
        self.waiting = []
        if deltas.interface:
            self.writer.append("interface_sample", deltas.interface)
            self.writer.append("device_sample", deltas.device)
            self.rows += len(deltas.interface["ts"])
        return deltas

    def settle(self) -> None:
        """Everything on disk and in the store."""
        if not (self.writer.flush(30) and self.writer.wait_inserted(30)):
            raise RuntimeError(f"not stored: {self.writer.status()}")


async def poll_rounds(port: int, agents: int, rounds: int) -> None:
    """A warm-up round, then the measured ones; reports on stdout line by line."""
    poller, storing, me = SnmpPoller(), Storing(), psutil.Process()
    await poller.start()
    targets = devices(port, agents)
    calm_collector()  # as the engine does
    polls: list[DevicePoll] = []
    started = 0.0
    for number in range(rounds + 1):
        if number == 1:
            storing.settle()
            say(event="steady")
            sys.stdin.readline()  # the parent has read the store's clock
            storing.rows, started = 0, cpu_of(me)
        begun, polls = time.monotonic(), []
        alive_s = 0.0
        async for poll in poller.poll_many(targets):
            polls.append(poll)
            storing.take(poll)
            if poll.outcome is Outcome.OK:
                alive_s = time.monotonic() - begun
        storing.store()
        say(event="round", **summary(polls, time.monotonic() - begun, alive_s))
        await asyncio.sleep(max(0.0, 1.5 - (time.monotonic() - begun)))
    storing.settle()
    used = cpu_of(me) - started
    say(
        event="done",
        rows=storing.rows,
        cpu_s=used,
        resident_mib=me.memory_info().rss / 2**20,
        wrong_values=wrong_values(polls),
    )
    await poller.close()
    storing.writer.close()


def summary(polls: list[DevicePoll], wall_s: float, alive_s: float) -> dict[str, object]:
    ok = [poll for poll in polls if poll.outcome is Outcome.OK]
    return {
        "wall_s": wall_s,
        "alive_s": alive_s,
        "ok": len(ok),
        "failed": {
            reason: sum(poll.reason == reason for poll in polls)
            for reason in {poll.reason for poll in polls} - {""}
        },
        "requests": sum(poll.sent for poll in polls),
        "rows": sum(len(poll.interfaces) for poll in ok if poll.interfaces is not None),
    }


def wrong_values(polls: list[DevicePoll]) -> int:
    """Octet counters that are not what the agents' formula says for their uptime."""
    wrong = 0
    for poll in polls:
        if poll.interfaces is None or poll.system is None:
            continue
        up_s = poll.system.uptime_ticks / 100 - 1000
        for column, name in ((6, "in_octets"), (10, "out_octets")):
            for row, if_index in enumerate(poll.interfaces.if_index.tolist()):
                value = int(poll.interfaces.column(name)[row])
                grown = value - octets_base(poll.device_id, column, if_index)
                expected = octets_rate(poll.device_id, column, if_index) * up_s
                wrong += not expected * 0.98 - 1 <= grown <= (expected + 200_000) * 1.1
    return wrong


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


# --- the parent -------------------------------------------------------------------------------


def ours(
    port: int, agents: int, rounds: int, folder: Path
) -> tuple[Measured, list[dict[str, object]]]:
    """Run our side as a process beside a real store process; both CPUs count."""
    command = [sys.executable, "-m", "benchmarks.snmp", "--child", str(port), str(agents)]
    command.append(str(rounds))
    with store_process(folder) as store:
        assert store.process is not None
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            try:
                return follow(child, store.process.pid)
            finally:
                child.kill()


def follow(
    child: subprocess.Popen[str], store_pid: int
) -> tuple[Measured, list[dict[str, object]]]:
    assert child.stdin is not None
    assert child.stdout is not None
    rounds: list[dict[str, object]] = []
    store_before = 0.0
    for line in child.stdout:
        if not line.startswith("{"):
            continue
        said = json.loads(line)
        if said["event"] == "steady":
            store_before = snmp_peers.cpu_seconds(store_pid)
            child.stdin.write("go\n")
            child.stdin.flush()
        elif said["event"] == "round":
            rounds.append(said)
        elif said["event"] == "done":
            store_cpu = snmp_peers.cpu_seconds(store_pid) - store_before
            samples = said["rows"] * len(COUNTERS)
            note = f"engine {said['cpu_s']:.2f} s + store {store_cpu:.2f} s"
            if said["wrong_values"]:
                raise RuntimeError(f"{said['wrong_values']} wrong counter values")
            return (
                Measured(samples, said["cpu_s"] + store_cpu, said["resident_mib"], note, store_cpu),
                rounds,
            )
    raise RuntimeError("our side ended early")


def attempt(name: str, run: Callable[[], Measured]) -> Measured | None:
    """A peer's figures; plainly says when it cannot be had."""
    try:
        measured = run()
    except PeerMissingError as missing:
        print(f"{name:<28} MISSING: {missing}")
        return None
    show(name, measured)
    return measured


def show(name: str, measured: Measured) -> None:
    print(
        f"{name:<28} {measured.us_per_sample:8.2f} us CPU per sample"
        f" {measured.samples:>10,} samples {measured.resident_mib:6.0f} MiB  {measured.note}"
    )


def verdict(text: str, passed: bool | None) -> dict[str, object]:
    word = "NOT MEASURED" if passed is None else "PASS" if passed else "FAIL"
    print(f"{word:<13} {text}")
    return {"text": text, "verdict": word}


def compare(us: float, peer: Measured | None, name: str, share: float) -> dict[str, object]:
    """One target: our CPU per sample against a share of a peer's."""
    if peer is None:
        return verdict(f"CPU per sample against {name}", None)
    text = f"{peer.us_per_sample / us:.1f} times less CPU per sample than {name}"
    return verdict(f"{text} (target {1 / share:.0f})", us <= peer.us_per_sample * share)


def mean_us(runs: list[Measured], *, store: bool) -> float:
    """CPU microseconds per sample over several runs of ours."""
    cpu_s = sum(run.cpu_s - (0.0 if store else run.store_s) for run in runs)
    return cpu_s / sum(run.samples for run in runs) * 1e6


def judge_dead(
    rounds: list[dict[str, object]], usual: list[dict[str, object]], agents: int
) -> list[dict[str, object]]:
    """The targets about silent devices, over the rounds after the first."""
    dead = sum(is_dead(n, DEAD_EVERY) for n in range(1, agents + 1))
    limit = TIMEOUT_S * TRIES + 2
    later = rounds[1:]
    exact = all(r["ok"] == agents - dead and r["failed"] == {"timeout": dead} for r in later)
    longest = max(float(str(r["wall_s"])) for r in later)
    alive = max(float(str(r["alive_s"])) for r in later)
    usually = float(np.median([float(str(r["wall_s"])) for r in usual[1:]]))
    return [
        verdict(f"{dead} dead of {agents}: every other device read, each dead one told", exact),
        verdict(
            f"the others are through after {alive:.2f} s ({usually:.2f} s without dead ones)",
            alive <= usually + 1.0,
        ),
        verdict(f"a round ends after {longest:.2f} s (target {limit:.0f} s)", longest <= limit),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--without", nargs="*", default=[], choices=["zabbix", "exporter"])
    parser.add_argument("--child", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        asyncio.run(poll_rounds(*options.child))
        return 0
    return compare_all(options.agents, options.rounds, options.without)


def compare_all(agents: int, rounds: int, without: list[str]) -> int:
    results: dict[str, object] = {"agents": agents, "interfaces": INTERFACES}
    print(f"{agents} agents x {INTERFACES} interfaces x {len(COUNTERS)} counters, v2c")
    with tempfile.TemporaryDirectory(prefix="govnet-bench-") as name, running(INTERFACES) as port:
        folder = Path(name)
        first, usual = ours(port, agents, rounds, folder / "first")
        show("GovNet (store included)", first)
        exporter = zabbix = None
        if "exporter" not in without:
            exporter = attempt(
                "prometheus-snmp-exporter",
                lambda: snmp_peers.exporter(agents, INTERFACES, port, folder),
            )
        if "zabbix" not in without:
            zabbix = attempt(
                "Zabbix 6.0 proxy (SQLite)",
                lambda: snmp_peers.zabbix(agents, INTERFACES, port, folder),
            )
        second, _ = ours(port, agents, rounds, folder / "second")
        show("GovNet again", second)
    with (
        tempfile.TemporaryDirectory(prefix="govnet-bench-") as name,
        running(INTERFACES, DEAD_EVERY) as port,
    ):
        _, with_dead = ours(port, agents, 2, Path(name) / "dead")
    runs = [first, second]
    if exporter:
        ratio = exporter.us_per_sample / mean_us(runs, store=False)
        print(f"{'':<13} {ratio:.1f} times less than snmp_exporter, spooled only")
    verdicts = [
        compare(mean_us(runs, store=True), zabbix, "Zabbix 6.0 proxy, stores included", 1 / 10),
        compare(mean_us(runs, store=True), exporter, "snmp_exporter, which stores nothing", 1 / 3),
        *judge_dead(with_dead, usual, agents),
    ]
    figures = {"govnet": first, "govnet_again": second, "exporter": exporter, "zabbix": zabbix}
    results["measured"] = {
        key: asdict(one) | {"us_per_sample": one.us_per_sample}
        for key, one in figures.items()
        if one
    }
    results |= {"verdicts": verdicts, "rounds": usual, "rounds_with_dead": with_dead}
    OUT.mkdir(exist_ok=True)
    (OUT / "snmp.json").write_text(json.dumps(results, indent=2) + "\n")
    return int(any(one["verdict"] == "FAIL" for one in verdicts))


if __name__ == "__main__":
    raise SystemExit(main())
