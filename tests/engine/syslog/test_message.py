"""Headers, character sets and time of messages; anything at all is taken without an error."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from govnet.engine.snmp.vendors import load_catalog
from govnet.engine.syslog.framing import Framer
from govnet.engine.syslog.message import MAX_OCTETS, parse

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 26, 10, 0, 5, tzinfo=ZONE)
INTERPRETER = load_catalog().interpreter()

CORPUS = (
    b"",
    b"<",
    b"<999>x",
    b"<13>1 ",
    b"<13>1 - - - - - ",
    b'<13>1 2026-99-99T99:99:99Z h a p m [x y="\\',
    b"<13>1 - h a p m [" + b"a" * 65_000,
    b"<13>Feb 31 10:00:00 h t: x",
    b"<13>Nov 26 10:00:00+99:99 h t: x",
    b"\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>",
    b"<13>Nov 26 10:00:00 \xff\xfe[31m t: \x00\x00",
    b"<13>" + b"%%01" * 16_000,
    b"<13>" + b"id=a type=" * 6_000,
    b"<13>" + b"a: " * 20_000,
    "<13>Nov 26 10:00:00 交换机 端口: 链路中断".encode("gb18030"),
    bytes(range(256)) * 256,
)


def fed(data: bytes) -> None:
    message = parse(data, NOW.timestamp(), ZONE)
    INTERPRETER.meaning(message.program, message.text)
    for shown in (message.head, message.text, message.host):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", shown)
    assert 0 <= message.facility <= 23
    assert 0 <= message.severity <= 7
    kept = message.raw or (message.head + message.text).encode()
    assert kept == data[:MAX_OCTETS].rstrip(b"\r\n\0")


@pytest.mark.parametrize("data", CORPUS, ids=lambda data: repr(data[:20]))
def test_hostile_messages_of_the_corpus(data: bytes) -> None:
    fed(data)


@given(st.binary(max_size=2_000))
@example(b'<191>1 2026-11-26T10:00:00Z h a p m [x y="\\]"] \xef\xbb\xbft')
def test_any_octets_are_a_message_and_are_kept(data: bytes) -> None:
    fed(data)


@given(
    st.integers(0, 999),
    st.sampled_from(("1 ", "", "7: *")),
    st.integers(0, 40),
    st.text(alphabet=st.characters(codec="ascii"), max_size=80),
)
def test_what_looks_like_a_header_is_taken(number: int, form: str, day: int, rest: str) -> None:
    fed(f"<{number}>{form}Nov {day} 10:00:00 {rest}".encode())
    fed(f"<{number}>{form}2026-11-{day:02}T10:00:00Z {rest}".encode())


def test_hostile_text_costs_linear_time() -> None:
    data = b"<13>Nov 26 10:00:00 h %%01IFNET/4/LINK_STATE(l): interface " + b"a/" * 32_000
    fed(data)  # a backtracking engine would not come back


def test_gb18030_is_read_and_its_octets_are_kept() -> None:
    data = "<189>Nov 26 10:00:00 交换机 %%01IFNET: 接口中断".encode("gb18030")
    message = parse(data, NOW.timestamp(), ZONE)
    assert (message.charset, message.host, message.raw) == ("gb18030", "交换机", data)
    assert message.text.endswith("接口中断")
    assert parse("链路".encode(), NOW.timestamp(), ZONE).charset == "utf-8"


def test_a_told_charset_is_tried_first() -> None:
    data = "模式".encode("gb18030")  # also valid UTF-8, of other letters
    assert parse(data, NOW.timestamp(), ZONE).text == "ģʽ"
    assert parse(data, NOW.timestamp(), ZONE, "gb18030").text == "模式"


def test_a_character_that_the_sender_cut_does_not_change_the_charset() -> None:
    whole = ("<13>" + "链" * 200).encode()
    message = parse(whole[:-1], NOW.timestamp(), ZONE)
    assert (message.charset, message.text[:2], message.raw) == ("utf-8", "链链", whole[:-1])


@pytest.mark.parametrize(
    ("received", "stamp", "year"),
    [
        (datetime(2027, 1, 1, 0, 1, tzinfo=ZONE), "Dec 31 23:59:59", 2026),
        (datetime(2026, 12, 31, 23, 59, tzinfo=ZONE), "Jan  1 00:00:01", 2027),
        (NOW, "Nov 26 10:00:00", 2026),
    ],
)
def test_a_time_without_a_year_is_the_nearest(received: datetime, stamp: str, year: int) -> None:
    message = parse(f"<13>{stamp} h t: x".encode(), received.timestamp(), ZONE)
    assert message.device_time is not None
    moment = datetime.fromtimestamp(message.device_time, ZONE)
    assert moment.year == year
    assert abs(moment - received) < timedelta(minutes=3)


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(stream)) for cut in cuts})
    edges = [0, *places, len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


MESSAGES = st.lists(
    st.binary(min_size=1, max_size=60).map(lambda data: b"<13>" + data.replace(b"\n", b" ") + b".")
)


@given(MESSAGES, st.lists(st.booleans(), min_size=20), st.lists(st.integers(0, 2_000), max_size=8))
def test_both_framings_are_told_apart_however_the_stream_is_cut(
    messages: list[bytes], counted: list[bool], cuts: list[int]
) -> None:
    how = zip(messages, counted * (len(messages) // 20 + 1), strict=False)
    stream = b"".join(b"%d %b" % (len(m), m) if by_count else m + b"\n" for m, by_count in how)
    framer = Framer()
    found = [message for part in split(stream, cuts) for message in framer.feed(part)]
    assert [*found, *framer.end()] == messages


@given(st.binary(max_size=3_000), st.lists(st.integers(0, 3_000), max_size=5))
def test_any_stream_is_taken_in_bounded_memory(stream: bytes, cuts: list[int]) -> None:
    framer = Framer()
    for part in split(stream, cuts):
        framer.feed(part)
    framer.end()


@pytest.mark.parametrize("head", [b"", b"9999999 "])
def test_a_message_without_an_end_is_cut(head: bytes) -> None:
    framer = Framer()
    found = framer.feed(head)
    for _ in range(40):
        found += framer.feed(b"a" * 10_000)
    assert framer.oversized >= 1
    assert all(len(message) <= MAX_OCTETS for message in found)
    assert len(framer._rest) <= MAX_OCTETS
