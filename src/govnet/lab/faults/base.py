"""What a kind of fault is, and the record of the faults in force."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from govnet.lab import kernel
from govnet.lab.cables import CableError, Cables
from govnet.lab.description import Cable, Description, Node, Role
from govnet.lab.laying import control_socket
from govnet.lab.reach import unreachable
from govnet.lab.truth import Damage
from govnet.lab.twin import LAST_WAVE, Twin, TwinError

RECORD: Final = "faults.json"
ROUTES_S: Final = 10.0
"""How long a node that starts may wait for its routes before daemons that need them start."""


class FaultError(Exception):
    """A fault cannot be injected or healed; the text is a sentence."""


class Options(BaseModel):
    """Options of a kind that has none; base of the others'."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(ABC):
    """A kind of fault; an object of it is one case, at one target of one description.

    Attributes:
        name: as it is given on the command line.
        summary: what it does, in one line.
        targets: what it is done to, in one line.
        model: of its options.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    targets: ClassVar[str]
    model: ClassVar[type[Options]] = Options

    def __init__(self, city: Description, target: str, options: Any) -> None:  # noqa: ANN401  # self.model
        self.city = city
        self.target = self.resolve(city, target)
        self.options = options
        self.pid = 0

    @classmethod
    @abstractmethod
    def resolve(cls, city: Description, target: str) -> str:
        """The target's one name; ``FaultError`` when there is no such target."""

    @abstractmethod
    def inject(self, twin: Twin) -> None:
        """Break it; ``pid`` is then that of the process that goes on breaking it, if any."""

    @abstractmethod
    def heal(self, twin: Twin) -> None:
        """Mend it; harmless when nothing is broken."""

    @abstractmethod
    def damage(self, damage: Damage) -> None:
        """Add what this breaks."""


KINDS: dict[str, type[Kind]] = {}


def register(kind: type[Kind]) -> type[Kind]:
    """Make a kind known by its name."""
    KINDS[kind.name] = kind
    return kind


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in force: what, since when (seconds since the epoch), and who keeps it up."""

    kind: str
    target: str
    options: dict[str, Any]
    since: float
    pid: int = 0

    def __str__(self) -> str:
        options = "".join(f" {name}={value}" for name, value in self.options.items())
        return f"{self.kind} {self.target}{options}"

    def case(self, city: Description) -> Kind:
        """The kind's object that breaks and mends it."""
        kind = KINDS[self.kind]
        return kind(city, self.target, kind.model.model_validate(self.options))


def inject(twin: Twin, kind: str, target: str, options: Mapping[str, Any] | None = None) -> Fault:
    """Inject a fault. The same again changes nothing; with other options it is replaced.

    Raises:
        FaultError: there is no such kind or target, or an option is wrong.
    """
    case = case_of(twin.city, kind, target, options)
    with _record(twin) as faults:
        for old in [f for f in faults if (f.kind, f.target) == (kind, case.target)]:
            if old.case(twin.city).options == case.options:
                return old
            _undo(twin, old, faults)
        with _refusals():
            case.inject(twin)
        fault = _fault(case)
        faults.append(fault)
    return fault


def supposed(
    city: Description, kind: str, target: str, options: Mapping[str, Any] | None = None
) -> Fault:
    """A fault as it would be if it were injected now.

    Raises:
        FaultError: there is no such kind or target, or an option is wrong.
    """
    return _fault(case_of(city, kind, target, options))


def case_of(
    city: Description, kind: str, target: str, options: Mapping[str, Any] | None = None
) -> Kind:
    """What would break it.

    Raises:
        FaultError: there is no such kind or target, or an option is wrong.
    """
    found = _kind(kind)
    return found(city, target, _options(found, options or {}))


def _fault(case: Kind) -> Fault:
    given = case.options.model_dump(exclude_unset=True)
    return Fault(case.name, case.target, given, round(time.time(), 3), case.pid)


def heal(twin: Twin, kind: str | None = None, target: str | None = None) -> list[Fault]:
    """Heal a fault, all of a kind, or all; returns those that were in force, latest first.

    Raises:
        FaultError: there is no such kind or target.
    """
    found = _kind(kind) if kind else None
    name = found.resolve(twin.city, target) if found and target else None
    with _record(twin) as faults:
        chosen = [f for f in faults if kind in (None, f.kind) and name in (None, f.target)]
        for fault in reversed(chosen):
            _undo(twin, fault, faults)
    return chosen[::-1]


def active(twin: Twin) -> list[Fault]:
    """Faults in force, in the order in which they were injected; nobody is waited for."""
    return _read(twin.directory / RECORD)


def changed_at(twin: Twin) -> float:
    """When something was last broken or mended, in seconds since the epoch; 0 if never."""
    try:
        return (twin.directory / RECORD).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(path: Path) -> list[Fault]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [fault for item in json.loads(text) if _in_force(fault := Fault(**item))]


def damage_of(city: Description, faults: Iterable[Fault]) -> Damage:
    """What these faults break together."""
    damage = Damage()
    for fault in faults:
        fault.case(city).damage(damage)
    return damage


def _undo(twin: Twin, fault: Fault, faults: list[Fault]) -> None:
    if fault.pid and _runs(fault.pid):
        with suppress(ProcessLookupError):
            os.kill(fault.pid, signal.SIGKILL)
    with _refusals():
        fault.case(twin.city).heal(twin)
    faults.remove(fault)
    # What mended a node or a cable may have mended more than this fault had broken.
    for other in faults:
        if not other.pid:
            with _refusals():
                other.case(twin.city).inject(twin)


def _kind(name: str) -> type[Kind]:
    if name not in KINDS:
        raise FaultError(f"There is no kind of fault {name!r}. Kinds: {', '.join(sorted(KINDS))}.")
    return KINDS[name]


def _options(kind: type[Kind], options: Mapping[str, Any]) -> Options:
    try:
        return kind.model.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or kind.name
        known = ", ".join(kind.model.model_fields) or "none"
        raise FaultError(f"{where}: {first['msg']}. Options of {kind.name}: {known}.") from error


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (CableError, TwinError, OSError, subprocess.CalledProcessError) as error:
        raise FaultError(f"The twin refused: {error}") from error


@contextmanager
def _record(twin: Twin) -> Iterator[list[Fault]]:
    """The faults in force; written back at the end. One process at a time."""
    path = twin.directory / RECORD
    with (twin.directory / "faults.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        faults = _read(path)
        try:
            yield faults
        finally:
            new = path.with_suffix(".new")
            new.write_text(json.dumps([asdict(fault) for fault in faults]), encoding="utf-8")
            new.replace(path)


def _in_force(fault: Fault) -> bool:
    """A fault that a process keeps up is over when that ended."""
    return not fault.pid or _runs(fault.pid)


def _runs(pid: int) -> bool:
    """Whether this is still a process of the lab's; process ids are used again."""
    try:
        return b"govnet.lab." in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


# What kinds have in common


def cables_of(twin: Twin) -> Cables:
    """The client of a twin's cables."""
    return Cables(control_socket(twin.directory))


def revive(twin: Twin, node: str) -> None:
    """Start what should run on a node and does not; what needs routes once there are some."""
    gone = {name for where, name in twin.dead_daemons() if where == node}
    daemons = [daemon for daemon in twin.daemons(node) if daemon.name in gone]
    twin.start(node, [daemon for daemon in daemons if daemon.wave < LAST_WAVE])
    late = [daemon for daemon in daemons if daemon.wave == LAST_WAVE]
    if late:
        address = str(twin.city.address_of("noc")[0])
        unreachable(twin.namespace(node), [address], ROUTES_S)
        twin.start(node, late)


def keep_running(twin: Twin, node: str, module: str, *arguments: str) -> int:
    """Start a module of the lab in a node's namespace, where ``lab down`` finds it."""
    with kernel.inside(twin.namespace(node)):
        process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return process.pid


def node_named(city: Description, name: str, *roles: Role) -> Node:
    """A node by its name, of one of these roles where any are given."""
    node = city.by_name.get(name)
    if node is None:
        raise FaultError(f"The twin {city.name} has no node {name}.")
    if roles and node.role not in roles:
        raise FaultError(f"{name} is no {' or '.join(roles)} but {node.role}.")
    return node


def cable_named(city: Description, name: str) -> Cable:
    """A cable by its circuit number, or by a node that hangs on it alone."""
    if name in city.cables_by_name:
        return city.cables_by_name[name]
    if name not in city.by_name:
        raise FaultError(f"The twin {city.name} has no cable {name} and no node of that name.")
    plugs = city.plugs(name)
    if len(plugs) != 1:
        numbers = ", ".join(cable.name for _, _, cable in plugs)
        raise FaultError(f"{name} hangs on several cables: say which of {numbers}.")
    return plugs[0][2]
