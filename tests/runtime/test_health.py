"""Health ports, and ``govnet status`` that asks them."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from govnet.config import Config
from govnet.runtime.health import Condition, PerMinute, serving_health
from govnet.runtime.status import all_ok, as_json, ask, ask_all
from tests.peers import free_port


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False)


def test_healthz_tells_condition_and_metrics_are_served_beside_it() -> None:
    port = free_port()
    with serving_health("engine", port, lambda: Condition(1.5, {"flips": 3})):
        answer = get(port, "/healthz")
        assert answer.status_code == 200
        body = answer.json()
        assert (body["ok"], body["process"], body["lag_s"]) == (True, "engine", 1.5)
        assert body["counters"] == {"flips": 3}
        assert "# TYPE" in get(port, "/metrics").text
        assert get(port, "/secrets").status_code == 404
    with pytest.raises(httpx.ConnectError):
        get(port, "/healthz")


def test_a_process_with_something_wrong_is_not_ok_and_says_what() -> None:
    port = free_port()
    with serving_health("engine", port, lambda: Condition(detail="The spool is full.")):
        answer = get(port, "/healthz")
        assert answer.status_code == 503
        report = ask(f"http://127.0.0.1:{port}/healthz")
    assert not report.ok
    assert report.detail == "The spool is full."


def test_a_process_that_does_not_answer_is_failed_with_the_reason(tmp_path: Path) -> None:
    ports = {
        name: free_port()
        for name in (
            "store_port",
            "web_health_port",
            "engine_health_port",
            "worker_health_port",
            "receiver_health_port",
            "correlator_health_port",
        )
    }
    config = Config(data_dir=tmp_path, **ports)  # type: ignore[arg-type]
    with serving_health("web", config.web_health_port, Condition):
        reports = ask_all(config)
    assert reports["web"].ok
    assert not reports["engine"].ok
    assert "nothing listens" in reports["engine"].detail
    assert not all_ok(reports)
    parsed = json.loads(json.dumps(as_json(reports)))
    assert parsed["ok"] is False
    assert set(parsed["processes"]) == {
        "store",
        "web",
        "engine",
        "receiver",
        "worker",
        "correlator",
    }


def test_somebody_elses_server_on_the_port_is_not_taken_for_health() -> None:
    port = free_port()
    with serving_health("x", port, Condition):
        report = ask(f"http://127.0.0.1:{port}/metrics")
    assert not report.ok
    assert "something else" in report.detail


def test_per_minute_counts_the_last_sixty_seconds() -> None:
    now = 1000.0
    counter = PerMinute(lambda: now)
    counter.add(5)
    counter.add(2)
    now = 1030.5
    counter.add(10)
    assert counter.value() == 17
    now = 1060.0
    assert counter.value() == 10
    now = 5000.0
    assert counter.value() == 0
