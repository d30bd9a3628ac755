"""One id per request, in the log, the audit trail and the response header."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import structlog
from auditlog.registry import auditlog
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

LEFT_OUT: Final = frozenset({"id", "created_at", "updated_at", "demo"})
"""Fields that no person changes."""

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


def follow(
    models: Iterable[type[Model]],
    leave_out: Collection[str] = LEFT_OUT,
    secret: Collection[str] = (),
) -> None:
    """Audit every write of some models; safe to call again.

    Args:
        models: whose rows people write.
        leave_out: fields that are no change to tell.
        secret: fields of which only a change is told, besides the models' own secrets.
    """
    for model in models:
        if not auditlog.contains(model):
            fields = model._meta.concrete_fields
            auditlog.register(
                model,
                # Named one by one: reverse relations have no place in a diff.
                include_fields=[field.name for field in fields if field.name not in leave_out],
                mask_fields=[*getattr(model, "SECRET_FIELDS", ()), *secret],
                mask_callable="govnet.core.audit.mask",
            )


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
