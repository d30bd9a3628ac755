"""The receiver process against a real store: every record once, whatever is killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import psutil
import pytest
from prometheus_client import REGISTRY

from govnet.config import Config
from govnet.engine.udp import Batch
from govnet.runtime.receiver import Consumer, Intake, _Running
from govnet.telemetry.writer import Writer
from tests.running import until
from tests.runtime.flow_site import (
    PER_DATAGRAM,
    FlowSite,
    flow_site,
    numbered,
    template,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowSite]:
    with flow_site(tmp_path_factory.mktemp("flows")) as running:
        running.site.django(
            "from govnet.inventory.models import Region, Unit\n"
            "from govnet.traffic.models import AddressBlock\n"
            "region = Region.objects.create(code='430600', name='city', level='city')\n"
            "unit = Unit(pk=77, code='U1', name='unit', region=region, level='city')\n"
            "unit.save()\n"
            "AddressBlock.objects.create(prefix='10.20.0.0/24', unit=unit)\n"
        )
        time.sleep(2.5)  # the receiver looks at the revision every two seconds
        running.send([template()])
        yield running


def test_what_finds_the_queue_full_is_counted_by_sender() -> None:
    consumer = SimpleNamespace()
    intake = Intake("lagging", lambda _: [], lambda *_: cast("Consumer", consumer))
    running = _Running(intake, Config(receiver_queue_mib=4), cast("Writer", None))
    for last, number in ((1, 2), (2, 3)):
        sender = bytes(10) + b"\xff\xff" + bytes([10, 0, 0, last])
        batch = Batch([bytes(9)] * number, [sender] * number, 0.0, 2**22)
        running.queue.put(batch)
    running.count(0)
    assert dict(consumer.lost) == {
        bytes(10) + b"\xff\xff\x0a\0\0" + bytes([n]): n + 1 for n in (1, 2)
    }
    read = REGISTRY.get_sample_value
    labels = {"intake": "lagging", "sender": "10.0.0.2"}
    assert read("govnet_receiver_lost_by_sender", labels) == 3


def rolled_up(flows: FlowSite, table: str) -> bool:
    """The raw rows of an insert can be seen a moment before its rollups."""
    return flows.rows(f"SELECT sum(flows) FROM {table}") == flows.rows("SELECT count() FROM flow")


def test_records_are_stored_with_what_the_ledger_knows(flows: FlowSite) -> None:
    flows.send(numbered(1, 100))
    until(lambda: flows.stored() == 100 * PER_DATAGRAM, 120, "all are stored", flows.log)
    (row,) = flows.rows(
        "SELECT uniqExact(bytes), any(unit_id), any(direction), any(application), any(src),"
        " min(exporter_id) > 0 FROM flow WHERE exporter_id > 0"
    )
    assert row[1:] == [77, 1, 2, row[4], 1]
    for table in ("flow_1m", "flow_5m", "flow_1h", "flow_host_5m", "flow_interface_1h"):
        until(lambda t=table: rolled_up(flows, t), 120, f"{table} has them", flows.log)  # type: ignore[misc]


def test_the_exporter_is_listed_with_what_it_told(flows: FlowSite) -> None:
    code = (
        "from govnet.traffic.models import FlowExporter\n"
        "e = FlowExporter.objects.get()\n"
        "print(e.address, e.counters.get('records'), len(e.told.get('domains', [])))"
    )
    until(lambda: "127.83.7.9 2000 1" in flows.site.django(code), 120, "a report", flows.log)


def test_a_killed_receiver_knows_its_templates_and_nothing_is_stored_twice(flows: FlowSite) -> None:
    before = flows.stored()
    flows.send(numbered(100_001, 50))
    until(lambda: flows.stored() == before + 50 * PER_DATAGRAM, 120, "stored", flows.log)
    flows.kill("receiver")
    flows.start("receiver")
    flows.wait_receiver()
    flows.send(numbered(200_001, 50))
    until(lambda: flows.stored() == before + 100 * PER_DATAGRAM, 120, "stored again", flows.log)
    assert flows.rows("SELECT count() = uniqExact(bytes) FROM flow") == [[1]]


def test_with_store_and_receiver_killed_under_load_what_was_spooled_is_stored_once(
    flows: FlowSite,
) -> None:
    before = flows.stored()
    flows.send(numbered(300_001, 400), pace_s=0.001)
    flows.kill("store")
    flows.send(numbered(400_001, 400), pace_s=0.001)
    spool = flows.site.data_dir / "spool" / "receiver"
    until(lambda: list(spool.glob("*.arrow")), 120, "something is spooled", flows.log)
    flows.kill("receiver")
    spooled = sum(int(path.name.split(".")[2]) for path in spool.glob("*.arrow"))
    flows.start("store")
    flows.start("receiver")
    flows.wait_store()
    until(lambda: not list(spool.glob("*.arrow")), 120, "the spool is empty", flows.log)
    quarantined = list((spool / "quarantine").glob("*"))
    assert quarantined == [], flows.log()
    assert flows.rows("SELECT count() = uniqExact(bytes) FROM flow") == [[1]]
    stored = flows.stored() - before
    assert spooled <= stored <= 800 * PER_DATAGRAM, flows.log()
    until(lambda: rolled_up(flows, "flow_1h"), 60, "the rollup has them", flows.log)


def test_a_stopped_receiver_puts_everything_on_disk(flows: FlowSite) -> None:
    before = flows.stored()
    flows.wait_receiver()
    flows.send(numbered(900_001, 50))
    time.sleep(1.0)
    flows.processes["receiver"].terminate()
    assert flows.processes["receiver"].wait(15) == 0
    flows.start("receiver")
    flows.wait_receiver()
    until(lambda: flows.stored() == before + 50 * PER_DATAGRAM, 120, "stored", flows.log)


def test_a_flood_of_noise_is_counted_and_memory_stays_bounded(flows: FlowSite) -> None:
    noise = [b"\0\x09" + os.urandom(1_000) for _ in range(200)] + [os.urandom(60_000)] * 20
    flows.send(noise * 20)
    until(lambda: flows.health()["flow_malformed"] > 0, 120, "noise is counted", flows.log)
    resident = psutil.Process(flows.processes["receiver"].pid).memory_info().rss
    assert resident < 400 * 2**20
    before = flows.stored()
    flows.send(numbered(950_001, 10))
    until(lambda: flows.stored() == before + 10 * PER_DATAGRAM, 120, "flows go on", flows.log)
