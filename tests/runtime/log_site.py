"""A store and a receiver of messages and traps, that tests may kill."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.peers import free_port
from tests.running import installation
from tests.runtime.flow_site import FlowSite

HOST = "127.83.8.1"
PEER = "127.83.8.9"


@dataclass
class LogSite(FlowSite):
    """The installation, and its ports; ``port`` is that of syslog."""

    tls_port: int = 0
    trap_port: int = 0

    def texts(self) -> list[str]:
        return [str(row[0]) for row in self.rows("SELECT text FROM log_message ORDER BY ts")]

    def count(self, condition: str) -> int:
        found = self.rows(f"SELECT count() FROM log_message WHERE {condition}")
        return int(str(found[0][0])) if found else -1

    def say(self, *messages: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((PEER, 0))
            for message in messages:
                sender.sendto(message, (HOST, self.port))

    def pour(self, data: bytes, *, tls: bool = False) -> None:
        port = self.tls_port if tls else self.port
        with socket.create_connection((HOST, port), 10, (PEER, 0)) as plain:
            if not tls:
                plain.sendall(data)
                return
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with context.wrap_socket(plain) as safe:
                safe.sendall(data)


def certificate(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = directory / "cert.pem", directory / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_path, key_path


@contextmanager
def log_site(directory: Path) -> Iterator[LogSite]:
    port, tls_port = (free_port(socket.SOCK_STREAM, HOST) for _ in range(2))
    trap_port = free_port(socket.SOCK_DGRAM, HOST)
    cert, key = certificate(directory)
    site = installation(
        directory,
        GOVNET_RECEIVER_HOSTS=f'["{HOST}"]',
        GOVNET_SYSLOG_PORTS=f"[{port}]",
        GOVNET_TRAP_PORTS=f"[{trap_port}]",
        GOVNET_SYSLOG_TLS_PORT=str(tls_port),
        GOVNET_SYSLOG_TLS_CERTIFICATE=str(cert),
        GOVNET_SYSLOG_TLS_KEY=str(key),
        GOVNET_NETFLOW_PORTS=f"[{free_port(socket.SOCK_DGRAM, HOST)}]",
        GOVNET_SFLOW_PORT=str(free_port(socket.SOCK_DGRAM, HOST)),
        GOVNET_FLUSH_SECONDS="0.5",
    )
    running = LogSite(site, port, tls_port=tls_port, trap_port=trap_port)
    site.run("migrate")
    site.django(LEDGER)
    try:
        running.start("store")
        running.wait_store()
        running.start("receiver")
        running.wait_receiver()
        yield running
    finally:
        for process in running.processes.values():
            process.kill()
            process.wait(10)


LEDGER = f"""
from govnet.inventory.models import *
from govnet.logs.models import LogPattern
region = Region.objects.create(code='430600', name='city', level='city')
device = Device(pk=7, name='core', layer='core', region=region, management_ipv4='{PEER}')
device.save()
Port(pk=70, device=device, name='GigabitEthernet0/0/3', if_index=3).save()
Credential(name='v3', version='3', user='govnet', auth_protocol='SHA-256',
    auth_key='authentication', priv_protocol='AES', priv_key='privacy-word').save()
Credential(name='v2c', version='2c', community='known').save()
LogPattern(name='disk', pattern='disk \\\\w+ failed').save()
"""


def tool(name: str, *arguments: str, state: Path) -> None:
    """Run a program of Net-SNMP from the peer's address."""
    environment = {"SNMP_PERSISTENT_DIR": str(state), "PATH": "/usr/bin", "MIBS": ""}
    subprocess.run(
        [name, "--clientaddr=" + PEER, *arguments], env=environment, check=True, timeout=30
    )
