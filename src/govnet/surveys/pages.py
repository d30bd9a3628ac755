"""Pages of surveys: the ballot of a unit, and what the officer does with a survey."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from govnet.core.errors import ToldError
from govnet.core.imports.filecolumns import guard
from govnet.core.office import PrintingError
from govnet.core.views.base import signed_in
from govnet.projects.project_pages import XLSX, attachment
from govnet.surveys import printing, services
from govnet.surveys.forms import BallotForm, ManualForm
from govnet.surveys.models import Ballot, Survey

if TYPE_CHECKING:
    from openpyxl import Workbook

TRIES: Final = 30
WINDOW_S: Final = 600
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _too_many(request: HttpRequest) -> bool:
    """Whether an address has asked for more ballots than a person would; counted per process."""
    key = f"ballot:{request.META.get('REMOTE_ADDR', '')}"
    cache.add(key, 0, WINDOW_S)
    try:
        return cache.incr(key) > TRIES
    except ValueError:  # it ran out between the two calls
        return False


@never_cache
@login_not_required
def ballot(request: HttpRequest, token: str) -> HttpResponse:
    """The ballot of a link, without signing in; once, while the survey is open."""
    if _too_many(request):
        return _said(request, _("Too many attempts. Please try again in ten minutes."), 429)
    found = services.ballot_of(token)
    if found is None:
        return _said(request, _("This link is not valid. Ask for a new one."), 404)
    if found.returned_at:
        return _said(request, _("Your unit has answered already. Thank you."), 200, found.survey)
    if not services.takes_answers(found.survey):
        return _said(request, _("The survey takes no answers any more."), 410, found.survey)
    form = BallotForm(found.survey, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        services.vote(found, data["rating"], form.answers(), data["comment"])
        return _said(request, _("Thank you. Your answer was recorded."), 200, found.survey)
    context = {"survey": found.survey, "unit": found.unit, "form": form}
    status = 422 if form.errors else 200
    return render(request, "surveys/ballot.html", context, status=status)


def _said(
    request: HttpRequest, text: str, status: int, survey: Survey | None = None
) -> HttpResponse:
    context = {"text": text, "survey": survey}
    return render(request, "surveys/ballot.html", context, status=status)


def _survey(request: HttpRequest, pk: int) -> Survey:
    return get_object_or_404(Survey.objects.restrict(signed_in(request)), pk=pk)


def _attempt(request: HttpRequest, action: Callable[[], object], done: str) -> None:
    try:
        action()
    except ToldError as error:
        messages.error(request, error.note.localized())
    else:
        messages.success(request, done)


@require_POST
@permission_required("surveys.change_survey", raise_exception=True)
def move(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """Open or close a survey."""
    survey = _survey(request, pk)
    steps: dict[str, Callable[[Survey], object]] = {
        "open": services.open_survey,
        "close": services.close_survey,
    }
    if step not in steps:
        raise Http404
    _attempt(request, lambda: steps[step](survey), _("Saved."))
    return redirect(survey)


@require_POST
@permission_required("surveys.change_survey", raise_exception=True)
def manual(request: HttpRequest, pk: int) -> HttpResponse:
    """The result of a survey on paper."""
    survey, form = _survey(request, pk), ManualForm(request.POST, request.FILES)
    if not form.is_valid():
        for name, errors in form.errors.items():
            messages.error(request, f"{form.fields[name].label}: {' '.join(map(str, errors))}")
        return redirect(survey)
    file, user = form.cleaned_data["attachment"], signed_in(request)
    _attempt(
        request, lambda: services.enter_by_hand(survey, form.counts(), file, user), _("Saved.")
    )
    return redirect(survey)


def _ballot(request: HttpRequest, pk: int) -> Ballot:
    visible = Ballot.objects.restrict(signed_in(request))
    return get_object_or_404(visible.select_related("survey", "unit"), pk=pk)


@require_POST
@permission_required("surveys.change_survey", raise_exception=True)
def invalidate(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a ballot not count, or count again."""
    found, reason = _ballot(request, pk), request.POST.get("reason", "")
    _attempt(request, lambda: services.invalidate(found, reason), _("Saved."))
    return redirect(found.survey)


@require_POST
@permission_required("surveys.change_survey", raise_exception=True)
def renew(request: HttpRequest, pk: int) -> HttpResponse:
    """A new link for a unit."""
    found = _ballot(request, pk)
    _attempt(request, lambda: services.renew_link(found), _("The old link is dead."))
    return redirect(found.survey)


@permission_required("surveys.view_survey", raise_exception=True)
def proof(request: HttpRequest, pk: int) -> HttpResponse:
    """Download the attachment of a manual result."""
    survey = _survey(request, pk)
    found = getattr(survey, "manual", None)
    if found is None:
        raise Http404
    with found.attachment.open("rb") as file:
        return attachment(file.read(), found.file_name)


@permission_required("surveys.change_survey", raise_exception=True)
def links(request: HttpRequest, pk: int) -> HttpResponse:
    """The links of all ballots that are not returned, for sending them out."""
    survey = _survey(request, pk)
    book, sheet = _workbook([_("unit code"), _("unit"), _("link")])
    for row in survey.ballots.filter(returned_at=None).select_related("unit"):
        url = request.build_absolute_uri(reverse("surveys:ballot", args=[services.token_of(row)]))
        sheet.append([guard(row.unit.code), guard(row.unit.name), url])
    return _book(book, f"{survey.code}-links.xlsx")


@permission_required("surveys.view_survey", raise_exception=True)
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """Every ballot and the counts as a workbook."""
    survey = _survey(request, pk)
    heads = [_("unit code"), _("unit"), _("returned"), _("overall answer"), _("comment")]
    book, sheet = _workbook([*heads, _("why it does not count")])
    for row in survey.ballots.select_related("unit"):
        day = str(row.returned_at.date()) if row.returned_at else ""
        texts = [row.unit.code, row.unit.name, day, row.get_rating_display() or "", row.comment]
        sheet.append([guard(str(text)) for text in [*texts, row.invalid_reason]])
    counts = book.create_sheet(_("Result"))
    for name, value in printing.figures(survey):
        counts.append([name, value])
    return _book(book, f"{survey.code}.xlsx")


def _workbook(heads: list[str]) -> tuple[Workbook, Any]:
    from openpyxl import Workbook  # noqa: PLC0415  # only who exports pays for the library

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(heads)
    return book, sheet


def _book(book: Workbook, name: str) -> HttpResponse:
    buffer = io.BytesIO()
    book.save(buffer)
    return attachment(buffer.getvalue(), name, XLSX)


@permission_required("surveys.view_survey", raise_exception=True)
def document(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The question sheet or the summary as Word."""
    survey = _survey(request, pk)
    if kind not in printing.TEMPLATES:
        raise Http404
    try:
        return attachment(printing.render(survey, kind), f"{survey.code}-{kind}.docx", WORD)
    except PrintingError as error:
        messages.error(request, error.note.localized())
        return redirect(survey)
