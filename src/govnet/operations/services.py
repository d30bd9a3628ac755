"""The life of a work order: the only writer of orders, their history, pauses and evidence.

Every step is a conditional UPDATE: whoever still finds the old state writes, the other is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from govnet.alarms import refs
from govnet.alarms import services as alarms
from govnet.alarms.models import Alarm
from govnet.core.errors import ToldError, gettext_noop
from govnet.core.uploads import keep
from govnet.inventory.models import AccessPoint, Circuit, Contractor, Device, Unit
from govnet.operations.choices import Action, EntryKind, OrderState, Source
from govnet.operations.models import OrderEntry, OrderPause, WorkOrder

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from govnet.accounts.models import User

CHANGE: Final = "operations.change_workorder"
HANDLE: Final = "operations.handle_workorder"
REPORT: Final = "operations.report_workorder"


class OrderError(ToldError):
    """A step that the rules refuse; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an order's life.

    Attributes:
        before: states in which it can be taken.
        after: the state that follows.
        stamp: the field that keeps its time.
        clears: times that it undoes.
        permissions: any of these allows it.
    """

    before: tuple[OrderState, ...]
    after: OrderState
    stamp: str = ""
    clears: tuple[str, ...] = ()
    permissions: tuple[str, ...] = field(default=(CHANGE,))


STEPS: Final[Mapping[Action, Step]] = {
    Action.DISPATCH: Step(
        (OrderState.NEW, OrderState.DISPATCHED), OrderState.DISPATCHED, "dispatched_at"
    ),
    Action.ACCEPT: Step(
        (OrderState.DISPATCHED,), OrderState.ACCEPTED, "accepted_at", permissions=(CHANGE, HANDLE)
    ),
    Action.REJECT: Step(
        (OrderState.DISPATCHED, OrderState.ACCEPTED),
        OrderState.NEW,
        clears=("dispatched_at", "accepted_at"),
        permissions=(CHANGE, HANDLE),
    ),
    Action.ARRIVE: Step(
        (OrderState.ACCEPTED,), OrderState.ON_SITE, "on_site_at", permissions=(CHANGE, HANDLE)
    ),
    Action.RESTORE: Step(
        (OrderState.ACCEPTED, OrderState.ON_SITE),
        OrderState.RESTORED,
        "restored_at",
        permissions=(CHANGE, HANDLE),
    ),
    Action.CONFIRM: Step(
        (OrderState.RESTORED,),
        OrderState.CONFIRMED,
        "confirmed_at",
        permissions=(CHANGE, REPORT),
    ),
    Action.REOPEN: Step(
        (OrderState.RESTORED, OrderState.CONFIRMED),
        OrderState.ACCEPTED,
        clears=("restored_at", "confirmed_at"),
        permissions=(CHANGE, REPORT),
    ),
    Action.CLOSE: Step((OrderState.CONFIRMED,), OrderState.CLOSED, "closed_at"),
    Action.CANCEL: Step((OrderState.NEW, OrderState.DISPATCHED), OrderState.CANCELLED, "closed_at"),
}

PAUSABLE: Final = (OrderState.DISPATCHED, OrderState.ACCEPTED, OrderState.ON_SITE)


def may(user: User, action: Action) -> bool:
    """True when a person's roles allow an action."""
    step = STEPS.get(action)
    permissions = step.permissions if step else (CHANGE, HANDLE)
    if action == Action.COMMENT:
        permissions = (CHANGE, HANDLE, REPORT)
    return any(user.has_perm(permission) for permission in permissions)


def possible(order: WorkOrder, user: User) -> list[Action]:
    """What a person can do with an order now, what leads on before what leads back."""
    ranks = OrderState.values
    found = [
        action for action, step in STEPS.items() if order.state in step.before and may(user, action)
    ]
    found.sort(key=lambda action: ranks.index(STEPS[action].after) <= ranks.index(order.state))
    paused = order.pauses.filter(ended_at__isnull=True).exists()
    if order.state in PAUSABLE and may(user, Action.PAUSE):
        found.append(Action.RESUME if paused else Action.PAUSE)
    if order.is_open and may(user, Action.COMMENT):
        found.append(Action.COMMENT)
    return found


# ---- Opening -------------------------------------------------------------------------------


@transaction.atomic
def open_order(order: WorkOrder, user: User | None) -> WorkOrder:
    """Store a new order with what follows from its object, and the first line of its history.

    Raises:
        OrderError: its alarm has an open order already.
    """
    _complete(order)
    order.opened_by = user
    try:
        with transaction.atomic():
            order.save()
    except IntegrityError as error:
        raise OrderError(gettext_noop("This alarm has an open work order.")) from error
    _enter(order, EntryKind.OPENED, user, order.description)
    return order


def open_from_alarm(alarm: Alarm, user: User | None) -> WorkOrder:
    """An order for the fault that an alarm tells of; the alarm counts as acknowledged.

    Raises:
        OrderError: it has an open order already, or another alarm explains it.
    """
    if alarm.root_id is not None:
        raise OrderError(
            gettext_noop("Another alarm explains this one: open the order for that one.")
        )
    order = WorkOrder(
        title=str(alarm)[:200],
        source=Source.ALARM,
        level=alarm.level,
        alarm=alarm,
        reported_at=alarm.first_at,
        cause=alarm.cause,
        party=alarm.party if alarm.party != "unknown" else "",
    )
    about = refs.find(alarm.ref)
    for model, name in _OBJECTS:
        if isinstance(about, model):
            setattr(order, name, about)
    order.unit = order.unit or alarm.unit
    order.region = alarm.region
    with transaction.atomic():
        open_order(order, user)
        alarms.acknowledge(
            Alarm.objects.filter(pk=alarm.pk), user, gettext("Work order %s") % order.number
        )
    return order


_OBJECTS: Final = (
    (Unit, "unit"),
    (AccessPoint, "access_point"),
    (Circuit, "circuit"),
    (Device, "device"),
)


def _complete(order: WorkOrder) -> None:
    """What the ledger knows of the object: its access point, unit, region and carrier."""
    if order.circuit and not order.access_point:
        order.access_point = order.circuit.access_point
    if order.device and not order.access_point:
        order.access_point = order.device.access_point
    if order.access_point and not order.unit:
        order.unit = order.access_point.unit
    if not order.region and (owner := order.unit or order.device):
        order.region = owner.region
    if order.circuit and not order.contractor:
        order.contractor = Contractor.objects.filter(carrier=order.circuit.carrier_id).first()


# ---- Steps ---------------------------------------------------------------------------------


def take(
    order: WorkOrder,
    action: Action,
    user: User,
    text: str = "",
    **values: Any,  # noqa: ANN401
) -> None:
    """Take a step of an order's life.

    Args:
        order: the order; it is changed to what was written.
        action: one of ``STEPS``.
        user: who does it.
        text: for the history.
        values: further fields to set (contractor, cause, party, score).

    Raises:
        OrderError: the person may not, or the order is not in a state for it (any more).
    """
    step = STEPS[action]
    if not may(user, action):
        raise OrderError(gettext_noop("Your roles do not allow this step."))
    now = timezone.now()
    changes: dict[str, Any] = {**values, "state": step.after, "updated_at": now}
    changes |= dict.fromkeys(step.clears)
    if step.stamp:
        changes[step.stamp] = now
    with transaction.atomic():
        won = WorkOrder.objects.filter(pk=order.pk, state__in=step.before).update(**changes)
        if not won:
            raise OrderError(gettext_noop("The order is in another state by now: look again."))
        if step.after not in PAUSABLE:
            _end_pause(order)
        _enter(order, EntryKind(action.value), user, text)
        order.refresh_from_db()
        if action == Action.CLOSE:
            _close_alarm(order, user, text)


def _close_alarm(order: WorkOrder, user: User, text: str) -> None:
    """One cause from the order to the alarm, so that statements count by it."""
    if order.alarm_id is not None:
        found = Alarm.objects.filter(pk=order.alarm_id)
        said = text or order.number
        if not alarms.close(found, user, order.cause, order.party, said):
            alarms.judge(found, user, order.cause, order.party, said)


def comment(order: WorkOrder, user: User, text: str) -> None:
    """Add a line to the history."""
    _enter(order, EntryKind.COMMENT, user, text)


def enter_overdue(order: WorkOrder, text: str) -> None:
    """Note that a clock has run over."""
    _enter(order, EntryKind.OVERDUE, None, text)


def _enter(order: WorkOrder, kind: EntryKind, actor: User | None, text: str) -> None:
    OrderEntry.objects.create(
        order=order, at=timezone.now(), kind=kind, actor=actor, text=text[:1000]
    )


# ---- Pauses --------------------------------------------------------------------------------


def pause(
    order: WorkOrder, user: User, reason: str, explanation: str, proof: UploadedFile[Any]
) -> OrderPause:
    """Stop the clocks.

    Raises:
        OrderError: they stand still already, or the order is not being worked on.
        UploadError: the proof cannot be stored.
    """
    if order.state not in PAUSABLE:
        raise OrderError(gettext_noop("Only an order that is being worked on can be paused."))
    made = OrderPause(
        order=order,
        reason=reason,
        explanation=explanation,
        started_at=timezone.now(),
        by=user,
    )
    kept = keep(made.proof, proof)
    made.proof_name, made.proof_digest = kept.name, kept.digest
    try:
        with transaction.atomic():
            made.save()
            _enter(order, EntryKind.PAUSE, user, explanation)
    except IntegrityError as error:
        made.proof.delete(save=False)
        raise OrderError(gettext_noop("The clocks stand still already.")) from error
    return made


def resume(order: WorkOrder, user: User, text: str = "") -> None:
    """Let the clocks go on.

    Raises:
        OrderError: they do not stand still.
    """
    with transaction.atomic():
        if not _end_pause(order):
            raise OrderError(gettext_noop("The clocks do not stand still."))
        _enter(order, EntryKind.RESUME, user, text)


def _end_pause(order: WorkOrder) -> int:
    running = OrderPause.objects.filter(Q(order=order) & Q(ended_at__isnull=True))
    return running.update(ended_at=timezone.now())
