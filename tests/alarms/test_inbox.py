from __future__ import annotations

import time

import pytest
from django.db import DatabaseError

from govnet.alarms import inbox as module
from govnet.alarms.inbox import Inbox
from govnet.alarms.models import ReportedEvent
from govnet.alarms.refs import Ref
from tests.alarms.faults import NOON

PORT = Ref("port", 7)


def test_a_hundred_thousand_reports_are_few_rows_and_none_is_lost(db: None) -> None:
    box = Inbox()
    started = time.process_time()
    for number in range(100_000):
        same = ("link_down", Ref("port", number % 40), number % 2 == 0, "trap")
        box.add(same, NOON, {"text": str(number)})
    assert box.store() <= 80
    assert time.process_time() - started < 10
    rows = ReportedEvent.objects.all()
    assert sum(row.count for row in rows) == 100_000
    assert all(len(row.evidence) <= 5 for row in rows)


def test_too_many_different_faults_are_stored_by_the_caller(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_DIFFERENT", 10)
    box = Inbox()
    for number in range(25):
        box.add(("link_down", Ref("port", number), True, "trap"), NOON, None)
    box.store()
    assert ReportedEvent.objects.count() == 25


def test_the_last_word_of_a_burst_comes_last(db: None) -> None:
    box = Inbox()
    for raised in (True, False, True, False, True):
        box.add(("link_down", PORT, raised, "trap"), NOON, None)
    box.store()
    assert list(ReportedEvent.objects.values_list("raised", "count")) == [(False, 2), (True, 3)]


def test_what_cannot_be_stored_stays_and_is_added_to(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Inbox()
    same = ("link_down", PORT, True, "trap")
    box.add(same, NOON, None)

    def refuse(*_args: object, **_kwargs: object) -> None:
        box.add(same, NOON, None)  # comes in meanwhile
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(ReportedEvent.objects, "bulk_create", refuse)
        with pytest.raises(DatabaseError):
            box.store()
    box.store()
    assert ReportedEvent.objects.get().count == 2
