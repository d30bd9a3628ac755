"""Traps and informs of Net-SNMP's own tools, in every version; hostile octets."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from govnet.engine.snmp.ber import BerError, encode_integer, encode_oid, tlv
from govnet.engine.snmp.traps import Notification, Trap, read_community_message, version_of
from govnet.engine.snmp.usm import Usm, UsmError, UsmUser
from govnet.engine.snmp.vendors import load_catalog

LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
ENGINE = bytes.fromhex("80001f8804") + b"govnet-test"
Sender = Callable[..., list[bytes]]


@pytest.fixture
def sent(tmp_path: Path) -> Sender:
    """Runs a tool of Net-SNMP against a socket; each datagram may be answered."""

    def run(
        tool: str, *arguments: str, answer: Callable[[bytes], bytes] = lambda _data: b""
    ) -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.83.9.1", 0))
            receiver.settimeout(5)
            peer = f"127.83.9.1:{receiver.getsockname()[1]}"
            command = [tool, *arguments[:-1], peer, *arguments[-1].split()]
            environment = {"SNMP_PERSISTENT_DIR": str(tmp_path), "PATH": "/usr/bin", "MIBS": ""}
            process = subprocess.Popen(command, env=environment)
            found = []
            while True:
                data, address = receiver.recvfrom(65_536)
                found.append(data)
                if reply := answer(data):
                    receiver.sendto(reply, address)
                try:
                    assert process.wait(0.3) == 0
                except subprocess.TimeoutExpired:
                    continue
                return found

    return run


V2 = f"'' {LINK_DOWN} {IF_INDEX}.3 i 3 1.3.6.1.2.1.31.1.1.1.1.3 s GE0/0/3".replace("''", "0")


def check(notification: Notification) -> None:
    assert notification.trap.oid == LINK_DOWN
    assert notification.trap.column(IF_INDEX) == 3
    assert notification.trap.column("1.3.6.1.2.1.31.1.1.1.1") == "GE0/0/3"


def test_a_v1_trap_is_read_as_v2_would_be(sent: Sender) -> None:
    arguments = f"1.3.6.1.4.1.8072 10.1.2.3 2 0 55 {IF_INDEX}.3 i 3"
    (data,) = sent("snmptrap", "-v1", "-c", "x", arguments)
    message = read_community_message(data)
    trap = message.notification.trap
    assert (message.version, message.community) == (0, b"x")
    assert (trap.oid, trap.agent, trap.column(IF_INDEX)) == (LINK_DOWN, "10.1.2.3", 3)
    (data,) = sent("snmptrap", "-v1", "-c", "x", "1.3.6.1.4.1.8072 10.1.2.3 6 17 55")
    assert read_community_message(data).notification.trap.oid == "1.3.6.1.4.1.8072.0.17"


def test_a_v2c_trap(sent: Sender) -> None:
    (data,) = sent("snmptrap", "-v2c", "-c", "secret", V2)
    message = read_community_message(data)
    assert (message.version, message.community) == (1, b"secret")
    assert not message.notification.inform
    check(message.notification)


def v3(auth: str, privacy: str) -> tuple[list[str], UsmUser]:
    arguments = ["-v3", "-l", "authPriv" if privacy else "authNoPriv", "-u", "govnet"]
    arguments += ["-a", auth, "-A", "authentication", "-x", privacy or "AES", "-X", "privacy-word"]
    return arguments, UsmUser("govnet", auth, "authentication", privacy, "privacy-word")


@pytest.mark.parametrize(
    ("auth", "privacy"),
    [("SHA", "AES"), ("SHA-256", "AES-256"), ("SHA-512", "AES"), ("SHA", "AES-256"), ("SHA", "")],
)
def test_v3_traps_and_informs(sent: Sender, auth: str, privacy: str) -> None:
    arguments, user = v3(auth, privacy)
    usm = Usm(ENGINE, 7)
    usm.use([UsmUser("govnet", auth, "another password"), user])
    (data,) = sent("snmptrap", *arguments, "-e", "0x80001f880401020304", V2)
    received = usm.receive(data)
    assert received.user == "govnet"
    assert not received.answer
    assert received.notification
    check(received.notification)

    answers = []

    def answer(data: bytes) -> bytes:
        answers.append(usm.receive(data))
        return answers[-1].answer

    sent("snmpinform", *arguments, V2, answer=answer)  # ends with 0: our answer was right
    assert answers[-1].notification
    assert answers[-1].notification.inform
    check(answers[-1].notification)
    assert any(one.notification is None for one in answers)  # it asked for our engine


def accepted(usm: Usm, data: bytes) -> bool:
    try:
        return usm.receive(data).notification is not None
    except (UsmError, BerError):
        return False


def test_what_is_not_authentic_or_too_old_is_refused(sent: Sender) -> None:
    arguments, user = v3("SHA-256", "AES")
    (data,) = sent("snmptrap", *arguments, "-e", "0x80001f880401020305", V2)
    usm = Usm(ENGINE, 7)
    with pytest.raises(UsmError, match="unknown_user"):
        usm.receive(data)
    usm.use([UsmUser("govnet", "SHA-256", "wrong", "AES", "privacy-word")])
    with pytest.raises(UsmError, match="wrong_digest"):
        usm.receive(data)
    usm.use([UsmUser("govnet", "SHA-256", "authentication", "AES", "wrong")])
    with pytest.raises(UsmError, match="decryption"):
        usm.receive(data)
    usm.use([user])
    for at in range(12, len(data), 7):
        broken = data[:at] + bytes((data[at] ^ 0x55,)) + data[at + 1 :]
        assert not accepted(usm, broken)
    assert usm.receive(data).notification
    engine = bytes.fromhex("80001f880401020305")
    boots, moment, since = usm._clocks[engine]
    usm._clocks[engine] = (boots, moment + 1_000, since)
    with pytest.raises(UsmError, match="not_in_window"):
        usm.receive(data)  # recorded, and played again later


TRAP_OID = tlv(0x30, tlv(6, encode_oid("1.3.6.1.6.3.1.1.4.1.0")) + tlv(6, encode_oid(LINK_DOWN)))


def v2_message(pdu: int, varbinds: bytes) -> bytes:
    body = encode_integer(9) + encode_integer(0) * 2 + tlv(0x30, varbinds)
    return tlv(0x30, encode_integer(1) + tlv(4, b"x") + tlv(pdu, body))


@given(st.binary(max_size=300))
@example(v2_message(0xA7, TRAP_OID * 3_000))
@example(v2_message(0xA2, TRAP_OID))
@example(v2_message(0xA7, b""))
@example(bytes.fromhex("3003020103"))
@example(b"\x30\x84\xff\xff\xff\xff")
def test_hostile_octets_are_an_error_and_nothing_else(data: bytes) -> None:
    usm = Usm(ENGINE, 1)
    for whole in (data, tlv(0x30, encode_integer(1) + data), tlv(0x30, encode_integer(3) + data)):
        for read in (version_of, read_community_message, usm.receive):
            try:
                read(whole)
            except (BerError, UsmError):
                continue


def test_meanings_and_readable_form() -> None:
    book = load_catalog().trap_book()
    down = Trap(LINK_DOWN, ((f"{IF_INDEX}.3", 3), ("1.3.6.1.2.1.2.2.1.8.3", 2)))
    event, index = book.meaning(down)
    assert (event.event, event.raises, index) == ("link_down", "link_down", 3)
    assert book.describe(down) == "linkDown ifIndex.3=3 ifOperStatus.3=2"
    for state, kind in ((8, "ospf_up"), (1, "ospf_down"), (5, "ospfNbrStateChange")):
        neighbour = Trap(
            "1.3.6.1.2.1.14.16.2.2",
            (("1.3.6.1.2.1.14.10.1.1.1", "10.0.0.2"), ("1.3.6.1.2.1.14.10.1.6.1", state)),
        )
        assert book.meaning(neighbour)[0].event == kind
    unknown = Trap("1.3.6.1.4.1.99999.1.2", (("1.3.6.1.4.1.99999.7", "text"),))
    assert book.meaning(unknown)[0].event == "1.3.6.1.4.1.99999.1.2"
    assert book.describe(unknown).endswith("1.3.6.1.4.1.99999.7=text")
