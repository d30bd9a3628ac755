"""HTTP(S) probe: status, body, certificate, time of each phase; redirects followed with care."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Literal

import httpx
import re2
from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field, field_validator

from govnet.engine.probes.connect import IpVersion, ProbeFailure
from govnet.engine.probes.http_exchange import Exchange, Request, run_exchange
from govnet.engine.result import Outcome, Result, Target
from govnet.engine.safety import Address, Scope, decode, printable, scope_of

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_URL = 2000
MAX_SHOWN_HEADERS = 40
EXCERPT_CHARACTERS = 500
PATTERN_MEMORY = 1 << 20

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_OWN_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade"}
)
_STATUS_RANGES = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?){0,19}")


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Compile with RE2, whose matching time is linear whatever the pattern and the text.

    Raises:
        ValueError: the pattern is malformed or too large.
    """
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"not a pattern: {error.args[0]!r}") from error
    return lambda text: compiled.search(text) is not None


class HttpParams(BaseModel):
    """Parameters of an HTTP(S) target.

    Attributes:
        method: GET or HEAD.
        expected_status: status codes that are right: "200", "200-299,401".
        body_contains: text that the body must contain.
        body_regex: RE2 pattern that must match somewhere in the body.
        headers: further request headers; not sent on to another origin by a redirect.
        max_bytes: body bytes to read.
        max_redirects: redirects to follow; 0 to judge the redirect itself.
        allow_internal_redirects: True to follow a redirect further inside the network than
            the target itself is (from a public to a private address, or to this machine).
        certificate: "required" fails on one that is not valid, "warn" degrades, "ignore"
            accepts any.
        certificate_days: degraded when it expires within so many days; 0 for never.
        ca_pem: authorities to trust beyond the system's, as PEM.
        server_name: host name for the request and the certificate instead of the URL's.
        ip_version: 4, 6 or any.
        max_total_ms: degraded when everything took longer; None for no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["GET", "HEAD"] = "GET"
    expected_status: str = "200-299"
    body_contains: str = Field(default="", max_length=500)
    body_regex: str = Field(default="", max_length=500)
    headers: dict[str, str] = Field(default_factory=dict, max_length=20)
    max_bytes: int = Field(default=1 << 20, ge=0, le=16 << 20)
    max_redirects: int = Field(default=5, ge=0, le=10)
    allow_internal_redirects: bool = False
    certificate: Literal["required", "warn", "ignore"] = "required"
    certificate_days: int = Field(default=21, ge=0, le=3650)
    ca_pem: str = Field(default="", max_length=100_000)
    server_name: str = Field(default="", max_length=253, pattern=r"^[A-Za-z0-9.-]*$")
    ip_version: IpVersion = "any"
    max_total_ms: float | None = Field(default=None, gt=0)

    @field_validator("expected_status")
    @classmethod
    def _ranges(cls, value: str) -> str:
        value = value.replace(" ", "")
        if not _STATUS_RANGES.fullmatch(value):
            raise ValueError("give status codes or ranges of them, e.g. 200-299,401")
        return value

    @field_validator("body_regex")
    @classmethod
    def _pattern(cls, value: str) -> str:
        if value:
            matcher(value)
        return value

    @field_validator("headers")
    @classmethod
    def _header_lines(cls, value: dict[str, str]) -> dict[str, str]:
        for name, content in value.items():
            if not _TOKEN.fullmatch(name) or name.lower() in _OWN_HEADERS:
                raise ValueError(f"header {name!r} may not be set")
            if len(content) > 2000 or not content.isascii() or not content.isprintable():
                raise ValueError(f"header {name!r}: printable ASCII, at most 2000 characters")
        return value

    @field_validator("ca_pem")
    @classmethod
    def _authorities(cls, value: str) -> str:
        if value:
            x509.load_pem_x509_certificates(value.encode())
        return value

    def expects(self, status: int) -> bool:
        """Tell whether a status code is right."""
        for part in self.expected_status.split(","):
            first, _, last = part.partition("-")
            if int(first) <= status <= int(last or first):
                return True
        return False


def parse_url(text: str) -> httpx.URL:
    """Check an absolute http(s) URL.

    Raises:
        ValueError: it is none; the message says why.
    """
    if len(text) > MAX_URL:
        raise ValueError(f"the URL is longer than {MAX_URL} characters")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(printable(str(error))) from error
    if url.scheme not in ("http", "https"):
        raise ValueError(f"scheme {printable(url.scheme, 20)!r} is not http or https")
    host = url.raw_host.decode("ascii")
    if not host or host.startswith(".") or len(host) > 253 or "%" in host:
        raise ValueError("the URL has no usable host")
    if url.userinfo:
        raise ValueError("the URL may not contain a user name or password")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise ValueError(f"port {url.port} is not between 1 and 65535")
    return url


@dataclass(slots=True)
class _Run:
    """One try: the chain of exchanges from the first URL to the last answer."""

    params: HttpParams
    timeout_s: float
    hops: list[Exchange] = field(default_factory=list)
    scope_limit: Scope = Scope.LOOPBACK
    total_ms: float = 0.0
    failure: ProbeFailure | None = None

    @property
    def last(self) -> Exchange:
        return self.hops[-1]


async def probe(target: Target) -> Result:
    """Measure one HTTP(S) target.

    ``target.timeout_s`` bounds one try with all its redirects. ``rtt_ms`` is the time of the
    whole try that counted, ``phases_ms`` its split summed over the redirects.

    Raises:
        pydantic.ValidationError: ``target.params`` are not ``HttpParams``.
    """
    params = HttpParams.model_validate(target.params)
    ts = time.time()
    try:
        url = parse_url(target.address)
    except ValueError as error:
        detail = {"error": str(error)}
        return Result(target.id, ts, Outcome.UNKNOWN, sent=0, reason="bad_url", detail=detail)
    run = await _try(url, params, target.timeout_s)
    tries = 1
    while tries < target.tries and _judge(run)[0] is Outcome.FAILED:
        run = await _try(url, params, target.timeout_s)
        tries += 1
    outcome, reason = _judge(run)
    answered = bool(run.last.status)
    return Result(
        target_id=target.id,
        ts=ts,
        outcome=outcome,
        sent=int(outcome is not Outcome.UNKNOWN),
        received=int(answered),
        rtt_ms=run.total_ms if answered else None,
        reason=reason,
        detail=_detail(run, tries),
        phases_ms=_phases(run),
    )


async def _try(url: httpx.URL, params: HttpParams, timeout_s: float) -> _Run:
    run = _Run(params, timeout_s)
    before = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            await _follow(run, url)
    except TimeoutError:
        stage = run.last.stage
        run.failure = ProbeFailure(f"{stage}_timeout", f"nothing more within {timeout_s:g} s")
    except ProbeFailure as failure:
        run.failure = failure
    run.total_ms = (time.perf_counter() - before) * 1000
    return run


async def _follow(run: _Run, url: httpx.URL) -> None:
    first = url
    while True:
        exchange = Exchange(url)
        run.hops.append(exchange)
        request = _request(run.params, url, same_origin=_origin(url) == _origin(first))
        permit = partial(_permit, run)
        await run_exchange(exchange, request, permit, run.params.ip_version, run.timeout_s)
        if len(run.hops) == 1:
            _limit_scope(run, exchange)
        location = exchange.header(b"location")
        if exchange.status not in REDIRECTS or not location or not run.params.max_redirects:
            return
        if len(run.hops) > run.params.max_redirects:
            raise ProbeFailure("too_many_redirects", f"more than {run.params.max_redirects}")
        url = _next_url(url, location)


def _request(params: HttpParams, url: httpx.URL, *, same_origin: bool) -> Request:
    return Request(
        url=url,
        method=params.method,
        headers=params.headers if same_origin else {},
        server_name=params.server_name if same_origin else "",
        verify=params.certificate != "ignore",
        stop_at_bad_certificate=params.certificate == "required",
        ca_pem=params.ca_pem,
        max_bytes=params.max_bytes,
    )


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


def _permit(run: _Run, addresses: list[Address]) -> list[Address]:
    """Leave only addresses that this hop may go to."""
    allowed = [address for address in addresses if scope_of(address) <= run.scope_limit]
    if not allowed:
        shown = ", ".join(map(str, addresses))
        reason = "address_forbidden" if len(run.hops) == 1 else "redirect_forbidden"
        raise ProbeFailure(reason, f"not going to {shown}")
    return allowed


def _limit_scope(run: _Run, exchange: Exchange) -> None:
    """From here on, no further inside the network than the target itself is."""
    if not run.params.allow_internal_redirects and exchange.address is not None:
        run.scope_limit = scope_of(exchange.address)


def _next_url(url: httpx.URL, location: str) -> httpx.URL:
    if len(location) > MAX_URL:
        raise ProbeFailure("redirect_invalid", "the Location is too long")
    try:
        joined = url.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProbeFailure("redirect_invalid", printable(str(error))) from error
    if joined.scheme not in ("http", "https"):
        raise ProbeFailure("redirect_forbidden", f"not going to {printable(str(joined))}")
    try:
        return parse_url(str(joined.copy_with(fragment=None)))
    except ValueError as error:
        raise ProbeFailure("redirect_invalid", printable(str(error))) from error


# Judging


def _judge(run: _Run) -> tuple[Outcome, str]:
    if run.failure is not None:
        return run.failure.outcome, run.failure.reason
    status = run.last.status
    if not run.params.expects(status):
        return Outcome.FAILED, f"status_{status}"
    limit = _over_a_limit(run)
    return (Outcome.DEGRADED, limit) if limit else (Outcome.OK, "")


def _over_a_limit(run: _Run) -> str:
    params = run.params
    bad = next((hop.cert_reason for hop in run.hops if hop.cert_reason), "")
    if bad:
        return bad
    if not _body_is_right(run):
        encoded = run.last.header(b"content-encoding").lower() not in ("", "identity")
        return "body_encoded" if encoded else "body_mismatch"
    left = _days_left(run)
    if params.certificate != "ignore" and left is not None and left < params.certificate_days:
        return "cert_expires_soon"
    if params.max_total_ms is not None and run.total_ms > params.max_total_ms:
        return "slow"
    return ""


def _days_left(run: _Run) -> float | None:
    now = datetime.now(UTC)
    days = [hop.certificate.days_left(now) for hop in run.hops if hop.certificate]
    return min(days, default=None)


def _body_is_right(run: _Run) -> bool:
    params, body = run.params, run.last.body
    if params.body_contains and not _contains(body, params.body_contains):
        return False
    if not params.body_regex:
        return True
    return matcher(params.body_regex)(decode(body, cut=run.last.body_cut))


def _contains(body: bytes, text: str) -> bool:
    """Search the bytes in both encodings that Chinese pages use: no decoding, no guess."""
    return any(text.encode(encoding) in body for encoding in ("utf-8", "gb18030"))


# Showing


def _phases(run: _Run) -> dict[str, float]:
    phases: dict[str, float] = {}
    for hop in run.hops:
        for name, spent in hop.phases_ms.items():
            phases[name] = phases.get(name, 0.0) + spent
    return {**phases, "total": run.total_ms}


def _detail(run: _Run, tries: int) -> dict[str, Any]:
    last = run.last
    detail: dict[str, Any] = {
        "url": printable(str(last.url), MAX_URL),
        "tries": tries,
        "hops": [_hop_detail(hop) for hop in run.hops],
        "headers": [
            [printable(name, 64), printable(value)]
            for name, value in last.headers[:MAX_SHOWN_HEADERS]
        ],
        "body_bytes": len(last.body),
        "body_cut": last.body_cut,
        "body_excerpt": printable(last.body, EXCERPT_CHARACTERS),
    }
    if run.failure is not None:
        detail["error"] = printable(run.failure.message)
    return detail


def _hop_detail(hop: Exchange) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "url": printable(str(hop.url), MAX_URL),
        "address": str(hop.address or ""),
        "status": hop.status,
        "phrase": hop.reason_phrase,
        "version": hop.http_version,
        "phases_ms": {name: round(spent, 3) for name, spent in hop.phases_ms.items()},
    }
    if hop.tls:
        shown["tls"] = hop.tls
    if hop.certificate is not None:
        shown["certificate"] = hop.certificate.as_detail(datetime.now(UTC))
    if hop.cert_reason:
        shown["cert_reason"] = hop.cert_reason
        shown["cert_message"] = hop.cert_message
    return shown
