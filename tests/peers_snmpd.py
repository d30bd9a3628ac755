"""A real net-snmp agent for tests: own configuration, own state, high port, IPv4 and IPv6."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers import free_port, require

COMMUNITY = "test-community"
AUTH_KEY = "auth-password-1"
PRIV_KEY = "priv-password-1"
# (user, authentication protocol, privacy protocol or "") as snmpd.conf spells them.
USERS = (
    ("sha1aes", "SHA", "AES"),
    ("sha256aes", "SHA-256", "AES"),
    ("sha512aes256", "SHA-512", "AES-256"),
    ("sha256auth", "SHA-256", ""),
)


@dataclass
class Snmpd:
    """A running agent.

    Attributes:
        port: UDP port on 127.0.0.1 and, when the machine has IPv6, on ::1.
        folder: configuration and state; a restart in it keeps the engine id.
    """

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the agent and wait for it."""
        self.process.terminate()
        self.process.wait(10)

    def restart(self) -> None:
        """End the agent and start it again with its state (snmpEngineBoots grows)."""
        self.stop()
        self.process = _start(self.folder, self.port)


def has_ipv6() -> bool:
    """Whether ::1 can be used here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextmanager
def running_snmpd(folder: Path, extra: str = "") -> Iterator[Snmpd]:
    """An agent as long as the block runs; skips (on CI fails) without snmpd."""
    port = free_port(socket.SOCK_DGRAM)
    configuration = _configuration(port) + extra
    (folder / "conf").mkdir(parents=True)
    (folder / "state").mkdir()
    (folder / "conf" / "snmpd.conf").write_text(configuration)
    snmpd = Snmpd(port, folder, _start(folder, port))
    try:
        yield snmpd
    finally:
        snmpd.stop()


def _configuration(port: int) -> str:
    lines = [
        f"agentaddress udp:127.0.0.1:{port}" + (f",udp6:[::1]:{port}" if has_ipv6() else ""),
        f"rocommunity {COMMUNITY}",
        f"rocommunity6 {COMMUNITY}",
        "sysName 测试设备",
        "sysContact test",
    ]
    for user, auth, priv in USERS:
        privacy = f' {priv} "{PRIV_KEY}"' if priv else ""
        lines.append(f'createUser {user} {auth} "{AUTH_KEY}"{privacy}')
        lines.append(f"rouser {user} {'priv' if priv else 'auth'}")
    return "\n".join(lines) + "\n"


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [require("snmpd"), "-f", "-Lo", "-C", "-c", str(folder / "conf" / "snmpd.conf")]
    command += ["-p", str(folder / "snmpd.pid")]
    # The state directory must not be the configuration's: snmpd would overwrite snmpd.conf.
    environment = os.environ | {"SNMP_PERSISTENT_DIR": str(folder / "state"), "MIBS": ""}
    log = (folder / "snmpd.log").open("ab")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    log.close()
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError((folder / "snmpd.log").read_text()[-2000:])
        if _answers(port):
            return process
        time.sleep(0.05)
    raise RuntimeError("snmpd does not answer")


def _answers(port: int) -> bool:
    """Any agent answers a SNMPv3 discovery; this one is net-snmp's own tool's job."""
    command = [require("snmpget"), "-v2c", "-c", COMMUNITY, "-t", "0.2", "-r", "0", "-On"]
    command += [f"127.0.0.1:{port}", ".1.3.6.1.2.1.1.3.0"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
