"""``govnet status``: ask every process of an installation how it is."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import httpx
from pydantic import ValidationError
from rich.table import Table

from govnet.config import Config, without_credentials
from govnet.runtime.health import LOOPBACK, HealthReport

TIMEOUT_S: Final = 5.0


def health_urls(config: Config) -> dict[str, str]:
    """Where each process says how it is."""
    ports = {
        "web": config.web_health_port,
        "engine": config.engine_health_port,
        "receiver": config.receiver_health_port,
        "worker": config.worker_health_port,
        "correlator": config.correlator_health_port,
    }
    urls = {name: f"http://{LOOPBACK}:{port}/healthz" for name, port in ports.items()}
    if config.embedded_store:
        return {"store": f"http://{LOOPBACK}:{config.store_port}/healthz", **urls}
    return {"store": f"{config.telemetry_endpoint.rstrip('/')}/ping", **urls}


@cache
def _client() -> httpx.Client:
    """Made once: reading the authorities of TLS costs fifty times what a question does."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=TIMEOUT_S, trust_env=False, limits=limits)


def ask(url: str) -> HealthReport:
    """One process's answer; a process that does not answer has failed, with the reason."""
    shown = without_credentials(url)
    try:
        response = _client().get(url)
    except httpx.ConnectError:
        return HealthReport(ok=False, detail=f"does not run: nothing listens at {shown}")
    except httpx.HTTPError as error:
        return HealthReport(ok=False, detail=f"does not answer at {shown}: {error!r}")
    return _read(response)


def _read(response: httpx.Response) -> HealthReport:
    if response.url.path.endswith("/ping"):  # a ClickHouse of somebody else's
        detail = "" if response.is_success else f"answers {response.status_code} to /ping"
        return HealthReport(ok=response.is_success, process="store", detail=detail)
    try:
        return HealthReport.model_validate_json(response.content)
    except ValidationError:
        return HealthReport(
            ok=False,
            detail=f"something else than GovNet answers {response.status_code}"
            f" at {without_credentials(str(response.url))}",
        )


def ask_all(config: Config) -> dict[str, HealthReport]:
    """Every process's answer, asked at the same time."""
    urls = health_urls(config)
    with ThreadPoolExecutor(len(urls)) as pool:
        return dict(zip(urls, pool.map(ask, urls.values()), strict=True))


def all_ok(reports: Mapping[str, HealthReport]) -> bool:
    """True when every process does its work."""
    return all(report.ok for report in reports.values())


def as_json(reports: Mapping[str, HealthReport]) -> dict[str, object]:
    """``{"ok": …, "processes": {name: …}}``: what ``govnet status --json`` prints."""
    return {
        "ok": all_ok(reports),
        "processes": {name: report.model_dump() for name, report in reports.items()},
    }


def as_table(reports: Mapping[str, HealthReport]) -> Table:
    """The same for a person."""
    table = Table("process", "state", "pid", "uptime", "lag", "counters", "detail")
    for name, report in reports.items():
        table.add_row(
            name,
            "[green]ok[/]" if report.ok else "[red]failed[/]",
            str(report.pid or "-"),
            _duration(report.uptime_s),
            f"{report.lag_s:.1f} s",
            "\n".join(f"{key} {value:g}" for key, value in report.counters.items()),
            report.detail,
        )
    return table


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
