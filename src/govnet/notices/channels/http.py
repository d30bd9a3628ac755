"""Posting to a web service, guarded, without following redirects."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import httpx

from govnet.engine.safety import printable
from govnet.notices.channels.base import TIMEOUT_S, Settings, TransportError
from govnet.notices.channels.guard import admitted

MOST: Final = 64 * 1024
"""Octets of an answer that are read."""

BUSY: Final = frozenset({408, 425, 429})


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities, read once: that takes more than a notice does."""
    return httpx.create_ssl_context(trust_env=False)


def post(
    settings: Settings,
    url: httpx.URL,
    content: bytes,
    headers: Mapping[str, str],
) -> bytes:
    """POST to the checked address of a URL's host.

    Returns:
        the answer, at most ``MOST`` octets.

    Raises:
        TransportError: not reached, or not answered with 2xx.
    """
    if url.scheme not in ("http", "https") or not url.host:
        raise TransportError("The address must be an http:// or https:// URL.", permanent=True)
    port = url.port or (443 if url.scheme == "https" else 80)
    address = admitted(url.host, port, loopback=settings.loopback)
    request_headers = {"Host": url.netloc.decode("ascii"), **headers}
    try:
        with (
            httpx.Client(
                timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, verify=_trusted()
            ) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                content=content,
                headers=request_headers,
                extensions={"sni_hostname": url.host},
            ) as response,
        ):
            return _answer(response)
    except httpx.HTTPError as error:
        reason = printable(str(error) or type(error).__name__)
        raise TransportError(f"{url.host}: {reason}") from error


def _answer(response: httpx.Response) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk[: MOST - len(body)]
        if len(body) >= MOST:
            break
    if response.is_success:
        return body
    code = response.status_code
    permanent = code < 500 and code not in BUSY
    raise TransportError(f"HTTP {code}: {printable(body)}", permanent=permanent)


def answer_code(answer: bytes, name: str) -> tuple[int, str]:
    """The code and the words with which a robot's service answers; 0 is success.

    Raises:
        TransportError: the answer is not of that form.
    """
    try:
        found: Any = json.loads(answer)
        return int(found[name]), str(found.get("errmsg") or found.get("msg") or "")
    except (ValueError, TypeError, KeyError) as error:
        raise TransportError(f"Not understood: {printable(answer)}") from error
