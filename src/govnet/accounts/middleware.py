"""A person's language follows the person; a password set by another must be changed first."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


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
