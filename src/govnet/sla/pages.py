"""Pages of availability: the overview, one object, statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from govnet.core.errors import ToldError
from govnet.core.views.base import signed_in
from govnet.engine.availability import Code, Steps
from govnet.monitor.models import Target
from govnet.sla import printing, statements, workbook
from govnet.sla.figures import Availability, figure
from govnet.sla.forms import IssueForm
from govnet.sla.inputs import Inputs, Scope
from govnet.sla.models import PeriodKind, Statement
from govnet.sla.periods import Period
from govnet.sla.responsible import alarms_of
from govnet.sla.scopes import SITE, instance_of, may_see, name_of, scope_kind, scope_kinds
from govnet.sla.services import availabilities, availability, inputs_of, object_url
from govnet.sla.wording import formula, term_rows

if TYPE_CHECKING:
    from govnet.accounts.models import User

PAGE: Final = 50
OUTAGES_SHOWN: Final = 200
KINDS: Final = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
BAR_SLICES: Final = 400
"""A bar with more slices than this shows nothing that an eye can tell apart."""

BAR_CLASSES: Final = {
    Code.UP: "up",
    Code.DEGRADED: "degraded",
    Code.UNKNOWN: "unknown",
    Code.DOWN: "down",
    Code.EXCLUDED: "excluded",
    Code.PLANNED: "planned",
    Code.OUT: "out",
}


# ---- Which period --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a page is about.

    Attributes:
        start: first moment.
        end: the moment after the last.
        month: the month as ``2026-11`` when it is one.
        running: it has not ended yet.
    """

    start: datetime
    end: datetime
    month: str = ""
    running: bool = False

    @property
    def query(self) -> str:
        """As a query string."""
        if self.month:
            return f"month={self.month}"
        return f"from={int(self.start.timestamp())}&to={int(self.end.timestamp())}"


def span_of(parameters: Mapping[str, str]) -> Span:
    """The span that a request asks for: a month, two moments; this month without either.

    Raises:
        Http404: it cannot be read, or has not begun.
    """
    now = timezone.now()
    try:
        if "from" in parameters:
            start, end = (
                datetime.fromtimestamp(int(parameters[name]), UTC) for name in ("from", "to")
            )
            found = Span(start, end, running=end > now)
        else:
            text = parameters.get("month") or timezone.localdate().strftime("%Y-%m")
            period = Period.holding(PeriodKind.MONTH, date.fromisoformat(f"{text}-01"))
            found = Span(period.start, period.end, text, period.end > now)
    except (ValueError, KeyError, OverflowError, OSError) as error:
        raise Http404 from error
    if found.end <= found.start or found.start >= now:
        raise Http404
    return found


def month_choices() -> list[str]:
    """This month and the 23 before it, the newest first."""
    day = timezone.localdate().replace(day=1)
    found = []
    for _step in range(24):
        found.append(day.strftime("%Y-%m"))
        day = date.fromordinal(day.toordinal() - 1).replace(day=1)
    return found


# ---- Overview ------------------------------------------------------------------------------


@permission_required("sla.view_statement", raise_exception=True)
def overview(request: HttpRequest) -> HttpResponse:
    """Availability of a month by carrier, region or unit, the worst first."""
    user, span = signed_in(request), span_of(request.GET.dict())
    kinds = [kind for kind in scope_kinds() if kind.model is not None]
    by = request.GET.get("by", "")
    chosen = next((kind for kind in kinds if kind.key == by), None)
    if chosen is None:
        chosen = next(k for k in kinds if k.key == ("carrier" if user.sees_everything else "unit"))
    scopes = [Scope(chosen.key, pk) for pk in chosen.visible(user).values_list("pk", flat=True)]
    wanted = [*scopes, *([SITE] if user.sees_everything else [])]
    found = availabilities(wanted, span.start, span.end)
    site = found.pop(SITE, None)
    rows = sorted((row for row in found.values() if row.terms.period_s), key=_worst_first)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "span": span,
        "months": month_choices(),
        "kinds": kinds,
        "by": chosen.key,
        "page": page,
        "lines": [(row, object_url(row.scope, span.start, span.end)) for row in page],
        "site": site,
        "insufficient": sum(row.percent is None for row in rows),
        "query": f"{span.query}&by={chosen.key}",
    }
    return render(request, "sla/overview.html", context)


def _worst_first(row: Availability) -> tuple[bool, Any, str]:
    return row.percent is None, row.percent or 0, row.name


# ---- One object ----------------------------------------------------------------------------


def _seen(user: User, kind: str, pk: int) -> Scope:
    """A scope that the person may see.

    Raises:
        Http404: there is none.
    """
    scope = Scope(kind, pk)
    if not may_see(user, scope):
        raise Http404
    return scope


@permission_required("sla.view_statement", raise_exception=True)
def object_page(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """The figure of one thing over a span, down to its outages and their changes of state."""
    user = signed_in(request)
    scope, span = _seen(user, kind, pk), span_of(request.GET.dict())
    inputs = inputs_of(scope, span.start, span.end)
    shown = availability(scope, span.start, span.end)
    context = {
        "span": span,
        "months": month_choices(),
        "title": name_of(scope),
        "kind": scope_kind(kind),
        "members": [
            (row, object_url(row.scope, span.start, span.end))
            for row in sorted(shown.members, key=_worst_first)[:OUTAGES_SHOWN]
        ],
        "workbook_url": f"{reverse('sla:object_workbook', args=[kind, pk])}?{span.query}",
        **_evidence(shown, inputs, user),
    }
    return render(request, "sla/object.html", context)


@permission_required("sla.view_statement", raise_exception=True)
def object_workbook(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """The inputs of one thing as a workbook that works its figure out again."""
    scope, span = _seen(signed_in(request), kind, pk), span_of(request.GET.dict())
    inputs = inputs_of(scope, span.start, span.end)
    first = timezone.localtime(span.start)
    name = f"{name_of(scope)}-{first:%Y%m%d}.xlsx"
    return _download(workbook.workbook(name_of(scope), inputs), name, KINDS["xlsx"])


def _evidence(shown: Availability, inputs: Inputs, user: User) -> dict[str, Any]:
    """What stands behind a figure: terms, the bar, outages with the targets that showed them."""
    mine = next((each for each in inputs.objects if each.scope == shown.scope), None)
    ids = [pk for line in (mine.lines if mine else ()) for pk in line]
    alive = dict(Target.objects.filter(pk__in=ids).values_list("pk", "name"))
    targets = [(inputs.targets[pk].name, pk if pk in alive else None) for pk in ids]
    calendar = inputs.calendars.get(mine.calendar) if mine else None
    outages = [each for each in shown.outages if each.counted_s]
    listed = outages[-OUTAGES_SHOWN:]
    alarms = alarms_of(listed, alive, user)
    return {
        "figure": shown,
        "terms": term_rows({name: getattr(shown.terms, name) for name in statements.TERMS}),
        "formula": formula(shown.terms),
        "bar": _bar(shown.account.slices) if shown.account else [],
        "outages": [
            (each, *_around(each.start, each.end), said)
            for each, said in zip(listed, alarms, strict=True)
        ],
        "outages_left": max(len(outages) - OUTAGES_SHOWN, 0),
        "targets": targets,
        "calendar": calendar,
        "windows": inputs.windows[:OUTAGES_SHOWN],
        "exclusions": inputs.exclusions[:OUTAGES_SHOWN],
    }


def _around(start: int, end: int) -> tuple[int, int]:
    """The span to draw around an outage: half an hour before and after."""
    return start - 1800, end + 1800


def _bar(slices: Steps) -> list[dict[str, Any]]:
    """Slices in percent of the period; where there are too many only what is not up."""
    length = slices.end - slices.start
    rows = zip(slices.at.tolist(), slices.lengths().tolist(), slices.code.tolist(), strict=True)
    many = len(slices.at) > BAR_SLICES
    found = [row for row in rows if not many or row[2] != Code.UP]
    found.sort(key=lambda row: -row[1])
    return [
        {
            "x": f"{100 * (at - slices.start) / length:.3f}",
            "width": f"{max(100 * seconds / length, 0.08):.3f}",
            "code": BAR_CLASSES[Code(code)],
            "at": at,
            "until": at + seconds,
        }
        for at, seconds, code in found[:BAR_SLICES]
    ]


# ---- Statements ----------------------------------------------------------------------------


def _visible(user: User) -> Any:  # noqa: ANN401  # a queryset of statements
    return Statement.objects.restrict(user).defer("inputs")


@permission_required("sla.view_statement", raise_exception=True)
def statement_list(request: HttpRequest) -> HttpResponse:
    """Statements in force, the newest period first; amendments on request."""
    user = signed_in(request)
    rows = _visible(user).select_related("issued_by").order_by("-first_day", "scope_kind", "title")
    every = request.GET.get("versions") == "all"
    if not every:
        rows = rows.filter(amended_by__isnull=True)
    kind, period = request.GET.get("kind", ""), request.GET.get("period", "")
    if kind:
        rows = rows.filter(scope_kind=kind)
    if period in PeriodKind.values:
        rows = rows.filter(period=period)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "kinds": scope_kinds(),
        "periods": PeriodKind.choices,
        "kind": kind,
        "period": period,
        "every": every,
        "query": f"kind={quote(kind)}&period={quote(period)}&versions={'all' if every else ''}",
    }
    return render(request, "sla/statement_list.html", context)


def _statement(request: HttpRequest, pk: int) -> Statement:
    visible = Statement.objects.restrict(signed_in(request)).select_related("issued_by", "amends")
    found: Statement = get_object_or_404(visible, pk=pk)
    return found


def _about(user: User, statement: Statement) -> Any:  # noqa: ANN401  # the kind's own model
    """What a statement is about, for a link to its page; None where the person may not see it."""
    scope = Scope(statement.scope_kind, statement.scope_id)
    found = instance_of(scope) if may_see(user, scope) else None
    if found is None:
        return None
    meta = found._meta  # noqa: SLF001  # Django documents it
    return found if user.has_perm(f"{meta.app_label}.view_{meta.model_name}") else None


@permission_required("sla.view_statement", raise_exception=True)
def statement_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A statement as it was issued, what it amends, and whether it is intact."""
    found = _statement(request, pk)
    page = Paginator(found.figures["rows"], PAGE).get_page(request.GET.get("page"))
    terms = statements.terms_of(found.figures["head"])
    context = {
        "statement": found,
        "about": _about(signed_in(request), found),
        "head": found.figures["head"],
        "terms": term_rows(found.figures["head"]),
        "head_terms": terms,
        "formula": formula(terms),
        "page": page,
        "lines": [(row, *row["scope"].split(":")) for row in page],
        "faults": statements.verify(found),
        "differences": statements.differences(found),
        "reasons": statements.reasons(found),
        "amended_by": Statement.objects.filter(amends=found).defer("inputs").first(),
        "versions": _visible(signed_in(request)).filter(
            scope_kind=found.scope_kind,
            scope_id=found.scope_id,
            period=found.period,
            first_day=found.first_day,
        ),
    }
    return render(request, "sla/statement.html", context)


@permission_required("sla.view_statement", raise_exception=True)
def statement_line(request: HttpRequest, pk: int, kind: str, object_id: int) -> HttpResponse:
    """One object of a statement, from the frozen inputs: outages, changes of state, charts."""
    statement = _statement(request, pk)
    scope = Scope(kind, object_id)
    inputs = Inputs.from_data(statement.opened_inputs()).only(scope)
    if not inputs.objects:
        raise Http404
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in inputs.period)
    context = {
        "statement": statement,
        "span": Span(start, end),
        "title": inputs.objects[0].name,
        "kind": scope_kind(kind),
        "members": [],
        "workbook_url": reverse("sla:line_workbook", args=[pk, kind, object_id]),
        **_evidence(figure(inputs.objects[0], inputs), inputs, signed_in(request)),
    }
    return render(request, "sla/object.html", context)


@permission_required("sla.view_statement", raise_exception=True)
def line_workbook(request: HttpRequest, pk: int, kind: str, object_id: int) -> HttpResponse:
    """The frozen inputs of one object as a workbook that works its figure out again."""
    statement = _statement(request, pk)
    inputs = Inputs.from_data(statement.opened_inputs()).only(Scope(kind, object_id))
    if not inputs.objects:
        raise Http404
    name = f"{statement.title}-{statement.period_name}-{inputs.objects[0].name}.xlsx"
    return _download(workbook.workbook(inputs.objects[0].name, inputs), name, KINDS["xlsx"])


@permission_required("sla.view_statement", raise_exception=True)
def statement_file(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """A statement as Word, PDF, or a workbook that works its figures out again."""
    found = _statement(request, pk)
    if kind not in KINDS:
        raise Http404
    try:
        data = printing.in_format(found, kind)
    except ToldError as error:
        messages.error(request, error.note.localized())
        return redirect(found)
    name = f"{found.title}-{found.period_name}-v{found.version}.{kind}"
    return _download(data, name, KINDS[kind])


@permission_required("sla.add_statement", raise_exception=True)
def statement_issue(request: HttpRequest) -> HttpResponse:
    """Issue a statement of a period that has ended."""
    user = signed_in(request)
    form = IssueForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        made = _issue(request, form.cleaned_data["scope"], form.cleaned_data["period"])
        if made is not None:
            return redirect(made)
    status = 422 if form.errors else 200
    return render(request, "sla/statement_issue.html", {"form": form}, status=status)


@require_POST
@permission_required("sla.add_statement", raise_exception=True)
def statement_reissue(request: HttpRequest, pk: int) -> HttpResponse:
    """Work a statement out again; what differs becomes an amendment."""
    found = _statement(request, pk)
    scope = _seen(signed_in(request), found.scope_kind, found.scope_id)
    period = Period(PeriodKind(found.period), found.first_day)
    return redirect(_issue(request, scope, period, request.POST.get("reason", "")[:200]) or found)


def _issue(
    request: HttpRequest, scope: Scope, period: Period, reason: str = ""
) -> Statement | None:
    try:
        made, new = statements.issue(scope, period, signed_in(request), reason)
    except statements.StatementError as error:
        messages.error(request, str(error))
        return None
    if new:
        messages.success(request, _("Statement issued: %s") % made.digest[:12])
    else:
        messages.info(request, _("Nothing has changed: the statement in force says the same."))
    return made


def _download(data: bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
