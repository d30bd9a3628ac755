"""The life of an exclusion: proposed by one person, approved or rejected by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from govnet.core.uploads import keep
from govnet.inventory.models import Circuit, Region
from govnet.monitor.models import Target
from govnet.sla.models import Exclusion, ExclusionStatus

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from govnet.accounts.models import User

WITHDRAWABLE: Final = {ExclusionStatus.PROPOSED, ExclusionStatus.APPROVED}


class DecisionError(Exception):
    """The decision is not possible; the message says why."""


def propose(exclusion: Exclusion, proof: UploadedFile[Any], user: User) -> Exclusion:
    """Keep a new exclusion with its proof; it does not count yet.

    Raises:
        UploadError: the proof cannot be stored.
    """
    exclusion.proof_digest = keep(exclusion.proof, proof).digest
    exclusion.status, exclusion.proposed_by = ExclusionStatus.PROPOSED, user
    exclusion.save()
    return exclusion


def decide(exclusion: Exclusion, status: ExclusionStatus, reason: str, user: User) -> None:
    """Approve, reject or withdraw; exactly one of several who try at once succeeds.

    Approving and rejecting is for another person than who proposed. An approved exclusion may
    be withdrawn by anybody who may decide: figures computed from then on count the time again,
    and statements that were issued show the difference when issued anew.

    Raises:
        DecisionError: the person may not, a reason is missing, or it was decided already.
    """
    others = status in (ExclusionStatus.APPROVED, ExclusionStatus.REJECTED)
    if others and exclusion.proposed_by_id == user.pk:
        raise DecisionError(_("Another person than who proposed it decides."))
    if status != ExclusionStatus.APPROVED and not reason.strip():
        raise DecisionError(_("Give the reason."))
    before = {ExclusionStatus.PROPOSED} if others else WITHDRAWABLE
    with transaction.atomic():
        locked = Exclusion.objects.select_for_update().get(pk=exclusion.pk)
        if locked.status not in before:
            raise DecisionError(_("It was decided meanwhile."))
        locked.status, locked.decision = status, reason.strip()
        locked.decided_by, locked.decided_at = user, timezone.now()
        locked.save()


def approved(start: datetime, end: datetime) -> QuerySet[Exclusion]:
    """Those that count inside a period, oldest first."""
    return (
        Exclusion.objects.filter(
            status=ExclusionStatus.APPROVED, starts_at__lt=end, ends_at__gt=start
        )
        .select_related(*Exclusion.OBJECT_FIELDS)
        .order_by("starts_at", "pk")
    )


def target_ids(exclusion: Exclusion) -> set[int]:
    """Targets whose time does not count: those that the object is measured by."""
    about = next(name for name in Exclusion.OBJECT_FIELDS if getattr(exclusion, f"{name}_id"))
    reach = _REACH[about](getattr(exclusion, about))
    return set(Target.objects.filter(reach).values_list("pk", flat=True))


def _of_circuit(circuit: Circuit) -> Q:
    own = Q(circuit=circuit)
    point = circuit.access_point_id
    return own | Q(access_point=point) if point else own


def _of_region(region: Region) -> Q:
    below = Region.objects.descendants(region, include_self=True).values("pk")
    paths = (Q(**{f"{path}__in": below}) for path in Target.region_lookups)
    return reduce(or_, paths)


_REACH: Final[Mapping[str, Callable[[Any], Q]]] = {
    "target": lambda target: Q(pk=target.pk),
    "device": lambda device: Q(device=device),
    "access_point": lambda point: (
        Q(access_point=point) | Q(device__access_point=point) | Q(circuit__access_point=point)
    ),
    "circuit": _of_circuit,
    "unit": lambda unit: (
        Q(unit=unit)
        | Q(access_point__unit=unit)
        | Q(device__access_point__unit=unit)
        | Q(circuit__access_point__unit=unit)
    ),
    "region": _of_region,
}
