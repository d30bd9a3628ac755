from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.demo import snmp_agent
from govnet.demo.snmp_agent import IFX_ENTRY, Agent, Curve, Flow, build_rows, parse_oid

TABLE = [
    "port\t1\tGE0/1\t至核心\t10000\t4000000000\t9000000000\tsteady\t1\n",
    "port\t2\tGE0/2\tYS-0001 单位\t1000\t20000000\t80000000\toffice\t0\n",
    "sensor\t1.3.6.1.4.1.25506.2.6.1.1.1.1.6.2\t17\t6\t1100\n",
]
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
TIMES = st.floats(START, START + 3e7)


@given(TIMES, st.sampled_from([0.1, 0.8]), st.floats(0, 1e10), st.floats(0, 100))
def test_a_rate_is_never_negative_and_stays_under_its_peak(
    at: float, base: float, peak: float, phase: float
) -> None:
    rate = Flow(Curve(base), peak, phase, START).rate_bps(at)
    assert 0 <= rate <= 1.0500001 * peak


@given(TIMES, st.floats(0.01, 4000), st.sampled_from([0.1, 0.8]))
def test_counters_never_go_back_and_are_the_integral_of_the_rate(
    at: float, seconds: float, base: float
) -> None:
    flow = Flow(Curve(base), 8e8, 1.0, START)
    steps = 2000
    moments = [at + seconds * (n + 0.5) / steps for n in range(steps)]
    expected = sum(flow.rate_bps(moment) for moment in moments) / 8 * seconds / steps
    delta = flow.octets(at + seconds) - flow.octets(at)
    assert delta >= 0
    assert delta == pytest.approx(expected, rel=1e-3, abs=64)


def test_the_busy_hour_is_ten_in_the_morning_in_shanghai_and_weekends_are_quiet() -> None:
    curve = Curve(0.1)
    monday_nine = datetime(2026, 3, 2, 1, tzinfo=UTC).timestamp()  # 09:00 +08:00
    assert curve.share(monday_nine) == pytest.approx(1.0)
    assert curve.share(monday_nine + 5 * 86400) == pytest.approx(0.325)  # Saturday
    assert curve.share(monday_nine - 7 * 3600) < 0.2  # at night


def test_getnext_walks_everything_once_in_increasing_order() -> None:
    rows = build_rows(TABLE, START)
    agent = Agent(rows)
    seen = []
    oid: tuple[int, ...] = (1, 3, 6, 1)
    while (answer := agent.answer("getnext", oid, START + 60)) != "NONE\n":
        oid = parse_oid(answer.split("\n", 1)[0])
        seen.append(oid)
    assert seen == sorted(rows)


def test_get_of_nothing_is_none_and_counters_are_64_bit() -> None:
    agent = Agent(build_rows(TABLE, START))
    assert agent.answer("get", (1, 3, 6, 1, 9), START) == "NONE\n"
    _, kind, value, _ = agent.answer("get", (*IFX_ENTRY, 10, 1), START + 3600).split("\n")
    assert kind == "counter64"
    assert int(value) > 2**32


def test_the_program_speaks_pass_persist_without_our_package(tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("".join(TABLE), encoding="utf-8")
    conversation = (
        b"PING\nget\n.1.3.6.1.2.1.2.1.0\ngetnext\n.1.3.6.1.2.1.31.1.1.1.18.1\n"
        b"set\n.1.3.6.1.2.1.2.1.0\ninteger 3\nPING\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", snmp_agent.__file__, str(table)],
        input=conversation,
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.decode().splitlines() == [
        "PONG",
        *(".1.3.6.1.2.1.2.1.0", "integer", "2"),
        *(".1.3.6.1.2.1.31.1.1.1.18.2", "string", "YS-0001 单位"),
        "not-writable",
        "PONG",
    ]
