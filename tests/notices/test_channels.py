from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.notices.channels import TRANSPORTS
from govnet.notices.channels.base import Message, Settings, TransportError, shorten
from govnet.notices.channels.guard import admitted, host_and_port
from govnet.notices.channels.sms import fill
from tests.notices.peers import HttpPeer, http_peer, smtp_peer, udp_peer
from tests.peers import free_port

MESSAGE = Message(
    "【紧急】汇聚-2 中断",
    ("影响 20 个单位", "起于 2026-11-26 14:05"),
    level="critical",
    url="http://govnet.example/alarms/7/",
    data={"alarms": [{"id": 7}]},
)


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    with http_peer() as found:
        yield found


def send(kind: str, settings: Settings, recipients: tuple[str, ...] = ()) -> None:
    TRANSPORTS[kind](settings).send(MESSAGE, recipients)


def local(address: str, **more: str) -> Settings:
    return Settings(address, loopback=True, **more)


def test_wecom_gets_text_key_and_mentions(peer: HttpPeer) -> None:
    send("wecom", local(f"{peer.url}/cgi-bin/webhook/send", secret="k1"), ("13800000000",))
    request = peer.requests[0]
    assert request.path == "/cgi-bin/webhook/send?key=k1"
    body = json.loads(request.body)
    assert body["msgtype"] == "text"
    assert body["text"] == {"content": MESSAGE.text, "mentioned_mobile_list": ["13800000000"]}


def test_dingtalk_is_signed_as_the_robot_checks_it(peer: HttpPeer) -> None:
    send("dingtalk", local(f"{peer.url}/robot/send", secret="tok", signing_secret="SEC1"))
    query = parse_qs(urlsplit(peer.requests[0].path).query)
    stamp = query["timestamp"][0]
    digest = hmac.new(b"SEC1", f"{stamp}\nSEC1".encode(), sha256).digest()
    assert query["sign"] == [base64.b64encode(digest).decode()]
    assert query["access_token"] == ["tok"]
    assert len(stamp) == 13  # milliseconds
    assert json.loads(peer.requests[0].body)["text"]["content"].startswith("【紧急】")


def test_feishu_is_signed_as_the_robot_checks_it(peer: HttpPeer) -> None:
    send("feishu", local(f"{peer.url}/open-apis/bot/v2/hook", secret="id", signing_secret="S"))
    body = json.loads(peer.requests[0].body)
    assert peer.requests[0].path == "/open-apis/bot/v2/hook/id"
    digest = hmac.new(f"{body['timestamp']}\nS".encode(), b"", sha256).digest()
    assert body["sign"] == base64.b64encode(digest).decode()
    assert body["content"]["text"] == MESSAGE.text


def test_webhook_carries_data_and_a_signature_over_time_and_body(peer: HttpPeer) -> None:
    send("webhook", local(f"{peer.url}/in", secret="bearer", signing_secret="key"))
    request = peer.requests[0]
    signed = request.headers["X-GovNet-Timestamp"].encode() + b"." + request.body
    expected = hmac.new(b"key", signed, sha256).hexdigest()
    assert request.headers["X-GovNet-Signature"] == f"sha256={expected}"
    assert request.headers["Authorization"] == "Bearer bearer"
    body = json.loads(request.body)
    assert (body["level"], body["alarms"]) == ("critical", [{"id": 7}])


def test_an_sms_gateway_in_gb18030_gets_its_form(peer: HttpPeer) -> None:
    peer.answer = "result=0&短信=ok".encode("gb18030")
    settings = local(
        f"{peer.url}/sms",
        user="gov",
        secret="p&w",
        body="account={user}&pwd={secret}&mobile={phone}&content={text}",
        charset="gb18030",
        success="result=0",
    )
    send("sms", settings, ("13800000000", "139abcd0000"))
    forms = [parse_qs(r.body.decode("ascii"), encoding="gb18030") for r in peer.requests]
    assert [form["mobile"] for form in forms] == [["13800000000"], ["139abcd0000"]]
    assert forms[0]["content"] == [MESSAGE.text]
    assert forms[0]["pwd"] == ["p&w"]


def test_an_sms_gateway_in_json_gets_valid_json(peer: HttpPeer) -> None:
    body = '{"to": "{phone}", "text": "{text}", "extra": {"a": 1}}'
    send("sms", local(f"{peer.url}/sms", body=body), ("13800000000",))
    assert json.loads(peer.requests[0].body) == {
        "to": "13800000000",
        "text": MESSAGE.text,
        "extra": {"a": 1},
    }


def test_an_sms_refused_for_one_phone_still_reaches_the_others_and_names_no_number(
    peer: HttpPeer,
) -> None:
    peer.answer = b"result=9"
    settings = local(f"{peer.url}/sms", body="m={phone}", success="result=0")
    with pytest.raises(TransportError) as raised:
        send("sms", settings, ("138abcd5678", "139abcd5678"))
    assert len(peer.requests) == 2
    assert "138abcd5678" not in str(raised.value)
    assert "138****5678" in str(raised.value)


@given(st.text(), st.text())
def test_what_a_value_contains_is_not_replaced_again(phone: str, text: str) -> None:
    filled = fill("a={phone}&b={text}&c={other}", {"phone": phone, "text": text}, lambda v: v)
    assert filled == f"a={phone}&b={text}&c={{other}}"


def test_mail_reaches_everybody_and_nobody_sees_the_others() -> None:
    port = free_port()
    with smtp_peer(port) as box:
        settings = local(f"127.0.0.1:{port}", sender="noc@example.gov.cn")
        send("mail", settings, ("a@example.com", "b@example.com"))
        envelope = box.received[0]
    assert envelope.rcpt_tos == ["a@example.com", "b@example.com"]
    assert isinstance(envelope.content, bytes)
    parsed = message_from_bytes(envelope.content, policy=policy.default)
    assert parsed["Subject"] == MESSAGE.title
    assert "a@example.com" not in envelope.content.decode()
    assert "影响 20 个单位" in parsed.get_content()


@pytest.mark.parametrize(("answer", "permanent"), [("451 later", False), ("554 no", True)])
def test_a_refused_mail_says_whether_to_try_again(answer: str, permanent: bool) -> None:
    port = free_port()
    with smtp_peer(port) as box:
        box.refuse = answer
        with pytest.raises(TransportError) as raised:
            send("mail", local(f"127.0.0.1:{port}", sender="noc@example.gov.cn"), ("a@e.cn",))
    assert raised.value.permanent is permanent


def test_syslog_over_udp_is_one_rfc_5424_datagram() -> None:
    with udp_peer() as receiver:
        send("syslog", local(f"127.0.0.1:{receiver.getsockname()[1]}"))
        line = receiver.recv(4096).decode()
    assert line.startswith("<130>1 2")  # local0 (16) × 8 + critical (2)
    assert line.endswith(f"\ufeff{MESSAGE.text}".replace("\n", " | "))


def test_syslog_over_tcp_counts_its_octets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        received: list[bytes] = []

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                while chunk := connection.recv(4096):
                    received.append(chunk)

        thread = threading.Thread(target=accept)
        thread.start()
        send("syslog", local(f"127.0.0.1:{server.getsockname()[1]}", tls="tcp"))
        thread.join(5)
    count, _, line = b"".join(received).partition(b" ")
    assert int(count) == len(line)


@pytest.mark.parametrize(
    ("answer", "status", "permanent"),
    [
        (b'{"errcode": 45009, "errmsg": "freq"}', 200, False),
        (b'{"errcode": 93000, "errmsg": "invalid"}', 200, True),
        (b"<html>", 200, False),
        (b"", 503, False),
        (b"", 429, False),
        (b"", 404, True),
        (b"", 302, True),
    ],
)
def test_a_robot_s_refusal_says_whether_to_try_again(
    peer: HttpPeer, answer: bytes, status: int, permanent: bool
) -> None:
    peer.answer, peer.status = answer, status
    peer.headers = {"Location": f"{peer.url}/elsewhere"}
    with pytest.raises(TransportError) as raised:
        send("wecom", local(peer.url, secret="k"))
    assert raised.value.permanent is permanent
    assert len(peer.requests) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "::ffff:7f00:1"]
)
def test_no_channel_leads_to_this_machine_or_to_metadata(host: str) -> None:
    with pytest.raises(TransportError) as raised:
        admitted(host, 80, loopback=False)
    assert raised.value.permanent


def test_a_private_gateway_is_admitted() -> None:
    assert admitted("10.1.2.3", 80, loopback=False) == "10.1.2.3"


@pytest.mark.parametrize("url", ["ftp://x/", "file:///etc/passwd", "http:///x", "gopher://x"])
def test_only_web_addresses_are_posted_to(url: str) -> None:
    with pytest.raises(TransportError, match="http"):
        send("webhook", Settings(url))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail.example:2525", ("mail.example", 2525)),
        ("mail.example", ("mail.example", 25)),
        ("[2001:db8::1]:26", ("2001:db8::1", 26)),
        ("[2001:db8::1]", ("2001:db8::1", 25)),
    ],
)
def test_host_and_port_are_told_apart(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, 25) == expected


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(TransportError, match="port"):
        host_and_port("mail.example:smtp", 25)


@given(st.text(max_size=60), st.integers(min_value=8, max_value=80))
def test_a_shortened_text_fits_and_stays_text(text: str, octets: int) -> None:
    short = shorten(text, octets)
    assert len(short.encode()) <= octets
    assert short == text or short.endswith("…")


def test_secrets_are_masked() -> None:
    transport = TRANSPORTS["dingtalk"](Settings("http://x", secret="abc", signing_secret="SEC"))
    assert transport.mask("POST http://x?t=abc&s=SEC") == "POST http://x?t=***&s=***"
