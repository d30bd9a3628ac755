"""What every channel shares: the message, the settings, the two kinds of failure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django.utils.functional import Promise

TIMEOUT_S: Final = 10.0
"""Connecting, and each wait for the peer: a channel that hangs holds up only itself."""


class TransportError(Exception):
    """A message was not taken.

    Attributes:
        permanent: trying again cannot help, a person has to change something.
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be told.

    Attributes:
        title: one line.
        lines: the rest, a fact a line.
        level: of the most urgent alarm told: critical, major, minor, notice.
        url: where to look; empty when the site has no public address.
        data: the same for machines, JSON-ready.
    """

    title: str
    lines: tuple[str, ...] = ()
    level: str = "notice"
    url: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Title, facts and address as plain text."""
        return "\n".join((self.title, *self.lines, *((self.url,) if self.url else ())))


@dataclass(frozen=True, slots=True)
class Settings:
    """What a channel needs to know; each kind reads what it uses.

    Attributes:
        address: a URL; ``host:port`` for mail and syslog.
        user: to sign in with.
        secret: password, or the robot's key or token.
        signing_secret: key of the signature.
        sender: address that mail comes from.
        tls: ``none``, ``starttls`` or ``tls`` (mail); ``udp`` or ``tcp`` (syslog).
        body: template of the request (SMS gateway).
        charset: of the request (SMS gateway).
        success: text that a good answer contains (SMS gateway).
        loopback: True lets it talk to this machine.
    """

    address: str
    user: str = ""
    secret: str = ""
    signing_secret: str = ""
    sender: str = ""
    tls: str = ""
    body: str = ""
    charset: str = "utf-8"
    success: str = ""
    loopback: bool = False


class Transport(ABC):
    """One kind of channel."""

    kind: ClassVar[str]
    label: ClassVar[str | Promise]
    uses: ClassVar[frozenset[str]]
    """Settings beside ``address`` that this kind reads."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Of these, the ones it cannot do without."""
    to_people: ClassVar[bool] = False
    """True when each recipient has an address of its own; False: the channel is the recipient."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def send(self, message: Message, recipients: Sequence[str]) -> None:
        """Hand the message over.

        Args:
            message: what to tell.
            recipients: mail addresses or mobile numbers; a robot mentions them.

        Raises:
            TransportError: it was not taken.
        """

    def mask(self, text: str) -> str:
        """A text without the channel's secrets, to be logged and shown."""
        for secret in (self.settings.secret, self.settings.signing_secret):
            if secret:
                text = text.replace(secret, "***")
        return text


def shorten(text: str, octets: int) -> str:
    """Text of at most so many octets of UTF-8, cut between characters and marked by "…"."""
    raw = text.encode()
    if len(raw) <= octets:
        return text
    return raw[: octets - 3].decode(errors="ignore") + "…"
