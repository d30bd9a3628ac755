"""What the pages tell a load balancer and Prometheus."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from govnet.monitor.health import health_view, metrics_view

pytestmark = pytest.mark.django_db


def test_anybody_may_ask_whether_pages_can_be_served(rf: RequestFactory) -> None:
    answer = health_view(rf.get("/healthz", REMOTE_ADDR="203.0.113.9"))
    assert (answer.status_code, json.loads(answer.content)) == (200, {"ok": True})
    assert not health_view.login_required  # type: ignore[attr-defined]  # set by the decorator


def test_without_a_database_pages_cannot_be_served(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("disk I/O error in /srv/govnet")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = health_view(rf.get("/healthz"))
    assert answer.status_code == 503
    assert b"/srv" not in answer.content


@pytest.mark.parametrize(
    ("meta", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "203.0.113.9"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, 403),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.9"}, 403),
    ],
)
def test_metrics_are_for_this_machine_and_not_through_a_proxy(
    rf: RequestFactory, meta: dict[str, str], status: int
) -> None:
    assert metrics_view(rf.get("/metrics", **meta)).status_code == status  # type: ignore[arg-type]
