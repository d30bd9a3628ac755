"""Messages in a real store: found by words, Chinese and addresses; facets, cursor, volume."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from govnet.telemetry.log_queries import (
    LogFilter,
    log_export,
    log_facets,
    log_histogram,
    log_search,
    log_tail,
    log_volume,
)
from govnet.telemetry.writer import Writer

TEXTS = (
    "%%01IFNET/4/LINK_STATE: interface GigabitEthernet0/0/1 has entered the DOWN state",
    "%%01IFNET/4/LINK_STATE: interface GigabitEthernet0/0/11 has entered the UP state",
    "端口链路中断: 10.5.77.3",
    "Failed password for root from 10.5.77.30 port 22",
    "100% of memory_pool used",
    "quiet",
)
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)


def columns(texts: Sequence[str], start: datetime, device: int) -> dict[str, object]:
    number = len(texts)
    return {
        "ts": [start.timestamp() + n for n in range(number)],
        "device_id": [device] * number,
        "source_id": [device + 100] * number,
        "severity": [n % 8 for n in range(number)],
        "address": [bytes(10) + b"\xff\xff\x0a\x00\x00\x01"] * number,
        "channel": ["udp"] * number,
        "facility": [23] * number,
        "host": ["h"] * number,
        "program": ["p"] * number,
        "vendor": [""] * number,
        "event": ["link_down" if "DOWN" in text else "" for text in texts],
        "about": [""] * number,
        "port_id": [0] * number,
        "skew_s": [None] * number,
        "head": ["<189>"] * number,
        "text": list(texts),
        "raw": [b"\xff\x00" if n == 2 else b"" for n in range(number)],
    }


@pytest.fixture(scope="module", autouse=True)
def _stored(client: Client, writer: Writer) -> None:
    for device in (1, 2):
        data = columns(TEXTS, START, device)
        data["address"] = np.array(data["address"], "V16")
        writer.append("log_message", data)  # type: ignore[arg-type]
    assert writer.flush(60)
    assert writer.wait_inserted(60)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not log_volume(client, START, datetime.now(UTC)):
        time.sleep(0.1)


def wanted(words: str = "", **more: object) -> LogFilter:
    end = START + timedelta(minutes=1)
    return LogFilter(START, end, words, **{"devices": [1], **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("down", {0}),
        ("interface STATE", {0, 1}),
        ("GigabitEthernet0/0/1", {0}),  # and not 0/0/11
        ("GigabitEthernet0/0/1 down", {0}),
        ("链路", {2}),
        ("路链", set()),
        ("10.5.77.3", {2}),
        ("10.5.77.*", {2, 3}),
        ("memory_pool", {4}),
        ("100%*memory_pool", {4}),
        ("memoryXpool*", set()),
        ("-interface -10.5.77.3 -100%", {3, 5}),
        ("*", {0, 1, 2, 3, 4, 5}),
        ("' OR 1=1 --", set()),
        ("", {0, 1, 2, 3, 4, 5}),
    ],
)
def test_search(client: Client, words: str, found: set[int]) -> None:
    rows = log_search(client, wanted(words))
    assert {TEXTS.index(row.text) for row in rows} == found
    assert [row.at for row in rows] == sorted((row.at for row in rows), reverse=True)


def test_rows_come_back_whole(client: Client) -> None:
    (row,) = log_search(client, wanted("链路"))
    assert (row.address, row.raw, row.facility, row.skew_s) == ("::ffff:10.0.0.1", "/wA=", 23, None)
    assert row.at == START + timedelta(seconds=2)


def test_filters(client: Client) -> None:
    assert len(log_search(client, wanted(devices=None))) == 12
    assert log_search(client, wanted(devices=[])) == []
    assert {row.severity for row in log_search(client, wanted(least=2))} == {0, 1, 2}
    events = log_search(client, wanted(values={"event": ["link_down"], "severity": [0]}))
    assert [row.event for row in events] == ["link_down"]


def test_pages_and_export_hold_each_message_once(client: Client) -> None:
    every = wanted(devices=None)
    first = log_search(client, every, 5)
    rest = log_search(client, every, 50, (first[-1].at, first[-1].key))
    keys = [row.key for row in (*first, *rest)]
    assert len(set(keys)) == len(keys) == 12
    assert len(list(log_export(client, wanted(), page=4))) == 6


def test_tail_goes_on_where_it_was(client: Client) -> None:
    rows = log_tail(client, wanted(), None, 3)
    assert [row.text for row in rows] == list(TEXTS[3:])
    rows = log_tail(client, wanted(), (rows[0].at, rows[0].key))
    assert [row.text for row in rows] == list(TEXTS[4:])


def test_facets_histogram_and_volume(client: Client) -> None:
    facets = log_facets(client, wanted())
    assert facets["device_id"] == [(1, 6)]
    assert dict(facets["event"]) == {"": 5, "link_down": 1}
    width, buckets = log_histogram(client, wanted())
    assert width == 1
    assert sum(number for _at, number, _bad in buckets) == 6
    assert sum(bad for *_at, bad in buckets) == 4
    assert log_volume(client, START, datetime.now(UTC)) == {101: 6, 102: 6}
