"""The global search: one box finds a unit, an address, a circuit, a device or a contact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.inventory.models import AccessPoint, Circuit, Contact, Device, Region, Unit

if TYPE_CHECKING:
    from govnet.accounts.models import User

SHORTEST = 2
PER_KIND = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """One found object: what it is called, what tells it apart, where it leads."""

    label: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind."""

    label: str | Promise
    hits: tuple[Hit, ...]


def _contains(words: list[str], *fields: str) -> Q:
    """Every word in any of the fields: "经开 政务" finds 经开区政务中心."""
    condition = Q()
    for word in words:
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__icontains": word})
        condition &= any_field
    return condition


def _take(queryset: QuerySet[Any], condition: Q) -> Iterable[Any]:
    return queryset.filter(condition)[:PER_KIND]


def _units(user: User, words: list[str]) -> Iterable[Hit]:
    rows = Unit.objects.restrict(user).select_related("region")
    for unit in _take(rows, _contains(words, "name", "code")):
        yield Hit(unit.name, f"{unit.code} · {unit.region.name}", unit.get_absolute_url())


def _access_points(user: User, words: list[str]) -> Iterable[Hit]:
    rows = AccessPoint.objects.restrict(user).select_related("unit")
    for point in _take(rows, _contains(words, "name", "code", "ipv4", "ipv6", "place")):
        note = " · ".join(filter(None, (point.ipv4 or point.ipv6, point.code)))
        yield Hit(point.name, note, point.get_absolute_url())


def _devices(user: User, words: list[str]) -> Iterable[Hit]:
    rows = Device.objects.restrict(user)
    fields = ("name", "management_ipv4", "management_ipv6", "serial_number")
    for device in _take(rows, _contains(words, *fields)):
        note = " · ".join(filter(None, (device.management_address, device.get_layer_display())))
        yield Hit(device.name, note, device.get_absolute_url())


def _circuits(user: User, words: list[str]) -> Iterable[Hit]:
    rows = Circuit.objects.restrict(user).select_related("carrier", "access_point")
    fields = ("number", "contract_number")
    for circuit in _take(rows, _contains(words, *fields)):
        note = " · ".join(filter(None, (circuit.carrier.name, str(circuit.access_point or ""))))
        yield Hit(circuit.number, note, circuit.get_absolute_url())


def _contacts(user: User, words: list[str]) -> Iterable[Hit]:
    rows = Contact.objects.restrict(user).select_related("unit")
    for contact in _take(rows, _contains(words, "name", "phone")):
        note = f"{contact.unit.name} · {contact.get_role_display()}"
        # A contact's page is its unit: there stands everything that a caller asks about.
        yield Hit(f"{contact.name} {contact.phone}", note, contact.unit.get_absolute_url())


def _regions(user: User, words: list[str]) -> Iterable[Hit]:
    rows = Region.objects.without_tree_fields().restrict(user)
    for region in _take(rows, _contains(words, "name", "code")):
        yield Hit(region.name, region.get_level_display(), region.get_absolute_url())


KINDS = (
    (_("Units"), "inventory.view_unit", _units),
    (_("Access points"), "inventory.view_accesspoint", _access_points),
    (_("Devices"), "inventory.view_device", _devices),
    (_("Circuits"), "inventory.view_circuit", _circuits),
    (_("Contacts"), "inventory.view_contact", _contacts),
    (_("Regions"), "inventory.view_region", _regions),
)


def find(user: User, text: str) -> list[Group]:
    """What the user may see that holds every word of ``text``, by kind; at most six a kind."""
    words = text.split()[:5]
    if sum(map(len, words)) < SHORTEST:
        return []
    groups = []
    for label, permission, search in KINDS:
        if not user.has_perm(permission):
            continue
        hits = tuple(search(user, words))
        if hits:
            groups.append(Group(label, hits))
    return groups
