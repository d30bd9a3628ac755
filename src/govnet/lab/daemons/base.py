"""A daemon of a node, and the room that it runs in."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from govnet.demo.layout import DemoSecrets
from govnet.lab.description import Description, Node

ETC: Final = "/run/etc"
"""Where a node's processes see their configuration: inside their own ``/run``."""

AGENTX: Final = "unix:/run/agentx"
TRAP_PORT: Final = 162
SYSLOG_PORT: Final = 514
NETFLOW_PORT: Final = 2055
IPFIX_PORT: Final = 4739


@dataclass(frozen=True, slots=True)
class Daemon:
    """One process of a node.

    Attributes:
        name: unique on its node.
        argv: the command, which stays in the foreground.
        wave: daemons of a lower wave are ready before it starts; the last, 4, needs routes.
        ready: a path as the node sees it ("/run/…") that appears when it serves; empty when
            nobody waits for it.
        environment: further variables.
    """

    name: str
    argv: tuple[str, ...]
    wave: int = 1
    ready: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Room:
    """The files of one node: its configuration, apart from what its daemons write.

    Attributes:
        city: the whole twin.
        node: whose room this is.
        directory: on this machine.
        secrets: credentials of this twin.
    """

    city: Description
    node: Node
    directory: Path
    secrets: DemoSecrets

    @cached_property
    def views(self) -> dict[str, Path]:
        """Directories of the machine that the node sees otherwise.

        A daemon's persistent directory is never that of its configuration: net-snmp overwrites
        the latter at its end and comes back mute.
        """
        return {
            "/run": self.directory / "run",
            "/var/lib/snmp": self.directory / "snmp",
            "/etc/frr": self.directory / "run" / "etc" / "frr",
            **{
                f"/etc/{name}": self.directory.parents[1] / name
                for name in ("hosts", "resolv.conf")
                if not Path("/etc", name).is_symlink()  # it would point into the old /run
            },
        }

    def write(self, name: str, text: str, mode: int = 0o644, encoding: str = "utf-8") -> None:
        """Write a configuration file, seen by the node as ``/run/etc/<name>``."""
        path = self.directory / "run" / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding=encoding) as file:
            file.write(text)

    def give(self, name: str, user: str) -> None:
        """Make a directory below the node's ``/run`` that belongs to a user."""
        path = self.directory / "run" / name
        path.mkdir(parents=True, exist_ok=True)
        account = pwd.getpwnam(user)
        os.chown(path, account.pw_uid, account.pw_gid)

    def open(self) -> None:
        """Make the directories."""
        for name in ("run/etc/frr", "snmp"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)

    @property
    def collector(self) -> tuple[str, str]:
        """Addresses of the operations room, where traps, logs and flows go."""
        ipv4, ipv6 = self.city.address_of("noc")
        return str(ipv4), str(ipv6)
