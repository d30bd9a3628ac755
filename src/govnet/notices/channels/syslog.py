"""Syslog out (RFC 5424), for the security centre that collects everybody's events."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from govnet.notices.channels.base import TIMEOUT_S, Message, Transport, TransportError
from govnet.notices.channels.guard import admitted, host_and_port

FACILITY: Final = 16  # local0
SEVERITY: Final = {"critical": 2, "major": 3, "minor": 4, "notice": 5}
UDP_OCTETS: Final = 2048
"""RFC 5424 section 6.1: receivers should accept 2,048 octets."""


class Syslog(Transport):
    """One datagram, or one frame by octet counting over TCP (RFC 6587 section 3.4.1)."""

    kind = "syslog"
    label = _("Syslog")
    uses = frozenset({"tls"})

    def send(self, message: Message, recipients: Sequence[str]) -> None:
        """Send it; UDP tells nothing of its arrival."""
        del recipients
        host, port = host_and_port(self.settings.address, 514)
        tcp = self.settings.tls == "tcp"
        address = admitted(host, port, loopback=self.settings.loopback, datagram=not tcp)
        line = encoded(message)
        try:
            if tcp:
                with socket.create_connection((address, port), TIMEOUT_S) as stream:
                    stream.sendall(b"%d %s" % (len(line), line))
                return
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.sendto(line[:UDP_OCTETS], (address, port))
        except OSError as error:
            raise TransportError(f"{host}: {error.strerror or error}") from error


def encoded(message: Message) -> bytes:
    """One RFC 5424 message; the text begins with the byte order mark that names it UTF-8."""
    priority = FACILITY * 8 + SEVERITY.get(message.level, 5)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = socket.gethostname() or "-"
    head = f"<{priority}>1 {now} {host} govnet - ALARM - ".encode()
    return head + "\ufeff".encode() + message.text.replace("\n", " | ").encode()
