"""The steps of one poll of a device: system group, interfaces, health; over v2c and v3 alike.

What rarely changes (names, aliases, types, speeds, sensors, sysDescr) is read in every Nth
poll, after a reboot, and when the interface table or a link state changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from govnet.engine.snmp.model import (
    DevicePoll,
    HealthSample,
    InterfaceTable,
    SnmpDevice,
    SnmpError,
    SystemInfo,
    VarBind,
    printable,
)
from govnet.engine.snmp.tables import (
    COUNTERS_32,
    COUNTERS_64,
    INVENTORY,
    MAX_ROWS,
    SCALAR_OIDS,
    Cell,
    ColumnSet,
    TableRead,
    matrix,
)
from govnet.engine.snmp.vendors import Source, VendorCatalog, VendorProfile

SYS_DESCR: Final = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID: Final = "1.3.6.1.2.1.1.2.0"
SYS_UPTIME: Final = "1.3.6.1.2.1.1.3.0"
SYS_NAME: Final = "1.3.6.1.2.1.1.5.0"
ENGINE_BOOTS: Final = "1.3.6.1.6.3.10.2.1.2.0"
SYSTEM_OIDS: Final = (SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, SYS_NAME, ENGINE_BOOTS)
UPTIME, LAST_CHANGE, IF_NUMBER = SCALAR_OIDS
MAX_SENSOR_ROWS: Final = 1024

Scalar = TypeVar("Scalar", bound=np.generic)


class Agent(Protocol):
    """A device's conversation, whatever the version."""

    async def get(self, oids: Sequence[str]) -> dict[str, VarBind]:
        """Values of instances; missing ones left out."""
        ...

    async def table(
        self,
        columns: ColumnSet,
        scalars: tuple[str, ...] = (),
        known: Sequence[int] = (),
        max_rows: int = MAX_ROWS,
    ) -> TableRead:
        """Columns read whole."""
        ...

    async def walk(self, oid: str, max_rows: int) -> list[VarBind]:
        """Variables under an OID."""
        ...


@dataclass(slots=True)
class Inventory:
    """Interface attributes as last read, aligned with ``if_index``."""

    if_index: NDArray[np.uint32]
    name: list[str]
    alias: list[str]
    if_type: NDArray[np.uint32]
    speed_mbps: NDArray[np.uint32]
    admin_status: NDArray[np.uint32]
    oper_status: NDArray[np.uint64]


@dataclass(slots=True)
class Memory:
    """What polls of one device learned; thrown away when the device's settings change."""

    device: SnmpDevice
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    polls: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    counters: ColumnSet = COUNTERS_64
    absent: frozenset[str] = frozenset()
    known: tuple[int, ...] = ()
    table_version: tuple[Cell, Cell] = (None, None)
    system: SystemInfo | None = None
    inventory: Inventory | None = None
    profile: VendorProfile | None = None
    sensors: dict[str, tuple[Source, tuple[str, ...]]] = field(default_factory=dict)

    def is_full(self, every: int) -> bool:
        """Whether this poll reads what rarely changes; spread over devices by their ids."""
        return self.system is None or (self.polls + self.device.id) % every == 0


class Reader:
    """One poll: fills a ``DevicePoll`` step by step, so that a failure keeps what was read."""

    def __init__(
        self, agent: Agent, memory: Memory, catalog: VendorCatalog, *, full: bool, max_rows: int
    ) -> None:
        self._agent = agent
        self._memory = memory
        self._catalog = catalog
        self._full = full
        self._max_rows = max_rows

    async def read(self, poll: DevicePoll) -> None:
        """All steps.

        Raises:
            SnmpError: the device stopped answering.
        """
        if self._full or not self._memory.device.poll_interfaces:
            await self._read_system(poll)
        if self._memory.device.poll_interfaces:
            await self._read_interfaces(poll)
        await self._read_health(poll)

    # --- system ---------------------------------------------------------------------------

    async def _read_system(self, poll: DevicePoll) -> None:
        memory = self._memory
        if not self._full and memory.system is not None:
            found = await self._agent.get((SYS_UPTIME,))
            self._set_uptime(poll, _number(found.get(SYS_UPTIME)))
            return
        found = await self._agent.get(SYSTEM_OIDS)
        object_id = found.get(SYS_OBJECT_ID)
        memory.system = SystemInfo(
            descr=printable(_value(found.get(SYS_DESCR))),
            object_id=str(object_id.value) if object_id else "",
            name=printable(_value(found.get(SYS_NAME))),
            uptime_ticks=0,
            engine_boots=_number(found.get(ENGINE_BOOTS)),
        )
        memory.profile = self._catalog.find(memory.device.vendor, memory.system.object_id)
        self._set_uptime(poll, _number(found.get(SYS_UPTIME)))

    def _set_uptime(self, poll: DevicePoll, ticks: int | None) -> None:
        memory = self._memory
        if memory.system is None:
            raise SnmpError("agent_error", "no system group")
        if ticks is None:
            poll.reason = poll.reason or "no_uptime"
        elif self._went_back(ticks):
            memory.inventory = None
        poll.system = memory.system = replace(memory.system, uptime_ticks=ticks or 0)

    def _went_back(self, ticks: Cell) -> bool:
        """The device was started anew: it may have numbered its interfaces anew too."""
        system = self._memory.system
        return isinstance(ticks, int) and system is not None and ticks < system.uptime_ticks

    # --- interfaces -----------------------------------------------------------------------

    async def _read_interfaces(self, poll: DevicePoll) -> None:
        memory = self._memory
        if self._full:
            memory.known, memory.absent = (), frozenset()
            for key, level in memory.levels.items():
                memory.levels[key] = max(0, level - 1)  # the agent or its line may be better now
        read = await self._counters()
        version = (read.scalars.get(LAST_CHANGE), read.scalars.get(IF_NUMBER))
        changed = version != memory.table_version and not read.problem
        if changed or self._went_back(read.scalars.get(UPTIME)):
            memory.inventory = None
        if memory.known and memory.inventory is None:
            memory.known = ()
            read = await self._counters()
        elif self._full and _lacks(read, "in_octets"):
            memory.counters = COUNTERS_32 if memory.counters is COUNTERS_64 else COUNTERS_64
            read = await self._counters()
        memory.table_version = version
        ticks = read.scalars.get(UPTIME)
        poll.reason = poll.reason or read.problem
        if isinstance(ticks, int) or poll.system is None:
            self._set_uptime(poll, ticks if isinstance(ticks, int) else None)
        if read.problem and not len(read):
            return
        table = self._interface_table(read)
        self._learn(read, table)
        await self._refresh_inventory(poll, table)
        poll.interfaces = table

    async def _counters(self) -> TableRead:
        memory = self._memory
        columns = memory.counters.without(memory.absent)
        return await self._agent.table(columns, SCALAR_OIDS, memory.known, self._max_rows)

    def _interface_table(self, read: TableRead) -> InterfaceTable:
        names = self._memory.counters.names
        if_index, values, valid = matrix(read)
        if read.columns.names != names:
            values = _widened(values, read.columns.names, names)
            valid = _widened(valid, read.columns.names, names)
        bits = 64 if self._memory.counters is COUNTERS_64 else 32
        return InterfaceTable(if_index, names, values, valid, bits)

    def _learn(self, read: TableRead, table: InterfaceTable) -> None:
        """Remember the rows and the missing columns of a table that was read whole."""
        memory = self._memory
        if read.problem:
            memory.known = ()
            return
        if not memory.known and None not in memory.table_version:
            memory.known = tuple(table.if_index.tolist())
        if self._full and len(table):
            there: list[bool] = np.any(table.valid, axis=0).tolist()
            memory.absent = frozenset(
                name for name, has in zip(table.names, there, strict=True) if not has
            )

    async def _refresh_inventory(self, poll: DevicePoll, table: InterfaceTable) -> None:
        kept = self._memory.inventory
        same_rows = kept is not None and np.array_equal(kept.if_index, table.if_index)
        if kept is not None and poll.reason and not same_rows:
            kept = _realigned(kept, table)  # a device in trouble is not asked for more
        elif (
            self._full
            or kept is None
            or not same_rows
            or not np.array_equal(kept.oper_status, table.oper_status)
        ):
            read = await self._agent.table(INVENTORY, max_rows=self._max_rows)
            poll.reason = poll.reason or read.problem
            kept = self._memory.inventory = _inventory(read, table)
            poll.inventory_fresh = True
        table.if_index = kept.if_index  # the same object while nothing changes: cheap to compare
        table.name, table.alias = kept.name, kept.alias
        table.if_type, table.speed_mbps = kept.if_type, kept.speed_mbps
        table.admin_status = kept.admin_status

    # --- health ---------------------------------------------------------------------------

    async def _read_health(self, poll: DevicePoll) -> None:
        profile = self._memory.profile
        if profile is None or profile.is_empty:
            return
        poll.vendor = profile.name
        try:
            if self._full or not self._memory.sensors:
                await self._find_sensors(profile)
            poll.health = await self._ask_sensors()
        except SnmpError as error:
            poll.reason = poll.reason or error.reason

    async def _find_sensors(self, profile: VendorProfile) -> None:
        """Choose, per figure, the first source that gives one."""
        sensors: dict[str, tuple[Source, tuple[str, ...]]] = {}
        for figure, sources in profile.sources.items():
            for source in sources:
                instances = source.scalars or await self._instances(source)
                if not instances:
                    continue
                found = _numbers(await self._agent.get(instances))
                if source.figure(found, instances) is not None:
                    sensors[figure] = (source, instances)
                    break
        self._memory.sensors = sensors

    async def _instances(self, source: Source) -> tuple[str, ...]:
        walked = await self._agent.walk(source.column or "", MAX_SENSOR_ROWS)
        return source.choose(_numbers({varbind.oid: varbind for varbind in walked}))

    async def _ask_sensors(self) -> HealthSample:
        sensors = self._memory.sensors
        oids = list(dict.fromkeys(oid for _, known in sensors.values() for oid in known))
        found = _numbers(await self._agent.get(oids)) if oids else {}
        figures = {name: source.figure(found, known) for name, (source, known) in sensors.items()}
        return HealthSample(**figures)


def _value(varbind: VarBind | None) -> int | bytes | str | None:
    return varbind.value if varbind else None


def _number(varbind: VarBind | None) -> int | None:
    return varbind.value if varbind and isinstance(varbind.value, int) else None


def _numbers(found: dict[str, VarBind]) -> dict[str, int]:
    return {oid: v.value for oid, v in found.items() if isinstance(v.value, int)}


def _lacks(read: TableRead, name: str) -> bool:
    """Whether a table with rows has no value at all in a column."""
    if not len(read) or name not in read.columns.names:
        return bool(len(read))
    at = read.columns.names.index(name)
    return all(row[at] is None for row in read.rows.values())


def _widened(
    part: NDArray[Scalar], have: tuple[str, ...], want: tuple[str, ...]
) -> NDArray[Scalar]:
    """The columns ``want``, with zeros where there is none."""
    whole = np.zeros((len(part), len(want)), dtype=part.dtype)
    whole[:, [want.index(name) for name in have]] = part
    return whole


def _inventory(read: TableRead, table: InterfaceTable) -> Inventory:
    """Attributes in the order of the counters' rows; what is missing is empty or 0."""
    at = {name: i for i, name in enumerate(INVENTORY.names)}
    nothing: list[Cell] = [None] * len(at)
    found = read.rows
    rows = [found.get(index, nothing) for index in table.if_index.tolist()]
    speeds = [_speed_mbps(row[at["high_speed"]], row[at["speed"]]) for row in rows]
    return Inventory(
        table.if_index,
        [printable(row[at["name"]]) or printable(row[at["descr"]]) for row in rows],
        [printable(row[at["alias"]]) for row in rows],
        np.array([_or_zero(row[at["if_type"]]) for row in rows], dtype=np.uint32),
        np.array(speeds, dtype=np.uint32),
        np.array([_or_zero(row[at["admin_status"]]) for row in rows], dtype=np.uint32),
        table.oper_status.copy(),
    )


def _realigned(kept: Inventory, table: InterfaceTable) -> Inventory:
    """Attributes read earlier for the rows of an incomplete table."""
    position = {index: at for at, index in enumerate(kept.if_index.tolist())}
    at = [position.get(index, -1) for index in table.if_index.tolist()]
    return Inventory(
        table.if_index,
        [kept.name[i] if i >= 0 else "" for i in at],
        [kept.alias[i] if i >= 0 else "" for i in at],
        _picked(kept.if_type, at),
        _picked(kept.speed_mbps, at),
        _picked(kept.admin_status, at),
        table.oper_status,
    )


def _picked(column: NDArray[np.uint32], at: list[int]) -> NDArray[np.uint32]:
    """Elements by position, 0 where there is none (-1)."""
    return np.append(column, np.uint32(0))[at]


def _or_zero(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _speed_mbps(high: Cell, low: Cell) -> int:
    """Speed by ifHighSpeed, else by ifSpeed, whose largest value only says "more"."""
    if isinstance(high, int) and high > 0:
        return high
    if isinstance(low, int) and 0 < low < 2**32 - 1:
        return max(1, low // 1_000_000)
    return 0
