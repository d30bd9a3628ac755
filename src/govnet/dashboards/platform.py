"""Whether the platform itself works: its processes, and what a person must be told of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.cache import cache
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.config import get_config
from govnet.dashboards.overview import ProbePoint
from govnet.runtime.health import HealthReport
from govnet.runtime.status import ask_all

ASK_AGAIN_AFTER_S = 5
"""Every open page polls; the processes are asked once for all of them."""

NAMES: dict[str, str | Promise] = {
    "store": _("Data store"),
    "web": _("Web server"),
    "engine": _("Measuring engine"),
    "receiver": _("Receiver of flows"),
    "worker": _("Background worker"),
    "correlator": _("Alarm correlator"),
}
# Worst first: the banner says what follows from the first that fails.
WHAT_STOPS: dict[str, str | Promise] = {
    "engine": _("nothing is measured, so no state on these pages is current"),
    "correlator": _("no alarm is raised or cleared; states stay current"),
    "store": _("charts and history are missing; new samples wait on disk"),
    "receiver": _("flows are lost: what devices send now is counted nowhere"),
    "worker": _("imports and reports wait"),
    "web": _("pages may be slow or missing"),
}
# By ``HealthReport.impaired``: the process works, states are current, samples are at risk.
IMPAIRED: dict[str, tuple[str | Promise, str | Promise]] = {
    "spool_full": (
        _("The spool is full"),
        _("the oldest samples are dropped; states stay current, charts will have a gap"),
    ),
    "spool_failing": (
        _("Samples cannot be put on disk"),
        _("they wait in memory; states stay current, a stop now would lose samples"),
    ),
    "not_listening": (
        _("A receiving port cannot be opened"),
        _("what devices send to it is lost; states stay current"),
    ),
    "set_aside": (
        _("Samples were set aside"),
        _("the data store refused them or they are damaged; states stay current"),
    ),
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that keeps the platform from its work.

    Attributes:
        level: "alarm" or "warning".
        title: what is wrong.
        text: what follows from it.
    """

    level: str
    title: str | Promise
    text: str | Promise


def processes() -> Mapping[str, HealthReport]:
    """Every process's own report, at most five seconds old."""
    reports: Mapping[str, HealthReport] | None = cache.get("govnet:processes")
    if reports is None:
        reports = ask_all(get_config())
        cache.set("govnet:processes", reports, ASK_AGAIN_AFTER_S)
    return reports


def alarms(point: ProbePoint) -> list[Alarm]:
    """What every signed-in person must know before trusting a page."""
    reports = processes()
    unwell = {name: reports[name] for name in WHAT_STOPS if name in reports}
    unwell = {name: report for name, report in unwell.items() if not report.ok}
    failed = [name for name, report in unwell.items() if report.impaired not in IMPAIRED]
    impaired = [
        Alarm("warning", *IMPAIRED[report.impaired])
        for name, report in unwell.items()
        if name not in failed
    ]
    return [*_stopped(point, failed), *impaired]


def _stopped(point: ProbePoint, failed: list[str]) -> list[Alarm]:
    """What does not work at all, or yields nothing."""
    if failed:
        names = _("Not working: %s") % "、".join(str(NAMES[name]) for name in failed)
        return [Alarm("alarm", names, WHAT_STOPS[failed[0]])]
    if point.stale:
        text = _("the engine runs, but no result has come for a minute")
        return [Alarm("warning", _("No new results"), text)]
    return []
