from __future__ import annotations

import itertools
import struct
import time
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.lab.attack import FORGED, checksum, packets, send

OWN, TARGET = IPv4Address("198.51.100.1"), IPv4Address("10.43.2.2")


@given(st.binary(max_size=99))
def test_data_with_its_checksum_sums_to_nothing(data: bytes) -> None:
    even = data + b"\0" * (len(data) % 2)
    assert checksum(even + struct.pack("!H", checksum(even))) == 0


@pytest.mark.parametrize("kind", ["syn", "scan", "amplified"])
def test_packets_are_whole_and_go_to_the_target_only(kind: str) -> None:
    for data in itertools.islice(packets(kind, OWN, TARGET), 50):
        source, target = IPv4Address(data[12:16]), IPv4Address(data[16:20])
        assert target == TARGET
        assert source == OWN if kind == "scan" else source in FORGED
        assert struct.unpack_from("!H", data, 2)[0] == len(data) <= 1500
        if kind != "amplified":
            pseudo = data[12:20] + struct.pack("!BBH", 0, 6, len(data) - 20)
            assert checksum(pseudo + data[20:]) == 0


def test_a_scan_tries_each_port_once() -> None:
    ports = [
        struct.unpack_from("!H", data, 22)[0]
        for data in itertools.islice(packets("scan", OWN, TARGET), 65_535)
    ]
    assert sorted(ports) == list(range(1, 65_536))


def test_no_more_than_the_rate_is_sent_and_it_ends() -> None:
    sent: list[float] = []
    began = time.monotonic()
    number = send(packets("syn", OWN, TARGET), lambda _: sent.append(time.monotonic()), 300, 0.5)
    assert number == len(sent) <= 150
    assert number > 75
    assert time.monotonic() - began < 5
