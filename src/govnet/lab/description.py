"""What a city twin consists of: nodes, and the cables between their interfaces.

A description says everything that the twin is built from and nothing of how; it is read from
and written to YAML. Rates are Mbit/s, times ms, losses a fraction from 0 to 1.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PREFIX: Final = "gn"
CABLE_ROOM: Final = "cables"
"""Namespace of the processes that are no node's: those that move frames along the cables."""

NODE_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,10}")
TWIN_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,11}")
INTERFACE_LENGTH: Final = 15
"""IFNAMSIZ of Linux, without its closing zero byte."""


class DescriptionError(Exception):
    """A description cannot be used; the message says which part and why."""


class Role(StrEnum):
    """What a node is for; it decides which daemons run there."""

    PROVINCE = "province"
    ISP = "isp"
    CORE = "core"
    AGGREGATION = "aggregation"
    ACCESS = "access"
    UNIT = "unit"
    PORTAL = "portal"
    PHONES = "phones"
    RESOLVER = "resolver"
    OPERATIONS = "operations"


ROUTERS: Final = frozenset(
    {Role.PROVINCE, Role.ISP, Role.CORE, Role.AGGREGATION, Role.ACCESS, Role.OPERATIONS}
)
"""Nodes that forward and speak routing protocols; the operations room routes to be reachable
by two ways."""

INSIDE: Final = frozenset({Role.CORE, Role.AGGREGATION, Role.ACCESS, Role.OPERATIONS})
"""Routers of the city's own area, which speak OSPF."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Node(_Part):
    """One machine of the twin: a network namespace and the daemons in it.

    Attributes:
        name: ASCII host name, short; unique.
        title: name for people: of the unit, or of the device.
        role: decides the daemons.
        ipv4: loopback address that the node is managed by; None for hosts without one.
        ipv6: the same.
        asn: autonomous system, of nodes that speak BGP.
        agent: whether an SNMP agent runs there.
        unit_code: code of the unit, of a unit's node.
        region_code: administrative region.
        area: aggregation area from 1 on; 0 for nodes of the whole city.
    """

    name: str
    title: str
    role: Role
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    asn: int | None = None
    agent: bool = False
    unit_code: str = ""
    region_code: str = ""
    area: int = 0

    @property
    def system_name(self) -> str:
        """What its agent calls it (sysName, LLDP), and its device's name in the ledger."""
        return f"{self.title}接入设备" if self.role is Role.UNIT else self.title

    @property
    def routes(self) -> bool:
        """Whether it forwards packets and speaks routing protocols."""
        return self.role in ROUTERS


class End(_Part):
    """One end of a cable: an interface of a node with its addresses."""

    node: str
    interface: str
    ipv4: IPv4Interface
    ipv6: IPv6Interface


class Way(_Part):
    """How one direction of a cable treats packets."""

    delay_ms: Annotated[float, Field(ge=0)] = 0.0
    jitter_ms: Annotated[float, Field(ge=0)] = 0.0
    loss: Annotated[float, Field(ge=0, le=1)] = 0.0


class Cable(_Part):
    """A line between two interfaces.

    Attributes:
        name: circuit number; unique.
        a: the subordinate end: a unit, or the node further from the core.
        z: the end on the network's side.
        mbps: contracted rate, the same in both directions.
        carrier: operator (运营商) that rents it out; empty for the site's own.
        forward: from ``a`` to ``z``.
        backward: from ``z`` to ``a``.
    """

    name: str
    a: End
    z: End
    mbps: Annotated[int, Field(ge=1)]
    carrier: str = ""
    forward: Way = Way()
    backward: Way = Way()

    @property
    def ends(self) -> tuple[End, End]:
        """Both ends, A first."""
        return self.a, self.z


class Description(_Part):
    """A whole twin.

    Attributes:
        name: tells this twin's namespaces and files from another's on the same machine.
        nodes: in the order in which they are built.
        cables: likewise.
    """

    name: str = "city"
    nodes: tuple[Node, ...]
    cables: tuple[Cable, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not TWIN_NAME.fullmatch(self.name):
            raise ValueError(f"twin name {self.name!r}: a letter, then letters or digits, 12 most")
        _once("node", [node.name for node in self.nodes])
        _once("title", [node.title for node in self.nodes])
        _once("cable", [cable.name for cable in self.cables])
        ends = [end for cable in self.cables for end in cable.ends]
        _once("interface", [f"{end.node} {end.interface}" for end in ends])
        _once("address", [str(a) for a in self._addresses(ends)])
        known = {node.name for node in self.nodes}
        for node in self.nodes:
            if not NODE_NAME.fullmatch(node.name) or node.name == CABLE_ROOM:
                raise ValueError(f"node name {node.name!r}: a letter, letters or digits, 11 most")
        for end in ends:
            if end.node not in known:
                raise ValueError(f"interface {end.interface} is of no node: {end.node!r}")
            if not 0 < len(end.interface.encode()) <= INTERFACE_LENGTH or "/" in end.interface:
                raise ValueError(f"interface name {end.interface!r}: 15 bytes at most, no slash")
        return self

    def _addresses(self, ends: list[End]) -> list[IPv4Address | IPv6Address]:
        loopbacks = [a for node in self.nodes for a in (node.ipv4, node.ipv6) if a is not None]
        return [*loopbacks, *(a for end in ends for a in (end.ipv4.ip, end.ipv6.ip))]

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """Nodes by their names."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def cables_by_name(self) -> dict[str, Cable]:
        """Cables by their names."""
        return {cable.name: cable for cable in self.cables}

    def of_role(self, *roles: Role) -> tuple[Node, ...]:
        """Nodes of the given roles, in order."""
        return tuple(node for node in self.nodes if node.role in roles)

    @cached_property
    def _by_node(self) -> dict[str, list[tuple[End, End, Cable]]]:
        found: dict[str, list[tuple[End, End, Cable]]] = {node.name: [] for node in self.nodes}
        for cable in self.cables:
            found[cable.a.node].append((cable.a, cable.z, cable))
            found[cable.z.node].append((cable.z, cable.a, cable))
        return found

    def plugs(self, node: str) -> list[tuple[End, End, Cable]]:
        """What a node is connected by: its own end, the far end, the cable."""
        return self._by_node[node]

    def address_of(self, node: str) -> tuple[IPv4Address, IPv6Address]:
        """What a node is reached by: its loopback addresses, else those of its first cable."""
        found = self.by_name[node]
        end = self._by_node[node][0][0]
        return found.ipv4 or end.ipv4.ip, found.ipv6 or end.ipv6.ip

    def namespace(self, node: str) -> str:
        """Network namespace of a node, or of the cable room."""
        return f"{PREFIX}-{self.name}-{node}"

    @property
    def namespaces(self) -> list[str]:
        """Every network namespace of this twin."""
        return [self.namespace(name) for name in (CABLE_ROOM, *self.by_name)]

    def to_yaml(self) -> str:
        """As a file that ``read`` understands."""
        data = self.model_dump(mode="json", exclude_defaults=True) | {"name": self.name}
        return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def _once(what: str, values: list[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value} is there twice")
        seen.add(value)


def read(path: Path) -> Description:
    """Read a description from a YAML file.

    Raises:
        DescriptionError: it cannot be read, or does not describe a twin.
    """
    try:
        return Description.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DescriptionError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        lines = (
            f"{'.'.join(map(str, item['loc'])) or 'description'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise DescriptionError(f"{path} describes no twin:\n" + "\n".join(lines)) from error
