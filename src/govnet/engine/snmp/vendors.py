"""Vendor knowledge as data: where figures are read, and what log messages and traps mean.

The profiles are the YAML files of ``govnet/vendors``; nothing here names a vendor. How to add
one: docs/how-to/add-a-vendor.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from statistics import fmean
from typing import Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from govnet.engine.snmp import ber
from govnet.engine.snmp.trap_rules import Oid, TrapBook, TrapRule
from govnet.engine.syslog.dialects import Dialect, Interpreter

MAX_INSTANCES: Final = 16  # sensors of one column that are remembered and asked again


class VendorProfileError(ValueError):
    """A profile file is not valid; the message names the file and the field."""


class Source(BaseModel):
    """One way to read a figure.

    Attributes:
        scalar: OID of one instance.
        column: OID of a table column; its instances are found by a walk.
        total: OID of a total (memory), with ``free`` or ``used``.
        free: OIDs that are summed and subtracted from ``total``.
        used: OID of the used part of ``total``.
        pick: how several instances become one figure.
        absent: values that mean "no sensor", always.
        blank: values that mean "not a sensor" when the instances of a column are chosen: many
            agents list every entity and give 0 for those without one.
        scale: factor to percent or degrees Celsius.
        within: figures outside are not believed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scalar: Oid | None = None
    column: Oid | None = None
    total: Oid | None = None
    free: tuple[Oid, ...] = ()
    used: Oid | None = None
    pick: Literal["max", "mean"] = "max"
    absent: frozenset[int] = frozenset()
    blank: frozenset[int] = frozenset()
    scale: float = 1.0
    within: tuple[float, float] = (0.0, 100.0)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.scalar, self.column, self.total)) != 1:
            raise ValueError("give exactly one of scalar, column, total")
        if self.total is not None and bool(self.free) == bool(self.used):
            raise ValueError("total needs either free or used")
        return self

    @property
    def scalars(self) -> tuple[str, ...]:
        """Instances that are asked without a walk."""
        if self.total is not None:
            return (self.total, *self.free, *((self.used,) if self.used else ()))
        return (self.scalar,) if self.scalar else ()

    def choose(self, found: Mapping[str, int]) -> tuple[str, ...]:
        """Instances of ``column`` that are sensors."""
        useless = self.absent | self.blank
        return tuple(oid for oid, value in found.items() if value not in useless)[:MAX_INSTANCES]

    def figure(self, found: Mapping[str, int], instances: Iterable[str]) -> float | None:
        """The figure from values by OID; None without a sensor or with a value not believed."""
        if self.total is not None:
            value = self._share(found)
        else:
            values = [found[oid] for oid in instances if oid in found]
            values = [value for value in values if value not in self.absent]
            value = (max(values) if self.pick == "max" else fmean(values)) if values else None
        if value is None:
            return None
        value *= self.scale
        low, high = self.within
        return round(value, 2) if low <= value <= high else None

    def _share(self, found: Mapping[str, int]) -> float | None:
        total = found.get(self.total or "")
        parts = (self.used,) if self.used else self.free
        values = [found[oid] for oid in parts if oid in found]
        if not total or total <= 0 or not values or (parts[0] not in found):
            return None
        part = sum(values)
        return 100.0 * (part if self.used else total - part) / total


class VendorProfile(BaseModel):
    """One file of ``govnet/vendors``.

    Attributes:
        name: short name, the file's stem.
        title: the vendor's name for people.
        match: sysObjectID prefixes; the longest match of all profiles wins. None: the profile
            is not chosen by it.
        cpu_percent, memory_percent, temperature_c: sources in the order of trust; the first
            that gives a figure is used.
        logs: how its messages are recognised and what they mean.
        traps: what its traps mean.
        names: readable names of OIDs in traps.
        notes: what is left out and why.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)
    title: str
    match: tuple[Oid, ...] = ()
    cpu_percent: tuple[Source, ...] = ()
    memory_percent: tuple[Source, ...] = ()
    temperature_c: tuple[Source, ...] = ()
    logs: tuple[Dialect, ...] = ()
    traps: tuple[TrapRule, ...] = ()
    names: dict[Oid, str] = {}
    notes: str = ""

    @model_validator(mode="after")
    def _chosen_somehow(self) -> Self:
        if not self.is_empty and not self.match:
            raise ValueError("match: figures need a sysObjectID to be chosen by")
        return self

    @property
    def sources(self) -> dict[str, tuple[Source, ...]]:
        """Sources by the figure they give."""
        return {
            "cpu_percent": self.cpu_percent,
            "memory_percent": self.memory_percent,
            "temperature_c": self.temperature_c,
        }

    @property
    def is_empty(self) -> bool:
        """True when nothing can be read with it."""
        return not any(self.sources.values())


class VendorCatalog:
    """All profiles."""

    def __init__(self, profiles: Iterable[VendorProfile]) -> None:
        self._profiles = {profile.name: profile for profile in profiles}
        self._titles = {profile.title: profile for profile in self._profiles.values()}

    def __iter__(self) -> Iterator[VendorProfile]:
        return iter(self._profiles.values())

    def interpreter(self) -> Interpreter:
        """What log messages mean, by all profiles."""
        return Interpreter((p.name, dialect) for p in self for dialect in p.logs)

    def trap_book(self) -> TrapBook:
        """What traps mean, by all profiles."""
        names = {oid: name for profile in self for oid, name in profile.names.items()}
        return TrapBook(((p.name, rule) for p in self for rule in p.traps), names)

    def find(self, vendor: str | None, object_id: str) -> VendorProfile | None:
        """The profile by its name or title, else by the longest sysObjectID prefix."""
        named = self._profiles.get(vendor or "") or self._titles.get(vendor or "")
        if named is not None:
            return named
        matches = [
            (len(prefix), profile.name)
            for profile in self._profiles.values()
            for prefix in profile.match
            if f"{object_id}.".startswith(f"{prefix}.")
        ]
        return self._profiles[max(matches)[1]] if matches else None


def parse_profile(name: str, text: str) -> VendorProfile:
    """Check one profile file.

    Raises:
        VendorProfileError: naming the file and the field.
    """
    try:
        profile = VendorProfile.model_validate(yaml.safe_load(text))
        for source in (source for group in profile.sources.values() for source in group):
            for oid in (*source.scalars, *((source.column,) if source.column else ())):
                ber.encode_oid(oid)
    except (yaml.YAMLError, ValidationError, ber.BerError) as error:
        raise VendorProfileError(f"vendors/{name}: {error}") from error
    if f"{profile.name}.yaml" != name:
        raise VendorProfileError(f"vendors/{name}: name {profile.name!r} is not the file's name")
    return profile


@lru_cache(maxsize=1)
def load_catalog() -> VendorCatalog:
    """The profiles that come with the package.

    Raises:
        VendorProfileError: naming the file and the field.
    """
    folder = files("govnet").joinpath("vendors")
    found = sorted((entry for entry in folder.iterdir()), key=lambda entry: entry.name)
    return VendorCatalog(
        parse_profile(entry.name, entry.read_text(encoding="utf-8"))
        for entry in found
        if entry.name.endswith(".yaml")
    )
