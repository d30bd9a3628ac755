"""Pages of self-evaluations: list, sheet, form, evidence, issued reports."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from govnet.evaluation import printing
from govnet.evaluation.audit_pages import WORD
from govnet.evaluation.forms import PARTS, EvidenceForm, NewForm
from govnet.evaluation.framework import shipped_frameworks
from govnet.evaluation.measures import MEASURES, MeasureError, freeze, verify
from govnet.evaluation.models import Evidence, IssuedReport, SelfEvaluation, Snapshot
from govnet.evaluation.standing import completeness, own_audit

if TYPE_CHECKING:
    from govnet.accounts.models import User

PAGE = 50
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
    form = NewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            evaluation = form.save()
        return redirect("evaluation:selfevaluation_edit", evaluation.pk, PARTS[0].slug)
    return render(request, "evaluation/evaluation_add.html", {"form": form})


@permission_required("evaluation.view_selfevaluation", raise_exception=True)
def evaluation_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheet with its support, our own audit, evidence and issued reports."""
    evaluation = _evaluation(request, pk)
    own = own_audit(evaluation)
    framework = shipped_frameworks().get(evaluation.framework)
    context = {
        "evaluation": evaluation,
        "own": own,
        "findings": [
            (finding, [own.document.quote(span) for span in finding.spans])
            for finding in own.findings
        ],
        "grade": framework.grade(own.totals.self_score) if framework and own.rows else "",
        "framework": framework,
        "pending_end": own.totals.supported + own.totals.pending,
        "completeness": completeness(evaluation),
        "measures": MEASURES.values(),
        "snapshots": [(snapshot, verify(snapshot)) for snapshot in evaluation.snapshots.all()],
        "evidence": evaluation.evidence.select_related("snapshot"),
        "evidence_form": EvidenceForm(),
        "reports": evaluation.reports.defer("document", "numbers"),
    }
    return render(request, "evaluation/evaluation.html", context)


@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def evaluation_edit(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """One part of the form; saving leads to the next, and nothing typed is lost on error."""
    evaluation = _evaluation(request, pk)
    number = next((i for i, known in enumerate(PARTS) if known.slug == part), None)
    if number is None:
        raise Http404
    current = PARTS[number]
    form = current.form(evaluation, request.POST or None)
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
        "is_formset": current.formset is not None,
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
    params = {"mbps": int(rate)} if rate.isdecimal() and key == "circuits_contracted_at" else {}
    try:
        snapshot = freeze(evaluation, key, params, _user(request))
    except MeasureError as error:
        messages.error(request, str(error))
        return redirect(evaluation)
    return redirect("evaluation:snapshot", snapshot.pk)


@permission_required("evaluation.view_snapshot", raise_exception=True)
def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """A frozen value down to the rows it counted."""
    visible = SelfEvaluation.objects.restrict(_user(request))
    found = get_object_or_404(Snapshot.objects.filter(evaluation__in=visible), pk=pk)
    columns = list(found.inputs[0]) if found.inputs else []
    rows = [[row.get(column) for column in columns] for row in found.inputs]
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "snapshot": found,
        "name": MEASURES[found.measure].name if found.measure in MEASURES else found.measure,
        "columns": columns,
        "page": page,
        "intact": verify(found),
    }
    return render(request, "evaluation/snapshot.html", context)


@require_POST
@permission_required("evaluation.change_selfevaluation", raise_exception=True)
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep an attachment as evidence, with its hash."""
    evaluation = _evaluation(request, pk)
    form = EvidenceForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, _("Give a title and choose a file."))
        return redirect(evaluation)
    file = form.cleaned_data["attachment"]
    if file.size > MAX_ATTACHMENT:
        messages.error(request, _("The file is over %d MiB.") % (MAX_ATTACHMENT >> 20))
        return redirect(evaluation)
    digest = sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    Evidence.objects.create(
        evaluation=evaluation,
        title=form.cleaned_data["title"],
        attachment=file,
        digest=digest.hexdigest(),
    )
    return redirect(evaluation)


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
    issued = printing.issue(evaluation, _user(request))
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
    except printing.PrintingError as error:
        messages.error(request, str(error))
        return redirect(found.evaluation)
    return _download(data, f"{found.evaluation.slug}-{found.issued_at:%Y%m%d}.{kind}", KINDS[kind])


def _download(
    data: bytes, name: str, content_type: str = "application/octet-stream"
) -> HttpResponse:
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
