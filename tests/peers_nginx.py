"""A real nginx per test, and a certificate authority of our own that issues good and bad."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.peers import require

HEAD = """
{user} daemon off; worker_processes 1; error_log {folder}/error.log info; pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ text/html html; }} default_type text/plain; charset utf-8;
{servers}
}}
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key on disk, as nginx wants them."""

    certificate: Path
    key: Path

    @property
    def directives(self) -> str:
        """For a ``server`` block."""
        return f"ssl_certificate {self.certificate}; ssl_certificate_key {self.key};"


class TestAuthority:
    """Issues certificates of any age for any name."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "GovNet test authority 测试") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.certificate = self._sign(
            self._name, self._key.public_key(), [], (-1, 3650), authority=True
        )

    @property
    def pem(self) -> str:
        """The authority's own certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, *names: str, days: tuple[float, float] = (-1, 90)) -> Pair:
        """Issue for names or addresses, valid from and until so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(names[0]), key.public_key(), list(names), days)
        stem = f"{names[0].replace(':', '_')}-{certificate.serial_number % 10**8}"
        pair = Pair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        names: list[str],
        days: tuple[float, float],
        *,
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@contextmanager
def running_nginx(folder: Path, servers: str, ready: tuple[str, int]) -> Iterator[None]:
    """Run nginx with these ``server`` blocks until the end of the block.

    Args:
        folder: everything that it writes goes here.
        servers: ``server { ... }`` blocks of its configuration.
        ready: address and port that answer once it runs.

    Raises:
        RuntimeError: it did not start within 5 s; the message has its log.
    """
    program = require("nginx")
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else the worker could not read the folder
    configuration.write_text(
        HEAD.format(folder=folder, servers=servers, user=user), encoding="utf-8"
    )
    command = [program, "-c", str(configuration), "-p", str(folder), "-e", f"{folder}/error.log"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_until_ready(process, folder, ready)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait_until_ready(
    process: subprocess.Popen[bytes], folder: Path, ready: tuple[str, int]
) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(ready, timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    log = folder / "error.log"
    raise RuntimeError(f"nginx did not start: {log.read_text() if log.exists() else 'no log'}")
