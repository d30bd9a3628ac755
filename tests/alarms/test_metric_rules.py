"""Rules on measured values against a real store: what they read, raise, and would have raised."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from govnet.alarms import rulebook
from govnet.alarms.conditions import parse
from govnet.alarms.measured import subjects, values
from govnet.alarms.models import Alarm, Rule
from govnet.alarms.refs import Ref
from govnet.alarms.services import reconcile
from govnet.config import Config
from govnet.inventory.models import Port
from govnet.monitor.models import Target
from govnet.telemetry.writer import Writer
from tests.city import City
from tests.store_process import running_store
from tests.telemetry.samples import interface_columns, probe_columns

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
LOSS = "loss > 5% and loss < 100% for 10m, clear when loss < 1% for 10m"
_ids = iter(range(7001, 8000))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    with running_store(tmp_path_factory.mktemp("installation")) as config:
        yield config


@pytest.fixture(scope="module")
def writer(store: Config) -> Iterator[Writer]:
    writer = Writer("test", store, flush_seconds=30)
    yield writer
    writer.close()


def moments(minutes: float, until: float = 0, every_s: float = 15) -> np.ndarray:
    """Moments from so many minutes ago until so many minutes ago."""
    end = NOW.timestamp() - until * 60
    return np.arange(NOW.timestamp() - minutes * 60, end, every_s)


def stored(writer: Writer) -> None:
    assert writer.flush(60)
    assert writer.wait_inserted(60)


def a_target(city: City) -> Target:
    """One whose samples no other test of the shared store has written."""
    pk = next(_ids)
    return Target.objects.create(pk=pk, name=f"目标{pk}", kind="icmp", address="127.20.0.9")


def lossy(writer: Writer, target: Target, minutes: float, until: float = 0, lost: int = 10) -> None:
    """Every ``lost``-th request of a span stays unanswered, as a bucket of a minute has it."""
    ts = moments(minutes, until, every_s=3)
    answered = np.arange(len(ts)) % lost != 0 if lost else np.ones(len(ts), np.bool_)
    rtt = np.where(answered, 2.0, np.nan)
    writer.append("probe_result", probe_columns(ts, target.pk, rtt, 0, answered.astype(np.int64)))


def firing_of(code: str) -> set[int]:
    return {fault.ref.pk for fault in rulebook.faults_now(NOW) if fault.kind == code}


def test_what_a_rule_reads_is_what_was_written(city: City, writer: Writer) -> None:
    target = a_target(city)
    ts = moments(10)
    rtt = np.linspace(1, 40, len(ts))
    rtt[:4] = np.nan
    writer.append("probe_result", probe_columns(ts, target.pk, rtt, 0, ~np.isnan(rtt) * 1))
    week = moments(7 * 24 * 60 + 70, 7 * 24 * 60 - 70)
    writer.append("probe_result", probe_columns(week, target.pk, 8.0))
    stored(writer)

    condition = parse("latency > 3 * baseline(latency) and loss < 50%")
    asked = [s for s in subjects(condition.metrics) if s.ref.pk == target.pk]
    start = NOW - timedelta(minutes=12)
    found = values(condition.metrics, condition.baselines, asked, start, NOW, 60)
    assert found.times.tolist() == [int(start.timestamp()) + 60 * n for n in range(12)]
    latency, loss = found.now["latency"][0], found.now["loss"][0]
    assert np.isnan(latency[:3]).all(), "two minutes without samples, one without an answer"
    assert latency[3:] == pytest.approx(rtt.reshape(10, 4)[1:].mean(axis=1))
    assert np.isnan(loss[:2]).all()
    assert loss[2:].tolist() == [100, *[0] * 9]
    assert found.week_ago["latency"][0].tolist() == [8.0] * 12


def test_a_circuit_is_measured_at_its_port_and_by_its_contract(city: City, writer: Writer) -> None:
    """The egress has 1000 Mbit/s; of an access circuit, what the port sends is received."""
    device = city.device
    port = Port.objects.create(device=device, name="GE0/0/9", if_index=next(_ids))
    city.access.z_port = port
    city.access.save()
    Port.objects.filter(pk=city.port.pk).update(if_index=next(_ids))
    city.port.refresh_from_db()
    ts = moments(5)
    for index, mbps in ((city.port.if_index, (600, 900)), (port.if_index, (30, 60))):
        received, sent = (np.full(len(ts), int(rate * 15e6 / 8)) for rate in mbps)
        assert index is not None
        columns = interface_columns(ts, received, sent, np.full(len(ts), 15.0), device.pk, index)
        writer.append("interface_sample", columns)
    stored(writer)

    condition = parse("use > 80% and in_rate > 1Mbps and out_rate > 1Mbps")
    asked = subjects(condition.metrics)
    start = NOW - timedelta(minutes=5)
    found = values(condition.metrics, condition.baselines, asked, start, NOW, 60)
    rows = {s.ref.pk: n for n, s in enumerate(asked)}
    read = {
        pk: [float(found.now[name][row][-1]) for name in ("use", "in_rate", "out_rate")]
        for pk, row in rows.items()
    }
    assert read[city.egress.pk] == pytest.approx([90, 600, 900])
    assert read[city.access.pk] == pytest.approx([60, 60, 30])


def test_loss_raises_stays_through_silence_and_clears(city: City, writer: Writer) -> None:
    kept, gone, silent, well, brief = (a_target(city) for _ in range(5))
    lossy(writer, kept, 14)
    lossy(writer, gone, 40, 14)
    lossy(writer, gone, 14, lost=0)
    lossy(writer, silent, 60, 22)
    lossy(writer, well, 14, lost=0)
    lossy(writer, brief, 6)
    stored(writer)
    assert firing_of("line_loss") == {kept.pk}
    for target in (gone, silent):
        rule = Rule.objects.get(code="line_loss")
        Alarm.objects.create(
            kind=rule.code, rule=rule, object_kind="target", object_id=target.pk,
            object_name=target.name, level="minor", first_at=NOW, last_at=NOW, raised_at=NOW,
        )  # fmt: skip
    assert firing_of("line_loss") == {kept.pk, silent.pk}, "what nobody measured does not end"

    reconcile(rulebook.faults_now(NOW), rulebook.kinds(), now=NOW)
    states = dict(Alarm.objects.filter(kind="line_loss").values_list("object_id", "state"))
    assert states == {kept.pk: "raised", gone.pk: "cleared", silent.pk: "raised"}
    raised = Alarm.objects.get(object_id=kept.pk)
    assert raised.detail["values"]["loss"] == pytest.approx(10, abs=5)
    assert raised.first_at == NOW - timedelta(minutes=10)


def test_a_rule_that_cannot_be_read_or_is_off_stops_no_other(city: City, writer: Writer) -> None:
    target = a_target(city)
    lossy(writer, target, 14)
    stored(writer)
    Rule.objects.create(code="mine", name="mine", source="metric", condition="no_such > 1")
    assert firing_of("line_loss") == {target.pk}
    Rule.objects.filter(code="line_loss").update(enabled=False)
    assert firing_of("line_loss") == set()


def test_the_test_against_history_tells_what_would_have_been_raised(
    city: City, writer: Writer
) -> None:
    past, lasting, hidden = (a_target(city) for _ in range(3))
    lossy(writer, past, 600, 580)
    lossy(writer, past, 580, 520, lost=0)
    lossy(writer, lasting, 30)
    lossy(writer, hidden, 30)
    stored(writer)
    seen = [Ref.of(past), Ref.of(lasting)]
    found = rulebook.against_history(parse(LOSS), 1, seen, NOW)
    assert (found.looked_at, found.measured, found.total, found.step_s) == (2, 2, 2, 60)
    last, first = found.fired
    assert (last.name, last.end) == (lasting.name, None)
    assert last.start == NOW - timedelta(minutes=21), "raised once it had held for ten minutes"
    assert first.start == NOW - timedelta(minutes=591)
    assert first.end == NOW - timedelta(minutes=571)
    assert not Alarm.objects.exists(), "nothing is stored"
