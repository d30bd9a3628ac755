"""A person's language follows the person, not the browser."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


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
