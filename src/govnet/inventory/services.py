"""What other apps may change in the ledger."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction

from govnet.core.changes import update_all
from govnet.inventory.models import Port


@dataclass(frozen=True, slots=True)
class Interfaces:
    """The interfaces that a device has now: ifIndex by name and by description (alias).

    Attributes:
        names: of ifName, else ifDescr.
        aliases: of ifAlias, which people write: a second chance where the names differ.
    """

    names: Mapping[str, int] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, if_index: Iterable[int], names: Iterable[str], aliases: Iterable[str]
    ) -> Interfaces:
        """From the columns of an interface table; what two interfaces bear names neither."""
        indices = list(if_index)
        return cls(_unique(names, indices), _unique(aliases, indices))

    def index_of(self, port: Port) -> int | None:
        """The ifIndex of the ledger's port; None when the device has no such interface."""
        found = self.names.get(_fold(port.name))
        return self.aliases.get(_fold(port.alias)) if found is None else found


def _fold(text: str) -> str:
    return text.strip().casefold()


def _unique(texts: Iterable[str], indices: list[int]) -> dict[str, int]:
    found: dict[str, set[int]] = defaultdict(set)
    for text, index in zip(texts, indices, strict=False):
        found[_fold(text)].add(index)
    return {text: next(iter(all_)) for text, all_ in found.items() if text and len(all_) == 1}


def bind_ports(devices: Mapping[int, Interfaces]) -> int:
    """Give ports the ifIndex that their device has for their name, in the audit trail as well.

    A port without one gets one; after a device has numbered its interfaces anew they follow. A
    port that the device does not have keeps its index unless another port now bears it. Nothing
    is added to the ledger.

    Args:
        devices: what each device has, by the device's id.

    Returns:
        how many ports changed.
    """
    pairs = []
    ports = Port.objects.filter(device__in=list(devices)).select_related("device").order_by("pk")
    taken: dict[tuple[int, int], Port] = {}
    rows = list(ports)
    for port in rows:
        index = devices[port.device_id].index_of(port)
        if index is not None:
            taken.setdefault((port.device_id, index), port)
    wanted = {port.pk: index for (_device, index), port in taken.items()}
    for port in rows:
        index = wanted.get(port.pk)
        if index is None and (port.device_id, port.if_index or 0) not in taken:
            continue
        if index != port.if_index:
            before = copy.copy(port)
            port.if_index = index
            pairs.append((before, port))
    if pairs:
        with transaction.atomic():
            # Emptied first: two that swap their indices would otherwise meet on the way.
            Port.objects.filter(pk__in=[port.pk for _old, port in pairs]).update(if_index=None)
            update_all(pairs, ["if_index"])
    return len(pairs)
