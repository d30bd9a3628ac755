"""One id per request, in the log, the audit trail and the response header."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from django.http import HttpRequest, HttpResponse

_request_id: ContextVar[str | None] = ContextVar("govnet_request_id", default=None)


def request_id() -> str | None:
    """Id of the request being answered or the job being run; None outside of both."""
    return _request_id.get()


@contextmanager
def correlated(identifier: str) -> Iterator[None]:
    """Give a job an id of its own, so that its audit entries can be found together."""
    token = _request_id.set(identifier)
    try:
        with structlog.contextvars.bound_contextvars(request_id=identifier):
            yield
    finally:
        _request_id.reset(token)


def mask(value: str) -> str:
    """What the audit trail keeps of a secret: whether there is one."""
    return "" if value in {"", "None"} else "••••••"


class RequestIdMiddleware:
    """Gives each request an id, so that an audit entry leads to its log lines."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id for the time of the request."""
        identifier = uuid.uuid4().hex
        with correlated(identifier):
            response = self.get_response(request)
        response["X-Request-Id"] = identifier
        return response
