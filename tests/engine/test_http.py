"""The HTTP probe against a real nginx."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest
from pydantic import ValidationError

from govnet.engine.probes import http
from govnet.engine.probes.http import HttpParams, parse_url, probe
from govnet.engine.result import Outcome, ProbeKind, Result, Target
from govnet.engine.safety import Address, Scope, scope_of
from tests.peers import free_port
from tests.peers_nginx import TestAuthority, running_nginx

PLAIN_SERVER = """
server {{
  listen 127.0.0.1:{plain}; listen [::1]:{plain}; server_name _; root {folder};
  location = /ok {{ return 200 "欢迎访问 政务外网 welcome\n"; }}
  location = /missing {{ return 404 "nothing"; }}
  location = /broken {{ return 503 "down"; }}
  location = /to-file {{ return 302 file:///etc/passwd; }}
  location = /to-metadata {{ return 302 http://169.254.169.254/latest/meta-data/; }}
  location = /to-mapped-metadata {{ return 302 "http://[::ffff:169.254.169.254]/"; }}
  location = /to-link-local {{ return 302 "http://[fe80::1]/"; }}
  location = /to-any {{ return 302 http://0.0.0.0:{plain}/ok; }}
  location = /to-private {{ return 302 http://10.255.255.1:{plain}/ok; }}
  location = /to-gopher {{ return 302 gopher://127.0.0.1/; }}
  location = /to-user {{ return 302 http://root:secret@127.0.0.1:{plain}/ok; }}
  location = /to-nonsense {{ return 302 "http://[::1/"; }}
  location = /to-ok {{ return 301 /ok; }}
  location = /to-secure {{ return 301 https://127.0.0.1:{good}/; }}
  location = /circle {{ return 302 /circle; }}
  location = /echo {{ return 200 "token=$http_x_token host=$http_host"; }}
  location = /to-other-origin {{ return 302 http://localhost:{plain}/echo; }}
  location = /slow {{ limit_rate 100; try_files /medium.txt =404; }}
}}
"""
SECURE_SERVER = """
server {{ listen 127.0.0.1:{port} ssl; {pair}
  location / {{ return 200 "secure $host"; }} }}
"""


@dataclass(frozen=True)
class Site:
    plain: int
    good: int
    expired: int
    wrong_host: int
    stranger: int
    self_signed_expired: int
    soon: int
    future: int
    ca_pem: str

    def params(self, **more: object) -> dict[str, Any]:
        return {"ca_pem": self.ca_pem, **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    ports = {name: free_port() for name in Site.__annotations__ if name != "ca_pem"}
    authority, stranger = TestAuthority(folder), TestAuthority(folder, "stranger")
    pairs = {
        "good": authority.issue("127.0.0.1", "portal.example.gov.cn"),
        "expired": authority.issue("127.0.0.1", days=(-90, -3)),
        "wrong_host": authority.issue("other.example.gov.cn"),
        "stranger": stranger.issue("127.0.0.1"),
        "self_signed_expired": stranger.issue("127.0.0.1", days=(-90, -5)),
        "soon": authority.issue("127.0.0.1", days=(-90, 6)),
        "future": authority.issue("127.0.0.1", days=(2, 90)),
    }
    (folder / "huge.bin").write_bytes(b"\x00" * (8 << 20))
    (folder / "medium.txt").write_text("x" * 5000)
    (folder / "gbk.html").write_bytes("政务服务大厅".encode("gb18030"))
    servers = PLAIN_SERVER.format(folder=folder, **ports) + "".join(
        SECURE_SERVER.format(port=ports[name], pair=pair.directives) for name, pair in pairs.items()
    )
    with running_nginx(folder, servers, ("127.0.0.1", ports["plain"])):
        yield Site(**ports, ca_pem=authority.pem)


def target(url: str, *, timeout_s: float = 3.0, tries: int = 1, **params: Any) -> Target:  # noqa: ANN401 - of every type
    return Target(7, ProbeKind.HTTP, url, timeout_s=timeout_s, tries=tries, params=params)


def plain(site: Site, path: str, *, timeout_s: float = 3.0, **params: Any) -> Target:  # noqa: ANN401 - of every type
    return target(f"http://127.0.0.1:{site.plain}{path}", timeout_s=timeout_s, **params)


def secure(port: int, **params: Any) -> Target:  # noqa: ANN401 - of every type
    return target(f"https://127.0.0.1:{port}/", **params)


def certificate(result: Result) -> dict[str, Any]:
    shown = result.detail["hops"][-1]["certificate"]
    assert isinstance(shown, dict)
    return shown


pytestmark = pytest.mark.peer


async def test_an_answer_within_limits_is_ok_and_split_by_phase(site: Site) -> None:
    before = time.time()
    result = await probe(secure(site.good, **site.params()))
    assert (result.outcome, result.reason, result.received) == (Outcome.OK, "", 1)
    assert set(result.phases_ms) == {"dns", "connect", "tls", "first_byte", "total"}
    parts = sum(spent for name, spent in result.phases_ms.items() if name != "total")
    assert 0 < parts <= result.phases_ms["total"] == result.rtt_ms
    assert before <= result.ts <= time.time()
    assert 89 < certificate(result)["days_left"] < 91
    assert "portal.example.gov.cn" in certificate(result)["names"]
    assert "GovNet test authority 测试" in certificate(result)["issuer"]
    assert result.detail["hops"][0]["tls"].startswith("TLSv1.")
    json.dumps(result.detail)


@pytest.mark.parametrize(
    ("server", "reason", "days"),
    [
        ("expired", "cert_expired", -3),
        ("wrong_host", "cert_wrong_host", 90),
        ("stranger", "cert_untrusted", 90),
        ("self_signed_expired", "cert_expired", -5),
        ("future", "cert_not_yet_valid", 90),
    ],
)
async def test_a_bad_certificate_is_named_and_still_read(
    site: Site, server: str, reason: str, days: float
) -> None:
    result = await probe(secure(getattr(site, server), **site.params()))
    assert (result.outcome, result.reason, result.received) == (Outcome.FAILED, reason, 0)
    assert certificate(result)["days_left"] == pytest.approx(days, abs=0.1)


async def test_nothing_is_sent_to_a_server_whose_certificate_is_not_accepted(site: Site) -> None:
    headers = {"Authorization": "Bearer secret"}
    result = await probe(secure(site.stranger, headers=headers, **site.params()))
    assert result.reason == "cert_untrusted"
    assert result.detail["hops"][0]["status"] == 0


async def test_a_bad_certificate_may_be_a_warning_or_nothing(site: Site) -> None:
    warned = await probe(secure(site.stranger, certificate="warn", **site.params()))
    assert (warned.outcome, warned.reason) == (Outcome.DEGRADED, "cert_untrusted")
    assert warned.detail["hops"][0]["status"] == 200
    ignored = await probe(secure(site.expired, certificate="ignore", **site.params()))
    assert (ignored.outcome, ignored.reason) == (Outcome.OK, "")
    assert certificate(ignored)["days_left"] < 0


async def test_a_certificate_near_its_end_degrades(site: Site) -> None:
    soon = await probe(secure(site.soon, **site.params()))
    assert (soon.outcome, soon.reason) == (Outcome.DEGRADED, "cert_expires_soon")
    content = await probe(secure(site.soon, **site.params(certificate_days=5)))
    assert content.outcome is Outcome.OK


async def test_without_the_authority_the_certificate_is_not_trusted(site: Site) -> None:
    result = await probe(secure(site.good))
    assert result.reason == "cert_untrusted"


async def test_the_name_on_the_certificate_may_differ_from_the_address(site: Site) -> None:
    params = site.params(server_name="portal.example.gov.cn", body_contains="portal.example.gov.cn")
    result = await probe(secure(site.good, **params))
    assert (result.outcome, result.reason) == (Outcome.OK, "")


async def test_ipv6_literals_work(site: Site) -> None:
    result = await probe(target(f"http://[::1]:{site.plain}/ok"))
    assert result.outcome is Outcome.OK
    assert result.detail["hops"][0]["address"] == "::1"
    other = await probe(target(f"http://[::1]:{site.plain}/ok", ip_version="4"))
    assert (other.outcome, other.reason) == (Outcome.FAILED, "wrong_ip_version")


async def test_a_name_is_looked_up(site: Site) -> None:
    result = await probe(target(f"http://localhost:{site.plain}/ok"))
    assert result.outcome is Outcome.OK
    missing = await probe(target("http://no-such-host.invalid/"))
    assert missing.outcome is Outcome.FAILED
    assert missing.reason in ("name_not_found", "name_server_failed", "dns_timeout")


async def test_a_wrong_status_fails_and_tells_which(site: Site) -> None:
    broken = await probe(plain(site, "/broken"))
    assert (broken.outcome, broken.reason, broken.received) == (Outcome.FAILED, "status_503", 1)
    expected = await probe(plain(site, "/missing", expected_status="200, 400-404"))
    assert expected.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"body_contains": "政务外网"}, ""),
        ({"body_contains": "税务"}, "body_mismatch"),
        ({"body_regex": r"欢迎.{1,9}外网\s+w[a-z]+e"}, ""),
        ({"body_regex": "^welcome$"}, "body_mismatch"),
    ],
)
async def test_the_body_is_checked(site: Site, params: dict[str, Any], reason: str) -> None:
    result = await probe(plain(site, "/ok", **params))
    assert result.reason == reason
    assert result.outcome is (Outcome.DEGRADED if reason else Outcome.OK)


async def test_a_gb18030_page_is_searched_and_shown(site: Site) -> None:
    result = await probe(plain(site, "/gbk.html", body_contains="政务服务"))
    assert result.outcome is Outcome.OK
    assert result.detail["body_excerpt"] == "政务服务大厅"
    matched = await probe(plain(site, "/gbk.html", body_regex="服务.厅"))
    assert matched.outcome is Outcome.OK


async def test_a_huge_body_is_read_only_up_to_the_limit(site: Site) -> None:
    result = await probe(plain(site, "/huge.bin", max_bytes=100_000))
    assert result.outcome is Outcome.OK
    assert (result.detail["body_bytes"], result.detail["body_cut"]) == (100_000, True)


async def test_a_slow_body_ends_at_the_time_limit(site: Site) -> None:
    before = time.monotonic()
    result = await probe(plain(site, "/slow", timeout_s=0.5))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "body_timeout")
    assert time.monotonic() - before < 1.0


async def test_slowness_degrades(site: Site) -> None:
    result = await probe(plain(site, "/ok", max_total_ms=0.001))
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, "slow")


async def test_redirects_are_followed_and_shown(site: Site) -> None:
    result = await probe(plain(site, "/to-secure", **site.params()))
    assert result.outcome is Outcome.OK
    assert [hop["status"] for hop in result.detail["hops"]] == [301, 200]
    judged = await probe(plain(site, "/to-ok", max_redirects=0, expected_status="301"))
    assert judged.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/to-file", "redirect_forbidden"),
        ("/to-gopher", "redirect_forbidden"),
        ("/to-metadata", "redirect_forbidden"),
        ("/to-mapped-metadata", "redirect_forbidden"),
        ("/to-link-local", "redirect_forbidden"),
        ("/to-any", "redirect_forbidden"),
        ("/to-user", "redirect_invalid"),
        ("/to-nonsense", "redirect_invalid"),
        ("/circle", "too_many_redirects"),
    ],
)
async def test_a_hostile_redirect_is_refused(site: Site, path: str, reason: str) -> None:
    result = await probe(plain(site, path))
    assert (result.outcome, result.reason) == (Outcome.FAILED, reason)
    assert "root:" not in result.detail["body_excerpt"]


async def test_a_redirect_may_not_lead_further_inside_than_the_target(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.1 stands in for a public address here; the redirect goes to ::1."""

    def pretend(address: Address) -> Scope:
        return Scope.PUBLIC if str(address) == "127.0.0.1" else scope_of(address)

    monkeypatch.setattr(http, "scope_of", pretend)
    url = plain(site, "/to-other-origin", ip_version="any")
    monkeypatch.setattr(
        "govnet.engine.probes.connect._lookup",
        lambda host, version: [ip_address("::1")],
    )
    refused = await probe(url)
    assert (refused.outcome, refused.reason) == (Outcome.FAILED, "redirect_forbidden")
    allowed = await probe(plain(site, "/to-other-origin", allow_internal_redirects=True))
    assert allowed.outcome is Outcome.OK


async def test_secret_headers_stay_with_their_origin(site: Site) -> None:
    headers = {"X-Token": "s3cret"}
    own = await probe(plain(site, "/echo", headers=headers))
    assert "token=s3cret" in own.detail["body_excerpt"]
    other = await probe(plain(site, "/to-other-origin", headers=headers))
    assert other.outcome is Outcome.OK
    assert "token= " in other.detail["body_excerpt"]


async def test_a_closed_port_is_refused_and_every_try_is_made() -> None:
    result = await probe(target(f"http://127.0.0.1:{free_port()}/", tries=3))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "refused")
    assert (result.sent, result.received, result.detail["tries"]) == (1, 0, 3)


async def test_a_target_at_a_metadata_address_is_not_asked() -> None:
    result = await probe(target("http://169.254.169.254/latest/"))
    assert (result.outcome, result.reason) == (Outcome.FAILED, "address_forbidden")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "ftp://a/",
        "http://u:p@a/",
        "http://[::1",
        "http://a:99999/",
        "http://[fe80::1%25eth0]/",
        "http://a\r\nb/",
        "http://" + "a" * 3000,
        "不是网址",
    ],
)
async def test_a_wrong_url_is_the_operators_mistake_not_the_targets(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_url(url)
    result = await probe(target(url))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "bad_url")


@pytest.mark.parametrize(
    "params",
    [
        {"headers": {"X": "a\r\nInjected: 1"}},
        {"headers": {"X y": "a"}},
        {"headers": {"Host": "a"}},
        {"expected_status": "20x"},
        {"body_regex": "("},
        {"body_regex": "((a{100}){100}){100}"},
        {"max_bytes": 1 << 40},
        {"ca_pem": "nonsense"},
        {"server_name": "a b"},
        {"unheard_of": 1},
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpParams.model_validate(params)


async def test_a_pattern_that_would_hang_others_takes_no_time() -> None:
    before = time.process_time()
    assert not http.matcher("(a+)+$")("a" * (1 << 20) + "b")
    assert time.process_time() - before < 0.5
