"""Flows measured against nfcapd and nfacctd: ``uv run python -m benchmarks.flows``.

The same NetFlow v9 datagrams (24 records of 18 fields) go over loopback to each receiver in turn;
CPU is the receiver's own, user and system. Peers are Debian's nfdump and pmacct; a figure whose
peer is missing is told as not measured. The machine may be busy: ratios of CPU are to be trusted,
wall times are not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from tests.engine.flow import wire
from tests.peers import free_port
from tests.store_process import StoreProcess, installation, store_process

from benchmarks.receiving import HOST, MIB, Verdict, cpu_of, our_receiver, send, size_of, until
from govnet.engine.flow.decoder import Decoder
from govnet.telemetry.client import connect

OUT = Path(__file__).parent / "out"
PER_DATAGRAM = 24
TEMPLATE = 256
ADDRESS = bytes(10) + b"\xff\xff" + bytes([127, 91, 3, 2])


@dataclass
class Received:
    """What one receiver did with the datagrams."""

    records: int
    cpu_s: float
    wall_s: float
    disk_bytes: int
    store_s: float = 0.0
    resident_mib: float = 0.0

    @property
    def us(self) -> float:
        return self.cpu_s / max(self.records, 1) * 1e6


def template() -> bytes:
    return wire.v9([wire.a_set(0, wire.template(TEMPLATE, wire.ROUTER_V9))], 0, at=int(time.time()))


def datagrams(number: int, seed: int = 1) -> list[bytes]:
    """Data datagrams of one exporter; the same for every receiver."""
    records = wire.router_records(number * PER_DATAGRAM, seed)
    size = len(records) // number
    now = int(time.time())
    return [
        wire.v9([wire.a_set(TEMPLATE, records[i * size : (i + 1) * size])], i + 1, at=now)
        for i in range(number)
    ]


# --- decoding alone -------------------------------------------------------------------------


def decode_only(sent: list[bytes], rounds: int = 5) -> float:
    """Records a second of CPU, median."""
    rates = []
    for _ in range(rounds):
        decoder, decoded = Decoder(), 0
        decoder.add(template(), ADDRESS, time.time())
        began = time.process_time()
        for at in range(0, len(sent), 1_500):
            now, some = time.time(), sent[at : at + 1_500]
            for datagram, address in decoder.others(some, [ADDRESS] * len(some), now):
                decoder.add(datagram, address, now)
            decoded += len(decoder.flush()["bytes"])
        rates.append(decoded / (time.process_time() - began))
        assert decoded == len(sent) * PER_DATAGRAM
    return statistics.median(rates)


# --- peers ----------------------------------------------------------------------------------


@contextmanager
def running(command: list[str], log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        time.sleep(1.0)
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-500:])
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def nfcapd(sent: list[bytes], rate: float, directory: Path) -> Received:
    port = free_port(socket.SOCK_DGRAM, HOST)
    program = shutil.which("nfcapd")
    assert program
    command = [
        program,
        "-w",
        str(directory),
        "-b",
        HOST,
        "-p",
        str(port),
        "-B",
        str(32 * MIB),
        "-y",
    ]
    with running(command, directory / "nfcapd.log") as process:
        before, began = cpu_of(process), time.monotonic()
        number, _ = send(port, sent, rate, first=template())
        time.sleep(1.0)
        wall, used = time.monotonic() - began, cpu_of(process) - before
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    files = [p for p in directory.rglob("nfcapd.*") if p.suffix != ".log"]
    listed = subprocess.run(
        ["nfdump", "-R", str(directory), "-I"], capture_output=True, text=True, check=False
    ).stdout
    flows = [int(line.split(":")[1]) for line in listed.splitlines() if line.startswith("Flows:")]
    records = flows[0] if flows else number * PER_DATAGRAM
    return Received(records, used, wall, sum(p.stat().st_size for p in files))


def nfacctd(sent: list[bytes], rate: float, directory: Path) -> Received:
    """Aggregated by the same key as our raw table, printed to CSV files every minute."""
    port = free_port(socket.SOCK_DGRAM, HOST)
    config = directory / "nfacctd.conf"
    config.write_text(
        f"daemonize: false\nnfacctd_ip: {HOST}\nnfacctd_port: {port}\n"
        f"nfacctd_pipe_size: {32 * MIB}\nplugins: print\n"
        "aggregate: src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,in_iface,out_iface,"
        "src_as,dst_as,timestamp_start,timestamp_end\n"
        "print_refresh_time: 10\nprint_output: csv\n"
        f"print_output_file: {directory}/flows-%s.csv\nprint_cache_entries: 1000003\n"
        "plugin_pipe_size: 134217728\nplugin_buffer_size: 131072\nnfacctd_time_new: true\n"
    )
    program = shutil.which("nfacctd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert program
    with running([program, "-f", str(config)], directory / "nfacctd.log") as process:
        before, began = cpu_of(process), time.monotonic()
        number, _ = send(port, sent, rate, first=template())
        peak = before
        for _ in range(24):  # its writers end, and take their CPU along into the parent's children
            time.sleep(1.0)
            peak = max(peak, _with_reaped(process))
        wall = time.monotonic() - began
        used = peak - before
    return Received(number * PER_DATAGRAM, used, wall, size_of(directory))


def _with_reaped(process: psutil.Process) -> float:
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


# --- ours -----------------------------------------------------------------------------------


def spool_only(sent: list[bytes], rate: float, directory: Path) -> Received:
    """Receive, decode, enrich and spool; no store runs."""
    with installation(directory) as config:
        port = free_port(socket.SOCK_DGRAM, HOST)
        spool = config.spool_dir("receiver")
        with our_receiver(config, netflow=port) as process:
            had = warm_up(port, sent, lambda: _spooled(spool))
            before, began = cpu_of(process), time.monotonic()
            number, _ = send(port, sent, rate)
            until(lambda: _spooled(spool) - had >= number * PER_DATAGRAM, 60)
            used, wall = cpu_of(process) - before, time.monotonic() - began
            resident = process.memory_info().rss / MIB
        per_row = size_of(spool) // _spooled(spool)
        records = _spooled(spool) - had
        return Received(records, used, wall, per_row * records, resident_mib=resident)


def warm_up(port: int, sent: list[bytes], taken: Callable[[], int]) -> int:
    """The template and the first records: what a process does once is no cost of a record.

    Returns:
        how many records were taken.
    """
    had = taken()
    number, _ = send(port, sent[:500], 2_000, first=template())
    until(lambda: taken() - had >= number * PER_DATAGRAM, 60)
    return taken()


def _spooled(spool: Path) -> int:
    return sum(int(path.name.split(".")[2]) for path in spool.glob("*.arrow"))


def with_store(
    store: StoreProcess, sent: list[bytes], rate: float, seconds: float = 0.0
) -> Received:
    """The same, and the store's inserts until the last row is in."""
    assert store.process
    port = free_port(socket.SOCK_DGRAM, HOST)
    client, its = connect(store.config), psutil.Process(store.process.pid)

    def stored() -> int:
        return int(client.query("SELECT count() FROM flow").result_rows[0][0])

    with our_receiver(store.config, netflow=port) as process:
        had = warm_up(port, sent, stored)
        before, began = (cpu_of(process), cpu_of(its)), time.monotonic()
        number, _ = send(port, sent, rate, seconds)
        until(lambda: stored() - had >= number * PER_DATAGRAM, 120, every_s=1.0)
        used, its_used = cpu_of(process) - before[0], cpu_of(its) - before[1]
        wall, resident = time.monotonic() - began, process.memory_info().rss / MIB
        records = stored() - had
        print(f"  sent {number * PER_DATAGRAM:,}, stored {records:,}", flush=True)
    disk = client.query(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'flow'"
    ).result_rows[0][0]
    per_row = int(disk) * records // max(stored(), 1)
    return Received(records, used + its_used, wall, per_row, its_used, resident)


# --- queries --------------------------------------------------------------------------------


def top_ten(
    store: StoreProcess, base: Path, rounds: int, doublings: int, repeats: int = 5
) -> tuple[float, float, int]:
    """Seconds for the ten largest sources over the same records: nfdump, ours, and rows.

    Both sides' records are doubled by copying: sending 50 M would take longer than asking.
    """
    client = connect(store.config)
    client.command("CREATE TABLE top AS flow")  # the copies need not be rolled up
    client.command("INSERT INTO top SELECT * FROM flow")
    for _ in range(doublings):
        client.command("INSERT INTO top SELECT * FROM top")
    files = _copied(base, rounds, 2**doublings)
    ask = "SELECT src, sum(bytes) AS octets FROM top GROUP BY src ORDER BY octets DESC LIMIT 10"
    theirs = ["nfdump", "-R", str(files), "-s", "srcip/bytes", "-n", "10", "-q"]
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        began = time.monotonic()
        subprocess.run(theirs, capture_output=True, check=True)
        took[0].append(time.monotonic() - began)
        began = time.monotonic()
        client.query(ask)
        took[1].append(time.monotonic() - began)
    rows = int(client.query("SELECT count() FROM top").result_rows[0][0])
    client.command("DROP TABLE top")
    return statistics.median(took[0]), statistics.median(took[1]), rows


def _copied(base: Path, rounds: int, times: int) -> Path:
    """nfcapd's files of all rounds, so many times, in one folder."""
    folder = base / "copied"
    folder.mkdir()
    number = 0
    for _ in range(times):
        for done in range(rounds):
            for path in sorted((base / f"round{done}" / "nfcapd").rglob("nfcapd.2*")):
                shutil.copy(path, folder / f"nfcapd.20260101{number // 60:02d}{number % 60:02d}")
                number += 1
    return folder


# --- all ------------------------------------------------------------------------------------


def report(name: str, got: Received) -> None:
    print(
        f"{name:34s} {got.us:6.2f} µs CPU a record"
        f"  {got.disk_bytes / max(got.records, 1):6.1f} bytes a record"
        f"  {got.records:>10,} records in {got.wall_s:5.1f} s  {got.resident_mib:4.0f} MiB",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datagrams", type=int, default=44_000)
    parser.add_argument("--rate", type=float, default=8_000, help="datagrams a second, paced")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--doublings", type=int, default=4, help="of the records, for top ten")
    parser.add_argument("--full-rate", type=float, default=500_000 / PER_DATAGRAM)
    parser.add_argument("--seconds", type=float, default=60, help="of the loss-free run")
    args = parser.parse_args()
    sent = datagrams(args.datagrams)
    rate = decode_only(sent)
    print(f"decoding alone: {rate / 1e6:.2f} M records/s of one core", flush=True)
    peers: dict[str, list[Received]] = {"nfcapd": [], "nfacctd": [], "spool": [], "store": []}
    have = {
        n: shutil.which(n, path=os.environ["PATH"] + ":/usr/sbin") for n in ("nfcapd", "nfacctd")
    }
    top: tuple[float, float, int] | None = None
    full: Received | None = None
    expected = 0
    with tempfile.TemporaryDirectory() as root:
        base = Path(root)
        for number in range(args.rounds):
            folder = base / f"round{number}"
            for name in ("nfcapd", "nfacctd", "spool"):
                (folder / name).mkdir(parents=True)
            if have["nfcapd"]:
                peers["nfcapd"].append(nfcapd(sent, args.rate, folder / "nfcapd"))
                report("nfcapd 1.7, lz4", peers["nfcapd"][-1])
            if have["nfacctd"] and number == 0:
                peers["nfacctd"].append(nfacctd(sent, args.rate, folder / "nfacctd"))
                report("nfacctd, CSV files", peers["nfacctd"][-1])
            peers["spool"].append(spool_only(sent, args.rate, folder / "spool"))
            report("receive, decode, enrich, spool", peers["spool"][-1])
        with store_process(base / "store", store_memory_mib=2048) as store:
            for _ in range(args.rounds):
                peers["store"].append(with_store(store, sent, args.rate))
                report("the same and the store", peers["store"][-1])
            if have["nfcapd"]:
                top = top_ten(store, base, args.rounds, args.doublings)
            if args.seconds:
                expected = int(args.full_rate * args.seconds) * PER_DATAGRAM
                full = with_store(store, sent, args.full_rate, args.seconds)
                report(f"{args.full_rate * PER_DATAGRAM:,.0f} records/s", full)
    return conclude(rate, peers, full, expected, top, args.full_rate * PER_DATAGRAM)


def median_us(runs: list[Received]) -> float | None:
    return statistics.median(run.us for run in runs) if runs else None


def conclude(
    rate: float,
    peers: dict[str, list[Received]],
    full: Received | None,
    expected: int,
    top: tuple[float, float, int] | None,
    full_rate: float,
) -> int:
    theirs, other = median_us(peers["nfcapd"]), median_us(peers["nfacctd"])
    spool, store = median_us(peers["spool"]), median_us(peers["store"])
    assert spool
    assert store
    disk = peers["nfcapd"][-1].disk_bytes / peers["nfcapd"][-1].records if theirs else None
    ours = peers["store"][-1].disk_bytes / peers["store"][-1].records
    verdicts = [
        Verdict("decode", "µs CPU a record, decoding alone", 1e6 / rate, 1 / 3),
        Verdict("spool", "CPU against nfcapd, to the spool", theirs and spool / theirs, 1.0),
        Verdict("store", "CPU against nfcapd, store included", theirs and store / theirs, 2.5),
        Verdict("nfacctd", "CPU against nfacctd, store included", other and store / other, 1.0),
        Verdict("disk", "bytes a record against nfdump's lz4", disk and ours / disk, 1.0),
        Verdict(
            "lossless",
            f"share lost of {expected:,} records at {full_rate:,.0f} a second",
            1 - full.records / expected if full else None,
            0.0,
        ),
        Verdict("top", "time of a top ten against nfdump -s", top and top[1] / top[0], 1 / 3),
        Verdict(
            "memory",
            "MiB of the receiver",
            max(run.resident_mib for run in (*peers["store"], *([full] if full else []))),
            400,
        ),
    ]
    for one in verdicts:
        value = "-" if one.value is None else f"{one.value:.3f}"
        print(f"{one.verdict:<13} {one.text}: {value} (target <= {one.limit:.3f})")
    if top:
        print(f"top ten over {top[2]:,} records: nfdump {top[0]:.2f} s, ours {top[1]:.2f} s")
    OUT.mkdir(exist_ok=True)
    stored = [{**asdict(one), "verdict": one.verdict} for one in verdicts]
    (OUT / "flows.json").write_text(json.dumps({"verdicts": stored}, indent=1), encoding="utf-8")
    return int(any(one.verdict == "FAIL" for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
