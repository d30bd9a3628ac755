"""Real exporters decoded, and every decoded field against tshark's dissector.

``recorded`` holds what softflowd 1.1 exported of ``traffic.TRAFFIC``, and sFlow of our own
generator; record anew with ``GOVNET_RECORD_FLOWS=1 pytest …``.
"""

from __future__ import annotations

import ipaddress
import os
import struct
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from govnet.engine.flow.columns import Flows
from govnet.engine.flow.decoder import Decoder
from tests.engine.flow import frames, wire
from tests.engine.flow.traffic import TRAFFIC, Known, softflowd
from tests.peers import require

RECORDED = Path(__file__).parent / "recorded"
PORT = 2055
OPTIONS: dict[str, tuple[int, tuple[str, ...]]] = {
    "v5": (5, ()),
    "v9": (9, ()),
    "v9_sampled": (9, ("-s", "2")),
    "ipfix": (10, ()),
    "ipfix_two_way": (10, ("-b",)),
    "ipfix_milliseconds": (10, ("-A", "milli")),
}
# Our column, and tshark's fields that say the same.
FIELDS = {
    "bytes": ("cflow.octets",),
    "packets": ("cflow.packets",),
    "src_port": ("cflow.srcport",),
    "dst_port": ("cflow.dstport",),
    "protocol": ("cflow.protocol",),
    "src": ("cflow.srcaddr", "cflow.srcaddrv6"),
    "dst": ("cflow.dstaddr", "cflow.dstaddrv6"),
}


def decode(datagrams: list[tuple[float, bytes]]) -> tuple[Decoder, Flows]:
    decoder = Decoder()
    for at, datagram in datagrams:
        decoder.add(datagram, bytes(16), at)
    flows = decoder.flush()
    decoder.settle(datagrams[-1][0])
    return decoder, flows


def address(value: np.void) -> str:
    found = ipaddress.IPv6Address(value.tobytes())
    return str(found.ipv4_mapped or found)


def rows(flows: Flows) -> Counter[tuple[str, str, int, int, int, int, int]]:
    numbers = [flows[n].tolist() for n in ("protocol", "src_port", "dst_port", "bytes", "packets")]
    ends = [[address(value) for value in flows[n]] for n in ("src", "dst")]
    return Counter(zip(*ends, *numbers, strict=True))


def expected(known: Known) -> tuple[str, str, int, int, int, int, int]:
    ports = (known.src_port, known.dst_port)
    return (known.src, known.dst, known.protocol, *ports, known.octets, known.packets)


def recorded(name: str) -> list[tuple[float, bytes]]:
    return list(frames.read_udp(RECORDED / f"{name}.pcap"))


def _with_true_count(datagram: bytes) -> bytes:
    """softflowd leaves templates out of the header's count, and tshark believes the count."""
    counters = next(iter(decode([(0.0, datagram)])[0].exporters)).counters
    count = counters["templates"] + counters["options"] + counters["records"]
    return datagram[:2] + struct.pack(">H", count) + datagram[4:]


def record(name: str, datagrams: list[tuple[float, bytes]], port: int = PORT) -> None:
    if name.startswith("v9"):
        datagrams = [(at, _with_true_count(data)) for at, data in datagrams]
    wrapped = [
        (at, frames.ethernet(frames.ip("10.0.0.1", "10.0.0.2", 17, frames.udp(5000, port, data))))
        for at, data in datagrams
    ]
    frames.write_pcap(RECORDED / f"{name}.pcap", wrapped)


@pytest.mark.peer
@pytest.mark.parametrize("name", OPTIONS)
def test_what_softflowd_exports_is_the_traffic(name: str, tmp_path: Path) -> None:
    version, options = OPTIONS[name]
    datagrams = softflowd(tmp_path, version, *options)
    if os.environ.get("GOVNET_RECORD_FLOWS"):
        record(name, datagrams)
    decoder, flows = decode(datagrams)
    (exporter,) = decoder.exporters
    assert exporter.counters["malformed"] == exporter.counters["no_template"] == 0
    if name == "v9_sampled":
        assert set(flows["sampling"].tolist()) == {2}
        return
    known = [k for k in TRAFFIC if version != 5 or ":" not in k.src]
    if name == "ipfix_two_way":  # its ICMP type is in a field of the reverse direction
        known = [k for k in known if k.protocol != 1]
        flows = {n: column[flows["protocol"] != 1] for n, column in flows.items()}
    assert rows(flows) == Counter(map(expected, known))
    spans = {(k.packets - 1) * 100 for k in TRAFFIC}
    assert {int(d) for d in flows["duration_ms"]} <= {s for t in spans for s in range(t, 1201)}


def dissected(name: str, *fields: str, as_: str = "cflow", port: int = PORT) -> list[list[str]]:
    """Every value of each field, in the order of the file."""
    command = [require("tshark"), "-r", str(RECORDED / f"{name}.pcap"), "-d"]
    command += [f"udp.port=={port},{as_}", "-T", "fields", "-E", "occurrence=a"]
    command += [part for field in fields for part in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    datagrams = [line.split("\t") for line in done.stdout.splitlines()]
    return [
        [value for datagram in datagrams for value in datagram[column].split(",") if value]
        for column in range(len(fields))
    ]


@pytest.mark.peer
@pytest.mark.parametrize("name", ["v5", "v9", "v9_sampled", "ipfix", "ipfix_milliseconds"])
def test_tshark_reads_the_same(name: str) -> None:
    _, flows = decode(recorded(name))
    fields = [field for group in FIELDS.values() for field in group]
    theirs = dict(zip(fields, dissected(name, *fields), strict=True))
    for column, group in FIELDS.items():
        read = flows[column]
        if column.endswith("port") and name != "v5":  # ICMP's type has a field of its own
            read = read[flows["protocol"] != 1]
        said = Counter(value for field in group for value in theirs[field])
        if column in {"src", "dst"}:
            assert Counter(map(address, read)) == said
        else:
            assert Counter(str(int(value)) for value in read) == said


SFLOW_PORT = 6343


def sflow_datagrams() -> list[tuple[float, bytes]]:
    samples = [
        wire.flow_sample(
            [wire.raw_header(frames.ethernet(known.packet(), *((30,) * (number % 2))), 1518)],
            rate=256 * (number + 1),
            in_if=number,
            out_if=number + 10,
            expanded=number % 3 == 0,
        )
        for number, known in enumerate(TRAFFIC)
    ]
    return [
        (1_790_000_000.0, wire.sflow(samples[:3], 1)),
        (1_790_000_001.0, wire.sflow([*samples[3:], wire.counter_sample(9, 10**12, 77)], 2)),
    ]


@pytest.mark.peer
def test_tshark_agrees_with_our_sflow_and_with_our_reading_of_it() -> None:
    """The generator is our own, so tshark has to read in it what was meant, too."""
    if os.environ.get("GOVNET_RECORD_FLOWS"):
        record("sflow", sflow_datagrams(), SFLOW_PORT)
    _, flows = decode(recorded("sflow"))
    rates, vlans, sources, ports = dissected(
        "sflow",
        "sflow.flow_sample.sampling_rate",
        "vlan.id",
        "ip.src",
        "tcp.dstport",
        as_="sflow",
        port=SFLOW_PORT,
    )
    assert [int(value) for value in rates] == flows["sampling"].tolist()
    assert len(vlans) == np.count_nonzero(flows["vlan"])
    carried = [value for value in sources if value != "10.0.0.1"]
    assert Counter(carried) == Counter(a for a in map(address, flows["src"]) if ":" not in a)
    tcp = flows["dst_port"][flows["protocol"] == 6]
    assert [int(value) for value in ports] == tcp.tolist()
    assert rows({**flows, "bytes": flows["bytes"] * 0, "packets": flows["packets"]}) == Counter(
        (k.src, k.dst, k.protocol, k.src_port, k.dst_port, 0, 1) for k in TRAFFIC
    )
