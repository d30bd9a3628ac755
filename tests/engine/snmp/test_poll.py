"""What a poll reads, when it reads it, and what it says when something is missing."""

from __future__ import annotations

import pytest

from govnet.engine.result import Outcome
from govnet.engine.snmp import SnmpPoller
from govnet.engine.snmp.ber import Pdu, Tag
from govnet.engine.snmp.model import printable
from tests.engine.snmp.agent import FakeAgent, interface_mib, octets

UPTIME = "1.3.6.1.2.1.1.3.0"


async def test_a_poll_gives_system_interfaces_and_names(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib = interface_mib([3, 10101, 436207616])
    poll = await poller.poll(agent.device())
    assert poll.outcome is Outcome.OK
    assert poll.system is not None
    assert (poll.system.descr, poll.system.name) == ("核心交换机", "sw1")
    assert (poll.system.object_id, poll.system.uptime_s) == ("1.3.6.1.4.1.99999.1", 5000)
    table = poll.interfaces
    assert table is not None
    assert table.if_index.tolist() == [3, 10101, 436207616]
    assert table.alias == ["至单位3", "至单位10101", "至单位436207616"]
    assert table.speed_mbps.tolist() == [1000] * 3
    assert table.column("in_octets").tolist() == [10**12 + i for i in (3, 10101, 436207616)]
    assert table.oper_status.tolist() == table.admin_status.tolist() == [1, 1, 1]
    assert (poll.cpu_percent, poll.memory_percent, poll.temperature_c) == (None, None, None)
    assert poll.rtt_ms is not None


async def test_a_later_poll_of_a_small_device_is_one_packet(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    for _ in range(2):
        poll = await poller.poll(agent.device())
    assert poll.sent == 1
    assert poll.inventory_fresh is False
    assert poll.interfaces is not None
    assert poll.interfaces.name == ["GE0/0/1", "GE0/0/2", "GE0/0/3"]


async def test_24_interfaces_take_four_packets(poller: SnmpPoller, agent: FakeAgent) -> None:
    agent.mib = interface_mib(list(range(1, 25)))
    for _ in range(2):
        poll = await poller.poll(agent.device())
    assert poll.sent == 4


async def test_names_are_read_again_in_every_nth_poll(agent: FakeAgent) -> None:
    poller = SnmpPoller(refresh_every=4)
    await poller.start()
    fresh = [(await poller.poll(agent.device())).inventory_fresh for _ in range(9)]
    await poller.close()
    assert fresh == [True, False, False, True, False, False, False, True, False]


@pytest.mark.parametrize(
    "change", ["last_change", "if_number", "oper_status", "reboot", "renumbered"]
)
async def test_a_change_reads_the_table_and_its_names_anew(
    poller: SnmpPoller, agent: FakeAgent, change: str
) -> None:
    await poller.poll(agent.device())
    if change == "reboot":
        agent.mib[UPTIME] = (Tag.TIME_TICKS, octets(100))
    elif change == "renumbered":  # with as many interfaces and the same mark of change
        agent.mib = interface_mib([2, 3, 9], uptime=100)
    elif change == "oper_status":
        agent.mib["1.3.6.1.2.1.2.2.1.8.2"] = (Tag.INTEGER, b"\x02")
    elif change == "last_change":
        agent.mib = interface_mib([1, 2, 9])
        agent.mib["1.3.6.1.2.1.31.1.5.0"] = (Tag.TIME_TICKS, octets(400_000))
    else:
        agent.mib = interface_mib([1, 2, 3, 9])
    poll = await poller.poll(agent.device())
    assert poll.inventory_fresh
    assert poll.interfaces is not None
    there = {int(oid.rsplit(".", 1)[1]) for oid in agent.mib if oid.startswith("1.3.6.1.2.1.2.2.")}
    assert set(poll.interfaces.if_index.tolist()) == there
    assert poll.interfaces.name == [f"GE0/0/{i}" for i in sorted(there)]


async def test_an_exchanged_interface_is_seen_without_any_change_mark(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    """net-snmp keeps ifTableLastChange at 0; the number of interfaces is the same."""
    await poller.poll(agent.device())
    agent.mib = interface_mib([1, 3, 9])
    poll = await poller.poll(agent.device())
    assert poll.interfaces is not None
    assert poll.interfaces.if_index.tolist() == [1, 3, 9]
    assert poll.interfaces.name == ["GE0/0/1", "GE0/0/3", "GE0/0/9"]


async def test_a_device_without_64_bit_counters_is_read_by_its_32_bit_ones(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib = interface_mib([1, 2], octets_in=5_000_000, high=False)
    for _ in range(2):
        poll = await poller.poll(agent.device())
        assert poll.outcome is Outcome.OK
        table = poll.interfaces
        assert table is not None
        assert table.counter_bits == 32
        assert table.column("in_octets").tolist() == [5_000_001, 5_000_002]
        assert table.name == ["GigabitEthernet0/0/1", "GigabitEthernet0/0/2"]
        assert table.speed_mbps.tolist() == [1000, 1000]
        assert not table.mask("discontinuity").any()


async def test_columns_that_a_device_lacks_are_not_asked_for_again(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    for i in (1, 2, 3):
        del agent.mib[f"1.3.6.1.2.1.2.2.1.13.{i}"]
    await poller.poll(agent.device())
    agent.requests.clear()
    poll = await poller.poll(agent.device())
    assert agent.requests == [(Pdu.GETBULK, 3 + 9)]
    assert poll.interfaces is not None
    assert not poll.interfaces.mask("in_discards").any()
    assert poll.interfaces.mask("out_discards").all()


async def test_a_device_without_if_mib_is_alive_all_the_same(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib = {oid: v for oid, v in agent.mib.items() if oid.startswith("1.3.6.1.2.1.1.")}
    for _ in range(2):
        poll = await poller.poll(agent.device())
        assert poll.outcome is Outcome.OK
        assert poll.interfaces is not None
        assert len(poll.interfaces) == 0


async def test_without_sysuptime_a_poll_is_degraded(poller: SnmpPoller, agent: FakeAgent) -> None:
    del agent.mib[UPTIME]
    poll = await poller.poll(agent.device())
    assert (poll.outcome, poll.reason) == (Outcome.DEGRADED, "no_uptime")


async def test_a_table_lost_half_way_keeps_what_was_read(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    agent.mib = interface_mib(list(range(1, 25)))
    await poller.poll(agent.device())
    agent.requests.clear()
    agent.mangle = lambda data, _id: data if len(agent.requests) <= 2 else None
    poll = await poller.poll(agent.device())
    assert (poll.outcome, poll.reason) == (Outcome.DEGRADED, "timeout")
    assert poll.interfaces is not None
    assert poll.interfaces.if_index.tolist() == list(range(1, 13))
    assert poll.interfaces.name[:2] == ["GE0/0/1", "GE0/0/2"]


async def test_a_device_whose_settings_change_is_met_anew(
    poller: SnmpPoller, agent: FakeAgent
) -> None:
    await poller.poll(agent.device())
    poll = await poller.poll(agent.device(timeout_s=0.3))
    assert poll.inventory_fresh


async def test_forgetting_a_device_forgets_everything(poller: SnmpPoller, agent: FakeAgent) -> None:
    await poller.poll(agent.device())
    poller.forget(1)
    assert not poller._memories
    assert (await poller.poll(agent.device())).inventory_fresh


async def test_a_bug_in_reading_one_device_is_unknown_and_spares_the_others(
    poller: SnmpPoller, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = poller._catalog.find

    def broken(vendor: str | None, object_id: str) -> object:
        if vendor == "broken":
            raise ZeroDivisionError
        return find(vendor, object_id)

    monkeypatch.setattr(poller._catalog, "find", broken)
    devices = [agent.device(1, vendor="broken"), agent.device(2)]
    outcomes = {p.device_id: (p.outcome, p.reason) async for p in poller.poll_many(devices)}
    assert outcomes == {1: (Outcome.UNKNOWN, "internal_error"), 2: (Outcome.OK, "")}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("汇聚交换机".encode(), "汇聚交换机"),
        ("汇聚交换机".encode("gb18030"), "汇聚交换机"),
        (b"line\r\n\x1b[31mred\x00", "line   [31mred"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"x" * 1000, "x" * 255),
        (None, ""),
    ],
)
def test_device_text_is_readable_and_harmless(raw: bytes | None, text: str) -> None:
    assert printable(raw) == text
