"""Faults of a city twin: injected, healed, and what each truly breaks.

``base`` says what a kind of fault is and keeps the record of those in force; ``lines``,
``nodes``, ``portal`` and ``attacks`` hold the kinds.
"""

from govnet.lab.faults import attacks, lines, nodes, portal  # noqa: F401  # they register kinds
from govnet.lab.faults.base import (
    KINDS,
    Fault,
    FaultError,
    Kind,
    active,
    case_of,
    changed_at,
    damage_of,
    heal,
    inject,
    supposed,
)

__all__ = [
    "KINDS",
    "Fault",
    "FaultError",
    "Kind",
    "active",
    "case_of",
    "changed_at",
    "damage_of",
    "heal",
    "inject",
    "supposed",
]
