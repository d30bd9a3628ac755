"""Vendor profiles: valid files, expected figures from sample walks, no figure without a sensor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from govnet.engine.snmp import SnmpPoller, ber
from govnet.engine.snmp.ber import Tag
from govnet.engine.snmp.vendors import (
    Source,
    VendorProfileError,
    load_catalog,
    parse_profile,
)
from tests.engine.snmp.agent import FakeAgent, Mib, octets

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.txt"))
LINE = re.compile(r"^\.([\d.]+) = (\w+): (.*)$")
TYPES = {"INTEGER": Tag.INTEGER, "Gauge32": Tag.GAUGE32, "Counter64": Tag.COUNTER64}


def read_sample(path: Path) -> tuple[Mib, dict[str, object]]:
    """A walk in ``snmpbulkwalk -On -Oe`` form and what must be read from it."""
    mib: Mib = {}
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        if found := LINE.match(line):
            mib[found[1]] = _value(found[2], found[3])
    expected = re.search(r"^# expect: (.*)$", text, re.MULTILINE)
    assert expected, path
    return mib, yaml.safe_load(expected[1])


def _value(kind: str, text: str) -> tuple[int, bytes]:
    if kind == "STRING":
        return Tag.OCTET_STRING, text.strip('"').encode()
    if kind == "OID":
        return Tag.OID, ber.encode_oid(text)
    if kind == "Timeticks":
        return Tag.TIME_TICKS, octets(int(text[1 : text.index(")")]))
    return TYPES[kind], octets(int(text))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
async def test_a_sample_walk_gives_the_expected_figures(
    poller: SnmpPoller, agent: FakeAgent, path: Path
) -> None:
    agent.mib, expected = read_sample(path)
    for _ in range(2):  # the second poll asks the remembered sensors
        poll = await poller.poll(agent.device(poll_interfaces=False))
        assert {
            "vendor": poll.vendor,
            "cpu_percent": poll.cpu_percent,
            "memory_percent": poll.memory_percent,
            "temperature_c": poll.temperature_c,
        } == expected
        assert poll.reason == ""


async def test_later_polls_do_not_walk_for_sensors(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.mib, _ = read_sample(next(p for p in SAMPLES if p.stem == "huawei"))
    device = agent.device(poll_interfaces=False)
    await poller.poll(device)
    assert (await poller.poll(device)).sent == 2  # sysUpTime, then all sensors together


async def test_a_sensor_that_falls_silent_gives_no_figure(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib, _ = read_sample(next(p for p in SAMPLES if p.stem == "h3c"))
    device = agent.device(poll_interfaces=False)
    await poller.poll(device)
    agent.mib["1.3.6.1.4.1.25506.2.6.1.1.1.1.12.30"] = (Tag.INTEGER, octets(65535))
    assert (await poller.poll(device)).temperature_c is None


async def test_a_processor_at_rest_reads_zero_and_not_nothing(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib, _ = read_sample(next(p for p in SAMPLES if p.stem == "huawei"))
    device = agent.device(poll_interfaces=False)
    await poller.poll(device)
    agent.mib["1.3.6.1.4.1.2011.5.25.31.1.1.1.1.5.67108873"] = (Tag.INTEGER, b"\x00")
    assert (await poller.poll(device)).cpu_percent == 0.0


async def test_the_ledgers_vendor_comes_before_the_object_id(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib, _ = read_sample(next(p for p in SAMPLES if p.stem == "huawei"))
    agent.mib["1.3.6.1.2.1.1.2.0"] = (Tag.OID, ber.encode_oid("1.3.6.1.4.1.99999.1"))
    assert (await poller.poll(agent.device(1, poll_interfaces=False))).vendor == ""
    for device_id, vendor in ((2, "huawei"), (3, "华为")):
        poll = await poller.poll(agent.device(device_id, poll_interfaces=False, vendor=vendor))
        assert (poll.vendor, poll.cpu_percent) == ("huawei", 12.0)


def test_every_profile_has_a_sample() -> None:
    sampled = {read_sample(path)[1]["vendor"] for path in SAMPLES}
    assert sampled == {profile.name for profile in load_catalog() if not profile.is_empty}


def test_a_prefix_matches_whole_sub_identifiers_only() -> None:
    catalog = load_catalog()
    found = catalog.find(None, "1.3.6.1.4.1.2011.2.23")
    assert found is not None
    assert found.name == "huawei"
    assert catalog.find(None, "1.3.6.1.4.1.20110.1") is None
    assert catalog.find(None, "") is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name: x\ntitle: X\ncpu_percent: [{scalar: 1.3.6.1}]", "match"),
        ("name: x\ntitle: X\nmatch: [1.3.6]\ncpu: 1", "cpu"),
        ("name: x\ntitle: X\nmatch: [1.3.6]\ncpu_percent: [{column: nonsense}]", "column"),
        ("name: x\ntitle: X\nmatch: [1.3.6]\ncpu_percent: [{pick: max}]", "exactly one"),
        ("name: x\ntitle: X\nmatch: [1.3.6]\nmemory_percent: [{total: 1.3.6.1}]", "free or used"),
        ("name: y\ntitle: X\nmatch: [1.3.6]", "not the file's name"),
        ("name: [", "x.yaml"),
        ("- a\n- b", "x.yaml"),
        (
            f"name: x\ntitle: X\nmatch: [1.3.6]\ncpu_percent: [{{scalar: 1.3.{2**32}}}]",
            "4294967295",
        ),
    ],
)
def test_a_wrong_profile_is_refused_by_file_and_field(text: str, part: str) -> None:
    with pytest.raises(VendorProfileError, match=re.escape(part)) as caught:
        parse_profile("x.yaml", text)
    assert "x.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "found", "figure"),
    [
        (Source(scalar="1.3.1", absent=frozenset({65535})), {"1.3.1": 65535}, None),
        (Source(scalar="1.3.1"), {"1.3.1": 101}, None),
        (Source(scalar="1.3.1", scale=0.1), {"1.3.1": 101}, 10.1),
        (Source(scalar="1.3.1"), {}, None),
        (Source(total="1.3.1", free=("1.3.2", "1.3.3")), {"1.3.1": 100, "1.3.2": 30}, 70.0),
        (Source(total="1.3.1", free=("1.3.2",)), {"1.3.1": 100}, None),
        (Source(total="1.3.1", free=("1.3.2",)), {"1.3.1": 0, "1.3.2": 0}, None),
        (Source(total="1.3.1", used="1.3.2"), {"1.3.1": 200, "1.3.2": 50}, 25.0),
        (Source(total="1.3.1", used="1.3.2"), {"1.3.1": 200, "1.3.2": 500}, None),
    ],
)
def test_a_figure_that_cannot_be_believed_is_none(
    source: Source, found: dict[str, int], figure: float | None
) -> None:
    assert source.figure(found, source.scalars) == figure


def test_columns_are_joined_as_the_profile_says() -> None:
    found = {"1.3.1.1": 10, "1.3.1.2": 40, "1.3.1.3": 65535}
    source = Source(column="1.3.1", absent=frozenset({65535}))
    assert source.figure(found, source.choose(found)) == 40
    mean = source.model_copy(update={"pick": "mean"})
    assert mean.figure(found, mean.choose(found)) == 25
