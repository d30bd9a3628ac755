from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.lab.cables import Cable, Condition, End
from govnet.lab.cables.tap import HEADER, wire_size
from govnet.lab.cables.way import CREDIT_SECONDS, HELD_LIMIT, QUEUE_FLOOR, Held, Way

RATES = st.sampled_from([10, 100, 1000])
DELAYS = st.floats(0, 500).flatmap(
    lambda delay: st.builds(Condition, delay_ms=st.just(delay), jitter_ms=st.floats(0, delay))
)
SENDS = st.lists(st.tuples(st.floats(0, 0.01), st.integers(84, 1538)), min_size=1, max_size=200)


@given(RATES, DELAYS, SENDS)
def test_frames_never_overtake_nor_arrive_before_their_delay(
    rate: int, condition: Condition, sends: list[tuple[float, int]]
) -> None:
    way, now, last = Way(rate, condition), 1.0, 0.0
    for pause, size in sends:
        now += pause
        at = way.arrival(now, size, 1)
        if at is None:
            continue
        earliest = now + (condition.delay_ms - condition.jitter_ms) / 1000
        assert at >= earliest - 1e-9
        assert at >= last
        last = at


@given(RATES, st.lists(st.integers(84, 1538), min_size=2, max_size=300))
def test_no_more_bits_pass_than_the_rate_and_the_queue_is_bounded(
    rate: int, sizes: list[int]
) -> None:
    way = Way(rate, Condition())
    arrivals = [(at, size) for size in sizes if (at := way.arrival(1.0, size, 1)) is not None]
    carried = sum(size for _, size in arrivals)
    due = 1.0 - CREDIT_SECONDS + carried * 8e-6 / rate
    assert arrivals[-1][0] == pytest.approx(max(1.0, due))
    queue = max(QUEUE_FLOOR, 0.05 * rate * 125_000)
    assert carried <= queue + CREDIT_SECONDS * rate * 125_000 + 1538
    assert way.counters.dropped == len(sizes) - len(arrivals)


def test_what_is_held_is_bounded_even_with_a_long_delay() -> None:
    way, frame, now = Way(10_000, Condition(delay_ms=5000)), bytes(65_000), 0.0
    for _ in range(1000):
        now += 1e-4
        if (at := way.arrival(now, len(frame), 44)) is not None:
            way.hold(Held(at, frame, 44))
    assert way.held_bytes <= HELD_LIMIT + len(frame)
    assert way.counters.dropped > 0


@pytest.fixture
def _seeded() -> Iterator[None]:
    random.seed(4)
    yield
    random.seed()


@pytest.mark.usefixtures("_seeded")
@pytest.mark.parametrize(("loss", "burst"), [(0.03, 0), (0.05, 4), (0.3, 8), (0.02, 1), (1.0, 5)])
def test_loss_and_its_bursts_are_as_set(loss: float, burst: float) -> None:
    way, number = Way(1000, Condition(loss=loss, burst=burst)), 200_000
    lost = [way.arrival(float(i), 84, 1) is None for i in range(number)]
    runs = sum(1 for before, this in zip([False, *lost], lost, strict=False) if this and not before)
    assert sum(lost) / number == pytest.approx(loss, rel=0.1)
    if burst and loss < 1:
        assert sum(lost) / runs == pytest.approx(burst, rel=0.1)


def test_a_flushed_way_carries_again_at_once() -> None:
    way = Way(10, Condition(delay_ms=1000))
    at = way.arrival(0.0, 1538, 1)
    assert at is not None
    way.hold(Held(at, b"x" * 1538, 1))
    way.flush()
    assert (way.held_bytes, way.counters.lost) == (0, 1)
    way.set(10, Condition())
    assert way.arrival(0.01, 84, 1) == pytest.approx(0.01)


def test_a_super_frame_counts_as_the_packets_that_a_wire_would_carry() -> None:
    transport, options, payload = 34, 12, 44 * 1448
    tcp = bytes(12) + bytes([(20 + options) // 4 << 4]) + bytes(7 + options)
    # hdr_len is what lies in one piece of memory: anything.
    for hdr_len in (transport + len(tcp), 16_000):
        header = HEADER.pack(1, 1, hdr_len, 1448, transport, 16)
        frame = header + bytes(transport) + tcp + bytes(payload)
        assert wire_size(frame) == (44 * (transport + len(tcp) + 1448 + 24), 44)
    assert wire_size(HEADER.pack(0, 0, 0, 0, 0, 0) + bytes(42)) == (84, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay_ms": -1},
        {"delay_ms": 6000},
        {"delay_ms": 1, "jitter_ms": 2},
        {"loss": 1.1},
        {"burst": 0.5},
        {"delay_ms": float("nan")},
    ],
)
def test_an_impossible_condition_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not"):
        Condition(**wrong)


def test_a_cable_survives_its_trip_through_json() -> None:
    cable = Cable("a--b", End("n1", "e0"), End("n2", "e1"), 100, backward=Condition(2, 1, 0.1, 3))
    assert Cable.from_dict(cable.as_dict()) == cable
    with pytest.raises(ValueError, match="Mbit/s"):
        Cable("a--b", End("n1", "e0"), End("n2", "e1"), 0)
