"""What traffic can be grouped by, and what people call the values that the store keeps."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.accounts.models import User
from govnet.config import get_config
from govnet.core.registry import get_resource
from govnet.inventory.models import AccessPoint, Carrier, Circuit, Unit
from govnet.telemetry.schema import INTERNAL, INWARD, OUTWARD, TRANSIT
from govnet.traffic.applications import Rule, RulesError, name_of, rules_of, shipped_rules
from govnet.traffic.models import FlowExporter

DIRECTIONS: Final[Mapping[int, str | Promise]] = {
    OUTWARD: gettext_lazy("Outward"),
    INWARD: gettext_lazy("Inward"),
    INTERNAL: gettext_lazy("Internal"),
    TRANSIT: gettext_lazy("Transit"),
}
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 89: "OSPF"}


@dataclass(frozen=True, slots=True)
class Named:
    """One value of a dimension.

    Attributes:
        label: what people call it.
        filter_text: what the filter of the dimension takes for it; empty when it has none.
        url: the object's page.
    """

    label: str
    filter_text: str = ""
    url: str = ""


Names = Callable[[User, set[Any]], Mapping[Any, Named]]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A column of flows as people choose it.

    Attributes:
        label: what it is called.
        names: names of values, of those that the user may see.
        filter_name: the explorer's filter for it.
        rolled: whether years of it are kept, or only the days of single flows.
    """

    label: str | Promise
    names: Names
    filter_name: str = ""
    rolled: bool = True


def rules() -> list[Rule]:
    """The application rules; those that came with GovNet when the site's own are wrong."""
    try:
        return rules_of(get_config().data_dir)
    except RulesError:
        return list(shipped_rules())


def plain_address(text: object) -> str:
    """An address as people write it: IPv4 without the prefix that maps it into IPv6."""
    address = ipaddress.IPv6Address(str(text))
    return str(address.ipv4_mapped or address)


def _objects(model: type[Model], none: str | Promise) -> Names:
    def names(user: User, values: set[Any]) -> Mapping[Any, Named]:
        resource = get_resource(model)
        found = {
            one.pk: Named(str(one), resource.key.text(one), one.get_absolute_url())
            for one in resource.rows(user).filter(pk__in=values - {0})
        }
        return {0: Named(str(none)), **found}

    return names


def _texts(text: Callable[[Any], str], *, filtered: bool = False) -> Names:
    def names(user: User, values: set[Any]) -> Mapping[Any, Named]:
        del user
        return {v: Named(text(v), text(v) if filtered else "") for v in values}

    return names


def _applications(user: User, values: set[Any]) -> Mapping[Any, Named]:
    del user
    known = rules()
    return {v: Named(name_of(v, known) or _("Other applications"), str(v)) for v in values}


def _directions(user: User, values: set[Any]) -> Mapping[Any, Named]:
    del user
    return {v: Named(str(DIRECTIONS.get(v, v)), str(v)) for v in values}


def _country(number: int) -> str:
    return chr(number >> 8) + chr(number & 255) if number else _("Unknown country")


def _system(number: int) -> str:
    return f"AS{number}" if number else _("Unknown AS")


_address = _texts(plain_address, filtered=True)

DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "unit_id": Dimension(
        gettext_lazy("Unit"), _objects(Unit, gettext_lazy("Unregistered addresses")), "unit"
    ),
    "application": Dimension(gettext_lazy("Application"), _applications, "application"),
    "direction": Dimension(gettext_lazy("Direction"), _directions, "direction"),
    "carrier_id": Dimension(
        gettext_lazy("Carrier"), _objects(Carrier, gettext_lazy("No known carrier")), "carrier"
    ),
    "circuit_id": Dimension(
        gettext_lazy("Circuit"), _objects(Circuit, gettext_lazy("No known circuit")), "circuit"
    ),
    "peer_unit_id": Dimension(
        gettext_lazy("Other unit (internal)"), _objects(Unit, gettext_lazy("Outside"))
    ),
    "access_point_id": Dimension(
        gettext_lazy("Access point"), _objects(AccessPoint, gettext_lazy("No access point"))
    ),
    "protocol": Dimension(
        gettext_lazy("Protocol"), _texts(lambda v: _PROTOCOLS.get(v, _("Protocol %d") % v))
    ),
    "src": Dimension(gettext_lazy("Source address"), _address, "address", rolled=False),
    "dst": Dimension(gettext_lazy("Destination address"), _address, "address", rolled=False),
    "src_port": Dimension(gettext_lazy("Source port"), _texts(str), rolled=False),
    "dst_port": Dimension(gettext_lazy("Destination port"), _texts(str), rolled=False),
    "exporter_id": Dimension(
        gettext_lazy("Flow exporter"),
        _objects(FlowExporter, gettext_lazy("Unknown exporter")),
        "exporter",
        rolled=False,
    ),
    "country": Dimension(gettext_lazy("Country (other end)"), _texts(_country), rolled=False),
    "src_as": Dimension(gettext_lazy("Source AS"), _texts(_system), rolled=False),
    "dst_as": Dimension(gettext_lazy("Destination AS"), _texts(_system), rolled=False),
}


def named(
    user: User, by: Iterable[str], keys: Iterable[tuple[object, ...]]
) -> dict[tuple[object, ...], tuple[Named, ...]]:
    """What people call groups; one query for each dimension that needs one.

    What the user may not see, or what was deleted, is a number.
    """
    keys, by = list(keys), list(by)
    columns = [
        DIMENSIONS[name].names(user, {key[place] for key in keys}) for place, name in enumerate(by)
    ]
    return {
        key: tuple(
            names.get(value) or Named(f"#{value}")
            for names, value in zip(columns, key, strict=True)
        )
        for key in keys
    }
