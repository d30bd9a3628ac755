"""The engine's findings wait for a database that is away, in order and without loss."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest
from django.db import OperationalError

from govnet.engine.result import Outcome, Result, State
from govnet.engine.state import Change
from govnet.monitor import services
from govnet.runtime import journal as module
from govnet.runtime.journal import Journal


class Database:
    """Takes what the journal writes, or refuses."""

    def __init__(self) -> None:
        self.away = False
        self.changes: list[int] = []
        self.values: dict[int, float | None] = {}
        self.answers: dict[int, float] = {}

    def apply_changes(self, changes: Iterable[tuple[Change, Mapping[str, Any]]]) -> int:
        if self.away:
            raise OperationalError("database is locked")
        ids = [change.target_id for change, _ in changes]
        self.changes += ids
        return len(ids)

    def touch(self, results: Iterable[Result], answers: Mapping[int, float]) -> None:
        if self.away:
            raise OperationalError("database is locked")
        self.answers.update(answers)
        self.values.update((result.target_id, result.rtt_ms) for result in results)

    def note_answers(self, answers: Mapping[int, float]) -> None:
        if self.away:
            raise OperationalError("database is locked")
        self.answers.update(answers)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    monkeypatch.setattr(services, "apply_changes", made.apply_changes)
    monkeypatch.setattr(services, "touch", made.touch)
    monkeypatch.setattr(services, "note_answers", made.note_answers)
    monkeypatch.setattr(module, "_connected", lambda work: work())
    monkeypatch.setattr(module, "_disconnect", lambda: None)
    return made


@pytest.fixture
async def journal(database: Database) -> AsyncIterator[Journal]:
    made = Journal()
    yield made
    await made.close()


def change(target_id: int) -> Change:
    return Change(target_id, State.UP, State.DOWN, 1.0, 2.0, "timeout")


def value(target_id: int, rtt_ms: float) -> Result:
    return Result(target_id, 1.0, Outcome.OK, 1, 1, rtt_ms)


async def test_changes_wait_in_order_while_the_database_is_away(
    database: Database, journal: Journal
) -> None:
    database.away = True
    for number in range(5):
        journal.change(change(number))
    assert not await journal.write()
    assert journal.changes_waiting == 5
    assert journal.failing_s > 0
    journal.change(change(5))
    database.away = False
    assert await journal.write()
    assert database.changes == [0, 1, 2, 3, 4, 5]
    assert (journal.changes_waiting, journal.failing_s) == (0, 0)
    assert journal.flips.value() == 6


async def test_last_values_that_were_refused_do_not_overwrite_newer_ones(
    database: Database, journal: Journal
) -> None:
    journal.last_value(value(1, 10.0))
    journal.last_value(value(2, 20.0))
    database.away = True
    assert not await journal.write(everything=True)
    journal.last_value(value(1, 11.0))
    database.away = False
    assert await journal.write(everything=True)
    assert database.values == {1: 11.0, 2: 20.0}


async def test_the_queue_is_bounded_and_drops_the_oldest(
    database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CHANGES", 3)
    for number in range(5):
        journal.change(change(number))
    assert await journal.write()
    assert database.changes == [2, 3, 4]


async def test_a_mass_outage_is_written_in_batches(
    database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 100)
    for number in range(250):
        journal.change(change(number))
    assert await journal.write()
    assert database.changes == list(range(250))


async def test_the_newest_answers_are_told_when_asked_for(
    database: Database, journal: Journal
) -> None:
    for number, outcome in ((1, Outcome.OK), (2, Outcome.FAILED)):
        journal.answer(Result(number, 5.0, outcome, 1, 1))
    assert await journal.write()
    assert database.answers == {}
    journal.tell_answers()
    database.away = True
    assert not await journal.write()
    database.away = False
    assert await journal.write()
    assert database.answers == {1: 5.0}
    database.answers.clear()
    journal.answer(Result(3, 6.0, Outcome.OK, 1, 1))
    journal.tell_answers()
    assert await journal.write()
    assert database.answers == {3: 6.0}


async def test_a_last_value_never_takes_an_answer_back(
    database: Database, journal: Journal
) -> None:
    """It tells of an interval that began before."""
    journal.answer(Result(1, 9.0, Outcome.OK, 1, 1))
    journal.last_value(value(1, 0.5))
    assert await journal.write(everything=True)
    assert database.answers == {1: 9.0}
