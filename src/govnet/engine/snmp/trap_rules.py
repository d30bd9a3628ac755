"""What a vendor's traps mean: the ``traps`` of ``govnet/vendors/*.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from govnet.engine.snmp.traps import Trap
from govnet.engine.syslog.dialects import Code, Event

Oid = Annotated[str, Field(pattern=r"^\d+(\.\d+)+$", max_length=512)]


class TrapRule(BaseModel):
    """One meaning of a trap.

    Attributes:
        oid: value of snmpTrapOID.
        event: what happened, in our words.
        raises: alarm that begins.
        clears: alarm that ends.
        where: columns and the values of which one must be there for this meaning.
        if_index: columns whose value is the interface's index.
        about: columns whose value names the peer, user or module.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    oid: Oid
    event: Code
    raises: Code | None = None
    clears: Code | None = None
    where: dict[Oid, tuple[int, ...]] = {}
    if_index: tuple[Oid, ...] = ()
    about: tuple[Oid, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.raises and self.clears:
            raise ValueError("a trap either raises or clears")
        return self

    def fits(self, trap: Trap) -> bool:
        """Whether the trap has one of the values, for each column that is named."""
        return all(trap.column(oid) in values for oid, values in self.where.items())


NOTHING: Final = Event()


class TrapBook:
    """All rules of all vendors, and names of OIDs.

    Args:
        rules: by the vendor's name.
        names: readable names of OIDs.
    """

    def __init__(
        self, rules: Iterable[tuple[str, TrapRule]], names: Mapping[str, str] | None = None
    ) -> None:
        self._rules: dict[str, list[tuple[str, TrapRule]]] = {}
        for vendor, rule in rules:
            self._rules.setdefault(rule.oid, []).append((vendor, rule))
        self._names = dict(names or {})

    def meaning(self, trap: Trap) -> tuple[Event, int | None]:
        """What a trap means, and the index of the interface that it names."""
        for vendor, rule in self._rules.get(trap.oid, ()):
            if not rule.fits(trap):
                continue
            index = next((v for o in rule.if_index if isinstance(v := trap.column(o), int)), None)
            about = next((str(v) for o in rule.about if (v := trap.column(o)) is not None), "")
            event = Event(
                vendor, rule.event, about[:80], port=index is not None,
                raises=rule.raises or "", clears=rule.clears or "",
            )  # fmt: skip
            return event, index
        return Event(event=self.name(trap.oid)[:80]), None

    def name(self, oid: str) -> str:
        """The readable form of an OID: the longest known prefix by its name, the rest as it is."""
        parts = oid.split(".")
        for length in range(len(parts), 2, -1):
            name = self._names.get(".".join(parts[:length]))
            if name is not None:
                return ".".join((name, *parts[length:]))
        return oid

    def describe(self, trap: Trap) -> str:
        """A trap as one line: its name, and each variable as ``name=value``."""
        shown = (f"{self.name(oid)}={value}" for oid, value in trap.variables)
        return " ".join((self.name(trap.oid), *shown))
