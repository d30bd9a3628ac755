"""Who asks: the address behind trusted proxies, the person's language, a forced password change."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


class ClientAddressMiddleware:
    """One address of the person for the lock-out, the audit trail and the log.

    Axes reads ``REMOTE_ADDR``, the audit trail the first entry of ``X-Forwarded-For``, which
    whoever asks can write. Both become what the trusted proxies (setting ``trusted_proxies``)
    say: from the right, the first address that is none of theirs. Without trusted proxies it is
    the peer of the connection.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Settle the address. The header stays, if only one: metrics are told to none such."""
        address = client_address(
            request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
        )
        request.META["REMOTE_ADDR"] = address
        if "HTTP_X_FORWARDED_FOR" in request.META:
            request.META["HTTP_X_FORWARDED_FOR"] = address
        return self.get_response(request)


def client_address(peer: str, forwarded: str) -> str:
    """The address of whoever asks.

    Args:
        peer: the other end of the connection.
        forwarded: ``X-Forwarded-For``, to which each proxy adds whom it was asked by.
    """
    said = [text.strip() for text in forwarded.split(",")]
    while said and _is_trusted(peer):
        try:
            peer = str(ip_address(said.pop()))
        except ValueError:  # a proxy that adds no plain address is not believed any further
            break
    return peer


def _is_trusted(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in settings.TRUSTED_PROXIES)


class PreferenceMiddleware:
    """Chinese unless the person chose otherwise: the browser's Accept-Language is not asked.

    ``LocaleMiddleware`` reads the cookie that the language switch sets; without one it would
    fall back to the browser's header, and a duty officer on an English Windows would get an
    English page that nobody asked for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Drop the browser's language before ``LocaleMiddleware`` looks at it."""
        request.META["HTTP_ACCEPT_LANGUAGE"] = settings.LANGUAGE_CODE
        return self.get_response(request)


class ForcedPasswordMiddleware:
    """Leads a person whose password another person knows to the page that changes it."""

    ALLOWED = ("accounts:password", "accounts:sign_out", "accounts:language")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the password page until the password is changed."""
        if getattr(request.user, "must_change_password", False):
            allowed = {reverse(name) for name in self.ALLOWED}
            if request.path not in allowed:
                return redirect("accounts:password")
        return self.get_response(request)
