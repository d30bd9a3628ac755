"""``/healthz`` and ``/metrics`` of the pages themselves, for a load balancer and Prometheus."""

from __future__ import annotations

from ipaddress import ip_address

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

log = structlog.get_logger()

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


@require_safe
@never_cache
@login_not_required
def health_view(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # a view's signature
    """Whether pages can be served: the database answers. Public, so it tells nothing more."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.exception("database does not answer")
        return JsonResponse({"ok": False}, status=503)
    return JsonResponse({"ok": True})


@require_safe
@never_cache
@login_not_required
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Metrics of the web process, to this machine only and never through a proxy."""
    if not _is_local(request):
        return HttpResponseForbidden("Metrics are told to this machine only.\n")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _is_local(request: HttpRequest) -> bool:
    # A reverse proxy on this machine connects from loopback too; it says for whom it asks.
    if any(name in request.META for name in _FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
