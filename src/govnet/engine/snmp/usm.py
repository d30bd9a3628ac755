"""The receiving side of the user-based security model (RFC 3414, RFC 7860, RFC 3826).

For a trap the sender's engine is the authority, for an inform ours is: then the sender first asks
for our engine id and clock, which :class:`Usm` answers by reports. No library that we know takes
datagrams that somebody else has received; what is needed is small and checked against Net-SNMP.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from govnet.engine.snmp.ber import (
    BerError,
    Tag,
    encode_integer,
    encode_oid,
    read_tl,
    tlv,
)
from govnet.engine.snmp.traps import Notification, read_notification, read_number, read_octets

DIGESTS: Final = {"SHA": ("sha1", 12), "SHA-256": ("sha256", 24), "SHA-512": ("sha512", 48)}
"""Hash and octets of the code in a message."""

PRIVATE_OCTETS: Final = {"AES": 16, "AES-256": 32}
WINDOW_S: Final = 150
MAX_ENGINES: Final = 4_096
RESPONSE: Final = 0xA2
REPORT: Final = 0xA8

_STATS: Final = "1.3.6.1.6.3.15.1.1"
NOT_IN_WINDOW: Final = f"{_STATS}.2.0"
UNKNOWN_ENGINE: Final = f"{_STATS}.4.0"


class UsmError(ValueError):
    """A v3 message that is not accepted; the text is the counter's name."""


@dataclass(frozen=True, slots=True)
class UsmUser:
    """A user whose notifications are accepted; passwords as the ledger has them."""

    name: str
    auth: str
    auth_password: str
    privacy: str = ""
    privacy_password: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What a v3 message was.

    Attributes:
        user: who sent it; empty for a question about our engine.
        notification: None when it only asked.
        answer: octets to send back: an inform's response or a report.
    """

    user: str
    notification: Notification | None
    answer: bytes = b""


@dataclass(slots=True)
class _Message:
    """The parts of a v3 message (RFC 3412, 6; RFC 3414, 2.4)."""

    data: bytes
    message_id: int
    flags: int
    engine: bytes
    boots: int
    time: int
    user: bytes
    code: bytes
    code_at: int
    salt: bytes
    scoped: bytes


class Usm:
    """Reads v3 notifications and answers what has to be answered.

    Args:
        engine_id: ours, 5 to 32 octets, the same after a restart.
        boots: how often it has started.
    """

    def __init__(self, engine_id: bytes, boots: int) -> None:
        self.engine_id = engine_id
        self.boots = boots
        self._started = time.monotonic()
        self._users: dict[bytes, tuple[UsmUser, ...]] = {}
        self._clocks: OrderedDict[bytes, tuple[int, float, float]] = OrderedDict()

    def use(self, users: Iterable[UsmUser]) -> None:
        """Accept these users from now on; several may have one name and different keys."""
        found: dict[bytes, tuple[UsmUser, ...]] = {}
        for user in users:
            name = user.name.encode()
            found[name] = (*found.get(name, ()), user)
        self._users = found

    def receive(self, data: bytes) -> Received:
        """Read one message.

        Raises:
            BerError: malformed.
            UsmError: unknown user, wrong code, too old, or not to be decrypted.
        """
        message = _split(data)
        if not message.engine or (not message.user and not message.flags & 1):
            return Received("", None, self._report(message, UNKNOWN_ENGINE, None))
        if message.user not in self._users:
            raise UsmError("unknown_user")
        user = self._authentic(message)
        ours = message.engine == self.engine_id
        if ours and not self._in_our_window(message):
            return Received(user.name, None, self._report(message, NOT_IN_WINDOW, user))
        if not ours:
            self._check_their_window(message)
        context, notification = self._scoped(message, user)
        if notification.inform and not ours:
            return Received(user.name, None, self._report(message, UNKNOWN_ENGINE, None))
        answer = (
            self._response(message, user, context, notification) if notification.inform else b""
        )
        return Received(user.name, notification, answer)

    # Security

    def _authentic(self, message: _Message) -> UsmUser:
        if not message.flags & 1:
            raise UsmError("not_authenticated")
        for user in self._users[message.user]:
            key = localized_key(user.auth, user.auth_password, message.engine)
            blank = bytes(len(message.code))
            at = message.code_at
            data = message.data[:at] + blank + message.data[at + len(blank) :]
            if hmac.compare_digest(_code(user.auth, key, data), message.code):
                return user
        raise UsmError("wrong_digest")

    def _in_our_window(self, message: _Message) -> bool:
        return message.boots == self.boots and abs(message.time - self._now()) <= WINDOW_S

    def _check_their_window(self, message: _Message) -> None:
        """A message recorded earlier must not be replayed (RFC 3414, 3.2, 7b)."""
        known = self._clocks.get(message.engine)
        if known is not None:
            boots, told, at = known
            present = told + time.monotonic() - at
            if (message.boots, message.time) < (boots, present - WINDOW_S):
                raise UsmError("not_in_window")
            if (message.boots, message.time) < (boots, told):
                return
        self._clocks[message.engine] = (message.boots, message.time, time.monotonic())
        self._clocks.move_to_end(message.engine)
        if len(self._clocks) > MAX_ENGINES:
            self._clocks.popitem(last=False)

    def _scoped(self, message: _Message, user: UsmUser) -> tuple[bytes, Notification]:
        scoped = message.scoped
        if message.flags & 2:
            if not user.privacy:
                raise UsmError("decryption")
            octets, _end = read_octets(scoped, 0, len(scoped))
            scoped = self._cipher(user, message, octets, encrypt=False)
        try:
            return _read_scoped(scoped)
        except BerError:
            if message.flags & 2:
                raise UsmError("decryption") from None
            raise

    def _cipher(self, user: UsmUser, message: _Message, octets: bytes, *, encrypt: bool) -> bytes:
        """AES in CFB mode (RFC 3826, 3.1); AES-256 with keys after Blumenthal."""
        if len(message.salt) != 8:
            raise UsmError("decryption")
        key = privacy_key(user.auth, user.privacy_password, message.engine, user.privacy)
        start = message.boots.to_bytes(4, "big") + message.time.to_bytes(4, "big") + message.salt
        cipher = Cipher(AES(key), CFB(start))
        work = cipher.encryptor() if encrypt else cipher.decryptor()
        return work.update(octets) + work.finalize()

    # Answers

    def _now(self) -> int:
        return int(time.monotonic() - self._started)

    def _response(
        self, asked: _Message, user: UsmUser, context: bytes, notification: Notification
    ) -> bytes:
        number = encode_integer(notification.request_id)
        pdu = tlv(RESPONSE, number + encode_integer(0) * 2 + tlv(0x30, notification.varbinds))
        return self._message(asked, user, asked.flags & 3, context, pdu)

    def _report(self, asked: _Message, oid: str, user: UsmUser | None) -> bytes:
        if not asked.flags & 4:  # who sends a trap does not want to hear of it
            return b""
        value = tlv(Tag.OID, encode_oid(oid)) + tlv(Tag.COUNTER32, b"\x01")
        pdu = tlv(REPORT, encode_integer(0) * 3 + tlv(0x30, tlv(0x30, value)))
        context = tlv(4, self.engine_id) + tlv(4, b"")
        return self._message(asked, user, 1 if user else 0, context, pdu)

    def _message(
        self, asked: _Message, user: UsmUser | None, flags: int, context: bytes, pdu: bytes
    ) -> bytes:
        scoped = tlv(0x30, context + pdu)
        salt = b""
        mine = _Message(
            b"", 0, flags, self.engine_id, self.boots, self._now(), asked.user, b"", 0, salt, b""
        )
        if flags & 2 and user:
            mine.salt = secrets.token_bytes(8)
            scoped = tlv(4, self._cipher(user, mine, scoped, encrypt=True))
        code = bytes(DIGESTS[user.auth][1]) if user and flags & 1 else b""
        whole = _joined(asked.message_id, mine, code, scoped)
        if not (code and user):
            return whole
        key = localized_key(user.auth, user.auth_password, self.engine_id)
        place = whole.index(tlv(4, code) + tlv(4, mine.salt)) + 2
        right = _code(user.auth, key, whole)
        return whole[:place] + right + whole[place + len(code) :]


def _joined(message_id: int, mine: _Message, code: bytes, scoped: bytes) -> bytes:
    header = tlv(
        0x30,
        encode_integer(message_id)
        + encode_integer(65_507)
        + tlv(4, bytes((mine.flags,)))
        + encode_integer(3),
    )
    security = tlv(
        0x30,
        tlv(4, mine.engine)
        + encode_integer(mine.boots)
        + encode_integer(mine.time)
        + tlv(4, mine.user)
        + tlv(4, code)
        + tlv(4, mine.salt),
    )
    return tlv(0x30, encode_integer(3) + header + tlv(4, security) + scoped)


def _split(data: bytes) -> _Message:
    _tag, at, end = read_tl(data, 0, len(data))
    _version, at = read_number(data, at, end)
    tag, start, after = read_tl(data, at, end)
    if tag != 0x30:
        raise BerError("no header")
    message_id, start = read_number(data, start, after)
    _size, start = read_number(data, start, after)
    flags, start = read_octets(data, start, after)
    model, _start = read_number(data, start, after)
    if model != 3 or len(flags) != 1 or message_id < 0:
        raise BerError("not the user-based security model")
    tag, start, at = read_tl(data, after, end)
    if tag != Tag.OCTET_STRING:
        raise BerError("no security parameters")
    tag, start, stop = read_tl(data, start, at)
    engine, start = read_octets(data, start, stop)
    boots, start = read_number(data, start, stop)
    moment, start = read_number(data, start, stop)
    user, start = read_octets(data, start, stop)
    code, start = read_octets(data, start, stop)
    code_at = start - len(code)
    salt, _start = read_octets(data, start, stop)
    if boots < 0 or moment < 0 or len(engine) > 32 or len(user) > 32:
        raise BerError("security parameters out of their range")
    return _Message(
        data, message_id, flags[0], engine, boots, moment, user, code, code_at, salt, data[at:end]
    )


def _read_scoped(scoped: bytes) -> tuple[bytes, Notification]:
    """Context engine and name as they are, which an answer repeats, and what is said."""
    tag, at, end = read_tl(scoped, 0, len(scoped))
    if tag != 0x30:
        raise BerError("no scoped PDU")
    _engine, name_at = read_octets(scoped, at, end)
    _name, pdu_at = read_octets(scoped, name_at, end)
    return scoped[at:pdu_at], read_notification(scoped, pdu_at, end)


def _code(auth: str, key: bytes, data: bytes) -> bytes:
    name, octets = DIGESTS[auth]
    return hmac.new(key, data, name).digest()[:octets]


@lru_cache(maxsize=1_024)
def _password_key(auth: str, password: str) -> bytes:
    """A million octets of the password, hashed (RFC 3414, A.2)."""
    octets = password.encode()
    repeated = octets * (2**20 // len(octets) + 1)
    return hashlib.new(DIGESTS[auth][0], repeated[: 2**20]).digest()


@lru_cache(maxsize=8_192)
def localized_key(auth: str, password: str, engine: bytes) -> bytes:
    """A user's key at one engine (RFC 3414, 2.6)."""
    if not password:
        raise UsmError("no_key")
    key = _password_key(auth, password)
    return hashlib.new(DIGESTS[auth][0], key + engine + key).digest()


@lru_cache(maxsize=8_192)
def privacy_key(auth: str, password: str, engine: bytes, privacy: str) -> bytes:
    """A key of the cipher's length; a digest that is too short is extended by its own digests."""
    key = localized_key(auth, password, engine)
    while len(key) < PRIVATE_OCTETS[privacy]:
        key += hashlib.new(DIGESTS[auth][0], key).digest()
    return key[: PRIVATE_OCTETS[privacy]]
