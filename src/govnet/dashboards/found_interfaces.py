"""What a device has and the ledger lacks: shown on the device's page, entered by a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from govnet.accounts.models import User
from govnet.inventory.interface_names import canonical
from govnet.inventory.models import Device
from govnet.inventory.services import Interfaces, NewPort, add_ports
from govnet.monitor.models import DeviceInterfaces
from govnet.monitor.services import Interface

SHOWN: Final = 100
"""Rows of the panel; all of them are entered by "add all" nevertheless, and counted there."""

KINDS: Final = {
    6: gettext_lazy("Ethernet"),
    23: "PPP",
    24: gettext_lazy("Loopback"),
    53: gettext_lazy("Virtual"),
    131: gettext_lazy("Tunnel"),
    135: "VLAN",
    136: "VLAN",
    161: gettext_lazy("Link aggregation"),
}
"""Words for IANA ifType; what is not here is shown by its number."""

USELESS: Final = frozenset({1, 24})
"""Other (NULL0) and loopback: nothing that a port of the ledger could be."""


@dataclass(frozen=True, slots=True)
class Found:
    """One interface that the ledger lacks.

    Attributes:
        unique: the device calls only this one so; what bears another's name is entered by hand.
    """

    interface: Interface
    unique: bool

    @property
    def key(self) -> str:
        """What the form sends: the index and the name, so that neither alone can be mistaken."""
        return f"{self.interface.if_index} {self.interface.name}"

    @property
    def kind(self) -> str:
        """The type in words."""
        number = self.interface.if_type
        return str(KINDS.get(number, number or "—"))


def reading(device: Device) -> tuple[datetime | None, list[Interface]]:
    """When the device's interfaces were read last, and what they were."""
    row = DeviceInterfaces.objects.filter(device=device).first()
    if row is None or row.read_at is None:
        return None, []
    return row.read_at, [Interface(**each) for each in row.interfaces]


def not_in_ledger(device: Device, interfaces: Sequence[Interface]) -> list[Found]:
    """Those that no port of the ledger stands for, by name in any spelling, alias or index."""
    told = Interfaces.of(
        [each.if_index for each in interfaces],
        [each.name for each in interfaces],
        [each.alias for each in interfaces],
    )
    taken: set[int | None] = set()
    for port in device.ports.all():
        taken |= {port.if_index, told.index_of(port)}
    names = Counter(canonical(each.name) for each in interfaces)
    return [
        Found(each, bool(each.name) and names[canonical(each.name)] == 1)
        for each in interfaces
        if each.if_index not in taken and each.if_type not in USELESS
    ]


def panel(request: HttpRequest, device: Device) -> dict[str, Any] | None:
    """The panel of a device whose interfaces were read."""
    if not request.user.has_perm("inventory.view_port"):
        return None
    read_at, interfaces = reading(device)
    if read_at is None:
        return None
    found = not_in_ledger(device, interfaces)
    return {
        "read_at": read_at,
        "total": len(interfaces),
        "found": found[:SHOWN],
        "missing": len(found),
        "unique": sum(each.unique for each in found),
        "may_add": request.user.has_perm("inventory.add_port"),
    }


@require_POST
@permission_required("inventory.add_port", raise_exception=True)
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter one of what was found (``interface``: its key) or all (``all``)."""
    assert isinstance(request.user, User)
    device = get_object_or_404(Device.objects.restrict(request.user), pk=pk)
    found = not_in_ledger(device, reading(device)[1])
    wanted = set(request.POST.getlist("interface"))
    chosen = [
        each for each in found if each.unique and ("all" in request.POST or each.key in wanted)
    ]
    try:
        added = add_ports(device, [_port(each.interface) for each in chosen])
    except IntegrityError:  # somebody entered one of them by hand at the same moment
        added = []
    if added:
        text = ngettext("%d port was added.", "%d ports were added.", len(added)) % len(added)
        messages.success(request, text)
    else:
        messages.warning(
            request, _("Nothing was added: the device or the ledger changed meanwhile.")
        )
    return redirect(device)


def _port(interface: Interface) -> NewPort:
    return NewPort(interface.name, interface.if_index, interface.alias)
