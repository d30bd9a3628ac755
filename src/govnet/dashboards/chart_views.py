"""Charts as JSON or CSV, and the raw samples behind a point of a chart."""

from __future__ import annotations

import csv
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from govnet.accounts.models import User
from govnet.core.charts import Summary, csv_rows, line_chart, offset_s, summaries
from govnet.core.windows import Window, WindowError, window_of
from govnet.dashboards import sources
from govnet.dashboards.sources import SAMPLES, SOURCES, Drawn
from govnet.dashboards.templatetags.ui import age_text
from govnet.inventory.models import Circuit
from govnet.telemetry.client import TelemetryUnavailableError

log = structlog.get_logger()

SAMPLES_AROUND_S = 300
"""The raw samples page shows this many seconds before and after the chosen moment."""
SAMPLES_SHOWN = 500
READABLE = {"ensure_ascii": False}


def _store_away() -> str:
    return _(
        "The data store is not answering. Charts come back by themselves; nothing measured is lost."
    )


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)


def _notes(drawn: Drawn, window: Window) -> list[str]:
    """What stands under a chart: span, resolution, and the numbers of each line."""
    start, end = (timezone.localtime(moment) for moment in (window.start, window.end))
    shown = [f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"]
    if drawn.rolled_up:
        banded = any(line.has_band for line in drawn.series.lines)
        text = (
            _("One point: %s (mean; band: smallest to largest)") if banded else _("One point: %s")
        )
        shown.append(text % age_text(drawn.series.step_s))
    else:
        shown.append(_("One point: one sample"))
    shown += [_summary(each, drawn) for each in summaries(drawn.series) if each.last is not None]
    return shown + list(drawn.notes)


def _summary(summary: Summary, drawn: Drawn) -> str:
    def text(value: float | None) -> str:
        return "—" if value is None else f"{value:,.{drawn.style.digits}f}"

    return _("%(label)s: last %(last)s, mean %(mean)s, largest %(largest)s %(unit)s") % {
        "label": summary.label,
        "last": text(summary.last),
        "mean": text(summary.mean),
        "largest": text(summary.largest),
        "unit": drawn.series.unit,
    }


def _json(drawn: Drawn, window: Window, samples_url: str) -> JsonResponse:
    series, zone = drawn.series, _zone()
    measured = any(value is not None for line in series.lines for value in line.values)
    meta: dict[str, Any] = {
        "unit": series.unit,
        "digits": drawn.style.digits,
        "step_s": series.step_s,
        "offset_s": offset_s(window, zone),
        "notes": _notes(drawn, window) if measured else [],
        "samples_url": samples_url,
        "empty": "" if measured else _("Nothing was measured in this time span."),
    }
    option = line_chart(series, window, zone, drawn.style)
    response = JsonResponse({"option": option, "meta": meta}, json_dumps_params=READABLE)
    response["X-Resolution-Seconds"] = f"{series.step_s:g}"
    return response


def _refusal(error: str, message: str, status: int) -> JsonResponse:
    body = {"error": error, "message": message}
    return JsonResponse(body, status=status, json_dumps_params=READABLE)


def _csv(drawn: Drawn, filename: str) -> HttpResponse:
    """What the chart shows, with a byte-order mark so that Excel reads it as UTF-8."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(filename)}.csv"
    response.write("\ufeff")
    csv.writer(response).writerows(csv_rows(drawn.series, _zone()))
    return response


def _answer(
    request: HttpRequest, name: str, pk: int, samples_url: str, instance: Model | list[Circuit]
) -> HttpResponse:
    try:
        window = window_of(request.GET.dict())
        drawn = SOURCES[name].load(instance, window)
    except WindowError as error:
        return _refusal("window", str(error), 400)
    except TelemetryUnavailableError as error:
        log.warning("chart without store", chart=name, object=pk, error=str(error))
        return _refusal("store", _store_away(), 503)
    if request.GET.get("format") == "csv":
        return _csv(drawn, f"{name}-{instance or pk}")
    return _json(drawn, window, samples_url)


def _visible(request: HttpRequest, name: str, pk: int) -> Model:
    """The object of a chart, if the person may see it."""
    assert isinstance(request.user, User)
    if name not in SOURCES or name == sources.EGRESS:
        raise Http404
    source = SOURCES[name]
    if not request.user.has_perm(source.permission):
        raise PermissionDenied
    found: Model = get_object_or_404(source.model.objects.restrict(request.user), pk=pk)
    return found


@never_cache
def chart(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """One chart of one object as JSON, or as CSV with ``format=csv``."""
    instance = _visible(request, name, pk)
    samples_url = reverse("dashboards:samples", args=[name, pk]) if name in SAMPLES else ""
    return _answer(request, name, pk, samples_url, instance)


@never_cache
def egress_chart(request: HttpRequest) -> HttpResponse:
    """The sum of the Internet egress circuits that the person may see."""
    assert isinstance(request.user, User)
    if not request.user.has_perm("inventory.view_circuit"):
        raise PermissionDenied
    return _answer(request, sources.EGRESS, 0, "", sources.egress_circuits(request.user))


def _moment(request: HttpRequest) -> Window:
    """Five minutes before and after ``at``; the last ten minutes without it."""
    text = request.GET.get("at", "")
    if not text:
        now = timezone.now().timestamp()
        return window_of({"from": str(now - 2 * SAMPLES_AROUND_S), "to": str(now)})
    try:
        at = float(text)
    except ValueError as error:
        raise WindowError(f"not a time in epoch seconds: {text[:20]!r}") from error
    return window_of({"from": str(at - SAMPLES_AROUND_S), "to": str(at + SAMPLES_AROUND_S)})


@never_cache
def samples(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """The raw samples around one moment: what a point of a chart was computed from."""
    instance = _visible(request, name, pk)
    if name not in SAMPLES:
        raise Http404
    context: dict[str, Any] = {"instance": instance, "title": SOURCES[name].title, "name": name}
    try:
        window = _moment(request)
        header, rows = SAMPLES[name](instance, window, SAMPLES_SHOWN)
        context |= {"header": header, "rows": rows, "window": window, "limit": SAMPLES_SHOWN}
        context |= {"earlier": window.start.timestamp(), "later": window.end.timestamp()}
    except WindowError as error:
        return render(
            request, "dashboards/samples.html", context | {"problem": str(error)}, status=400
        )
    except TelemetryUnavailableError:
        problem = _store_away()
        return render(
            request, "dashboards/samples.html", context | {"problem": problem}, status=503
        )
    return render(request, "dashboards/samples.html", context)
