"""Where the demo's endpoints live: addresses, ports, files and generated secrets."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from govnet.demo.plan import DEFAULT_NETWORK, City

MANAGEMENT_PORT: Final = 8022
DNS_PORT: Final = 1053
PORTAL_PORT: Final = 8443
LOOPBACK_V6: Final = "::1"
USER: Final = "demo"
BANNER: Final = "GovNet demo access device\r\n"
"""What a management port says to who connects."""


@dataclass(frozen=True)
class Layout:
    """One demo installation's endpoints.

    Attributes:
        directory: everything that the endpoints read and write; owned by this user.
        network: the /16 of 127/8 that holds every address; two demos need two of them.
        portal_port: TCP port of the web servers, also on ``::1``.
    """

    directory: Path
    network: IPv4Network = DEFAULT_NETWORK
    portal_port: int = PORTAL_PORT

    @property
    def city(self) -> City:
        """The plan at these addresses."""
        return City(self.network)

    def agent_dir(self, address: object) -> Path:
        """Files of one SNMP agent."""
        return self.directory / "agents" / str(address)


@dataclass(frozen=True)
class DemoSecrets:
    """Generated once per demo directory: the agents' credentials and the demo user's password."""

    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    community: str = field(default_factory=lambda: secrets.token_hex(12))
    v3_user: str = "govnet"
    auth_key: str = field(default_factory=lambda: secrets.token_hex(12))
    priv_key: str = field(default_factory=lambda: secrets.token_hex(12))


def demo_secrets(directory: Path) -> DemoSecrets:
    """Read this demo's secrets, generating the file (mode 0600) on first use."""
    path = directory / "secrets.json"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        write_private(path, json.dumps(asdict(DemoSecrets()), indent=1))
    return DemoSecrets(**json.loads(path.read_text(encoding="utf-8")))


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
