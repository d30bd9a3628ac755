"""What figures and statements can be about; apps above register their own kinds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.inventory.models import AccessPoint, Carrier, Circuit, LifeCycle, Region, Unit
from govnet.monitor.models import Target
from govnet.sla.inputs import Scope
from govnet.sla.models import ObjectKind
from govnet.sla.objects import MODELS

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from govnet.core.querysets import Viewer

SITE: Final = Scope("site", 0)


def _nobody_else(_instance: object) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ScopeKind:
    """One kind of thing that has an availability.

    Attributes:
        key: stable name, stored with statements: ``carrier``.
        label: what people call it.
        model: its model, with ``objects.restrict(user)``; None for the whole site.
        members: the objects that its statement lists, by its id.
        own: True where it is measured by itself (a unit); else its figure is its members'.
        owners: who may see its statements: values of ``region``, ``unit`` and ``contractor``.
        listed: offered for statements and schedules.
        seen_by: whose figures a person may see, where that is less than the things themselves.
    """

    key: str
    label: StrPromise | str
    model: type[Model] | None
    members: Callable[[int], Collection[Scope]]
    own: bool = False
    owners: Callable[[Any], Mapping[str, Any]] = _nobody_else
    listed: bool = True
    seen_by: Callable[[Viewer], QuerySet[Any]] | None = None

    def visible(self, user: Viewer) -> QuerySet[Any]:
        """The things of this kind whose figures a person may see."""
        if self.seen_by is not None:
            return self.seen_by(user)
        assert self.model is not None
        manager: Any = self.model._default_manager  # noqa: SLF001  # Django documents it
        found: QuerySet[Any] = manager.restrict(user)
        return found


_kinds: dict[str, ScopeKind] = {}


def register_scope(kind: ScopeKind) -> None:
    """Let figures and statements be about a kind of thing; call it in ``AppConfig.ready``."""
    _kinds[kind.key] = kind


def scope_kind(key: str) -> ScopeKind:
    """A registered kind.

    Raises:
        KeyError: there is none of that name.
    """
    return _kinds[key]


def scope_kinds() -> list[ScopeKind]:
    """The kinds that statements are offered for."""
    return [kind for kind in _kinds.values() if kind.listed]


def instance_of(scope: Scope) -> Any:  # noqa: ANN401  # the kind's own model
    """The thing itself; None for the whole site and for what no longer exists."""
    model = scope_kind(scope.kind).model
    if model is None:
        return None
    manager: Any = model._default_manager  # noqa: SLF001  # Django documents it
    return manager.filter(pk=scope.pk).first()


def name_of(scope: Scope) -> str:
    """What people call it."""
    return _("Whole site") if scope == SITE else str(instance_of(scope) or scope)


def may_see(user: Viewer, scope: Scope) -> bool:
    """Whether a person may see the figures of a thing."""
    kind = _kinds.get(scope.kind)
    if kind is None or isinstance(user, AnonymousUser):
        return False
    if kind.model is None:
        return user.sees_everything
    return kind.visible(user).filter(pk=scope.pk).exists()


def scopes_of(kind: ScopeKind) -> list[Scope]:
    """Every thing of a kind."""
    if kind.model is None:
        return [SITE]
    manager: Any = kind.model._default_manager  # noqa: SLF001  # Django documents it
    return [Scope(kind.key, pk) for pk in manager.order_by("pk").values_list("pk", flat=True)]


# ---- The kinds of the ledger ---------------------------------------------------------------


def _circuits(carrier: int) -> list[Scope]:
    rows = Circuit.objects.filter(carrier=carrier).exclude(status=LifeCycle.PLANNED)
    return [Scope("circuit", pk) for pk in rows.order_by("number").values_list("pk", flat=True)]


def _unit_parts(unit: int) -> list[Scope]:
    points = AccessPoint.objects.filter(unit=unit).exclude(status=LifeCycle.PLANNED)
    own = Target.objects.filter(unit=unit, access_point=None, device=None)
    return [
        *(Scope("access_point", pk) for pk in points.order_by("code").values_list("pk", flat=True)),
        *(Scope("target", pk) for pk in own.order_by("name").values_list("pk", flat=True)),
    ]


def _units(region: int) -> list[Scope]:
    below = Region.objects.descendants(region, include_self=True).values("pk")
    rows = Unit.objects.filter(region__in=below).order_by("code")
    return [Scope("unit", pk) for pk in rows.values_list("pk", flat=True)]


def _all_units(_site: int) -> list[Scope]:
    rows = Unit.objects.order_by("code").values_list("pk", flat=True)
    return [Scope("unit", pk) for pk in rows]


def _owner(name: str, instance: object) -> Mapping[str, Any]:
    return {name: instance}


def _itself(kind: str, pk: int) -> list[Scope]:
    return [Scope(kind, pk)]


def _carriers_of(user: Viewer) -> QuerySet[Any]:
    """Everybody knows the carriers; their figures are the site's and their own people's."""
    if isinstance(user, AnonymousUser) or user.sees_everything:
        return Carrier.objects.restrict(user)
    return Carrier.objects.filter(contractor__in=user.scope_contractor_ids)


def _contractor(carrier: Carrier) -> dict[str, Any]:
    return {"contractor": getattr(carrier, "contractor", None)}


def register_ledger() -> None:
    """The kinds that the ledger knows; safe to call again."""
    for key, label in ObjectKind.choices:
        if key != ObjectKind.UNIT:
            register_scope(
                ScopeKind(
                    key,
                    label,
                    MODELS[key],
                    partial(_itself, key),
                    own=True,
                    listed=False,
                )
            )
    register_scope(
        ScopeKind(
            "carrier",
            gettext_lazy("Carrier"),
            Carrier,
            _circuits,
            owners=_contractor,
            seen_by=_carriers_of,
        )
    )
    register_scope(
        ScopeKind(
            "region", gettext_lazy("Region"), Region, _units, owners=partial(_owner, "region")
        )
    )
    register_scope(
        ScopeKind(
            "unit",
            gettext_lazy("Unit"),
            Unit,
            _unit_parts,
            own=True,
            owners=partial(_owner, "unit"),
        )
    )
    register_scope(ScopeKind("site", gettext_lazy("Whole site"), None, _all_units))
