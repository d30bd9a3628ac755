"""The evidence pack of a work order: changes of state, raw probe results, the alarm's timeline.

It is put together by itself when the order is opened and when the repair is reported. Each
piece is kept with its hash, because raw samples expire after weeks and a dispute about a
deduction comes after months.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from govnet.alarms.models import AlarmEntry
from govnet.config import get_config
from govnet.monitor.models import Flip, Target
from govnet.operations.models import OrderEvidence, WorkOrder
from govnet.telemetry.client import TelemetryUnavailableError, shared_client
from govnet.telemetry.queries import raw_interface, raw_probes

if TYPE_CHECKING:
    from pyarrow import Table

AROUND: Final = timedelta(minutes=30)
TARGETS: Final = 4
FLIPS: Final = 200
SAMPLES: Final = 500
COLUMNS: Final = ("ts", "outcome", "sent", "received", "rtt_ms", "reason")
PORT_COLUMNS: Final = ("ts", "oper_up", "in_octets", "out_octets")

Piece = tuple[str, str, Any]


def collect(order: WorkOrder) -> list[OrderEvidence]:
    """Keep what is known around the fault; a piece that says the same as before is not repeated.

    Returns:
        the new pieces.
    """
    start = order.reported_at - AROUND
    end = min((order.restored_at or timezone.now()) + AROUND, timezone.now())
    known = set(order.evidence.values_list("digest", flat=True))
    made = []
    for kind, title, content in _pieces(order, start, end):
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        digest = sha256(text.encode()).hexdigest()
        if digest not in known:
            made.append(
                OrderEvidence(
                    order=order,
                    kind=kind,
                    title=title[:200],
                    content=content,
                    digest=digest,
                    collected_at=timezone.now(),
                )
            )
    return OrderEvidence.objects.bulk_create(made)


def measuring(order: WorkOrder) -> list[Target]:
    """The targets that tell of an order's object."""
    about = Q(pk__in=[])
    if order.access_point_id:
        about |= Q(access_point=order.access_point_id)
    if order.circuit_id:
        about |= Q(circuit=order.circuit_id)
    if order.device_id:
        about |= Q(device=order.device_id)
    if order.unit_id and not (order.access_point_id or order.device_id):
        about |= Q(unit=order.unit_id) | Q(access_point__unit=order.unit_id)
    if order.alarm is not None and order.alarm.object_kind == "target":
        about |= Q(pk=order.alarm.object_id)
    return list(Target.objects.filter(about).order_by("kind", "pk")[:TARGETS])


def _pieces(order: WorkOrder, start: datetime, end: datetime) -> Iterator[Piece]:
    targets = measuring(order)
    flips = Flip.objects.filter(target__in=targets, at__range=(start, end)).order_by("at")
    rows = [_flip(flip) for flip in flips.select_related("target")[:FLIPS]]
    if rows:
        yield "flips", _("Changes of state"), rows
    for target in targets:
        yield from _samples(target, start, end)
    if order.alarm_id is not None:
        entries = AlarmEntry.objects.filter(alarm=order.alarm_id).order_by("at", "pk")[:FLIPS]
        yield "alarm", _("Timeline of the alarm"), [_entry(entry) for entry in entries]


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "id": flip.pk,
        "target": flip.target.name,
        "from": flip.old_state,
        "to": flip.new_state,
        "at": flip.at.isoformat(),
        "confirmed_at": flip.confirmed_at.isoformat(),
        "reason": flip.reason,
    }


def _entry(entry: AlarmEntry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "text": entry.text,
        "evidence": entry.evidence,
    }


def _samples(target: Target, start: datetime, end: datetime) -> Iterator[Piece]:
    """Raw results of one target; a store that does not answer is said, never left out."""
    for title, columns, read in _readings(target):
        try:
            table = read(shared_client(get_config()), start=start, end=end, limit=SAMPLES)
        except TelemetryUnavailableError:
            yield "missing", title, {"missing": _("The store of samples did not answer.")}
            continue
        rows = [
            {name: _plain(value) for name, value in row.items() if name in columns}
            for row in table.to_pylist()
        ]
        if rows:
            yield "samples", title, rows


def _readings(target: Target) -> Iterator[tuple[str, tuple[str, ...], Callable[..., Table]]]:
    """What is read for a target: its own results, or those of the ports at its line's ends."""
    if target.circuit is None:
        title = _("Raw results of %s") % target.name
        yield title, COLUMNS, partial(raw_probes, target_id=target.pk)
        return
    for port in filter(None, (target.circuit.a_port, target.circuit.z_port)):
        if port.if_index is not None:
            title = _("Raw results of %s") % port
            read = partial(raw_interface, device_id=port.device_id, if_index=port.if_index)
            yield title, PORT_COLUMNS, read


def _plain(value: Any) -> Any:  # noqa: ANN401  # a cell of any column
    return value.isoformat() if isinstance(value, datetime) else value
