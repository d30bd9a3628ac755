"""Life of a city twin: built, asked how it is, taken down with nothing left.

Every process of a twin lives in one of its network namespaces, so that what belongs to it is
found again whatever was killed; nothing outside ``/run/govnet-lab`` and the namespaces is
written.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from govnet.demo.layout import demo_secrets
from govnet.lab import kernel
from govnet.lab.addresses import ANNOUNCED
from govnet.lab.cables import CableError, Cables
from govnet.lab.daemons import Daemon, Room, daemons_of
from govnet.lab.daemons.registry import missing_packages
from govnet.lab.description import PREFIX, Description, Node, read
from govnet.lab.laying import control_socket, lay_cables
from govnet.lab.reach import unreachable

STATE: Final = Path("/run/govnet-lab")
START_S: Final = 20.0
CONVERGE_S: Final = 60.0
LAST_WAVE: Final = 4
GRACE_S: Final = 1.5

SYSCTLS: Final = {
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/ignore_routes_with_linkdown": "1",
    "net/ipv4/conf/default/ignore_routes_with_linkdown": "1",
    "net/ipv4/ping_group_range": "0 2147483647",
    "net/ipv6/conf/all/ignore_routes_with_linkdown": "1",
    "net/ipv6/conf/default/ignore_routes_with_linkdown": "1",
    # No duplicate address detection: addresses would be unusable for the first second.
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}
FORWARDING: Final = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}


class TwinError(Exception):
    """The twin cannot be built or used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that building took: until every daemon ran, and until routing had converged."""

    up_s: float
    converged_s: float


class Twin:
    """A twin on this machine, running or not."""

    def __init__(self, city: Description) -> None:
        self.city = city
        self.directory = STATE / city.name

    @classmethod
    def running(cls, name: str) -> Twin:
        """The twin of that name that was built on this machine.

        Raises:
            TwinError: there is none.
        """
        file = STATE / name / "twin.yaml"
        if not file.exists():
            raise TwinError(f"There is no twin {name!r}; build it: govnet lab up --name {name}")
        return cls(read(file))

    def namespace(self, node: str) -> str:
        """Network namespace of a node."""
        return self.city.namespace(node)

    def node(self, name: str) -> Node:
        """A node by its name.

        Raises:
            TwinError: there is none.
        """
        if name not in self.city.by_name:
            raise TwinError(f"The twin {self.city.name!r} has no node {name!r}.")
        return self.city.by_name[name]

    def room(self, node: Node) -> Room:
        """The files of a node."""
        secrets = demo_secrets(self.directory)
        return Room(self.city, node, self.directory / "nodes" / node.name, secrets)

    def up(self) -> Times:
        """Build it; what is left of an earlier one of this name is removed first.

        Raises:
            TwinError: it may not be built, runs already, or a daemon does not start.
        """
        refuse_without_privileges()
        with _only_one(self.city.name):
            if self._cables_answer():
                name = self.city.name
                raise TwinError(
                    f"The twin {name!r} runs already. Stop it: govnet lab down --name {name}"
                )
            remove(self.city.name)
            # Daemons that give up root must still read their configuration.
            umask = os.umask(0o022)
            try:
                return self._build()
            except (OSError, TwinError, CableError) as error:
                remove(self.city.name)
                raise TwinError(f"The twin could not be built: {error}") from error
            finally:
                os.umask(umask)

    def _cables_answer(self) -> bool:
        """Whether the twin lives: without its cables it is only a remainder."""
        try:
            Cables(control_socket(self.directory)).all()
        except CableError:
            return False
        return True

    def _build(self) -> Times:
        started = time.monotonic()
        self.directory.mkdir(mode=0o711, parents=True)
        (self.directory / "twin.yaml").write_text(self.city.to_yaml(), encoding="utf-8")
        kernel.create(self.city.namespaces)
        self._prepare_namespaces()
        lay_cables(self.city, self.directory)
        for node in self.city.nodes:
            self.plug_in(node.name)
        self._write_names()
        daemons = {node.name: self._write(node) for node in self.city.nodes}
        for wave in range(1, LAST_WAVE):
            self._start_wave(daemons, wave)
        up_s = time.monotonic() - started
        self.wait_until_converged(CONVERGE_S)
        converged_s = time.monotonic() - started - up_s
        self._start_wave(daemons, LAST_WAVE)
        return Times(round(up_s, 1), round(converged_s, 1))

    def _prepare_namespaces(self) -> None:
        for node in self.city.nodes:
            values = SYSCTLS | (FORWARDING if node.routes else {})
            with kernel.inside(self.namespace(node.name)):
                for name, value in values.items():
                    Path("/proc/sys", name).write_text(value, encoding="ascii")

    def plug_in(self, node: str) -> None:
        """Give a node's interfaces their addresses and switch them on."""
        with kernel.inside(self.namespace(node)):
            kernel.ip(_network_lines(self.city, self.city.by_name[node]))

    def _write_names(self) -> None:
        """Names that every node knows: daemons ask for their own, and may not wait for a server."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for node in self.city.nodes:
            lines += [f"{address} {node.name}" for address in self.city.address_of(node.name)]
        (self.directory / "hosts").write_text("\n".join(lines) + "\n", encoding="ascii")
        resolver = self.city.address_of("resolver")[0]
        (self.directory / "resolv.conf").write_text(
            f"nameserver {resolver}\noptions timeout:1 attempts:1\n", encoding="ascii"
        )

    def _write(self, node: Node) -> list[Daemon]:
        room = self.room(node)
        daemons = daemons_of(room)
        text = json.dumps([asdict(daemon) for daemon in daemons], indent=1)
        (room.directory / "daemons.json").write_text(text, encoding="utf-8")
        return daemons

    def daemons(self, node: str) -> list[Daemon]:
        """What runs on a node when all is well, in order of the waves."""
        text = (self.directory / "nodes" / node / "daemons.json").read_text(encoding="utf-8")
        return [Daemon(**{**item, "argv": tuple(item["argv"])}) for item in json.loads(text)]

    def _start_wave(self, daemons: dict[str, list[Daemon]], wave: int) -> None:
        chosen = {node: [d for d in found if d.wave == wave] for node, found in daemons.items()}
        for node, found in chosen.items():
            if found:
                self._spawn(node, found)
        self._wait_until_ready(chosen)

    def start(self, node: str, daemons: Iterable[Daemon]) -> None:
        """Start daemons of a node, in order of their waves, and wait until they serve.

        Raises:
            TwinError: one does not.
        """
        found = list(daemons)
        for wave in sorted({daemon.wave for daemon in found}):
            self._start_wave({node: found}, wave)

    def _spawn(self, name: str, daemons: list[Daemon]) -> None:
        room = self.room(self.city.by_name[name])
        log = os.open(room.directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def start_all() -> None:
            for daemon in daemons:
                if daemon.ready:
                    Path(daemon.ready).unlink(missing_ok=True)
                subprocess.Popen(  # noqa: S603  # the twin's own daemons
                    daemon.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/run",
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **daemon.environment},
                    start_new_session=True,
                    umask=0o022,
                )

        try:
            kernel.in_room(self.namespace(name), name, room.views, start_all)
        finally:
            os.close(log)

    def run(self, node: str, argv: tuple[str, ...]) -> None:
        """Run one command of a node to its end; its output goes to the node's log."""
        room = self.room(self.city.by_name[node])
        with (room.directory / "log").open("ab") as log:
            kernel.in_room(
                self.namespace(node),
                node,
                room.views,
                lambda: _run(argv, log),
            )

    def _wait_until_ready(self, daemons: dict[str, list[Daemon]]) -> None:
        waiting = {
            (node, daemon.name): self.directory / "nodes" / node / daemon.ready.lstrip("/")
            for node, found in daemons.items()
            for daemon in found
            if daemon.ready
        }
        deadline = time.monotonic() + START_S
        while waiting := {key: path for key, path in waiting.items() if not path.exists()}:
            if time.monotonic() > deadline:
                (node, name), _ = next(iter(waiting.items()))
                raise TwinError(f"{name} of {node} did not start within {START_S:.0f} s")
            time.sleep(0.02)

    def wait_until_converged(self, within_s: float) -> None:
        """Wait until the operations room reaches every node on IPv4 and IPv6.

        Raises:
            TwinError: it does not within that time.
        """
        if missing := self.unreachable(within_s):
            few = ", ".join(sorted(missing)[:5])
            raise TwinError(f"routing did not converge: {len(missing)} addresses silent ({few})")

    def unreachable(self, within_s: float) -> set[str]:
        """Addresses of nodes that the operations room does not reach."""
        both = (self.city.address_of(node.name) for node in self.city.nodes)
        addresses = [str(address) for pair in both for address in pair]
        return unreachable(self.namespace("noc"), addresses, within_s)

    def processes(self) -> dict[str, dict[str, list[int]]]:
        """Node to what runs there: a command's name to its process ids."""
        prefix = self.namespace("")
        found: dict[str, dict[str, list[int]]] = {node.name: {} for node in self.city.nodes}
        for pid, namespace in kernel.processes_in(self.city.namespaces).items():
            with suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
                node = found.setdefault(namespace.removeprefix(prefix), {})
                node.setdefault(name, []).append(pid)
        return found

    def memory_mib(self) -> float:
        """Memory of all its processes, shared pages counted in parts (PSS)."""
        kib = 0
        for pid in kernel.processes_in(self.city.namespaces):
            with suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                kib += int(text.partition("\nPss:")[2].split()[0])
        return kib / 1024

    def dead_daemons(self) -> list[tuple[str, str]]:
        """(node, daemon) of what should run and does not."""
        running = self.processes()
        return [
            (node.name, daemon.name)
            for node in self.city.nodes
            for daemon in self.daemons(node.name)
            if daemon.name not in running[node.name]
        ]


def _run(argv: tuple[str, ...], log: IO[bytes]) -> None:
    subprocess.run(  # noqa: S603  # the twin's own commands
        argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, cwd="/run"
    )


def built() -> list[str]:
    """Names of the twins on this machine."""
    return sorted(path.parent.name for path in STATE.glob("*/twin.yaml"))


def refuse_without_privileges() -> None:
    """Say what is missing before anything is touched.

    Raises:
        TwinError: something is.
    """
    if missing := kernel.missing_privileges():
        raise TwinError("A city twin cannot be built here: " + "; ".join(missing) + ".")
    if packages := missing_packages():
        raise TwinError(
            "A city twin needs Debian packages that are missing. Install them:\n"
            f"  apt-get install --no-install-recommends {' '.join(packages)}"
        )


def remove(name: str) -> int:
    """End and remove everything of a twin, whatever state it is in.

    Returns:
        how many processes had to be ended.
    """
    namespaces = kernel.names(f"{PREFIX}-{name}-")
    room = [namespace for namespace in namespaces if namespace.endswith("-noc")]
    # Only GovNet, if it runs there, has something to put in order before it ends.
    ended = kernel.end_processes_in(room, grace_s=GRACE_S)
    ended += kernel.end_processes_in(namespaces, grace_s=0)
    kernel.delete(namespaces)
    shutil.rmtree(STATE / name, ignore_errors=True)
    with suppress(OSError):  # another twin's files are there
        STATE.rmdir()
    return ended


def down(name: str) -> int:
    """Take a twin down; returns how many processes were ended.

    Raises:
        TwinError: this user may not, or it is just being built.
    """
    if missing := kernel.missing_privileges():
        raise TwinError("A city twin cannot be taken down: " + "; ".join(missing) + ".")
    with _only_one(name):
        return remove(name)


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    """One process at a time builds or removes a twin; the kernel forgets the lock with it."""
    with Path("/run").joinpath(f"govnet-lab-{name}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TwinError(f"Another process is building or removing the twin {name!r}.") from None
        try:
            yield
        finally:
            Path(file.name).unlink(missing_ok=True)


def _network_lines(city: Description, node: Node) -> Iterator[str]:
    yield "link set lo up"
    for address in (node.ipv4, node.ipv6):
        if address is not None:
            yield f"address replace {address}/{address.max_prefixlen} dev lo"
    for end, _, _ in city.plugs(node.name):
        yield f"address replace {end.ipv4} dev {end.interface}"
        yield f"address replace {end.ipv6} dev {end.interface} nodad"
        yield f"link set {end.interface} up"
    for network in ANNOUNCED.get(node.name, ()):
        yield f"route replace blackhole {network}"
    if not node.routes:
        end, far, _ = city.plugs(node.name)[0]
        yield f"route replace default via {far.ipv4.ip} dev {end.interface}"
        yield f"route replace default via {far.ipv6.ip} dev {end.interface}"
