"""The units of this installation's ledger, as the plan of a twin needs them."""

from __future__ import annotations

from zlib import crc32

from govnet.inventory.models import Circuit, CircuitKind, LifeCycle
from govnet.lab.plan import AREAS, UnitLine

RATES = (10, 100, 1000)


def ledger_lines(count: int) -> list[UnitLine]:
    """The first ``count`` units with an access circuit in service, by their codes.

    Rates are rounded down to what a line of the twin can have; an area is the same for all
    units of a region.
    """
    circuits = (
        Circuit.objects.filter(
            kind=CircuitKind.ACCESS, status=LifeCycle.ACTIVE, access_point__isnull=False
        )
        .with_bandwidth()
        .select_related("access_point__unit__region", "carrier")
        .order_by("access_point__unit__code", "number")
    )
    lines: dict[str, UnitLine] = {}
    for circuit in circuits.iterator():
        line = _line(circuit, getattr(circuit, "contracted_mbps", None) or RATES[0])
        if line.code not in lines and len(lines) < count:
            lines[line.code] = line
    return list(lines.values())


def _line(circuit: Circuit, mbps: int) -> UnitLine:
    assert circuit.access_point is not None
    unit = circuit.access_point.unit
    return UnitLine(
        code=unit.code,
        name=unit.name,
        region_code=unit.region.code,
        area=crc32(unit.region.code.encode()) % AREAS + 1,
        mbps=max((rate for rate in RATES if rate <= mbps), default=RATES[0]),
        carrier=circuit.carrier.name,
        number=circuit.number,
    )
