"""What a port of the receiver is for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from govnet.config import Config


@dataclass(frozen=True, slots=True)
class ReceivingPort:
    """One port, opened on every address that the settings name.

    Attributes:
        number: the port.
        channel: said of what comes by it.
        stream: TCP instead of UDP.
        tls: makes the server's side of TLS; raises ``OSError`` when its files cannot be read.
        answered: datagrams may be answered.
    """

    number: int
    channel: str = ""
    stream: bool = False
    tls: Callable[[Config], ssl.SSLContext] | None = None
    answered: bool = False
