"""What other apps may change in the ledger."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from django.db import transaction

from govnet.core.changes import create_all, update_all
from govnet.inventory.interface_names import canonical
from govnet.inventory.models import (
    PORT_ALIAS_LENGTH,
    PORT_NAME_LENGTH,
    Carrier,
    Circuit,
    Device,
    Port,
)


@dataclass(frozen=True, slots=True)
class Interfaces:
    """The interfaces that a device has now: ifIndex by name and by description (alias).

    Attributes:
        names: of ifName, else ifDescr, in ``canonical`` spelling.
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
        return cls(_unique(map(canonical, names), indices), _unique(map(_fold, aliases), indices))

    def index_of(self, port: Port) -> int | None:
        """The ifIndex of the ledger's port; None when the device has no such interface."""
        found = self.names.get(canonical(port.name))
        return self.aliases.get(_fold(port.alias)) if found is None else found


def _fold(text: str) -> str:
    return text.strip().casefold()


def _unique(texts: Iterable[str], indices: list[int]) -> dict[str, int]:
    found: dict[str, set[int]] = defaultdict(set)
    for text, index in zip(texts, indices, strict=False):
        found[text].add(index)
    return {text: next(iter(all_)) for text, all_ in found.items() if text and len(all_) == 1}


@dataclass(frozen=True, slots=True)
class NewPort:
    """A port to enter as its device tells it."""

    name: str
    if_index: int
    alias: str = ""


@transaction.atomic
def add_ports(device: Device, wanted: Iterable[NewPort]) -> list[Port]:
    """Enter ports that a person accepted, in the audit trail as well.

    What the ledger has by now, under this name in any spelling or with this index, stays as it
    is: two who accept at once add nothing twice.
    """
    Device.objects.select_for_update().get(pk=device.pk)
    names, indices = set(), set()
    for name, index in device.ports.values_list("name", "if_index"):
        names.add(canonical(name))
        indices.add(index)
    new = []
    for port in wanted:
        if canonical(port.name) not in names and port.if_index not in indices:
            names.add(canonical(port.name))
            indices.add(port.if_index)
            new.append(_new_port(device, port))
    create_all(new)
    return new


def _new_port(device: Device, port: NewPort) -> Port:
    name, alias = port.name[:PORT_NAME_LENGTH], port.alias[:PORT_ALIAS_LENGTH]
    return Port(device=device, name=name, if_index=port.if_index, alias=alias)


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


# What reality has shown: ports and ends of circuits


def port_of(device: Device, name: str, if_index: int | None = None) -> Port:
    """The device's port of that name or interface index; it is added when there is none."""
    ports = Port.objects.filter(device=device)
    found = ports.filter(name__iexact=name).first()
    if found is None and if_index is not None:
        found = ports.filter(if_index=if_index).first()
    return found or Port.objects.create(device=device, name=name, if_index=if_index)


def correct_end(circuit: Circuit, end: Literal["a_port", "z_port"], port: Port) -> None:
    """Put an end of a circuit on another port.

    Raises:
        ValidationError: the ledger's rules forbid it.
    """
    setattr(circuit, end, port)
    circuit.full_clean()
    circuit.save()


def register_circuit(
    number: str, kind: str, carrier: Carrier, a_port: Port, z_port: Port
) -> Circuit:
    """Enter a circuit between two ports.

    Raises:
        ValidationError: the number is taken, or another rule of the ledger forbids it.
    """
    circuit = Circuit(number=number, kind=kind, carrier=carrier, a_port=a_port, z_port=z_port)
    circuit.full_clean()
    circuit.save()
    return circuit
