"""Where a peer may send us, and what of its text may be shown."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.engine.safety import Scope, decode, printable, scope_of


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("8.8.8.8", Scope.PUBLIC),
        ("2001:4860::8", Scope.PUBLIC),
        ("10.1.2.3", Scope.PRIVATE),
        ("192.168.0.1", Scope.PRIVATE),
        ("100.64.0.1", Scope.PRIVATE),
        ("fd00::1", Scope.PRIVATE),
        ("::ffff:10.0.0.1", Scope.PRIVATE),
        ("127.0.0.1", Scope.LOOPBACK),
        ("127.255.1.1", Scope.LOOPBACK),
        ("::1", Scope.LOOPBACK),
        ("::ffff:127.0.0.1", Scope.LOOPBACK),
        ("64:ff9b::7f00:1", Scope.LOOPBACK),
        ("169.254.169.254", Scope.FORBIDDEN),
        ("::ffff:169.254.169.254", Scope.FORBIDDEN),
        ("64:ff9b::a9fe:a9fe", Scope.FORBIDDEN),
        ("2002:a9fe:a9fe::1", Scope.FORBIDDEN),
        ("100.100.100.200", Scope.FORBIDDEN),
        ("fd00:ec2::254", Scope.FORBIDDEN),
        ("fe80::1", Scope.FORBIDDEN),
        ("fe80::1%2", Scope.FORBIDDEN),
        ("0.0.0.0", Scope.FORBIDDEN),
        ("::", Scope.FORBIDDEN),
        ("224.0.0.1", Scope.FORBIDDEN),
        ("ff02::1", Scope.FORBIDDEN),
        ("255.255.255.255", Scope.FORBIDDEN),
        ("240.0.0.1", Scope.FORBIDDEN),
    ],
)
def test_every_address_has_its_scope(address: str, scope: Scope) -> None:
    assert scope_of(ip_address(address)) is scope


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("政务外网 ok", "政务外网 ok"),
        ("政务外网".encode("gb18030"), "政务外网"),
        (b"\x1b[31mred\x07\r\n", r"\x1b[31mred\x07\r\n"),
        ("left\u202eright", r"left\u202eright"),
        (b"\xff\xfe\xfd", r"\xff\xfe\xfd"),
        ("", ""),
    ],
)
def test_text_is_shown_without_what_steers_a_terminal(data: str | bytes, shown: str) -> None:
    assert printable(data) == shown


def test_long_text_is_cut_between_characters() -> None:
    assert printable("长" * 300, 10) == "长" * 9 + "…"
    assert printable(("长" * 300).encode(), 10) == "长" * 9 + "…"
    assert decode("长长".encode()[:-1], cut=True) == "长"


@given(st.one_of(st.binary(max_size=500), st.text(max_size=500)), st.integers(1, 300))
def test_whatever_comes_is_shown_within_the_limit(data: bytes | str, limit: int) -> None:
    shown = printable(data, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    shown.encode()
