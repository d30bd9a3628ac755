"""Pages on what passes: overview, explorer, egress; and the charts of the last two."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponseBase,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from govnet.accounts.models import User
from govnet.config import get_config
from govnet.core.charts import Limit, Style, line_chart, offset_s
from govnet.core.export import ExportColumn, csv_lines, write_workbook
from govnet.core.imports.filecolumns import guard
from govnet.core.windows import RANGES, Window, WindowError, window_of
from govnet.inventory.models import Carrier
from govnet.telemetry import flow_queries
from govnet.telemetry.client import TelemetryUnavailableError, shared_client
from govnet.telemetry.flow_queries import Where
from govnet.telemetry.schema import INWARD, OUTWARD
from govnet.traffic import egress, explorer
from govnet.traffic.dimensions import DIMENSIONS, plain_address
from govnet.traffic.explorer import Drawing, Group, Question
from govnet.traffic.explorer_form import ExplorerForm
from govnet.traffic.models import FlowExporter
from govnet.traffic.sankey import sankey

log = structlog.get_logger()

SHOWN: Final = 100
"""Rows of the explorer's table; the export has ``flow_queries.MAX_GROUPS``."""

TOP: Final = 8
DEFAULT_RANGE: Final = "6h"
EGRESS_RANGE: Final = "30d"
COLOURS: Final = (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11)
"""Of the browser's palette, without the grey of limits."""

_may_see = permission_required("traffic.view_flowexporter", raise_exception=True)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _store_away() -> str:
    return _("The data store is not answering. What devices send is kept meanwhile.")


def _ranges(window: Window, default: str) -> dict[str, Any]:
    return {
        "ranges": [(name, label) for name, (_length, label) in RANGES.items()],
        "default_range": default,
        "window": window,
    }


def _setup(user: User) -> dict[str, Any]:
    """What the empty state says of pointing an exporter here."""
    config = get_config()
    return {
        "exporters": FlowExporter.objects.restrict(user).exists(),
        "hosts": config.receiver_hosts,
        "ports": config.netflow_ports,
        "sflow_port": config.sflow_port,
    }


# The overview


@never_cache
@require_safe
@_may_see
def overview(request: HttpRequest) -> HttpResponseBase:
    """The largest units, applications and talkers; addresses that nobody registered."""
    user, context = _user(request), {**_setup(_user(request))}
    try:
        window = window_of(request.GET.dict(), DEFAULT_RANGE)
        context |= {"cards": _cards(user, window), "strangers": _strangers(user, window)}
        context |= {**_ranges(window, DEFAULT_RANGE), "notes": explorer.sampling_notes()}
    except WindowError as error:
        return render(request, "traffic/overview.html", {"problem": str(error)}, status=400)
    except TelemetryUnavailableError as error:
        log.warning("traffic overview without store", error=str(error))
        return render(request, "traffic/overview.html", {"problem": _store_away()}, status=503)
    return render(request, "traffic/overview.html", context)


def _cards(user: User, window: Window) -> list[dict[str, Any]]:
    titles = {
        "unit_id": _("Largest units"),
        "application": _("Largest applications"),
        "carrier_id": _("By carrier"),
        "direction": _("By direction"),
    }
    cards = []
    for name, title in titles.items():
        rows = explorer.groups(Question(window, (name,)), user, TOP)
        query = f"by1={name}&{window.query}"
        cards.append({"title": title, "rows": _linked(rows, (name,), window), "query": query})
    return [*cards, _talkers(user, window)]


def _talkers(user: User, window: Window) -> dict[str, Any]:
    both_ways: Counter[str] = Counter()  # an address has a row for each direction, and unit
    for total in flow_queries.flow_hosts(
        shared_client(get_config()), window.start, window.end, explorer.unit_scope(user), 4 * TOP
    ):
        both_ways[plain_address(total.key[0])] += total.octets
    rows = []
    for address, octets in both_ways.most_common(TOP):
        is_rest = address == "::"
        rows.append(
            {
                "label": _("All smaller ones") if is_rest else address,
                "mean": explorer.per_second(octets, "octets", window.seconds),
                "octets": octets,
                "share": None,
                "query": "" if is_rest else f"by1=application&address={address}&{window.query}",
            }
        )
    return {"title": _("Largest own addresses"), "rows": rows, "query": ""}


def _linked(rows: Sequence[Group], by: Sequence[str], window: Window) -> list[dict[str, Any]]:
    """Rows of one dimension, each with the question of what it is made of."""
    return [
        {
            "label": row.names[0].label,
            "mean": row.mean,
            "octets": row.total.octets,
            "share": row.share,
            "query": _deeper(row, by, QueryDict(window.query)),
        }
        for row in rows
    ]


def _deeper(row: Group, by: Sequence[str], state: QueryDict) -> str:
    """The query string that shows what one group is made of; empty when nothing filters it."""
    query = state.copy()
    for name, value in zip(by, row.names, strict=True):
        dimension = DIMENSIONS[name]
        if not dimension.filter_name or not value.filter_text:
            return ""
        query[dimension.filter_name] = value.filter_text
    query["by1"] = next(n for n in ("application", "unit_id", "dst") if n not in by)
    for level in ("by2", "by3"):
        query.pop(level, None)
    return query.urlencode()


def _strangers(user: User, window: Window) -> list[dict[str, Any]]:
    """Private addresses that no block holds: nobody's, so for people who see the whole site."""
    if not user.sees_everything:
        return []
    found = flow_queries.unknown_addresses(
        shared_client(get_config()), window.start, window.end, TOP
    )
    exporters = FlowExporter.objects.in_bulk({one.exporter_id for one in found})
    return [
        {
            "address": plain_address(one.address),
            "octets": one.octets,
            "flows": one.flows,
            "last": datetime.fromtimestamp(one.last, UTC),
            "exporter": exporters.get(one.exporter_id),
            "query": urlencode({"address": plain_address(one.address), "by1": "dst"}),
        }
        for one in found
    ]


# The explorer


@never_cache
@require_safe
@_may_see
def explore(request: HttpRequest) -> HttpResponseBase:
    """The page, or its table as a file with ``format=csv`` or ``format=xlsx``."""
    user, form = _user(request), ExplorerForm(_user(request), request.GET)
    context: dict[str, Any] = {"form": form, **_setup(user), "query": _query(request)}
    try:
        window = window_of(request.GET.dict(), DEFAULT_RANGE)
        context |= _ranges(window, DEFAULT_RANGE)
        if not form.is_valid():
            return render(request, "traffic/explorer.html", context, status=400)
        question = form.question(window)
        if request.GET.get("format") in ("csv", "xlsx"):
            return _export(request.GET["format"], question, user)
        context |= _answer(question, user, request, form.cleaned_data["show"])
    except WindowError as error:
        problem = {**context, "problem": str(error)}
        return render(request, "traffic/explorer.html", problem, status=400)
    except TelemetryUnavailableError as error:
        log.warning("traffic explorer without store", error=str(error))
        problem = {**context, "problem": _store_away()}
        return render(request, "traffic/explorer.html", problem, status=503)
    return render(request, "traffic/explorer.html", context)


def _query(request: HttpRequest, *without: str) -> str:
    query = request.GET.copy()
    for name in ("format", *without):
        query.pop(name, None)
    return query.urlencode()


def _answer(question: Question, user: User, request: HttpRequest, show: str) -> dict[str, Any]:
    rows = explorer.groups(question, user, SHOWN)
    state = request.GET.copy()
    answer: dict[str, Any] = {
        "show": show,
        "question": question,
        "headers": [DIMENSIONS[name].label for name in question.by],
        "rows": [(row, _deeper(row, question.by, state)) for row in rows] if question.by else [],
        "limit": SHOWN,
        "unit": explorer.AMOUNTS[question.amount][1],
        "raw_only": [DIMENSIONS[name].label for name in question.by if not DIMENSIONS[name].rolled],
        "chart_query": _query(request, "range", "from", "to"),
        "notes": explorer.sampling_notes(),
        "asked": True,
    }
    if show == "sankey" and len(question.by) > 1:
        answer["sankey"] = sankey(
            [([name.label for name in row.names], row.mean) for row in rows], _("Others")
        )
    return answer


@never_cache
@require_safe
@_may_see
def explore_chart(request: HttpRequest) -> HttpResponseBase:
    """The explorer's answer over time, as JSON for the chart."""
    form = ExplorerForm(_user(request), request.GET)
    if not form.is_valid():
        return _refusal(" ".join(str(e) for errors in form.errors.values() for e in errors), 400)

    def load(window: Window) -> tuple[Drawing, list[Limit]]:
        return explorer.drawing(form.question(window), _user(request)), []

    return _chart(request, load, DEFAULT_RANGE)


def _chart(
    request: HttpRequest, load: Callable[[Window], tuple[Drawing, list[Limit]]], default: str
) -> HttpResponseBase:
    try:
        window = window_of(request.GET.dict(), default)
        drawn, limits = load(window)
    except WindowError as error:
        return _refusal(str(error), 400)
    except TelemetryUnavailableError as error:
        log.warning("traffic chart without store", error=str(error))
        return _refusal(_store_away(), 503)
    highest = max((limit.value for limit in limits), default=0.0)
    return _json(drawn, window, Style(colours=COLOURS, limits=limits, at_least=1.05 * highest))


def _json(drawn: Drawing, window: Window, style: Style) -> JsonResponse:
    series, zone = drawn.series, ZoneInfo(settings.TIME_ZONE)
    known = any(value is not None for line in series.lines for value in line.values)
    about = _("Table %(table)s, one point: %(seconds)d s") % {
        "table": drawn.grid.table,
        "seconds": drawn.grid.bucket_s,
    }
    meta = {
        "unit": series.unit,
        "digits": style.digits,
        "step_s": series.step_s,
        "offset_s": offset_s(window, zone),
        "notes": [about, *drawn.notes],
        "samples_url": "",
        "empty": "" if known else _("No flow came in this time span."),
    }
    option = line_chart(series, window, zone, style)
    return JsonResponse({"option": option, "meta": meta}, json_dumps_params={"ensure_ascii": False})


def _refusal(message: str, status: int) -> JsonResponse:
    body = {"message": message}
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def _export(kind: str, question: Question, user: User) -> HttpResponseBase:
    """The table, with all its groups, as a file."""
    rows = explorer.groups(question, user, flow_queries.MAX_GROUPS)
    columns = _export_columns(question)
    name = f"traffic-{timezone.localdate():%Y%m%d}.{kind}"
    if kind == "csv":
        answer = StreamingHttpResponse(csv_lines(columns, rows), content_type="text/csv")
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    file = tempfile.TemporaryFile()  # noqa: SIM115  # FileResponse closes it, which deletes it
    write_workbook(file, _("Traffic"), columns, rows)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name)


def _export_columns(question: Question) -> list[ExportColumn]:
    def name_at(place: int) -> Callable[[Group], str]:
        return lambda row: str(guard(row.names[place].label))

    columns = [
        ExportColumn(str(DIMENSIONS[name].label), name_at(place))
        for place, name in enumerate(question.by)
    ]
    unit = str(explorer.AMOUNTS[question.amount][1])
    columns += [
        ExportColumn(_("Mean (%s)") % unit, lambda row: row.mean),
        ExportColumn(_("Octets"), lambda row: row.total.octets),
        ExportColumn(_("Packets"), lambda row: row.total.packets),
        ExportColumn(_("Flows"), lambda row: row.total.flows),
        ExportColumn(_("Share"), lambda row: row.share),
    ]
    if question.compare:
        columns.append(ExportColumn(_("Change"), lambda row: row.change))
    return columns


# The egress


@never_cache
@require_safe
@_may_see
@permission_required("inventory.view_circuit", raise_exception=True)
def egress_page(request: HttpRequest) -> HttpResponseBase:
    """Every carrier's egress against what is contracted."""
    context: dict[str, Any] = _setup(_user(request))
    try:
        window = window_of(request.GET.dict(), EGRESS_RANGE)
        lines = egress.egress(_user(request), window)
        context |= {"lines": lines, **_ranges(window, EGRESS_RANGE)}
    except WindowError as error:
        return render(request, "traffic/egress.html", {"problem": str(error)}, status=400)
    except TelemetryUnavailableError as error:
        log.warning("egress page without store", error=str(error))
        return render(request, "traffic/egress.html", {"problem": _store_away()}, status=503)
    return render(request, "traffic/egress.html", context)


@never_cache
@require_safe
@_may_see
@permission_required("inventory.view_circuit", raise_exception=True)
def egress_chart(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One carrier's egress over time, in and out."""
    user = _user(request)
    carrier = get_object_or_404(Carrier.objects.restrict(user), pk=pk)

    def load(window: Window) -> tuple[Drawing, list[Limit]]:
        found = [one for one in egress.egress(user, window) if one.carrier == carrier]
        circuits = [circuit.pk for one in found for circuit in one.circuits]
        where = Where({"circuit_id": circuits, "direction": [INWARD, OUTWARD]})
        # Whoever may see the circuit may see all that passes it, whichever unit's it is.
        drawn = explorer.draw(Question(window, ("direction",), where), user, stacked=False)
        return drawn, [limit for one in found for limit in egress.limits(one)]

    return _chart(request, load, EGRESS_RANGE)
