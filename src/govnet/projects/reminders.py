"""Contracts that end, told at each horizon through the alarms: rules term_90, term_30 and term_7.

Whoever a notice policy tells of alarms of their level and region is told; *My overdue things*
and the expiry calendar show the same contracts. Its circuits tell nothing of their own: a contract
that ends is one alarm, which says how many circuits hang on it.
"""

from __future__ import annotations

from datetime import datetime, time

from django.db.models import QuerySet
from django.utils import timezone

from govnet.alarms import measured, refs
from govnet.alarms.choices import ObjectKind
from govnet.alarms.measured import Subject, circuits_impact
from govnet.alarms.refs import Ref
from govnet.inventory.models import Circuit
from govnet.projects.choices import ContractState
from govnet.projects.models import Contract
from govnet.projects.service_levels import circuits_of


def _dated() -> QuerySet[Contract]:
    return Contract.objects.filter(state=ContractState.ACTIVE, expires_on__isnull=False)


def subjects() -> list[Subject]:
    """Contracts in force with a last day and without a renewal."""
    rows = _dated().filter(renewal=None).order_by("pk").values_list("pk", "number", "expires_on")
    circuits = circuits_of(pk for pk, *_ in rows)
    every = Circuit.objects.filter(pk__in=set().union(*circuits.values())).order_by("number")
    names = dict(every.values_list("pk", "number"))
    zone = timezone.get_default_timezone()
    return [
        Subject(
            Ref(ObjectKind.CONTRACT.value, pk),
            # By calendar days, as people count and the expiry calendar does.
            ends_at=datetime.combine(day, time.min, zone),
            impact=circuits_impact(
                [n for each, n in names.items() if each in circuits[pk]], number
            ),
        )
        for pk, number, day in rows
        if day is not None
    ]


def told_circuits() -> set[int]:
    """Circuits of contracts in force that say when they end; a renewed one has nothing to tell."""
    return set().union(*circuits_of(_dated().values_list("pk", flat=True)).values())


def register() -> None:
    """Tell alarms of contracts; safe to call again."""
    owners = {ObjectKind.REGION.value: "lot__project__region_id"}
    refs.register(ObjectKind.CONTRACT, Contract, ("number", "name"), owners)
    measured.register(ObjectKind.CONTRACT, subjects)
    measured.tells_contracts_of(told_circuits)
