"""Pages of the auditor: upload a batch, watch it, decide on each finding, print the notice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from govnet.core.errors import Note
from govnet.evaluation.audit.readers.detect import MAX_FILE_BYTES, SUFFIXES
from govnet.evaluation.audit.registry import CHECKS
from govnet.evaluation.highlight import Quoted, pieces
from govnet.evaluation.jobs import audit_batch
from govnet.evaluation.models import (
    AuditBatch,
    AuditedReport,
    AuditFinding,
    AuditStatus,
    Decision,
)

if TYPE_CHECKING:
    from govnet.accounts.models import User

MAX_FILES = 100  # Django refuses a request with more (DATA_UPLOAD_MAX_NUMBER_FILES)
PAGE = 50
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class MultipleFiles(forms.ClearableFileInput):
    """A file input that takes several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each checked as one."""

    def clean(self, data: object, initial: object = None) -> list[UploadedFile[Any]]:
        """The files; an empty choice fails as a required field does."""
        several = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(item, initial) for item in several]


class UploadForm(forms.Form):
    """Reports to audit."""

    name = forms.CharField(label=gettext_lazy("Name of the batch"), max_length=100, required=False)
    reports = FilesField(
        label=gettext_lazy("Reports"),
        widget=MultipleFiles(attrs={"accept": ",".join(sorted(SUFFIXES))}),
        help_text=gettext_lazy("Word, Excel, PDF, web pages or text; several at once."),
    )

    def clean_reports(self) -> list[UploadedFile[Any]]:
        """Refuse what cannot be read anyway before it is stored."""
        files: list[UploadedFile[Any]] = self.cleaned_data["reports"]
        if len(files) > MAX_FILES:
            raise forms.ValidationError(_("At most %d files at once.") % MAX_FILES)
        for file in files:
            if (file.size or 0) > MAX_FILE_BYTES:
                raise forms.ValidationError(
                    _("%(name)s is over %(limit)d MiB.")
                    % {"name": file.name, "limit": MAX_FILE_BYTES >> 20}
                )
        return files


def _viewer(request: HttpRequest) -> User:
    from govnet.accounts.models import User  # runtime type of request.user

    assert isinstance(request.user, User)  # LoginRequiredMiddleware let it through
    return request.user


@permission_required("evaluation.view_auditbatch", raise_exception=True)
def audit_list(request: HttpRequest) -> HttpResponse:
    """The user's batches and the upload form."""
    user = _viewer(request)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and user.has_perm("evaluation.add_auditbatch") and form.is_valid():
        return redirect(_start(user, form))
    batches = AuditBatch.objects.restrict(user).annotate(
        reports_count=Count("reports", distinct=True),
        waiting=Count("reports", filter=Q(reports__status=AuditStatus.WAITING), distinct=True),
        majors=Count("reports__findings", filter=Q(reports__findings__severity="major")),
    )
    page = Paginator(batches, PAGE).get_page(request.GET.get("page"))
    return render(request, "evaluation/audit_list.html", {"form": form, "page": page})


@transaction.atomic
def _start(user: User, form: UploadForm) -> AuditBatch:
    now = timezone.localtime()
    name = form.cleaned_data["name"] or f"{now:%Y-%m-%d %H:%M}"
    batch = AuditBatch.objects.create(name=name, created_by=user)
    for file in form.cleaned_data["reports"]:
        AuditedReport.objects.create(batch=batch, file_name=file.name[:200], content=file.read())
    transaction.on_commit(lambda: audit_batch.enqueue(batch.pk))
    return batch


def _batch(request: HttpRequest, pk: int) -> AuditBatch:
    return get_object_or_404(AuditBatch.objects.restrict(_viewer(request)), pk=pk)


@permission_required("evaluation.view_auditbatch", raise_exception=True)
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Progress, then what was found; the fragment reloads itself while files are waiting."""
    found = _batch(request, pk)
    reports = list(
        found.reports.defer("text", "content").annotate(
            majors=Count("findings", filter=Q(findings__severity="major")),
            minors=Count("findings", filter=Q(findings__severity="minor")),
            queries=Count("findings", filter=Q(findings__severity="query")),
            undecided=Count("findings", filter=Q(findings__decision=Decision.OPEN)),
        )
    )
    for audited in reports:
        audited.notes = [Note.from_json(note).localized() for note in audited.unread]  # type: ignore[attr-defined]  # for the template
    waiting = sum(report.status == AuditStatus.WAITING for report in reports)
    context = {
        "batch": found,
        "reports": reports,
        "waiting": waiting,
        "done": len(reports) - waiting,
        "statistics": _statistics(found),
    }
    fragment = request.headers.get("HX-Request") == "true"
    name = "evaluation/audit_batch_body.html" if fragment else "evaluation/audit_batch.html"
    return render(request, name, context)


def _statistics(found: AuditBatch) -> list[tuple[str, str, int]]:
    """Check id, its name and how often it fired over the batch, most first."""
    counted = Counter(
        AuditFinding.objects.filter(report__batch=found).values_list("check_id", flat=True)
    )
    return [(key, _check_name(key), count) for key, count in counted.most_common()]


def _check_name(key: str) -> str:
    if key not in CHECKS:
        return key
    is_chinese = (get_language() or "").startswith("zh")
    return CHECKS[key].name_zh if is_chinese else CHECKS[key].name_en


def _report(request: HttpRequest, pk: int) -> AuditedReport:
    batches = AuditBatch.objects.restrict(_viewer(request))
    return get_object_or_404(AuditedReport, pk=pk, batch__in=batches)


@permission_required("evaluation.view_auditbatch", raise_exception=True)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report's text with its quotes marked, beside the findings."""
    found = _report(request, pk)
    findings = list(found.findings.all())
    quotes = [
        Quoted(int(q["start"]), int(q["end"]), finding.pk, finding.severity)
        for finding in findings
        for q in finding.quotes
    ]
    notes = [Note.from_json(note).localized() for note in found.unread]
    context = {
        "report": found,
        "findings": findings,
        "notes": notes,
        "pieces": pieces(found.text, quotes),
    }
    return render(request, "evaluation/audited_report.html", context)


class DecisionForm(forms.ModelForm[AuditFinding]):
    """Accept a finding, or dismiss it with a reason."""

    class Meta:
        model = AuditFinding
        fields = ("decision", "reason")

    def clean(self) -> dict[str, Any]:
        """A dismissal without a reason could not be answered for later."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("decision") == Decision.DISMISSED and not data.get("reason", "").strip():
            self.add_error("reason", _("Say why the finding is dismissed."))
        return data


@require_POST
@permission_required("evaluation.change_auditfinding", raise_exception=True)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the reviewer's decision; the finding's card is answered alone."""
    batches = AuditBatch.objects.restrict(_viewer(request))
    finding = get_object_or_404(AuditFinding, pk=pk, report__batch__in=batches)
    form = DecisionForm(request.POST, instance=finding)
    if form.is_valid():
        finding = form.save(commit=False)
        finding.decided_by, finding.decided_at = _viewer(request), timezone.now()
        finding.save()
    context = {"finding": finding, "decision_form": form, "number": request.POST.get("number", "")}
    return render(request, "evaluation/finding_card.html", context)


@permission_required("evaluation.view_auditbatch", raise_exception=True)
def notice(request: HttpRequest, pk: int) -> HttpResponse:
    """The notice letter of the accepted findings."""
    from govnet.evaluation.notice import notice_letter

    found = _report(request, pk)
    accepted = list(found.findings.filter(decision=Decision.ACCEPTED))
    if not accepted:
        messages.warning(request, _("Accept at least one finding first."))
        return redirect(found)
    response = HttpResponse(notice_letter(found, accepted), content_type=WORD)
    name = quote(f"整改通知-{found.file_name.rsplit('.', 1)[0]}.docx")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


@require_POST
@permission_required("evaluation.delete_auditbatch", raise_exception=True)
def delete_batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a batch with its texts and findings."""
    found = _batch(request, pk)
    found.delete()
    messages.success(request, _("The batch “%s” was deleted.") % found.name)
    return redirect("evaluation:audit_list")
