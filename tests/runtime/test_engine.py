"""The real engine process against real targets: what it sees ends in both databases."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from govnet.telemetry.spool import Spool
from tests.peers_snmpd import COMMUNITY, running_snmpd
from tests.running import Installation, installation, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

IMPORTS = """
import json
from govnet.inventory.models import *
from govnet.monitor.models import *
from tests.monitor import ledger
"""


class Flipped(NamedTuple):
    old: str
    new: str
    since: float
    confirmed: float


class Machine(Installation):
    """An installation whose store and engine a test starts and kills."""

    children: dict[str, subprocess.Popen[str]]

    def launch(self, name: str) -> None:
        self.children[name] = self.start(name)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        self.children[name].send_signal(number)
        return self.children[name].wait(15)

    def measuring(self) -> bool:
        engine = self.status()["processes"]["engine"]
        return bool(engine["ok"] and engine["counters"]["targets"])

    def state(self, name: str) -> dict[str, Any]:
        query = (
            "SELECT state, rtt_ms, reason FROM monitor_targetstate"
            " JOIN monitor_target ON id = target_id WHERE name = ?"
        )
        found = self.rows(query, name)
        return dict(zip(("state", "rtt", "reason"), found[0], strict=True)) if found else {}

    def is_state(self, name: str, state: str) -> bool:
        return self.state(name).get("state") == state

    def flips(self, name: str) -> list[Flipped]:
        """From, to, since and confirmed (seconds since the epoch) in order."""
        query = (
            "SELECT old_state, new_state, at, confirmed_at FROM monitor_flip"
            " JOIN monitor_target t ON t.id = target_id WHERE name = ? ORDER BY monitor_flip.id"
        )
        return [
            Flipped(old, new, _epoch(at), _epoch(confirmed))
            for old, new, at, confirmed in self.rows(query, name)
        ]


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@contextmanager
def machine(tmp_path: Path) -> Iterator[Machine]:
    settings = installation(tmp_path, PYTHONPATH=str(Path(__file__).parents[2]))
    made = Machine(settings.data_dir, settings.env)
    made.children = {}
    made.run("migrate")
    try:
        yield made
    finally:
        for child in made.children.values():
            if child.poll() is None:
                child.kill()
                child.wait()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Store and engine over one access point and one reference target."""
    with machine(tmp_path_factory.mktemp("engine")) as made:
        made.django(
            f"{IMPORTS}ledger.access_point('AP1', ipv4='127.44.0.1')\n"
            "ledger.target(name='reference', address='127.0.0.1', reference=True)"
        )
        made.launch("store")
        made.launch("engine")
        until(made.measuring, 60, "the engine measures", made.log_tail)
        yield made


def test_an_access_point_is_measured_without_anybody_asking(site: Machine) -> None:
    until(lambda: site.is_state("接入点AP1 ICMP", "up"), 20, "up", site.log_tail)
    until(lambda: site.state("接入点AP1 ICMP")["rtt"] is not None, 20, "a last value")
    assert site.state("接入点AP1 ICMP")["rtt"] < 100
    until(
        lambda: site.sql("SELECT count() FROM probe_result WHERE outcome = 0")[0][0],
        30,
        "samples in the store",
        site.log_tail,
    )


def test_the_engine_follows_the_inventory_without_a_restart(site: Machine) -> None:
    pid = site.children["engine"].pid
    site.django(f"{IMPORTS}ledger.access_point('AP2', ipv4='127.44.0.2')")
    started = time.monotonic()
    until(
        lambda: site.status()["processes"]["engine"]["counters"]["targets"] == 3,
        15,
        "a third target",
        site.log_tail,
    )
    print("followed after", time.monotonic() - started)
    site.django(
        f"{IMPORTS}p = AccessPoint.objects.get(code='AP2'); p.status = 'withdrawn'; p.save()"
    )
    until(
        lambda: site.status()["processes"]["engine"]["counters"]["targets"] == 2,
        15,
        "two targets again",
        site.log_tail,
    )
    assert site.state("接入点AP2 ICMP")["state"] == "unknown"
    assert site.children["engine"].pid == pid
    assert site.children["engine"].poll() is None


def test_an_outage_is_a_flip_since_its_first_failed_sample_and_ends_as_one(
    site: Machine,
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    site.django(
        f"{IMPORTS}ledger.target(name='service', kind='tcp', address='127.0.0.1',"
        f" interval_s=2, tries=1, params={{'port': {port}}})"
    )
    until(lambda: site.is_state("service", "up"), 20, "up", site.log_tail)
    closed_at = time.time()
    listener.close()
    until(lambda: site.is_state("service", "down"), 15, "down", site.log_tail)
    assert site.state("service")["reason"] == "refused"
    with socket.create_server(("127.0.0.1", port)):
        until(lambda: site.is_state("service", "up"), 15, "up again", site.log_tail)
    first, down, up = site.flips("service")[:3]
    assert [first.new, down.new, up.new] == ["up", "down", "up"]
    print("since", down.since - closed_at, "confirmed", down.confirmed - closed_at)
    assert -0.1 <= down.since - closed_at <= 2.5, "since is the first failed sample"
    assert down.confirmed - closed_at <= 5, "confirmed within five seconds"


@pytest.mark.peer
def test_a_polled_device_fills_its_device_port_and_interface_rows(
    site: Machine, tmp_path: Path
) -> None:
    with running_snmpd(tmp_path / "snmpd") as snmpd:
        site.django(
            f"{IMPORTS}c = Credential.objects.create(name='c', version='2c',"
            f" community={COMMUNITY!r})\n"
            f"d = ledger.device('SW1', '127.0.0.1', credential=c, snmp_port={snmpd.port})\n"
            "Port.objects.create(device=d, name='lo', if_index=1)\n"
            "from govnet.monitor.generate import sync_targets; sync_targets()\n"
            "t = Target.objects.get(name='SW1 SNMP'); t.interval_s = 5; t.save()"
        )
        until(lambda: site.is_state("SW1 SNMP", "up"), 30, "polled", site.log_tail)
        query = "SELECT descr, uptime_s, oper_up FROM monitor_devicestate, monitor_portstate"
        until(lambda: site.rows(query)[0][0], 20, "device row", site.log_tail)
        descr, uptime_s, oper_up = site.rows(query)[0]
        assert "Linux" in descr
        assert uptime_s is not None
        assert oper_up == 1
        until(
            lambda: site.sql("SELECT max(seconds), max(in_octets) FROM interface_sample")[0][0],
            90,
            "a second poll, and with it rates",
            site.log_tail,
        )
        assert site.rows("SELECT in_bps FROM monitor_portstate")[0][0] is not None
        until(lambda: site.sql("SELECT count() FROM device_sample")[0][0], 20, "device samples")
    assert COMMUNITY not in site.log_path.read_text()


def _acknowledged_rows(made: Machine) -> set[tuple[int, int]]:
    """(target, milliseconds) of every probe result that is on disk and not in the store yet."""
    spool = Spool(made.data_dir / "spool" / "engine", 2**30)
    try:
        tables = [
            pa.ipc.open_stream(batch.read()).read_all()
            for batch in spool.pending()
            if batch.table == "probe_result"
        ]
    finally:
        spool.close()
    return {
        (int(target), int(ts))
        for table in tables
        for target, ts in zip(
            table["target_id"].to_pylist(), table["ts"].cast(pa.int64()).to_pylist(), strict=True
        )
    }


def test_whatever_is_killed_every_acknowledged_sample_lands_exactly_once(tmp_path: Path) -> None:
    with machine(tmp_path) as made:
        made.django(
            f"{IMPORTS}for n in range(40):\n"
            "    ledger.target(name=str(n), address=f'127.45.0.{n + 1}', interval_s=1)"
        )
        seen: set[tuple[int, int]] = set()
        for kill_store in (True, False, True):
            made.launch("store")
            made.launch("engine")
            until(made.measuring, 60, "the engine measures", made.log_tail)
            time.sleep(3)
            if kill_store:
                made.end("store", signal.SIGKILL)
                time.sleep(3)  # what is measured now waits on disk
            made.end("engine", signal.SIGKILL)
            seen |= _acknowledged_rows(made)
            if not kill_store:
                made.end("store", signal.SIGKILL)
        assert len(seen) > 40, "nothing was on disk at the kill"
        made.launch("store")
        made.launch("engine")
        until(made.measuring, 60, "the engine measures", made.log_tail)
        until(
            lambda: made.status()["processes"]["engine"]["counters"]["spooled_bytes"] < 50_000,
            30,
            "the spool is sent",
            made.log_tail,
        )
        assert made.end("engine") == 0, made.log_tail()
        stored = made.sql("SELECT target_id, toUnixTimestamp64Milli(ts) FROM probe_result")
        landed = [(int(target), int(ts)) for target, ts in stored]
        assert len(landed) == len(set(landed)), "a sample is there twice"
        assert seen <= set(landed), f"{len(seen - set(landed))} acknowledged samples are lost"
        assert not _acknowledged_rows(made), "a stopped engine leaves nothing behind"


def test_time_that_nobody_measured_is_unknown_not_good(tmp_path: Path) -> None:
    with machine(tmp_path) as made:
        made.django(
            f"{IMPORTS}from datetime import *\n"
            "t = ledger.target('up', name='t', address='127.46.0.1')\n"
            "TargetState.objects.update(checked_at=datetime.now(UTC) - timedelta(hours=1),"
            " since=datetime.now(UTC) - timedelta(days=1))"
        )
        made.launch("engine")  # and no store at all: measuring needs none
        until(lambda: len(made.flips("t")) == 2, 60, "two flips", made.log_tail)
        stopped, again = made.flips("t")
        assert (stopped.old, stopped.new) == ("up", "unknown")
        assert (again.old, again.new) == ("unknown", "up")
        assert 3500 < time.time() - stopped.since < 3700, (
            "unknown since the last sample, not since now"
        )
        assert made.end("engine") == 0
