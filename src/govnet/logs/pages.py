"""Search of messages, live tail, export; messages on the pages of devices and alarms."""

from __future__ import annotations

import base64
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from govnet.accounts.models import User
from govnet.config import get_config
from govnet.engine.safety import decode_as, visible
from govnet.inventory.models import Device
from govnet.logs.asked import (
    FACILITIES,
    RANGES,
    SEVERITIES,
    Asked,
    cursor_of,
    cursor_text,
)
from govnet.telemetry.client import TelemetryUnavailableError, shared_client
from govnet.telemetry.log_queries import (
    Facet,
    LogFilter,
    LogRow,
    log_export,
    log_facets,
    log_histogram,
    log_search,
    log_tail,
)

PAGE: Final = 100
PANEL_ROWS: Final = 10
PANEL_DAYS: Final = 7
AROUND: Final = timedelta(minutes=30)
VIEW: Final = "logs.view_logsource"

FACET_TITLES: Final[Mapping[Facet, str | Promise]] = {
    "device_id": gettext_lazy("Device"),
    "severity": gettext_lazy("Severity"),
    "event": gettext_lazy("Event"),
    "facility": gettext_lazy("Facility"),
    "program": gettext_lazy("Program"),
    "channel": gettext_lazy("Received by"),
}
_PARAMETER: Final = {"device_id": "device"}


@dataclass(frozen=True, slots=True)
class Line:
    """A message as a page shows it."""

    row: LogRow
    device: Device | None

    @property
    def severity(self) -> str:
        """In words."""
        return str(SEVERITIES[self.row.severity & 7])

    @property
    def facility(self) -> str:
        """By its usual name."""
        return FACILITIES[self.row.facility] if self.row.facility < len(FACILITIES) else "?"

    @property
    def sender(self) -> str:
        """The address, without the form that IPv4 has inside IPv6."""
        return self.row.address.removeprefix("::ffff:")

    @property
    def urgency(self) -> str:
        """Class of the mark beside the word."""
        if self.row.severity <= 3:
            return "error"
        return "warning" if self.row.severity == 4 else "calm"

    @property
    def raw(self) -> str:
        """The octets as received, readable."""
        octets = base64.b64decode(self.row.raw)
        return visible(decode_as(octets)[0]) if octets else self.row.head + self.row.text


def _lines(rows: Iterable[LogRow]) -> list[Line]:
    found = list(rows)
    devices = Device.objects.in_bulk({row.device_id for row in found if row.device_id})
    return [Line(row, devices.get(row.device_id)) for row in found]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: how many messages have it, and where choosing it leads."""

    label: str
    number: int
    query: str
    chosen: bool


@permission_required(VIEW, raise_exception=True)
@never_cache
def search(request: HttpRequest, channel: str = "") -> HttpResponse:
    """Messages that hold some words, newest first, with facets and a histogram."""
    asked = Asked.of(_given(request, channel))
    wanted = asked.filter(cast("User", request.user))
    context: dict[str, Any] = {
        "asked": asked,
        "ranges": [
            (name, label, asked.query(range=name, **_NO_MOMENTS))
            for name, (_d, label) in RANGES.items()
        ],
        "severities": list(enumerate(SEVERITIES)),
        "permalink": asked.query(),
        "fixed_link": asked.at(wanted.start, wanted.end),
        "traps": channel == "trap",
    }
    try:
        context |= _found(asked, wanted, request.GET.get("before", ""))
    except TelemetryUnavailableError:
        context["store_away"] = True
    return render(request, "logs/search.html", context)


_NO_MOMENTS: Final[Mapping[str, None]] = {"from": None, "to": None}


def _given(request: HttpRequest, channel: str) -> Any:  # noqa: ANN401  # a QueryDict
    given = request.GET.copy()
    if channel:
        given["channel"] = channel
    return given


def _found(asked: Asked, wanted: LogFilter, before: str) -> dict[str, Any]:
    client = shared_client(get_config())
    rows = log_search(client, wanted, PAGE + 1, cursor_of(before))
    width, buckets = log_histogram(client, wanted)
    older = rows[PAGE - 1] if len(rows) > PAGE else None
    newest = rows[0] if rows and not before else None
    return {
        "lines": _lines(rows[:PAGE]),
        "facets": _facets(asked, log_facets(client, wanted)),
        "bars": _bars(asked, wanted, width, buckets),
        "number": sum(number for _at, number, _bad in buckets),
        "older": asked.query(before=cursor_text(older.at, older.key)) if older else "",
        "cursor": cursor_text(newest.at, newest.key) if newest else "",
        "first": not before,
    }


def _facets(
    asked: Asked, found: Mapping[Facet, Sequence[tuple[str | int, int]]]
) -> list[tuple[str | Promise, list[Choice]]]:
    pks = {int(value) for value, _number in found["device_id"]}
    names: dict[int, str] = dict(Device.objects.filter(pk__in=pks).values_list("pk", "name"))
    chosen: dict[str, str | int | None] = {"device": asked.device, **dict(asked.values)}
    facets = []
    for facet, title in FACET_TITLES.items():
        parameter, choices = _PARAMETER.get(facet, facet), []
        for value, number in found[facet]:
            if value in ("", 0) and facet in {"device_id", "event", "program"}:
                continue
            here = chosen.get(parameter) == value
            query = asked.query(**{parameter: None if here else value})
            choices.append(Choice(_value_label(facet, value, names), number, query, here))
        if choices:
            facets.append((title, choices))
    return facets


def _value_label(facet: Facet, value: str | int, names: Mapping[int, str]) -> str:
    if facet == "device_id":
        return names.get(int(value), f"#{value}")
    if facet == "severity":
        return str(SEVERITIES[int(value) & 7])
    if facet == "facility":
        return FACILITIES[int(value)] if int(value) < len(FACILITIES) else str(value)
    return event_label(str(value)) if facet == "event" else str(value)


def event_label(event: str) -> str:
    """What happened in people's words; a vendor's own code as it is."""
    return str(EVENTS.get(event, event))


EVENTS: Final[Mapping[str, str | Promise]] = {
    "link_down": gettext_lazy("Link down"),
    "link_up": gettext_lazy("Link up"),
    "bgp_down": gettext_lazy("BGP neighbour lost"),
    "bgp_up": gettext_lazy("BGP neighbour back"),
    "ospf_down": gettext_lazy("OSPF neighbour lost"),
    "ospf_up": gettext_lazy("OSPF neighbour back"),
    "login": gettext_lazy("Login"),
    "login_failed": gettext_lazy("Login failed"),
    "config_changed": gettext_lazy("Configuration changed"),
    "device_restarted": gettext_lazy("Device restarted"),
    "agent_restarted": gettext_lazy("Agent restarted"),
    "agent_started": gettext_lazy("Agent started"),
    "snmp_refused": gettext_lazy("SNMP request refused"),
    "fan_failure": gettext_lazy("Fan failed"),
    "fan_restored": gettext_lazy("Fan works again"),
    "power_failure": gettext_lazy("Power supply failed"),
    "power_restored": gettext_lazy("Power supply works again"),
    "on_battery": gettext_lazy("On battery"),
    "loop_detected": gettext_lazy("Loop detected"),
    "loop_ended": gettext_lazy("Loop ended"),
    "packet_dropped": gettext_lazy("Packet dropped"),
    "attack": gettext_lazy("Attack"),
    "command_as_root": gettext_lazy("Command as root"),
    "daemon_lost": gettext_lazy("Daemon lost"),
    "daemon_back": gettext_lazy("Daemon back"),
    "out_of_memory": gettext_lazy("Out of memory"),
    "disk_error": gettext_lazy("Disk error"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the histogram, in per cent of the picture."""

    x: float
    width: float
    height: float
    bad: float
    title: str
    query: str


def _bars(
    asked: Asked, wanted: LogFilter, width: int, buckets: Sequence[tuple[datetime, int, int]]
) -> list[Bar]:
    most = max((number for _at, number, _bad in buckets), default=0)
    span = (wanted.end - wanted.start).total_seconds()
    bars = []
    for at, number, bad in buckets:
        x = 100 * (at - wanted.start).total_seconds() / span
        title = _("%(time)s: %(number)d messages, %(bad)d of them errors") % {
            "time": f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}", "number": number, "bad": bad,
        }  # fmt: skip
        query = asked.at(at, at + timedelta(seconds=width))
        share = 100 * width / span * 0.9
        bars.append(Bar(x, share, 100 * number / most, 100 * bad / most, title, query))
    return bars


@permission_required(VIEW, raise_exception=True)
@never_cache
def tail(request: HttpRequest) -> HttpResponse:
    """What has come since a row, for the page that is open."""
    asked = Asked.of(request.GET)
    after = request.GET.get("after", "")
    context: dict[str, Any] = {"asked": asked, "cursor": after}
    try:
        wanted = asked.filter(cast("User", request.user))
        rows = log_tail(shared_client(get_config()), wanted, cursor_of(after), PAGE)
    except TelemetryUnavailableError:
        context["store_away"] = True
    else:
        context["lines"] = _lines(reversed(rows))
        if rows:
            context["cursor"] = cursor_text(rows[-1].at, rows[-1].key)
    return render(request, "logs/tail.html", context)


class _Echo:
    """A file that hands each line back: what makes ``csv`` stream."""

    def write(self, value: str) -> str:
        return value


@permission_required(VIEW, raise_exception=True)
@never_cache
def export(request: HttpRequest) -> StreamingHttpResponse | HttpResponse:
    """The messages asked for as CSV, with a mark for spreadsheets that it is UTF-8."""
    wanted = Asked.of(request.GET).filter(cast("User", request.user))
    try:
        client = shared_client(get_config())
    except TelemetryUnavailableError:
        return HttpResponse(_("The data store is not answering."), status=503)
    rows = _csv(log_export(client, wanted))
    response = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = (
        f'attachment; filename="logs-{timezone.now():%Y%m%d-%H%M}.csv"'
    )
    return response


def _csv(rows: Iterable[LogRow]) -> Iterator[str]:
    names: dict[int, str] = dict(Device.objects.values_list("pk", "name"))
    writer = csv.writer(_Echo())
    header = (_("time"), _("device"), _("address"), _("facility"), _("severity"), _("program"),
              _("event"), _("object"), _("text"))  # fmt: skip
    yield "\ufeff" + cast("str", writer.writerow(header))
    for row in rows:
        line = Line(row, None)
        cells = (
            f"{timezone.localtime(row.at):%Y-%m-%d %H:%M:%S.%f}"[:-3], names.get(row.device_id, ""),
            line.sender, line.facility, line.severity, row.program, row.event, row.about, row.text,
        )  # fmt: skip
        yield cast("str", writer.writerow([_harmless(cell) for cell in cells]))


def _harmless(cell: str) -> str:
    """A spreadsheet must not take a stranger's text for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def device_panel(request: HttpRequest, device: Device) -> dict[str, Any] | None:
    """The last messages of a device."""
    if not request.user.has_perm(VIEW):
        return None
    now = timezone.now()
    wanted = LogFilter(now - timedelta(days=PANEL_DAYS), now, devices=[device.pk])
    return {**_panel(wanted), "query": f"device={device.pk}&range={PANEL_DAYS}d"}


def messages_around(
    request: HttpRequest, devices: Sequence[int], moment: datetime
) -> dict[str, Any] | None:
    """What some devices said from half an hour before a moment to half an hour after it.

    For the template ``logs/panel.html``; None for who may not see messages.
    """
    if not request.user.has_perm(VIEW) or not devices:
        return None
    start, end = moment - AROUND, moment + AROUND
    wanted = LogFilter(start, end, devices=devices)
    period = f"from={int(start.timestamp())}&to={int(end.timestamp())}"
    only = f"device={devices[0]}&" if len(devices) == 1 else ""
    return {**_panel(wanted, 30), "query": only + period, "around": moment}


def _panel(wanted: LogFilter, rows: int = PANEL_ROWS) -> dict[str, Any]:
    try:
        return {"lines": _lines(log_search(shared_client(get_config()), wanted, rows))}
    except TelemetryUnavailableError:
        return {"store_away": True}
