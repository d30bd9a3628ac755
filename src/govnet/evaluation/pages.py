"""Pages of self-evaluations: list, sheet, form, evidence, issued reports."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import transaction
from django.forms import BaseFormSet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from govnet.core.office import PrintingError
from govnet.evaluation import printing, scoring
from govnet.evaluation.audit_pages import WORD
from govnet.evaluation.catalogue import framework_of
from govnet.evaluation.forms import PARTS, EvidenceForm, NewForm
from govnet.evaluation.layout import fill_all, lay_out
from govnet.evaluation.measures import MEASURES, RATED, MeasureError, bind, freeze, verify
from govnet.evaluation.models import Evidence, IssuedReport, SelfEvaluation, Snapshot
from govnet.evaluation.standing import completeness, goal_pairs, own_audit
from govnet.evaluation.takeover import take_over

if TYPE_CHECKING:
    from govnet.accounts.models import User

PAGE = 50
COLUMNS = {
    "code": gettext_lazy("code"),
    "name": gettext_lazy("name"),
    "acceptance_date": gettext_lazy("acceptance date"),
    "number": gettext_lazy("number"),
    "contracted_mbps": gettext_lazy("contracted Mbit/s"),
    "start": gettext_lazy("first day"),
    "end": gettext_lazy("last day"),
    "convention": gettext_lazy("convention"),
    "content": gettext_lazy("content"),
    "amount": gettext_lazy("amount (yuan)"),
    "voucher": gettext_lazy("voucher number"),
    "counted": gettext_lazy("counted"),
    "before_mbps": gettext_lazy("Mbit/s before"),
    "effective_on": gettext_lazy("effective on"),
    "milestone": gettext_lazy("milestone"),
    "day": gettext_lazy("day"),
    "contract": gettext_lazy("contract"),
    "contractor": gettext_lazy("contractor"),
    "deducted": gettext_lazy("deducted (yuan)"),
    "paid": gettext_lazy("paid (yuan)"),
    "outstanding": gettext_lazy("outstanding (yuan)"),
    "state": gettext_lazy("state"),
    "year": gettext_lazy("year"),
    "source": gettext_lazy("source"),
    "planned": gettext_lazy("planned (yuan)"),
    "adjusted": gettext_lazy("adjusted (yuan)"),
    "arrived": gettext_lazy("arrived (yuan)"),
    "carried": gettext_lazy("carried over (yuan)"),
    "spent": gettext_lazy("spent (yuan)"),
    "balance": gettext_lazy("balance (yuan)"),
    "survey": gettext_lazy("survey"),
    "invited": gettext_lazy("invited"),
    "returned": gettext_lazy("returned"),
    "valid": gettext_lazy("valid"),
    "satisfied": gettext_lazy("satisfied"),
    "availability": gettext_lazy("availability (%)"),
    "down_s": gettext_lazy("down (seconds)"),
    "coverage": gettext_lazy("coverage"),
    "page": gettext_lazy("source row"),
}
MAX_ATTACHMENT = 20 * 1024 * 1024
KINDS = {
    "docx": WORD,
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _user(request: HttpRequest) -> User:
    from govnet.accounts.models import User  # noqa: PLC0415  # runtime type of request.user

    assert isinstance(request.user, User)  # LoginRequiredMiddleware let it through
    return request.user


def _evaluation(request: HttpRequest, pk: int) -> SelfEvaluation:
    visible = SelfEvaluation.objects.restrict(_user(request))
    return get_object_or_404(visible.select_related("region"), pk=pk)


@permission_required("evaluation.view_selfevaluation", raise_exception=True)
def evaluation_list(request: HttpRequest) -> HttpResponse:
    """Every self-evaluation that the user may see."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    page = Paginator(visible, PAGE).get_page(request.GET.get("page"))
    return render(request, "evaluation/evaluation_list.html", {"page": page})


@permission_required("evaluation.add_selfevaluation", raise_exception=True)
def evaluation_add(request: HttpRequest) -> HttpResponse:
    """A new self-evaluation, then its form."""
    user = _user(request)
    form = NewForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            evaluation = form.save()
            notes = lay_out(evaluation, framework_of(evaluation), user)
        for note in notes:
            messages.warning(request, note.localized())
        return redirect("evaluation:selfevaluation_edit", evaluation.pk, PARTS[0].slug)
    return render(request, "evaluation/evaluation_add.html", {"form": form})


@permission_required("evaluation.view_selfevaluation", raise_exception=True)
def evaluation_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheet with its support, our own audit, evidence and issued reports."""
    evaluation = _evaluation(request, pk)
    context = {
        "evaluation": evaluation,
        "completeness": completeness(evaluation),
        "measures": MEASURES.values(),
        "indicators": evaluation.indicators.prefetch_related("evidence__snapshot__amended_by"),
        "snapshots": [
            (snapshot, verify(snapshot))
            for snapshot in evaluation.snapshots.select_related("computed_by")
        ],
        "evidence": evaluation.evidence.select_related("snapshot", "score", "indicator"),
        "evidence_form": EvidenceForm(evaluation),
        "reports": evaluation.reports.defer("document", "numbers").select_related("issued_by"),
        **_standing(request, evaluation),
    }
    return render(request, "evaluation/evaluation.html", context)


def _standing(request: HttpRequest, evaluation: SelfEvaluation) -> dict[str, Any]:
    """The audit of the report as it would be printed; a broken template is told instead."""
    framework = framework_of(evaluation)
    try:
        own = own_audit(evaluation)
    except PrintingError as error:
        messages.error(request, error.note.localized())
        return {"own": None, "framework": framework}
    score = own.totals.self_score
    return {
        "own": own,
        "framework": framework,
        "goal_pairs": goal_pairs(own),
        "findings": [
            (finding, [own.document.quote(span) for span in finding.spans])
            for finding in own.findings
        ],
        "grade": scoring.grade(framework, score) if framework and own.lines else "",
        "pending_end": own.totals.supported + own.totals.pending,
    }


@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def evaluation_edit(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """One part of the form; saving leads to the next, and nothing typed is lost on error."""
    evaluation = _evaluation(request, pk)
    number = next((i for i, known in enumerate(PARTS) if known.slug == part), None)
    if number is None:
        raise Http404
    current = PARTS[number]
    form = current.form(evaluation, _user(request), request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
        following = PARTS[number + 1].slug if number + 1 < len(PARTS) else None
        if following is None or "stay" in request.POST:
            messages.success(request, _("Saved."))
            return redirect(evaluation)
        return redirect("evaluation:selfevaluation_edit", evaluation.pk, following)
    context: dict[str, Any] = {
        "evaluation": evaluation,
        "part": current,
        "parts": PARTS,
        "form": form,
        "is_formset": isinstance(form, BaseFormSet),
        "last": number + 1 == len(PARTS),
    }
    return render(request, "evaluation/evaluation_edit.html", context)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def measure(request: HttpRequest, pk: int) -> HttpResponse:
    """Compute a measure and freeze it."""
    evaluation = _evaluation(request, pk)
    key = request.POST.get("measure", "")
    if key not in MEASURES:
        raise Http404
    rate = request.POST.get("mbps", "")
    wants_rate = key in RATED and rate.isdecimal() and len(rate) <= 9
    params = {"mbps": int(rate)} if wants_rate else {}
    try:
        snapshot = freeze(evaluation, key, params, _user(request))
    except MeasureError as error:
        messages.error(request, error.note.localized())
        return redirect(evaluation)
    return redirect("evaluation:snapshot", snapshot.pk)


@permission_required("evaluation.view_snapshot", raise_exception=True)
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """A frozen value down to the rows it counted."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    snapshots = Snapshot.objects.select_related("evaluation", "amends", "computed_by")
    found = get_object_or_404(snapshots.filter(evaluation__in=visible), pk=pk)
    columns = list(found.inputs[0]) if found.inputs else []
    rows = [[(row.get(column), column == "page") for column in columns] for row in found.inputs]
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "snapshot": found,
        "name": found.measure_name,
        "columns": [COLUMNS.get(column, column) for column in columns],
        "amended_by": found.amended_by.first(),
        "indicators": found.evaluation.indicators.all(),
        "page": page,
        "intact": verify(found),
    }
    return render(request, "evaluation/snapshot.html", context)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep an attachment as evidence, with its hash."""
    evaluation = _evaluation(request, pk)
    form = EvidenceForm(evaluation, request.POST, request.FILES)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))
        return redirect(evaluation)
    file, found = form.cleaned_data["attachment"], form.cleaned_data["snapshot"]
    if file and file.size > MAX_ATTACHMENT:
        messages.error(request, _("The file is over %d MiB.") % (MAX_ATTACHMENT >> 20))
        return redirect(evaluation)
    Evidence.objects.create(
        evaluation=evaluation,
        title=form.cleaned_data["title"],
        attachment=file or None,
        snapshot=found,
        digest=found.digest if found else _digest(file),
        **form.target,
    )
    return redirect(evaluation)


def _digest(file: UploadedFile[Any]) -> str:
    digest = sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def detach(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a piece of evidence away; issued reports keep naming it."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    found = get_object_or_404(Evidence.objects.filter(evaluation__in=visible), pk=pk)
    evaluation = found.evaluation
    file = found.attachment
    found.delete()
    if file:
        file.delete(save=False)
    messages.success(request, _("The evidence “%s” was removed.") % found.title)
    return redirect(evaluation)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def measure_all(request: HttpRequest, pk: int) -> HttpResponse:
    """Measure every bound indicator again; a different number becomes an amendment."""
    evaluation = _evaluation(request, pk)
    bound = list(evaluation.indicators.exclude(measure=""))
    notes = fill_all(evaluation, bound, _user(request))
    for note in notes:
        messages.warning(request, note.localized())
    messages.success(request, _("%d indicators measured.") % (len(bound) - len(notes)))
    return redirect(evaluation)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def take_over_accounts(request: HttpRequest, pk: int) -> HttpResponse:
    """Replace funds and spending by those of the project's accounts."""
    evaluation = _evaluation(request, pk)
    try:
        lines = take_over(evaluation)
    except MeasureError as error:
        messages.error(request, error.note.localized())
    else:
        messages.success(request, _("Funds and %d spending lines taken over.") % lines)
    return redirect(evaluation)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def use_snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """Print a frozen value as an indicator's actual value."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    found = get_object_or_404(Snapshot.objects.filter(evaluation__in=visible), pk=pk)
    wanted = request.POST.get("indicator", "")
    rows = found.evaluation.indicators.filter(pk=wanted if wanted.isdecimal() else 0)
    try:
        bind(found, get_object_or_404(rows))
    except MeasureError as error:
        messages.error(request, error.note.localized())
    return redirect(found.evaluation)


@require_POST
@permission_required("evaluation.delete_selfevaluation", raise_exception=True)
def evaluation_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a self-evaluation that was never issued."""
    evaluation = _evaluation(request, pk)
    if evaluation.reports.exists():
        messages.error(request, _("It was issued: issued reports are kept, and so is it."))
        return redirect(evaluation)
    name = str(evaluation)
    with transaction.atomic():
        evaluation.evidence.all().delete()  # first, since it protects the snapshots
        evaluation.snapshots.update(amends=None)
        evaluation.delete()
    messages.success(request, _("The self-evaluation “%s” was deleted.") % name)
    return redirect("evaluation:selfevaluation_list")


@permission_required("evaluation.view_evidence", raise_exception=True)
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """Download an attachment; always as a download, never shown by the browser."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    found = get_object_or_404(Evidence.objects.filter(evaluation__in=visible), pk=pk)
    if not found.attachment:
        raise Http404
    return _download(found.attachment.read(), Path(found.attachment.name or found.title).name)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def issue(request: HttpRequest, pk: int) -> HttpResponse:
    """Print the report and keep it as issued."""
    evaluation = _evaluation(request, pk)
    try:
        issued = printing.issue(evaluation, _user(request))
    except PrintingError as error:
        messages.error(request, error.note.localized())
        return redirect(evaluation)
    messages.success(request, _("Report issued: %s") % issued.digest[:12])
    return redirect(evaluation)


@permission_required("evaluation.view_issuedreport", raise_exception=True)
def issued_report(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """An issued report as Word, PDF or its score table as a workbook."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    found = get_object_or_404(IssuedReport.objects.filter(evaluation__in=visible), pk=pk)
    if kind not in KINDS:
        raise Http404
    try:
        data = printing.in_format(found, f".{kind}")
    except PrintingError as error:
        messages.error(request, error.note.localized())
        return redirect(found.evaluation)
    return _download(data, f"{found.evaluation.slug}-{found.issued_at:%Y%m%d}.{kind}", KINDS[kind])


def _download(
    data: bytes, name: str, content_type: str = "application/octet-stream"
) -> HttpResponse:
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
