"""The cables' promises, measured in namespaces that each test run makes and removes."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from govnet.lab.cables import Cable, CableError, Cables, Condition, End
from tests.lab.namespaces import ip, namespaces, read_link, send_through
from tests.peers import require

pytestmark = [pytest.mark.root, pytest.mark.peer]
LEFT, RIGHT = "10.211.77.1", "10.211.77.2"


class Bench(NamedTuple):
    """Two namespaces, one cable ``c`` between their ``e0``; forward is left to right."""

    cables: Cables
    left: str
    right: str
    process: psutil.Process


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("cables")
    with namespaces("l", "r") as (left, right):
        cables, pid = Cables.start(folder / "control", folder / "log")
        try:
            cables.add([Cable("c", End(left, "e0"), End(right, "e0"), 1000)])
            for name, address in ((left, LEFT), (right, RIGHT)):
                ip("-n", name, "addr", "add", f"{address}/24", "dev", "e0")
                ip("-n", name, "link", "set", "e0", "up")
            yield Bench(cables, left, right, psutil.Process(pid))
            assert (folder / "log").read_text() == ""
        finally:
            cables.stop()


@pytest.fixture(autouse=True)
def _as_new(bench: Bench) -> Iterator[None]:
    yield
    bench.cables.cut("c", cut=False)
    bench.cables.set_rate("c", 1000)
    bench.cables.set_condition("c", Condition())


def carriers(bench: Bench) -> tuple[str, str]:
    return read_link(bench.left, "e0", "carrier"), read_link(bench.right, "e0", "carrier")


def wait_for_carriers(bench: Bench, wanted: tuple[str, str]) -> None:
    deadline = time.monotonic() + 5
    while carriers(bench) != wanted:
        assert time.monotonic() < deadline, (carriers(bench), wanted)
        time.sleep(0.01)


def wait_until_it_carries(bench: Bench) -> None:
    """The kernel starts to send again up to a second after the light came back (linkwatch)."""
    deadline = time.monotonic() + 5
    while send_through(bench.left, bench.right, RIGHT, 5, wait=0.1).loss:
        assert time.monotonic() < deadline


def usual(times: list[float]) -> float:
    """The lower quartile: busy processors can only add to a time."""
    return sorted(times)[len(times) // 4]


def round_trips(bench: Bench, number: int = 60) -> list[float]:
    """Round-trip times in milliseconds, by fping (kernel time stamps)."""
    command = ["ip", "netns", "exec", bench.left, require("fping")]
    command += ["-q", "-C", str(number), "-p", "10", "-t", "2000", RIGHT]
    answer = subprocess.run(command, check=False, capture_output=True, text=True).stderr
    return [float(word) for word in answer.split(":")[1].split() if word != "-"]


def throughput(bench: Bench, *, backward: bool) -> float:
    """Mbit/s that TCP carries from left to right, or backward."""
    iperf = require("iperf3")
    server = subprocess.Popen(
        ["ip", "netns", "exec", bench.right, iperf, "-s", "-1"], stdout=subprocess.DEVNULL
    )
    command = ["ip", "netns", "exec", bench.left, iperf, "-J", "-c", RIGHT, "-t", "2"]
    try:
        time.sleep(0.3)
        done = subprocess.run(
            [*command, *(["-R"] if backward else [])], check=True, capture_output=True, text=True
        )
        return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e6
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("rate", [10, 100, 1000])
def test_tcp_gets_each_tier_within_ten_percent_and_the_port_says_so(
    bench: Bench, rate: int
) -> None:
    bench.cables.set_rate("c", rate)
    assert read_link(bench.left, "e0", "speed") == read_link(bench.right, "e0", "speed")
    assert read_link(bench.left, "e0", "speed") == str(rate)
    for backward in (False, True):
        # Ethernet and TCP headers alone take 5 %. Busy processors can only take from it.
        tries = [throughput(bench, backward=backward)]
        while max(tries) < 0.9 * rate and len(tries) < 5:
            tries.append(throughput(bench, backward=backward))
        assert 0.9 * rate <= max(tries) <= rate, tries


@pytest.mark.parametrize(("forward", "backward"), [(0, 0), (10, 10), (20, 0), (5, 55.5)])
def test_the_round_trip_is_the_set_delay_within_half_a_millisecond(
    bench: Bench, forward: float, backward: float
) -> None:
    bench.cables.set_condition("c", Condition(delay_ms=forward), "forward")
    bench.cables.set_condition("c", Condition(delay_ms=backward), "backward")
    times = round_trips(bench)
    assert len(times) == 60
    assert usual(times) == pytest.approx(forward + backward, abs=0.5)


def test_a_delay_one_way_delays_that_way_only(bench: Bench) -> None:
    bench.cables.set_condition("c", Condition(delay_ms=30), "backward")
    out = send_through(bench.left, bench.right, RIGHT, 50)
    back = send_through(bench.right, bench.left, LEFT, 50)
    assert usual(out.late) < 0.002
    assert usual(back.late) == pytest.approx(0.030, abs=0.002)


def within_sampling_error(observed: float, share: float, number: int) -> bool:
    """Four standard deviations of the binomial: one false alarm in 16,000 runs."""
    return abs(observed - share) <= 4 * math.sqrt(share * (1 - share) / number)


@pytest.mark.parametrize("share", [0.02, 0.25])
def test_loss_one_way_is_as_set_and_the_other_way_loses_nothing(bench: Bench, share: float) -> None:
    bench.cables.set_condition("c", Condition(loss=share), "forward")
    out = send_through(bench.left, bench.right, RIGHT, 2000)
    back = send_through(bench.right, bench.left, LEFT, 1000)
    assert within_sampling_error(out.loss, share, out.sent)
    assert back.loss == 0
    counters = bench.cables.all()["c"]["counters"]["forward"]
    assert counters["lost"] >= round(out.loss * out.sent)


def test_loss_in_bursts_takes_several_frames_in_a_row(bench: Bench) -> None:
    bench.cables.set_condition("c", Condition(loss=0.2, burst=8), "forward")
    out = send_through(bench.left, bench.right, RIGHT, 4000)
    # About 100 bursts: the mean of their geometric lengths has a deviation of 7.5 / 10.
    assert 5 < out.mean_burst < 11
    assert 0.08 < out.loss < 0.32


def test_jitter_spreads_arrivals_and_keeps_their_order(bench: Bench) -> None:
    bench.cables.set_condition("c", Condition(delay_ms=20, jitter_ms=8), "forward")
    out = send_through(bench.left, bench.right, RIGHT, 200, pause=0.02)
    assert out.arrived == sorted(out.arrived)
    assert min(out.late) >= 0.0115
    assert max(out.late) - min(out.late) > 0.010


def test_a_change_takes_effect_while_frames_flow(bench: Bench) -> None:
    ping = ["ip", "netns", "exec", bench.left, require("fping"), "-C", "100", "-p", "10", "-q"]
    running = subprocess.Popen([*ping, "-t", "2000", RIGHT], stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    bench.cables.set_condition("c", Condition(delay_ms=25), "forward")
    answer = running.communicate()[1]
    times = [float(word) for word in answer.split(":")[1].split() if word != "-"]
    assert max(times[:20]) < 5
    assert usual(times[-20:]) == pytest.approx(25, abs=0.5)


def test_a_cut_takes_the_carrier_at_both_ends_and_every_frame(bench: Bench) -> None:
    bench.cables.cut("c")
    assert carriers(bench) == ("0", "0")
    assert send_through(bench.left, bench.right, RIGHT, 20, wait=0.05).arrived == []
    bench.cables.cut("c", cut=False)
    assert carriers(bench) == ("1", "1")
    wait_until_it_carries(bench)


def test_a_port_shut_at_one_end_takes_the_light_from_the_other(bench: Bench) -> None:
    ip("-n", bench.right, "link", "set", "e0", "down")
    try:
        deadline = time.monotonic() + 5
        while read_link(bench.left, "e0", "carrier") != "0":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        ip("-n", bench.right, "link", "set", "e0", "up")
    wait_for_carriers(bench, ("1", "1"))
    wait_until_it_carries(bench)


def test_eighty_idle_cables_take_no_time_and_little_memory(bench: Bench) -> None:
    more = [
        Cable(f"m{i}", End(bench.left, f"m{i}"), End(bench.right, f"m{i}"), 10) for i in range(80)
    ]
    bench.cables.add(more)
    try:
        for name in (bench.left, bench.right):
            ip("-n", name, "link", "set", "group", "default", "up")
        time.sleep(1)
        before = bench.process.cpu_times()
        time.sleep(2)
        after = bench.process.cpu_times()
        assert after.user + after.system - before.user - before.system <= 0.06
        assert bench.process.memory_full_info().pss < 40 * 1024 * 1024
    finally:
        bench.cables.remove([cable.name for cable in more])
    assert list(bench.cables.all()) == ["c"]


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (lambda b: b.cables.cut("none"), "There is no cable none"),
        (lambda b: b.cables.set_rate("c", 0), "Mbit/s"),
        (
            lambda b: b.cables.add([Cable("d", End(b.left, "e0"), End(b.right, "d"))]),
            "e0 cannot be made",
        ),
        (
            lambda b: b.cables.add([Cable("d", End(b.left, "d"), End("gvt-none", "d"))]),
            "no network namespace .*gvt-none",
        ),
        (
            lambda b: b.cables.add([Cable("c", End(b.left, "d"), End(b.right, "d"))]),
            "cable c already",
        ),
    ],
)
def test_a_wrong_command_is_refused_in_a_sentence_and_harms_nothing(
    bench: Bench, request_: object, sentence: str
) -> None:
    assert callable(request_)
    with pytest.raises(CableError, match=sentence):
        request_(bench)
    assert list(bench.cables.all()) == ["c"]
    assert send_through(bench.left, bench.right, RIGHT, 10).loss == 0
    assert " d: " not in ip("-n", bench.left, "-o", "link")


def test_a_client_that_stalls_stops_no_frame(bench: Bench) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(bench.cables.socket_path))
        client.sendall(b'{"do": "li')
        assert send_through(bench.left, bench.right, RIGHT, 50).loss == 0
        client.sendall(b'st"}\nnot json\n[]\n')
        answers = client.makefile("rb")
        assert b'"name": "c"' in answers.readline()
        assert b"error" in answers.readline()
        assert b"error" in answers.readline()


def test_a_killed_process_leaves_no_interface(tmp_path: Path) -> None:
    with namespaces("k1", "k2") as (one, two):
        cables, pid = Cables.start(tmp_path / "control", tmp_path / "log")
        cables.add([Cable("k", End(one, "e0"), End(two, "e0"))])
        assert "e0" in ip("-n", one, "-o", "link")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert "e0" not in ip("-n", one, "-o", "link")
        with pytest.raises(CableError, match=r"does not answer|Nobody answers"):
            cables.all()
