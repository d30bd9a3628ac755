"""What passes the Internet egress of each carrier, against what is contracted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from govnet.accounts.models import User
from govnet.config import get_config
from govnet.core.charts import Limit
from govnet.core.windows import Window
from govnet.inventory.models import Carrier, Circuit, CircuitKind, LifeCycle
from govnet.telemetry.client import shared_client
from govnet.telemetry.flow_queries import Where, flow_percentiles
from govnet.telemetry.queries import Floats
from govnet.telemetry.schema import INWARD, OUTWARD
from govnet.traffic.explorer import MEGA


@dataclass(frozen=True, slots=True)
class CarrierEgress:
    """One carrier's egress over a span of time.

    Attributes:
        circuits: its egress circuits in service.
        contracted_mbps: their rates added; None when one is not in the ledger.
        p95_in_mbps: 95th percentile of five-minute averages into the network, by flows.
        p95_out_mbps: likewise out of it.
        averages: how many five-minute averages the percentiles are of.
    """

    carrier: Carrier
    circuits: tuple[Circuit, ...]
    contracted_mbps: int | None
    p95_in_mbps: float | None
    p95_out_mbps: float | None
    averages: int

    @property
    def use(self) -> float | None:
        """The busier direction's percentile, over the contracted rate."""
        known = [one for one in (self.p95_in_mbps, self.p95_out_mbps) if one is not None]
        return max(known) / self.contracted_mbps if known and self.contracted_mbps else None


def egress_circuits(user: User) -> list[Circuit]:
    """Egress circuits in service that a person may see, by carrier."""
    found = Circuit.objects.restrict(user).filter(kind=CircuitKind.EGRESS, status=LifeCycle.ACTIVE)
    return list(found.select_related("carrier").with_bandwidth().order_by("carrier", "number"))


def egress(user: User, window: Window) -> list[CarrierEgress]:
    """Every carrier that has an egress circuit.

    Raises:
        TelemetryUnavailableError: the store does not answer.
    """
    circuits = egress_circuits(user)
    if not circuits:
        return []
    found = flow_percentiles(
        shared_client(get_config()),
        "carrier_id",
        window.start,
        window.end,
        Where({"circuit_id": [circuit.pk for circuit in circuits]}),
    )
    by_carrier = groupby(circuits, key=lambda circuit: circuit.carrier)
    return [_of_carrier(carrier, tuple(lines), found) for carrier, lines in by_carrier]


def _of_carrier(
    carrier: Carrier, circuits: tuple[Circuit, ...], found: Mapping[tuple[object, ...], Floats]
) -> CarrierEgress:
    inward, outward = (found.get((carrier.pk, way)) for way in (INWARD, OUTWARD))
    averages = max((int(one[1]) for one in (inward, outward) if one is not None), default=0)
    return CarrierEgress(
        carrier, circuits, contracted(circuits), _mbps(inward), _mbps(outward), averages
    )


def contracted(circuits: Iterable[Any]) -> int | None:
    """Contracted Mbit/s of circuits (``with_bandwidth``) together; None when one is not told."""
    rates = [circuit.contracted_mbps for circuit in circuits]
    return None if None in rates or not rates else sum(rates)


def _mbps(found: Floats | None) -> float | None:
    return None if found is None or math.isnan(found[0]) else float(found[0]) / MEGA


def limits(one: CarrierEgress) -> list[Limit]:
    """The lines of a carrier's chart."""
    values = (
        (_("Contracted rate"), one.contracted_mbps),
        (_("95th percentile in"), one.p95_in_mbps),
        (_("95th percentile out"), one.p95_out_mbps),
    )
    return [Limit(label, float(value)) for label, value in values if value is not None]
