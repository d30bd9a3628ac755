"""A work order from the alarm to the closing with a cause, and what the rules refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from clickhouse_connect.driver.client import Client
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from govnet.alarms import services as alarms
from govnet.alarms.models import Alarm
from govnet.config import Config
from govnet.core.uploads import UploadError
from govnet.monitor.models import Flip
from govnet.operations import evidence, services
from govnet.operations.choices import Action, EntryKind, OrderState
from govnet.operations.clocks import ClockState
from govnet.operations.models import OrderEntry, OrderLimit, WorkOrder
from govnet.operations.overdue import escalate
from govnet.operations.services import OrderError, open_from_alarm, take
from govnet.telemetry.client import TelemetryUnavailableError
from tests.alarms.faults import NOON, fault, see
from tests.operations.conftest import Desk

pytestmark = pytest.mark.django_db
PDF = SimpleUploadedFile("letter.pdf", b"%PDF-1.7 no access until noon")


def new_order(desk: Desk, **fields: object) -> WorkOrder:
    values: dict[str, Any] = {
        "title": "no network on the third floor",
        "source": "phone",
        "level": "critical",
        "circuit": desk.city.access,
        "reported_at": timezone.now(),
        **fields,
    }
    return services.open_order(WorkOrder(**values), desk.officer)


def walk(desk: Desk, order: WorkOrder, *actions: Action) -> None:
    values: dict[Action, dict[str, Any]] = {
        Action.RESTORE: {"cause": "fibre_cut", "party": "carrier"},
        Action.CONFIRM: {"score": 4},
        Action.CLOSE: {"cause": "fibre_cut", "party": "carrier"},
    }
    for action in actions:
        take(order, action, desk.officer, **values.get(action, {}))


ALL = (
    Action.DISPATCH,
    Action.ACCEPT,
    Action.ARRIVE,
    Action.RESTORE,
    Action.CONFIRM,
    Action.CLOSE,
)


def test_the_ledger_completes_what_a_caller_knows(desk: Desk) -> None:
    order = new_order(desk)
    assert order.access_point == desk.city.access.access_point
    assert order.unit == desk.city.access.access_point.unit  # type: ignore[union-attr]
    assert order.contractor == desk.telecom
    assert order.region is not None
    assert order.number.startswith("GD")


def test_an_order_lives_from_the_alarm_to_one_cause_for_both(desk: Desk) -> None:
    see(fault(desk.city.point_east))
    alarm = Alarm.objects.get()
    order = open_from_alarm(alarm, desk.officer)
    alarm.refresh_from_db()
    assert alarm.state == "acknowledged"
    assert order.unit == desk.city.unit_east
    see(minutes=9)
    walk(desk, order, *ALL)
    alarm.refresh_from_db()
    assert (order.state, order.score) == (OrderState.CLOSED, 4)
    assert (alarm.state, alarm.cause, alarm.party) == ("closed", "fibre_cut", "carrier")
    kinds = list(OrderEntry.objects.filter(order=order).values_list("kind", flat=True))
    assert kinds == ["opened", *(action.value for action in ALL)]


def test_an_order_closed_while_the_fault_is_still_measured_judges_the_alarm(desk: Desk) -> None:
    see(fault(desk.city.point_east))
    alarm = Alarm.objects.get()
    walk(desk, open_from_alarm(alarm, desk.officer), *ALL)
    alarm.refresh_from_db()
    assert (alarm.state, alarm.cause, alarm.party) == ("acknowledged", "fibre_cut", "carrier")
    see(minutes=9)
    assert alarms.close_by_themselves(NOON + timedelta(minutes=18)) == 0
    assert alarms.close_by_themselves(NOON + timedelta(minutes=20)) == 1
    alarm.refresh_from_db()
    assert (alarm.state, alarm.cause, alarm.party) == ("closed", "fibre_cut", "carrier")


def test_an_alarm_has_one_open_order(desk: Desk) -> None:
    see(fault(desk.city.point_east))
    first = open_from_alarm(Alarm.objects.get(), desk.officer)
    with pytest.raises(OrderError, match="open work order"):
        open_from_alarm(Alarm.objects.get(), desk.officer)
    take(first, Action.CANCEL, desk.officer, "doubled")
    assert open_from_alarm(Alarm.objects.get(), desk.officer).pk != first.pk


def test_an_explained_alarm_gets_no_order_of_its_own(desk: Desk) -> None:
    root = fault(desk.city.device)
    see(root, fault(desk.city.point_east, root=root.key))
    with pytest.raises(OrderError, match="explains"):
        open_from_alarm(Alarm.objects.get(root__isnull=False), desk.officer)


@pytest.mark.parametrize("action", list(services.STEPS))
def test_no_step_is_taken_from_a_state_that_it_does_not_follow(desk: Desk, action: Action) -> None:
    for state in OrderState:
        order = new_order(desk)
        WorkOrder.objects.filter(pk=order.pk).update(state=state)
        if state in services.STEPS[action].before:
            take(order, action, desk.officer)
            assert order.state == services.STEPS[action].after
        else:
            with pytest.raises(OrderError, match="another state"):
                take(order, action, desk.officer)


def test_a_company_s_people_mend_and_the_centre_confirms_and_closes(desk: Desk) -> None:
    order = new_order(desk)
    take(order, Action.DISPATCH, desk.officer, contractor=desk.telecom)
    for action in (Action.ACCEPT, Action.ARRIVE, Action.RESTORE):
        take(order, action, desk.telecom_man)
    for action in (Action.CONFIRM, Action.CLOSE):
        with pytest.raises(OrderError, match="roles"):
            take(order, action, desk.telecom_man)
    take(order, Action.CONFIRM, desk.unit_contact, score=5)


def test_not_restored_after_all_the_clock_goes_on(desk: Desk) -> None:
    order = new_order(desk)
    walk(desk, order, Action.DISPATCH, Action.ACCEPT, Action.RESTORE)
    take(order, Action.REOPEN, desk.unit_contact, "still dead")
    assert order.restored_at is None
    assert order.clocks(OrderLimit.objects.get(level="critical"))[2].state is ClockState.RUNNING


# ---- Clocks, pauses, overdue -------------------------------------------------------------


def test_a_pause_needs_a_proof_that_is_what_it_says(desk: Desk) -> None:
    order = new_order(desk)
    take(order, Action.DISPATCH, desk.officer)
    fake = SimpleUploadedFile("letter.pdf", b"MZ")
    with pytest.raises(UploadError):
        services.pause(order, desk.telecom_man, "no_access", "closed", fake)
    made = services.pause(order, desk.telecom_man, "no_access", "closed", PDF)
    assert len(made.proof_digest) == 64
    limit = OrderLimit.objects.get(level="critical")
    assert order.clocks(limit)[0].state is ClockState.PAUSED
    with pytest.raises(OrderError, match="already"):
        services.pause(order, desk.telecom_man, "no_access", "closed", PDF)
    services.resume(order, desk.telecom_man)
    order.refresh_from_db()
    assert order.clocks(limit)[0].state is ClockState.RUNNING


def test_a_step_that_ends_the_work_ends_the_pause(desk: Desk) -> None:
    order = new_order(desk)
    walk(desk, order, Action.DISPATCH, Action.ACCEPT)
    services.pause(order, desk.officer, "other", "parts", PDF)
    walk(desk, order, Action.RESTORE)
    assert not order.pauses.filter(ended_at__isnull=True).exists()


def test_an_overdue_clock_is_noted_once(desk: Desk) -> None:
    now = timezone.now()
    order = new_order(desk, reported_at=now)
    take(order, Action.DISPATCH, desk.officer)
    with time_machine.travel(now + timedelta(minutes=16)):
        assert escalate() == 1  # the response
        assert escalate() == 0
    with time_machine.travel(now + timedelta(hours=5)):
        assert escalate() == 2  # on site and restoration
    entries = OrderEntry.objects.filter(order=order, kind=EntryKind.OVERDUE)
    assert entries.count() == 3


def test_an_ended_order_is_never_overdue(desk: Desk) -> None:
    order = new_order(desk, reported_at=timezone.now() - timedelta(days=9))
    take(order, Action.CANCEL, desk.officer, "not a fault")
    assert escalate() == 0


# ---- Evidence -------------------------------------------------------------------------------


def no_store(_config: Config) -> Client:
    raise TelemetryUnavailableError("no store")


def test_evidence_is_kept_once_and_says_what_the_store_did_not_tell(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "shared_client", no_store)
    target = desk.city.target_east
    now = timezone.now()
    Flip.objects.create(
        target=target, old_state="up", new_state="down", at=now, confirmed_at=now, reason="timeout"
    )
    order = new_order(desk, access_point=desk.city.point_east, circuit=None)
    evidence.collect(order)
    pieces = {piece.kind: piece for piece in order.evidence.all()}
    assert pieces["flips"].content[-1]["to"] == "down"
    assert "missing" in pieces  # said, not left out
    assert evidence.collect(order) == []
    assert len(pieces["flips"].digest) == 64
