"""Contracts that end, told at each horizon through the alarms: rules term_90, term_30 and term_7.

Whoever a notice policy tells of alarms of their level and region is told; *My overdue things*
and the expiry calendar show the same contracts.
"""

from __future__ import annotations

from datetime import datetime, time

from django.utils import timezone

from govnet.alarms import measured, refs
from govnet.alarms.choices import ObjectKind
from govnet.alarms.measured import Subject
from govnet.alarms.refs import Ref
from govnet.projects.choices import ContractState
from govnet.projects.models import Contract


def subjects() -> list[Subject]:
    """Contracts in force with a last day and without a renewal."""
    rows = Contract.objects.filter(
        state=ContractState.ACTIVE, expires_on__isnull=False, renewal__isnull=True
    )
    zone = timezone.get_default_timezone()
    return [
        # By calendar days, as people count and the expiry calendar does.
        Subject(Ref(ObjectKind.CONTRACT.value, pk), ends_at=datetime.combine(day, time.min, zone))
        for pk, day in rows.order_by("pk").values_list("pk", "expires_on")
        if day is not None
    ]


def register() -> None:
    """Tell alarms of contracts; safe to call again."""
    owners = {ObjectKind.REGION.value: "lot__project__region_id"}
    refs.register(ObjectKind.CONTRACT, Contract, ("number", "name"), owners)
    measured.register(ObjectKind.CONTRACT, subjects)
