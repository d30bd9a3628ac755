"""The only writer of monitor state: flips are won once, last values are refreshed in bulk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from govnet.engine.result import Outcome, Result, State
from govnet.engine.state import Change
from govnet.inventory.models import Port, Unit
from govnet.monitor import services
from govnet.monitor.models import DeviceState, Flip, PortState, Target, TargetState
from tests.monitor import ledger
from tests.monitor.postgres import running_postgres
from tests.monitor.racer import TARGETS

db = pytest.mark.django_db


def change(target_id: int, old: str = "up", new: str = "down", at: float = 1000.0) -> Change:
    return Change(target_id, State(old), State(new), at, at + 4, "timeout")


@db
def test_a_change_writes_state_and_flip_with_the_first_failed_sample_as_since() -> None:
    target = ledger.target("up")
    assert services.apply_change(change(target.pk), {"peer": "127.0.0.1"})
    state, flip = TargetState.objects.get(), Flip.objects.get()
    assert (state.state, state.reason, state.detail) == ("down", "timeout", {"peer": "127.0.0.1"})
    assert state.since == flip.at == datetime.fromtimestamp(1000, UTC)
    assert flip.confirmed_at == datetime.fromtimestamp(1004, UTC)
    assert (flip.old_state, flip.new_state) == ("up", "down")


@db
def test_the_same_change_twice_makes_one_flip() -> None:
    target = ledger.target("up")
    assert services.apply_change(change(target.pk))
    assert not services.apply_change(change(target.pk))
    assert Flip.objects.count() == 1


@db
def test_a_change_of_a_target_that_is_gone_says_so_and_writes_nothing() -> None:
    assert not services.apply_change(change(987654))
    assert not Flip.objects.exists()


@db(transaction=True)
def test_state_and_flip_are_written_together_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = ledger.target("up")

    def refuse(**_: object) -> None:
        raise IntegrityError

    monkeypatch.setattr(Flip.objects, "create", refuse)
    with pytest.raises(IntegrityError):
        services.apply_change(change(target.pk))
    assert TargetState.objects.get().state == "up"


def _race(tmp_path: Path, database_url: str) -> tuple[list[int], int]:
    """How many changes each of three processes won, and how many flips the last one saw."""
    env = {
        **os.environ,
        "GOVNET_DATA_DIR": str(tmp_path),
        "GOVNET_DATABASE_URL": database_url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }

    prepare = (
        "from govnet.cli import setup_django; setup_django()\n"
        "from django.core.management import call_command\n"
        "from django.db import connection\n"
        "from govnet.runtime.first_tables import create_tables\n"
        "create_tables(connection) or call_command('migrate', verbosity=0)\n"
        "from govnet.monitor.models import Target\n"
        "from govnet.monitor.services import ensure_rows\n"
        "Target.objects.bulk_create(Target(name=str(n), kind='icmp', address='127.0.0.1')"
        f" for n in range({TARGETS}))\n"
        "ensure_rows()"
    )
    subprocess.run([sys.executable, "-c", prepare], env=env, check=True, capture_output=True)
    racers = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("racer.py"))],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    start = f"{time.time() + 0.3}\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write(start)
        racer.stdin.flush()
    told = [racer.communicate(timeout=60)[0].split() for racer in racers]
    return [int(won) for won, _seen in told], max(int(seen) for _won, seen in told)


def test_of_racing_processes_exactly_one_wins_each_flip_on_sqlite(tmp_path: Path) -> None:
    won, flips = _race(tmp_path, "")
    assert sum(won) == flips == TARGETS
    assert sum(n > 0 for n in won) > 1, f"no race took place: {won}"


@pytest.mark.peer
def test_of_racing_processes_exactly_one_wins_each_flip_on_postgresql(tmp_path: Path) -> None:
    with running_postgres() as url:
        won, flips = _race(tmp_path, url)
    assert sum(won) == flips == TARGETS
    assert sum(n > 0 for n in won) > 1, f"no race took place: {won}"


@db
def test_touch_refreshes_the_last_values_and_leaves_the_state() -> None:
    target = ledger.target("up")
    result = Result(target.pk, 2000.0, Outcome.OK, 3, 3, 1.5, 0.1, detail={"certificate_days": 30})
    services.touch([result])
    state = TargetState.objects.get()
    assert (state.state, state.rtt_ms, state.jitter_ms, state.loss_ratio) == ("up", 1.5, 0.1, 0)
    assert state.checked_at == state.answered_at == datetime.fromtimestamp(2000, UTC)
    assert state.detail == {"certificate_days": 30}


@db
def test_a_failed_run_keeps_the_time_and_detail_of_the_last_answer() -> None:
    target = ledger.target("up")
    services.touch([Result(target.pk, 2000.0, Outcome.OK, 1, 1, 1.5, detail={"status": 200})])
    services.touch([Result(target.pk, 2010.0, Outcome.FAILED, 2, 0, reason="timeout")])
    state = TargetState.objects.get()
    assert state.checked_at == datetime.fromtimestamp(2010, UTC)
    assert state.answered_at == datetime.fromtimestamp(2000, UTC)
    assert (state.rtt_ms, state.loss_ratio, state.detail) == (None, 1.0, {"status": 200})


@db
def test_answers_are_noted_without_a_last_value() -> None:
    target = ledger.target("up")
    services.touch([Result(target.pk, 2000.0, Outcome.OK, 1, 1, 1.5)], {target.pk: 2004.0})
    assert TargetState.objects.get().answered_at == datetime.fromtimestamp(2004, UTC)
    services.note_answers({target.pk: 2009.5})
    state = TargetState.objects.get()
    assert state.answered_at == datetime.fromtimestamp(2009.5, UTC)
    assert (state.checked_at, state.rtt_ms) == (datetime.fromtimestamp(2000, UTC), 1.5)


@db
def test_an_unmeasured_run_has_no_loss() -> None:
    target = ledger.target("up")
    services.touch([Result(target.pk, 2000.0, Outcome.UNKNOWN, sent=0, reason="engine_lag")])
    assert TargetState.objects.get().loss_ratio is None


@db
def test_touching_two_thousand_targets_is_cheap() -> None:
    Target.objects.bulk_create(
        Target(name=str(n), kind="icmp", address="127.0.0.1") for n in range(2000)
    )
    services.ensure_rows()
    results = [
        Result(pk, 2000.0, Outcome.OK, 3, 3, 1.5)
        for pk in Target.objects.values_list("pk", flat=True)
    ]
    started = time.process_time()
    services.touch(results)
    used = time.process_time() - started
    print("touch of 2,000:", used)
    assert TargetState.objects.filter(rtt_ms=1.5).count() == 2000
    assert used < 0.5  # ten seconds lie between two of them


@db
def test_port_and_device_readings_reach_their_rows() -> None:
    device = ledger.device()
    port = Port.objects.create(device=device, name="GE0/0/1", if_index=1)
    services.ensure_rows()
    services.write_port_readings([services.PortReading(port.pk, 2000.0, True, 1000, 5e6, None)])
    services.write_device_readings(
        [services.DeviceReading(device.pk, 2000.0, "x" * 400, "1.3", 77, 5.0, None, None)]
    )
    stored = PortState.objects.get()
    assert (stored.oper_up, stored.speed_mbps, stored.in_bps, stored.out_bps) == (
        True,
        1000,
        5e6,
        None,
    )
    polled = DeviceState.objects.get()
    assert (len(polled.descr), polled.uptime_s, polled.cpu_percent) == (255, 77, 5.0)


@db
def test_a_target_switched_off_becomes_unknown_with_a_flip() -> None:
    ledger.target("down", enabled=False)
    ledger.target("up")
    assert services.close_unmeasured() == 1
    flip = Flip.objects.get()
    assert (flip.old_state, flip.new_state, flip.reason) == ("down", "unknown", "not_measured")
    assert services.close_unmeasured() == 0


@db
def test_the_stored_states_are_where_a_restarted_engine_goes_on() -> None:
    target = ledger.target("up")
    services.apply_change(change(target.pk))
    services.touch([Result(target.pk, 1005.0, Outcome.FAILED)])
    stored = services.stored_states()[target.pk]
    assert (stored.state, stored.since, stored.checked_ts) == (State.DOWN, 1000.0, 1005.0)


@db(transaction=True)
def test_one_transaction_raises_the_revision_once_after_its_commit() -> None:
    owner = ledger.unit()
    before = services.revision()
    with transaction.atomic():
        for number in range(5):
            ledger.access_point(f"A{number}", owner, f"127.1.0.{number}")
        assert services.revision() == before
    assert services.revision() == before + 1
    ledger.device()
    assert services.revision() == before + 2


def _two_of_the_same_code(owner: Unit) -> None:
    ledger.access_point("A1", owner, "127.1.0.1")
    ledger.access_point("A1", owner, "127.1.0.2")


@db(transaction=True)
def test_a_rolled_back_savepoint_does_not_swallow_the_next_change() -> None:
    owner = ledger.unit()
    before = services.revision()
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            _two_of_the_same_code(owner)
        ledger.access_point("A2", owner, "127.1.0.2")
    assert services.revision() == before + 1


@db(transaction=True)
def test_a_rolled_back_change_raises_nothing() -> None:
    owner = ledger.unit()
    before = services.revision()
    with pytest.raises(IntegrityError), transaction.atomic():
        _two_of_the_same_code(owner)
    assert services.revision() == before


@db
def test_rows_that_exist_are_not_made_again(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ledger.target("up")
    with django_assert_num_queries(4):
        services.ensure_rows()
    assert TargetState.objects.get().state == "up"
